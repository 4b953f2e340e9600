//! The versions of modules in the host's own database: which are installed, and their audit
//! entries. The module's own database has the active one, beside its schema.

use std::path::Path;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

use super::host_file::HostFile;
use super::{StorageError, accounts, now};

/// A version of a module that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The module.
    pub module: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
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

/// An audit entry: an action that was done or refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Counts up; set when it is written.
    pub number: i64,
    /// RFC 3339 in UTC; set when it is written.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    #[serde(rename = "act")]
    pub action: String,
    /// With which module; `None` for an action on a user, or if it is not known.
    pub module: Option<String>,
    /// With which version of it, if it is known.
    pub digest: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused, or a remark.
    pub detail: String,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused, and changed nothing.
    Refused,
    /// The host itself failed.
    Failed,
}

impl Outcome {
    /// Its name in the audit.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

impl FromSql for Outcome {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        [Self::Done, Self::Refused, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.name() == name)
            .ok_or(FromSqlError::InvalidType)
    }
}

impl AuditEntry {
    /// An entry to be written.
    pub fn new(action: &str, actor: &str, module: Option<String>, outcome: Outcome) -> Self {
        Self {
            number: 0,
            at: String::new(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            module,
            digest: None,
            outcome,
            detail: String::new(),
        }
    }
}

/// Versions and audit entries, in the host's own database.
pub struct Registry {
    file: HostFile,
}

const COLUMNS: &str = "module, digest, version, size_bytes, installed_at, installed_by, signed_by";

impl Registry {
    /// Opens the host's own database, or creates it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Ok(Self {
            file: accounts::open(path)?,
        })
    }

    /// Keeps a version. One that is there already stays as it is, but for a signature that
    /// comes with it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert(&self, version: &Installed) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(
                    "insert into module_version
                     (module, digest, version, size_bytes, installed_at, installed_by, signed_by)
                     values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (module, digest)
                     do update set signed_by = excluded.signed_by where excluded.signed_by is not null",
                )?
                .execute((
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

    /// The versions of a module, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn versions(&self, module: &str) -> Result<Vec<Installed>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "select {COLUMNS} from module_version where module = ?1 order by rowid desc"
            ))?;
            let rows = statement.query_map([module], version)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// One version of a module.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn version(&self, module: &str, digest: &str) -> Result<Option<Installed>, StorageError> {
        self.file.read(|connection| {
            let found = connection
                .prepare_cached(&format!(
                    "select {COLUMNS} from module_version where module = ?1 and digest = ?2"
                ))?
                .query_row([module, digest], version)
                .optional()?;
            Ok(found)
        })
    }

    /// Deletes a version, and returns whether another module has the same component.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn remove(&self, module: &str, digest: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached("delete from module_version where module = ?1 and digest = ?2")?
                .execute([module, digest])?;
            let others = connection
                .prepare_cached("select exists (select 1 from module_version where digest = ?1)")?
                .query_row([digest], |row| row.get(0))?;
            Ok(others)
        })
    }

    /// Writes an audit entry, and sets its `number` and `at`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn record(&self, entry: &AuditEntry) -> Result<(), StorageError> {
        self.file.write(|connection| record(connection, entry))
    }

    /// Checks that an audit entry could be written now: no other process holds the database for
    /// writing for too long.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn check_writable(&self) -> Result<(), StorageError> {
        self.file.write(|_| Ok(()))
    }

    /// Returns the audit entries, newest first, before the one with this number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditEntry>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(
                "select number, at, actor, act, module, digest, outcome, detail from audit
                 where number < ?1 order by number desc limit ?2",
            )?;
            let rows = statement.query_map((before.unwrap_or(i64::MAX), limit), |row| {
                let module: String = row.get(4)?;
                Ok(AuditEntry {
                    number: row.get(0)?,
                    at: row.get(1)?,
                    actor: row.get(2)?,
                    action: row.get(3)?,
                    module: (!module.is_empty()).then_some(module),
                    digest: row.get(5)?,
                    outcome: row.get(6)?,
                    detail: row.get(7)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// Writes an audit entry within an open transaction, if one is open.
pub(super) fn record(connection: &Connection, entry: &AuditEntry) -> Result<(), StorageError> {
    connection
        .prepare_cached(
            "insert into audit (at, actor, act, module, digest, outcome, detail)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            now(),
            &entry.actor,
            &entry.action,
            entry.module.as_deref().unwrap_or_default(),
            &entry.digest,
            entry.outcome.name(),
            &entry.detail,
        ))?;
    Ok(())
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
