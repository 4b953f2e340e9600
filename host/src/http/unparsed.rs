//! Refusals by the HTTP library, which answers an unreadable head by itself and without a
//! body. Converts them to the form of every other error.

use std::net::SocketAddr;

use hyper::StatusCode;

use super::answer::Answer;
use crate::clock;

/// The beginning of such a refusal, a 4xx.
const BEGINNING: &[u8] = b"HTTP/1.1 4";
/// The library's fixed bound on the number of headers.
const HEADERS_MAX: usize = 100;

/// Returns the refusal with a body, if these bytes are a refusal by the library: a head without
/// a body, unlike every answer of the host. The connection ends after it.
pub(crate) fn with_body(
    written: &[u8],
    peer: SocketAddr,
    head_bytes_max: usize,
) -> Option<Vec<u8>> {
    if !written.starts_with(BEGINNING) {
        return None;
    }
    let head = str::from_utf8(written).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next()?;
    let mut date = None;
    for line in lines {
        match line.split_once(": ")? {
            ("content-length", "0") | ("connection", "close") => {}
            ("date", _) => date = Some(line),
            // An answer of the host.
            _ => return None,
        }
    }
    let code = status_line.split(' ').nth(1)?.parse().ok()?;
    let status = StatusCode::from_u16(code).ok()?;
    let message = match status {
        StatusCode::URI_TOO_LONG => "The request's target is too long".to_owned(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => format!(
            "The request line and the headers are longer than {head_bytes_max} bytes \
             (server.head_bytes_max), or more than {HEADERS_MAX} headers"
        ),
        _ => "The request line or a header is not valid HTTP/1.1".to_owned(),
    };
    let id = clock::uuid().simple();
    tracing::debug!(
        target: "access",
        request_id = %id,
        %peer,
        status = status.as_u16(),
        "the request cannot be read"
    );
    let body = Answer::error(status, "invalid_data", &message).body;
    let mut refusal = format!(
        "{status_line}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\nx-request-id: {id}\r\n",
        body.len()
    );
    if let Some(date) = date {
        refusal.push_str(date);
        refusal.push_str("\r\n");
    }
    refusal.push_str("\r\n");
    let mut refusal = refusal.into_bytes();
    refusal.extend_from_slice(&body);
    Some(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_library_gets_a_body_and_no_answer_of_the_hosts_does() {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let with_body = |text: &str| {
            let refusal = with_body(text.as_bytes(), peer, 1024);
            refusal.map(|refusal| String::from_utf8(refusal).unwrap())
        };
        let date = "date: Fri, 27 Nov 2026 05:24:19 GMT\r\n";
        let theirs = format!(
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n{date}\r\n"
        );
        let refusal = with_body(&theirs).unwrap();
        let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            body,
            r#"{"type":"invalid_data","message":"The request line or a header is not valid HTTP/1.1"}"#
        );
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"));
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())));
        assert!(head.contains(date.trim_end()) && head.contains("\r\nconnection: close\r\n"));
        for other in [
            &theirs[1..],
            &theirs[..theirs.len() - 1],
            &theirs.replace(" 400 Bad Request", " 304 Not Modified"),
            &theirs.replace("date", "x-request-id: 1\r\ndate"),
            &theirs.replace("length: 0", "length: 1"),
            &format!("{theirs}x"),
        ] {
            assert_eq!(with_body(other), None, "{other}");
        }
    }
}
