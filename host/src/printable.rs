//! Text of components and callers, made safe for a terminal or a log. All foreign text
//! passes through here: nothing in it moves a cursor, colours the text after it, changes
//! the direction of writing or hides.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The characters beyond ASCII that are escaped: Unicode's classes control (Cc),
/// format (Cf), line separator (Zl) and paragraph separator (Zp).
const UNFIT: [(char, char); 22] = [
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// Whether a character is escaped in some output; includes tabs and ends of lines.
pub(crate) fn is_unfit(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control();
    }
    let index = UNFIT.partition_point(|(_, last)| *last < letter);
    UNFIT.get(index).is_some_and(|(first, _)| *first <= letter)
}

/// Escapes unsafe characters of a text. Tabs and ends of lines stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        is_unfit(letter) && !matches!(letter, '\t' | '\n')
    })
}

/// Escapes unsafe characters of a part of one line, ends of lines included.
pub(crate) fn printable_line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| is_unfit(letter) && letter != '\t')
}

fn escaped(text: &str, is_unfit: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut fit = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_unfit(letter) {
            fit.extend(letter.escape_default());
        } else {
            fit.push(letter);
        }
    }
    Cow::Owned(fit)
}

/// Returns JSON with the same value and without unsafe characters: apart from white space
/// they occur only in strings, where `\u` escapes them.
pub(crate) fn printable_json(json: &str) -> Cow<'_, str> {
    let is_unfit = |letter: char| is_unfit(letter) && !matches!(letter, '\t' | '\n' | '\r');
    if !json.contains(is_unfit) {
        return Cow::Borrowed(json);
    }
    let mut fit = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        if is_unfit(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a text does not fail.
                let _ = write!(fit, "\\u{unit:04x}");
            }
        } else {
            fit.push(letter);
        }
    }
    Cow::Owned(fit)
}

/// A writer that escapes text for a terminal. Every write has to be whole UTF-8, as those
/// of `write!` are.
pub(crate) struct Printer<W> {
    out: W,
    make: fn(&str) -> Cow<'_, str>,
}

impl<W: Write> Printer<W> {
    /// A printer of text.
    pub(crate) fn of_text(out: W) -> Self {
        Self {
            out,
            make: printable,
        }
    }

    /// A printer of JSON.
    pub(crate) fn of_json(out: W) -> Self {
        Self {
            out,
            make: printable_json,
        }
    }
}

impl<W: Write> Write for Printer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.out.write_all((self.make)(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the text, or its beginning within `bytes_max` bytes and an ellipsis.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max);
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classes of the Unicode Character Database, from the crate `regex-automata`.
    fn unfit_by_class() -> regex_automata::meta::Regex {
        regex_automata::meta::Regex::new(r"^[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]$").unwrap()
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(cut("Größe", 7), "Größe");
        assert_eq!(cut("Größe", 4), "Grö…");
        assert_eq!(cut("Größe", 3), "Gr…");
    }

    #[test]
    fn unsafe_characters_are_escaped() {
        for (text, shown) in [
            ("Übergröße\tno. 5\n", "Übergröße\tno. 5\n"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("over\rwritten", "over\\rwritten"),
            ("\u{9b}31m \0", "\\u{9b}31m \\u{0}"),
            ("Ann\u{202e}nnA", "Ann\\u{202e}nnA"),
            ("one\u{2028}line", "one\\u{2028}line"),
            (
                "soft\u{ad}ly, un\u{200b}seen",
                "soft\\u{ad}ly, un\\u{200b}seen",
            ),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_line("one\nline\t."), "one\\nline\t.");
        assert_eq!(
            printable_json("{\"a\u{9b}\":\"\u{e0041}é\"}\n"),
            "{\"a\\u009b\":\"\\udb40\\udc41é\"}\n"
        );
    }

    #[test]
    fn every_character_of_the_classes_is_escaped_and_no_other() {
        let unfit = unfit_by_class();
        let mut found = 0;
        for letter in '\0'..=char::MAX {
            let alone = letter.to_string();
            let expected = unfit.is_match(&alone);
            found += usize::from(expected);
            let code = u32::from(letter);
            assert_eq!(is_unfit(letter), expected, "U+{code:04X}");
            let stays = !expected || matches!(letter, '\t' | '\n');
            assert_eq!(printable(&alone) == alone, stays, "U+{code:04X}");
            let stays = !expected || letter == '\t';
            assert_eq!(printable_line(&alone) == alone, stays, "U+{code:04X}");
            assert!(!printable_line(&alone).contains(|shown| is_unfit(shown) && shown != '\t'));
        }
        assert!(found > 200, "{found}");
    }

    #[test]
    fn json_keeps_its_value_whatever_stands_in_it() {
        for letter in '\0'..=char::MAX {
            let value = serde_json::json!({"text": letter.to_string()});
            let text = value.to_string();
            let shown = printable_json(&text);
            let fits = !shown.contains(is_unfit);
            let code = u32::from(letter);
            assert!(fits, "U+{code:04X}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                value,
                "U+{code:04X}"
            );
        }
    }

    #[test]
    fn a_printer_escapes_its_text() {
        let mut text = Vec::new();
        let [a, b] = ["a\u{9b}", "b\u{85}"];
        writeln!(Printer::of_text(&mut text), "{a}\tis\n{b}").unwrap();
        assert_eq!(text, b"a\\u{9b}\tis\nb\\u{85}\n");
        let mut json = Vec::new();
        let value = serde_json::json!(["\u{2029}"]);
        writeln!(Printer::of_json(&mut json), "{value:#}").unwrap();
        assert_eq!(json, b"[\n  \"\\u2029\"\n]\n");
    }
}
