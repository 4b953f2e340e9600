//! The routing table: the owner of each path. The host's endpoints are numbers that only
//! the host can read. A path of a module leads to its slot, which chooses a version.

use std::sync::Arc;

use super::claims::RouteError;
use super::paths::{Owned, Paths};
use super::pattern::{Pattern, belongs_to_host};
use super::routes::{FoundRoute, decoded, method_name, with_method};
use crate::components::{Access, Method, Slot, Version};

/// The endpoints of the host, by numbers, and the names that they use in the document of all
/// endpoints.
#[derive(Default)]
pub struct HostRoutes {
    endpoints: Vec<(Pattern, Method, usize)>,
    /// The ids of the operations.
    pub operation_ids: Vec<String>,
}

/// The owners of all paths.
pub struct RoutingTable {
    paths: Paths<Vec<(Method, usize)>, Arc<Slot>>,
    generation: u64,
}

/// The result of a look-up.
pub enum Found {
    /// The number of an endpoint of the host, and the decoded values of its path parameters.
    Host(usize, Vec<String>),
    /// A route of a module.
    Module(ModuleEndpoint),
    /// The path has endpoints of these methods only.
    OtherMethods(Vec<Method>),
    /// No endpoint has this path.
    Nothing,
    /// A segment is not valid percent-encoding.
    BadEncoding,
}

/// A route of a module, in the version that its slot chose.
pub struct ModuleEndpoint {
    /// The slot of the module.
    pub slot: Arc<Slot>,
    /// The version that answers.
    pub version: Arc<Version>,
    /// The index of the route among those of the version.
    pub route: u32,
    /// The decoded values of its path parameters.
    pub parameters: Vec<String>,
}

impl ModuleEndpoint {
    /// The access that the route requires.
    pub fn access(&self) -> Access {
        let route = self.version.routes().get(self.route as usize);
        route.map_or(Access::Admin, |route| route.access)
    }
}

impl HostRoutes {
    /// Adds an endpoint.
    ///
    /// # Errors
    /// When its path is not kept for the host, or the method has an endpoint there.
    pub fn add(
        &mut self,
        number: usize,
        method: Method,
        path: &'static str,
    ) -> Result<(), RouteError> {
        let fault = |reason: String| RouteError::Host {
            method: method_name(method),
            path,
            reason,
        };
        let pattern = Pattern::parse_of_host(path).map_err(|error| fault(error.to_string()))?;
        if !belongs_to_host(path) {
            return Err(fault("a component may have this path".to_owned()));
        }
        let is_same = |(other, of, _): &(Pattern, Method, usize)| {
            *of == method && other.segments() == pattern.segments()
        };
        if self.endpoints.iter().any(is_same) {
            return Err(fault("it is served already".to_owned()));
        }
        self.endpoints.push((pattern, method, number));
        Ok(())
    }
}

impl RoutingTable {
    pub(super) fn new(host: &HostRoutes, slots: &[Arc<Slot>], generation: u64) -> Self {
        let mut paths: Paths<Vec<_>, _> = Paths::default();
        for (pattern, method, number) in &host.endpoints {
            let endpoints = paths.of_host(pattern).get_or_insert_default();
            endpoints.push((*method, *number));
        }
        for slot in slots {
            for version in slot.versions() {
                for pattern in version.patterns() {
                    let owner = paths.of_component(pattern);
                    owner.get_or_insert_with(|| slot.clone());
                }
            }
        }
        Self { paths, generation }
    }

    /// Looks an endpoint up; none has a method that is `None`. `caller` is the key by which a
    /// slot chooses the version.
    pub fn find(&self, method: Option<Method>, path: &str, caller: &str) -> Found {
        let Some(found) = self.paths.find(path) else {
            return Found::Nothing;
        };
        match found.value {
            Owned::Host(endpoints) => match with_method(endpoints, method) {
                None => Found::OtherMethods(endpoints.iter().map(|(method, _)| *method).collect()),
                Some(number) => match decoded(&found.parameters) {
                    Some(parameters) => Found::Host(number, parameters),
                    None => Found::BadEncoding,
                },
            },
            Owned::Component(slot) => {
                let version = slot.choose(caller);
                match version.find_route(method, path) {
                    FoundRoute::Route(route, parameters) => Found::Module(ModuleEndpoint {
                        slot: slot.clone(),
                        version,
                        route,
                        parameters,
                    }),
                    FoundRoute::OtherMethods(methods) => Found::OtherMethods(methods),
                    FoundRoute::Nothing => Found::Nothing,
                    FoundRoute::BadEncoding => Found::BadEncoding,
                }
            }
        }
    }

    /// Whether an endpoint has this method and path, for any caller.
    pub fn has(&self, method: Option<Method>, path: &str) -> bool {
        let Some(found) = self.paths.find(path) else {
            return false;
        };
        match found.value {
            Owned::Host(endpoints) => with_method(endpoints, method).is_some(),
            Owned::Component(slot) => slot.versions().any(|version| {
                matches!(
                    version.find_route(method, path),
                    FoundRoute::Route(..) | FoundRoute::BadEncoding
                )
            }),
        }
    }

    /// Whether a path is one of this version of a slot, whatever its method: a redirect may
    /// keep the method, and the caller's credentials with it.
    pub fn belongs_to(&self, slot: &Arc<Slot>, version: &Version, path: &str) -> bool {
        let found = self.paths.find(path);
        found.is_some_and(|found| match found.value {
            Owned::Component(owner) => Arc::ptr_eq(owner, slot) && version.serves(path),
            Owned::Host(_) => false,
        })
    }

    /// A number that no other table of the host has.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}
