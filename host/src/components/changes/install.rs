//! Keeps components as versions of a module, and removes them. Puts nothing in service.

use super::{ChangeError, Manager, database, lock};
use crate::components::signature::kept_signer;
use crate::components::slot::Slot;
use crate::components::store::{digest, short};
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
    /// It starts as canary for this share of the requests, of ten thousand.
    Try(u32),
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
            Then::Try(_) => self.check_canary(slot, digest)?,
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
        // Installed before, it is unchanged, except for a signature.
        Ok(self.registry.version(name, digest)?.unwrap_or(installed))
    }

    pub(super) fn keep(&self, installed: &Installed, bytes: &[u8]) -> Result<(), ChangeError> {
        self.versions.write(&installed.digest, bytes)?;
        fault("install.stored");
        Ok(self.registry.insert(installed)?)
    }

    /// Removes the machine code of a component that is no version, unless it existed before.
    fn forget_unknown(&self, slot: &Slot, digest: &str) {
        let known = self.registry.version(slot.name(), digest);
        if slot.module().digest() != digest && matches!(known, Ok(None)) {
            self.engine.forget(digest);
        }
    }

    /// Removes an installed version.
    ///
    /// # Errors
    /// When it is unknown, in use, or the one to roll back to.
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
            let canary = canary.as_ref().map(|canary| canary.module.digest());
            let activated = database(&module)?.activated()?;
            let is = |other: Option<&str>| other == Some(&*version.digest);
            let serving = (module.origin().kind() == "version").then(|| module.digest());
            if is(serving) || is(activated.active.as_deref()) || is(canary) {
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
}
