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
    pub(super) fn check_trial(&self, slot: &Slot, digest: &str) -> Result<(), ChangeError> {
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

    pub(super) fn trial(&self, name: &str) -> Result<Arc<Canary>, ChangeError> {
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
}

/// The version with this digest, if it is on trial.
pub(super) fn on_trial(slot: &Slot, digest: &str) -> Option<Arc<Version>> {
    let module = slot.canary()?.module.clone();
    (module.digest() == digest).then_some(module)
}
