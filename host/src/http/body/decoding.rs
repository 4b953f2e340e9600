//! A whole body: unpacked, and converted to a JSON object or array in UTF-8.

use std::io::Read;

use bytes::{Buf, Bytes};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::super::answer::Refusal;
use super::refusals::{malformed, parser_error, too_large};

/// Levels of a form's `a[b][c]` keys.
const FORM_DEPTH_MAX: usize = 16;

/// Unpacks and converts a whole body.
///
/// # Errors
/// The answer to return instead: 400, 413 or 415.
pub(super) fn decode(
    headers: &HeaderMap,
    bytes: Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
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

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

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
