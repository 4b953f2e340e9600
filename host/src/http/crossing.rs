//! The crossing between HTTP and a component. `crate::headers` lists the headers that cross;
//! here they are read from requests and set on answers. No other part of a component's
//! answer reaches a caller.

mod forms;

use hyper::header::{
    CONNECTION, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::http::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use crate::components::{self, NO_304, Remark, Version, unsendable};
use crate::headers::{may_be_seen, may_be_set};
use crate::printable::cut;

use super::RETRY_AFTER_S;
use super::answer::{Answer, JSON};
use forms::{is_entity_tag, is_json, is_media_type, plain_path};

/// The kept and shown part of the name of a header, in bytes.
const NAME_BYTES_MAX: usize = 100;

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

#[cfg(test)]
mod tests;
