//! Request bodies: read within their limit, unpacked, and converted to the one form that
//! modules see: a JSON object or array in UTF-8, or nothing. A body that cannot be read is
//! refused as such, also without credentials; but of a body without an endpoint at most
//! `SCREENED_BYTES_MAX` is kept.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap, HeaderName, HeaderValue,
};
use hyper::http::request::Parts;
use hyper::{StatusCode, Version};

use super::RETRY_AFTER_S;
use super::answer::{Answer, Refusal};
use super::room::{Hold, Room};

/// Levels of a form's `a[b][c]` keys.
const FORM_DEPTH_MAX: usize = 16;

/// The read part of a body that is too large, as a multiple of the limit. A client whose
/// connection closes while it sends may never see the answer.
const DRAIN_FACTOR: usize = 100;

/// The kept part, in bytes, of a body without an endpoint.
pub(super) const SCREENED_BYTES_MAX: usize = 16 * 1024;

/// The size, in bytes, of a body that is not counted if it arrives at once.
const WHOLE_BYTES_MAX: usize = 16 * 1024;

/// The memory of a request, in bytes, while it waits among others of its connection.
pub(super) const WAITING_BYTES: usize = 4 * 1024;
/// The memory of a header beside its name and value, in bytes.
const HEADER_BYTES: usize = 160;
/// The size of a head, alone on its connection, that is not counted, in bytes.
const HEAD_BYTES_FREE: usize = 8 * 1024;

/// Pieces of a body of any size. Each has the same cost, however small it is.
const PIECES_FREE: usize = 1000;
/// The bytes that allow one more piece.
const PIECE_BYTES: usize = 256;

/// The limits of reading a body.
pub(super) struct Bounds<'a> {
    /// The largest body, in bytes, packed and unpacked.
    pub bytes_max: usize,
    /// The kept part, in bytes; a larger one is read, and neither kept nor checked.
    pub kept_bytes_max: usize,
    /// The time within which all of it must arrive.
    pub timeout: Duration,
    /// The room for its kept memory.
    pub room: &'a Arc<Room>,
}

/// A body.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub bytes: Bytes,
    /// Its memory, held while it is in use.
    pub hold: Option<Hold>,
}

/// Reads and checks a body. Of one that is not kept, nothing is returned.
///
/// # Errors
/// The answer to return instead: 400, 408, 413, 415 or 503.
pub(super) async fn read(
    head: &Parts,
    body: Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    if body.is_end_stream() {
        return Ok(Received::default());
    }
    let Received { bytes, mut hold } = read_bytes(head, body, bounds).await?;
    let packed = bytes.len();
    let bytes = decode(&head.headers, bytes, bounds.bytes_max)?;
    let grown = bytes.len().saturating_sub(packed);
    if grown > WHOLE_BYTES_MAX && !hold.get_or_insert_with(|| bounds.room.enter()).grow(grown) {
        return Err(no_room());
    }
    Ok(Received { bytes, hold })
}

/// Reads a body of any kind as it is.
///
/// # Errors
/// The answer to return instead: 400, 408, 413 or 503.
pub(super) async fn read_bytes(
    head: &Parts,
    mut body: Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    if body.size_hint().lower() > bounds.bytes_max as u64 && head.headers.contains_key(EXPECT) {
        // The client asks before it sends.
        return Err(too_large());
    }
    match tokio::time::timeout(bounds.timeout, collect(head, &mut body, bounds)).await {
        Ok(done) => done,
        Err(_) => Err(late()),
    }
}

/// Reads a body that is not used, up to a limit, so that its sender sees the answer.
/// Without room for its memory, it is not waited for.
pub(super) async fn discard(
    head: &Parts,
    mut body: Incoming,
    bytes_max: usize,
    timeout: Duration,
    room: &Arc<Room>,
) {
    let mut waiting = room.enter();
    // With `Expect` the client asks before it sends.
    if head.headers.contains_key(EXPECT) || !waiting.grow(waiting_bytes(head)) {
        return;
    }
    let all = async {
        let (mut seen, mut pieces) = (0_usize, 0_usize);
        while let Some(Ok(frame)) = body.frame().await
            && seen <= bytes_max
            && pieces <= pieces_max(seen)
        {
            seen += frame.data_ref().map_or(0, Bytes::len);
            pieces += 1;
        }
    };
    // A slower client has had the time to read the answer.
    let _ = tokio::time::timeout(timeout, all).await;
}

/// The answer to a body that is too slow.
fn late() -> Refusal {
    parser_error(
        StatusCode::REQUEST_TIMEOUT,
        "unknown_error",
        "the body did not arrive in time",
    )
}

/// The answer to a body without room beside those that are being received.
pub(super) fn no_room() -> Refusal {
    Box::new(Answer::busy(
        "Too many bytes of other requests are being received",
        RETRY_AFTER_S,
    ))
}

fn pieces_max(seen: usize) -> usize {
    PIECES_FREE + seen / PIECE_BYTES
}

