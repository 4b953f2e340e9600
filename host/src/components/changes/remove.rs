//! Removes a whole module: its service, its versions and what it is granted. Its data stays.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::change::{Change, NotInService};
use super::{ChangeError, Manager, lock};
use crate::components::audit::Action;
use crate::components::slot::Slot;
use crate::fault::fault;

/// How often the calls of a removed module are looked for.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

impl Manager {
    /// Removes a module with all of its versions. Requests that it has begun to answer end
    /// there, within the time of a version that is replaced.
    ///
    /// # Errors
    /// When it is unknown, or would be served from a file or the binary all the same.
    pub fn remove_module(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        if self.is_new(name) && self.check_known(name).is_ok() {
            let change = self.begin_new(name, Action::Remove, None, by)?;
            return change.run(|change| change.remove_all());
        }
        let change = self.begin(name, Action::Remove, None, by)?;
        change.run(|change| change.remove_all())
    }

    /// Removes what is kept of a module that is not served: all that can be, also where
    /// something cannot.
    ///
    /// # Errors
    /// With the first thing that cannot be removed.
    fn forget_module(&self, name: &str) -> Result<(), ChangeError> {
        let _keeping = lock(&self.keeping);
        let mut forgotten = Ok(());
        for version in self.host_database.versions(name)? {
            forgotten = forgotten.and(self.delete(&version));
        }
        forgotten.and(Ok(self.host_database.remove_module(name)?))
    }
}

impl Change<'_, NotInService> {
    fn remove_all(&mut self) -> Result<(), ChangeError> {
        self.check_not_pinned()?;
        self.lock_verifying()?;
        self.lock_switching()?;
        let manager = self.manager;
        manager.forget_module(&self.name)?;
        manager.mended(&self.name);
        manager.lead_to_enabled(|| ());
        Ok(())
    }
}

impl Change<'_> {
    fn remove_all(&mut self) -> Result<(), ChangeError> {
        self.check_not_pinned()?;
        self.lock_verifying()?;
        self.check_versions_alone()?;
        self.lock_switching()?;
        let manager = self.manager;
        let slot = self.slot().clone();
        let module = slot.module();
        let active = self.module.database.activated()?.active;
        if active.is_some() {
            // The next start serves none.
            let ended = self.module.database.activate(module.schema(), &[None]);
            ended.map_err(ChangeError::Migration)?;
        }
        fault("remove.recorded");
        manager.lead_to_enabled(|| manager.served.remove(&self.name));
        manager.options.slots.forget(&self.name);
        manager.mended(&self.name);
        for version in slot.versions() {
            manager.drain(&version);
        }
        // Nothing is left to decide about it.
        slot.set_canary(None);
        end_without_calls(slot);
        let forgotten = manager.forget_module(&self.name);
        forgotten.map_err(|error| ChangeError::HalfRemoved {
            module: self.name.clone(),
            reason: error.reason(),
        })
    }

    /// Whether no file and no built-in component would serve the module without its versions.
    fn check_versions_alone(&self) -> Result<(), ChangeError> {
        match self.manager.load_without_versions(self.name()) {
            Ok(module) => Err(ChangeError::InUse(format!(
                "the module {name} would be served without versions as well ({origin}): take that away and start \
                 the host again, or use `wares module disable {name}`",
                name = self.name(),
                origin = module.origin()
            ))),
            Err(ChangeError::Nothing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Ends the threads of a slot on a thread of its own, once no request has the slot: the end
/// waits for its calls, and may not be on a thread that waits for none.
fn end_without_calls(slot: Arc<Slot>) {
    let ending = thread::Builder::new().name("removed".to_owned());
    let ended = ending.spawn(move || {
        while Arc::strong_count(&slot) > 1 {
            thread::sleep(CHECK_INTERVAL);
        }
    });
    if let Err(error) = ended {
        tracing::warn!(%error, "a removed module has no thread to end on");
    }
}
