//! Texts without regard to case: what `q` of every list compares. One rule for the
//! host's own lists and for the SQL function that components have.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// What is left of the dot of `İ` once it is folded to a small letter.
const DOTTED_I: &str = "i\u{307}";

/// A text folded by Unicode's full case folding without context (C and F), composed
/// (NFC). `ß` becomes `ss`, `ς` becomes `σ`, `e` and a combining acute `é`; accents stay. `İ` becomes `i`,
/// as `I` does, so that `İsmail` and `ismail` are the same, and `ı` stays.
///
/// Folding what is folded changes nothing.
pub(crate) fn casefold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let composer = ComposingNormalizer::new_nfc();
    let composed = composer.normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    let composed = composer.normalize(&folded);
    if composed.contains(DOTTED_I) {
        // What stood behind the dot may be composed with the letter.
        let undotted = composed.replace(DOTTED_I, "i");
        return match composer.normalize(&undotted) {
            Cow::Borrowed(_) => undotted,
            Cow::Owned(recomposed) => recomposed,
        };
    }
    composed.into_owned()
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
    fn what_is_folded_stays_and_lower_case_folds_to_the_same() {
        for letter in '\0'..=char::MAX {
            let written = letter.to_string();
            let folded = casefold(&written);
            assert_eq!(casefold(&folded), folded, "{letter:?}");
            assert_eq!(casefold(&written.to_lowercase()), folded, "{letter:?}");
        }
    }
}
