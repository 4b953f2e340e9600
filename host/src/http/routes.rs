//! Finds the endpoint of a method and a path. A path of the host belongs only to its own
//! endpoints, whatever components declare. A path with other methods is distinguished from
//! an unknown one.

use std::sync::Arc;

use hyper::Method;

use super::own::Own;
use crate::components::{Access, Overlap, Pattern, RoutingTable, Slot, Version, belongs_to_host};

/// The target of a request.
#[derive(Clone)]
pub enum Target {
    /// One of the host's own endpoints.
    Own(Own),
    /// A route of one version of a module, by its index in that version's list.
    Module(Arc<Slot>, Arc<Version>, u32),
}

/// An endpoint: the target, and its access.
#[derive(Clone)]
pub struct Endpoint {
    /// The target.
    pub target: Target,
    /// Its access.
    pub access: Access,
}

/// The result of a look-up.
pub enum Found<'a> {
    /// The endpoint, and the values of its path's `{name}` segments, decoded.
    Endpoint(&'a Endpoint, Vec<String>),
    /// The path is known, for these methods only.
    OtherMethods(Vec<Method>),
    /// No route has this path.
    Nothing,
    /// A segment is not valid percent-encoding.
    BadEncoding,
}

/// Why routes cannot be served together.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// An endpoint of the host is not allowed.
    #[error("the host's own endpoint {method} {path} cannot be served: {reason}")]
    Own {
        /// Its method.
        method: Method,
        /// Its path.
        path: &'static str,
        /// The reason.
        reason: String,
    },
    /// Two modules would own one path.
    #[error(transparent)]
    Overlap(#[from] Overlap),
    /// Two modules, or a module and the host, use one name twice.
    #[error("the module {module} cannot be served: {owner} has {what} '{name}' already")]
    Name {
        /// The module.
        module: String,
        /// The owner of the name.
        owner: String,
        /// The kind of the named object.
        what: &'static str,
        /// The name.
        name: String,
    },
}

/// All endpoints of a host.
#[derive(Default)]
pub struct Routes {
    table: RoutingTable<Vec<(Method, Endpoint)>>,
}

impl Routes {
    /// Adds one of the host's own endpoints.
    ///
    /// # Errors
    /// When its path is no pattern or not reserved for the host, or when the method has an
    /// endpoint there.
    pub fn add_own(
        &mut self,
        method: Method,
        path: &'static str,
        endpoint: Endpoint,
    ) -> Result<(), RouteError> {
        let fault = |reason: String| RouteError::Own {
            method: method.clone(),
            path,
            reason,
        };
        let pattern = Pattern::parse_of_host(path).map_err(|error| fault(error.to_string()))?;
        if !belongs_to_host(path) {
            return Err(fault(
                "the path is none that no component may have".to_owned(),
            ));
        }
        let endpoints = self.table.of_host(&pattern);
        if endpoints.iter().any(|(other, _)| *other == method) {
            return Err(fault("it is served already".to_owned()));
        }
        endpoints.push((method, endpoint));
        Ok(())
    }

    /// Adds all routes of a module.
    pub fn add_module(&mut self, slot: &Arc<Slot>, module: &Arc<Version>) {
        let routes = module.routes().iter().zip(module.patterns());
        for (number, (route, pattern)) in (0u32..).zip(routes) {
            let endpoint = Endpoint {
                target: Target::Module(slot.clone(), module.clone(), number),
                access: route.access,
            };
            let endpoints = self.table.of_component(pattern);
            endpoints.push((super::method(route.method), endpoint));
        }
    }

    /// Looks an endpoint up. HEAD is served by GET.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Some(found) = self.table.find(path) else {
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
        let decoded = found.parameters.iter().map(|value| percent_decode(value));
        match decoded.collect() {
            Some(parameters) => Found::Endpoint(endpoint, parameters),
            None => Found::BadEncoding,
        }
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

/// Percent-decodes a text, if it is valid and UTF-8.
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
