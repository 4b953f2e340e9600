//! Versions of modules: installs, verifies, activates, tries, rolls back and
//! removes them, one change of a module at a time, and keeps what was done. A
//! refusal or a crash at any point leaves the version in service as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Engine, Limits, LoadError};
use crate::fault::{fault, fault_of};
use crate::files;
use crate::printable::{cut, printable_line};
use crate::storage::{
    Act, Database, ENDED, Installed, MigrationError, Registry, Schema, SqlError, StorageError, now,
};

use super::audit::AuditEntry;
use super::canary::{Canary, CanaryOptions, Verdict};
use super::candidates::{Failure, Fallback, REASON_BYTES_MAX, caught};
use super::changes::{Change, Changes, UnderWay};
use super::signature::{SignatureError, Trust, kept_signer};
use super::slot::Slot;
use super::source::{Origin, Rank, Source, version_name, without_versions};
use super::store::{ComponentStore, ComponentStoreError, digest, short};
use super::version::{Access, Method, ModuleOptions, Version, VersionError, tell};
use super::{Actor, ActorKind, Request, Response};

/// How often it is looked whether the calls of a version that was replaced have ended.
const LOOK: Duration = Duration::from_millis(50);

/// What is shown of the body of an answer, in bytes.
const ANSWER_BYTES_MAX: usize = 500;

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

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No module of this name is served.
    #[error("there is no module {0}")]
    UnknownModule(String),
    /// Nothing that the module could be served from worked when the host started.
    #[error(
        "the module {module} is not served, since it failed at the start: {reason}. Put a component that works \
         into the folder of modules, or name one with modules.{module}.component, and start the host again"
    )]
    NotServed {
        /// The module.
        module: String,
        /// What is wrong with what goes first.
        reason: String,
    },
    /// The module has no such version.
    #[error("the module {module} has no version {digest}")]
    UnknownVersion {
        /// The module.
        module: String,
        /// What was asked for.
        digest: String,
    },
    /// More than one version begins like this.
    #[error("the module {module} has several versions that begin with {digest}")]
    Ambiguous {
        /// The module.
        module: String,
        /// What was asked for.
        digest: String,
    },
    /// The settings name the component.
    #[error("modules.{0}.component names the component of this module: change it there")]
    Pinned(String),
    /// Somebody changes the module at this very moment.
    #[error(
        "another change of the module {0} is under way: wait for its end, or see `wares module status {0}`"
    )]
    Busy(String),
    /// As many components as may wait to be compiled.
    #[error("{0} components wait to be compiled already: try again in a moment")]
    CompilerBusy(usize),
    /// As many components as may are loaded or verified while others are served.
    #[error("{0} components are loaded or verified already: try again in a moment")]
    AsideBusy(usize),
    /// The host itself failed. The change was not made, or was made as far as it can be undone.
    #[error("{0}")]
    Fault(String),
    /// The component is larger than any may be.
    #[error("the component has {bytes} bytes, more than {max} (compile.component_bytes_max)")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        max: usize,
    },
    /// The bytes are not those that were announced.
    #[error("the component has the digest {actual}, not {expected}")]
    Digest {
        /// What was announced.
        expected: String,
        /// What they have.
        actual: String,
    },
    /// The signature is no proof.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The component does not load, or is another module.
    #[error("{0}")]
    Component(String),
    /// The steps of the schema do not run.
    #[error("the schema: {0}")]
    Migration(MigrationError),
    /// The version in service could not go on after the steps of the new one.
    #[error(
        "the version in service knows {known} steps of the schema, and {needed} are needed once this one's have run: \
         stop the host, and activate it then"
    )]
    Incompatible {
        /// What the version in service knows.
        known: usize,
        /// What the new one needs of others.
        needed: usize,
    },
    /// It does not answer.
    #[error("the probe {route} failed: {reason}")]
    Probe {
        /// The request.
        route: String,
        /// What came of it.
        reason: String,
    },
    /// It is what is in use.
    #[error("{0}")]
    InUse(String),
    /// There are no requests that a version on trial could answer.
    #[error(
        "no version of the module {0} is tried, since no host serves this data folder: a trial is judged by what \
         it answers, and ends with the host. Start `wares serve` first, or put the version in service at once"
    )]
    NoHost(String),
    /// There is nothing to go back to, or to decide.
    #[error("{0}")]
    Nothing(String),
    /// The disk, or a file on it.
    #[error(transparent)]
    ComponentStore(#[from] ComponentStoreError),
    /// The host's own database.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The module's database.
    #[error("the module's database: {0}")]
    Database(#[from] SqlError),
}

/// Bytes that are to become a version.
pub struct Installation<'a> {
    /// The component.
    pub bytes: &'a [u8],
    /// The SHA-256 that it is to have, in hexadecimal.
    pub digest: Option<&'a str>,
    /// What minisign wrote of it.
    pub signature: Option<&'a str>,
    /// What is to become of it then.
    pub then: Then,
}

