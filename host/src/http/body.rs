//! Request bodies: read within their limit, unpacked, and brought into the one
//! form that modules see: a JSON object or array in UTF-8, or nothing.
//! Happens before credentials are looked at, so a body that cannot be read is
//! refused as such.

use std::io::Read;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT, HeaderMap};

use super::envelope::{Answer, Refusal};

/// Levels of a form's `a[b][c]` keys.
const FORM_DEPTH_MAX: usize = 16;

/// What is read of a body that is too large, as a multiple of what is allowed.
/// A client that is cut off while it sends may never see the answer.
const DRAIN_FACTOR: usize = 100;

/// Reads and checks a body.
///
/// # Errors
/// The answer to give instead: 400, 408, 413 or 415.
pub async fn read(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes_max: usize,
    patience: Duration,
) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let declared = body.size_hint().lower();
    if declared > bytes_max as u64 && headers.contains_key(EXPECT) {
        // The client asks before it sends.
        return Err(too_large());
    }
    match tokio::time::timeout(patience, collect(&mut body, bytes_max)).await {
        Ok(Ok(bytes)) => decode(headers, bytes, bytes_max),
        Ok(Err(refusal)) => Err(refusal),
        Err(_) => Err(late()),
    }
}

/// Reads a body of any kind as it is.
///
/// # Errors
/// The answer to give instead: 400, 408 or 413.
pub async fn read_bytes(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes_max: usize,
    patience: Duration,
) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > bytes_max as u64 && headers.contains_key(EXPECT) {
        return Err(too_large());
    }
    match tokio::time::timeout(patience, collect(&mut body, bytes_max)).await {
        Ok(done) => done,
        Err(_) => Err(late()),
    }
}

/// Reads a body that nobody wants, up to a limit, so that its sender sees the answer.
pub async fn discard(
    headers: &HeaderMap,
    mut body: Incoming,
    bytes_max: usize,
    patience: Duration,
) {
    if headers.contains_key(EXPECT) {
        // The client asks before it sends.
        return;
    }
    let all = async {
        let mut seen = 0_usize;
        while let Some(Ok(frame)) = body.frame().await
            && seen <= bytes_max
        {
            seen += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    // Whoever is slower than that has had the time to look for an answer.
    let _ = tokio::time::timeout(patience, all).await;
}

/// The answer to a body that takes too long.
fn late() -> Refusal {
    parser_error(
        StatusCode::REQUEST_TIMEOUT,
        "unknown_error",
        "the body did not arrive in time",
    )
}

async fn collect(body: &mut Incoming, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(malformed("the body broke off"));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= bytes_max {
            bytes.extend_from_slice(&data);
        } else if seen > bytes_max.saturating_mul(DRAIN_FACTOR) {
            break;
        }
    }
    if seen > bytes_max {
        Err(too_large())
    } else {
        Ok(bytes.freeze())
    }
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
    // One byte more than allowed tells a body that fits from one that does not, however far it would unpack.
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
            let units = units(&bytes, u16::from_le_bytes, u16::from_be_bytes, big_endian);
            let text = units.and_then(|units| String::from_utf16(&units).ok());
            without_mark(text, &charset)
        }
        "utf-32" | "utf-32le" | "utf-32be" => {
            let big_endian = charset == "utf-32be" || bytes.starts_with(b"\0\0\xfe\xff");
            let units = units(&bytes, u32::from_le_bytes, u32::from_be_bytes, big_endian);
            let text = units.and_then(|units| units.into_iter().map(char::from_u32).collect());
            without_mark(text, &charset)
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

/// The bytes as numbers of `N` bytes each; `None` where some are left over.
fn units<T, const N: usize>(
    bytes: &[u8],
    little: fn([u8; N]) -> T,
    big: fn([u8; N]) -> T,
    big_endian: bool,
) -> Option<Vec<T>> {
    let (units, rest) = bytes.as_chunks::<N>();
    let read = if big_endian { big } else { little };
    rest.is_empty()
        .then(|| units.iter().map(|unit| read(*unit)).collect())
}

fn without_mark(text: Option<String>, charset: &str) -> Result<Bytes, Refusal> {
    match text {
        Some(text) => Ok(Bytes::from(text.trim_start_matches('\u{feff}').to_owned())),
        None => Err(malformed(&format!("the body is not valid {charset}"))),
    }
}

/// That the text is one JSON object or array, without keeping any of it.
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
