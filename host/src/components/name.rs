//! The names of modules.

/// Whether a module may have this name: it becomes a file name and a key of `wares.toml`.
pub(crate) fn is_module_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_lower_case_letters_digits_and_hyphens() {
        let long = "a".repeat(64);
        for name in ["a", "3d", "email-policy", &long] {
            assert!(is_module_name(name), "{name}");
        }
        for name in ["", "A", "a_b", "a.b", "../a", "ä", &format!("{long}a")] {
            assert!(!is_module_name(name), "{name}");
        }
    }
}
