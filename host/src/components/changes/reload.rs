//! Reloads a module from a changed file, for `wares serve --watch`.

use std::path::Path;
use std::sync::Arc;

use super::activate::migrate;
use super::under_way::Change;
use super::{ChangeError, Manager, database};
use crate::components::candidates::caught;
use crate::components::slot::Slot;
use crate::components::source::Source;
use crate::components::store::{digest, short};
use crate::components::version::Version;
use crate::storage::Database;

impl Manager {
    /// Serves a file's component instead of the present one of its module. No version is kept,
    /// and its migrations need not suit the component before. `None` if it already serves.
    ///
    /// # Errors
    /// When it cannot be served, or an active version has precedence; then nothing changes.
    pub fn reload(&self, source: &Source) -> Result<Option<Arc<Version>>, ChangeError> {
        let digest = digest(&source.bytes);
        if self.slots().any(|slot| slot.module().digest() == digest) {
            return Ok(None);
        }
        let loaded = caught(|| self.load_source(source), ChangeError::Fault);
        let module = loaded.inspect_err(|error| {
            let change = Change::new("reload", Some(&digest), "host");
            let module = source
                .name
                .as_deref()
                .unwrap_or(self.served_from(&source.origin));
            self.record(&change, module, Err(error), "");
        })?;
        let name = module.name().to_owned();
        self.audited("reload", &name, Some(&digest), "host", |change| {
            let _verifying =
                self.busy(&name, self.managed(&name)?.changes.verify(change.clone()))?;
            if source.name.is_none() && self.is_pinned(&name) {
                return Err(ChangeError::Pinned(name.clone()));
            }
            self.try_reload(&name, module, change).map(Some)
        })
    }

    fn try_reload(
        &self,
        name: &str,
        mut module: Version,
        change: Change,
    ) -> Result<Arc<Version>, ChangeError> {
        let managed = self.managed(name)?;
        let slot = &managed.slot;
        let current = slot.module();
        let database = database(&current)?;
        self.check_reload(slot, database)?;
        self.verify(slot, &mut module)?;
        let _switching = self.busy(name, managed.changes.switch(change))?;
        // A version may have been activated meanwhile.
        self.check_reload(slot, database)?;
        module.attach(database.clone());
        let module = Arc::new(module);
        let prepared = self.prepare(&module, None)?;
        migrate(database, &module)?;
        let before = self.route(slot, prepared, || slot.switch(module.clone()));
        self.mended(name);
        self.drain(&before);
        if self.registry.version(name, before.digest())?.is_none() {
            self.engine.forget(before.digest());
        }
        Ok(module)
    }

    /// Audits that a watched file cannot be read.
    pub(in crate::components) fn refuse_file(&self, file: &Path, name: Option<&str>, reason: &str) {
        let module = name.unwrap_or(self.served_from(&file.display().to_string()));
        self.refuse("reload", module, None, "host", reason);
    }

    /// Audits a change that was refused before it came here. `module` is empty if it is
    /// unknown.
    pub fn refuse(&self, act: &str, module: &str, digest: Option<&str>, by: &str, reason: &str) {
        let change = Change::new(act, digest, by);
        self.keep_act(&change, module, "refused", reason);
    }

    /// The module that is served from this file, if any.
    fn served_from(&self, file: &str) -> &str {
        let path = |file: &str| std::path::absolute(file).ok();
        let file = path(file);
        self.slots()
            .find(|slot| path(&slot.module().origin().place) == file)
            .map_or("", |slot| slot.name())
    }

    /// Whether a module is served from a file.
    fn check_reload(&self, slot: &Slot, database: &Database) -> Result<(), ChangeError> {
        let name = slot.name();
        let activated = database.activated()?.active;
        if let Some(active) = activated.filter(|_| !self.is_pinned(name)) {
            return Err(ChangeError::InUse(format!(
                "the version {} of the module {name} was activated, and goes before files: end that with \
                 `wares module deactivate {name}`",
                short(&active)
            )));
        }
        if slot.canary().is_some() {
            return Err(ChangeError::InUse(format!(
                "the module {name} has a canary"
            )));
        }
        Ok(())
    }
}
