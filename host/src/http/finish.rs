//! The last step of every answer: its fingerprint, and what a conditional
//! request or a HEAD leaves of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use hyper::{Method, Response, StatusCode};
use sha1::{Digest, Sha1};

use super::envelope::Answer;

/// What of the request the last step depends on.
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
        } = tagged(answer);
        let fresh = self.reading
            && status.is_success()
            && !self.no_cache
            && self.matches(headers.get(ETAG));
        let mut response = if fresh {
            headers.remove(CONTENT_TYPE);
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else if self.head {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
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

/// A weak tag of the form that Express gives: the length in hexadecimal, and
/// the first 27 characters of the body's SHA-1 in base 64.
fn etag(body: &[u8]) -> String {
    let digest = STANDARD_NO_PAD.encode(Sha1::digest(body));
    format!("W/\"{:x}-{}\"", body.len(), &digest[..27])
}
