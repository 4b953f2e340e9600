//! Storage: a database for each module, and one for the host itself. The files of this folder
//! are neutral; `sqlite/` has all that knows SQLite and decides what a guest's statement may
//! do, `host/` the host's own tables. Knows nothing of components and nothing of HTTP.

mod data_folder;
mod delivery;
mod error;
mod event;
mod host;
mod limits;
mod rows;
mod schema;
mod sqlite;
mod trouble;
mod value;

pub use data_folder::DataFolder;
pub use delivery::{Backlog, Delivery, Progress};
pub use error::{ConstraintKind, Fault, MigrationError, SqlError, StorageError};
pub use event::Event;
pub use host::{ApiKey, AuditEntry, Deletion, HostDatabase, Installed, Outcome, Profile, User};
pub use limits::{DatabaseOptions, SessionLimits};
pub use rows::Rows;
pub use schema::{Activated, History, Migration, Schema};
pub use sqlite::{
    Database, Session, ailing, announce_events, befallen, make_room, prepare_disk, wait_for_events,
};
pub use trouble::{Ailing, Befallen, Trouble};
pub use value::Value;

/// The dialect of SQL that every database takes, as components name it.
pub(crate) const DIALECT: &str = "sqlite";

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
