//! Puts versions in service, and rolls them back. A refusal or a crash at any point leaves
//! the current version as it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::canary::canary_with;
use super::under_way::Change;
use super::verify::{check_coexistence, with_database};
use super::{ChangeError, Manager, Prepared, database, lock, serves};
use crate::components::canary::Canary;
use crate::components::signature::kept_signer;
use crate::components::slot::Slot;
use crate::components::source::{Rank, without_versions};
use crate::components::store::short;
use crate::components::version::{Version, tell};
use crate::fault::{fault, fault_of};
use crate::storage::{Database, ENDED, Installed, now};

impl Manager {
    /// Puts an installed version in service. `digest` may be the beginning of one.
    ///
    /// # Errors
    /// When it is refused; then nothing changes.
    pub fn activate(&self, name: &str, digest: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, digest);
        let known = version.as_ref().map_or(digest, |version| &version.digest);
        self.audited("activate", name, Some(known), by, |change| {
            let version = self.version(name, digest)?;
            self.switch(name, &version, change)?;
            Ok(version)
        })
    }

    /// Puts the previous version in service.
    ///
    /// # Errors
    /// When no version was active before, or it is refused; then nothing changes.
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

    /// Ends the activation of a version: the next component in the order serves, and is
    /// returned.
    ///
    /// # Errors
    /// When no version is active, or the next component is refused; then nothing changes.
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
            // Loading and verifying may take long, and does not change what is served.
            let managed = self.managed(name)?;
            let _verifying = self.busy(name, managed.changes.verify(change.clone()))?;
            let slot = self.slot(name)?;
            let mut module = self.load_without_versions(name)?;
            if module.digest() != slot.module().digest() {
                self.verify(slot, &mut module)?;
            }
            let _switching = self.busy(name, managed.changes.switch(change))?;
            check()?;
            let current = slot.module();
            let module = with_database(module, &current)?;
            self.put_in_service(slot, &current, &module, &[ENDED])?;
            Ok(module)
        })
    }

    /// Loads the component that serves a module without an active version.
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

    pub(super) fn switch(
        &self,
        name: &str,
        version: &Installed,
        change: Change,
    ) -> Result<(), ChangeError> {
        let slot = self.slot(name)?;
        if self.is_pinned(name) {
            return Err(ChangeError::Pinned(name.to_owned()));
        }
        self.options.trust.check_version(version)?;
        self.check_activation(slot, &version.digest)?;
        // Loading may take long, and does not change what is served.
        let loaded = match canary_with(slot, &version.digest) {
            Some(_) => None,
            None => Some(self.load_version(name, version)?),
        };
        let _switching = self.switching(name, change)?;
        // Meanwhile it may have been removed, or put in service.
        let version = self.version(name, &version.digest)?;
        let current = slot.module();
        self.check_activation(slot, &version.digest)?;
        let module = match (canary_with(slot, &version.digest), loaded) {
            (Some(module), _) => module,
            (None, Some(module)) => with_database(module, &current)?,
            (None, None) => with_database(self.load_version(name, &version)?, &current)?,
        };
        self.activate_in_service(slot, &current, &module)
    }

    /// Checks that activating a version has an effect: it does not serve yet, or serves without
    /// being active, from a file or instead of an active one that failed at the start.
    pub(super) fn check_activation(&self, slot: &Slot, digest: &str) -> Result<(), ChangeError> {
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

    /// Puts a version in service, and records it as active, and the one that it replaces.
    pub(super) fn activate_in_service(
        &self,
        slot: &Slot,
        current: &Arc<Version>,
        module: &Arc<Version>,
    ) -> Result<(), ChangeError> {
        let first = database(current)?.activated()?.active.is_none();
        let digests = [current.digest(), module.digest()];
        self.put_in_service(slot, current, module, &digests[usize::from(!first)..])
    }

    /// Puts a version in service instead of another, and records the activation.
    fn put_in_service(
        &self,
        slot: &Slot,
        current: &Arc<Version>,
        module: &Arc<Version>,
        activated: &[&str],
    ) -> Result<(), ChangeError> {
        let prepared = self.prepare(module, None)?;
        let database = database(current)?;
        // Without a host no request uses the current version meanwhile.
        if self.serves.load(Ordering::Relaxed) {
            check_coexistence(database, current.schema(), module.schema())?;
        }
        // The replaced component must be kept for a rollback.
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

    pub(super) fn prepare(
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

    /// Changes the served version of a module, and routes requests to it. Another module may
    /// have changed since `prepared` was made, so the table is built again.
    pub(super) fn route<T>(
        &self,
        slot: &Slot,
        prepared: Prepared,
        change: impl FnOnce() -> T,
    ) -> T {
        let _routing = lock(&self.routing);
        let changed = change();
        match self.prepare(&slot.module(), slot.canary().as_ref()) {
            Ok(anew) => anew(),
            Err(error) => {
                let (module, error) = (slot.name(), error.reason());
                tracing::error!(
                    module,
                    error,
                    "its routes and those of a module that changed at the same time collide: requests go by its own change"
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
}

/// Runs the migrations of a module.
pub(super) fn migrate(database: &Database, module: &Version) -> Result<(), ChangeError> {
    let steps = database
        .migrate(module.schema())
        .map_err(ChangeError::Migration)?;
    tell(module.name(), &steps);
    Ok(())
}
