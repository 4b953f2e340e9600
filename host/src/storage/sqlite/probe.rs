//! The probe of a database in trouble: whether it can be read and written. Knows nothing of
//! the trouble.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::disk::Disk;

/// Free pages of a database that counts as having room again.
const PAGES_FREE_MIN: u64 = 16;

/// The result of a probe.
pub(super) enum Probed {
    Works,
    ReadsOnly,
    Down,
}

/// Reads and writes, on a connection of its own and without waiting.
pub(super) fn run(file: &Path, bytes_max: u64, leaves_reserve: bool) -> Probed {
    let Ok(connection) = connect(file) else {
        return Probed::Down;
    };
    match (
        has_room(&connection, file, bytes_max, leaves_reserve),
        write_nothing(&connection),
    ) {
        (true, Ok(())) => Probed::Works,
        _ => Probed::ReadsOnly,
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Whether neither the disk nor the size that it may have is used up.
fn has_room(connection: &Connection, file: &Path, bytes_max: u64, leaves_reserve: bool) -> bool {
    if leaves_reserve && Disk::of(file).is_full() {
        return false;
    }
    let number = |pragma| {
        let number = connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        number.ok().and_then(|number| u64::try_from(number).ok())
    };
    let sizes = (
        number("page_count"),
        number("freelist_count"),
        number("page_size"),
    );
    let (Some(pages), Some(free), Some(page_bytes)) = sizes else {
        return false;
    };
    let used = pages.saturating_sub(free).saturating_add(PAGES_FREE_MIN);
    bytes_max == 0 || used.saturating_mul(page_bytes) <= bytes_max
}

/// Rewrites an existing value.
fn write_nothing(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("begin immediate")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)?;
    connection.execute_batch("commit")
}
