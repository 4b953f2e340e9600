//! Versions of modules: installs, verifies, activates, tries, rolls back and
//! removes them, one change of a module at a time, and keeps what was done. A
//! refusal or a crash at any point leaves the version in service as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::{Engine, Limits};
use crate::printable::cut;
use crate::storage::{
    Act, Database, Installed, MigrationError, Registry, Schema, SqlError, StorageError, now,
};

use super::canary::{Canary, CanaryOptions, Verdict};
use super::module::{Access, Method, Module, ModuleError, ModuleOptions};
use super::signature::{Keys, SignatureError};
use super::slot::Slot;
use super::source::Source;
use super::versions::{Versions, VersionsError, digest};
use super::{Actor, ActorKind, Request, fault};

/// What is said of a component that is refused, in bytes.
const REASON_BYTES_MAX: usize = 4_000;

/// How often it is looked whether the calls of a version that was replaced have ended.
const LOOK: Duration = Duration::from_millis(50);

/// How versions are managed.
pub struct ManagerOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Modules whose component the settings name: no version of them is activated.
    pub pinned: BTreeSet<String>,
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// The keys that components may be signed with.
    pub keys: Keys,
    /// Whether components have to be signed.
    pub require_signature: bool,
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
    #[error("another change of the module {0} is under way")]
    Busy(String),
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
    /// There is nothing to go back to, or to decide.
    #[error("{0}")]
    Nothing(String),
    /// The disk, or a file on it.
    #[error(transparent)]
    Versions(#[from] VersionsError),
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
        module: &Arc<Module>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, String>;
}

/// A module that is served, and what its changes need.
struct Place {
    slot: Arc<Slot>,
    /// Held by whoever changes it.
    changing: Mutex<()>,
    /// The version that is most likely put in service next: the one that was
    /// installed, or replaced, last. To load it takes longer than all the rest.
    next: Mutex<Option<Module>>,
}

