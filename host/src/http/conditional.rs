//! The last step of every answer: its fingerprint, conditional requests and HEAD.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG,
    HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Method, Response, StatusCode};
use sha1::{Digest, Sha1};

use super::answer::Answer;

/// The request headers that conditional answers need.
pub struct Conditions {
    reading: bool,
    head: bool,
    if_none_match: Option<HeaderValue>,
    no_cache: bool,
}

impl Conditions {
    /// The conditions of a request.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            reading: matches!(*method, Method::GET | Method::HEAD),
            head: *method == Method::HEAD,
            if_none_match: headers.get(IF_NONE_MATCH).cloned(),
            no_cache: headers
                .get(CACHE_CONTROL)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.to_ascii_lowercase().contains("no-cache")),
        }
    }

    /// Turns an answer into a response.
    pub fn finish(&self, answer: Answer) -> Response<Bytes> {
        let Answer {
            status,
            mut headers,
            body,
        } = tagged(with_content(answer));
        let fresh = self.reading
            && status.is_success()
            && !self.no_cache
            && self.matches(headers.get(ETAG));
        let mut response = if fresh {
            strip(&mut headers);
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else if self.head {
            if !has_no_content(status) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            }
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = status;
            response
        } else {
            let mut response = Response::new(body);
            *response.status_mut() = status;
            response
        };
        *response.headers_mut() = headers;
        response
    }

    fn matches(&self, tag: Option<&HeaderValue>) -> bool {
        let (Some(wanted), Some(tag)) = (&self.if_none_match, tag) else {
            return false;
        };
        let (Ok(wanted), Ok(tag)) = (wanted.to_str(), tag.to_str()) else {
            return false;
        };
        let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        wanted
            .split(',')
            .any(|one| one.trim() == "*" || strong(one) == strong(tag))
    }
}

/// The same answer with its fingerprint.
pub(super) fn tagged(mut answer: Answer) -> Answer {
    if !answer.body.is_empty()
        && !answer.headers.contains_key(ETAG)
        && let Ok(tag) = HeaderValue::from_str(&etag(&answer.body))
    {
        answer.headers.insert(ETAG, tag);
    }
    answer
}

/// The same answer, without content where its status has none.
fn with_content(mut answer: Answer) -> Answer {
    if has_no_content(answer.status) {
        answer.body = Bytes::new();
        strip(&mut answer.headers);
    }
    answer
}

/// Whether an answer of this status never has content (RFC 9110, 15.3.5, 15.3.6, 15.4.5).
fn has_no_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// Removes the headers about missing content.
fn strip(headers: &mut HeaderMap) {
    for name in [
        CONTENT_TYPE,
        CONTENT_DISPOSITION,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
    ] {
        headers.remove(name);
    }
}

/// A weak tag in Express' form: the length in hexadecimal, and
/// the first 27 characters of the body's SHA-1 in base 64.
fn etag(body: &[u8]) -> String {
    let digest = STANDARD_NO_PAD.encode(Sha1::digest(body));
    format!("W/\"{:x}-{}\"", body.len(), &digest[..27])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "W/\"2-vyGp6PvFo4RvsFtPoIWeCReyIC8\"";

    #[track_caller]
    fn check(method: Method, headers: &[(&'static str, &str)], status: u16, body: &str) {
        let mut asked = HeaderMap::new();
        for (name, value) in headers {
            asked.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let answer = Answer::json(&serde_json::json!({}));
        let response = Conditions::of(&method, &asked).finish(answer);
        let found = (response.status().as_u16(), &response.body()[..]);
        assert_eq!(found, (status, body.as_bytes()), "{method} {headers:?}");
        assert_eq!(response.headers()[ETAG], TAG);
    }

    #[test]
    fn a_reader_with_the_present_tag_gets_no_content() {
        const IF: &str = "if-none-match";
        check(Method::GET, &[], 200, "{}");
        check(Method::HEAD, &[], 200, "");
        check(Method::GET, &[(IF, TAG)], 304, "");
        check(Method::HEAD, &[(IF, TAG)], 304, "");
        check(Method::GET, &[(IF, TAG.trim_start_matches("W/"))], 304, "");
        check(Method::GET, &[(IF, &format!("\"a\", {TAG}"))], 304, "");
        check(Method::GET, &[(IF, "*")], 304, "");
        check(Method::GET, &[(IF, "\"a\"")], 200, "{}");
        check(
            Method::GET,
            &[(IF, TAG), ("cache-control", "No-Cache")],
            200,
            "{}",
        );
        check(Method::POST, &[(IF, TAG)], 200, "{}");
    }
}
