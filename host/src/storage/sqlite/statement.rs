//! A connection that components' statements run on: with an authorizer, a clock
//! and SQLite's own limits around it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Batch, Connection, OpenFlags, Statement};

use super::clock::Clock;
use super::condition::{Condition, beside};
use super::disk::Disk;
use super::error::words;
use super::memory::{self, Budget};
use super::value::RowsLimits;
use super::{
    DatabaseOptions, Rows, SessionLimits, SqlError, Value, authorizer, full_text, functions,
};
use crate::printable::cut;
use crate::threads::permits::Waiting;
use crate::threads::processors;

/// Statements that a connection keeps prepared.
const STATEMENTS_CACHED: usize = 128;
/// A statement that takes more memory than this once it is prepared, in bytes, is
/// not kept.
const STATEMENT_BYTES_KEPT: i64 = 256 * 1024;
/// Instructions of SQLite's virtual machine between two reads of the clock. A single one
/// may call a function on values of the largest size.
const STEPS_PER_LOOK: i32 = 50;
/// The largest value, and the largest row, in bytes.
pub(in crate::storage) const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pages of cache of a reader, in KiB (negative, as SQLite wants it).
const READER_CACHE_KIB: i32 = -8 * 1024;
/// Pages of cache of the one writer: pages that it changes all over the file should not be
/// written and read again within a batch.
const WRITER_CACHE_KIB: i32 = -64 * 1024;

/// Memory of SQLite for one migration, in bytes. Larger sorts go to a file.
const MIGRATION_MEMORY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The time of migrations without a limit, in milliseconds: a year.
const MIGRATION_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

/// The longest statement that makes a virtual table, in bytes. FTS5 reads the letters
/// that are named in it in the square of their number, whenever it is opened.
const TABLE_BYTES_MAX: usize = 4 * 1024;

/// The multiple of its bound that the log may reach before every commit waits for readers.
const LOG_TIMES_MAX: u64 = 16;
/// How long a commit waits for readers before that, and how often.
const LOG_WAIT: Duration = Duration::from_millis(50);
const LOG_RETRY: Duration = Duration::from_secs(1);

/// The longest text about a failed statement, in bytes: SQLite repeats parts of it.
const REASON_BYTES_MAX: usize = 1_000;

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
    connection: Connection,
    mode: Arc<AtomicU8>,
    clock: Arc<Clock>,
    /// Whether the last prepared statement makes a virtual table.
    makes_table: Arc<AtomicBool>,
    migration_ms: u64,
    temporary_bytes_max: u64,
    log: Log,
    condition: Arc<Condition>,
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
struct Guests<'a>(&'a Guarded);

