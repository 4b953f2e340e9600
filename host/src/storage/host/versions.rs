//! The versions of modules in the host's own database: which are installed. The module's own
//! database has the active one, beside its schema.

use rusqlite::{OptionalExtension, Row};

use super::HostDatabase;
use crate::digest::Digest;
use crate::storage::{StorageError, now};

/// A version of a module that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The module.
    pub module: String,
    /// Of the component.
    pub digest: Digest,
    /// The component's own version and summary.
    pub version: String,
    /// Of the component.
    pub size_bytes: u64,
    /// RFC 3339 in UTC.
    pub installed_at: String,
    /// Who installed it.
    pub installed_by: String,
    /// The key that signed it, in base 64, or `built-in` where the program vouches for it;
    /// `None` where nothing was shown.
    pub signed_by: Option<String>,
}

const INSERT: &str = "
    insert into module_version
    (module, digest, version, size_bytes, installed_at, installed_by, signed_by)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (module, digest)
    do update set signed_by = excluded.signed_by where excluded.signed_by is not null";
const VERSIONS: &str = "select module, digest, version, size_bytes, installed_at, installed_by, signed_by from module_version where module = ?1 order by rowid desc";
const VERSION: &str = "select module, digest, version, size_bytes, installed_at, installed_by, signed_by from module_version where module = ?1 and digest = ?2";
const MODULES: &str = "select distinct module from module_version order by module";
const KEEP_GRANTS: &str = "
    insert into module_grants (module, grants, granted_at, granted_by) values (?1, ?2, ?3, ?4)
    on conflict (module) do update
    set grants = excluded.grants, granted_at = excluded.granted_at, granted_by = excluded.granted_by";
const REMOVE: &str = "delete from module_version where module = ?1 and digest = ?2";
const HAS_COMPONENT: &str = "select exists (select 1 from module_version where digest = ?1)";

impl HostDatabase {
    /// Keeps a version. One that is there already stays as it is, but for a signature that
    /// comes with it. With it the grants of its module are kept, if there are any to keep.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_version(
        &self,
        version: &Installed,
        grants: Option<&str>,
    ) -> Result<(), StorageError> {
        self.file.write(|connection| {
            if let Some(grants) = grants {
                let (module, by) = (&version.module, &version.installed_by);
                connection
                    .prepare_cached(KEEP_GRANTS)?
                    .execute((module, grants, now(), by))?;
            }
            connection.prepare_cached(INSERT)?.execute((
                &version.module,
                &version.digest,
                &version.version,
                i64::try_from(version.size_bytes).unwrap_or(i64::MAX),
                &version.installed_at,
                &version.installed_by,
                &version.signed_by,
            ))?;
            Ok(())
        })
    }

    /// The modules that have versions, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn modules(&self) -> Result<Vec<String>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(MODULES)?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The versions of a module, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn versions(&self, module: &str) -> Result<Vec<Installed>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(VERSIONS)?;
            let rows = statement.query_map([module], version)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One version of a module.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn version(&self, module: &str, digest: Digest) -> Result<Option<Installed>, StorageError> {
        self.file.read(|connection| {
            let found = connection
                .prepare_cached(VERSION)?
                .query_row((module, digest), version)
                .optional()?;
            Ok(found)
        })
    }

    /// Deletes a version, and returns whether another module has the same component.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove_version(&self, module: &str, digest: Digest) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(REMOVE)?
                .execute((module, digest))?;
            let others = connection
                .prepare_cached(HAS_COMPONENT)?
                .query_row([digest], |row| row.get(0))?;
            Ok(others)
        })
    }
}

fn version(row: &Row<'_>) -> rusqlite::Result<Installed> {
    Ok(Installed {
        module: row.get(0)?,
        digest: row.get(1)?,
        version: row.get(2)?,
        size_bytes: row.get::<_, i64>(3)?.try_into().unwrap_or_default(),
        installed_at: row.get(4)?,
        installed_by: row.get(5)?,
        signed_by: row.get(6)?,
    })
}
