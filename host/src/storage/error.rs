//! Errors of storage, in texts that a component and an operator can act on. Texts for
//! components never hold a path of the host.

use std::path::PathBuf;

use super::trouble::Trouble;
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

/// An error of a database, in words for operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Fault {
    pub(super) words: String,
    /// The trouble that it reports; `None` if it is about the statement.
    pub(super) trouble: Option<Trouble>,
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
    /// The database refused or failed.
    #[error("{path}: {fault}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The reason.
        fault: Fault,
    },
    /// The same for a statement of the host's own.
    #[error("{0}")]
    Statement(Fault),
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
    #[error("the migration {migration} fails at statement {statement}: {reason}")]
    Failed {
        /// The migration.
        migration: String,
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
        "this component is too old for its database: it does not know the migration {migration}, and knows {known} migrations where {needed} are needed"
    )]
    TooOld {
        /// The first migration that it does not know.
        migration: String,
        /// The number of migrations that a component must know.
        needed: u32,
        /// The number of them that it knows.
        known: u32,
    },
    /// The component declares more needed migrations than it has.
    #[error("it declares that {needed} migrations are needed, and has {migrations}")]
    NeedsMore {
        /// The declared number.
        needed: u32,
        /// The number of its migrations.
        migrations: u32,
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
            Self::Database { fault, .. } | Self::Statement(fault) => fault.trouble,
            Self::Trouble { trouble, .. } => Some(*trouble),
            Self::File { .. } | Self::Newer { .. } => None,
        }
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
