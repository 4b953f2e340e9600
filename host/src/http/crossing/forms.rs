//! The forms of the values that cross: media types, entity tags, and paths that everyone
//! reads alike. Knows no answer.

use hyper::http::HeaderValue;
use wares_module_kit::http::percent::percent_decode;

use crate::headers::is_token;

/// A media type with its parameters, in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// How many times a segment is percent-decoded; one that is encoded more often is refused.
const DECODED_MAX: usize = 5;

/// Whether a body of this type is data to every browser.
pub(super) fn is_json(value: &HeaderValue) -> bool {
    let essence = value.to_str().unwrap_or_default().split(';').next();
    let (kind, subtype) = essence
        .and_then(|essence| essence.trim().split_once('/'))
        .unwrap_or_default();
    let suffix = subtype.rsplit_once('+').map(|(_, suffix)| suffix);
    kind.eq_ignore_ascii_case("application")
        && suffix.unwrap_or(subtype).eq_ignore_ascii_case("json")
}

/// Whether a text is one media type and its parameters (RFC 9110, 8.3.1). Types that
/// hold further answers, with headers of their own, are refused, and so is a
/// comma, at which browsers separate types.
pub(super) fn is_media_type(value: &str) -> bool {
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim_ascii_end();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    value.len() <= MEDIA_TYPE_BYTES_MAX
        && is_token(kind)
        && is_token(subtype)
        && !["multipart", "message"]
            .iter()
            .any(|whole| kind.eq_ignore_ascii_case(whole))
        && parts.all(|parameter| {
            let parameter = parameter.trim_ascii();
            parameter.is_empty()
                || parameter.split_once('=').is_some_and(|(name, value)| {
                    let quoted = value
                        .strip_prefix('"')
                        .and_then(|rest| rest.strip_suffix('"'));
                    is_token(name) && quoted.map_or_else(|| is_token(value), is_plain)
                })
        })
}

/// Whether a text between quotes is unambiguous.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| (byte == b' ' || byte.is_ascii_graphic()) && !b"\"\\,".contains(&byte))
}

/// Whether a text is an entity tag (RFC 9110, 8.8.3).
pub(super) fn is_entity_tag(value: &str) -> bool {
    let opaque = value.strip_prefix("W/").unwrap_or(value);
    opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|tag| {
            tag.bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"')
        })
}

/// The path of a reference that is a path of this host to everyone who reads it:
/// without an authority, and the same however often it is decoded.
pub(super) fn plain_path(location: &str) -> Option<&str> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
    let end = location.find(['?', '#']).unwrap_or(location.len());
    let (path, rest) = location.split_at(end);
    let fits = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(is_fit)
        && rest
            .bytes()
            .all(|byte| is_fit(byte) || b"?#[]|".contains(&byte));
    (fits && path.split('/').all(is_plain_segment)).then_some(path)
}

/// Whether a segment stays one, and is neither `.` nor `..`.
fn is_plain_segment(segment: &str) -> bool {
    let mut text = segment.to_owned();
    for _ in 0..DECODED_MAX {
        if text == "."
            || text == ".."
            || text.contains(['/', '\\'])
            || text.contains(char::is_control)
        {
            return false;
        }
        match percent_decode(&text) {
            Ok(decoded) if decoded == text => return true,
            Ok(decoded) => text = decoded.into_owned(),
            // A `%` that stands for itself, unless it is one of the path as it is sent.
            Err(_) => return text != segment,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_tag_has_its_form() {
        for (tag, fits) in [
            ("\"\"", true),
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("abc", false),
            ("w/\"abc\"", false),
            ("\"a\"b\"", false),
            ("\"a b\"", false),
            ("\"", false),
            ("*", false),
        ] {
            assert_eq!(is_entity_tag(tag), fits, "{tag}");
        }
    }

    #[test]
    fn a_location_is_a_path_of_its_own() {
        for (location, path) in [
            ("/store/things/1", Some("/store/things/1")),
            ("/store/a%20b?x=/../y#z", Some("/store/a%20b")),
            ("/store/100%25", Some("/store/100%25")),
            ("", None),
            ("store/things", None),
            ("https://evil.example/", None),
            ("//evil.example/", None),
            ("/\\evil.example/", None),
            ("/\t/evil.example/", None),
            ("/store\\..\\admin", None),
            ("/store/../admin", None),
            ("/store/.", None),
            ("/store/%2e%2E/admin", None),
            ("/store/.%2e/admin", None),
            ("/store/%252e%252e/admin", None),
            ("/store/%2f%2fevil.example", None),
            ("/store/%255cevil", None),
            ("/store/%0d%0a", None),
            ("/store/%", None),
            ("/store/%zz", None),
            ("/store/%ff", None),
            ("/store/%25252525252525252e", None),
            ("/store/ /x", None),
        ] {
            assert_eq!(plain_path(location), path, "{location}");
        }
    }
}
