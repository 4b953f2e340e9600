//! Rules of HTTP for a request's head that the HTTP library does not check: the host that it
//! names, its target, and the framing of its body. A proxy that reads one of these
//! differently would read a part of one request as another.

use hyper::header::{HOST, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{Method, StatusCode, Version};

use super::answer::{Answer, Refusal};
use crate::printable::cut;

/// The part of the input that a message shows, in bytes.
const SHOWN_BYTES_MAX: usize = 100;

/// Checks a head by RFC 9112, sections 3.2, 3.3 and 6.1, and RFC 9113, section 8.3.1.
///
/// # Errors
/// The answer to return instead: 400, or 501 for a transfer coding. Then the end of the
/// request is unknown, and the connection has to end.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    check_host(parts)?;
    check_target(parts)?;
    check_framing(parts)
}

fn check_host(parts: &Parts) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() {
        return Err(bad("The request has more than one Host header"));
    }
    if let Some(host) = host
        && !is_host_and_port(host.as_bytes())
    {
        let shown = shown(&String::from_utf8_lossy(host.as_bytes()));
        return Err(bad(&format!(
            "The Host header is no host, or host:port: '{shown}'"
        )));
    }
    match (host, parts.uri.authority()) {
        (None, _) if parts.version == Version::HTTP_11 => {
            Err(bad("A request of HTTP/1.1 needs a Host header"))
        }
        (None, None) if parts.version >= Version::HTTP_2 => Err(bad(
            "A request of HTTP/2 needs an :authority, or a Host header",
        )),
        (Some(host), Some(authority))
            if parts.version >= Version::HTTP_2
                && !is_same_place(host.as_bytes(), authority, parts) =>
        {
            Err(bad("The Host header and :authority differ"))
        }
        _ => Ok(()),
    }
}

/// The target is a path, or a whole URI, whose host may differ from the `Host` header and has
/// precedence.
fn check_target(parts: &Parts) -> Result<(), Refusal> {
    let uri = &parts.uri;
    if uri.path() == "*" && parts.method != Method::OPTIONS {
        return Err(bad("The target '*' is for OPTIONS alone"));
    }
    let Some(authority) = uri.authority() else {
        return Ok(());
    };
    if authority.as_str().contains('@') {
        return Err(bad("A target names no user"));
    }
    match uri.scheme_str() {
        None if parts.method == Method::CONNECT => Ok(()),
        None => Err(bad(&format!(
            "The target '{}' is neither a path nor a URI",
            shown(authority.as_str())
        ))),
        Some("http" | "https") => Ok(()),
        Some(scheme) => Err(bad(&format!(
            "The target's scheme is '{}', neither http nor https",
            shown(scheme)
        ))),
    }
}

/// A body is framed by its length, or in chunks. HTTP/2 frames it itself.
fn check_framing(parts: &Parts) -> Result<(), Refusal> {
    let mut codings = parts
        .headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    let Some(first) = codings.next() else {
        return Ok(());
    };
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match (is_chunked(first), codings.next()) {
        (true, None) => Ok(()),
        (true, Some(_)) => Err(bad("In Transfer-Encoding, nothing comes after chunked")),
        (false, _) => Err(Box::new(Answer::error(
            StatusCode::NOT_IMPLEMENTED,
            "not_supported",
            &format!(
                "The transfer coding '{}' is not supported: send chunked alone",
                shown(&String::from_utf8_lossy(first))
            ),
        ))),
    }
}

fn bad(message: &str) -> Refusal {
    Box::new(Answer::error(
        StatusCode::BAD_REQUEST,
        "invalid_data",
        message,
    ))
}

fn shown(text: &str) -> String {
    cut(text, SHOWN_BYTES_MAX).into_owned()
}

/// Splits `host:port`; the port may be missing.
fn split(authority: &[u8]) -> (&[u8], &[u8]) {
    let end_of_host = match authority.iter().position(|byte| *byte == b']') {
        Some(bracket) => bracket + 1,
        None => {
            let colon = authority.iter().position(|byte| *byte == b':');
            colon.unwrap_or(authority.len())
        }
    };
    authority.split_at(end_of_host)
}

/// Whether this is `uri-host [ ":" port ]` of RFC 9110, section 7.2.
fn is_host_and_port(authority: &[u8]) -> bool {
    let (host, port) = split(authority);
    let is_port = match port.split_first() {
        None => true,
        Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    };
    let is_host = match host.strip_prefix(b"[") {
        Some(literal) => literal.strip_suffix(b"]").is_some_and(is_ip_literal),
        None => is_name(host),
    };
    is_port && is_host
}

fn is_ip_literal(text: &[u8]) -> bool {
    let ipv6 = str::from_utf8(text).ok();
    let is_ipv6 = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
    // A future form: `v1.` and more.
    let is_later = |text: &[u8]| {
        let later = text.strip_prefix(b"v").or_else(|| text.strip_prefix(b"V"));
        later.is_some_and(|text| {
            let mut parts = text.splitn(2, |byte| *byte == b'.');
            let (number, rest) = (parts.next().unwrap_or_default(), parts.next());
            !number.is_empty()
                && number.iter().all(u8::is_ascii_hexdigit)
                && rest.is_some_and(|rest| {
                    !rest.is_empty() && rest.iter().all(|byte| is_plain(*byte) || *byte == b':')
                })
        })
    };
    ipv6.is_some_and(is_ipv6) || is_later(text)
}

/// Letters, digits and signs, and percent-encoded bytes.
fn is_name(mut name: &[u8]) -> bool {
    while let Some((byte, rest)) = name.split_first() {
        name = match (byte, rest) {
            (b'%', [high, low, rest @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest
            }
            (byte, rest) if is_plain(*byte) => rest,
            _ => return false,
        };
    }
    true
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Whether a `Host` header names the same authority as `:authority`.
fn is_same_place(host: &[u8], authority: &Authority, parts: &Parts) -> bool {
    let default_port: &[u8] = match parts.uri.scheme_str() {
        Some("https") => b":443",
        _ => b":80",
    };
    let port = |port: &'_ [u8]| match port {
        b"" | b":" => default_port.to_vec(),
        port => port.to_vec(),
    };
    let (host, ours) = split(host);
    let (other, theirs) = split(authority.as_str().as_bytes());
    host.eq_ignore_ascii_case(other) && port(ours) == port(theirs)
}

#[cfg(test)]
mod tests;
