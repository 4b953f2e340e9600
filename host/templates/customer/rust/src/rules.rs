//! The rules. They know nothing of the host, so that `cargo test` runs them natively.

/// The one setting: the domain whose email addresses are refused.
pub const REFUSED_DOMAIN: &str = "refused_domain";

/// Returns a name without white space around it, and with one space between its words.
pub fn tidy(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an email address is of this domain, in any case.
pub fn is_of(email: &str, domain: &str) -> bool {
    let of = email.rsplit_once('@').map(|(_, of)| of.trim());
    of.is_some_and(|of| of.eq_ignore_ascii_case(domain.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tidied() {
        assert_eq!(tidy("  Ann \t Maria "), "Ann Maria");
        assert_eq!(tidy("Ann"), "Ann");
        assert_eq!(tidy(" "), "");
    }

    #[test]
    fn an_address_is_of_its_own_domain_alone() {
        assert!(is_of("ann@Spam.example", "spam.EXAMPLE"));
        assert!(!is_of("ann@not-spam.example", "spam.example"));
        assert!(!is_of("spam.example", "spam.example"));
    }
}