/// The memory of a request while its body is awaited, in bytes. Over HTTP/1 there is one
/// a connection, and their number is bounded.
fn waiting_bytes(head: &Parts) -> usize {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + HEADER_BYTES
    };
    let headers: usize = head.headers.iter().map(bytes).sum();
    if head.version < Version::HTTP_2 {
        headers.saturating_sub(HEAD_BYTES_FREE)
    } else {
        WAITING_BYTES + headers
    }
}

/// The next piece, if it is there; `None` if it must be awaited.
async fn at_once(body: &mut Incoming) -> Option<Option<Result<Frame<Bytes>, hyper::Error>>> {
    tokio::select! {
        biased;
        frame = body.frame() => Some(frame),
        () = std::future::ready(()) => None,
    }
}

async fn collect(
    head: &Parts,
    body: &mut Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    // The head stays as long as the body, also if that is not kept.
    let (mut waiting, mut hold) = (None, bounds.room.enter());
    let mut bytes = BytesMut::new();
    let (mut seen, mut pieces) = (0_usize, 0_usize);
    loop {
        let frame = match at_once(body).await {
            Some(frame) => frame,
            None => {
                if waiting.is_none() {
                    let waiting = waiting.insert(bounds.room.enter());
                    if !waiting.grow(waiting_bytes(head)) {
                        return Err(no_room());
                    }
                }
                body.frame().await
            }
        };
        let Some(frame) = frame else { break };
        let Ok(frame) = frame else {
            return Err(malformed("the body broke off"));
        };
        pieces += 1;
        if pieces > pieces_max(seen) {
            return Err(malformed("the body comes in too many small pieces"));
        }
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let is_first = seen == 0;
        seen += data.len();
        if seen > bounds.kept_bytes_max {
            (bytes, hold) = (BytesMut::new(), bounds.room.enter());
            if seen > bounds.bytes_max.saturating_mul(DRAIN_FACTOR) {
                break;
            }
        } else if is_first && seen <= WHOLE_BYTES_MAX && body.is_end_stream() {
            return Ok(Received {
                bytes: data,
                hold: None,
            });
        } else if hold.grow(data.len()) {
            bytes.extend_from_slice(&data);
        } else {
            return Err(no_room());
        }
    }
    if seen > bounds.bytes_max {
        return Err(too_large());
    }
    Ok(Received {
        bytes: bytes.freeze(),
        hold: Some(hold),
    })
}

/// The checks on a whole body.
fn decode(headers: &HeaderMap, bytes: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let bytes = inflate(headers, bytes, bytes_max)?;
    let content_type = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let (media_type, charset) = content_type.map_or(("", None), split_content_type);
    if media_type.eq_ignore_ascii_case("application/json") {
        let text = decode_text(bytes, charset)?;
        check_json(&text)?;
        Ok(text)
    } else if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        // A page of any origin can let a browser send a form with the browser's stored
        // credentials, but not this header.
        if !headers.contains_key(AUTHORIZATION) {
            return Err(parser_error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "invalid_data",
                "a form is taken with an Authorization header alone: send application/json",
            ));
        }
        let text = decode_text(bytes, charset)?;
        form_to_json(&text)
    } else {
        let message = match content_type {
            None => "a body needs a Content-Type: application/json".to_owned(),
            Some(_) => format!("unsupported media type \"{media_type}\": send application/json"),
        };
        Err(parser_error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "invalid_data",
            &message,
        ))
    }
}

fn inflate(headers: &HeaderMap, bytes: Bytes, bytes_max: usize) -> Result<Bytes, Refusal> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(bytes);
    };
    let encoding = encoding
        .to_str()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let reader: Box<dyn Read> = match encoding.as_str() {
        "" | "identity" => return Ok(bytes),
        "gzip" => Box::new(flate2::bufread::MultiGzDecoder::new(bytes.reader())),
        "deflate" => Box::new(flate2::bufread::ZlibDecoder::new(bytes.reader())),
        _ => {
            let message = format!("unsupported content encoding \"{encoding}\"");
            return Err(parser_error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unknown_error",
                &message,
            ));
        }
    };
    // One byte more than allowed proves that a body does not fit, however far it would unpack.
    let mut unpacked = Vec::new();
    reader
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| malformed(&format!("the body is not valid {encoding}")))?;
    if unpacked.len() > bytes_max {
        Err(too_large())
    } else {
        Ok(unpacked.into())
    }
}

fn split_content_type(value: &str) -> (&str, Option<&str>) {
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"'))
    });
    (media_type, charset)
}

