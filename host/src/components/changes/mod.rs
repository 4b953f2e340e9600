//! Changes of modules: a file a change. Versions are installed, verified, activated,
//! served as canaries, rolled back and removed, one change of a module at a time, and each
//! is an audit entry. Knows nothing of HTTP.

mod activate;
mod canary;
mod drain;
mod error;
mod install;
mod reload;
mod under_way;
mod verify;

pub use error::ChangeError;
pub use install::{Installation, Then};
pub use under_way::Change;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::components::Response;
use crate::components::audit::AuditEntry;
use crate::components::canary::{Canary, CanaryOptions};
use crate::components::candidates::{Failure, Fallback, caught};
use crate::components::signature::Trust;
use crate::components::slot::Slot;
use crate::components::store::ComponentStore;
use crate::components::version::{ModuleOptions, Version};
use crate::engine::{Engine, Limits};
use crate::storage::{Act, Database, Installed, Registry, SqlError, StorageError};
use drain::retire;
use under_way::{Changes, UnderWay};

/// How versions are managed.
pub struct ManagerOptions {
    /// The data folder.
    pub data: PathBuf,
    /// The folder of components.
    pub modules_dir: PathBuf,
    /// Modules whose component the settings name, each with its file: no version of them
    /// is activated.
    pub pinned: BTreeMap<String, PathBuf>,
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// Whose components are served.
    pub trust: Trust,
    /// How long calls of a version that was replaced may take.
    pub drain: Duration,
    /// When versions on trial are judged, and how.
    pub canary: CanaryOptions,
    /// What a component that is asked about itself may use.
    pub asking: Limits,
}

/// A change of what is routed where, checked, and yet to be made.
pub type Prepared = Box<dyn FnOnce() + Send>;

/// Whoever routes requests to modules.
pub trait Router: Send + Sync {
    /// Prepares to route a module's requests to this version, or a share of them
    /// to a version on trial.
    ///
    /// # Errors
    /// When its routes collide with another's.
    fn prepare(
        &self,
        module: &Arc<Version>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, String>;

    /// Why a component's answer to a plain request cannot be sent, if that is so.
    fn fault_in(&self, response: Response) -> Option<String>;
}

/// A module that is served, and what its changes need.
struct Place {
    slot: Arc<Slot>,
    changes: Arc<Changes>,
    /// The version that is most likely put in service next: the one that was
    /// installed, or replaced, last. To load it takes longer than all the rest.
    next: Mutex<Option<Version>>,
}

/// The versions of all modules that are served.
pub struct Manager {
    engine: Arc<Engine>,
    options: ManagerOptions,
    modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
    registry: Registry,
    versions: ComponentStore,
    places: BTreeMap<String, Place>,
    /// What could not be served when the host started, and has not been mended since.
    failures: Mutex<Vec<Failure>>,
    /// Held while a version is kept or forgotten: modules may share the file of one.
    keeping: Mutex<()>,
    /// Held while what is served changes together with the table of routes, which is
    /// one of all modules.
    routing: Mutex<()>,
    router: OnceLock<Arc<dyn Router>>,
    /// Whether requests of others are answered, and not those of one command alone.
    serves: AtomicBool,
    drained: Sender<(Instant, Weak<Version>)>,
}

impl Manager {
    /// `modules` tells what the operator says of a module by its name.
    pub fn new(
        engine: Arc<Engine>,
        options: ManagerOptions,
        modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
        registry: Registry,
        slots: &[Arc<Slot>],
    ) -> Self {
        let (drained, waiting) = mpsc::channel();
        // It ends with the manager. Where there is no thread for it, calls end at their deadline.
        let _ = thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || retire(&waiting));
        let place = |slot: &Arc<Slot>| {
            let place = Place {
                slot: slot.clone(),
                changes: Arc::default(),
                next: Mutex::default(),
            };
            (slot.name().to_owned(), place)
        };
        Self {
            versions: ComponentStore::of(&options.data),
            engine,
            options,
            modules,
            registry,
            places: slots.iter().map(place).collect(),
            failures: Mutex::default(),
            keeping: Mutex::default(),
            routing: Mutex::default(),
            router: OnceLock::new(),
            serves: AtomicBool::new(false),
            drained,
        }
    }

    /// From now on requests are routed by this; without it, nothing is served.
    pub fn route_by(&self, router: Arc<dyn Router>) {
        // There is one of them for the life of a host.
        let _ = self.router.set(router);
    }

    /// From now on requests of others are answered, so that versions may be tried.
    pub fn begin_serving(&self) {
        self.serves.store(true, Ordering::Relaxed);
    }

    /// The largest component, in bytes.
    pub(super) fn component_bytes_max(&self) -> usize {
        self.options.component_bytes_max
    }

    /// What could not be served when the host started.
    pub fn started_without(&self, failures: &[Failure]) {
        *lock(&self.failures) = failures.to_vec();
    }

