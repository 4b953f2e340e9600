//! The span of a request: every line that is logged within it has the request's id and the
//! id of its trace. The trace is the caller's if the request has a valid `traceparent` (W3C
//! Trace Context), and the request's own otherwise.

use tracing::Span;

/// The length of a `traceparent` of version 00.
const BYTES: usize = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-00".len();

/// The length of a request's id: the hexadecimal digits of a UUID.
const REQUEST_ID_BYTES: usize = 32;

/// Begins the span of a request. At the level of errors, since those need the ids most.
pub(crate) fn request(request_id: &str, trace_id: &str) -> Span {
    tracing::error_span!("request", request_id, trace_id)
}

/// Returns the request's id from the fields of its span, as the log has formatted them.
pub(super) fn request_id(fields: &str) -> Option<&str> {
    let (_, value) = fields.split_once("request_id")?;
    let mut parts = value.split(|letter: char| !letter.is_ascii_hexdigit());
    parts.find(|part| part.len() == REQUEST_ID_BYTES)
}

/// Returns the trace id of a `traceparent`; `None` if that is invalid.
pub(crate) fn trace_id(traceparent: &str) -> Option<&str> {
    let (known, more) = traceparent.split_at_checked(BYTES)?;
    let mut parts = known.split('-');
    let mut part = |length: usize| {
        let part = parts.next()?;
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (part.len() == length && part.bytes().all(is_hex)).then_some(part)
    };
    let (version, trace, parent, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    // Later versions may append parts.
    let ends = match version {
        "00" => more.is_empty(),
        "ff" => false,
        _ => more.is_empty() || more.starts_with('-'),
    };
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    (ends && !is_zero(trace) && !is_zero(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::{request_id, trace_id};

    #[test]
    fn the_id_of_a_request_is_found_in_each_form_of_the_log() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        for fields in [
            format!("request_id=\"{ID}\" trace_id=\"{}\"", "0".repeat(32)),
            format!("{{\"request_id\":\"{ID}\",\"trace_id\":\"{ID}\"}}"),
            format!("\x1b[3mrequest_id\x1b[0m\x1b[2m=\x1b[0m\"{ID}\""),
        ] {
            assert_eq!(request_id(&fields), Some(ID), "{fields}");
        }
        assert_eq!(request_id(&format!("trace_id=\"{ID}\"")), None);
        assert_eq!(request_id("request_id=\"short\""), None);
    }

    #[test]
    fn a_valid_traceparent_has_a_trace_id_and_an_invalid_one_has_none() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        const PARENT: &str = "00f067aa0ba902b7";
        for traceparent in [
            format!("00-{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-00"),
            format!("cc-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings"),
        ] {
            assert_eq!(trace_id(&traceparent), Some(TRACE), "{traceparent}");
        }
        let zero = "0".repeat(32);
        for traceparent in [
            String::new(),
            "é".repeat(40),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0x-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{zero}-{PARENT}-01"),
            format!("00-{TRACE}-{}-01", &zero[..16]),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("00-{PARENT}-{TRACE}-01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(trace_id(&traceparent), None, "{traceparent}");
        }
    }
}
