//! Changes of modules: a file a change. Versions are installed, verified, activated,
//! served as canaries, rolled back and removed, one change of a module at a time, and each
//! is an audit entry. Knows nothing of HTTP.

mod activate;
mod canary;
mod change;
mod drain;
mod enable;
mod error;
mod failures;
mod first;
mod grants;
mod install;
mod points;
mod reload;
mod remove;
mod served;
mod under_way;
mod verify;

pub use error::ChangeError;
pub use install::{Installation, Then};
pub use under_way::UnderWay;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::components::absent::Absent;
use crate::components::audit::{self, Action};
use crate::components::canary::CanaryOptions;
use crate::components::candidates::Failure;
use crate::components::chain::Chain;
use crate::components::delivery::Statuses;
use crate::components::routing::CurrentRoutes;
use crate::components::settings::ModuleOptions;
use crate::components::signature::Trust;
use crate::components::slot::Slot;
use crate::components::slot_maker::SlotMaker;
use crate::components::store::ComponentStore;
use crate::components::version::Version;
use crate::digest::Digest;
use crate::engine::{Engine, Limits};
use crate::storage::{
    AuditEntry, DataFolder, Database, HostDatabase, Installed, Outcome, SqlError, StorageError,
};
use drain::Task;
use served::{Served, ServedModules};
use under_way::AllChanges;

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
    /// Modules that get no requests.
    pub disabled: BTreeSet<String>,
    /// Modules that may be served together.
    pub modules_max: usize,
    /// The extensions in their order.
    pub chain: Arc<Chain>,
    /// What the slots of modules run with.
    pub slots: SlotMaker,
}