/// What is to become of a version that was installed. Where that is refused for what is
/// known before, the version is not kept either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing else.
    Keep,
    /// It is put in service.
    Activate,
    /// It is tried by this share of the requests, of ten thousand.
    Try(u32),
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
            let told = |(running, changes): &(super::slot::Running, Arc<Changes>)| {
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

    /// Verifies a component and keeps it as a version of a module. Nothing that is
    /// served changes.
    ///
    /// # Errors
    /// When something is wrong with it; then nothing is kept.
    pub fn install(
        &self,
        name: &str,
        installation: &Installation<'_>,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        let digest = digest(installation.bytes);
        self.audited("install", name, Some(&digest), by, |change| {
            let _verifying = self.verifying(name, change)?;
            self.try_install(name, installation, &digest, by)
        })
    }

    fn try_install(
        &self,
        name: &str,
        installation: &Installation<'_>,
        digest: &str,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        let slot = self.slot(name)?;
        match installation.then {
            Then::Keep => {}
            Then::Activate => self.check_activation(slot, digest)?,
            Then::Try(_) => self.check_trial(slot, digest)?,
        }
        let bytes = installation.bytes;
        let max = self.options.component_bytes_max;
        if bytes.len() > max {
            return Err(ChangeError::TooLarge {
                bytes: bytes.len(),
                max,
            });
        }
        if let Some(expected) = installation.digest
            && !expected.eq_ignore_ascii_case(digest)
        {
            return Err(ChangeError::Digest {
                expected: expected.to_owned(),
                actual: digest.to_owned(),
            });
        }
        let signed_by = self.options.trust.check(bytes, installation.signature)?;
        let module = self
            .try_version(slot, bytes)
            .inspect_err(|_| self.forget_unknown(slot, digest))?;
        self.expect(&module);
        fault("install.verified");
        let _keeping = lock(&self.keeping);
        let installed = Installed {
            module: name.to_owned(),
            digest: digest.to_owned(),
            version: module.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: by.to_owned(),
            signed_by: kept_signer(digest, signed_by),
        };
        self.keep(&installed, bytes)
            .inspect_err(|_| self.forget_unknown(slot, digest))?;
        fault("install.recorded");
        // Installed before, it is as it was then, but for a signature.
        Ok(self.registry.version(name, digest)?.unwrap_or(installed))
    }

    fn keep(&self, installed: &Installed, bytes: &[u8]) -> Result<(), ChangeError> {
        self.versions.write(&installed.digest, bytes)?;
        fault("install.stored");
        Ok(self.registry.insert(installed)?)
    }

    /// Keeps nothing of what was compiled of a component that is no version, unless it
    /// is there from before.
    fn forget_unknown(&self, slot: &Slot, digest: &str) {
        let known = self.registry.version(slot.name(), digest);
        if slot.module().digest() != digest && matches!(known, Ok(None)) {
            self.engine.forget(digest);
        }
    }

    /// Loads a component, and verifies that it can be a version of a module.
    fn try_version(&self, slot: &Slot, bytes: &[u8]) -> Result<Arc<Version>, ChangeError> {
        let mut module = self.load(slot.name(), bytes)?;
        self.verify(slot, &mut module)?;
        let module = Arc::new(module);
        drop(self.prepare(&module, None)?);
        Ok(module)
    }

    /// Rehearses another version's schema on a copy of the data, and has it answer
    /// once, by which nothing changes.
    fn verify(&self, slot: &Slot, module: &mut Version) -> Result<(), ChangeError> {
        let current = slot.module();
        let database = database(&current)?;
        self.aside(|| {
            fault("verify.begun");
            if database
                .pending(module.schema())
                .map_err(ChangeError::Migration)?
                .is_empty()
            {
                module.attach(database.clone());
                self.probe(module)
            } else {
                self.rehearse(database, module)
            }
        })
    }

    fn rehearse(&self, database: &Database, module: &mut Version) -> Result<(), ChangeError> {
        let copy = tempfile::Builder::new()
            .prefix("rehearsal-")
            .tempdir_in(&self.options.data)
            .map_err(|source| ComponentStoreError::File {
                path: self.options.data.clone(),
                source,
            })?;
        let file = copy.path().join("copy.db");
        database.copy_to(&file)?;
        let rehearsal = module.database_at(&file)?;
        rehearsal
            .migrate(module.schema())
            .map_err(ChangeError::Migration)?;
        module.attach(rehearsal.clone());
        let probed = self.probe(module);
        rehearsal.close();
        probed
    }

    /// Has a module answer one request, as one that is served would have to.
    fn probe(&self, module: &Version) -> Result<(), ChangeError> {
        let Some((request, route)) = simple_request(module) else {
            return Ok(());
        };
        let failed = |reason: String| ChangeError::Probe { route, reason };
        let response = match module.rehearse(&request) {
            Ok(response) => response,
            Err(error) => return Err(failed(error.to_string())),
        };
        let answered = answered(&response);
        if (500..600).contains(&response.status) {
            return Err(failed(answered));
        }
        match self
            .router
            .get()
            .and_then(|router| router.fault_in(response))
        {
            Some(fault) => Err(failed(format!("{fault}; {answered}"))),
            None => Ok(()),
        }
    }

    /// Has components called, or compiled, where that is in no request's way.
    fn aside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, ChangeError> + Send,
    ) -> Result<T, ChangeError> {
        self.engine.aside(work).map_err(|error| match error {
            LoadError::AsideBusy(others) => ChangeError::AsideBusy(others),
            error => ChangeError::Component(error.to_string()),
        })?
    }

    fn load(&self, name: &str, bytes: &[u8]) -> Result<Version, ChangeError> {
        let source = Source {
            origin: format!("the component for {name}"),
            since: None,
            name: None,
            bytes: bytes.to_vec().into(),
            rank: Rank::Active,
            signature: None,
        };
        let module = self.load_source(&source)?;
        if module.name() != name {
            return Err(ChangeError::Component(format!(
                "it is the module '{}', not '{name}'",
                module.name()
            )));
        }
        Ok(module)
    }

    /// Loads an installed version, unless it is loaded yet. Its file has to be there
    /// in either case: it is what the next start comes up on.
    fn load_version(&self, name: &str, version: &Installed) -> Result<Version, ChangeError> {
        let bytes = self.versions.read(&version.digest)?;
        // To load it takes its time, in which the place of the next one stays free.
        let ready = self
            .next(name)?
            .as_ref()
            .filter(|next| next.digest() == version.digest)
            .map(Version::again);
        let mut module = match ready {
            Some(module) => module,
            None => self.load(name, &bytes)?,
        };
        module.come_from(Origin {
            rank: Rank::Active,
            place: version_name(name, &version.digest),
            since: Some(now()),
        });
        Ok(module)
    }

    /// Keeps a version loaded, in place of the one before.
    fn expect(&self, module: &Version) {
        if let Ok(mut next) = self.next(module.name()) {
            *next = Some(module.again());
        }
    }

    fn next(&self, name: &str) -> Result<MutexGuard<'_, Option<Version>>, ChangeError> {
        let next = self.place(name)?.next.lock();
        Ok(next.unwrap_or_else(PoisonError::into_inner))
    }

    fn load_source(&self, source: &Source) -> Result<Version, ChangeError> {
        let signed_by = self.options.trust.check_file(source)?;
        let module = self.aside(|| {
            fault("load.begun");
            let options = |name: &str| (self.modules)(name);
            Version::load(&self.engine, source, options, &self.options.asking).map_err(|error| {
                let reason = match error {
                    VersionError::Load {
                        source: LoadError::CompilerBusy(waiting),
                        ..
                    } => return ChangeError::CompilerBusy(waiting),
                    VersionError::Load { source, .. } => source.to_string(),
                    other => other.to_string(),
                };
                ChangeError::Component(reason)
            })
        })?;
        Ok(module.signed_by(signed_by))
    }

    /// Serves a file's component in place of the one that its module is served
    /// from. No version is kept, and steps of its schema need not suit the one
    /// before. `None` where it is in service already.
    ///
    /// # Errors
    /// When it cannot be served, or a version that was activated goes before
    /// files; then everything is as it was.
    pub fn reload(&self, source: &Source) -> Result<Option<Arc<Version>>, ChangeError> {
        let digest = digest(&source.bytes);
        if self.slots().any(|slot| slot.module().digest() == digest) {
            return Ok(None);
        }
        let loaded = caught(|| self.load_source(source), ChangeError::Fault);
        let module = loaded.inspect_err(|error| {
            let change = Change::new("reload", Some(&digest), "host");
            let module = source
                .name
                .as_deref()
                .unwrap_or(self.served_from(&source.origin));
            self.record(&change, module, Err(error), "");
        })?;
        let name = module.name().to_owned();
        self.audited("reload", &name, Some(&digest), "host", |change| {
            let _verifying = self.busy(&name, self.place(&name)?.changes.verify(change.clone()))?;
            if source.name.is_none() && self.is_pinned(&name) {
                return Err(ChangeError::Pinned(name.clone()));
            }
            self.try_reload(&name, module, change).map(Some)
        })
    }

    fn try_reload(
        &self,
        name: &str,
        mut module: Version,
        change: Change,
    ) -> Result<Arc<Version>, ChangeError> {
        let place = self.place(name)?;
        let slot = &place.slot;
        let current = slot.module();
        let database = database(&current)?;
        self.check_reload(slot, database)?;
        self.verify(slot, &mut module)?;
        let _switching = self.busy(name, place.changes.switch(change))?;
        // By now a version may have been activated.
        self.check_reload(slot, database)?;
        module.attach(database.clone());
        let module = Arc::new(module);
        let prepared = self.prepare(&module, None)?;
        migrate(database, &module)?;
        let before = self.route(slot, prepared, || slot.switch(module.clone()));
        self.mended(name);
        self.drain(&before);
        if self.registry.version(name, before.digest())?.is_none() {
            self.engine.forget(before.digest());
        }
        Ok(module)
    }

    /// Keeps that a file which is watched cannot be read.
    pub(super) fn refuse_file(&self, file: &Path, name: Option<&str>, reason: &str) {
        let module = name.unwrap_or(self.served_from(&file.display().to_string()));
        self.refuse("reload", module, None, "host", reason);
    }

    /// Keeps that a change was refused by whoever found that out before it came here.
    /// `module` is empty where it is not known which it is of.
    pub fn refuse(&self, act: &str, module: &str, digest: Option<&str>, by: &str, reason: &str) {
        let change = Change::new(act, digest, by);
        self.keep_act(&change, module, "refused", reason);
    }

    /// The module that is served from this file, or nothing.
    fn served_from(&self, file: &str) -> &str {
        let path = |file: &str| std::path::absolute(file).ok();
        let file = path(file);
        self.slots()
            .find(|slot| path(&slot.module().origin().place) == file)
            .map_or("", |slot| slot.name())
    }

    /// Whether a module is served from a file.
    fn check_reload(&self, slot: &Slot, database: &Database) -> Result<(), ChangeError> {
        let name = slot.name();
        let activated = database.activated()?.active;
        if let Some(active) = activated.filter(|_| !self.is_pinned(name)) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} was activated, and goes before files: end that with \
                 `wares module deactivate {name}`",
                short(&active)
            )));
        }
        if slot.canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {name} has a version on trial"
            )));
        }
        Ok(())
    }

    /// Puts an installed version in service. `digest` may be the beginning of one.
    ///
    /// # Errors
    /// When it cannot be; then everything is as it was.
    pub fn activate(&self, name: &str, digest: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, digest);
        let known = version.as_ref().map_or(digest, |version| &version.digest);
        self.audited("activate", name, Some(known), by, |change| {
            let version = self.version(name, digest)?;
            self.switch(name, &version, change)?;
            Ok(version)
        })
    }

    /// Puts the version in service that was so before the present one.
    ///
    /// # Errors
    /// When there is none, or it cannot be; then everything is as it was.
    pub fn roll_back(&self, name: &str, by: &str) -> Result<Installed, ChangeError> {
        let before = || {
            database(&self.slot(name)?.module())?
                .activated()
                .map_err(ChangeError::from)
        };
        let known = before().ok().and_then(|activated| activated.before);
        self.audited("rollback", name, known.as_deref(), by, |change| {
            let digest = before()?.before.ok_or_else(|| {
                ChangeError::Nothing(format!("the module {name} had no other version before"))
            })?;
            let version = self.version(name, &digest)?;
            self.switch(name, &version, change)?;
            Ok(version)
        })
    }

    /// Ends the activation of a version: the module is served from where it would come
    /// without one, and returned.
    ///
    /// # Errors
    /// When no version is active, or what would serve cannot; then everything is as it was.
    pub fn deactivate(&self, name: &str, by: &str) -> Result<Arc<Version>, ChangeError> {
        let active = || -> Result<Option<String>, ChangeError> {
            Ok(database(&self.slot(name)?.module())?.activated()?.active)
        };
        let known = active().ok().flatten();
        self.audited("deactivate", name, known.as_deref(), by, |change| {
            let check = || match active()? {
                Some(_) => Ok(()),
                None => Err(ChangeError::Nothing(format!(
                    "no version of the module {name} is active: what serves comes without one ({})",
                    self.slot(name)?.module().origin()
                ))),
            };
            check()?;
            // To load and to verify it takes its time, and what is served does not change by it.
            let place = self.place(name)?;
            let _verifying = self.busy(name, place.changes.verify(change.clone()))?;
            let slot = self.slot(name)?;
            let mut module = self.load_without_versions(name)?;
            if module.digest() != slot.module().digest() {
                self.verify(slot, &mut module)?;
            }
            let _switching = self.busy(name, place.changes.switch(change))?;
            check()?;
            let current = slot.module();
            let module = with_database(module, &current)?;
            self.put_in_service(slot, &current, &module, &[ENDED])?;
            Ok(module)
        })
    }

    /// Loads what a module is served from where no version of it is active.
    fn load_without_versions(&self, name: &str) -> Result<Version, ChangeError> {
        let folder = &self.options.modules_dir;
        let pinned = self.options.pinned.get(name).map(|file| (name, &**file));
        let found = without_versions(pinned, folder, self.options.component_bytes_max)
            .map_err(|error| ChangeError::Component(error.to_string()))?;
        let mut reasons: Vec<String> = Vec::new();
        reasons.extend(found.failures.into_iter().map(|failure| failure.reason));
        for source in &found.sources {
            match self.load_source(source) {
                Ok(module) if module.name() == name => return Ok(module),
                Ok(_) => {}
                Err(ChangeError::Component(reason)) => {
                    reasons.push(format!("{}: {reason}", source.origin));
                }
                // Of another module, maybe: what it is, it was not asked.
                Err(ChangeError::Signature(error)) => {
                    reasons.push(format!("{}: {error}", source.origin));
                }
                Err(error) => return Err(error),
            }
            if source.rank == Rank::Configured {
                break;
            }
        }
        let mut said = format!(
            "nothing would serve the module {name} without its active version: no setting names a component that \
             works, none in {} is that module, and it is not built in",
            folder.display()
        );
        for reason in reasons {
            said.push_str("; ");
            said.push_str(&reason);
        }
        Err(ChangeError::Nothing(said))
    }

    fn switch(&self, name: &str, version: &Installed, change: Change) -> Result<(), ChangeError> {
        let slot = self.slot(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.options.trust.check_version(version)?;
        self.check_activation(slot, &version.digest)?;
        // To load it may take its time, and what is served does not change by it.
        let loaded = match on_trial(slot, &version.digest) {
            Some(_) => None,
            None => Some(self.load_version(name, version)?),
        };
        let _switching = self.switching(name, change)?;
        // Meanwhile it may have been removed, or put in service.
        let version = self.version(name, &version.digest)?;
        let current = slot.module();
        self.check_activation(slot, &version.digest)?;
        let module = match (on_trial(slot, &version.digest), loaded) {
            (Some(module), _) => module,
            (None, Some(module)) => with_database(module, &current)?,
            (None, None) => with_database(self.load_version(name, &version)?, &current)?,
        };
        self.activate_in_service(slot, &current, &module)
    }

    /// Whether there is anything in activating a version: it does not serve yet, or it
    /// does so without being active, from a file or in place of an active one that failed
    /// when the host started.
    fn check_activation(&self, slot: &Slot, digest: &str) -> Result<(), ChangeError> {
        let is_active = || -> Result<bool, ChangeError> {
            Ok(database(&slot.module())?.activated()?.active.as_deref() == Some(digest))
        };
        if serves(slot, digest) && is_active()? {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {} is in service already",
                short(digest),
                slot.name()
            )));
        }
        Ok(())
    }

    /// Puts a version in service, and keeps that it is active, and which one it replaces.
    fn activate_in_service(
        &self,
        slot: &Slot,
        current: &Arc<Version>,
        module: &Arc<Version>,
    ) -> Result<(), ChangeError> {
        let first = database(current)?.activated()?.active.is_none();
        let digests = [current.digest(), module.digest()];
        self.put_in_service(slot, current, module, &digests[usize::from(!first)..])
    }

    /// Puts a module in service in the place of another, and keeps what was activated.
    fn put_in_service(
        &self,
        slot: &Slot,
        current: &Arc<Version>,
        module: &Arc<Version>,
        activated: &[&str],
    ) -> Result<(), ChangeError> {
        let prepared = self.prepare(module, None)?;
        let database = database(current)?;
        // Without a host nothing goes on with the version in service meanwhile.
        if self.serves.load(Ordering::Relaxed) {
            check_coexistence(database, current.schema(), module.schema())?;
        }
        // What a version replaces has to be there to go back to.
        if let Some(base) = current.base()
            && activated != [ENDED]
        {
            self.keep_base(current, base)?;
        }
        fault("activate.prepared");
        fault_of("activate.prepared", slot.name());
        let steps = database
            .activate(module.schema(), activated)
            .map_err(ChangeError::Migration)?;
        fault("activate.recorded");
        tell(module.name(), &steps);
        let before = self.route(slot, prepared, || slot.switch(module.clone()));
        self.mended(slot.name());
        fault("activate.switched");
        self.expect(&before);
        self.drain(&before);
        Ok(())
    }

    fn prepare(
        &self,
        module: &Arc<Version>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, ChangeError> {
        match self.router.get() {
            Some(router) => router
                .prepare(module, canary)
                .map_err(ChangeError::Component),
            None => Ok(Box::new(|| ())),
        }
    }

    /// Changes what is served of a module, and routes requests by it. Another module
    /// may have changed since `prepared` was made, so the table is made anew of what is
    /// served by then.
    fn route<T>(&self, slot: &Slot, prepared: Prepared, change: impl FnOnce() -> T) -> T {
        let _routing = lock(&self.routing);
        let changed = change();
        match self.prepare(&slot.module(), slot.canary().as_ref()) {
            Ok(anew) => anew(),
            Err(error) => {
                let (module, error) = (slot.name(), error.reason());
                tracing::error!(
                    module,
                    error,
                    "its routes and those of a module that changed at the same time collide:                      requests go by its own change"
                );
                prepared();
            }
        }
        changed
    }

    fn keep_base(&self, current: &Version, bytes: &[u8]) -> Result<(), ChangeError> {
        let _keeping = lock(&self.keeping);
        self.versions.write(current.digest(), bytes)?;
        self.registry.insert(&Installed {
            module: current.name().to_owned(),
            digest: current.digest().to_owned(),
            version: current.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: "host".to_owned(),
            signed_by: kept_signer(current.digest(), current.signer().map(str::to_owned)),
        })?;
        Ok(())
    }

    /// Ends what still runs of a version that was replaced, once it had its time.
    fn drain(&self, module: &Arc<Version>) {
        let until = Instant::now() + self.options.drain;
        // Without whoever ends them, calls end at their own deadline.
        let _ = self.drained.send((until, Arc::downgrade(module)));
    }

    /// Has an installed version answer a share of the requests, until it is
    /// promoted or withdrawn. `share` is of ten thousand.
    ///
    /// # Errors
    /// When it cannot be, or another is on trial.
    pub fn begin_trial(
        &self,
        name: &str,
        digest: &str,
        share: u32,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        let version = self.version(name, digest);
        let known = version.as_ref().map_or(digest, |version| &version.digest);
        self.audited("canary", name, Some(known), by, |change| {
            let version = self.version(name, digest)?;
            self.try_begin_trial(name, &version, share, change)?;
            Ok(version)
        })
    }

    fn try_begin_trial(
        &self,
        name: &str,
        version: &Installed,
        share: u32,
        change: Change,
    ) -> Result<(), ChangeError> {
        let slot = self.slot(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.check_trial(slot, &version.digest)?;
        self.options.trust.check_version(version)?;
        // To load it may take its time, and what is served does not change by it.
        let module = self.load_version(name, version)?;
        let _switching = self.switching(name, change)?;
        // Meanwhile it may have been removed, or put in service.
        let version = self.version(name, &version.digest)?;
        self.check_trial(slot, &version.digest)?;
        let current = slot.module();
        let database = database(&current)?;
        check_coexistence(database, current.schema(), module.schema())?;
        let canary = Arc::new(Canary {
            module: with_database(module, &current)?,
            share,
            before: current.figures().counted(),
        });
        let prepared = self.prepare(&current, Some(&canary))?;
        // The schema goes forward for both, so this comes after all that may refuse the
        // trial. Withdrawn, the version leaves it there.
        migrate(database, &canary.module)?;
        self.route(slot, prepared, || slot.set_canary(Some(canary)));
        Ok(())
    }

    /// Whether a trial of a version may begin.
    fn check_trial(&self, slot: &Slot, digest: &str) -> Result<(), ChangeError> {
        let name = slot.name();
        if !self.serves.load(Ordering::Relaxed) {
            return Err(ChangeError::NoHost(name.to_owned()));
        }
        if let Some(canary) = slot.canary() {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is on trial: promote or withdraw it first",
                short(canary.module.digest())
            )));
        }
        if slot.module().digest() == digest {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is in service, and answers all requests: try another one",
                short(digest)
            )));
        }
        Ok(())
    }

    /// Puts the version on trial in service.
    ///
    /// # Errors
    /// When there is none, or it cannot be.
    pub fn promote(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.trial(name)?;
        let digest = canary.module.digest();
        self.audited("promote", name, Some(digest), by, |change| {
            let _switching = self.switching(name, change)?;
            let canary = self.trial(name)?;
            let slot = self.slot(name)?;
            self.activate_in_service(slot, &slot.module(), &canary.module)
        })
    }

    /// Ends the trial: the version in service answers everything again.
    ///
    /// # Errors
    /// When there is none.
    pub fn withdraw(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.trial(name)?;
        let digest = canary.module.digest();
        self.audited("withdraw", name, Some(digest), by, |change| {
            self.end_trial(name, change)
        })
    }

    /// Withdraws a version that is bad by what was counted, also where that cannot be kept:
    /// callers are not to wait for it.
    fn withdraw_bad(&self, name: &str, why: &str) -> Result<(), ChangeError> {
        let canary = self.trial(name)?;
        let digest = canary.module.digest();
        self.done("withdraw", name, Some(digest), "host", why, |change| {
            self.end_trial(name, change)
        })
    }

    fn end_trial(&self, name: &str, change: Change) -> Result<(), ChangeError> {
        let _switching = self.switching(name, change)?;
        let canary = self.trial(name)?;
        let slot = self.slot(name)?;
        let prepared = self.prepare(&slot.module(), None)?;
        self.route(slot, prepared, || slot.set_canary(None));
        self.drain(&canary.module);
        Ok(())
    }

    fn trial(&self, name: &str) -> Result<Arc<Canary>, ChangeError> {
        self.slot(name)?.canary().ok_or_else(|| {
            ChangeError::Nothing(format!("the module {name} has no version on trial"))
        })
    }

    /// Whether the version on trial is to be decided on; see [`Self::decide`].
    pub fn is_due(&self, slot: &Slot) -> bool {
        slot.judge(&self.options.canary) != Verdict::Undecided
    }

    /// Promotes or withdraws the version on trial, if what was counted says so.
    pub fn decide(&self, slot: &Slot) {
        // Whoever changes the module now decides what becomes of the trial.
        let place = self.place(slot.name());
        if place.is_err() || place.is_ok_and(|place| place.changes.are_switching()) {
            return;
        }
        let _deciding = match slot.deciding() {
            Some(deciding) => deciding,
            None => return,
        };
        let done = match slot.judge(&self.options.canary) {
            Verdict::Undecided => return,
            Verdict::Promote => self.promote(slot.name(), "host"),
            Verdict::Withdraw(why) => self.withdraw_bad(slot.name(), &why),
        };
        match done {
            // Somebody else was faster, or does something at this moment.
            Ok(()) | Err(ChangeError::Nothing(_) | ChangeError::Busy(_)) => {}
            // It is as good as it was, and is promoted once that can be kept.
            Err(ChangeError::Storage(error)) if error.trouble().is_some() => {}
            Err(error) => {
                let error = error.reason();
                tracing::error!(
                    module = slot.name(),
                    error,
                    "the trial cannot be ended as it should"
                );
                let _ = self.withdraw_bad(slot.name(), "it cannot be promoted");
            }
        }
    }

    /// Forgets an installed version.
    ///
    /// # Errors
    /// When there is none, or it is in use, or the one to go back to.
    pub fn remove(&self, name: &str, digest: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, digest);
        let known = version.as_ref().map_or(digest, |version| &version.digest);
        self.audited("remove", name, Some(known), by, |change| {
            let _switching = self.switching(name, change)?;
            let _keeping = lock(&self.keeping);
            let version = self.version(name, digest)?;
            let slot = self.slot(name)?;
            let module = slot.module();
            let canary = slot.canary();
            let trial = canary.as_ref().map(|canary| canary.module.digest());
            let activated = database(&module)?.activated()?;
            let is = |other: Option<&str>| other == Some(&*version.digest);
            let serving = (module.origin().kind() == "version").then(|| module.digest());
            if is(serving) || is(activated.active.as_deref()) || is(trial) {
                return Err(ChangeError::InUse(format!(
                    "the version {} of the module {name} is in use",
                    short(&version.digest)
                )));
            }
            if activated.active.is_some() && is(activated.before.as_deref()) {
                return Err(ChangeError::InUse(format!(
                    "the version {} of the module {name} is the one to roll back to",
                    short(&version.digest)
                )));
            }
            let shared = self.registry.remove(name, &version.digest)?;
            self.next(name)?
                .take_if(|next| next.digest() == version.digest);
            if !shared {
                self.versions.remove(&version.digest)?;
                if !self.slots().any(|slot| is(Some(slot.module().digest()))) {
                    self.engine.forget(&version.digest);
                }
            }
            Ok(version)
        })
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

