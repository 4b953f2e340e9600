//! Reloads a module from a changed file, for `wares serve --watch`.

use std::path::Path;
use std::sync::Arc;

use super::activate::migrate;
use super::change::{Change, outcome_of};
use super::under_way::UnderWay;
use super::{ChangeError, Manager};
use crate::components::audit::{self, Action};
use crate::components::candidates::caught;
use crate::components::source::Source;
use crate::components::version::Version;

impl Manager {
    /// Serves a file's component instead of the present one of its module. No version is kept,
    /// and its migrations need not suit the component before. `None` if it already serves.
    ///
    /// # Errors
    /// When it cannot be served, or an active version has precedence; then nothing changes.
    pub fn reload(&self, source: &Source) -> Result<Option<Arc<Version>>, ChangeError> {
        let digest = source.digest;
        let mut slots = self.slots().into_iter();
        if slots.any(|slot| slot.module().digest() == digest) {
            return Ok(None);
        }
        let loaded = caught(|| self.load_source(source), ChangeError::Fault);
        let module = loaded.inspect_err(|error| {
            let name = source.name.as_deref();
            let file = self.served_from(&source.origin);
            let name = name.unwrap_or(&file);
            let entry = UnderWay::new(Action::Reload, Some(digest.to_string()), "host");
            audit::write(
                &self.host_database,
                &entry,
                name,
                outcome_of(error),
                &error.reason(),
            );
        })?;
        let change = self.begin(
            module.name(),
            Action::Reload,
            Some(digest.to_string()),
            "host",
        )?;
        change.run(|change| change.reload(module, source.name.is_some()).map(Some))
    }

    /// Audits that a watched file cannot be read.
    pub(in crate::components) fn refuse_file(&self, file: &Path, name: Option<&str>, reason: &str) {
        let served = self.served_from(&file.display().to_string());
        self.refuse(
            Action::Reload,
            name.unwrap_or(&served),
            None,
            "host",
            reason,
        );
    }

    /// The module that is served from this file, if any.
    fn served_from(&self, file: &str) -> String {
        let path = |file: &str| std::path::absolute(file).ok();
        let file = path(file);
        let mut slots = self.slots().into_iter();
        slots
            .find(|slot| path(&slot.module().origin().label) == file)
            .map_or_else(String::new, |slot| slot.name().to_owned())
    }
}

impl Change<'_> {
    /// Serves a component instead of the one in service. `is_configured` if the settings
    /// name its file.
    fn reload(
        &mut self,
        module: Version,
        is_configured: bool,
    ) -> Result<Arc<Version>, ChangeError> {
        self.lock_verifying()?;
        if !is_configured {
            self.check_not_pinned()?;
        }
        self.check_served_from_file()?;
        self.verify(&module)?;
        self.lock_switching()?;
        // Another change may have activated a version meanwhile.
        self.check_served_from_file()?;
        let module = self.with_database(module);
        let (manager, slot) = (self.manager, &self.slot().clone());
        manager.check_routes(&module, None)?;
        migrate(&self.module.database, &module)?;
        let before = manager.route(slot, || slot.switch(module.clone()));
        manager.mended(slot.name());
        manager.drain(&before);
        let kept = manager
            .host_database
            .version(slot.name(), before.digest())?;
        if kept.is_none() {
            manager.engine.forget(before.digest());
        }
        Ok(module)
    }

    /// Whether the module is served from a file.
    fn check_served_from_file(&self) -> Result<(), ChangeError> {
        let name = self.name();
        let activated = self.module.database.activated()?.active;
        if let Some(active) = activated.filter(|_| !self.manager.is_pinned(name)) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} was activated, and goes before files: end that with \
                 `wares module deactivate {name}`",
                active.short()
            )));
        }
        if self.slot().canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {name} has a canary"
            )));
        }
        Ok(())
    }
}
