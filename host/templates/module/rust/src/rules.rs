//! The rules. They know nothing of the host, so that `cargo test` runs them natively.

/// The one setting: the word before the name.
pub const WORD: &str = "word";

/// Returns the greeting of a person, by the setting if there is one.
pub fn greeting(word: Option<&str>, name: &str) -> String {
    format!("{}, {}!", word.unwrap_or("Hello"), name.trim())
}

/// Returns what is wrong with the settings: lines that begin with their keys.
pub fn faults(settings: &[(String, String)]) -> Vec<String> {
    let unknown = settings.iter().filter(|(key, _)| key != WORD);
    unknown
        .map(|(key, _)| format!("{key}: there is no such setting; there is {WORD}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_greeted_in_the_words_of_the_settings() {
        assert_eq!(greeting(None, " Ann "), "Hello, Ann!");
        assert_eq!(greeting(Some("Ciao"), "Ann"), "Ciao, Ann!");
    }

    #[test]
    fn unknown_settings_are_named() {
        let setting = |key: &str| (key.to_owned(), "Ciao".to_owned());
        assert_eq!(faults(&[setting("word")]), Vec::<String>::new());
        assert_eq!(
            faults(&[setting("wrod")]),
            ["wrod: there is no such setting; there is word"]
        );
    }
}