/// The versions of all modules that are served.
pub struct Manager {
    engine: Arc<Engine>,
    options: ManagerOptions,
    modules: Box<dyn Fn(&str) -> ModuleOptions + Send + Sync>,
    registry: Registry,
    versions: Versions,
    places: BTreeMap<String, Place>,
    router: OnceLock<Arc<dyn Router>>,
    drained: Sender<(Instant, Weak<Module>)>,
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
                changing: Mutex::default(),
                next: Mutex::default(),
            };
            (slot.name().to_owned(), place)
        };
        Self {
            versions: Versions::of(&options.data),
            engine,
            options,
            modules,
            registry,
            places: slots.iter().map(place).collect(),
            router: OnceLock::new(),
            drained,
        }
    }

    /// From now on requests are routed by this; without it, nothing is served.
    pub fn route_by(&self, router: Arc<dyn Router>) {
        // There is one of them for the life of a host.
        let _ = self.router.set(router);
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
        self.audited("install", name, Some(&digest), by, || {
            let _alone = self.alone(name)?;
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
        let signed_by = self.options.keys.check(
            bytes,
            installation.signature,
            self.options.require_signature,
        )?;
        let module = self.try_version(slot, bytes).inspect_err(|_| {
            // Nothing of it is kept, unless it is there from before.
            let known = self.registry.version(name, digest);
            if slot.module().digest() != digest && matches!(known, Ok(None)) {
                self.engine.forget(digest);
            }
        })?;
        self.expect(&module);
        self.versions.write(digest, bytes)?;
        fault("install.stored");
        let installed = Installed {
            module: name.to_owned(),
            digest: digest.to_owned(),
            version: module.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: by.to_owned(),
            signed_by,
        };
        self.registry.insert(&installed)?;
        fault("install.recorded");
        // Installed before, it is as it was then.
        Ok(self.registry.version(name, digest)?.unwrap_or(installed))
    }

    /// Loads a component, and verifies that it can be a version of a module.
    fn try_version(&self, slot: &Slot, bytes: &[u8]) -> Result<Arc<Module>, ChangeError> {
        let mut module = self.load(slot.name(), bytes)?;
        self.verify(slot, &mut module)?;
        let module = Arc::new(module);
        drop(self.prepare(&module, None)?);
        Ok(module)
    }

    /// Rehearses another version's schema on a copy of the data, and has it answer
    /// once, by which nothing changes.
    fn verify(&self, slot: &Slot, module: &mut Module) -> Result<(), ChangeError> {
        let current = slot.module();
        let database = database(&current)?;
        self.aside(|| {
            if database
                .pending(module.schema())
                .map_err(ChangeError::Migration)?
                .is_empty()
            {
                module.attach(database.clone());
                probe(module)
            } else {
                self.rehearse(database, module)
            }
        })
    }

    fn rehearse(&self, database: &Database, module: &mut Module) -> Result<(), ChangeError> {
        let copy = tempfile::Builder::new()
            .prefix("rehearsal-")
            .tempdir_in(&self.options.data)
            .map_err(|source| VersionsError::File {
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
        let probed = probe(module);
        rehearsal.close();
        probed
    }

    /// Has components called, or compiled, where that is in no request's way.
    fn aside<T: Send>(
        &self,
        work: impl FnOnce() -> Result<T, ChangeError> + Send,
    ) -> Result<T, ChangeError> {
        self.engine
            .aside(work)
            .map_err(|error| ChangeError::Component(error.to_string()))?
    }

    fn load(&self, name: &str, bytes: &[u8]) -> Result<Module, ChangeError> {
        let source = Source {
            origin: format!("the component for {name}"),
            name: None,
            bytes: bytes.to_vec().into(),
            replaceable: false,
            activated: true,
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
    fn load_version(&self, name: &str, version: &Installed) -> Result<Module, ChangeError> {
        let bytes = self.versions.read(&version.digest)?;
        let next = self.next(name)?;
        match next.as_ref().filter(|next| next.digest() == version.digest) {
            Some(module) => Ok(module.again()),
            None => self.load(name, &bytes),
        }
    }

    /// Keeps a version loaded, in place of the one before.
    fn expect(&self, module: &Module) {
        if let Ok(mut next) = self.next(module.name()) {
            *next = Some(module.again());
        }
    }

    fn next(&self, name: &str) -> Result<MutexGuard<'_, Option<Module>>, ChangeError> {
        let next = self.place(name)?.next.lock();
        Ok(next.unwrap_or_else(PoisonError::into_inner))
    }

    fn load_source(&self, source: &Source) -> Result<Module, ChangeError> {
        self.aside(|| {
            let options = |name: &str| (self.modules)(name);
            Module::load(&self.engine, source, options, &self.options.asking).map_err(|error| {
                let reason = match error {
                    ModuleError::Load { source, .. } => source.to_string(),
                    other => other.to_string(),
                };
                // Names in it are the component's, and as long as it likes.
                ChangeError::Component(cut(&reason, REASON_BYTES_MAX).into_owned())
            })
        })
    }

    /// Serves a file's component in place of the one that its module is served
    /// from. No version is kept, and steps of its schema need not suit the one
    /// before. `None` where it is in service already.
    ///
    /// # Errors
    /// When it cannot be served, or a version that was activated goes before
    /// files; then everything is as it was.
    pub fn reload(&self, source: &Source) -> Result<Option<Arc<Module>>, ChangeError> {
        let digest = digest(&source.bytes);
        if self.slots().any(|slot| slot.module().digest() == digest) {
            return Ok(None);
        }
        let module = self.load_source(source)?;
        let name = module.name().to_owned();
        self.audited("reload", &name, Some(&digest), "host", || {
            let _alone = self.lock(&name)?;
            if source.name.is_none() && self.options.pinned.contains(&name) {
                return Err(ChangeError::Pinned(name.clone()));
            }
            self.try_reload(&name, module).map(Some)
        })
    }

    fn try_reload(&self, name: &str, mut module: Module) -> Result<Arc<Module>, ChangeError> {
        let slot = self.slot(name)?;
        let current = slot.module();
        let database = database(&current)?;
        let activated = database.activated()?.active;
        if let Some(active) = activated.filter(|_| !self.options.pinned.contains(name)) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} was activated, and goes before files",
                short(&active)
            )));
        }
        if slot.canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {name} has a version on trial"
            )));
        }
        self.verify(slot, &mut module)?;
        module.attach(database.clone());
        let module = Arc::new(module);
        let prepared = self.prepare(&module, None)?;
        migrate(database, &module)?;
        let before = slot.switch(module.clone());
        prepared();
        self.drain(&before);
        if self.registry.version(name, before.digest())?.is_none() {
            self.engine.forget(before.digest());
        }
        Ok(module)
    }

    /// Puts an installed version in service. `digest` may be the beginning of one.
    ///
    /// # Errors
    /// When it cannot be; then everything is as it was.
    pub fn activate(&self, name: &str, digest: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, digest);
        let known = version.as_ref().map_or(digest, |version| &version.digest);
        self.audited("activate", name, Some(known), by, || {
            let _alone = self.alone(name)?;
            let version = self.version(name, digest)?;
            self.switch(name, &version)?;
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
        self.audited("rollback", name, known.as_deref(), by, || {
            let _alone = self.alone(name)?;
            let digest = before()?.before.ok_or_else(|| {
                ChangeError::Nothing(format!("the module {name} had no other version before"))
            })?;
            let version = self.version(name, &digest)?;
            self.switch(name, &version)?;
            Ok(version)
        })
    }

    fn switch(&self, name: &str, version: &Installed) -> Result<(), ChangeError> {
        let slot = self.slot(name)?;
        let current = slot.module();
        if current.digest() == version.digest && slot.canary().is_none() {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is in service already",
                short(&version.digest)
            )));
        }
        let on_trial = slot
            .canary()
            .filter(|canary| canary.module.digest() == version.digest);
        let module = match on_trial {
            Some(canary) => canary.module.clone(),
            None => {
                let mut module = self.load_version(name, version)?;
                module.attach(database(&current)?.clone());
                Arc::new(module)
            }
        };
        self.put_in_service(slot, &current, &module)
    }

    fn put_in_service(
        &self,
        slot: &Slot,
        current: &Arc<Module>,
        module: &Arc<Module>,
    ) -> Result<(), ChangeError> {
        let prepared = self.prepare(module, None)?;
        let database = database(current)?;
        check_coexistence(database, current.schema(), module.schema())?;
        // What it replaces has to be there to go back to.
        if let Some(base) = current.base() {
            self.keep_base(current, base)?;
        }
        fault("activate.prepared");
        let first = database.activated()?.active.is_none();
        let digests = [current.digest(), module.digest()];
        let steps = database
            .activate(module.schema(), &digests[usize::from(!first)..])
            .map_err(ChangeError::Migration)?;
        fault("activate.recorded");
        tell(module.name(), steps);
        let before = slot.switch(module.clone());
        prepared();
        fault("activate.switched");
        self.expect(&before);
        self.drain(&before);
        Ok(())
    }

    fn prepare(
        &self,
        module: &Arc<Module>,
        canary: Option<&Arc<Canary>>,
    ) -> Result<Prepared, ChangeError> {
        match self.router.get() {
            Some(router) => router
                .prepare(module, canary)
                .map_err(ChangeError::Component),
            None => Ok(Box::new(|| ())),
        }
    }

    fn keep_base(&self, current: &Module, bytes: &[u8]) -> Result<(), ChangeError> {
        self.versions.write(current.digest(), bytes)?;
        self.registry.insert(&Installed {
            module: current.name().to_owned(),
            digest: current.digest().to_owned(),
            version: current.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: "host".to_owned(),
            signed_by: None,
        })?;
        Ok(())
    }

    /// Ends what still runs of a version that was replaced, once it had its time.
    fn drain(&self, module: &Arc<Module>) {
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
        self.audited("canary", name, Some(known), by, || {
            let _alone = self.alone(name)?;
            let version = self.version(name, digest)?;
            self.try_begin_trial(name, &version, share)?;
            Ok(version)
        })
    }

    fn try_begin_trial(
        &self,
        name: &str,
        version: &Installed,
        share: u32,
    ) -> Result<(), ChangeError> {
        let slot = self.slot(name)?;
        let current = slot.module();
        if current.digest() == version.digest || slot.canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {name} has a version on trial already, or this one is in service"
            )));
        }
        let mut module = self.load_version(name, version)?;
        let database = database(&current)?;
        check_coexistence(database, current.schema(), module.schema())?;
        // The schema goes forward for both. Withdrawn, the version leaves it there.
        migrate(database, &module)?;
        module.attach(database.clone());
        let canary = Arc::new(Canary {
            module: Arc::new(module),
            share,
            before: current.figures().counted(),
        });
        let prepared = self.prepare(&current, Some(&canary))?;
        slot.set_canary(Some(canary));
        prepared();
        Ok(())
    }

    /// Puts the version on trial in service.
    ///
    /// # Errors
    /// When there is none, or it cannot be.
    pub fn promote(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.trial(name)?;
        self.audited("promote", name, Some(canary.module.digest()), by, || {
            let _alone = self.alone(name)?;
            let canary = self.trial(name)?;
            let slot = self.slot(name)?;
            self.put_in_service(slot, &slot.module(), &canary.module)
        })
    }

    /// Ends the trial: the version in service answers everything again.
    ///
    /// # Errors
    /// When there is none.
    pub fn withdraw(&self, name: &str, by: &str, why: &str) -> Result<(), ChangeError> {
        let canary = self.trial(name)?;
        self.audited_with(
            "withdraw",
            name,
            Some(canary.module.digest()),
            by,
            why,
            || {
                let _alone = self.alone(name)?;
                let canary = self.trial(name)?;
                let slot = self.slot(name)?;
                let prepared = self.prepare(&slot.module(), None)?;
                prepared();
                slot.set_canary(None);
                self.drain(&canary.module);
                Ok(())
            },
        )
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
        if self.alone(slot.name()).is_err() {
            return;
        }
        let _deciding = match slot.deciding() {
            Some(deciding) => deciding,
            None => return,
        };
        let done = match slot.judge(&self.options.canary) {
            Verdict::Undecided => return,
            Verdict::Promote => self.promote(slot.name(), "host"),
            Verdict::Withdraw(why) => self.withdraw(slot.name(), "host", &why),
        };
        match done {
            // Somebody else was faster, or does something at this moment.
            Ok(()) | Err(ChangeError::Nothing(_) | ChangeError::Busy(_)) => {}
            Err(error) => {
                tracing::error!(module = slot.name(), %error, "the trial cannot be ended as it should");
                let _ = self.withdraw(slot.name(), "host", "it cannot be promoted");
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
        self.audited("remove", name, Some(known), by, || {
            let _alone = self.alone(name)?;
            let version = self.version(name, digest)?;
            let slot = self.slot(name)?;
            let module = slot.module();
            let canary = slot.canary();
            let trial = canary.as_ref().map(|canary| canary.module.digest());
            let activated = database(&module)?.activated()?;
            let is = |other: Option<&str>| other == Some(&*version.digest);
            if is(Some(module.digest())) || is(activated.active.as_deref()) || is(trial) {
                return Err(ChangeError::InUse(format!(
                    "the version {} of the module {name} is in use",
                    short(&version.digest)
                )));
            }
            if is(activated.before.as_deref()) {
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
                self.engine.forget(&version.digest);
            }
            Ok(version)
        })
    }

    fn place(&self, name: &str) -> Result<&Place, ChangeError> {
        self.places
            .get(name)
            .ok_or_else(|| ChangeError::UnknownModule(name.to_owned()))
    }

    /// Keeps every other change of a module out, if its versions may change.
    fn alone(&self, name: &str) -> Result<MutexGuard<'_, ()>, ChangeError> {
        self.place(name)?;
        if self.options.pinned.contains(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.lock(name)
    }

    /// Keeps every other change of a module out.
    fn lock(&self, name: &str) -> Result<MutexGuard<'_, ()>, ChangeError> {
        match self.place(name)?.changing.try_lock() {
            Ok(alone) => Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => Err(ChangeError::Busy(name.to_owned())),
        }
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

    fn audited<T>(
        &self,
        act: &str,
        module: &str,
        digest: Option<&str>,
        by: &str,
        work: impl FnOnce() -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        self.audited_with(act, module, digest, by, "", work)
    }

    /// Does something, and keeps that it was done or why it was not.
    fn audited_with<T>(
        &self,
        act: &str,
        module: &str,
        digest: Option<&str>,
        by: &str,
        detail: &str,
        work: impl FnOnce() -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let result = work();
        let (outcome, detail) = match &result {
            Ok(_) => ("done", detail.to_owned()),
            Err(error) => ("refused", error.to_string()),
        };
        let digest = digest.unwrap_or_default();
        tracing::info!(target: "audit", act, module, digest, actor = by, outcome, detail);
        let recorded = self.registry.record(&Act {
            number: 0,
            at: String::new(),
            actor: by.to_owned(),
            act: act.to_owned(),
            module: module.to_owned(),
            digest: (!digest.is_empty()).then(|| digest.to_owned()),
            outcome: outcome.to_owned(),
            detail,
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "what was done with a module cannot be kept");
        }
        result
    }
}

impl ChangeError {
    /// Whether there is no room for it.
    pub fn is_disk_full(&self) -> bool {
        let full = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        };
        match self {
            Self::Versions(VersionsError::File { source, .. }) => full(source),
            Self::Database(SqlError::Unavailable(_)) => true,
            _ => false,
        }
    }
}

