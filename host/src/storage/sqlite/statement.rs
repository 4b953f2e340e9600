//! Statements of guests on a guarded connection.

use std::sync::atomic::Ordering;

use rusqlite::Statement;

use super::clock::Clock;
use super::guarded::{Guarded, Guests, Mode};
use super::memory::{self, Budget};
use super::value::RowsLimits;
use super::{Rows, SessionLimits, SqlError, Value};

/// A statement that takes more memory than this once it is prepared, in bytes, is
/// not kept.
const STATEMENT_BYTES_KEPT: i64 = 256 * 1024;

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

impl Guarded {
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
