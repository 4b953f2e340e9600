//! A connection with an authorizer, a clock and SQLite's own limits around it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::clock::Clock;
use super::condition::{Condition, beside};
use super::disk::Disk;
use super::value::VALUE_BYTES_MAX;
use super::{DatabaseOptions, SqlError, authorizer, full_text, functions, memory, seeded};
use crate::threads::permits::Waiting;
use crate::threads::processors;

/// Statements that a connection keeps prepared.
const STATEMENTS_CACHED: usize = 128;
/// Instructions of SQLite's virtual machine between two reads of the clock. A single one
/// may call a function on values of the largest size.
const STEPS_PER_LOOK: i32 = 50;
/// Pages of cache of a reader, in KiB (negative, as SQLite wants it).
const READER_CACHE_KIB: i32 = -8 * 1024;
/// Pages of cache of the one writer: pages that it changes all over the file should not be
/// written and read again within a batch.
const WRITER_CACHE_KIB: i32 = -64 * 1024;

/// The multiple of its bound that the log may reach before every commit waits for readers.
const LOG_TIMES_MAX: u64 = 16;
/// How long a commit waits for readers before that, and how often.
const LOG_WAIT: Duration = Duration::from_millis(50);
const LOG_RETRY: Duration = Duration::from_secs(1);

/// The owner of the statements that a connection prepares.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(in crate::storage) enum Mode {
    Host = 0,
    Guest = 1,
    Migration = 2,
}

/// A guarded connection.
pub(in crate::storage) struct Guarded {
    pub(super) connection: Connection,
    pub(super) mode: Arc<AtomicU8>,
    pub(super) clock: Arc<Clock>,
    /// Whether the last prepared statement makes a virtual table.
    pub(super) makes_table: Arc<AtomicBool>,
    pub(super) migration_ms: u64,
    pub(super) temporary_bytes_max: u64,
    log: Log,
    pub(super) condition: Arc<Condition>,
}

/// The write-ahead log: commits go there before they reach the database.
struct Log {
    path: PathBuf,
    bytes_max: u64,
    /// How long the host's own work waits for other users of the database.
    wait: Duration,
    /// When truncating it last failed.
    tried: Cell<Option<Instant>>,
}

/// Marks that statements of components run on a connection. When it is dropped, also by a
/// panic, the connection is the host's again, without a deadline.
pub(super) struct Guests<'a>(&'a Guarded);

impl<'a> Guests<'a> {
    pub(super) fn begin(connection: &'a Guarded, mode: Mode) -> Self {
        connection.mode.store(mode as u8, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for Guests<'_> {
    fn drop(&mut self) {
        self.0.mode.store(Mode::Host as u8, Ordering::Relaxed);
    }
}

/// A connection that waits for another process until this is dropped.
struct Patient<'a>(&'a Guarded);

impl Drop for Patient<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.0.wait_for_nobody() {
            tracing::error!(%error, "a connection waits for others");
        }
    }
}

