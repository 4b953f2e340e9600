//! The crossing between HTTP and a component. `crate::headers` lists the headers that cross;
//! here they are read from requests and set on answers. No other part of a component's
//! answer reaches a caller.

use hyper::header::{
    CONNECTION, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::http::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use crate::components::{self, NO_304, Remark, Version, percent_decode, unsendable};
use crate::headers::{is_token, may_be_seen, may_be_set};
use crate::printable::cut;

use super::RETRY_AFTER_S;
use super::answer::{Answer, JSON};

/// A media type with its parameters, in bytes.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// The kept and shown part of the name of a header, in bytes.
const NAME_BYTES_MAX: usize = 100;
/// How many times a segment is percent-decoded; one that is encoded more often is refused.
const DECODED_MAX: usize = 5;

/// Headers that an answer has once or not at all.
const SINGLE: [HeaderName; 7] = [
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    LOCATION,
    RETRY_AFTER,
];

/// Browsers use the type as sent, and guess no other.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Sets an origin of its own for a document, and lets it run no script: a component wrote it,
/// not the host whose origin the viewer is signed in to.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");

/// The headers of a request that a route asked for and that a component may see,
/// each as often as it was sent. One that the request's `Connection` names is
/// meant for this connection alone, and one whose value is no ASCII text is left out.
pub fn seen(headers: &HeaderMap, asked: &[String]) -> Vec<components::Header> {
    asked
        .iter()
        .filter(|name| may_be_seen(name) && !is_hop(headers, name))
        .flat_map(|name| {
            headers
                .get_all(name.as_str())
                .iter()
                .filter_map(|value| value.to_str().ok())
                .map(|value| components::Header {
                    name: name.to_ascii_lowercase(),
                    value: value.to_owned(),
                })
        })
        .collect()
}

/// Whether a request's `Connection` names this header.
fn is_hop(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|hop| hop.trim().eq_ignore_ascii_case(name))
}

/// A component's answer, with only the headers that it may set.
#[derive(Debug)]
pub struct Crossed {
    /// The remaining answer.
    pub answer: Answer,
    dropped: Vec<Dropped>,
}

/// A dropped header.
#[derive(Debug)]
struct Dropped {
    name: HeaderName,
    why: &'static str,
}

/// Reads a component's answer.
///
/// # Errors
/// When HTTP cannot carry it.
pub fn answer_of(response: components::Response) -> Result<Crossed, String> {
    if let Some(fault) = unsendable(&response) {
        return Err(fault);
    }
    let refused = || "the answer cannot be sent".to_owned();
    let status = StatusCode::from_u16(response.status).map_err(|_| refused())?;
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 6);
    let mut dropped = Vec::new();
    for header in response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| refused())?;
        let value = HeaderValue::from_str(&header.value).map_err(|_| refused())?;
        match objection(&headers, &name, &header.value) {
            None => {
                headers.append(name, value);
            }
            Some(why) => dropped.push(Dropped { name, why }),
        }
    }
    if !response.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, JSON);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if !headers.get(CONTENT_TYPE).is_some_and(is_json) {
        headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE && !headers.contains_key(RETRY_AFTER) {
        headers.insert(RETRY_AFTER, RETRY_AFTER_S.into());
    }
    let answer = Answer {
        status,
        headers,
        body: response.body.into(),
    };
    Ok(Crossed { answer, dropped })
}

/// Why a header of an answer does not cross.
fn objection(before: &HeaderMap, name: &HeaderName, value: &str) -> Option<&'static str> {
    if !may_be_set(name.as_str()) {
        Some("no component may set it")
    } else if SINGLE.contains(name) && before.contains_key(name) {
        Some("an answer has it once")
    } else if *name == CONTENT_TYPE && !is_media_type(value) {
        Some("it is no media type that a component may have, like text/csv")
    } else if *name == ETAG && !is_entity_tag(value) {
        Some("it is no entity tag, like \"33a64df5\" with its quotes")
    } else {
        None
    }
}

impl Crossed {
    /// Completes the answer to one request: `owns` returns whether a path is the component's
    /// own. Logs dropped headers, once for each name and version.
    pub(super) fn settle(
        mut self,
        parts: &Parts,
        module: &Version,
        owns: impl Fn(&str) -> bool,
    ) -> Answer {
        if self.is_304() && !is_conditional(parts) {
            tracing::error!(module = module.name(), "{NO_304}");
            return Answer::unknown_error();
        }
        self.keep_within(owns);
        for Dropped { name, why } in self.dropped {
            tell(module, &name, why);
        }
        self.answer
    }

    fn is_304(&self) -> bool {
        self.answer.status == StatusCode::NOT_MODIFIED
    }

    /// Drops a `Location` that leads out of the component's own paths.
    pub fn keep_within(&mut self, owns: impl Fn(&str) -> bool) {
        let Some(location) = self.answer.headers.get(LOCATION) else {
            return;
        };
        let location = location.to_str().unwrap_or_default();
        if !plain_path(location).is_some_and(owns) {
            self.answer.headers.remove(LOCATION);
            self.dropped.push(Dropped {
                name: LOCATION,
                why: "it is no path of the component's own, like /store/things/1",
            });
        }
    }
}

fn tell(module: &Version, name: &HeaderName, why: &str) {
    let name = cut(name.as_str(), NAME_BYTES_MAX);
    let remark = module.remarks().on(&name);
    let more = match remark {
        Remark::Said => return,
        Remark::First => "",
        Remark::Last => "; no further header of this version is told of",
    };
    tracing::warn!(
        module = module.name(),
        version = %module.version(),
        header = &*name,
        "a header of its answers is left out: {why}{more}"
    );
}

