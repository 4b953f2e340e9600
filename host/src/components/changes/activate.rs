//! Puts versions in service, and rolls them back. A refusal or a crash at any point leaves
//! the current version as it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::canary::canary_with;
use super::change::Change;
use super::verify::check_coexistence;
use super::{ChangeError, Manager, database, known, lock, serves};
use crate::components::audit::Action;
use crate::components::signature::kept_signer;
use crate::components::slot::Slot;
use crate::components::source::{Rank, without_versions};
use crate::components::version::{Version, log_migrations};
use crate::digest::Digest;
use crate::fault::{fault, fault_of};
use crate::storage::{Database, Installed, now};

impl Manager {
    /// Puts the installed version in service whose digest begins with `prefix`.
    ///
    /// # Errors
    /// When it is refused; then nothing changes.
    pub fn activate(&self, name: &str, prefix: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, prefix);
        let known = Some(known(&version, prefix));
        if !matches!(version, Err(ChangeError::UnknownModule(_))) && self.is_new(name) {
            let change = self.begin_new(name, Action::Activate, known, by)?;
            return change.run(|change| change.activate(prefix));
        }
        let change = self.begin(name, Action::Activate, known, by)?;
        change.run(|change| change.activate(prefix))
    }

    /// Puts the previous version in service.
    ///
    /// # Errors
    /// When no version was active before, or it is refused; then nothing changes.
    pub fn roll_back(&self, name: &str, by: &str) -> Result<Installed, ChangeError> {
        let known = self.before(name).ok().flatten();
        let known = known.map(|digest| digest.to_string());
        let change = self.begin(name, Action::Rollback, known, by)?;
        change.run(|change| {
            let digest = self.before(name)?.ok_or_else(|| {
                ChangeError::Nothing(format!("the module {name} had no other version before"))
            })?;
            change.activate(&digest.to_string())
        })
    }

    /// The version that was active before the present one.
    fn before(&self, name: &str) -> Result<Option<Digest>, ChangeError> {
        Ok(database(&self.slot(name)?.module())?.activated()?.before)
    }

    /// Ends the activation of a version: the module is served from where it would come
    /// without one, and returned.
    ///
    /// # Errors
    /// When no version is active, or the next component is refused; then nothing changes.
    pub fn deactivate(&self, name: &str, by: &str) -> Result<Arc<Version>, ChangeError> {
        let active = || -> Result<Option<Digest>, ChangeError> {
            Ok(database(&self.slot(name)?.module())?.activated()?.active)
        };
        let known = active().ok().flatten();
        let known = known.map(|digest| digest.to_string());
        let change = self.begin(name, Action::Deactivate, known, by)?;
        change.run(Change::deactivate)
    }

    /// Loads the component that serves a module without an active version.
    pub(super) fn load_without_versions(&self, name: &str) -> Result<Version, ChangeError> {
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
                // It may be of another module, since it was not called.
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

    /// Whether there is anything in activating a version: it does not serve yet, or it
    /// does so without being active, from a file or instead of an active one that failed
    /// when the host started.
    pub(super) fn check_activation(&self, slot: &Slot, digest: Digest) -> Result<(), ChangeError> {
        let is_active = || -> Result<bool, ChangeError> {
            Ok(database(&slot.module())?.activated()?.active == Some(digest))
        };
        if serves(slot, digest) && is_active()? {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {} is in service already",
                digest.short(),
                slot.name()
            )));
        }
        Ok(())
    }

    /// Checks that a version, and a canary beside it, can be served beside all other modules.
    pub(super) fn check_routes(
        &self,
        version: &Version,
        canary: Option<&Version>,
    ) -> Result<(), ChangeError> {
        let checked = self.routes.check(version, canary);
        checked.map_err(|error| ChangeError::Component(error.to_string()))
    }

    /// Changes what a slot serves, and the routes with it. Another module may have changed
    /// since this change was checked.
    pub(super) fn route<T>(&self, slot: &Slot, change: impl FnOnce() -> T) -> T {
        let _routing = lock(&self.routing);
        let changed = change();
        let (current, canary) = (slot.module(), slot.canary());
        let canary = canary.as_ref().map(|canary| &*canary.module);
        if self.is_enabled(slot.name())
            && let Err(error) = self.check_routes(&current, canary)
        {
            let (module, error) = (slot.name(), error.reason());
            tracing::error!(
                module,
                error,
                "its routes and those of a module that changed at the same time collide: \
                 the first module by name gets requests that both match"
            );
        }
        self.routes.replace();
        changed
    }

    fn keep_base(&self, current: &Version, bytes: &[u8]) -> Result<(), ChangeError> {
        let _keeping = lock(&self.keeping);
        self.versions.write(current.digest(), bytes)?;
        let base = Installed {
            module: current.name().to_owned(),
            digest: current.digest(),
            version: current.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: "host".to_owned(),
            signed_by: kept_signer(current.digest(), current.signer().map(str::to_owned)),
        };
        self.host_database.insert_version(&base, None)?;
        Ok(())
    }
}

