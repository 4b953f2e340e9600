//! Which endpoint a method and a path mean. Literal segments match without
//! regard to case, a slash at the end is let pass, and a path that other
//! methods have is told from one that nobody has.

use std::sync::Arc;

use hyper::Method;

use super::own::Own;
use crate::modules::{Access, Module, Slot};

/// Where a request goes.
#[derive(Clone)]
pub enum Target {
    /// One of the host's own endpoints.
    Own(Own),
    /// A route of one version of a module, by its place in that version's list.
    Module(Arc<Slot>, Arc<Module>, u32),
}

/// An endpoint: where the request goes, and who may call it.
#[derive(Clone)]
pub struct Endpoint {
    /// Where the request goes.
    pub target: Target,
    /// Who may call it.
    pub access: Access,
}

/// What a look-up found.
pub enum Found<'a> {
    /// The endpoint, and what its path's `{name}` segments matched, decoded.
    Endpoint(&'a Endpoint, Vec<String>),
    /// The path is known, for these methods only.
    OtherMethods(Vec<Method>),
    /// No route has this path.
    Nothing,
    /// A segment is not valid percent-encoding.
    BadEncoding,
}

/// Why two routes cannot stand beside one another.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The path is no path pattern, or collides with another one.
    #[error("the route {method} {path} cannot be served: {reason}")]
    Pattern {
        /// The route's method.
        method: Method,
        /// The route's path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two modules call two things by one name.
    #[error("the module {module} cannot be served: another one has a schema '{name}'")]
    Schema {
        /// The module.
        module: String,
        /// The name.
        name: String,
    },
}

/// All endpoints of a host.
#[derive(Default)]
pub struct Routes {
    router: matchit::Router<Vec<(Method, Endpoint)>>,
}

impl Routes {
    /// Adds an endpoint.
    ///
    /// # Errors
    /// When the path is no pattern, or the method has an endpoint there already.
    pub fn add(
        &mut self,
        method: Method,
        path: &str,
        endpoint: Endpoint,
    ) -> Result<(), RouteError> {
        let fault = |reason: String| RouteError::Pattern {
            method: method.clone(),
            path: path.to_owned(),
            reason,
        };
        if !path.starts_with('/') || (path.len() > 1 && path.ends_with('/')) {
            return Err(fault(
                "a path begins with a slash and does not end with one".to_owned(),
            ));
        }
        let pattern = normal_pattern(path);
        if let Ok(found) = self.router.at_mut(&pattern) {
            // `at_mut` matches as for a request; only the very same pattern has as many parameters.
            if found
                .params
                .iter()
                .all(|(name, value)| value == format!("{{{name}}}"))
            {
                if found.value.iter().any(|(other, _)| *other == method) {
                    return Err(fault("it is served already".to_owned()));
                }
                found.value.push((method, endpoint));
                return Ok(());
            }
        }
        self.router
            .insert(pattern, vec![(method.clone(), endpoint)])
            .map_err(|error| fault(error.to_string()))
    }

    /// Looks an endpoint up. HEAD is served by GET.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let path = match path.strip_suffix('/') {
            Some("") | None => path,
            Some(shorter) => shorter,
        };
        // Lower-casing ASCII keeps every byte in its place, so that the
        // parameters can be cut out of the path as it was sent.
        let lower = path.to_ascii_lowercase();
        let Ok(found) = self.router.at(&lower) else {
            return Found::Nothing;
        };
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let Some((_, endpoint)) = found.value.iter().find(|(method, _)| method == wanted) else {
            return Found::OtherMethods(allowed(found.value));
        };
        let mut parameters = Vec::with_capacity(found.params.len());
        for (_, value) in found.params.iter() {
            let start = value.as_ptr() as usize - lower.as_ptr() as usize;
            match percent_decode(&path[start..start + value.len()]) {
                Some(value) => parameters.push(value),
                None => return Found::BadEncoding,
            }
        }
        Found::Endpoint(endpoint, parameters)
    }
}

fn allowed(endpoints: &[(Method, Endpoint)]) -> Vec<Method> {
    let mut methods = Vec::with_capacity(endpoints.len() + 1);
    for (method, _) in endpoints {
        methods.push(method.clone());
        if *method == Method::GET {
            methods.push(Method::HEAD);
        }
    }
    methods
}

/// Literals in lower case, parameters named by their place: two modules that
/// name the same segment differently do not collide.
fn normal_pattern(path: &str) -> String {
    let mut place = 0;
    path.split('/')
        .map(|segment| {
            if segment.starts_with('{') && segment.ends_with('}') {
                place += 1;
                format!("{{p{place}}}")
            } else {
                segment.to_ascii_lowercase()
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// The text that percent-encoding stands for, if it is valid and UTF-8.
pub(super) fn percent_decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(hex::decode(digits).ok()?[0]);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}
