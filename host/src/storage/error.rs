//! Errors of storage, in texts that a component and an operator can act on. Texts for
//! components never hold a path of the host.

use std::path::PathBuf;

use rusqlite::ffi;

use super::authorizer;
use super::condition::{Trouble, words};
use crate::files;

/// What kind of rule of the schema a write would have broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    /// A duplicate of a unique value.
    Unique,
    /// A reference to a missing row.
    ForeignKey,
    /// A missing required value.
    NotNull,
    /// Any other rule of a table.
    Check,
}

/// Why a statement was not carried out. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// A rule of the schema refuses the write.
    #[error("a {kind:?} rule on {} refuses the write", columns.join(", "))]
    Constraint {
        /// The kind of rule.
        kind: ConstraintKind,
        /// `table.column` names, where SQLite says which.
        columns: Vec<String>,
    },
    /// Another writer, of this process or of another one, held the database for too long.
    #[error("another writer holds the database")]
    Busy,
    /// Trouble with the database, not with the statement.
    #[error("{}", .0.for_callers())]
    Trouble(Trouble),
    /// The statement exceeded its time.
    #[error("the statement ran longer than its time")]
    Timeout,
    /// A limit is exceeded; the text names it.
    #[error("{0}")]
    LimitExceeded(String),
    /// The statement is wrong or not allowed.
    #[error("{0}")]
    Invalid(String),
    /// The database cannot serve now.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a database file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The file or its folder.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// SQLite.
    #[error("{path}: {words}", path = path.display(), words = words(error))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The error of SQLite, which the text already describes.
        error: rusqlite::Error,
    },
    /// A statement of the host's own.
    #[error("{}", words(.0))]
    Statement(rusqlite::Error),
    /// Trouble with the database, not with a statement.
    #[error("{path}: {words}", path = path.display(), words = trouble.for_operators())]
    Trouble {
        /// The file.
        path: PathBuf,
        /// The trouble.
        trouble: Trouble,
    },
    /// The file was made by a newer host.
    #[error("{path} was made by a newer version of wares (schema {found}, this one knows {known})", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that this host knows.
        known: i64,
    },
}

/// Why migrations cannot run. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration fails.
    #[error("the migration {step} fails at statement {statement}: {reason}")]
    Failed {
        /// The migration.
        step: String,
        /// Which of its statements, counted from one.
        statement: usize,
        /// The error of SQLite.
        reason: String,
    },
    /// A migration that ran here has changed.
    #[error("the migration {0} has changed since it ran on this data")]
    Changed(String),
    /// A migration ran on this data that the component does not know, and others of its own
    /// did not: they are not versions of one schema.
    #[error(
        "the migration {0}, which this component does not have, ran on this data, and not all of the component's own did"
    )]
    Unknown(String),
    /// A migration ran on this data that the component does not know and must know.
    #[error(
        "this component is too old for its database: it does not know the migration {step}, and knows {known} migrations where {needed} are needed"
    )]
    TooOld {
        /// The first migration that it does not know.
        step: String,
        /// The number of migrations that a component must know.
        needed: u32,
        /// The number of them that it knows.
        known: u32,
    },
    /// The component declares more needed migrations than it has.
    #[error("it declares that {needed} migrations are needed, and has {steps}")]
    NeedsMore {
        /// The declared number.
        needed: u32,
        /// The number of its migrations.
        steps: u32,
    },
    /// Two migrations have one name.
    #[error("two migrations are named {0}")]
    Duplicate(String),
    /// Migrations are pending, and may not run now.
    #[error("the migration {0} is pending: start the host once with this component")]
    Pending(String),
    /// The database itself.
    #[error(transparent)]
    Sql(#[from] SqlError),
}

impl SqlError {
    /// The disk or the database is full.
    pub(super) fn full() -> Self {
        Self::Trouble(Trouble::Full)
    }

    /// Whether the disk or the database is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Trouble(Trouble::Full))
    }
}

impl StorageError {
    /// Whether the disk or the database is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::File { source, .. } => files::is_full(source),
            _ => self.trouble() == Some(Trouble::Full),
        }
    }

    /// The trouble with the database, if the statement is not the cause.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Sqlite { error, .. } | Self::Statement(error) => Trouble::of(error),
            Self::Trouble { trouble, .. } => Some(*trouble),
            Self::File { .. } | Self::Newer { .. } => None,
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(error)
    }
}

impl MigrationError {
    /// Whether the disk or the database is full.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sql(error) => error.is_full(),
            Self::Failed { reason, .. } => reason == Trouble::Full.for_callers(),
            _ => false,
        }
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
