//! The first version of a module that is not in service: it is kept, and put in service
//! beside the modules that are, without a restart. Its data, routes and slot come to be when
//! it is activated; a refusal leaves nothing of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::change::{Change, NotInService};
use super::install::{Installation, Then};
use super::{ChangeError, Manager, lock};
use crate::components::slot::Slot;
use crate::components::version::{Version, log_migrations};
use crate::digest::Digest;
use crate::fault::{fault, fault_of};
use crate::storage::{Database, Installed, MigrationError};

impl Change<'_, NotInService> {
    pub(super) fn install(
        &mut self,
        installation: &Installation<'_>,
        digest: Digest,
        by: &str,
    ) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        self.lock_verifying()?;
        let manager = self.manager;
        match installation.then {
            Then::Keep => {}
            Then::Activate => manager.served.check_room()?,
            Then::Canary(_) => return Err(self.no_canary()),
        }
        manager.take(&self.name, installation, digest, by, |granted| {
            self.verified(installation.bytes, digest, granted)
        })
    }

    pub(super) fn remove(&mut self, prefix: &str) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        self.lock_switching()?;
        let manager = self.manager;
        let _keeping = lock(&manager.keeping);
        let version = manager.version(&self.name, prefix)?;
        manager.delete(&version)?;
        if manager.host_database.versions(&self.name)?.is_empty() {
            manager.host_database.remove_module(&self.name)?;
        }
        Ok(version)
    }

    pub(super) fn activate(&mut self, prefix: &str) -> Result<Installed, ChangeError> {
        self.check_not_pinned()?;
        let manager = self.manager;
        let version = manager.version(&self.name, prefix)?;
        manager.options.trust.check_version(&version)?;
        // Loading takes time.
        let module = manager.load_version(&self.name, &version)?;
        self.lock_switching()?;
        // Another change may have removed the version or put one in service meanwhile, and
        // another module may have taken the last place or the paths.
        let _adding = lock(&manager.adding);
        manager.served.check_room()?;
        let version = manager.version(&self.name, &version.digest.to_string())?;
        manager.check_routes(&module, None)?;
        // What was disabled, before a removal that a crash cut short, is not this.
        manager.host_database.enable_module(&self.name)?;
        let slot = manager.options.slots.make(module);
        let slot = slot.map_err(|error| ChangeError::Fault(error.to_string()))?;
        fault("activate.prepared");
        fault_of("activate.prepared", &self.name);
        let database = self.activate_data(&slot.module())?;
        fault("activate.recorded");
        database.watch();
        slot.module().attach(database);
        manager.begin_to_serve(Arc::new(slot), true);
        fault("activate.switched");
        Ok(version)
    }

    /// Opens the data of the module, or makes it, runs its migrations, and records the version
    /// as the active one.
    fn activate_data(&self, module: &Version) -> Result<Database, ChangeError> {
        self.open_data(module, |database| {
            let versions = [Some(module.digest())];
            let applied = database
                .activate(module.schema(), &versions)
                .map_err(ChangeError::Migration)?;
            log_migrations(module.name(), &applied);
            Ok(())
        })
    }

    /// Opens the data of the module, or makes it, and has it prepared. What was made for a
    /// version that is refused then does not stay.
    pub(super) fn open_data(
        &self,
        module: &Version,
        prepare: impl FnOnce(&Database) -> Result<(), ChangeError>,
    ) -> Result<Database, ChangeError> {
        let file = self.manager.options.data.database(&self.name);
        let is_new = !file.exists();
        let opened = module.database_at(&file).map_err(ChangeError::from);
        let prepared = opened.and_then(|database| match prepare(&database) {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close();
                Err(error)
            }
        });
        prepared.inspect_err(|error| {
            // One that may be recorded as active stays.
            let is_unsure = matches!(error, ChangeError::Migration(MigrationError::Sql(_)));
            if is_new && !is_unsure {
                remove_database(&file);
            }
        })
    }

    /// Why no version can be its canary.
    pub(super) fn no_canary(&self) -> ChangeError {
        ChangeError::Nothing(format!(
            "no version of the module {} is in service that a canary could be compared with: activate one",
            self.name
        ))
    }
}

impl Manager {
    /// Serves a module of a new name, beside all others; without requests if it is not enabled.
    pub(super) fn begin_to_serve(&self, slot: Arc<Slot>, enabled: bool) {
        self.mended(slot.name());
        self.lead_to_enabled(|| self.served.add(slot.clone(), enabled));
        self.options.slots.report(&slot);
    }
}

/// Removes a database that was made for a version which was refused then.
fn remove_database(file: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(end);
        // It may not have been made.
        let _ = fs::remove_file(path);
    }
}
