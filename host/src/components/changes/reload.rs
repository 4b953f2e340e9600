//! Reloads a module from a changed file, for `wares serve --watch`.

use std::path::Path;
use std::sync::Arc;

use super::activate::migrate;
use super::change::{Change, NotInService, Standing, outcome_of};
use super::under_way::UnderWay;
use super::{ChangeError, Manager, lock};
use crate::components::audit::{self, Action};
use crate::components::candidates::caught;
use crate::components::source::Source;
use crate::components::version::Version;
use crate::storage::Database;

impl Manager {
    /// Serves a file's component instead of the present one of its module, if there is one. No
    /// version is kept, and its migrations need not suit the component before. `None` if it
    /// already serves.
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
        let (name, digest) = (module.name().to_owned(), Some(digest.to_string()));
        if self.served.get(&name).is_none() {
            let change = self.begin_new(&name, Action::Reload, digest, "host")?;
            return change
                .run(|change| change.serve_first(module, source.name.is_some()).map(Some));
        }
        let change = self.begin(&name, Action::Reload, digest, "host")?;
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
        self.check_none_active(&self.module.database)?;
        if self.slot().canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {} has a canary",
                self.name()
            )));
        }
        Ok(())
    }
}

impl<M: Standing> Change<'_, M> {
    /// Whether no version was activated that goes before a file.
    fn check_none_active(&self, database: &Database) -> Result<(), ChangeError> {
        let name = self.name();
        let activated = database.activated()?.active;
        match activated.filter(|_| !self.manager.is_pinned(name)) {
            None => Ok(()),
            Some(active) => Err(ChangeError::InUse(format!(
                "the version {} of the module {name} was activated, and goes before files: end that with \
                 `wares module deactivate {name}`",
                active.short()
            ))),
        }
    }
}

impl Change<'_, NotInService> {
    /// Serves the component of a module that is not in service: the start found none of it, or
    /// none that works.
    fn serve_first(
        &mut self,
        module: Version,
        is_configured: bool,
    ) -> Result<Arc<Version>, ChangeError> {
        self.lock_verifying()?;
        if !is_configured {
            self.check_not_pinned()?;
        }
        self.verify(&module)?;
        self.lock_switching()?;
        let manager = self.manager;
        // Another module may have taken the last place or the paths meanwhile.
        let _adding = lock(&manager.adding);
        manager.served.check_room()?;
        manager.check_routes(&module, None)?;
        let disabled = manager.host_database.disabled_modules()?;
        let slot = manager.options.slots.make(module);
        let slot = slot.map_err(|error| ChangeError::Fault(error.to_string()))?;
        let module = slot.module();
        let database = self.open_data(&module, |database| {
            self.check_none_active(database)?;
            migrate(database, &module)
        })?;
        database.watch();
        module.attach(database);
        manager.begin_to_serve(Arc::new(slot), !disabled.contains(module.name()));
        Ok(module)
    }
}