impl Guarded {
    /// Opens a connection, one that only reads if `reading`.
    pub(in crate::storage) fn open(
        path: &Path,
        options: &DatabaseOptions,
        condition: &Arc<Condition>,
        reading: bool,
    ) -> rusqlite::Result<Self> {
        memory::count()?;
        // Not created here: if the file is missing, another one would replace it.
        let mut connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        configure(&connection, options, reading)?;
        restrict(&connection)?;
        let clock = Clock::new();
        functions::add_to(&connection, &clock)?;
        if let Some(trial) = &options.trial {
            seeded::add_to(&connection, trial)?;
        }
        full_text::bound(&connection, &clock)?;
        if !reading {
            clock.watch_disk(Disk::of(path));
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        let mode = Arc::new(AtomicU8::new(Mode::Host as u8));
        let makes_table = Arc::new(AtomicBool::new(false));
        authorize(&mut connection, &mode, &makes_table)?;
        if !cfg!(wares_unlimited) {
            interrupt(&mut connection, &clock)?;
        }
        Ok(Self {
            connection,
            mode,
            clock,
            makes_table,
            migration_ms: options.migration_ms,
            temporary_bytes_max: options.temporary_bytes_max,
            log: Log {
                path: beside(path, "-wal"),
                bytes_max: options.log_bytes_max,
                wait: Duration::from_millis(options.other_process_wait_ms),
                tried: Cell::new(None),
            },
            condition: condition.clone(),
        })
    }

    /// The state of the database.
    pub(in crate::storage) fn condition(&self) -> &Arc<Condition> {
        &self.condition
    }

    /// Lets nothing on the connection wait for another process, except work that asks for it.
    pub(in crate::storage) fn wait_for_nobody(&self) -> rusqlite::Result<()> {
        self.connection.busy_timeout(Duration::ZERO)
    }

    /// Keeps the log when the connection is closed, since the log beside the database belongs
    /// to another one.
    pub(in crate::storage) fn leave_log(&self) -> rusqlite::Result<()> {
        let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.connection.set_db_config(setting, true).map(drop)
    }

    /// Runs work that waits for another process for at most `wait`.
    pub(in crate::storage) fn waiting_for<T>(
        &self,
        wait: Duration,
        work: impl FnOnce() -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.busy_timeout(wait)?;
        let done = work();
        self.wait_for_nobody()?;
        done
    }

    /// Runs work of the host that waits for another process.
    pub(in crate::storage) fn waiting_for_others<T>(&self, work: impl FnOnce() -> T) -> T {
        if let Err(error) = self.connection.busy_timeout(self.log.wait) {
            tracing::error!(%error, "a connection does not wait for other processes");
        }
        // Also if the work panics: the next work may not wait.
        let _patient = Patient(self);
        work()
    }

    /// Truncates the log once it has grown too long. SQLite does that only without readers,
    /// and with many readers one is always active; so this waits for the present ones: at
    /// intervals for a short time, and longer at every commit once the log has reached a
    /// multiple of its bound, but never longer than `most`.
    pub(in crate::storage) fn bound_log(&self, most: Duration) {
        let log = &self.log;
        let bytes = std::fs::metadata(&log.path).map_or(0, |file| file.len());
        let much = bytes > log.bytes_max.saturating_mul(LOG_TIMES_MAX);
        let lately = || {
            log.tried
                .get()
                .is_some_and(|tried: Instant| tried.elapsed() < LOG_RETRY)
        };
        if bytes <= log.bytes_max || !much && lately() {
            return;
        }
        let wait = if much { log.wait } else { LOG_WAIT };
        let _waiting = Waiting::begin();
        let restarted = self.waiting_for(wait.min(most), || {
            self.connection
                .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))
        });
        if matches!(restarted, Ok(false)) {
            log.tried.set(None);
        } else {
            if !lately() {
                let log = log.path.display();
                tracing::warn!(%log, bytes, "the write-ahead log could not be truncated: a reader is active");
            }
            log.tried.set(Some(Instant::now()));
        }
    }

    /// The connection, for statements of the host's own. They must not go
    /// through the cache: a guest that sends the same text would find them there.
    pub(in crate::storage) fn host(&self) -> &Connection {
        &self.connection
    }

    /// Whether SQLite is in no transaction, also if it ended one by itself.
    pub(in crate::storage) fn is_autocommit(&self) -> bool {
        self.connection.is_autocommit()
    }

    /// Fails if the disk has no room left for modules.
    pub(in crate::storage) fn require_room(&self) -> Result<(), SqlError> {
        if self.clock.has_room() {
            Ok(())
        } else {
            let full = SqlError::full();
            self.condition.note_error(&full);
            Err(full)
        }
    }
}

/// Sets up durability, caches and the bound of the file.
fn configure(
    connection: &Connection,
    options: &DatabaseOptions,
    reading: bool,
) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(options.other_process_wait_ms))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // Of a trial nothing is kept.
    let synchronous = if options.trial.is_some() {
        "off"
    } else {
        "full"
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(
        None,
        "cache_size",
        if reading {
            READER_CACHE_KIB
        } else {
            WRITER_CACHE_KIB
        },
    )?;
    if options.bytes_max > 0 {
        let page_bytes: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let bytes_max = i64::try_from(options.bytes_max).unwrap_or(i64::MAX);
        let pages_max = (bytes_max / page_bytes.max(1)).max(1);
        connection.pragma_update(None, "max_page_count", pages_max)?;
    }
    if reading {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}

/// Sets SQLite's own limits, and turns off what lets a statement break the database.
fn restrict(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX as i32),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024),
        (Limit::SQLITE_LIMIT_COLUMN, 200),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (Limit::SQLITE_LIMIT_VDBE_OP, 250_000),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 32_766),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    Ok(())
}

/// Checks each statement against the rights of its owner.
fn authorize(
    connection: &mut Connection,
    mode: &Arc<AtomicU8>,
    makes_table: &Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    connection.authorizer(Some({
        let (mode, makes_table) = (mode.clone(), makes_table.clone());
        move |context: AuthContext<'_>| match mode.load(Ordering::Relaxed) {
            mode if mode == Mode::Guest as u8 => authorizer::guest(context),
            mode if mode == Mode::Migration as u8 => {
                if let AuthAction::CreateVtable { .. } = context.action {
                    makes_table.store(true, Ordering::Relaxed);
                }
                authorizer::migration(context)
            }
            _ => Authorization::Allow,
        }
    }))
}

/// Lets the clock end statements, and those in the background yield.
fn interrupt(connection: &mut Connection, clock: &Arc<Clock>) -> rusqlite::Result<()> {
    connection.progress_handler(STEPS_PER_LOOK, {
        let clock = clock.clone();
        Some(move || {
            processors::yield_if_background();
            clock.look()
        })
    })?;
    clock.watch(connection.get_interrupt_handle());
    Ok(())
}
