//! Statements of migrations on a guarded connection.

use std::sync::atomic::Ordering;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Statement};

use super::SqlError;
use super::error::words;
use super::guarded::{Guarded, Guests, Mode};
use super::memory::Budget;
use crate::printable::cut;

/// Memory of SQLite for one migration, in bytes. Larger sorts go to a file.
const MIGRATION_MEMORY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The time of migrations without a limit, in milliseconds: a year.
const MIGRATION_MS_MAX: u64 = 365 * 24 * 60 * 60 * 1000;

/// The longest statement that makes a virtual table, in bytes. FTS5 reads the letters
/// that are named in it in the square of their number, whenever it is opened.
const TABLE_BYTES_MAX: usize = 4 * 1024;

/// The longest text about a failed statement, in bytes: SQLite repeats parts of it.
const REASON_BYTES_MAX: usize = 1_000;

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

impl Guarded {
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
}
