//! Which domains an email address belongs to, and which texts are domains.

/// The most domains of an address that are looked up, the highest ones: a host name has at
/// most 253 bytes.
const LABELS_MAX: usize = 127;

/// The domain of an email address and those above it, lower-case, the nearest first:
/// `a.example.co.uk`, `example.co.uk`, `co.uk`. Empty for a text that is no address.
pub fn domains(email: &str) -> Vec<String> {
    let Some((_, domain)) = email.rsplit_once('@') else {
        return Vec::new();
    };
    let domain = normal(domain);
    let mut domains = Vec::new();
    let mut rest = domain.as_str();
    while let Some((_, above)) = rest.split_once('.') {
        domains.push(rest.to_owned());
        rest = above;
    }
    domains.split_off(domains.len().saturating_sub(LABELS_MAX))
}

/// A domain as it is kept: lower-case, without the dot of the root.
pub fn normal(domain: &str) -> String {
    let domain = domain.trim();
    domain.strip_suffix('.').unwrap_or(domain).to_lowercase()
}

/// Whether a text is a domain of at least two labels, as it is kept.
pub fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        label.len() <= 63
            && is_edge(bytes.first())
            && is_edge(bytes.last())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

/// The domains that a setting lists, separated by commas, as they are kept; the error is the
/// one that is no domain.
pub fn list(setting: &str) -> Result<Vec<String>, String> {
    let domains = setting.split(',').map(normal);
    domains
        .filter(|domain| !domain.is_empty())
        .map(|domain| match is_domain(&domain) {
            true => Ok(domain),
            false => Err(domain),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_domain_and_to_those_above() {
        for (email, expected) in [
            ("ann@Mailinator.COM", &["mailinator.com"][..]),
            ("ann@a.b.example.", &["a.b.example", "b.example"]),
            ("\"a@b.co\"@c.co", &["c.co"]),
            ("ann@localhost", &[]),
            ("no address", &[]),
            ("", &[]),
        ] {
            assert_eq!(domains(email), expected, "{email}");
        }
        let long = domains(&format!("ann@{}mailinator.com", "a.".repeat(130)));
        assert_eq!(long.len(), LABELS_MAX);
        assert_eq!(long.last().map(String::as_str), Some("mailinator.com"));
    }

    #[test]
    fn a_domain_has_two_labels_at_least() {
        for (text, is_one) in [
            ("mailinator.com", true),
            ("a-b.xn--p1ai", true),
            ("com", false),
            ("-a.com", false),
            ("a..com", false),
            ("a b.com", false),
            ("ann@a.com", false),
            ("", false),
        ] {
            assert_eq!(is_domain(text), is_one, "{text}");
        }
        assert!(!is_domain(&format!("{}.com", "a".repeat(64))));
    }

    #[test]
    fn a_setting_lists_domains() {
        assert_eq!(
            list(" A.com, b.co. ,"),
            Ok(vec!["a.com".to_owned(), "b.co".to_owned()])
        );
        assert_eq!(list("a.com,nope"), Err("nope".to_owned()));
        assert_eq!(list(""), Ok(Vec::new()));
    }
}
