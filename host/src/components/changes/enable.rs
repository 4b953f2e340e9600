//! Disables modules and enables them: a disabled one stays loaded with its data, and gets no
//! request and no call of another module. It stays disabled over restarts.

use std::sync::atomic::Ordering;

use super::change::Change;
use super::{ChangeError, Manager, lock};
use crate::components::audit::Action;

impl Manager {
    /// Takes a module out of service. Requests that it has begun to answer end there.
    ///
    /// # Errors
    /// When it is not in service, or disabled already.
    pub fn disable(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let change = self.begin(name, Action::Disable, self.digest_of(name), by)?;
        change.run(|change| change.disable(by))
    }

    /// Puts a disabled module in service again.
    ///
    /// # Errors
    /// When it is not disabled, or another module has taken one of its paths.
    pub fn enable(&self, name: &str, by: &str) -> Result<(), ChangeError> {
        let change = self.begin(name, Action::Enable, self.digest_of(name), by)?;
        change.run(Change::enable)
    }

    /// Whether a module gets requests.
    pub fn is_enabled(&self, name: &str) -> bool {
        let served = self.served.get(name);
        served.is_some_and(|served| served.is_enabled())
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
        self.routes.lead_to(slots);
    }
}

impl Change<'_> {
    fn disable(&mut self, by: &str) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, served) = (self.manager, &self.module.served);
        if !served.is_enabled() {
            let name = self.name();
            return Err(ChangeError::Nothing(format!(
                "the module {name} is disabled already"
            )));
        }
        manager.host_database.disable_module(self.name(), by)?;
        manager.lead_to_enabled(|| served.enabled.store(false, Ordering::Relaxed));
        Ok(())
    }

    fn enable(&mut self) -> Result<(), ChangeError> {
        self.lock_switching()?;
        let (manager, served) = (self.manager, &self.module.served);
        if served.is_enabled() {
            let name = self.name();
            return Err(ChangeError::Nothing(format!(
                "the module {name} is not disabled"
            )));
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