    /// What could not be served when the host started, without what a change has
    /// mended since.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).clone()
    }

    /// Another version of this module than the one that failed is in service now.
    fn mended(&self, name: &str) {
        lock(&self.failures).retain(|failure| failure.module.as_deref() != Some(name));
    }

    /// Keeps what served in place of what failed when the host started.
    pub fn fell_back(&self, fallback: &Fallback) {
        let (module, digest) = (&fallback.module, &fallback.digest);
        let change = Change::new("fallback", Some(digest), "host");
        self.record(&change, module, Ok(()), &fallback.detail);
    }

    /// The changes of a module that are under way.
    ///
    /// # Errors
    /// When there is no such module.
    pub fn changes(&self, name: &str) -> Result<Vec<Change>, ChangeError> {
        Ok(self.place(name)?.changes.under_way())
    }

    /// What tells, for each module that has any, of the calls and changes that have not
    /// ended. It keeps nothing of the manager.
    pub fn unfinished(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let places = self.places.values();
        let places: Vec<_> = places
            .map(|place| (place.slot.running(), place.changes.clone()))
            .collect();
        move || {
            let told = |(running, changes): &(crate::components::slot::Running, Arc<Changes>)| {
                let calls = running.count();
                let mut what: Vec<String> = changes
                    .under_way()
                    .into_iter()
                    .map(|change| format!("{} by {}", change.act, change.actor))
                    .collect();
                if calls > 0 {
                    what.insert(0, format!("{calls} calls"));
                }
                (!what.is_empty()).then(|| format!("{}: {}", running.module(), what.join(", ")))
            };
            places.iter().filter_map(told).collect()
        }
    }

    /// The modules that are served, by their names.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.places.values().map(|place| &place.slot)
    }

    /// The module of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn slot(&self, name: &str) -> Result<&Arc<Slot>, ChangeError> {
        Ok(&self.place(name)?.slot)
    }

    /// The installed versions of a module, newest first.
    ///
    /// # Errors
    /// When there is no such module, or the database cannot be read.
    pub fn installed(&self, name: &str) -> Result<Vec<Installed>, ChangeError> {
        self.slot(name)?;
        Ok(self.registry.versions(name)?)
    }

    /// What was done, newest first, before the act with this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn acts(&self, before: Option<i64>, limit: u32) -> Result<Vec<Act>, StorageError> {
        self.registry.acts(before, limit)
    }

    fn place(&self, name: &str) -> Result<&Place, ChangeError> {
        self.places.get(name).ok_or_else(|| {
            let failures = lock(&self.failures);
            let failure = failures
                .iter()
                .find(|failure| failure.module.as_deref() == Some(name));
            match failure {
                Some(failure) => ChangeError::NotServed {
                    module: name.to_owned(),
                    reason: failure.reason.clone(),
                },
                None => ChangeError::UnknownModule(name.to_owned()),
            }
        })
    }

    fn is_pinned(&self, name: &str) -> bool {
        self.options.pinned.contains_key(name)
    }

    /// Keeps other versions of a module from being verified, if its versions may change.
    fn verifying(&self, name: &str, change: Change) -> Result<UnderWay<'_>, ChangeError> {
        let place = self.place(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.busy(name, place.changes.verify(change))
    }

    /// Keeps every other change of what is served of a module out, if that may change.
    fn switching(&self, name: &str, change: Change) -> Result<UnderWay<'_>, ChangeError> {
        let place = self.place(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.busy(name, place.changes.switch(change))
    }

    fn busy<'a>(
        &self,
        name: &str,
        begun: Option<UnderWay<'a>>,
    ) -> Result<UnderWay<'a>, ChangeError> {
        begun.ok_or_else(|| ChangeError::Busy(name.to_owned()))
    }

    /// The installed version whose digest begins like this.
    fn version(&self, name: &str, digest: &str) -> Result<Installed, ChangeError> {
        self.slot(name)?;
        let (module, digest) = (name.to_owned(), digest.to_ascii_lowercase());
        let mut found = self
            .registry
            .versions(name)?
            .into_iter()
            .filter(|version| !digest.is_empty() && version.digest.starts_with(&digest));
        match (found.next(), found.next()) {
            (Some(version), None) => Ok(version),
            (None, _) => Err(ChangeError::UnknownVersion { module, digest }),
            (Some(_), Some(_)) => Err(ChangeError::Ambiguous { module, digest }),
        }
    }

    /// Does something that can be kept, and keeps that it was done or why it was not.
    fn audited<T>(
        &self,
        act: &str,
        module: &str,
        digest: Option<&str>,
        by: &str,
        work: impl FnOnce(Change) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        self.done(act, module, digest, by, "", |change| {
            self.registry.check_writable()?;
            work(change)
        })
    }

    /// Does something, whether or not it can be kept, and keeps it as far as it can be.
    fn done<T>(
        &self,
        act: &str,
        module: &str,
        digest: Option<&str>,
        by: &str,
        detail: &str,
        work: impl FnOnce(Change) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let change = Change::new(act, digest.filter(|digest| !digest.is_empty()), by);
        let result = caught(|| work(change.clone()), ChangeError::Fault);
        self.record(&change, module, result.as_ref().map(drop), detail);
        result
    }

    /// Keeps what was done, and what is to be said of it, or why it was not.
    fn record(
        &self,
        change: &Change,
        module: &str,
        result: Result<(), &ChangeError>,
        detail: &str,
    ) {
        match result {
            Ok(()) => self.keep_act(change, module, "done", detail),
            Err(error @ ChangeError::Fault(_)) => {
                self.keep_act(change, module, "failed", &error.reason());
            }
            Err(error) => self.keep_act(change, module, "refused", &error.reason()),
        }
    }

    fn keep_act(&self, change: &Change, module: &str, outcome: &'static str, detail: &str) {
        let entry = AuditEntry {
            act: &change.act,
            actor: &change.actor,
            module,
            digest: change.digest.as_deref(),
            outcome,
            detail,
        };
        entry.keep(&self.registry);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn database(module: &Version) -> Result<&Database, ChangeError> {
    module
        .database()
        .ok_or_else(|| SqlError::Unavailable("it is not open".to_owned()).into())
}

/// Whether a version answers all requests.
fn serves(slot: &Slot, digest: &str) -> bool {
    slot.module().digest() == digest && slot.canary().is_none()
}
