//! The use of a database by one call of a component: reads in one snapshot,
//! and at most one transaction at a time, all within the call's limits.

use std::time::Duration;

use super::database::Database;
use super::guarded::Guarded;
use super::writer::Lease;
use super::{Rows, SessionLimits, SqlError, Value};
use super::{deliveries, events};

/// Parameters of one statement together, in bytes.
const PARAMETERS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One call's view of a database. Dropping it rolls back what is not committed.
pub struct Session {
    database: Database,
    limits: SessionLimits,
    keeps: Keeps,
    /// How long the call waited before it began, which counts as waiting for the writer
    /// the first time that it does that.
    waited: Duration,
    statements: u32,
    reader: Option<Guarded>,
    transaction: Option<Lease>,
    has_kept: bool,
    /// Whether the open transaction has events.
    emits: bool,
    /// The event of another component that the call handles, until that is kept.
    handles: Option<(String, i64)>,
}

/// The fate of a session's transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// Those that it commits are kept.
    Commits,
    /// All are rolled back, those that it commits as well.
    Nothing,
}

impl Database {
    /// A session for one call.
    pub fn session(&self, limits: &SessionLimits) -> Session {
        Session::new(self.clone(), limits.clone(), Keeps::Commits)
    }

    /// A session for one call whose commits are rolled back as well.
    pub fn rehearsal(&self, limits: &SessionLimits) -> Session {
        Session::new(self.clone(), limits.clone(), Keeps::Nothing)
    }
}

impl Session {
    fn new(database: Database, limits: SessionLimits, keeps: Keeps) -> Self {
        Self {
            database,
            limits,
            keeps,
            waited: Duration::ZERO,
            statements: 0,
            reader: None,
            transaction: None,
            has_kept: false,
            emits: false,
            handles: None,
        }
    }

    /// The call waited so long before it began.
    #[must_use]
    pub fn after(mut self, waited: Duration) -> Self {
        self.waited = waited;
        self
    }

    /// Runs one statement that reads. All reads up to the next write see the same snapshot.
    ///
    /// # Errors
    /// When the statement is wrong, not allowed, or beyond a limit.
    pub fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows, SqlError> {
        self.count(parameters)?;
        self.database.note(sql);
        if self.reader.is_none() {
            self.reader = Some(self.database.readers().take()?);
        }
        match &self.reader {
            Some(reader) => reader.query(sql, parameters, &self.limits, false),
            None => Err(SqlError::Unavailable("no reader".to_owned())),
        }
    }