/// Manages the versions of all served modules.
pub struct Manager {
    engine: Arc<Engine>,
    options: ManagerOptions,
    modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
    host_database: HostDatabase,
    versions: ComponentStore,
    served: ServedModules,
    /// What is known of those that take events.
    subscribers: Statuses,
    changes: Arc<AllChanges>,
    /// The components that failed when the host started, and have not been replaced since.
    failures: Mutex<Vec<Failure>>,
    /// The extensions among them, each with whether it is enabled.
    absent: Mutex<Vec<(Arc<Absent>, bool)>>,
    /// Held while a version is added or removed: modules may share its file.
    keeping: Mutex<()>,
    /// Held while a module of a new name is put in service.
    adding: Mutex<()>,
    /// Held while an order of extensions is kept.
    ordering: Mutex<()>,
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
        let manager = Arc::new(Self {
            versions: ComponentStore::of(&options.data),
            served: ServedModules::new(slots, &options.disabled, options.modules_max),
            changes: Arc::default(),
            subscribers: Arc::default(),
            engine,
            options,
            modules,
            host_database,
            failures: Mutex::default(),
            absent: Mutex::default(),
            keeping: Mutex::default(),
            adding: Mutex::default(),
            ordering: Mutex::default(),
            routing: Mutex::default(),
            routes,
            serves: AtomicBool::new(false),
            tasks,
        });
        let audit = manager.tasks.clone();
        manager.options.chain.audit_by(Box::new(move || {
            // A manager that has ended writes the rest at its end.
            let _ = audit.send(Task::Audit);
        }));
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
        self.check_known(name)?;
        Ok(self.changes.of(name).under_way())
    }

    /// Returns a reporter of unfinished calls and changes by module, without a reference to the
    /// manager.
    pub fn unfinished(&self) -> impl Fn() -> Vec<String> + Send + use<> {
        let (running, changes) = (self.served.running(), self.changes.clone());
        move || {
            let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for running in lock(&running).iter().filter(|running| running.count() > 0) {
                let of_module = told.entry(running.module().to_owned()).or_default();
                of_module.push(format!("{} calls", running.count()));
            }
            for (module, changes) in changes.under_way() {
                let changes = changes.iter();
                let texts = changes.map(|change| format!("{} by {}", change.action, change.actor));
                told.entry(module).or_default().extend(texts);
            }
            let told = told.iter().filter(|(_, what)| !what.is_empty());
            told.map(|(module, what)| format!("{module}: {}", what.join(", ")))
                .collect()
        }
    }

    /// The served modules, by name.
    pub fn slots(&self) -> Vec<Arc<Slot>> {
        self.served.slots()
    }

    /// The modules that are served and not disabled, by name.
    pub(in crate::components) fn enabled_slots(&self) -> Vec<Arc<Slot>> {
        self.served.enabled()
    }

    /// What is known of those that take events.
    pub(in crate::components) fn subscribers(&self) -> &Statuses {
        &self.subscribers
    }

    /// The names of modules that have installed versions, and are not in service.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn not_in_service(&self) -> Result<Vec<String>, StorageError> {
        let mut names = self.host_database.modules()?;
        names.retain(|name| matches!(self.served(name), Err(ChangeError::NotInService(_))));
        Ok(names)
    }

    /// The databases of all modules that are served.
    pub fn databases(&self) -> Vec<Database> {
        let slots = self.slots().into_iter();
        slots
            .filter_map(|slot| slot.module().database().cloned())
            .collect()
    }

    /// The module of this name.
    ///
    /// # Errors
    /// When it is unknown.
    pub fn slot(&self, name: &str) -> Result<Arc<Slot>, ChangeError> {
        Ok(self.served(name)?.slot.clone())
    }

    /// The installed versions of a module, newest first.
    ///
    /// # Errors
    /// When the module is unknown, or the database cannot be read.
    pub fn installed(&self, name: &str) -> Result<Vec<Installed>, ChangeError> {
        self.check_known(name)?;
        Ok(self.host_database.versions(name)?)
    }

    /// Writes the audit entries of what extensions reject, as far as they are due at this
    /// time; all of them at the end of the host.
    fn audit_rejections(&self, at: Option<Instant>) {
        for rejected in self.options.chain.rejections().take(at) {
            let digest = Some(rejected.digest.to_string());
            let entry = UnderWay::new(Action::Reject, digest, &rejected.actor);
            let (module, detail) = (&rejected.module, &rejected.detail);
            audit::keep(&self.host_database, &entry, module, Outcome::Done, detail);
        }
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

    pub(in crate::components) fn host_database(&self) -> &HostDatabase {
        &self.host_database
    }

    fn served(&self, name: &str) -> Result<Arc<Served>, ChangeError> {
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
                None => self.unserved(name),
            }
        })
    }

    /// Why there is no slot of a module that did not fail at the start.
    fn unserved(&self, name: &str) -> ChangeError {
        match self.host_database.versions(name) {
            Ok(versions) if versions.is_empty() => ChangeError::UnknownModule(name.to_owned()),
            Ok(_) => ChangeError::NotInService(name.to_owned()),
            Err(error) => error.into(),
        }
    }

    /// Whether a module is in service, or has installed versions that could be.
    fn check_known(&self, name: &str) -> Result<(), ChangeError> {
        match self.served(name) {
            Err(ChangeError::NotInService(_)) => Ok(()),
            Err(ChangeError::NotServed { .. }) if self.is_absent(name) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Whether a version of the module would be its first one in service.
    fn is_new(&self, name: &str) -> bool {
        matches!(
            self.served(name),
            Err(ChangeError::UnknownModule(_) | ChangeError::NotInService(_))
        )
    }

    fn is_pinned(&self, name: &str) -> bool {
        self.options.pinned.contains_key(name)
    }

    /// Returns the installed version whose digest begins with this text.
    fn version(&self, name: &str, prefix: &str) -> Result<Installed, ChangeError> {
        self.check_known(name)?;
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

impl Drop for Manager {
    /// The chain holds the slots, and their components the chain: the slots, with their
    /// threads and databases, end once it lets them go.
    fn drop(&mut self) {
        self.audit_rejections(None);
        self.options.chain.replace(&[]);
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
