//! The answers to bodies that are not taken, in the form of Medusa's body parser.

use hyper::StatusCode;

use super::super::RETRY_AFTER_S;
use super::super::answer::{Answer, Refusal};

/// The answer to a body that is too slow.
pub(super) fn late() -> Refusal {
    parser_error(
        StatusCode::REQUEST_TIMEOUT,
        "unknown_error",
        "the body did not arrive in time",
    )
}

/// The answer to a body without room beside those that are being received.
pub(in crate::http) fn no_room() -> Refusal {
    Box::new(Answer::busy(
        "Too many bytes of other requests are being received",
        RETRY_AFTER_S,
    ))
}

/// The answer to a body that is too large.
pub(in crate::http) fn too_large() -> Refusal {
    parser_error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "unknown_error",
        "request entity too large",
    )
}

/// The answer to a body that cannot be read.
pub(super) fn malformed(message: &str) -> Refusal {
    parser_error(StatusCode::BAD_REQUEST, "invalid_data", message)
}

/// Errors of the body have their message first, as Medusa's body parser has it.
pub(super) fn parser_error(status: StatusCode, kind: &str, message: &str) -> Refusal {
    #[derive(serde::Serialize)]
    struct Envelope<'a> {
        message: &'a str,
        r#type: &'a str,
    }
    Box::new(Answer {
        status,
        ..Answer::json(&Envelope {
            message,
            r#type: kind,
        })
    })
}
