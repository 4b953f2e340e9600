//! Begins canaries, promotes and withdraws them. A canary that its calls decided on is
//! promoted or withdrawn by the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::activate::migrate;
use super::change::Change;
use super::drain::Task;
use super::under_way::UnderWay;
use super::verify::check_coexistence;
use super::{ChangeError, Manager, known};
use crate::components::audit::Action;
use crate::components::canary::{Canary, Due, Verdict};
use crate::components::slot::Slot;
use crate::components::version::Version;
use crate::digest::Digest;
use crate::storage::Installed;

impl Manager {
    /// Starts the installed version whose digest begins with `prefix` as canary, which answers
    /// a share of the requests until it is promoted or withdrawn. `share` is of ten thousand.
    ///
    /// # Errors
    /// When it cannot, or another canary runs.
    pub fn begin_canary(
        &self,
        name: &str,
        prefix: &str,
        share: u32,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        let known = known(&self.version(name, prefix), prefix);
        let change = self.begin(name, Action::Canary, Some(known), by)?;
        change.run(|change| change.begin_canary(prefix, share))
    }

    /// Whether a canary of a version may begin.
    pub(super) fn check_canary(&self, slot: &Slot, digest: Digest) -> Result<(), ChangeError> {
        let name = slot.name();
        if !self.serves.load(Ordering::Relaxed) {
            return Err(ChangeError::NoHost(name.to_owned()));
        }
        if let Some(canary) = slot.canary() {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is its canary: promote or withdraw it first",
                canary.module.digest().short()
            )));
        }
        if slot.module().digest() == digest {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} is in service, and answers all requests: choose another one",
                digest.short()
            )));
        }
        Ok(())
    }

    /// Puts the canary in service.
    ///
    /// # Errors
    /// When none runs, or it cannot serve.
    pub fn promote(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.canary(name)?;
        let digest = Some(canary.module.digest().to_string());
        let change = self.begin(name, Action::Promote, digest, by)?;
        change.run(Change::promote)
    }

    /// Ends the canary: the version in service answers all requests again.
    ///
    /// # Errors
    /// When none runs.
    pub fn withdraw(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let canary = self.canary(name)?;
        let digest = Some(canary.module.digest().to_string());
        let change = self.begin(name, Action::Withdraw, digest, by)?;
        change.run(Change::withdraw)
    }

    fn canary(&self, name: &str) -> Result<Arc<Canary>, ChangeError> {
        canary_of(&*self.slot(name)?)
    }

    /// Promotes or withdraws a canary, as its calls have decided.
    pub(super) fn decide(&self, due: &Due) {
        let Some(canary) = due.canary() else {
            return;
        };
        let is_over = match canary.verdict() {
            Verdict::Undecided => false,
            Verdict::Promote => self.promote_due(&canary),
            Verdict::Withdraw(why) => self.withdraw_due(&canary, &why),
        };
        if !is_over {
            canary.put_off();
        }
    }

    /// Promotes a canary; returns whether nothing is left to do with it.
    fn promote_due(&self, canary: &Arc<Canary>) -> bool {
        // A good canary stays good, and is promoted once that can be recorded.
        if self.host_database.check_writable().is_err() {
            return false;
        }
        let Some(change) = self.begin_due(canary, Action::Promote) else {
            return false;
        };
        match change.run(Change::promote) {
            Ok(()) | Err(ChangeError::Nothing(_)) => true,
            Err(ChangeError::Storage(error)) if error.trouble().is_some() => false,
            Err(error) => {
                let (module, error) = (canary.module.name(), error.reason());
                tracing::error!(module, error, "the canary cannot be promoted");
                self.withdraw_due(canary, "it cannot be promoted")
            }
        }
    }

    /// Withdraws a bad canary, also if that cannot be recorded, since callers are not to wait
    /// for it; returns whether nothing is left to do with it.
    fn withdraw_due(&self, canary: &Arc<Canary>, why: &str) -> bool {
        self.begin_due(canary, Action::Withdraw)
            .is_some_and(|change| change.run_for(why, Change::withdraw).is_ok())
    }

    /// Begins the host's own change of a canary; `None` while another change of the
    /// module decides what becomes of it.
    fn begin_due(&self, canary: &Arc<Canary>, action: Action) -> Option<Change<'_>> {
        let name = canary.module.name();
        let served = self.served(name).ok()?;
        let entry = UnderWay::new(action, Some(canary.module.digest().to_string()), "host");
        let held = self.changes.of(name).switch(entry.clone())?;
        let present = served.slot.canary()?;
        let change = Arc::ptr_eq(&present, canary).then(|| self.begin_unchecked(name, entry))?;
        Some(change.ok()?.holding(held))
    }
}

impl Change<'_> {
    fn begin_canary(&mut self, prefix: &str, share: u32) -> Result<Installed, ChangeError> {
        let (manager, slot) = (self.manager, &self.slot().clone());
        let version = manager.version(slot.name(), prefix)?;
        self.check_not_pinned()?;
        manager.check_canary(slot, version.digest)?;
        manager.options.trust.check_version(&version)?;
        // Loading takes time, and what is served does not change by it.
        let module = manager.load_version(slot.name(), &version)?;
        self.lock_switching()?;
        // Another change may have removed the version or put it in service meanwhile.
        let version = manager.version(slot.name(), &version.digest.to_string())?;
        manager.check_canary(slot, version.digest)?;
        let current = slot.module();
        check_coexistence(&self.module.database, current.schema(), module.schema())?;
        let module = self.with_database(module);
        let options = manager.options.canary;
        let tasks = manager.tasks.clone();
        let canary = Canary::new(
            module,
            share,
            &current,
            options,
            Box::new(move |due| {
                // A manager that has ended decides nothing.
                let _ = tasks.send(Task::Decide(due));
            }),
        );
        manager.check_routes(&current, Some(&canary.module))?;
        // The schema goes forward for both, so this comes after all that may refuse the
        // canary. A withdrawn version leaves it there.
        migrate(&self.module.database, &canary.module)?;
        manager.route(slot, || slot.set_canary(Some(canary)));
        Ok(version)
    }

    fn promote(&mut self) -> Result<(), ChangeError> {
        self.check_not_pinned()?;
        self.lock_switching()?;
        let canary = canary_of(self.slot())?;
        self.put_in_service(&canary.module)
    }

    fn withdraw(&mut self) -> Result<(), ChangeError> {
        self.check_not_pinned()?;
        self.lock_switching()?;
        let (manager, slot) = (self.manager, &self.slot().clone());
        let canary = canary_of(slot)?;
        manager.check_routes(&slot.module(), None)?;
        manager.route(slot, || slot.set_canary(None));
        manager.drain(&canary.module);
        Ok(())
    }
}

fn canary_of(slot: &Slot) -> Result<Arc<Canary>, ChangeError> {
    slot.canary()
        .ok_or_else(|| ChangeError::Nothing(format!("the module {} has no canary", slot.name())))
}

/// The version with this digest, if it is the canary.
pub(super) fn canary_with(slot: &Slot, digest: Digest) -> Option<Arc<Version>> {
    let module = slot.canary()?.module.clone();
    (module.digest() == digest).then_some(module)
}
