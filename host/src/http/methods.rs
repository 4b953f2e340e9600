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

#[cfg(test)]
mod tests {
    use components::Method::{Delete, Get, Patch, Post, Put};
    use hyper::Request;

    use super::*;

    #[test]
    fn a_method_has_the_endpoint_of_its_name_and_head_that_of_get() {
        for (method, endpoint) in [
            ("GET", Some(Get)),
            ("HEAD", Some(Get)),
            ("POST", Some(Post)),
            ("PUT", Some(Put)),
            ("PATCH", Some(Patch)),
            ("DELETE", Some(Delete)),
            ("OPTIONS", None),
            ("CONNECT", None),
            ("get", None),
            ("QUERY", None),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(method_of(&method), endpoint, "{method}");
        }
    }

    #[test]
    fn a_refused_method_names_those_that_work() {
        for (methods, allowed) in [
            (&[Get][..], "GET, HEAD"),
            (&[Post, Delete], "POST, DELETE"),
            (&[Get, Put, Patch], "GET, HEAD, PUT, PATCH"),
        ] {
            let request = Request::trace("/things?x=1").body(()).unwrap();
            let answer = not_allowed(&request.into_parts().0, methods);
            assert_eq!(answer.status, 405);
            assert_eq!(answer.headers["allow"], allowed);
            assert_eq!(
                answer.message(),
                format!("/things takes {allowed}, not TRACE")
            );
        }
    }
}