impl ChangeError {
    /// What is said of it. Names in it are the component's, and as long as it likes.
    pub fn reason(&self) -> String {
        cut(&self.to_string(), REASON_BYTES_MAX).into_owned()
    }

    /// Whether there is no room for it.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::ComponentStore(ComponentStoreError::File { source, .. }) => {
                files::is_full(source)
            }
            Self::Storage(error) => error.is_full(),
            Self::Database(error) => error.is_full(),
            Self::Migration(error) => error.is_full(),
            _ => false,
        }
    }
}

/// Ends what still runs of versions, each when its time is up. They come in that order.
fn retire(waiting: &Receiver<(Instant, Weak<Version>)>) {
    for (until, module) in waiting {
        while module.strong_count() > 0 && Instant::now() < until {
            thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
        }
        if let Some(module) = module.upgrade() {
            module.retire();
        }
    }
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

/// The version with this digest, if it is on trial.
fn on_trial(slot: &Slot, digest: &str) -> Option<Arc<Version>> {
    let module = slot.canary()?.module.clone();
    (module.digest() == digest).then_some(module)
}

/// A version with the database of the one that it replaces.
fn with_database(mut module: Version, current: &Version) -> Result<Arc<Version>, ChangeError> {
    module.attach(database(current)?.clone());
    Ok(Arc::new(module))
}

/// Brings the schema forward for a module.
fn migrate(database: &Database, module: &Version) -> Result<(), ChangeError> {
    let steps = database
        .migrate(module.schema())
        .map_err(ChangeError::Migration)?;
    tell(module.name(), &steps);
    Ok(())
}

/// Whether a version that runs can go on while another one's schema is in force.
fn check_coexistence(
    database: &Database,
    current: &Schema,
    new: &Schema,
) -> Result<(), ChangeError> {
    let pending = database.pending(new).map_err(ChangeError::Migration)?;
    let needed = new
        .steps_needed
        .map_or(new.steps.len(), |needed| needed as usize);
    let known = current.steps.len();
    if !pending.is_empty() && known < needed {
        return Err(ChangeError::Incompatible { known, needed });
    }
    Ok(())
}

/// The first request of a module that only reads and needs nothing else, as an
/// administrator.
fn simple_request(module: &Version) -> Option<(Request, String)> {
    let simple = |route: &&super::Route| {
        route.method == Method::Get && route.access == Access::Admin && !route.path.contains('{')
    };
    let (number, route) = (0..)
        .zip(module.routes())
        .find(|(_, route)| simple(route))?;
    let request = Request {
        route: number,
        path_parameters: Vec::new(),
        query: String::new(),
        headers: Vec::new(),
        body: Vec::new(),
        actor: Some(Actor {
            kind: ActorKind::User,
            id: "probe".to_owned(),
        }),
        request_id: "probe".to_owned(),
    };
    Some((request, format!("GET {}", route.path)))
}

/// Says how a probe was answered.
fn answered(response: &Response) -> String {
    let shown = &response.body[..response.body.len().min(ANSWER_BYTES_MAX)];
    let text = String::from_utf8_lossy(shown);
    let more = if shown.len() < response.body.len() {
        "…"
    } else {
        ""
    };
    match text.trim() {
        "" => format!("it answered {}", response.status),
        text => format!(
            "it answered {}: {}{more}",
            response.status,
            printable_line(text)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_refused_change_is_bounded_whatever_a_component_says() {
        let long = "é".repeat(REASON_BYTES_MAX);
        for error in [
            ChangeError::Component(long.clone()),
            ChangeError::Migration(MigrationError::Changed(long.clone())),
            ChangeError::Probe {
                route: long.clone(),
                reason: "it answered 500".to_owned(),
            },
            ChangeError::Fault(long),
        ] {
            let reason = error.reason();
            assert!(reason.ends_with("é…"), "{reason}");
            assert!(reason.len() <= REASON_BYTES_MAX + "…".len());
        }
        let short = ChangeError::Component("it is another one".to_owned());
        assert_eq!(short.reason(), "it is another one");
    }
}
