//! A request that comes from no connection, for tests of components: who makes it and its id
//! are the caller's word. It is routed, checked and answered as any other.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Uri};

use crate::components::{Actor, CurrentRoutes, FoundEndpoint, ModuleEndpoint};

use super::answer::{Answer, JSON, Refusal};
use super::body;
use super::call;
use super::entry::Entry;
use super::methods::{method_of, not_allowed};

/// A request.
pub(crate) struct DirectRequest<'a> {
    pub method: &'a str,
    /// With its query.
    pub target: &'a str,
    pub headers: &'a [(String, String)],
    /// A body without a `content-type` is JSON.
    pub body: Vec<u8>,
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    pub actor: Option<Actor>,
    pub id: &'a str,
}

/// The answer to one.
pub(crate) struct DirectAnswer {
    pub status: u16,
    /// Those whose values are text.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Answers a request.
///
/// # Errors
/// When it is none that HTTP has, or is one to the host itself.
pub(crate) async fn respond(
    routes: &CurrentRoutes,
    request: DirectRequest<'_>,
) -> Result<DirectAnswer, String> {
    let parts = parts(&request)?;
    let routes = routes.present();
    let caller = request
        .actor
        .as_ref()
        .map_or("nobody", |actor| &actor.id)
        .to_owned();
    let path = parts.uri.path();
    let found = routes.find(method_of(&parts.method), path, &caller);
    if let FoundEndpoint::Host(..) = found {
        return Err(format!("{path} is a path of the host's own"));
    }
    let entry = Entry::of(&found, path, request.actor.is_some());
    let answer = async {
        let bytes = body::checked(&parts.headers, request.body.into(), request.body_bytes_max)?;
        if entry == Entry::Refused {
            return Err(Box::new(Answer::unauthorized()));
        }
        let endpoint = endpoint(&parts, &found)?;
        let of_module = call::request(endpoint, &parts, bytes, None, request.id);
        let of_module = crate::components::Request {
            actor: request.actor,
            ..of_module
        };
        let crossed = call::call(endpoint, &caller, of_module).await?;
        let ModuleEndpoint { slot, version, .. } = endpoint;
        Ok(crossed.settle(&parts, version, |path| {
            routes.belongs_to(slot, version, path)
        }))
    };
    let mut answer = answer.await.unwrap_or_else(|refusal: Refusal| *refusal);
    if parts.method == Method::HEAD {
        answer.body = Bytes::new();
    }
    let headers = answer.headers.iter();
    let headers = headers.filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(DirectAnswer {
        status: answer.status.as_u16(),
        headers: headers.collect(),
        body: answer.body.into(),
    })
}

fn parts(request: &DirectRequest<'_>) -> Result<Parts, String> {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("'{}' is no method", request.method.escape_debug()))?;
    let no_path = || {
        format!(
            "'{}' is no path, like /store/things",
            request.target.escape_debug()
        )
    };
    let uri: Uri = request.target.parse().map_err(|_| no_path())?;
    if !request.target.starts_with('/') {
        return Err(no_path());
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    (parts.method, parts.uri) = (method, uri);
    for (name, value) in request.headers {
        let no_header = || format!("'{}' cannot be a header", name.escape_debug());
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| no_header())?;
        let value = HeaderValue::from_str(value).map_err(|_| no_header())?;
        parts.headers.append(header, value);
    }
    if !request.body.is_empty() && !parts.headers.contains_key(CONTENT_TYPE) {
        parts.headers.insert(CONTENT_TYPE, JSON);
    }
    Ok(parts)
}

fn endpoint<'a>(parts: &Parts, found: &'a FoundEndpoint) -> Result<&'a ModuleEndpoint, Refusal> {
    Err(Box::new(match found {
        FoundEndpoint::Module(endpoint) => return Ok(endpoint),
        FoundEndpoint::OtherMethods(allowed) => not_allowed(parts, allowed),
        FoundEndpoint::BadEncoding => Answer::bad_encoding(),
        FoundEndpoint::Host(..) | FoundEndpoint::Nothing => {
            Answer::no_route(&parts.method, parts.uri.path())
        }
    }))
}
