//! The methods of requests and of endpoints.

use hyper::Method;
use hyper::http::request::Parts;

use crate::components::{self, method_name};

use super::answer::Answer;

/// The method of the endpoint that answers a request: GET answers HEAD.
pub(super) fn method_of(method: &Method) -> Option<components::Method> {
    match *method {
        Method::GET | Method::HEAD => Some(components::Method::Get),
        Method::POST => Some(components::Method::Post),
        Method::PUT => Some(components::Method::Put),
        Method::PATCH => Some(components::Method::Patch),
        Method::DELETE => Some(components::Method::Delete),
        _ => None,
    }
}

/// The answer to a method that no endpoint of the path has.
pub(super) fn not_allowed(parts: &Parts, allowed: &[components::Method]) -> Answer {
    let mut names = Vec::with_capacity(allowed.len() + 1);
    for method in allowed {
        names.push(method_name(*method));
        if *method == components::Method::Get {
            names.push("HEAD");
        }
    }
    Answer::method_not_allowed(&parts.method, parts.uri.path(), &names.join(", "))
}
