//! The values of settings: lists, numbers and sizes from text. Knows no keys.

use super::source::Value;

/// Returns a list, comma-separated where a source holds only text.
pub(super) fn list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::List(list) => Some(list.clone()),
        Value::Raw(text) => Some(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        _ => None,
    }
}

/// Returns a number that is not negative.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(integer) => (*integer).try_into().ok(),
        Value::Raw(text) => text.trim().parse().ok(),
        _ => None,
    }
}

const UNITS: [(&str, usize); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

/// Parses a number of bytes, with or without a unit.
pub(super) fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    for (unit, factor) in UNITS {
        if let Some(number) = text.strip_suffix(unit) {
            return number.trim().parse::<usize>().ok()?.checked_mul(factor);
        }
    }
    text.parse().ok()
}

/// Formats a number of bytes in the largest unit that divides it.
pub(super) fn size(bytes: usize) -> String {
    UNITS[..3]
        .iter()
        .rev()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map_or_else(
            || bytes.to_string(),
            |(unit, factor)| format!("{} {unit}", bytes / factor),
        )
}

#[cfg(test)]
mod tests {
    use super::{Value, bytes, list, number, size};

    #[test]
    fn a_size_is_a_number_with_a_unit_or_without() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1024", Some(1_024)),
            ("12 B", Some(12)),
            ("12B", Some(12)),
            (" 3 KiB ", Some(3 << 10)),
            ("64MiB", Some(64 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("", None),
            ("MiB", None),
            ("1.5 MiB", None),
            ("-1", None),
            ("1 MB", None),
            ("1 mib", None),
            ("18014398509481984 KiB", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_largest_unit_that_divides_it_and_is_read_again() {
        for (number, expected) in [
            (1, "1"),
            (1_023, "1023"),
            (1_024, "1 KiB"),
            (1_536, "1536"),
            (3 << 19, "1536 KiB"),
            (1 << 20, "1 MiB"),
            (5 << 30, "5 GiB"),
        ] {
            assert_eq!(size(number), expected);
            assert_eq!(bytes(expected), Some(number), "{expected}");
        }
    }

    #[test]
    fn a_number_is_not_negative_and_no_quoted_text_of_the_file() {
        let raw = |text: &str| Value::Raw(text.to_owned());
        for (value, expected) in [
            (Value::Integer(7), Some(7)),
            (raw(" 7 "), Some(7)),
            (Value::Integer(-1), None),
            (raw("-1"), None),
            (raw("7.0"), None),
            (raw(""), None),
            (Value::Text("7".to_owned()), None),
            (Value::Flag(true), None),
        ] {
            assert_eq!(number(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_list_is_one_of_the_file_or_comma_separated_outside_it() {
        let raw = |text: &str| Value::Raw(text.to_owned());
        for (value, expected) in [
            (Value::List(vec!["a, b".to_owned()]), Some(vec!["a, b"])),
            (raw("a"), Some(vec!["a"])),
            (raw(" a ,, b,"), Some(vec!["a", "b"])),
            (raw(""), Some(vec![])),
            (Value::Text("a".to_owned()), None),
            (Value::Table, None),
        ] {
            let read = list(&value);
            let read = read
                .as_ref()
                .map(|list| Vec::from_iter(list.iter().map(String::as_str)));
            assert_eq!(read, expected, "{value:?}");
        }
    }
}
