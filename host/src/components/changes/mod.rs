//! Changes of modules: a file a change. Versions are installed, verified, activated,
//! served as canaries, rolled back and removed, one change of a module at a time, and each
//! is an audit entry. Knows nothing of HTTP.

mod activate;
mod canary;
mod change;
mod drain;
mod error;
mod failures;
mod install;
mod reload;
mod under_way;
mod verify;

pub use error::ChangeError;
pub use install::{Installation, Then};
pub use under_way::UnderWay;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::components::audit::{self, Action};
use crate::components::canary::CanaryOptions;
use crate::components::candidates::Failure;
use crate::components::routing::CurrentRoutes;
use crate::components::settings::ModuleOptions;
use crate::components::signature::Trust;
use crate::components::slot::Slot;
use crate::components::store::ComponentStore;
use crate::components::version::Version;
use crate::digest::Digest;
use crate::engine::{Engine, Limits};
use crate::storage::{
    AuditEntry, DataFolder, Database, HostDatabase, Installed, Outcome, SqlError, StorageError,
};
use drain::Task;
use under_way::Changes;

/// The options of the manager.
pub struct ManagerOptions {
    /// The data folder.
    pub data: DataFolder,
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
    /// When a canary is promoted or withdrawn.
    pub canary: CanaryOptions,
    /// The limits of a component that describes itself.
    pub asking: Limits,
}

/// A module that is served, and its changes that are under way.
struct Served {
    slot: Arc<Slot>,
    changes: Arc<Changes>,
    /// The version that was replaced last. It stays loaded, so that a rollback does not wait
    /// for loads that are stuck.
    replaced: Mutex<Option<Version>>,
}

/// Manages the versions of all served modules.
pub struct Manager {
    engine: Arc<Engine>,
    options: ManagerOptions,
    modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
    host_database: HostDatabase,
    versions: ComponentStore,
    served: BTreeMap<String, Served>,
    /// The components that failed when the host started, and have not been replaced since.
    failures: Mutex<Vec<Failure>>,
    /// Held while a version is added or removed: modules may share its file.
    keeping: Mutex<()>,
    /// Held while a served version changes together with the table of all routes.
    routing: Mutex<()>,
    routes: Arc<CurrentRoutes>,
    /// Whether the host serves, and not one command alone.
    serves: AtomicBool,
    tasks: Sender<Task>,
}

impl Manager {
    /// A manager with a thread of its own, which ends with it. `modules` returns the
    /// operator's options of a module, and `routes` lead to the slots.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn start(
        engine: Arc<Engine>,
        options: ManagerOptions,
        modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
        host_database: HostDatabase,
        slots: &[Arc<Slot>],
        routes: Arc<CurrentRoutes>,
    ) -> std::io::Result<Arc<Self>> {
        let (tasks, waiting) = mpsc::channel();
        let served = |slot: &Arc<Slot>| {
            let served = Served {
                slot: slot.clone(),
                changes: Arc::default(),
                replaced: Mutex::default(),
            };
            (slot.name().to_owned(), served)
        };
        let manager = Arc::new(Self {
            versions: ComponentStore::of(&options.data),
            engine,
            options,
            modules,
            host_database,
            served: slots.iter().map(served).collect(),
            failures: Mutex::default(),
            keeping: Mutex::default(),
            routing: Mutex::default(),
            routes,
            serves: AtomicBool::new(false),
            tasks,
        });
        let weak = Arc::downgrade(&manager);
        thread::Builder::new()
            .name("manager".to_owned())
            .spawn(move || drain::work(&weak, &waiting))?;
        Ok(manager)
    }

    /// The routes of requests to the modules.
    pub fn routes(&self) -> &Arc<CurrentRoutes> {
        &self.routes
    }

    /// Records that the host serves, so that canaries may start.
    pub fn begin_serving(&self) {
        self.serves.store(true, Ordering::Relaxed);
    }

    /// The largest component, in bytes.
    pub(super) fn component_bytes_max(&self) -> usize {
        self.options.component_bytes_max
    }

    /// The changes of a module that are under way.
    ///
    /// # Errors
    /// When there is no such module.
    pub fn changes(&self, name: &str) -> Result<Vec<UnderWay>, ChangeError> {
        Ok(self.served(name)?.changes.under_way())
    }

    /// Returns a reporter of unfinished calls and changes by module, without a reference to the
    /// manager.
    pub fn unfinished(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let served = self.served.values();
        let served: Vec<_> = served
            .map(|served| (served.slot.running(), served.changes.clone()))
            .collect();
        move || {
            let told = |(running, changes): &(crate::components::slot::Running, Arc<Changes>)| {
                let calls = running.count();
                let mut what: Vec<String> = changes
                    .under_way()
                    .into_iter()
                    .map(|change| format!("{} by {}", change.action, change.actor))
                    .collect();
                if calls > 0 {
                    what.insert(0, format!("{calls} calls"));
                }
                (!what.is_empty()).then(|| format!("{}: {}", running.module(), what.join(", ")))
            };
            served.iter().filter_map(told).collect()
        }
    }

    /// The served modules, by name.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.served.values().map(|served| &served.slot)
    }

    /// The module of this name.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn slot(&self, name: &str) -> Result<&Arc<Slot>, ChangeError> {
        Ok(&self.served(name)?.slot)
    }

    /// The installed versions of a module, newest first.
    ///
    /// # Errors
    /// When the module is unknown, or the database cannot be read.
    pub fn installed(&self, name: &str) -> Result<Vec<Installed>, ChangeError> {
        self.slot(name)?;
        Ok(self.host_database.versions(name)?)
    }

    /// The audit entries, newest first, before the one with this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StorageError> {
        self.host_database.audit(before, limit)
    }

    /// Writes the audit entry of a change that was refused before it began. `module` is
    /// empty if it is not known.
    pub fn refuse(
        &self,
        action: Action,
        module: &str,
        digest: Option<String>,
        by: &str,
        reason: &str,
    ) {
        let entry = UnderWay::new(action, digest, by);
        audit::write(
            &self.host_database,
            &entry,
            module,
            Outcome::Refused,
            reason,
        );
    }

    fn served(&self, name: &str) -> Result<&Served, ChangeError> {
        self.served.get(name).ok_or_else(|| {
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

    /// Returns the installed version whose digest begins with this text.
    fn version(&self, name: &str, prefix: &str) -> Result<Installed, ChangeError> {
        self.slot(name)?;
        let (module, digest) = (name.to_owned(), prefix.to_ascii_lowercase());
        let mut found = self
            .host_database
            .versions(name)?
            .into_iter()
            .filter(|version| {
                !digest.is_empty() && version.digest.to_string().starts_with(&digest)
            });
        match (found.next(), found.next()) {
            (Some(version), None) => Ok(version),
            (None, _) => Err(ChangeError::UnknownVersion { module, digest }),
            (Some(_), Some(_)) => Err(ChangeError::Ambiguous { module, digest }),
        }
    }
}

/// For the audit entry: the digest of the version, or the text that was sent as one.
fn known(version: &Result<Installed, ChangeError>, sent: &str) -> String {
    match version {
        Ok(version) => version.digest.to_string(),
        Err(_) => sent.to_owned(),
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
fn serves(slot: &Slot, digest: Digest) -> bool {
    slot.module().digest() == digest && slot.canary().is_none()
}