/// The body as UTF-8 without a byte order mark.
fn decode_text(bytes: Bytes, charset: Option<&str>) -> Result<Bytes, Refusal> {
    let charset = charset.unwrap_or("utf-8").to_ascii_lowercase();
    match charset.as_str() {
        "utf-8" | "utf8" => {
            let bytes = if bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.slice(3..)
            } else {
                bytes
            };
            match std::str::from_utf8(&bytes) {
                Ok(_) => Ok(bytes),
                Err(_) => Err(malformed("the body is not valid UTF-8")),
            }
        }
        "utf-16" | "utf-16le" | "utf-16be" => {
            let big_endian = charset == "utf-16be" || bytes.starts_with(b"\xfe\xff");
            match utf_16(&bytes, big_endian) {
                Some(text) => Ok(text.trim_start_matches('\u{feff}').to_owned().into()),
                None => Err(malformed(&format!("the body is not valid {charset}"))),
            }
        }
        _ => {
            let message = format!("unsupported charset \"{}\"", charset.to_ascii_uppercase());
            Err(parser_error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unknown_error",
                &message,
            ))
        }
    }
}

fn utf_16(bytes: &[u8], big_endian: bool) -> Option<String> {
    let (units, rest) = bytes.as_chunks();
    let read = if big_endian {
        u16::from_be_bytes
    } else {
        u16::from_le_bytes
    };
    let units: Vec<u16> = units.iter().map(|unit| read(*unit)).collect();
    let text = String::from_utf16(&units).ok();
    text.filter(|_| rest.is_empty())
}

/// Checks that the text is one JSON object or array, without keeping it.
fn check_json(text: &[u8]) -> Result<(), Refusal> {
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(malformed("the JSON text is empty")),
        Some(b'{' | b'[') => {}
        Some(_) => return Err(malformed("the JSON text must be an object or an array")),
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| malformed(&format!("the body is not valid JSON: {error}")))
}

/// `a[b]=1&c=2` as `{"a":{"b":"1"},"c":"2"}`.
fn form_to_json(text: &[u8]) -> Result<Bytes, Refusal> {
    let config = serde_qs::Config::new()
        .max_depth(FORM_DEPTH_MAX)
        .use_form_encoding(true);
    let form: serde_json::Map<String, serde_json::Value> = config
        .deserialize_bytes(text)
        .map_err(|error| malformed(&format!("the form cannot be read: {error}")))?;
    serde_json::to_vec(&form)
        .map(Bytes::from)
        .map_err(|error| malformed(&error.to_string()))
}

pub(super) fn too_large() -> Refusal {
    parser_error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "unknown_error",
        "request entity too large",
    )
}

fn malformed(message: &str) -> Refusal {
    parser_error(StatusCode::BAD_REQUEST, "invalid_data", message)
}

/// Errors of the body have their message first, as Medusa's body parser has it.
fn parser_error(status: StatusCode, kind: &str, message: &str) -> Refusal {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, body: &[u8], decoded: Result<&str, (u16, &str)>) {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        }
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic eDo="));
        let found = decode(&headers, Bytes::copy_from_slice(body), 1_000);
        let found = found.map_err(|refusal| (refusal.status.as_u16(), refusal.message()));
        let decoded = decoded.map(|text| Bytes::from(text.to_owned()));
        let decoded = decoded.map_err(|(status, message)| (status, message.to_owned()));
        assert_eq!(found, decoded, "{content_type} {body:?}");
    }

    #[test]
    fn a_body_is_json_in_utf_8_or_refused() {
        const JSON: &str = "application/json";
        const FORM: &str = "application/x-www-form-urlencoded";
        check("", b"", Ok(""));
        check(JSON, b"{\"a\":1}", Ok("{\"a\":1}"));
        check(JSON, b" [1] ", Ok(" [1] "));
        check(JSON, b"\xef\xbb\xbf{}", Ok("{}"));
        check("Application/JSON; charset=\"UTF-8\"", b"{}", Ok("{}"));
        check(
            "application/json; charset=utf-16",
            b"\xff\xfe{\0}\0",
            Ok("{}"),
        );
        check(
            "application/json; charset=utf-16",
            b"\xfe\xff\0{\0}",
            Ok("{}"),
        );
        check("application/json; charset=utf-16le", b"{\0}\0", Ok("{}"));
        check("application/json; charset=utf-16be", b"\0{\0}", Ok("{}"));
        check(FORM, b"a[b]=1&c=2", Ok("{\"a\":{\"b\":\"1\"},\"c\":\"2\"}"));
        for (content_type, body, status, message) in [
            (JSON, &b"  "[..], 400, "the JSON text is empty"),
            (
                JSON,
                b"1",
                400,
                "the JSON text must be an object or an array",
            ),
            (JSON, b"{\xff}", 400, "the body is not valid UTF-8"),
            (
                "application/json; charset=utf-16",
                b"{\0}",
                400,
                "the body is not valid utf-16",
            ),
            (
                "application/json; charset=utf-16be",
                b"\xd8\0",
                400,
                "the body is not valid utf-16be",
            ),
            (
                "application/json; charset=utf-32",
                b"{\0\0\0}\0\0\0",
                415,
                "unsupported charset \"UTF-32\"",
            ),
            (
                "",
                b"{}",
                415,
                "a body needs a Content-Type: application/json",
            ),
            (
                "text/plain",
                b"{}",
                415,
                "unsupported media type \"text/plain\": send application/json",
            ),
        ] {
            check(content_type, body, Err((status, message)));
        }
    }
}
