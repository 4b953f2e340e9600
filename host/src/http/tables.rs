//! Which requests go where, and what the document says of it: made anew for every
//! version that is put in service, and exchanged by one pointer. A request uses
//! the table that it began with.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use hyper::{Method, StatusCode};

use super::envelope::{Answer, JSON};
use super::finish::tagged;
use super::openapi::{self, Described};
use super::routes::{Found, RouteError, Routes, Target};
use super::{HttpOptions, crossing, method, own};
use crate::components::{
    Canary, Claim, Claims, Prepared, Response, Router, Slot, Version, method_name,
};

/// The methods that endpoints have.
const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// One state of all routes.
pub(super) struct Table {
    routes: Routes,
    trials: Vec<Trial>,
    modules: Vec<Arc<Version>>,
    options: HttpOptions,
    /// The OpenAPI document, as it is sent; written when it is asked for.
    document: OnceLock<Answer>,
}

/// The routes of a version on trial.
struct Trial {
    slot: Arc<Slot>,
    canary: Arc<Canary>,
    routes: Routes,
}

/// The present table, and what the next one is made of.
pub(super) struct Tables {
    slots: Vec<Arc<Slot>>,
    options: HttpOptions,
    present: Arc<ArcSwap<Table>>,
}

/// Whether the routes of these modules can be served together.
///
/// # Errors
/// When two routes collide, or two modules' descriptions of them.
pub fn check(slots: &[Arc<Slot>], options: &HttpOptions) -> Result<(), RouteError> {
    Tables::new(slots.to_vec(), options.clone()).map(drop)
}

/// Whether these modules can be served together. None of them needs to be in service.
///
/// # Errors
/// When two routes collide, or two modules' descriptions of them.
pub fn check_modules(modules: &[&Version]) -> Result<(), RouteError> {
    check_owners(modules)?;
    openapi::check_names(modules, own::operation_ids())
}

impl Tables {
    /// # Errors
    /// When two modules would own one path, or give two things one name.
    pub(super) fn new(slots: Vec<Arc<Slot>>, options: HttpOptions) -> Result<Self, RouteError> {
        let served = served(&slots, None);
        let table = Table::new(&served, Vec::new(), &options)?;
        Ok(Self {
            slots,
            options,
            present: Arc::new(ArcSwap::from_pointee(table)),
        })
    }

    pub(super) fn present(&self) -> Guard<Arc<Table>> {
        self.present.load()
    }
}

/// Every module with its version in service, or with another in its place.
fn served(slots: &[Arc<Slot>], other: Option<&Arc<Version>>) -> Vec<(Arc<Slot>, Arc<Version>)> {
    slots
        .iter()
        .map(|slot| {
            let other = other.filter(|module| module.name() == slot.name());
            let module = other.map_or_else(|| slot.module(), Arc::clone);
            (slot.clone(), module)
        })
        .collect()
}

impl Router for Tables {
    fn prepare(
        &self,
        module: &Arc<Version>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, String> {
        let prepare = || {
            let served = served(&self.slots, Some(module));
            let mut trials = Vec::new();
            for slot in &self.slots {
                let canary = if slot.name() == module.name() {
                    canary.cloned()
                } else {
                    slot.canary()
                };
                trials.extend(canary.map(|canary| Trial::new(slot, canary)));
            }
            Table::new(&served, trials, &self.options)
        };
        let table = Arc::new(prepare().map_err(|error: RouteError| error.to_string())?);
        let present = self.present.clone();
        Ok(Box::new(move || present.store(table)))
    }

    fn fault_in(&self, response: Response) -> Option<String> {
        crossing::fault_in(response)
    }
}

impl Trial {
    fn new(slot: &Arc<Slot>, canary: Arc<Canary>) -> Self {
        let mut routes = Routes::default();
        routes.add_module(slot, &canary.module);
        Self {
            slot: slot.clone(),
            canary,
            routes,
        }
    }
}

/// A path belongs to one module, in all of the versions that are asked.
fn check_owners(modules: &[&Version]) -> Result<(), RouteError> {
    let mut claims = Claims::default();
    for module in modules {
        for (route, pattern) in module.routes().iter().zip(module.patterns()) {
            let claim = Claim {
                owner: module.name(),
                method: method_name(route.method),
                path: &route.path,
            };
            claims.add(claim, pattern)?;
        }
    }
    Ok(())
}

impl Table {
    fn new(
        served: &[(Arc<Slot>, Arc<Version>)],
        trials: Vec<Trial>,
        options: &HttpOptions,
    ) -> Result<Self, RouteError> {
        let on_trial = trials.iter().map(|trial| &*trial.canary.module);
        let in_service = served.iter().map(|(_, module)| &**module);
        let asked: Vec<&Version> = in_service.chain(on_trial).collect();
        check_modules(&asked)?;
        let mut routes = Routes::default();
        own::add_to(&mut routes, options)?;
        for (slot, module) in served {
            routes.add_module(slot, module);
        }
        Ok(Self {
            routes,
            trials,
            modules: served.iter().map(|(_, module)| module.clone()).collect(),
            options: options.clone(),
            document: OnceLock::new(),
        })
    }

    /// What is served, as OpenAPI.
    pub(super) fn document(&self) -> Answer {
        let document = || {
            let document = document(&self.modules, &self.options);
            tagged(Answer::bytes(StatusCode::OK, JSON, document))
        };
        self.document.get_or_init(document).clone()
    }

    /// Looks an endpoint up. `key` says who asks: with it, whoever a version on
    /// trial answers finds that one's routes.
    pub(super) fn find(&self, method: &Method, path: &str, key: Option<&str>) -> Found<'_> {
        let found = self.routes.find(method, path);
        let Some(key) = key else {
            return found;
        };
        for trial in self.trials.iter().filter(|trial| trial.canary.answers(key)) {
            let theirs = trial.routes.find(method, path);
            let is_theirs = match &found {
                Found::Endpoint(endpoint, _) => {
                    matches!(&endpoint.target, Target::Module(slot, ..) if Arc::ptr_eq(slot, &trial.slot))
                }
                // A path, or a method, that only the version on trial has. It is none of the
                // host's, and no other module's.
                _ => matches!(theirs, Found::Endpoint(..)),
            };
            if is_theirs {
                return theirs;
            }
        }
        found
    }

    /// Whether a path is one module's, and no other owner's, whatever its method: a
    /// redirect may keep the method, and the caller's credentials with it.
    pub(super) fn belongs_to(&self, slot: &Arc<Slot>, path: &str, key: &str) -> bool {
        let mut own = false;
        for method in METHODS {
            if let Found::Endpoint(endpoint, _) = self.find(&method, path, Some(key)) {
                match &endpoint.target {
                    Target::Module(other, ..) if Arc::ptr_eq(other, slot) => own = true,
                    _ => return false,
                }
            }
        }
        own
    }
}

/// What these modules and the host serve, as OpenAPI.
fn document(modules: &[Arc<Version>], options: &HttpOptions) -> Bytes {
    let mut endpoints = Vec::new();
    for module in modules {
        for (route, operation) in module.routes().iter().zip(module.operations()) {
            endpoints.push(Described {
                method: method(route.method),
                path: &route.path,
                access: route.access,
                operation: operation.clone(),
            });
        }
    }
    endpoints.extend(own::described(options));
    let modules: Vec<&Version> = modules.iter().map(|module| &**module).collect();
    openapi::document(&modules, endpoints).to_string().into()
}
