//! Keeps components as versions of a module, and removes them. Puts nothing in service.

use std::sync::Arc;

use super::change::Change;
use super::{ChangeError, Manager, known, lock};
use crate::components::audit::Action;
use crate::components::difference::Difference;
use crate::components::signature::kept_signer;
use crate::components::version::Version;
use crate::digest::Digest;
use crate::engine::Grants;
use crate::fault::fault;
use crate::storage::{Installed, now};

/// A component to be installed.
pub struct Installation<'a> {
    /// The component.
    pub bytes: &'a [u8],
    /// The expected SHA-256, in hexadecimal.
    pub digest: Option<&'a str>,
    /// Its minisign signature.
    pub signature: Option<&'a str>,
    /// What the operator grants the module beside what it has.
    pub grants: Grants,
    /// The change that follows.
    pub then: Then,
}

/// The change that follows an installation. If that is refused before, the version is not
/// kept either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// None.
    Keep,
    /// It is put in service.
    Activate,
    /// It answers this share of the requests, of ten thousand.
    Canary(u32),
}

impl Manager {
    /// Verifies a component and keeps it as a version of a module, without serving it.
    ///
    /// # Errors
    /// When it is refused; then nothing is kept.
    pub fn install(
        &self,
        name: &str,
        installation: &Installation<'_>,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        let digest = Digest::of(installation.bytes);
        let known = Some(digest.to_string());
        let granted = match installation.grants.list() {
            [] => String::new(),
            names => format!("granted {}", names.join(", ")),
        };
        if self.is_new(name) {
            let change = self.begin_new(name, Action::Install, known, by)?;
            return change.run_for(&granted, |change| change.install(installation, digest, by));
        }
        let change = self.begin(name, Action::Install, known, by)?;
        change.run_for(&granted, |change| change.install(installation, digest, by))
    }

    /// Keeps a component as a version, if it is what was announced, signed as it has to be, and
    /// `verify` accepts it with what the module is granted then.
    pub(super) fn take(
        &self,
        name: &str,
        installation: &Installation<'_>,
        digest: Digest,
        by: &str,
        verify: impl FnOnce(&Grants) -> Result<Arc<Version>, ChangeError>,
    ) -> Result<Installed, ChangeError> {
        self.check_bytes(installation, digest)?;
        let bytes = installation.bytes;
        let signed_by = self.options.trust.check(bytes, installation.signature)?;
        let granted = self.grants_with(name, &installation.grants)?;
        let kept =
            verify(&granted).and_then(|module| self.keep(&module, bytes, by, signed_by, &granted));
        kept.inspect_err(|_| self.forget_unknown(name, digest))
    }

    /// Whether the bytes are within the limit, and those that were announced.
    fn check_bytes(
        &self,
        installation: &Installation<'_>,
        digest: Digest,
    ) -> Result<(), ChangeError> {
        let (bytes, max) = (installation.bytes.len(), self.options.component_bytes_max);
        if bytes > max {
            return Err(ChangeError::TooLarge { bytes, max });
        }
        match installation.digest {
            Some(expected) if !expected.eq_ignore_ascii_case(&digest.to_string()) => {
                Err(ChangeError::Digest {
                    expected: expected.to_owned(),
                    actual: digest,
                })
            }
            _ => Ok(()),
        }
    }

    /// Keeps a verified component as a version.
    fn keep(
        &self,
        module: &Version,
        bytes: &[u8],
        by: &str,
        signed_by: Option<String>,
        granted: &Grants,
    ) -> Result<Installed, ChangeError> {
        fault("install.verified");
        let _keeping = lock(&self.keeping);
        let (name, digest) = (module.name(), module.digest());
        let installed = Installed {
            module: name.to_owned(),
            digest,
            version: module.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: by.to_owned(),
            signed_by: kept_signer(digest, signed_by),
        };
        self.versions.write(digest, bytes)?;
        fault("install.stored");
        let grants = self.grants_to_keep(name, granted);
        self.host_database
            .insert_version(&installed, grants.as_deref())?;
        fault("install.recorded");
        // A version that was installed before stays as it was, except its signature.
        let kept = self.host_database.version(name, digest)?;
        Ok(kept.unwrap_or(installed))
    }

