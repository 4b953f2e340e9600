//! Modules in the host's own database: what each is granted, and which are disabled.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;

use super::HostDatabase;
use crate::storage::{StorageError, now};

const GRANTS: &str = "select grants from module_grants where module = ?1";
const REMOVE_GRANTS: &str = "delete from module_grants where module = ?1";
const DISABLED: &str = "select module from disabled_module";
const DISABLE: &str = "
    insert into disabled_module (module, disabled_at, disabled_by) values (?1, ?2, ?3)
    on conflict (module) do nothing";
const ENABLE: &str = "delete from disabled_module where module = ?1";

impl HostDatabase {
    /// The grants that are kept of a module, as they were written; `None` where none were.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn grants(&self, module: &str) -> Result<Option<String>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(GRANTS)?;
            Ok(statement.query_row([module], |row| row.get(0)).optional()?)
        })
    }

    /// Deletes what is kept of a module: what it is granted, and that it is disabled.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove_module(&self, module: &str) -> Result<(), StorageError> {
        self.file.write(|connection| {
            for statement in [REMOVE_GRANTS, ENABLE] {
                connection.prepare_cached(statement)?.execute([module])?;
            }
            Ok(())
        })
    }

    /// The modules that are disabled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn disabled_modules(&self) -> Result<BTreeSet<String>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(DISABLED)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Keeps that a module is disabled.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn disable_module(&self, module: &str, by: &str) -> Result<(), StorageError> {
        self.file.write(|connection| {
            let mut statement = connection.prepare_cached(DISABLE)?;
            statement.execute((module, now(), by))?;
            Ok(())
        })
    }

    /// Keeps that a module is not disabled.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn enable_module(&self, module: &str) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection.prepare_cached(ENABLE)?.execute([module])?;
            Ok(())
        })
    }
}
