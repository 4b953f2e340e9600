//! Text of components and of callers, as it may stand on a terminal or in a log.

use std::borrow::Cow;

/// The text, without what moves a terminal's cursor, or colours what follows.
/// Tabs and ends of lines stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_unfit = |letter: char| letter.is_control() && !matches!(letter, '\t' | '\n');
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut fit = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unfit(letter) {
            fit.extend(letter.escape_default());
        } else {
            fit.push(letter);
        }
    }
    Cow::Owned(fit)
}

/// The text, or as much of its beginning as so many bytes hold.
pub(crate) fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(bytes_max);
    Cow::Owned(format!("{}…", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::{cut, printable};

    #[test]
    fn what_is_too_long_is_cut_between_letters() {
        assert_eq!(cut("Größe", 7), "Größe");
        assert_eq!(cut("Größe", 4), "Grö…");
        assert_eq!(cut("Größe", 3), "Gr…");
    }

    #[test]
    fn what_is_no_text_is_written_out() {
        for (text, shown) in [
            ("Übergröße\tno. 5\n", "Übergröße\tno. 5\n"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("over\rwritten", "over\\rwritten"),
            ("\u{9b}31m \0", "\\u{9b}31m \\u{0}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
