//! The schema of a component's data, and its history.

use crate::digest::Digest;

/// One migration.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Unique among the component's migrations.
    pub name: String,
    /// Statements after one another, each ended by `;`.
    pub statements: String,
}

/// A component's declaration of its schema.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Every migration since the first version, oldest first.
    pub migrations: Vec<Migration>,
    /// The number of migrations that a version must know to work on a database on which all
    /// have run; `None` for all.
    pub migrations_needed: Option<u32>,
}

/// The history of a module's data since its creation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When its first migration ran; RFC 3339 in UTC.
    pub since: Option<String>,
    /// The versions that were activated, by their digests, the last one at the
    /// beginning. None from before an activation was ended.
    pub activations: Vec<Digest>,
    /// When the last of them was activated; RFC 3339 in UTC.
    pub activated_at: Option<String>,
}

/// The versions of a module that were activated last, by their digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activated {
    /// The one that is active; `None` where none was ever activated, or that was ended.
    pub active: Option<Digest>,
    /// The one that was active before that.
    pub before: Option<Digest>,
}