/// Whether a request may be answered with 304 (RFC 9110, 15.4.5).
fn is_conditional(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD)
        && [IF_NONE_MATCH, IF_MODIFIED_SINCE]
            .iter()
            .any(|name| parts.headers.contains_key(name))
}

/// Whether a body of this type is data to every browser.
fn is_json(value: &HeaderValue) -> bool {
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
fn is_media_type(value: &str) -> bool {
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
fn is_entity_tag(value: &str) -> bool {
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
fn plain_path(location: &str) -> Option<&str> {
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
            Some(decoded) if decoded == text => return true,
            Some(decoded) => text = decoded,
            // A `%` that stands for itself, unless it is one of the path as it is sent.
            None => return text != segment,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> components::Header {
        components::Header {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    fn crossed(headers: &[(&str, &str)]) -> Crossed {
        answer_of(components::Response {
            status: 200,
            headers: headers
                .iter()
                .map(|(name, value)| header(name, value))
                .collect(),
            body: b"{}".to_vec(),
        })
        .unwrap()
    }

    fn text<'a>(crossed: &'a Crossed, name: &str) -> Vec<&'a str> {
        let values = crossed.answer.headers.get_all(name);
        values.iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_request_is_seen_as_the_route_asked_and_no_further() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "text/csv"),
            ("x-part", "1"),
            ("x-part", "2"),
            ("x-near", "here"),
            ("connection", "close, X-Near"),
            ("authorization", "Bearer x"),
            ("x-reader", "Gr\u{f6}\u{df}e"),
        ] {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let asked = [
            "accept",
            "x-part",
            "x-near",
            "Authorization",
            "x-reader",
            "x-none",
        ];
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        let seen: Vec<_> = seen(&headers, &asked)
            .into_iter()
            .map(|header| (header.name, header.value))
            .collect();
        let expected = [("accept", "text/csv"), ("x-part", "1"), ("x-part", "2")];
        assert_eq!(
            seen,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn unlisted_headers_are_dropped() {
        let crossed = crossed(&[
            ("Content-Type", "text/csv; charset=utf-8"),
            ("Set-Cookie", "connect.sid=planted"),
            ("Access-Control-Allow-Origin", "*"),
            ("X-Total", "3"),
            ("Link", "</a>; rel=next"),
            ("Link", "</b>; rel=prev"),
        ]);
        assert_eq!(text(&crossed, "content-type"), ["text/csv; charset=utf-8"]);
        assert_eq!(text(&crossed, "x-total"), ["3"]);
        assert_eq!(text(&crossed, "link"), ["</a>; rel=next", "</b>; rel=prev"]);
        assert_eq!(text(&crossed, "x-content-type-options"), ["nosniff"]);
        assert_eq!(text(&crossed, "content-security-policy"), ["sandbox"]);
        assert_eq!(crossed.answer.headers.len(), 6, "{crossed:?}");
        let dropped: Vec<&str> = crossed.dropped.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(dropped, ["set-cookie", "access-control-allow-origin"]);
    }

    #[test]
    fn a_busy_answer_has_the_time_to_retry() {
        let check = |status: u16, headers: &[(&str, &str)], told: &[&str]| {
            let crossed = answer_of(components::Response {
                status,
                headers: headers
                    .iter()
                    .map(|(name, value)| header(name, value))
                    .collect(),
                body: Vec::new(),
            });
            assert_eq!(text(&crossed.unwrap(), "retry-after"), told, "{status}");
        };
        check(503, &[], &["1"]);
        check(503, &[("Retry-After", "30")], &["30"]);
        check(500, &[], &[]);
        check(200, &[], &[]);
    }

    #[test]
    fn an_answer_has_one_content_type() {
        let crossed = crossed(&[
            ("content-type", "application/json"),
            ("Content-Type", "text/html"),
            ("etag", "\"1\""),
            ("etag", "\"2\""),
        ]);
        assert_eq!(text(&crossed, "content-type"), ["application/json"]);
        assert_eq!(text(&crossed, "etag"), ["\"1\""]);
        assert_eq!(crossed.dropped.len(), 2);
    }

    #[test]
    fn only_json_is_not_sandboxed() {
        for (media, sandboxed) in [
            ("application/json", false),
            ("Application/JSON; charset=utf-8", false),
            ("application/problem+json", false),
            ("text/json", true),
            ("text/html", true),
            ("image/svg+xml", true),
            ("image/svg+xml+json", true),
            ("application/xml", true),
            ("text/html; x=\"application/json\"", true),
        ] {
            let crossed = crossed(&[("content-type", media)]);
            assert_eq!(text(&crossed, "content-type"), [media]);
            assert_eq!(
                !text(&crossed, "content-security-policy").is_empty(),
                sandboxed,
                "{media}"
            );
        }
        for media in [
            "",
            "html",
            "text/",
            "text/html; x=application/json",
            "text/html, application/json",
            "application/json, text/html",
            "application/json; x=\",text/html\"",
            "application/json; x=\"\\\"\"",
            "text/ html",
            "multipart/x-mixed-replace; boundary=x",
            "Message/http",
        ] {
            let crossed = crossed(&[("content-type", media)]);
            assert_eq!(
                text(&crossed, "content-type"),
                ["application/json; charset=utf-8"],
                "{media}"
            );
        }
    }

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
        let location = |owns: fn(&str) -> bool| {
            let mut crossed = crossed(&[("location", "/store/things/1?x=1")]);
            crossed.keep_within(owns);
            let kept = text(&crossed, "location").len();
            (kept, crossed.dropped.len())
        };
        assert_eq!(location(|path| path == "/store/things/1"), (1, 0));
        assert_eq!(location(|_| false), (0, 1));
    }
}
