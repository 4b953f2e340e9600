//! Which other origins' pages may read answers and send requests with
//! credentials: those that the operator lists, and no others.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, StatusCode};

use super::answer::Answer;

const METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

/// The origins that the operator allows.
pub struct Cors {
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// Allows these origins: `https://shop.example`, without a path.
    pub fn new(origins: &[String]) -> Self {
        Self {
            origins: origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok())
                .collect(),
        }
    }

    /// Whether an origin is one of those that the operator allows.
    pub fn lists(&self, origin: &HeaderValue) -> bool {
        self.origins.contains(origin)
    }

    /// The method that a preflight asks for, if the request is one.
    pub fn preflight(method: &Method, headers: &HeaderMap) -> Option<Method> {
        if method != Method::OPTIONS || !headers.contains_key(ORIGIN) {
            return None;
        }
        Method::from_bytes(headers.get(ACCESS_CONTROL_REQUEST_METHOD)?.as_bytes()).ok()
    }

    /// The answer to a preflight of a route that exists.
    pub fn allow(headers: &HeaderMap) -> Answer {
        let mut answer = Answer {
            status: StatusCode::NO_CONTENT,
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        answer.headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer
                .headers
                .insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        answer.headers.append(
            VARY,
            HeaderValue::from_static("Access-Control-Request-Headers"),
        );
        answer
    }

    /// Puts on an answer what the browser of this request needs to hand it to the page.
    pub fn sign(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        answer.append(VARY, HeaderValue::from_static("Origin"));
        answer.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        if let Some(origin) = request.get(ORIGIN)
            && self.lists(origin)
        {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
    }
}
