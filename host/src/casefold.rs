//! Case folding of texts, for `q` of every list: one rule for the host's own lists and for
//! the SQL function of components.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

/// The dot of `İ` that folding leaves after an `i`.
const DOT: char = '\u{307}';

/// Folds a text by Unicode's full case folding without context (C and F), and composes
/// it (NFC). `ß` becomes `ss`, `ς` becomes `σ`, `e` and a combining acute `é`; accents stay. `İ` becomes `i`,
/// as `I` does, so that `İsmail` and `ismail` are the same, and `ı` stays.
///
/// Folding twice changes nothing more.
pub(crate) fn casefold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composer = ComposingNormalizer::new_nfc();
    // Decomposed first, so that an iota below a letter is folded behind its other marks.
    let decomposed = DecomposingNormalizer::new_nfd().normalize(text);
    let folded = CaseMapper::new().fold_string(&decomposed);
    let composed = composer.normalize(&folded);
    if !composed.contains(DOT) {
        return composed.into_owned();
    }
    let mut before = None;
    let undotted: String = composed
        .chars()
        .filter(|letter| {
            let is_dot_of_i = *letter == DOT && before == Some('i');
            if !is_dot_of_i {
                before = Some(*letter);
            }
            !is_dot_of_i
        })
        .collect();
    // A mark after the dot may now compose with the letter.
    composer.normalize(&undotted).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_composition_are_folded_and_accents_are_not() {
        for (written, folded) in [
            ("", ""),
            ("Ann 1\n", "ann 1\n"),
            ("İsmail", "ismail"),
            ("i\u{307}smail", "ismail"),
            ("I\u{307}smail", "ismail"),
            ("Irmak ırmak", "irmak ırmak"),
            ("Straße STRASSE STRAẞE", "strasse strasse strasse"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("Zoë", "zoë"),
            ("Zoe\u{308}", "zoë"),
            ("ﬃ", "ffi"),
            ("ŉ", "ʼn"),
            ("ǅ", "ǆ"),
            ("ᾼ α\u{345}", "αι αι"),
            ("\u{212a}elvin \u{212b}ngström", "kelvin ångström"),
            ("Ꭰ ꭰ", "Ꭰ Ꭰ"),
            ("ДЖОН", "джон"),
            ("Ａｌｅｘ", "ａｌｅｘ"),
            ("東京 東京", "東京 東京"),
            // The dot goes, and the accent behind it is composed with the letter.
            ("İ\u{301}", "í"),
        ] {
            assert_eq!(casefold(written), folded, "{written}");
        }
    }

    /// Rows that an earlier version of a component folded as lower case can be folded further.
    #[test]
    fn folding_twice_changes_nothing_and_lower_case_folds_to_the_same() {
        for letter in '\0'..=char::MAX {
            let written = letter.to_string();
            let folded = casefold(&written);
            assert_eq!(casefold(&folded), folded, "{letter:?}");
            assert_eq!(casefold(&written.to_lowercase()), folded, "{letter:?}");
        }
    }

    #[test]
    fn marks_in_any_order_are_folded_once() {
        let letters = [
            'i', 'I', 'İ', 'ı', 'ß', 'ẞ', 'Σ', 'ς', 'α', 'ᾼ', 'ᾴ', 'ŉ', 'ǰ', 'J', 'é', 'E', 'K',
            ' ', '\u{212a}', '\u{307}', '\u{301}', '\u{316}', '\u{308}', '\u{345}', '\u{1100}',
            '\u{1161}', 'Ꭰ', 'ꭰ',
        ];
        for first in letters {
            for second in letters {
                for third in letters {
                    let written = String::from_iter([first, second, third]);
                    let folded = casefold(&written);
                    assert_eq!(casefold(&folded), folded, "{written:?}");
                    let lower = casefold(&written.to_lowercase());
                    assert_eq!(lower, folded, "{written:?}");
                }
            }
        }
    }
}
