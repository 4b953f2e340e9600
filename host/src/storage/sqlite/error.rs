//! The errors of SQLite in the words of storage.

use rusqlite::ffi;

use super::authorizer;
use super::{ConstraintKind, Fault, SqlError, StorageError, Trouble};

impl Trouble {
    /// Returns the trouble that an error of SQLite reports; `None` if it is about the statement.
    pub(in crate::storage) fn of(error: &rusqlite::Error) -> Option<Self> {
        Self::of_code(code_of(error)?)
    }

    pub(in crate::storage) fn of_code(code: i32) -> Option<Self> {
        match code {
            // The file that processes share cannot grow.
            ffi::SQLITE_IOERR_SHMSIZE => return Some(Self::Full),
            ffi::SQLITE_READONLY_DBMOVED => return Some(Self::Moved),
            // A limit of the statement.
            ffi::SQLITE_IOERR_NOMEM => return None,
            _ => {}
        }
        Some(match code & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_PROTOCOL => Self::Locked,
            ffi::SQLITE_FULL => Self::Full,
            ffi::SQLITE_READONLY => Self::ReadOnly,
            ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => Self::Unreadable,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Self::Damaged,
            _ => return None,
        })
    }
}

/// The extended code of an error of SQLite.
fn code_of(error: &rusqlite::Error) -> Option<i32> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.extended_code),
        rusqlite::Error::SqlInputError { error, .. } => Some(error.extended_code),
        _ => None,
    }
}

/// The text of an error of SQLite: the trouble, and the remedy for an operator.
pub(in crate::storage) fn words(error: &rusqlite::Error) -> String {
    match (Trouble::of(error), code_of(error)) {
        (Some(trouble @ (Trouble::Unreadable | Trouble::ReadOnly)), Some(code)) => {
            format!("{} (SQLite's code {code})", trouble.for_operators())
        }
        (Some(Trouble::Damaged), Some(ffi::SQLITE_NOTADB)) => {
            "it is no database: stop the host, and replace it by a backup".to_owned()
        }
        (Some(trouble), _) => trouble.for_operators().to_owned(),
        (None, _) => error.to_string(),
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            words: words(&error),
            trouble: Trouble::of(&error),
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error.into())
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                translate(failure, message.unwrap_or_else(|| failure.to_string()))
            }
            rusqlite::Error::SqlInputError { error, msg, .. } => translate(error, msg),
            rusqlite::Error::MultipleStatement => {
                Self::Invalid("one statement at a time".to_owned())
            }
            other => Self::Invalid(other.to_string()),
        }
    }
}

fn translate(failure: ffi::Error, message: String) -> SqlError {
    let constraint = |kind| SqlError::Constraint {
        kind,
        columns: columns(&message),
    };
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => {
            return constraint(ConstraintKind::Unique);
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return constraint(ConstraintKind::ForeignKey),
        ffi::SQLITE_CONSTRAINT_NOTNULL => return constraint(ConstraintKind::NotNull),
        _ => {}
    }
    match Trouble::of_code(failure.extended_code) {
        Some(Trouble::Locked) => return SqlError::Busy,
        Some(trouble) => return SqlError::Trouble(trouble),
        None => {}
    }
    match failure.extended_code & 0xff {
        ffi::SQLITE_CONSTRAINT => constraint(ConstraintKind::Check),
        ffi::SQLITE_LOCKED => SqlError::Busy,
        ffi::SQLITE_INTERRUPT => SqlError::Timeout,
        ffi::SQLITE_TOOBIG => {
            SqlError::LimitExceeded("a value or a statement is too long".to_owned())
        }
        ffi::SQLITE_NOMEM | ffi::SQLITE_IOERR => {
            SqlError::LimitExceeded("the statement needs too much memory".to_owned())
        }
        ffi::SQLITE_AUTH => SqlError::Invalid(format!("not allowed: {message}")),
        _ => SqlError::Invalid(match authorizer::reason(&message) {
            Some(reason) => format!("{message}: {reason}"),
            None => message,
        }),
    }
}

/// `UNIQUE constraint failed: t.a, t.b` names its columns; an index on
/// expressions is named as a whole.
fn columns(message: &str) -> Vec<String> {
    let Some((_, names)) = message.split_once(": ") else {
        return Vec::new();
    };
    names
        .split(", ")
        .map(|name| name.trim_matches('\'').to_owned())
        .collect()
}
