//! The rules. They know nothing of the host, so that `cargo test` runs them natively.

/// The one setting: the word before the name.
pub const WORD: &str = "word";

/// Returns the greeting of a person, by the setting if there is one.
pub fn greeting(word: Option<&str>, name: &str) -> String {
    format!("{}, {}!", word.unwrap_or("Hello"), name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_greeted_in_the_words_of_the_settings() {
        assert_eq!(greeting(None, " Ann "), "Hello, Ann!");
        assert_eq!(greeting(Some("Ciao"), "Ann"), "Ciao, Ann!");
    }
}
