//! Audit entries in the host's own database.

use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};
use serde::Serialize;

use super::HostDatabase;
use crate::storage::{StorageError, now};

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
const RECORD: &str = "
    insert into audit (at, actor, act, module, digest, outcome, detail)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const AUDIT: &str = "
    select number, at, actor, act, module, digest, outcome, detail from audit
    where number < ?1 order by number desc limit ?2";

impl HostDatabase {
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
            let mut statement = connection.prepare_cached(AUDIT)?;
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
pub(in crate::storage) fn record(
    connection: &Connection,
    entry: &AuditEntry,
) -> Result<(), StorageError> {
    connection.prepare_cached(RECORD)?.execute((
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
