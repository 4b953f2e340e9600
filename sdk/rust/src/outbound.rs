//! Requests to other servers. A component that sends any needs a grant for where they go, as
//! `http=https://api.mail.example`.
//!
//! ```no_run
//! use serde_json::json;
//! use wares_module::outbound;
//!
//! # fn example(event: &wares_module::Event) -> Result<(), outbound::Error> {
//! let token = outbound::secret("token").unwrap_or_default();
//! let answer = outbound::Request::post("https://api.mail.example/v1/messages")
//!     .header("authorization", format!("Bearer {token}"))
//!     .header("idempotency-key", &*event.id)
//!     .json(&json!({"to": "ann@shop.example", "template": "welcome"}))
//!     .send()?;
//! wares_module::info!("the mail service answers {}", answer.status);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::outbound::wares::platform::http as wit;

pub use crate::bindings::outbound::wares::platform::http::Error;

/// A request that is not sent yet.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request(wit::Request);

/// An answer, of any status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    headers: Vec<wit::Header>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with a method and without a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self(wit::Request {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: None,
        })
    }

    /// A request that reads.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A request that makes or changes something.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// With a header more.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.0.headers.push(wit::Header { name, value });
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self
    }

    /// With this value as its body, in JSON.
    ///
    /// # Panics
    /// If the value cannot be JSON: a map with keys that are no texts.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value)
            .unwrap_or_else(|error| panic!("the body is no JSON: {error}"));
        self.header("content-type", "application/json").body(body)
    }

    /// Which waits for its whole answer for so long at most, and never for longer than the host
    /// allows.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout_ms = Some(timeout.as_millis().try_into().unwrap_or(u32::MAX));
        self
    }

    /// Sends it, and waits for the answer. No redirect is followed.
    ///
    /// # Errors
    /// When there is no whole answer, or the request is not granted. An answer of any status is
    /// none.
    pub fn send(self) -> Result<Response, Error> {
        let answer = wit::send(&self.0)?;
        Ok(Response {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        })
    }
}

impl Response {
    /// Whether the status is from 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| &*header.value)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it is none, or not of this form.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

/// The placeholder of a secret of the operator's settings; `None` if there is no secret of this
/// name. The host puts the secret in its place in requests to where the secret is for.
///
/// ```no_run
/// let token = wares_module::outbound::secret("token").expect("the operator sets modules.NAME.secrets.token");
/// ```
pub fn secret(name: &str) -> Option<String> {
    wit::secret(name)
}

/// The code by which a receiver knows that a message is from who has a secret: HMAC-SHA256, 32
/// bytes. `None` if there is no secret of this name.
///
/// ```no_run
/// let signature = wares_module::outbound::sign("webhook", b"{}");
/// ```
pub fn sign(name: &str, message: &[u8]) -> Option<Vec<u8>> {
    wit::sign(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_put_together_and_an_answer_taken_apart() {
        let request = Request::post("https://a.example")
            .header("x-a", "1")
            .json(&[1, 2])
            .timeout(Duration::from_secs(1));
        let wit::Request {
            method,
            url,
            headers,
            body,
            timeout_ms,
        } = request.0;
        assert_eq!(
            (&*method, &*url, &*body, timeout_ms),
            ("POST", "https://a.example", &b"[1,2]"[..], Some(1_000))
        );
        let headers: Vec<_> = headers
            .iter()
            .map(|one| (&*one.name, &*one.value))
            .collect();
        assert_eq!(
            headers,
            [("x-a", "1"), ("content-type", "application/json")]
        );
        let header = wit::Header {
            name: "Retry-After".to_owned(),
            value: "5".to_owned(),
        };
        let mut answer = Response {
            status: 299,
            headers: vec![header],
            body: b"[3]".to_vec(),
        };
        assert!(answer.is_success());
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert_eq!(answer.json::<Vec<u8>>().unwrap(), [3]);
        answer.status = 300;
        assert!(!answer.is_success());
    }
}
