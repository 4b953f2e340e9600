//! Disables modules and enables them: a disabled one stays loaded with its data, and gets no
//! request and no call of another module. It stays disabled over restarts. An extension that
//! failed at the start is disabled too: requests at its hooks go on without it.

use std::sync::atomic::Ordering;

use super::change::{Change, NotInService};
use super::{ChangeError, Manager, lock};
use crate::components::audit::Action;

impl Manager {
    /// Takes a module out of service. Requests that it has begun to answer end there.
    ///
    /// # Errors
    /// When it is not in service, or disabled already.
    pub fn disable(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        if self.is_absent(name) {
            let change = self.begin_new(name, Action::Disable, None, by)?;
            return change.run(|change| change.disable_absent(by));
        }
        let change = self.begin(name, Action::Disable, self.digest_of(name), by)?;
        change.run(|change| change.disable(by))
    }

    /// Puts a disabled module in service again.
    ///
    /// # Errors
    /// When it is not disabled, or another module has taken one of its paths.
    pub fn enable(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        if self.is_absent(name) {
            let change = self.begin_new(name, Action::Enable, None, by)?;
            return change.run(Change::enable_absent);
        }
        let change = self.begin(name, Action::Enable, self.digest_of(name), by)?;
        change.run(Change::enable)
    }

    /// Whether a module gets requests.
    pub fn is_enabled(&self, name: &str) -> bool {
        match self.served.get(name) {
            Some(served) => served.is_enabled(),
            None => self.absent_is_enabled(name).unwrap_or(false),
        }
    }

    fn digest_of(&self, name: &str) -> Option<String> {
        let served = self.served.get(name)?;
        Some(served.slot.module().digest().to_string())
    }

    /// Leads requests and calls to the modules that are enabled after this change of them. One
    /// caller at a time.
    pub(super) fn lead_to_enabled(&self, change: impl FnOnce()) {
        let _routing = lock(&self.routing);
        change();
        let slots = self.served.enabled();
        self.options.chain.replace(&slots);
        self.options.chain.misses(self.absent());
        self.routes.lead_to(slots);
    }
}

impl Change<'_> {
    fn disable(&mut self, by: &str) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, served) = (self.manager, &self.module.served);
        if !served.is_enabled() {
            return Err(disabled_already(self.name()));
        }
        manager.host_database.disable_module(self.name(), by)?;
        manager.lead_to_enabled(|| served.enabled.store(false, Ordering::Relaxed));
        Ok(())
    }

    fn enable(&mut self) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, served) = (self.manager, &self.module.served);
        if served.is_enabled() {
            return Err(not_disabled(self.name()));
        }
        let _adding = lock(&manager.adding);
        let (module, canary) = (served.slot.module(), served.slot.canary());
        let canary = canary.as_ref().map(|canary| &*canary.module);
        manager.check_routes(&module, canary)?;
        manager.host_database.enable_module(self.name())?;
        manager.lead_to_enabled(|| served.enabled.store(true, Ordering::Relaxed));
        Ok(())
    }
}

impl Change<'_, NotInService> {
    fn disable_absent(&mut self, by: &str) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, name) = (self.manager, self.name());
        if manager.absent_is_enabled(name) == Some(false) {
            return Err(disabled_already(name));
        }
        manager.host_database.disable_module(name, by)?;
        manager.lead_to_enabled(|| manager.enable_absent(name, false));
        Ok(())
    }

    fn enable_absent(&mut self) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, name) = (self.manager, self.name());
        if manager.absent_is_enabled(name) == Some(true) {
            return Err(not_disabled(name));
        }
        manager.host_database.enable_module(name)?;
        manager.lead_to_enabled(|| manager.enable_absent(name, true));
        Ok(())
    }
}

fn disabled_already(name: &str) -> ChangeError {
    ChangeError::Nothing(format!("the module {name} is disabled already"))
}

fn not_disabled(name: &str) -> ChangeError {
    ChangeError::Nothing(format!("the module {name} is not disabled"))
}