    /// Runs one statement that writes, in a transaction of its own.
    /// It is durable when this returns.
    ///
    /// # Errors
    /// When the statement is wrong, not allowed, or beyond a limit; then it changed nothing.
    pub fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        self.begin()?;
        match self.transaction_execute(sql, parameters) {
            Ok(changed) => self.commit().map(|()| changed),
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// The call handles this event of another component: that it did is kept with the first
    /// transaction that it commits.
    pub fn handles(&mut self, source: &str, event: i64) {
        self.handles = Some((source.to_owned(), event));
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Waits for the writer and begins a transaction.
    ///
    /// # Errors
    /// When one is open, or another session holds the writer for too long.
    pub fn begin(&mut self) -> Result<(), SqlError> {
        if self.transaction.is_some() {
            return Err(SqlError::Invalid(
                "a transaction is open already".to_owned(),
            ));
        }
        self.count(&[])?;
        self.database.note_write();
        // A read after a write must not see a snapshot before it.
        self.end_snapshot();
        self.database.condition().require_unmoved()?;
        let wait = Duration::from_millis(self.limits.writer_wait_ms);
        let wait = wait.saturating_sub(std::mem::take(&mut self.waited));
        let transaction = self.database.writer().begin(wait)?;
        transaction.connection()?.require_room()?;
        self.transaction = Some(transaction);
        Ok(())
    }

    /// Runs one statement that returns rows, in the open transaction.
    ///
    /// # Errors
    /// When none is open, or the statement is wrong, not allowed, or beyond a limit.
    pub fn transaction_query(&mut self, sql: &str, parameters: &[Value]) -> Result<Rows, SqlError> {
        self.count(parameters)?;
        self.database.note(sql);
        let limits = self.limits.clone();
        self.in_transaction(|connection| connection.query(sql, parameters, &limits, true))
    }

    /// Runs one statement that writes, in the open transaction.
    ///
    /// # Errors
    /// When none is open, or the statement is wrong, not allowed, or beyond a limit.
    pub fn transaction_execute(
        &mut self,
        sql: &str,
        parameters: &[Value],
    ) -> Result<u64, SqlError> {
        self.count(parameters)?;
        self.database.note(sql);
        let limits = self.limits.clone();
        self.in_transaction(|connection| connection.execute(sql, parameters, &limits))
    }

    /// Adds an event to the open transaction.
    ///
    /// # Errors
    /// When none is open, or the name or the data are not of their form.
    pub fn emit(&mut self, name: &str, data: &str, cause: Option<&str>) -> Result<(), SqlError> {
        self.count(&[])?;
        self.in_transaction(|connection| events::insert(connection.host(), name, data, cause))?;
        self.emits = true;
        Ok(())
    }

    /// Makes the open transaction durable.
    ///
    /// # Errors
    /// When none is open, or it could not be kept; then nothing of it was.
    pub fn commit(&mut self) -> Result<(), SqlError> {
        let handled = self.handles.clone();
        self.in_transaction(|connection| match &handled {
            Some((source, event)) => deliveries::handle(connection.host(), source, *event),
            None => Ok(()),
        })?;
        let emits = std::mem::take(&mut self.emits);
        match self.transaction.take() {
            Some(_) if self.keeps == Keeps::Nothing => Ok(()),
            Some(transaction) => {
                transaction.commit()?;
                self.has_kept = true;
                self.handles = None;
                if emits {
                    events::announce();
                }
                Ok(())
            }
            None => Err(no_transaction()),
        }
    }

    /// Whether a transaction of it was kept.
    pub fn has_kept(&self) -> bool {
        self.has_kept
    }

    /// Rolls back the open transaction, if one is open.
    pub fn rollback(&mut self) {
        self.emits = false;
        self.transaction = None;
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Guarded) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let transaction = self.transaction.as_ref().ok_or_else(no_transaction)?;
        if transaction.held() > Duration::from_millis(self.limits.transaction_hold_ms) {
            self.transaction = None;
            return Err(SqlError::LimitExceeded(format!(
                "the transaction was open for more than {} ms (sql_transaction_hold_ms)",
                self.limits.transaction_hold_ms
            )));
        }
        let connection = transaction.connection()?;
        let result = work(connection);
        if result.is_err() && connection.is_autocommit() {
            // SQLite rolled all of it back, as it does when the disk is full.
            self.transaction = None;
        }
        result
    }

    /// One statement more, with these parameters; beginning is one as well.
    fn count(&mut self, parameters: &[Value]) -> Result<(), SqlError> {
        self.statements += 1;
        if self.statements > self.limits.statements_max {
            return Err(SqlError::LimitExceeded(format!(
                "more than {} statements in one call (sql_statements_max)",
                self.limits.statements_max
            )));
        }
        if parameters.iter().map(Value::bytes).sum::<usize>() > PARAMETERS_BYTES_MAX {
            return Err(SqlError::LimitExceeded(format!(
                "more than {PARAMETERS_BYTES_MAX} bytes of parameters"
            )));
        }
        Ok(())
    }

    fn end_snapshot(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.database.readers().give_back(reader);
        }
    }
}

fn no_transaction() -> SqlError {
    SqlError::Invalid("no transaction is open".to_owned())
}

impl Drop for Session {
    fn drop(&mut self) {
        self.transaction = None;
        self.end_snapshot();
    }
}
