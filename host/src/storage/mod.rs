//! Storage: one SQLite file a module, and one for the host itself. The only
//! part that knows SQLite, and the one that decides what a guest's statement may
//! do. Knows nothing of components and nothing of HTTP.

pub mod accounts;
mod authorizer;
mod clock;
mod condition;
mod database;
mod disk;
mod error;
mod events;
mod full_text;
mod functions;
mod host_file;
mod memory;
mod migrations;
mod patterns;
mod readers;
mod registry;
mod rows;
mod session;
mod statement;
mod value;
mod wildcards;
mod writer;

#[cfg(test)]
mod tests;

pub use condition::{Ailing, Befallen, Trouble, ailing, befallen};
pub use database::{Database, DatabaseOptions};
pub use disk::{make_room, prepare as prepare_disk};
pub use error::{ConstraintKind, MigrationError, SqlError, StorageError};
pub use events::Event;
pub use migrations::{Activated, ENDED, History, Migration, Schema};
pub use registry::{AuditEntry, Installed, Outcome, Registry};
pub use rows::Rows;
pub use session::{Session, SessionLimits};
pub use value::Value;

/// The time now, as every table writes it: RFC 3339 in UTC with three decimals.
pub(crate) fn now() -> String {
    timestamp(crate::clock::now())
}

/// A time as every table writes it, from 1970 to 9999.
pub(crate) fn timestamp(time: std::time::SystemTime) -> String {
    let time: time::OffsetDateTime = crate::clock::held(time).into();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}
