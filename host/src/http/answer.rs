//! Answers in the making: a status, headers and a body, and the one shape that
//! every error of the host has.

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde::Serialize;

/// The default media type.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An answer before the transport's headers are put on it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Its own headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An answer instead of a function's result.
pub type Refusal = Box<Answer>;

impl Answer {
    /// A success with this body.
    pub fn json(body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::bytes(StatusCode::OK, JSON, body.into()),
            Err(error) => {
                tracing::error!(%error, "an answer does not serialize");
                Self::unknown_error()
            }
        }
    }

    /// An answer of a given type.
    pub fn bytes(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type);
        Self {
            status,
            headers,
            body,
        }
    }

    /// An error: `{"type": …, "message": …}`.
    pub fn error(status: StatusCode, kind: &str, message: &str) -> Self {
        #[derive(Serialize)]
        struct Envelope<'a> {
            r#type: &'a str,
            message: &'a str,
        }
        Self {
            status,
            ..Self::json(&Envelope {
                r#type: kind,
                message,
            })
        }
    }

    /// The one answer to missing or wrong credentials. Its text does not help to guess.
    pub fn unauthorized() -> Self {
        Self::bytes(
            StatusCode::UNAUTHORIZED,
            JSON,
            Bytes::from_static(br#"{"message":"Unauthorized"}"#),
        )
    }

    /// No route has this path.
    pub fn no_route(method: &Method, path: &str) -> Self {
        Self::error(
            StatusCode::NOT_FOUND,
            "not_found",
            &format!("There is no {method} {path}"),
        )
    }

    /// The path cannot be decoded.
    pub fn bad_encoding() -> Self {
        Self::error(
            StatusCode::BAD_REQUEST,
            "invalid_data",
            "The path is not valid percent-encoding",
        )
    }

    /// The path has routes, but not for this method.
    pub fn method_not_allowed(method: &Method, path: &str, allowed: &str) -> Self {
        let message = format!("{path} takes {allowed}, not {method}");
        Self::error(StatusCode::METHOD_NOT_ALLOWED, "not_allowed", &message).with(ALLOW, allowed)
    }

    /// The host is busy: retry after this many seconds.
    pub fn busy(message: &str, retry_after_s: u64) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
            .with(RETRY_AFTER, &retry_after_s.to_string())
    }

    /// A fault of the host; only the log has the reason.
    pub fn unknown_error() -> Self {
        Self::bytes(
            StatusCode::INTERNAL_SERVER_ERROR,
            JSON,
            Bytes::from_static(
                br#"{"code":"unknown_error","type":"unknown_error","message":"An unknown error occurred."}"#,
            ),
        )
    }

    /// The text of an error.
    pub fn message(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The same with one more header; an invalid value is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}