impl<'a> Guests<'a> {
    fn begin(connection: &'a Guarded, mode: Mode) -> Self {
        connection.mode.store(mode as u8, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for Guests<'_> {
    fn drop(&mut self) {
        self.0.mode.store(Mode::Host as u8, Ordering::Relaxed);
    }
}

/// A deadline for the statements of a connection, until dropped.
struct Timed<'a>(&'a Clock);

impl<'a> Timed<'a> {
    fn begin(clock: &'a Clock, deadline_ms: u64) -> Self {
        clock.set(deadline_ms);
        Self(clock)
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// A migration that runs on a connection. When it is dropped, also by a panic, the
/// connection is as it was before, in no transaction.
struct Migrating<'a>(&'a Guarded);

impl Drop for Migrating<'_> {
    fn drop(&mut self) {
        let Guarded {
            connection, clock, ..
        } = self.0;
        clock.set_spilled_bytes_max(u64::MAX);
        clock.clear();
        // Kept statements would be prepared again as they run, with the triggers of then.
        connection.flush_prepared_statement_cache();
        // Within a transaction, where temporary tables lie cannot be changed.
        let ended = if connection.is_autocommit() {
            Ok(())
        } else {
            connection.execute_batch("rollback")
        };
        let reset = ended.and_then(|()| connection.pragma_update(None, "temp_store", "memory"));
        if let Err(error) = reset {
            tracing::error!(%error, "a connection keeps the settings of a migration");
        }
    }
}

fn long_table() -> rusqlite::Error {
    let reason = format!("a virtual table is made by at most {TABLE_BYTES_MAX} bytes");
    rusqlite::Error::UserFunctionError(reason.into())
}

/// Runs a statement, whatever rows it returns.
fn run_to_end(statement: &mut Statement<'_>) -> rusqlite::Result<()> {
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
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
        connection.busy_timeout(Duration::from_millis(options.other_process_wait_ms))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
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
            let page_bytes: i64 =
                connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let bytes_max = i64::try_from(options.bytes_max).unwrap_or(i64::MAX);
            let pages_max = (bytes_max / page_bytes.max(1)).max(1);
            connection.pragma_update(None, "max_page_count", pages_max)?;
        }
        if reading {
            connection.pragma_update(None, "query_only", true)?;
        }
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
        let clock = Clock::new();
        functions::add_to(&connection, &clock)?;
        full_text::bound(&connection, &clock)?;
        if !reading {
            clock.watch_disk(Disk::of(path));
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        let mode = Arc::new(AtomicU8::new(Mode::Host as u8));
        let makes_table = Arc::new(AtomicBool::new(false));
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
        }))?;
        if !cfg!(wares_unlimited) {
            connection.progress_handler(STEPS_PER_LOOK, {
                let clock = clock.clone();
                Some(move || {
                    processors::yield_if_background();
                    clock.look()
                })
            })?;
            clock.watch(connection.get_interrupt_handle());
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

    /// Runs a guest's statement that returns rows.
    pub(in crate::storage) fn query(
        &self,
        sql: &str,
        parameters: &[Value],
        limits: &SessionLimits,
        writing: bool,
    ) -> Result<Rows, SqlError> {
        self.guest(limits, sql, parameters, |statement| {
            if !writing && !statement.readonly() {
                return Err(SqlError::Invalid(
                    "query only reads: use execute, or a transaction".to_owned(),
                ));
            }
            let columns = statement.column_count();
            let rows = RowsLimits {
                rows_max: limits.rows_max,
                bytes_max: limits.result_bytes_max,
            };
            Rows::read(&mut statement.raw_query(), columns, &rows)
        })
    }

    /// Runs a guest's statement that writes, and returns the number of changed rows.
    pub(in crate::storage) fn execute(
        &self,
        sql: &str,
        parameters: &[Value],
        limits: &SessionLimits,
    ) -> Result<u64, SqlError> {
        self.guest(limits, sql, parameters, |statement| {
            if statement.column_count() > 0 {
                return Err(SqlError::Invalid(
                    "execute returns no rows: use query in a transaction".to_owned(),
                ));
            }
            Ok(statement.raw_execute()? as u64)
        })
    }

    /// Runs migrations: with a deadline for all of them, and with files for data beyond the
    /// memory.
    pub(in crate::storage) fn migrating<T>(&self, work: impl FnOnce() -> T) -> rusqlite::Result<T> {
        // Within a transaction it cannot be changed.
        self.connection.pragma_update(None, "temp_store", "file")?;
        let _migrating = Migrating(self);
        self.clock.set(if self.migration_ms > 0 {
            self.migration_ms
        } else {
            MIGRATION_MS_MAX
        });
        self.clock.set_spilled_bytes_max(self.temporary_bytes_max);
        Ok(work())
    }

    /// Runs the statements of one migration, and returns their number. An error has the number
    /// of the failed statement, counted from one.
    pub(in crate::storage) fn migrate(&self, statements: &str) -> Result<usize, (usize, String)> {
        let budget = Budget::of(MIGRATION_MEMORY_BYTES_MAX, self.clock.is_over());
        let guests = Guests::begin(self, Mode::Migration);
        let mut batch = Batch::new(&self.connection, statements);
        let mut position = 1;
        let done = loop {
            let ran = match batch.next() {
                Ok(None) => break Ok(position - 1),
                Ok(Some(statement)) if self.is_long_table(&statement) => {
                    break Err((position, long_table()));
                }
                Ok(Some(mut statement)) => run_to_end(&mut statement),
                Err(error) => Err(error),
            };
            if let Err(error) = ran {
                break Err((position, error));
            }
            position += 1;
        };
        drop(guests);
        done.map_err(|(position, error)| {
            let reason = if budget.was_exceeded() {
                format!("it needs more than {MIGRATION_MEMORY_BYTES_MAX} bytes of memory")
            } else if let Some(reason) = self.clock.too_many_words() {
                reason
            } else if self.clock.spilled_too_much() {
                format!(
                    "temporary files need more than {} bytes",
                    self.temporary_bytes_max
                )
            } else if self.clock.was_disk_full()
                || error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            {
                SqlError::full().to_string()
            } else if self.clock.expired() {
                format!(
                    "the migrations take longer than {} ms (sql_migration_ms)",
                    self.migration_ms
                )
            } else {
                cut(&words(&error), REASON_BYTES_MAX).into_owned()
            };
            (position, reason)
        })
    }

    /// Whether a statement that was just prepared makes a virtual table, at length.
    fn is_long_table(&self, statement: &Statement<'_>) -> bool {
        self.makes_table.swap(false, Ordering::Relaxed)
            && statement
                .expanded_sql()
                .is_none_or(|text| text.len() > TABLE_BYTES_MAX)
    }

    /// Whether the queries of a full-text table pass by the clock.
    pub(in crate::storage) fn counts_words(&self, quoted: &str) -> rusqlite::Result<bool> {
        let before = self.clock.phrases_ever();
        let query = format!("select 1 from main.{quoted}('words') limit 1");
        self.connection.prepare(&query)?.exists([])?;
        Ok(self.clock.phrases_ever() > before)
    }

    /// Runs a guest's statement, once `$1`, `$2`, … are bound to the parameters of
    /// that number.
    fn guest<T>(
        &self,
        limits: &SessionLimits,
        sql: &str,
        parameters: &[Value],
        work: impl FnOnce(&mut Statement<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let budget = Budget::of(limits.memory_bytes_max, self.clock.is_over());
        let timed = Timed::begin(&self.clock, limits.statement_ms);
        let guests = Guests::begin(self, Mode::Guest);
        let result = self.run(sql, parameters, work);
        let was_over = self.clock.is_over().load(Ordering::Relaxed);
        drop(guests);
        drop(timed);
        let result = match result {
            // It gets no memory from then on, which SQLite may report as any error.
            Err(_) if was_over => Err(SqlError::Timeout),
            // A refused allocation may surface as any SQLite error.
            Err(_) if budget.was_exceeded() => Err(SqlError::LimitExceeded(format!(
                "more than {} bytes of memory for one statement (sql_memory_bytes_max)",
                limits.memory_bytes_max
            ))),
            Err(_) if self.clock.was_disk_full() => Err(SqlError::full()),
            Err(error) => Err(self
                .clock
                .too_many_words()
                .map_or(error, SqlError::LimitExceeded)),
            Ok(done) => return Ok(done),
        };
        if let Err(error) = &result {
            self.condition.note_error(error);
        }
        result
    }

    fn run<T>(
        &self,
        sql: &str,
        parameters: &[Value],
        work: impl FnOnce(&mut Statement<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let before = memory::used();
        let mut statement = self.connection.prepare_cached(sql)?;
        let is_heavy = memory::used() - before > STATEMENT_BYTES_KEPT;
        let result = bind(&mut statement, parameters).and_then(|()| work(&mut statement));
        if is_heavy {
            statement.discard();
        }
        result
    }
}

/// Binds `$1`, `$2`, … to the parameters of that number. To SQLite they are
/// names, numbered as they first appear.
fn bind(statement: &mut Statement<'_>, parameters: &[Value]) -> Result<(), SqlError> {
    let count = statement.parameter_count();
    if count != parameters.len() {
        return Err(SqlError::Invalid(format!(
            "the statement has {count} parameters, {} were given",
            parameters.len()
        )));
    }
    for index in 1..=count {
        let number = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok())
            .ok_or_else(|| SqlError::Invalid("parameters are written $1, $2, …".to_owned()))?;
        let value = number
            .checked_sub(1)
            .and_then(|position| parameters.get(position))
            .ok_or_else(|| {
                SqlError::Invalid(format!(
                    "the statement has ${number}, and {count} parameters were given"
                ))
            })?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(())
}
