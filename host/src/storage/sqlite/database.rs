//! One database file.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::clock::Clock;
use super::condition::Condition;
use super::disk;
use super::functions;
use super::guarded::Guarded;
use super::memory;
use super::readers::Readers;
use super::writer::Writer;
use super::{
    Activated, DatabaseOptions, Event, History, MigrationError, Schema, SqlError, StorageError,
    deliveries, events, migrations,
};
use crate::digest::Digest;
use crate::threads::processors;
use crate::trial::Trial;

/// The shortest that the log beside it has to be before it is emptied, in bytes.
const LOG_BYTES_MIN: u64 = 256 * 1024;

/// How long work of the host's own waits for the writer.
const HOST_WAIT: Duration = Duration::from_secs(30);

/// A database. Clones are the same one.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    path: PathBuf,
    trial: Option<Arc<Trial>>,
    condition: Arc<Condition>,
    writer: Arc<Writer>,
    readers: Readers,
}

impl Database {
    /// Opens the file, or makes one that only its owner can read.
    ///
    /// # Errors
    /// When it cannot be opened or is no database.
    pub fn open(path: &Path, options: &DatabaseOptions) -> Result<Self, StorageError> {
        create_private(path)?;
        let sqlite = |error: rusqlite::Error| StorageError::Database {
            path: path.to_owned(),
            fault: error.into(),
        };
        let options = &within_disk(path, options);
        let condition = Condition::new(path, options.bytes_max, options.within_disk);
        let connection = Guarded::open(path, options, &condition, false).map_err(sqlite)?;
        connection
            .host()
            .execute_batch(migrations::TABLES)
            .map_err(sqlite)?;
        connection
            .host()
            .execute_batch(deliveries::TABLES)
            .map_err(sqlite)?;
        events::prepare(connection.host()).map_err(sqlite)?;
        connection.wait_for_nobody().map_err(sqlite)?;
        condition.remember();
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            trial: options.trial.clone(),
            condition: condition.clone(),
            writer: Arc::new(Writer::new(connection)),
            readers: Readers::new(path.to_owned(), options.clone(), condition),
        })))
    }

    /// Starts to log, count and show its trouble.
    pub fn watch(&self) {
        self.0.condition.watch();
    }

    /// Runs work of the host that only reads, and waits for no writer.
    pub(super) fn reading<T>(&self, work: impl FnOnce(&Guarded) -> T) -> Result<T, SqlError> {
        let reader = self.0.readers.take()?;
        let done = work(&reader);
        self.0.readers.give_back(reader);
        Ok(done)
    }

    /// Runs work of the host on the connection that writes.
    pub(super) fn exclusively<T>(&self, work: impl FnOnce(&Guarded) -> T) -> Result<T, SqlError> {
        let Inner {
            writer, condition, ..
        } = &*self.0;
        writer.exclusively(condition, HOST_WAIT, work)
    }

    /// Runs pending migrations, all or none, and returns the names of those that ran.
    ///
    /// # Errors
    /// When a migration fails, or the migrations are not those that ran on this data and the
    /// version that ran them does not allow this one.
    pub fn migrate(&self, schema: &Schema) -> Result<Vec<String>, MigrationError> {
        self.activate(schema, &[])
    }

    /// Runs pending migrations as [`Self::migrate`] does, and makes the last of these
    /// versions the active one, in one transaction; no version is active where it is `None`.
    ///
    /// # Errors
    /// As [`Self::migrate`]; then everything is as it was.
    pub fn activate(
        &self,
        schema: &Schema,
        versions: &[Option<Digest>],
    ) -> Result<Vec<String>, MigrationError> {
        let migrate = || {
            self.exclusively(|connection| {
                let done = migrations::migrate(connection, schema, versions);
                if let Err(MigrationError::Sql(error)) = &done {
                    self.0.condition.note_host_error(error);
                }
                done
            })?
        };
        if self.pending(schema)?.is_empty() {
            return migrate();
        }
        processors::in_background(migrate)
            .map_err(|error| SqlError::Unavailable(error.to_string()))?
    }

    /// Returns the versions that were activated last.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn activated(&self) -> Result<Activated, SqlError> {
        self.reading(|connection| Ok(migrations::activated(connection.host())?))?
    }

    /// Returns the history of a module's data, by the file of its database, which is not
    /// created if it is missing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn history_in(path: &Path) -> Result<History, StorageError> {
        let sqlite = |error: rusqlite::Error| StorageError::Database {
            path: path.to_owned(),
            fault: error.into(),
        };
        memory::count().map_err(sqlite)?;
        // SQLite would wait for a writer of a FIFO.
        if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
            return Err(StorageError::File {
                path: path.to_owned(),
                source: io::Error::other("it is not a file"),
            });
        }
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(sqlite)?;
        connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(sqlite)?;
        let known = connection
            .table_exists(None, "_wares_activations")
            .map_err(sqlite)?;
        if known {
            migrations::history(&connection).map_err(sqlite)
        } else {
            Ok(History::default())
        }
    }

    /// Writes a copy of all committed data to a new file.
    ///
    /// # Errors
    /// When the file is there already, or the disk is full.
    pub fn copy_to(&self, path: &Path) -> Result<(), SqlError> {
        self.0.condition.check()?;
        create_private(path).map_err(|error| match error.is_full() {
            true => SqlError::full(),
            false => SqlError::Unavailable(error.to_string()),
        })?;
        // A guarded connection attaches nothing, which is what this does inside.
        let connection =
            Connection::open_with_flags(&self.0.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(HOST_WAIT)?;
        // Columns and indexes may be computed by them.
        functions::add_to(&connection, &Clock::new())?;
        connection.execute("vacuum into ?1", [path.display().to_string()])?;
        Ok(())
    }

    /// Returns the names of the pending migrations.
    ///
    /// # Errors
    /// As [`Self::migrate`], except for failed migrations.
    pub fn pending(&self, schema: &Schema) -> Result<Vec<String>, MigrationError> {
        let pending =
            self.reading(|connection| migrations::pending(connection.host(), schema))??;
        Ok(pending
            .iter()
            .map(|migration| migration.name.clone())
            .collect())
    }

    /// The events after the one with this number, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, SqlError> {
        self.reading(|connection| events::list(connection.host(), after, limit))?
    }

    /// The number of the newest event; 0 before the first one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_event(&self) -> Result<i64, SqlError> {
        self.reading(|connection| events::last(connection.host()))?
    }

    /// Removes the events up to this number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn trim_events(&self, up_to: i64) -> Result<(), SqlError> {
        self.exclusively(|connection| events::trim(connection.host(), up_to))?
    }

    /// Moves the log into the file, and closes the readers. The
    /// database is complete without it; it only starts faster and copies whole.
    pub fn close(&self) {
        self.0.readers.close();
        let condition = &self.0.condition;
        // Also if the file is moved: kept data belongs into it.
        let done = self.0.writer.alone(HOST_WAIT, |connection| {
            if condition.has_foreign_log() {
                connection.leave_log()?;
            }
            connection
                .host()
                .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
        });
        if let Err(error) = done.and_then(|done| Ok(done?)) {
            tracing::warn!(%error, "the log of a database stays beside it");
        }
    }

    /// Keeps a statement of a component that is tested.
    pub(in crate::storage) fn note(&self, sql: &str) {
        if let Some(trial) = &self.0.trial {
            trial.note(&self.0.path, sql);
        }
    }

    /// Keeps that a component that is tested begins a transaction.
    pub(in crate::storage) fn note_write(&self) {
        if let Some(trial) = &self.0.trial {
            trial.note_write();
        }
    }

    pub(in crate::storage) fn condition(&self) -> &Condition {
        &self.0.condition
    }

    pub(in crate::storage) fn writer(&self) -> &Arc<Writer> {
        &self.0.writer
    }

    pub(in crate::storage) fn readers(&self) -> &Readers {
        &self.0.readers
    }
}

/// With no more than its share of the disk, where that bounds it.
fn within_disk(path: &Path, options: &DatabaseOptions) -> DatabaseOptions {
    let mut options = options.clone();
    if options.within_disk
        && let Some(share) = disk::share(path)
    {
        options.bytes_max = match options.bytes_max {
            0 => share,
            bytes_max => bytes_max.min(share),
        };
        // The log is written before the file, and beside it.
        options.log_bytes_max = options.log_bytes_max.min(share / 4).max(LOG_BYTES_MIN);
    }
    options
}

/// The log gets the permissions of the file from SQLite.
pub(in crate::storage) fn create_private(path: &Path) -> Result<(), StorageError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        // A FIFO must not be waited for.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map(drop)
        .map_err(|source| StorageError::File {
            path: path.to_owned(),
            source,
        })
}
