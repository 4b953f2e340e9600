//! The file of the host's own database: a connection that reads, and one that writes,
//! so that requests are authenticated also while a write waits for another process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::storage::sqlite::condition::Condition;
use crate::storage::sqlite::database::create_private;
use crate::storage::sqlite::{disk, memory};
use crate::storage::{StorageError, Trouble};

/// How long a write waits for others, of this process and of other ones.
const WRITER_WAIT: Duration = Duration::from_secs(2);
/// Writes that wait at the same time: each has a thread.
const WAITING_MAX: usize = 256;
/// How long opening it waits for another process.
const OPEN_WAIT: Duration = Duration::from_secs(5);

/// The host's own database.
pub(in crate::storage) struct HostFile {
    path: PathBuf,
    condition: Arc<Condition>,
    reader: Mutex<Connection>,
    writer: Mutex<Writer>,
    free: Condvar,
}

struct Writer {
    /// `None` while a write runs.
    connection: Option<Connection>,
    waiting: usize,
}

impl HostFile {
    /// Opens the file, or makes one that only its owner can read. `prepare` runs its migrations.
    pub(in crate::storage) fn open(
        path: &Path,
        prepare: impl FnOnce(&mut Connection) -> Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        create_private(path)?;
        let mut writer = connect(path)?;
        prepare(&mut writer).map_err(|error| named(path, error))?;
        let reader = connect(path)?;
        reader
            .query_row("select count(*) from sqlite_schema", [], |_| Ok(()))
            .map_err(|error| named(path, error.into()))?;
        let condition = Condition::of_host(path);
        condition.remember();
        condition.watch();
        Ok(Self {
            path: path.to_owned(),
            condition,
            reader: Mutex::new(reader),
            writer: Mutex::new(Writer {
                connection: Some(writer),
                waiting: 0,
            }),
            free: Condvar::new(),
        })
    }

    /// Reads. Waits for no writer.
    pub(in crate::storage) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.in_place()?;
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|error| self.noted(error))
    }

    /// Writes, in one transaction, if the disk has room. It is durable when this returns, in
    /// the file at its path.
    pub(in crate::storage) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let written = self.write_within(WRITER_WAIT, work);
        written.map_err(|error| self.noted(error))
    }

    /// Writes if that does not have to wait; otherwise the write is skipped.
    pub(in crate::storage) fn write_if_free(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StorageError>,
    ) {
        let written = self.write_within(Duration::ZERO, work);
        if let Err(error) = written.map_err(|error| named(&self.path, error)) {
            tracing::debug!(%error, "the host's own database was not written");
        }
    }

    fn write_within<T>(
        &self,
        wait: Duration,
        work: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.in_place()?;
        disk::make_room();
        let until = Instant::now() + wait;
        let held = self.take(until)?;
        let Some(connection) = &held.connection else {
            return Err(self.condition.error(Trouble::Locked));
        };
        let check = || self.in_place_of(Condition::check_content);
        let done = transact(connection, until, check, work);
        if done.is_ok() {
            self.condition.has_written();
            // Its path is checked once more: it may have been moved meanwhile.
            check()?;
        }
        done
    }

    /// Waits for the connection that writes.
    fn take(&self, until: Instant) -> Result<Held<'_>, StorageError> {
        let mut writer = self.lock();
        let mut waits = false;
        loop {
            if let Some(connection) = writer.connection.take() {
                writer.waiting -= usize::from(waits);
                return Ok(Held {
                    file: self,
                    connection: Some(connection),
                });
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !waits && writer.waiting >= WAITING_MAX {
                writer.waiting -= usize::from(waits);
                return Err(self.condition.error(Trouble::Locked));
            }
            writer.waiting += usize::from(!waits);
            waits = true;
            writer = self
                .free
                .wait_timeout(writer, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if its files are known to be moved.
    fn in_place(&self) -> Result<(), StorageError> {
        self.in_place_of(Condition::require_unmoved)
    }

    fn in_place_of(
        &self,
        look: impl FnOnce(&Condition) -> Result<(), Trouble>,
    ) -> Result<(), StorageError> {
        look(&self.condition).map_err(|trouble| self.condition.error(trouble))
    }

    fn noted(&self, error: StorageError) -> StorageError {
        match named(&self.path, error) {
            StorageError::Database { path, fault } => {
                self.condition.note_fault(&fault);
                StorageError::Database { path, fault }
            }
            // This write waited behind one that waits for another process. A moved file is
            // counted where it is noticed.
            StorageError::Trouble {
                trouble: Trouble::Locked,
                ..
            } => {
                self.condition.note_error(&Trouble::Locked.into());
                self.condition.error(Trouble::Locked)
            }
            other => other,
        }
    }
}

/// The connection that writes, until it is dropped.
struct Held<'a> {
    file: &'a HostFile,
    connection: Option<Connection>,
}

impl Drop for Held<'_> {
    /// Frees it, with nothing open on it, also after a panic.
    fn drop(&mut self) {
        if let Some(connection) = &self.connection
            && !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("rollback")
        {
            tracing::error!(%error, "a write to the host's own database could not be taken back");
        }
        self.file.lock().connection = self.connection.take();
        self.file.free.notify_one();
    }
}

/// Runs the work in a transaction, and commits it if the files are at their paths.
fn transact<T>(
    connection: &Connection,
    until: Instant,
    check: impl FnOnce() -> Result<(), StorageError>,
    work: impl FnOnce(&Connection) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    connection.busy_timeout(until.saturating_duration_since(Instant::now()))?;
    connection.execute_batch("begin immediate")?;
    let done = work(connection)?;
    check()?;
    connection.execute_batch("commit")?;
    Ok(done)
}

/// An error with its file.
pub(in crate::storage) fn named(path: &Path, error: StorageError) -> StorageError {
    match error {
        StorageError::Statement(fault) => StorageError::Database {
            path: path.to_owned(),
            fault,
        },
        other => other,
    }
}

/// A connection to the file.
pub(in crate::storage) fn connect(path: &Path) -> Result<Connection, StorageError> {
    open(path).map_err(|error| named(path, error.into()))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    memory::count()?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(OPEN_WAIT)?;
    for (pragma, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("foreign_keys", "on"),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}
