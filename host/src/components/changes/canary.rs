//! Begins canaries, promotes and withdraws them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::activate::migrate;
use super::under_way::Change;
use super::verify::{check_coexistence, with_database};
use super::{ChangeError, Manager, database};
use crate::components::canary::{Canary, Verdict};
use crate::components::slot::Slot;
use crate::components::store::short;
use crate::components::version::Version;
use crate::storage::Installed;

impl Manager {
    /// Starts an installed version as canary, which answers a share of the requests until it
    /// is promoted or withdrawn. `share` is of ten thousand.
    ///
    /// # Errors
    /// When it cannot start, or another canary runs.
    pub fn begin_canary(
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
            self.try_begin_canary(name, &version, share, change)?;
            Ok(version)
        })
    }

    fn try_begin_canary(
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
        self.check_canary(slot, &version.digest)?;
        self.options.trust.check_version(version)?;
        // Loading may take long, and does not change what is served.
        let module = self.load_version(name, version)?;
        let _switching = self.switching(name, change)?;
        // Meanwhile it may have been removed, or put in service.
        let version = self.version(name, &version.digest)?;
        self.check_canary(slot, &version.digest)?;
        let current = slot.module();
        let database = database(&current)?;
        check_coexistence(database, current.schema(), module.schema())?;
        let canary = Arc::new(Canary {
            module: with_database(module, &current)?,
            share,
            before: current.figures().counted(),
        });
        let prepared = self.prepare(&current, Some(&canary))?;
        // The migrations run for both, so this comes after all checks that may refuse the
        // canary. They stay when it is withdrawn.
        migrate(database, &canary.module)?;
        self.route(slot, prepared, || slot.set_canary(Some(canary)));
        Ok(())
    }

    /// Checks that a version may start as canary.
    pub(super) fn check_canary(&self, slot: &Slot, digest: &str) -> Result<(), ChangeError> {
        let name = slot.name();
        if !self.serves.load(Ordering::Relaxed) {
            return Err(ChangeError::NoHost(name.to_owned()));
        }
        if let Some(canary) = slot.canary() {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is its canary: promote or withdraw it first",
                short(canary.module.digest())
            )));
        }
        if slot.module().digest() == digest {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is in service, and answers all requests: choose another one",
                short(digest)
            )));
        }
        Ok(())
    }

    /// Puts the canary in service.
    ///
    /// # Errors
    /// When no canary runs, or it cannot be put in service.
    pub fn promote(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.canary(name)?;
        let digest = canary.module.digest();
        self.audited("promote", name, Some(digest), by, |change| {
            let _switching = self.switching(name, change)?;
            let canary = self.canary(name)?;
            let slot = self.slot(name)?;
            self.activate_in_service(slot, &slot.module(), &canary.module)
        })
    }

    /// Withdraws the canary: the current version answers all requests again.
    ///
    /// # Errors
    /// When no canary runs.
    pub fn withdraw(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.canary(name)?;
        let digest = canary.module.digest();
        self.audited("withdraw", name, Some(digest), by, |change| {
            self.end_canary(name, change)
        })
    }

    /// Withdraws a canary that is worse, also if the audit entry cannot be written: callers
    /// must not wait for it.
    fn withdraw_bad(&self, name: &str, why: &str) -> Result<(), ChangeError> {
        let canary = self.canary(name)?;
        let digest = canary.module.digest();
        self.done("withdraw", name, Some(digest), "host", why, |change| {
            self.end_canary(name, change)
        })
    }

    fn end_canary(&self, name: &str, change: Change) -> Result<(), ChangeError> {
        let _switching = self.switching(name, change)?;
        let canary = self.canary(name)?;
        let slot = self.slot(name)?;
        let prepared = self.prepare(&slot.module(), None)?;
        self.route(slot, prepared, || slot.set_canary(None));
        self.drain(&canary.module);
        Ok(())
    }

    pub(super) fn canary(&self, name: &str) -> Result<Arc<Canary>, ChangeError> {
        self.slot(name)?
            .canary()
            .ok_or_else(|| ChangeError::Nothing(format!("the module {name} has no canary")))
    }

    /// Whether a decision on the canary is due; see [`Self::decide`].
    pub fn is_due(&self, slot: &Slot) -> bool {
        slot.judge(&self.options.canary) != Verdict::Undecided
    }

    /// Promotes or withdraws the canary, if its call statistics decide it.
    pub fn decide(&self, slot: &Slot) {
        // A change of the module that runs now also decides on the canary.
        let managed = self.managed(slot.name());
        if managed.is_err() || managed.is_ok_and(|managed| managed.changes.are_switching()) {
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
            // Another call was faster, or another change runs.
            Ok(()) | Err(ChangeError::Nothing(_) | ChangeError::Busy(_)) => {}
            // It is promoted once that can be recorded.
            Err(ChangeError::Storage(error)) if error.trouble().is_some() => {}
            Err(error) => {
                let error = error.reason();
                tracing::error!(
                    module = slot.name(),
                    error,
                    "the canary cannot be promoted as it should"
                );
                let _ = self.withdraw_bad(slot.name(), "it cannot be promoted");
            }
        }
    }
}

/// Returns the canary, if it has this digest.
pub(super) fn canary_with(slot: &Slot, digest: &str) -> Option<Arc<Version>> {
    let module = slot.canary()?.module.clone();
    (module.digest() == digest).then_some(module)
}
