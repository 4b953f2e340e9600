//! One change of a module: it holds the locks that it takes, and leaves one audit entry,
//! however it ends.

use std::sync::Arc;

use super::served::Served;
use super::under_way::{Changes, Held, UnderWay};
use super::{ChangeError, Manager, database};
use crate::components::audit::{self, Action};
use crate::components::candidates::caught;
use crate::components::slot::Slot;
use crate::fault::fault_of;
use crate::storage::{Database, Outcome};

/// A change that is under way. When it is dropped, the locks are free, and the audit entry
/// is written. `M` is what the host has of the module.
pub(super) struct Change<'a, M = InService> {
    pub(super) manager: &'a Manager,
    pub(super) name: String,
    pub(super) module: M,
    changes: Arc<Changes>,
    entry: UnderWay,
    outcome: Outcome,
    detail: String,
    verifying: Option<Held>,
    switching: Option<Held>,
}

/// A module that is in service.
pub(super) struct InService {
    pub(super) served: Arc<Served>,
    pub(super) database: Database,
}

/// A module that is not in service: of a new name, or one with installed versions of which
/// none was put in service.
pub(super) struct NotInService;

/// What a change takes the module for.
pub(super) trait Standing {
    /// Whether it is that still, now that no other change of the module is under way.
    fn check(&self, manager: &Manager, name: &str) -> Result<(), ChangeError>;
}

impl Standing for InService {
    fn check(&self, manager: &Manager, name: &str) -> Result<(), ChangeError> {
        // Another change may have removed it, and the next one have added it again.
        match manager.served(name) {
            Ok(served) if Arc::ptr_eq(&served, &self.served) => Ok(()),
            Ok(_) => Err(ChangeError::Busy(name.to_owned())),
            Err(error) => Err(error),
        }
    }
}

impl Standing for NotInService {
    fn check(&self, manager: &Manager, name: &str) -> Result<(), ChangeError> {
        match manager.served.get(name) {
            // Another change has put it in service since this one began.
            Some(_) => Err(ChangeError::Busy(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl Manager {
    /// Begins a change of a module. `digest` is that of the version, or the text that was
    /// sent as one.
    ///
    /// # Errors
    /// When no such module is served, or no audit entry could be written. The refusal is an
    /// audit entry then.
    pub(super) fn begin(
        &self,
        name: &str,
        action: Action,
        digest: Option<String>,
        by: &str,
    ) -> Result<Change<'_>, ChangeError> {
        let entry = UnderWay::new(action, digest, by);
        let begun = self
            .host_database
            .check_writable()
            .map_err(ChangeError::from)
            .and_then(|()| self.begin_unchecked(name, entry.clone()));
        fault_of(&format!("{action}.begun"), name);
        begun.inspect_err(|error| {
            let outcome = outcome_of(error);
            audit::write(&self.host_database, &entry, name, outcome, &error.reason());
        })
    }

    /// Begins a change, whether or not its audit entry can be written.
    pub(super) fn begin_unchecked(
        &self,
        name: &str,
        entry: UnderWay,
    ) -> Result<Change<'_>, ChangeError> {
        let served = self.served(name)?;
        let database = database(&served.slot.module())?.clone();
        Ok(Change::new(
            self,
            name,
            entry,
            InService { served, database },
        ))
    }

    /// Begins a change of a module that is not in service.
    ///
    /// # Errors
    /// When no audit entry could be written.
    pub(super) fn begin_new(
        &self,
        name: &str,
        action: Action,
        digest: Option<String>,
        by: &str,
    ) -> Result<Change<'_, NotInService>, ChangeError> {
        let change = Change::new(self, name, UnderWay::new(action, digest, by), NotInService);
        match self.host_database.check_writable() {
            Ok(()) => Ok(change),
            Err(error) => change.run(|_| Err(error.into())),
        }
    }
}

impl Change<'_> {
    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.module.served.slot
    }
}

impl<'a, M: Standing> Change<'a, M> {
    fn new(manager: &'a Manager, name: &str, entry: UnderWay, module: M) -> Self {
        Self {
            manager,
            name: name.to_owned(),
            module,
            changes: manager.changes.of(name),
            entry,
            outcome: Outcome::Failed,
            detail: "it ended inside the host".to_owned(),
            verifying: None,
            switching: None,
        }
    }

    /// With the lock on what is served, which was taken for it.
    pub(super) fn holding(mut self, switching: Held) -> Self {
        self.switching = Some(switching);
        self
    }

    /// Makes the change. A panic in it is a refusal like any other.
    pub(super) fn run<T>(
        self,
        work: impl FnOnce(&mut Self) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        self.run_for("", work)
    }

    /// Makes the change for a reason that the audit entry shows.
    pub(super) fn run_for<T>(
        mut self,
        reason: &str,
        work: impl FnOnce(&mut Self) -> Result<T, ChangeError>,
    ) -> Result<T, ChangeError> {
        let result = caught(|| work(&mut self), ChangeError::Fault);
        (self.outcome, self.detail) = match &result {
            Ok(_) => (Outcome::Done, reason.to_owned()),
            Err(error) => (outcome_of(error), error.reason()),
        };
        result
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Keeps other versions of the module from being verified.
    pub(super) fn lock_verifying(&mut self) -> Result<(), ChangeError> {
        let held = self.changes.verify(self.entry.clone());
        self.verifying = Some(held.ok_or_else(|| ChangeError::Busy(self.name().to_owned()))?);
        self.module.check(self.manager, &self.name)
    }

    /// Keeps every other change of what is served of the module out.
    pub(super) fn lock_switching(&mut self) -> Result<(), ChangeError> {
        if self.switching.is_none() {
            let held = self.changes.switch(self.entry.clone());
            self.switching = Some(held.ok_or_else(|| ChangeError::Busy(self.name().to_owned()))?);
        }
        self.module.check(self.manager, &self.name)
    }

    /// Whether the settings leave the choice of the module's version to changes.
    pub(super) fn check_not_pinned(&self) -> Result<(), ChangeError> {
        if self.manager.is_pinned(self.name()) {
            return Err(ChangeError::Pinned(self.name().to_owned()));
        }
        Ok(())
    }
}

impl<M> Drop for Change<'_, M> {
    fn drop(&mut self) {
        // The database may be slow, and the next change need not wait for it.
        self.switching = None;
        self.verifying = None;
        let host_database = &self.manager.host_database;
        audit::write(
            host_database,
            &self.entry,
            &self.name,
            self.outcome,
            &self.detail,
        );
    }
}

pub(super) fn outcome_of(error: &ChangeError) -> Outcome {
    match error {
        ChangeError::Fault(_) | ChangeError::HalfRemoved { .. } => Outcome::Failed,
        _ => Outcome::Refused,
    }
}
