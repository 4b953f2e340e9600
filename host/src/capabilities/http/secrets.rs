//! Secrets of a component: the component gets a placeholder of each, and the host puts the
//! secret in its place in requests to the destinations that the secret is for.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;
use url::Url;

use super::destination::Destination;
use super::error::{Code, Failure};

/// What a placeholder begins with. The rest is 32 random hexadecimal digits, which nobody
/// guesses who sends texts to the shop.
const BEGINNING: &str = "wares-secret-";

/// Secrets shorter than this are not looked for in answers: they are in many by chance.
const SOUGHT_BYTES_MIN: usize = 8;

/// A secret, as the operator set it.
#[derive(Clone)]
pub struct Secret {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The secret.
    pub value: String,
    /// Where requests with it may go.
    pub destinations: Vec<Destination>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Secret({})", self.name)
    }
}

/// The secrets of a component.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<Held>);

#[derive(Debug)]
struct Held {
    secret: Secret,
    placeholder: String,
}

impl Secrets {
    /// Makes a placeholder of each.
    pub(super) fn new(secrets: Vec<Secret>) -> Self {
        let held = |secret| Held {
            secret,
            placeholder: format!("{BEGINNING}{:032x}", rand::random::<u128>()),
        };
        Self(secrets.into_iter().map(held).collect())
    }

    fn named(&self, name: &str) -> Option<&Held> {
        self.0.iter().find(|held| held.secret.name == name)
    }

    /// The placeholder of a secret.
    pub(super) fn placeholder(&self, name: &str) -> Option<&str> {
        Some(&self.named(name)?.placeholder)
    }

    /// The code that shows that a message is from who has a secret: HMAC-SHA256.
    pub(super) fn sign(&self, name: &str, message: &[u8]) -> Option<Vec<u8>> {
        let secret = &self.named(name)?.secret.value;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(message);
        Some(mac.finalize().into_bytes().to_vec())
    }

    /// Those that a request has, each with what stands in its place.
    fn of<'a>(&'a self, parts: &'a [&'a [u8]]) -> impl Iterator<Item = &'a Held> {
        let has = |held: &&Held| {
            let finder = memmem::Finder::new(held.placeholder.as_bytes());
            parts.iter().any(|part| finder.find(part).is_some())
        };
        self.0.iter().filter(has)
    }

    /// Puts secrets in the place of their placeholders in a request.
    ///
    /// # Errors
    /// When one of them is not for where the request goes.
    pub(super) fn reveal(
        &self,
        method: &str,
        url: &mut Url,
        headers: &mut [(String, String)],
        body: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let text = url.as_str().to_owned();
        let mut parts: Vec<&[u8]> = vec![text.as_bytes(), body];
        parts.extend(headers.iter().map(|(_, value)| value.as_bytes()));
        let used: Vec<(String, String)> = self
            .of(&parts)
            .map(
                |Held {
                     secret,
                     placeholder,
                 }| {
                    let is_for = secret.destinations.iter().any(|one| one.has(method, url));
                    if !is_for {
                        let why =
                            format!("the secret '{}' is not for {}", secret.name, origin(url));
                        return Err(Failure::new(Code::NotGranted, why));
                    }
                    Ok((placeholder.clone(), secret.value.clone()))
                },
            )
            .collect::<Result<_, _>>()?;
        for (placeholder, value) in used {
            if let Some(query) = url.query().filter(|query| query.contains(&placeholder)) {
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC).to_string();
                let query = query.replace(&placeholder, &value);
                url.set_query(Some(&query));
            }
            if url.as_str().contains(&placeholder) {
                let why =
                    "a secret may stand in the query of a URL, and not elsewhere in it".to_owned();
                return Err(Failure::new(Code::Invalid, why));
            }
            for (_, header) in headers.iter_mut() {
                *header = header.replace(&placeholder, &value);
            }
            *body = replaced(
                std::mem::take(body),
                placeholder.as_bytes(),
                value.as_bytes(),
            );
        }
        Ok(())
    }

    /// Puts the placeholders back into what a server answers.
    pub(super) fn conceal(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.0.iter().fold(bytes, |bytes, held| {
            let secret = held.secret.value.as_bytes();
            if secret.len() < SOUGHT_BYTES_MIN {
                return bytes;
            }
            replaced(bytes, secret, held.placeholder.as_bytes())
        })
    }
}

/// The part of a URL that says which server it is of.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn replaced(bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut found = memmem::find_iter(&bytes, from).peekable();
    if found.peek().is_none() {
        return bytes;
    }
    let (mut out, mut end) = (Vec::with_capacity(bytes.len()), 0);
    for start in found {
        out.extend_from_slice(&bytes[end..start]);
        out.extend_from_slice(to);
        end = start + from.len();
    }
    out.extend_from_slice(&bytes[end..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(vec![Secret {
            name: "token".to_owned(),
            value: "s3cr&t v4lue".to_owned(),
            destinations: vec![Destination::parse("https://api.example").unwrap()],
        }])
    }

    #[test]
    fn a_secret_stands_where_its_placeholder_was() {
        let secrets = secrets();
        let placeholder = secrets.placeholder("token").unwrap().to_owned();
        assert_eq!(secrets.placeholder("other"), None);
        let mut url = Url::parse(&format!("https://api.example/x?key={placeholder}&a=1")).unwrap();
        let mut headers = [("authorization".to_owned(), format!("Bearer {placeholder}"))];
        let mut body = format!("<{placeholder}{placeholder}>").into_bytes();
        secrets
            .reveal("GET", &mut url, &mut headers, &mut body)
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://api.example/x?key=s3cr%26t%20v4lue&a=1"
        );
        assert_eq!(headers[0].1, "Bearer s3cr&t v4lue");
        assert_eq!(body, b"<s3cr&t v4lues3cr&t v4lue>");
        let answer = secrets.conceal(b"you sent s3cr&t v4lue".to_vec());
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            format!("you sent {placeholder}")
        );
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        let secrets = secrets();
        let placeholder = secrets.placeholder("token").unwrap().to_owned();
        let elsewhere = |url: &str| {
            let mut url = Url::parse(url).unwrap();
            let mut body = placeholder.clone().into_bytes();
            let refused = secrets.reveal("POST", &mut url, &mut [], &mut body);
            (refused.unwrap_err(), body)
        };
        let (refused, body) = elsewhere("https://evil.example/");
        assert_eq!(
            refused.message,
            "the secret 'token' is not for https://evil.example"
        );
        assert_eq!(body, placeholder.as_bytes());
        let (refused, _) = elsewhere(&format!("https://api.example/{placeholder}"));
        assert_eq!(refused.code, Code::Invalid);
        assert_eq!(format!("{secrets:?}").matches("s3cr").count(), 0);
    }

    #[test]
    fn a_message_is_signed_with_a_secret() {
        let secrets = secrets();
        let signed = hex::encode(secrets.sign("token", b"message").unwrap());
        // As Python's `hmac` has it.
        assert_eq!(
            signed,
            "937cf531a6bfb12dbc9e3bc5877256089f6ba6cce41a27857a06ad2b084babb0"
        );
        assert_eq!(secrets.sign("other", b"message"), None);
    }
}