    /// Removes the machine code of a component that is no version, unless it existed before.
    fn forget_unknown(&self, name: &str, digest: Digest) {
        let slot = self.served.get(name).map(|served| served.slot.clone());
        let serves = slot.is_some_and(|slot| slot.module().digest() == digest);
        if !serves && matches!(self.host_database.version(name, digest), Ok(None)) {
            self.engine.forget(digest);
        }
    }

    /// Deletes the record of a version, and its component unless another module has the same.
    pub(super) fn delete(&self, version: &Installed) -> Result<(), ChangeError> {
        let digest = version.digest;
        let shared = self.host_database.remove_version(&version.module, digest)?;
        if !shared {
            self.versions.remove(digest)?;
            let mut slots = self.slots().into_iter();
            if !slots.any(|slot| slot.module().digest() == digest) {
                self.engine.forget(digest);
            }
        }
        Ok(())
    }

    /// Compares the installed version whose digest begins with `prefix` with the one in service.
    /// Nothing changes.
    ///
    /// # Errors
    /// When it is unknown, or does not load.
    pub fn difference(&self, name: &str, prefix: &str) -> Result<Difference, ChangeError> {
        let installed = self.version(name, prefix)?;
        let bytes = self.versions.read(installed.digest)?;
        // What it wants is shown, whether or not it is granted.
        let version = self.load(name, &bytes, installed.digest, Some(&Grants::all()))?;
        let served = self.served.get(name).map(|served| served.slot.module());
        let size = |served: &Version| -> Result<Option<u64>, ChangeError> {
            if let Some(bytes) = served.base() {
                return Ok(Some(bytes.len() as u64));
            }
            let kept = self.host_database.version(name, served.digest())?;
            Ok(kept.map(|kept| kept.size_bytes))
        };
        let served = match &served {
            Some(served) => Some((&**served, size(served)?)),
            None => None,
        };
        Ok(Difference::between(
            served,
            (&version, installed.size_bytes),
        ))
    }

    /// Removes the installed version whose digest begins with `prefix`.
    ///
    /// # Errors
    /// When it is unknown, in use, or the one to roll back to.
    pub fn remove(&self, name: &str, prefix: &str, by: &str) -> Result<Installed, ChangeError> {
        let version = self.version(name, prefix);
        let known = Some(known(&version, prefix));
        if !matches!(version, Err(ChangeError::UnknownModule(_))) && self.is_new(name) {
            let change = self.begin_new(name, Action::Remove, known, by)?;
            return change.run(|change| change.remove(prefix));
        }
        let change = self.begin(name, Action::Remove, known, by)?;
        change.run(|change| change.remove(prefix))
    }
}

impl Change<'_> {
    fn install(
        &mut self,
        installation: &Installation<'_>,
        digest: Digest,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        self.lock_verifying()?;
        let (manager, slot) = (self.manager, &self.slot().clone());
        match installation.then {
            Then::Keep => {}
            Then::Activate => manager.check_activation(slot, digest)?,
            Then::Canary(_) => manager.check_canary(slot, digest)?,
        }
        manager.take(&self.name, installation, digest, by, |granted| {
            self.verified(installation.bytes, digest, granted)
        })
    }

    fn remove(&mut self, prefix: &str) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        self.lock_switching()?;
        let manager = self.manager;
        let _keeping = lock(&manager.keeping);
        let version = manager.version(&self.name, prefix)?;
        self.check_unused(&version)?;
        manager.delete(&version)?;
        lock(&self.module.served.replaced).take_if(|replaced| replaced.digest() == version.digest);
        Ok(version)
    }

    /// Whether a version neither serves nor is the one to roll back to.
    fn check_unused(&self, version: &Installed) -> Result<(), ChangeError> {
        let (name, module) = (self.slot().name(), self.slot().module());
        let canary = self.slot().canary();
        let canary = canary.as_ref().map(|canary| canary.module.digest());
        let activated = self.module.database.activated()?;
        let is = |other: Option<Digest>| other == Some(version.digest);
        let serving = (module.origin().kind() == "version").then(|| module.digest());
        if is(serving) || is(activated.active) || is(canary) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is in use",
                version.digest.short()
            )));
        }
        if activated.active.is_some() && is(activated.before) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is the one to roll back to",
                version.digest.short()
            )));
        }
        Ok(())
    }
}
