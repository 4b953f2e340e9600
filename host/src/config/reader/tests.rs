//! The values that a reader takes, and the whole text of its refusals.

use std::time::Duration;

use super::{Entry, Reader, Value};

fn reader(values: &[(&str, Value)]) -> Reader {
    let entry = |(key, value): &(&str, Value)| Entry {
        key: (*key).to_owned(),
        value: value.clone(),
        origin: "here".to_owned(),
    };
    Reader::new(values.iter().map(entry).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn raw(text: &str) -> Value {
    Value::Raw(text.to_owned())
}

/// Reads one setting, and returns its value and the fault of the reader, empty if it has none.
fn read<T>(value: Option<Value>, take: fn(&mut Reader) -> T) -> (T, String) {
    let mut reader = match value {
        Some(value) => reader(&[("a.b", value)]),
        None => Reader::empty(),
    };
    let taken = take(&mut reader);
    let fault = reader.finish().err();
    (
        taken,
        fault.map(|fault| fault.0.join("; ")).unwrap_or_default(),
    )
}

#[test]
fn a_number_has_bounds_and_a_default() {
    let rule = "here: a.b must be a whole number from 2 to 9, not ";
    for (value, expected, got) in [
        (None, 5, ""),
        (Some(Value::Integer(2)), 2, ""),
        (Some(raw("9")), 9, ""),
        (Some(Value::Integer(1)), 5, "1"),
        (Some(raw("10")), 5, "'10'"),
        (Some(text("3")), 5, "'3'"),
        (Some(Value::Flag(true)), 5, "true"),
        (Some(Value::List(Vec::new())), 5, "a list"),
        (Some(Value::Table), 5, "a table"),
        (Some(Value::Other("a date")), 5, "a date"),
    ] {
        let fault = match got {
            "" => String::new(),
            got => format!("{rule}{got}"),
        };
        let shown = format!("{value:?}");
        let read = read(value, |reader| reader.number("a.b", 2..=9, 5, ""));
        assert_eq!(read, (expected, fault), "{shown}");
    }
}

#[test]
fn a_flag_a_size_a_choice_and_a_time_take_their_own_forms_only() {
    for (value, expected, fault) in [
        (Value::Flag(false), false, ""),
        (raw(" false "), false, ""),
        (raw("no"), true, "here: a.b must be true or false, not 'no'"),
        (
            text("false"),
            true,
            "here: a.b must be true or false, not 'false'",
        ),
    ] {
        let read = read(Some(value), |reader| reader.flag("a.b", true, ""));
        assert_eq!(read, (expected, fault.to_owned()));
    }
    let rule = "here: a.b must be bytes from 1 KiB to 1 MiB, like \"4 KiB\", not ";
    for (value, expected, got) in [
        (text("1 MiB"), 1 << 20, ""),
        (Value::Integer(2_000), 2_000, ""),
        (raw("2 MiB"), 4_096, "'2 MiB'"),
        (Value::Integer(-1), 4_096, "-1"),
    ] {
        let fault = match got {
            "" => String::new(),
            got => format!("{rule}{got}"),
        };
        let read = read(Some(value), |reader| {
            reader.bytes("a.b", 1 << 10..=1 << 20, 4_096, "")
        });
        assert_eq!(read, (expected, fault));
    }
    for (value, expected, fault) in [
        (text("off"), 1, ""),
        (raw("on"), 0, ""),
        (raw("On"), 0, "here: a.b must be on or off, not 'On'"),
    ] {
        let read = read(Some(value), |reader| {
            reader.choice("a.b", &["on", "off"], "")
        });
        assert_eq!(read, (expected, fault.to_owned()));
    }
    let rule = "here: a.b must be a whole number from 1 to 31536000000, not 0";
    let least = Duration::from_millis(1);
    for (value, expected, fault) in [(1, least, ""), (0, Duration::from_millis(7), rule)] {
        let value = Some(Value::Integer(value));
        let read = read(value, |reader| reader.duration("a.b", 7, ""));
        assert_eq!(read, (expected, fault.to_owned()));
    }
}

#[test]
fn every_fault_is_found_and_a_key_that_is_not_read_is_one() {
    let mut reader = reader(&[
        ("a.count", raw("none")),
        ("a.items", raw("x, y")),
        ("a.nmae", text("Ann")),
        ("a", text("Ann")),
        ("modules_shop_x", raw("1")),
        ("unlike.any", raw("1")),
    ]);
    assert_eq!(reader.count("a.count", 3, ""), 3);
    assert_eq!(reader.text("a.name", "Bob", ""), "Bob");
    let items = reader.list_of("a.items", ("numbers", "number"), "", "", |text| {
        if text == "x" {
            Err("not a digit")
        } else {
            Ok(1)
        }
    });
    assert_eq!(items, Some(vec![1]));
    let faults = reader.finish().unwrap_err().0;
    assert_eq!(
        faults,
        [
            "here: a.count must be a whole number from 1 to 4294967295, not 'none'",
            "here: a.items has 'x', which is no number: not a digit",
            "here: there is no setting a: a is a section, whose settings are a.…",
            "here: there is no setting a.nmae: did you mean a.name?",
            "here: there is no setting modules_shop_x: after the module's name, such a variable has _COMPONENT, \
             _GRANTS, _LOG_LEVEL, _ON_FAILURE, _PATH_PREFIXES, _LIMITS_… or _CONFIG_…",
            "here: there is no setting unlike.any",
        ]
    );
}
