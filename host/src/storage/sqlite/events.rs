//! Events of components: rows beside their own, written in the same
//! transaction, and so kept if and only if it commits.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use serde::de::IgnoredAny;

use super::{Event, SqlError, now};

const NAME_BYTES_MAX: usize = 128;
const DATA_BYTES_MAX: usize = 64 * 1024;

const TABLE: &str = "
    create table if not exists _wares_events (
        id integer primary key autoincrement,
        name text not null,
        data text not null,
        created_at text not null,
        cause text
    ) strict";
/// Databases of earlier hosts have no causes.
const HAS_CAUSE: &str =
    "select exists (select 1 from pragma_table_info('_wares_events') where name = 'cause')";
const ADD_CAUSE: &str = "alter table _wares_events add column cause text";
const LAST: &str = "select seq from sqlite_sequence where name = '_wares_events'";
const TRIM_TO: &str = "delete from _wares_events where id <= ?1";
const INSERT: &str =
    "insert into _wares_events (name, data, created_at, cause) values (?1, ?2, ?3, ?4)";
const LIST: &str = "select id, name, data, created_at, cause from _wares_events where id > ?1 order by id limit ?2";

pub(in crate::storage) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLE)?;
    if !connection.query_row(HAS_CAUSE, [], |row| row.get::<_, bool>(0))? {
        connection.execute_batch(ADD_CAUSE)?;
    }
    Ok(())
}

pub(in crate::storage) fn insert(
    connection: &Connection,
    name: &str,
    data: &str,
    cause: Option<&str>,
) -> Result<(), SqlError> {
    let name_fits = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        });
    if !name_fits {
        return Err(SqlError::Invalid(format!(
            "an event's name is 1 to {NAME_BYTES_MAX} lower-case letters, digits, dots and dashes"
        )));
    }
    if data.len() > DATA_BYTES_MAX {
        return Err(SqlError::LimitExceeded(format!(
            "more than {DATA_BYTES_MAX} bytes in an event"
        )));
    }
    if serde_json::from_str::<IgnoredAny>(data).is_err() {
        return Err(SqlError::Invalid(
            "an event's data is one JSON value".to_owned(),
        ));
    }
    // Not from the cache of prepared statements, which guests share.
    connection.execute(INSERT, (name, data, now(), cause))?;
    Ok(())
}

/// Counts the commits with events of all databases of the process.
static COMMITS: Mutex<u64> = Mutex::new(0);
static COMMITTED: Condvar = Condvar::new();

/// Wakes who waits for events: some were committed.
pub fn announce() {
    *COMMITS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    COMMITTED.notify_all();
}

/// Waits until events were committed since the count was `seen`, for a time at most. Returns
/// the count.
pub fn wait_for_events(seen: u64, time: Duration) -> u64 {
    let commits = COMMITS.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = COMMITTED.wait_timeout_while(commits, time, |count| *count == seen);
    *waited.unwrap_or_else(PoisonError::into_inner).0
}

/// The number of the newest event that there ever was.
pub(in crate::storage) fn last(connection: &Connection) -> Result<i64, SqlError> {
    let last = connection
        .query_row(LAST, [], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or_default())
}

pub(in crate::storage) fn trim(connection: &Connection, up_to: i64) -> Result<(), SqlError> {
    connection.execute(TRIM_TO, [up_to])?;
    Ok(())
}

pub(in crate::storage) fn list(
    connection: &Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<Event>, SqlError> {
    let mut statement = connection.prepare(LIST)?;
    let events = statement.query_map((after, limit), |row| {
        Ok(Event {
            id: row.get(0)?,
            name: row.get(1)?,
            data: row.get(2)?,
            created_at: row.get(3)?,
            cause: row.get(4)?,
        })
    })?;
    Ok(events.collect::<Result<_, _>>()?)
}
