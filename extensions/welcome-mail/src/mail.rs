//! What is sent to whom. It knows nothing of the host, so that `cargo test` runs it natively.

/// The address of the service's endpoint.
pub const URL: &str = "url";
/// The template of the mail, by its name at the service.
pub const TEMPLATE: &str = "template";

/// The settings.
pub const SETTINGS: &[&str] = &[URL, TEMPLATE];

/// What is wrong with the settings.
pub fn faults(given: &[(String, String)]) -> Vec<String> {
    let url = given.iter().find(|(key, _)| key == URL);
    match url {
        Some((_, url)) if url.starts_with("https://") || url.starts_with("http://") => Vec::new(),
        Some((_, url)) => vec![format!(
            "{URL}: '{url}' does not begin with https:// or http://"
        )],
        None => vec![format!(
            "{URL}: the endpoint of the mail service is not set"
        )],
    }
}

/// What an answer of the service means.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail is on its way.
    Sent,
    /// It is tried again later.
    Later,
    /// It would be refused again: the service does not take this address.
    Never,
}

/// Reads the status of an answer.
pub fn outcome(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Sent,
        400 | 404 | 410 | 422 => Outcome::Never,
        _ => Outcome::Later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_service_has_to_be_set() {
        let given = |url: &str| faults(&[(URL.to_owned(), url.to_owned())]);
        assert!(given("https://api.mail.example/v1").is_empty());
        assert_eq!(
            given("api.mail.example"),
            ["url: 'api.mail.example' does not begin with https:// or http://"]
        );
        assert_eq!(
            faults(&[]),
            ["url: the endpoint of the mail service is not set"]
        );
    }

    #[test]
    fn a_mail_is_sent_again_where_that_may_help() {
        for (status, expected) in [
            (202, Outcome::Sent),
            (302, Outcome::Later),
            (401, Outcome::Later),
            (422, Outcome::Never),
            (429, Outcome::Later),
            (503, Outcome::Later),
        ] {
            assert_eq!(outcome(status), expected, "{status}");
        }
    }
}