impl Change<'_> {
    fn activate(&mut self, prefix: &str) -> Result<Installed, ChangeError> {
        let (manager, slot) = (self.manager, &self.slot().clone());
        let version = manager.version(slot.name(), prefix)?;
        self.check_not_pinned()?;
        manager.options.trust.check_version(&version)?;
        manager.check_activation(slot, version.digest)?;
        // Loading takes time, and what is served does not change by it.
        let loaded = match canary_with(slot, version.digest) {
            Some(_) => None,
            None => Some(manager.load_version(slot.name(), &version)?),
        };
        self.lock_switching()?;
        // Another change may have removed the version or put it in service meanwhile.
        let version = manager.version(slot.name(), &version.digest.to_string())?;
        manager.check_activation(slot, version.digest)?;
        let module = match (canary_with(slot, version.digest), loaded) {
            (Some(module), _) => module,
            (None, Some(module)) => self.with_database(module),
            (None, None) => self.with_database(manager.load_version(slot.name(), &version)?),
        };
        self.put_in_service(&module)?;
        Ok(version)
    }

    fn deactivate(&mut self) -> Result<Arc<Version>, ChangeError> {
        self.check_active()?;
        // Loading and verifying take time, and what is served does not change by it.
        self.lock_verifying()?;
        let module = self.manager.load_without_versions(self.name())?;
        if module.digest() != self.slot().module().digest() {
            self.verify(&module)?;
        }
        self.lock_switching()?;
        self.check_active()?;
        let module = self.with_database(module);
        self.switch(&module, &[None])?;
        Ok(module)
    }

    /// Whether a version was activated.
    fn check_active(&self) -> Result<(), ChangeError> {
        match self.module.database.activated()?.active {
            Some(_) => Ok(()),
            None => Err(ChangeError::Nothing(format!(
                "no version of the module {} is active: what serves comes without one ({})",
                self.name(),
                self.slot().module().origin()
            ))),
        }
    }

    /// Puts a version in service, and records it as active, with the one that it replaces.
    pub(super) fn put_in_service(&mut self, module: &Arc<Version>) -> Result<(), ChangeError> {
        let first = self.module.database.activated()?.active.is_none();
        let current = self.slot().module();
        let versions = [Some(current.digest()), Some(module.digest())];
        self.switch(module, &versions[usize::from(!first)..])
    }

    /// Puts a version in service, and records which ones were activated; `None` where an
    /// activation ends.
    fn switch(
        &mut self,
        module: &Arc<Version>,
        activated: &[Option<Digest>],
    ) -> Result<(), ChangeError> {
        let (manager, slot) = (self.manager, &self.slot().clone());
        let current = slot.module();
        manager.check_routes(module, None)?;
        // Without a host no call of the version in service is under way.
        if manager.serves.load(Ordering::Relaxed) {
            check_coexistence(&self.module.database, current.schema(), module.schema())?;
        }
        // A rollback needs the version that is replaced.
        if let Some(base) = current.base()
            && activated != [None]
        {
            manager.keep_base(&current, base)?;
        }
        fault("activate.prepared");
        fault_of("activate.prepared", slot.name());
        let applied = self
            .module
            .database
            .activate(module.schema(), activated)
            .map_err(ChangeError::Migration)?;
        fault("activate.recorded");
        log_migrations(module.name(), &applied);
        let before = manager.route(slot, || slot.switch(module.clone()));
        manager.mended(slot.name());
        fault("activate.switched");
        *lock(&self.module.served.replaced) = Some(before.again());
        manager.drain(&before);
        Ok(())
    }

    /// A version with the module's database.
    pub(super) fn with_database(&self, module: Version) -> Arc<Version> {
        module.attach(self.module.database.clone());
        Arc::new(module)
    }
}

/// Applies the pending migrations of a module.
pub(super) fn migrate(database: &Database, module: &Version) -> Result<(), ChangeError> {
    let applied = database
        .migrate(module.schema())
        .map_err(ChangeError::Migration)?;
    log_migrations(module.name(), &applied);
    Ok(())
}
