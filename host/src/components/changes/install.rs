//! Keeps components as versions of a module, and removes them. Puts nothing in service.

use super::change::Change;
use super::{ChangeError, Manager, known, lock};
use crate::components::audit::Action;
use crate::components::signature::kept_signer;
use crate::components::slot::Slot;
use crate::digest::Digest;
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
        let change = self.begin(name, Action::Install, Some(digest.to_string()), by)?;
        change.run(|change| change.install(installation, digest, by))
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

    fn keep(&self, installed: &Installed, bytes: &[u8]) -> Result<(), ChangeError> {
        self.versions.write(installed.digest, bytes)?;
        fault("install.stored");
        Ok(self.host_database.insert_version(installed)?)
    }

    /// Removes the machine code of a component that is no version, unless it existed before.
    fn forget_unknown(&self, slot: &Slot, digest: Digest) {
        let known = self.host_database.version(slot.name(), digest);
        if slot.module().digest() != digest && matches!(known, Ok(None)) {
            self.engine.forget(digest);
        }
    }

    /// Removes the installed version whose digest begins with `prefix`.
    ///
    /// # Errors
    /// When it is unknown, in use, or the one to roll back to.
    pub fn remove(&self, name: &str, prefix: &str, by: &str) -> Result<Installed, ChangeError> {
        let known = known(&self.version(name, prefix), prefix);
        let change = self.begin(name, Action::Remove, Some(known), by)?;
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
        let (manager, slot) = (self.manager, self.slot);
        match installation.then {
            Then::Keep => {}
            Then::Activate => manager.check_activation(slot, digest)?,
            Then::Canary(_) => manager.check_canary(slot, digest)?,
        }
        manager.check_bytes(installation, digest)?;
        let bytes = installation.bytes;
        let signed_by = manager.options.trust.check(bytes, installation.signature)?;
        let module = self
            .verified(bytes, digest)
            .inspect_err(|_| manager.forget_unknown(slot, digest))?;
        fault("install.verified");
        let _keeping = lock(&manager.keeping);
        let installed = Installed {
            module: slot.name().to_owned(),
            digest,
            version: module.version().to_string(),
            size_bytes: bytes.len() as u64,
            installed_at: now(),
            installed_by: by.to_owned(),
            signed_by: kept_signer(digest, signed_by),
        };
        manager
            .keep(&installed, bytes)
            .inspect_err(|_| manager.forget_unknown(slot, digest))?;
        fault("install.recorded");
        // A version that was installed before stays as it was, except its signature.
        let kept = manager.host_database.version(slot.name(), digest)?;
        Ok(kept.unwrap_or(installed))
    }

    fn remove(&mut self, prefix: &str) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        self.lock_switching()?;
        let (manager, name) = (self.manager, self.slot.name());
        let _keeping = lock(&manager.keeping);
        let version = manager.version(name, prefix)?;
        self.check_unused(&version)?;
        let shared = manager.host_database.remove_version(name, version.digest)?;
        lock(&self.served.replaced).take_if(|replaced| replaced.digest() == version.digest);
        if !shared {
            manager.versions.remove(version.digest)?;
            let mut slots = manager.slots();
            if !slots.any(|slot| slot.module().digest() == version.digest) {
                manager.engine.forget(version.digest);
            }
        }
        Ok(version)
    }

    /// Whether a version neither serves nor is the one to roll back to.
    fn check_unused(&self, version: &Installed) -> Result<(), ChangeError> {
        let (name, module) = (self.slot.name(), self.slot.module());
        let canary = self.slot.canary();
        let canary = canary.as_ref().map(|canary| canary.module.digest());
        let activated = self.database.activated()?;
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
