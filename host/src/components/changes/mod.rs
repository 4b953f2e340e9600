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

/// The options of the manager.
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
    /// The signers whose components are served.
    pub trust: Trust,
    /// How long calls of a replaced version may take.
    pub drain: Duration,
    /// When and how canaries are judged.
    pub canary: CanaryOptions,
    /// The limits of a component that describes itself.
    pub asking: Limits,
}

/// A checked change of the routing, not made yet.
pub type Prepared = Box<dyn FnOnce() + Send>;

/// The router of requests to modules.
pub trait Router: Send + Sync {
    /// Prepares to route a module's requests to this version, and a share of them to a canary.
    ///
    /// # Errors
    /// When its routes collide with another's.
    fn prepare(
        &self,
        module: &Arc<Version>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, String>;

    /// Why a component's answer to a plain request cannot be sent, if it cannot.
    fn fault_in(&self, response: Response) -> Option<String>;
}

/// A served module, and the state of its changes.
struct Managed {
    slot: Arc<Slot>,
    changes: Arc<Changes>,
    /// The version that is most likely put in service next: the one that was
    /// installed, or replaced, last. Loading takes most of an activation.
    next: Mutex<Option<Version>>,
}

/// Manages the versions of all served modules.
pub struct Manager {
    engine: Arc<Engine>,
    options: ManagerOptions,
    modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
    registry: Registry,
    versions: ComponentStore,
    managed: BTreeMap<String, Managed>,
    /// The components that failed at the start, and have not been replaced since.
    failures: Mutex<Vec<Failure>>,
    /// Held while a version is added or removed: modules may share its file.
    keeping: Mutex<()>,
    /// Held while a served version changes together with the table of all routes.
    routing: Mutex<()>,
    router: OnceLock<Arc<dyn Router>>,
    /// Whether the host serves, and not one command alone.
    serves: AtomicBool,
    drained: Sender<(Instant, Weak<Version>)>,
}

impl Manager {
    /// `modules` returns the operator's settings of a module by its name.
    pub fn new(
        engine: Arc<Engine>,
        options: ManagerOptions,
        modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
        registry: Registry,
        slots: &[Arc<Slot>],
    ) -> Self {
        let (drained, waiting) = mpsc::channel();
        // It ends with the manager. Without the thread, calls end at their deadline.
        let _ = thread::Builder::new()
            .name("drain".to_owned())
            .spawn(move || retire(&waiting));
        let managed = |slot: &Arc<Slot>| {
            let managed = Managed {
                slot: slot.clone(),
                changes: Arc::default(),
                next: Mutex::default(),
            };
            (slot.name().to_owned(), managed)
        };
        Self {
            versions: ComponentStore::of(&options.data),
            engine,
            options,
            modules,
            registry,
            managed: slots.iter().map(managed).collect(),
            failures: Mutex::default(),
            keeping: Mutex::default(),
            routing: Mutex::default(),
            router: OnceLock::new(),
            serves: AtomicBool::new(false),
            drained,
        }
    }

    /// Sets the router; without it, nothing is served.
    pub fn route_by(&self, router: Arc<dyn Router>) {
        // A host has one.
        let _ = self.router.set(router);
    }

    /// Records that the host serves, so that canaries may start.
    pub fn begin_serving(&self) {
        self.serves.store(true, Ordering::Relaxed);
    }

    /// The largest component, in bytes.
    pub(super) fn component_bytes_max(&self) -> usize {
        self.options.component_bytes_max
    }

    /// The components that failed at the start.
    pub fn started_without(&self, failures: &[Failure]) {
        *lock(&self.failures) = failures.to_vec();
    }

    /// The components that failed at the start and have not been replaced since.
    pub fn failures(&self) -> Vec<Failure> {
        lock(&self.failures).clone()
    }

    /// Records that another version of this module serves than the one that failed.
    fn mended(&self, name: &str) {
        lock(&self.failures).retain(|failure| failure.module.as_deref() != Some(name));
    }

    /// Audits the components that serve instead of failed ones.
    pub fn fell_back(&self, fallback: &Fallback) {
        let (module, digest) = (&fallback.module, &fallback.digest);
        let change = Change::new("fallback", Some(digest), "host");
        self.record(&change, module, Ok(()), &fallback.detail);
    }

    /// The changes of a module that are under way.
    ///
    /// # Errors
    /// When the module is unknown.
    pub fn changes(&self, name: &str) -> Result<Vec<Change>, ChangeError> {
        Ok(self.managed(name)?.changes.under_way())
    }

    /// Returns a reporter of unfinished calls and changes by module, without a reference to the
    /// manager.
    pub fn unfinished(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let managed = self.managed.values();
        let managed: Vec<_> = managed
            .map(|managed| (managed.slot.running(), managed.changes.clone()))
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
            managed.iter().filter_map(told).collect()
        }
    }

    /// The served modules, by name.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.managed.values().map(|managed| &managed.slot)
    }

    /// The module of this name.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn slot(&self, name: &str) -> Result<&Arc<Slot>, ChangeError> {
        Ok(&self.managed(name)?.slot)
    }

    /// The installed versions of a module, newest first.
    ///
    /// # Errors
    /// When the module is unknown, or the database cannot be read.
    pub fn installed(&self, name: &str) -> Result<Vec<Installed>, ChangeError> {
        self.slot(name)?;
        Ok(self.registry.versions(name)?)
    }

    /// Returns the audit entries, newest first, before the one with this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn acts(&self, before: Option<i64>, limit: u32) -> Result<Vec<Act>, StorageError> {
        self.registry.acts(before, limit)
    }

    fn managed(&self, name: &str) -> Result<&Managed, ChangeError> {
        self.managed.get(name).ok_or_else(|| {
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

    /// Locks the verification of versions of a module, if its versions may change.
    fn verifying(&self, name: &str, change: Change) -> Result<UnderWay<'_>, ChangeError> {
        let managed = self.managed(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.busy(name, managed.changes.verify(change))
    }

    /// Locks the served version of a module, if it may change.
    fn switching(&self, name: &str, change: Change) -> Result<UnderWay<'_>, ChangeError> {
        let managed = self.managed(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.busy(name, managed.changes.switch(change))
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

    /// Makes a change that can be recorded, and audits the outcome.
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

    /// Makes a change, and audits the outcome if that can be recorded.
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

    /// Makes a change, and audits the outcome with a detail.
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
