//! One SQLite file: its connections, and what a guest's statement may do on them.

mod authorizer;
mod batch;
mod clock;
pub(super) mod condition;
pub(super) mod database;
mod deliveries;
mod digest;
pub(super) mod disk;
mod error;
mod events;
mod full_text;
mod functions;
mod guarded;
pub(super) mod memory;
mod migrating;
mod migrations;
mod patterns;
mod probe;
mod readers;
mod seeded;
mod session;
mod statement;
mod value;
mod wildcards;
mod writer;

#[cfg(test)]
mod tests;

pub use condition::{ailing, befallen};
pub use database::Database;
pub use disk::{make_room, prepare as prepare_disk};
pub use events::{announce as announce_events, wait_for_events};
pub use session::Session;

use super::{
    Activated, Ailing, Befallen, ConstraintKind, DataFolder, DatabaseOptions, Event, Fault,
    History, Migration, MigrationError, Rows, Schema, SessionLimits, SqlError, StorageError,
    Trouble, Value, now,
};