/// The active version of every module with data in a data folder.
///
/// # Errors
/// When a database cannot be read, or a version is not there.
pub fn activated(data: &Path) -> Result<Vec<Source>, ChangeError> {
    let versions = Versions::of(data);
    let mut sources = Vec::new();
    let Ok(entries) = std::fs::read_dir(data.join("modules")) else {
        return Ok(sources);
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let Some(name) = file.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        if file.extension().is_none_or(|extension| extension != "db") {
            continue;
        }
        // What is no database is said where it is opened.
        let Ok(activated) = Database::activated_in(&file) else {
            continue;
        };
        if let Some(digest) = activated.active {
            sources.push(Source {
                origin: format!("version {} of {name}", short(&digest)),
                name: Some(name.to_owned()),
                bytes: versions.read(&digest)?.into(),
                replaceable: false,
                activated: true,
            });
        }
    }
    Ok(sources)
}

/// Ends what still runs of versions, each when its time is up. They come in that order.
fn retire(waiting: &Receiver<(Instant, Weak<Module>)>) {
    for (until, module) in waiting {
        while module.strong_count() > 0 && Instant::now() < until {
            thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
        }
        if let Some(module) = module.upgrade() {
            module.retire();
        }
    }
}

/// Enough of a digest to tell versions apart.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn database(module: &Module) -> Result<&Database, ChangeError> {
    module
        .database()
        .ok_or_else(|| SqlError::Unavailable("it is not open".to_owned()).into())
}

/// Brings the schema forward for a module.
fn migrate(database: &Database, module: &Module) -> Result<(), ChangeError> {
    let steps = database
        .migrate(module.schema())
        .map_err(ChangeError::Migration)?;
    tell(module.name(), steps);
    Ok(())
}

fn tell(module: &str, steps: Vec<String>) {
    for step in steps {
        tracing::info!(module, step, "schema brought forward");
    }
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

/// Has a module answer one request that only reads, as an administrator.
fn probe(module: &Module) -> Result<(), ChangeError> {
    let simple = |route: &&super::Route| {
        route.method == Method::Get && route.access == Access::Admin && !route.path.contains('{')
    };
    let Some((number, route)) = (0..).zip(module.routes()).find(|(_, route)| simple(route)) else {
        return Ok(());
    };
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
    let failed = |reason: String| ChangeError::Probe {
        route: format!("GET {}", route.path),
        reason,
    };
    match module.rehearse(&request) {
        Ok(response) if response.status < 500 => Ok(()),
        Ok(response) => Err(failed(format!("it answered {}", response.status))),
        Err(error) => Err(failed(error.to_string())),
    }
}
