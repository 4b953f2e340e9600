//! The file of the host's own database: a connection that reads, and one that writes,
//! so that who a request is from is known also while a write waits for another process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::condition::{Condition, Trouble};
use super::database::create_private;
use super::{StorageError, disk, memory};

/// How long a write waits for others: of this process, and of another one.
const WRITER_WAIT: Duration = Duration::from_secs(2);
/// Writes that wait at the same time: each has a thread.
const WAITING_MAX: usize = 256;
/// How long opening it waits for another process.
const OPEN_WAIT: Duration = Duration::from_secs(5);

/// The host's own database.
pub(super) struct HostFile {
    path: PathBuf,
    condition: Arc<Condition>,
    reader: Mutex<Connection>,
    writer: Mutex<Writer>,
    free: Condvar,
}

struct Writer {
    /// `None` while somebody writes.
    connection: Option<Connection>,
    waiting: usize,
}

impl HostFile {
    /// Opens the file, or makes one that only its owner can read. `prepare` sees to its schema.
    pub(super) fn open(
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
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        self.in_place()?;
        let connection = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|error| self.noted(error))
    }

    /// Writes, in one transaction, for which there has to be room on the disk. It is
    /// durable when this returns, in the file that is in its place.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let written = self.write_within(WRITER_WAIT, work);
        written.map_err(|error| self.noted(error))
    }

    /// Writes where that has to wait for nobody. It may as well not be done.
    pub(super) fn write_if_free(&self, work: impl FnOnce(&Connection) -> Result<(), StorageError>) {
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
            // Where it lies is looked at once more: it may have been moved meanwhile.
            check()?;
        }
        done
    }

    /// The connection that writes, once nobody else has it.
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

    /// Fails where its files are known not to be in their place.
    fn in_place(&self) -> Result<(), StorageError> {
        self.in_place_of(Condition::require_place)
    }

    fn in_place_of(
        &self,
        look: impl FnOnce(&Condition) -> Result<(), Trouble>,
    ) -> Result<(), StorageError> {
        look(&self.condition).map_err(|trouble| self.condition.error(trouble))
    }

    fn noted(&self, error: StorageError) -> StorageError {
        match named(&self.path, error) {
            StorageError::Sqlite { path, error } => StorageError::Sqlite {
                path,
                error: self.condition.noted(error),
            },
            // Whoever waited behind one who waits for another process. That the file is
            // elsewhere is counted where it is seen.
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
    /// Frees it, with nothing open on it, also where what was done on it panicked.
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

/// Does the work in a transaction, and commits it if the files are in their place.
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

/// An error, with the file that it is about.
pub(super) fn named(path: &Path, error: StorageError) -> StorageError {
    match error {
        StorageError::Statement(error) => StorageError::Sqlite {
            path: path.to_owned(),
            error,
        },
        other => other,
    }
}

/// A connection to the file.
pub(super) fn connect(path: &Path) -> Result<Connection, StorageError> {
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
