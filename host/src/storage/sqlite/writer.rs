//! The one connection that writes, handed from session to session in the order of their
//! requests, and the batches in which many commits share one sync.
//!
//! A batch is one SQLite transaction, and each session's transaction but the
//! first is a savepoint in it. A session that commits while another one waits
//! hands the connection over instead of syncing, and waits. One that commits while no other
//! waits, or when the batch is full, commits the batch with one sync, and all its members
//! get that result. So a write is answered and read only once it is on disk, and a lone
//! writer does not wait.
//!
//! A session that waits, in the queue, for another process or for the end of a batch, returns
//! the permit of its thread; see [`crate::threads::permits`]. A write is a success if its file
//! was at its path before the commit and after it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{self, Batch};
use super::condition::Condition;
use super::guarded::Guarded;
use super::{SqlError, Trouble, error};
use crate::threads::permits::Waiting;

const BEGIN_BATCH: &str = "begin immediate";
const BEGIN: &str = "savepoint member";
const RELEASE: &str = "release member";
const ROLLBACK: &str = "rollback to member; release member";

/// The writer of one database.
pub(in crate::storage) struct Writer {
    condition: Arc<Condition>,
    /// Whether another process had the database when the last batch was to begin.
    is_held_elsewhere: AtomicBool,
    state: Mutex<State>,
    /// Notifies that the connection is free, or another session is next.
    turn: Condvar,
}

struct State {
    /// `None` while a session has it.
    connection: Option<Guarded>,
    waiting: VecDeque<u64>,
    next_ticket: u64,
    batch: Option<Arc<Batch>>,
    syncs: u64,
}

/// The writer, held by one session with its transaction open.
pub(in crate::storage) struct Lease {
    writer: Arc<Writer>,
    /// `None` once it is handed on.
    connection: Option<Guarded>,
    batch: Arc<Batch>,
    begun: Instant,
    /// The rest of the waiting time when the connection was free.
    wait_left: Duration,
    /// Whether the transaction is a savepoint. The first of a batch needs none,
    /// and long ones are several times faster without: SQLite walks what a
    /// savepoint could bring back after every statement.
    savepoint: bool,
}

impl Writer {
    pub(in crate::storage) fn new(connection: Guarded) -> Self {
        Self {
            condition: connection.condition().clone(),
            is_held_elsewhere: AtomicBool::new(false),
            state: Mutex::new(State {
                connection: Some(connection),
                waiting: VecDeque::new(),
                next_ticket: 0,
                batch: None,
                syncs: 0,
            }),
            turn: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the connection for at most `wait`, and begins a transaction on it.
    pub(in crate::storage) fn begin(self: &Arc<Self>, wait: Duration) -> Result<Lease, SqlError> {
        let until = Instant::now() + wait;
        let (connection, batch) = self.acquire(until)?;
        let savepoint = !connection.is_autocommit();
        let begun = if savepoint {
            connection.host().execute_batch(BEGIN)
        } else {
            self.begin_batch(&connection, until)
        };
        let now = Instant::now();
        let mut lease = Lease {
            writer: self.clone(),
            connection: Some(connection),
            batch,
            begun: now,
            wait_left: until.saturating_duration_since(now),
            savepoint,
        };
        if let Err(error) = begun {
            let error = lease.noted(error);
            lease.settle();
            return Err(error.into());
        }
        Ok(lease)
    }

    /// Begins a batch, once no other process writes.
    fn begin_batch(&self, connection: &Guarded, until: Instant) -> rusqlite::Result<()> {
        let begun = connection.host().execute_batch(BEGIN_BATCH);
        let left = until.saturating_duration_since(Instant::now());
        match begun {
            Err(error) if !left.is_zero() && Trouble::of(&error) == Some(Trouble::Locked) => {
                self.is_held_elsewhere.store(true, Ordering::Relaxed);
                let _waiting = Waiting::begin();
                connection.waiting_for(left, || connection.host().execute_batch(BEGIN_BATCH))?;
            }
            begun => begun?,
        }
        self.is_held_elsewhere.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn acquire(&self, until: Instant) -> Result<(Guarded, Arc<Batch>), SqlError> {
        let mut state = self.lock();
        let mut waiting = None;
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(ticket);
        loop {
            if state.waiting.front() == Some(&ticket)
                && let Some(connection) = state.connection.take()
            {
                state.waiting.pop_front();
                let batch = state.batch.get_or_insert_with(Batch::new).clone();
                return Ok((connection, batch));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.waiting.retain(|waiting| *waiting != ticket);
                self.leave(state);
                if self.is_held_elsewhere.load(Ordering::Relaxed) {
                    self.condition.note_error(&Trouble::Locked.into());
                }
                return Err(SqlError::Busy);
            }
            if waiting.is_none() {
                drop(state);
                waiting = Some(Waiting::begin());
                state = self.lock();
                continue;
            }
            state = self
                .turn
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Stops waiting. If a batch was handed on and no other session can take it, it must be
    /// ended here, or its members would wait forever.
    fn leave(&self, mut state: MutexGuard<'_, State>) {
        let orphan = if state.waiting.is_empty() && state.batch.is_some() {
            state.connection.take()
        } else {
            None
        };
        let batch = if orphan.is_some() {
            state.batch.take()
        } else {
            None
        };
        drop(state);
        match (orphan, batch) {
            (Some(connection), Some(batch)) => {
                let synced = batch.commit(&connection, Duration::ZERO);
                self.put_back(connection, synced);
            }
            // The session behind may be next.
            _ => self.turn.notify_all(),
        }
    }

    /// Runs work of the host on the connection, outside any batch, if the file is at its path.
    /// If it panics, its uncommitted changes are rolled back, and the connection is free for
    /// others.
    pub(in crate::storage) fn exclusively<T>(
        &self,
        condition: &Condition,
        wait: Duration,
        work: impl FnOnce(&Guarded) -> T,
    ) -> Result<T, SqlError> {
        condition.check()?;
        let result = self.alone(wait, work)?;
        condition.check()?;
        Ok(result)
    }

    /// The same, wherever the file is.
    pub(in crate::storage) fn alone<T>(
        &self,
        wait: Duration,
        work: impl FnOnce(&Guarded) -> T,
    ) -> Result<T, SqlError> {
        let (connection, batch) = self.acquire(Instant::now() + wait)?;
        // A batch that others wait for cannot be left open under foreign work.
        batch.commit(&connection, Duration::ZERO);
        let work = || connection.waiting_for_others(|| work(&connection));
        let result = catch_unwind(AssertUnwindSafe(work));
        if result.is_err()
            && !connection.is_autocommit()
            && let Err(error) = connection.host().execute_batch(batch::ROLLBACK)
        {
            let error = error::words(&error);
            tracing::error!(error, "work that panicked could not be taken back");
        }
        self.put_back(connection, 0);
        Ok(result.unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// Frees the connection after a batch has ended.
    fn put_back(&self, connection: Guarded, syncs: u64) {
        let mut state = self.lock();
        state.connection = Some(connection);
        state.batch = None;
        state.syncs += syncs;
        drop(state);
        self.turn.notify_all();
    }

    /// Frees the connection with the batch still open on it, if a session waits that will
    /// continue it. Otherwise returns it.
    fn hand_over(&self, connection: Guarded, batch: &Arc<Batch>) -> Option<Guarded> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            return Some(connection);
        }
        state.connection = Some(connection);
        state.batch = Some(batch.clone());
        drop(state);
        self.turn.notify_all();
        None
    }

    /// How many sessions wait for the connection.
    #[cfg(test)]
    pub(in crate::storage) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// How often this writer has synced a batch.
    #[cfg(test)]
    pub(in crate::storage) fn syncs(&self) -> u64 {
        self.lock().syncs
    }
}

impl Lease {
    /// Returns the connection while the transaction is open.
    ///
    /// # Errors
    /// When SQLite has ended it.
    pub(in crate::storage) fn connection(&self) -> Result<&Guarded, SqlError> {
        self.connection
            .as_ref()
            .ok_or_else(|| SqlError::Invalid("the transaction has ended".to_owned()))
    }

    /// How long the writer has been held.
    pub(in crate::storage) fn held(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Makes the transaction durable, on its own or together with others.
    pub(in crate::storage) fn commit(mut self) -> Result<(), SqlError> {
        let connection = self.connection()?;
        if self.savepoint
            && let Err(error) = connection.host().execute_batch(RELEASE)
        {
            let error = self.noted(error);
            self.rollback();
            return Err(error.into());
        }
        let batch = self.batch.clone();
        if batch.join()
            && let Some(connection) = self.connection.take()
        {
            self.connection = self.writer.hand_over(connection, &batch);
        }
        self.settle();
        batch.wait()
    }

    /// Rolls the transaction back, and nothing of the batch's other members.
    pub(in crate::storage) fn rollback(&mut self) {
        if let Some(connection) = &self.connection {
            // Where it is the first, what is open is its own, and goes when it is settled.
            if self.savepoint
                && !connection.is_autocommit()
                && let Err(error) = connection.host().execute_batch(ROLLBACK)
            {
                // Then the whole batch is rolled back: no member was answered.
                let error = error::words(&error);
                tracing::error!(error, "a transaction could not be taken back alone");
                let _ = connection.host().execute_batch(batch::ROLLBACK);
            }
        }
        self.settle();
    }

    /// Ends the batch, or hands it on if no session waits for its end, and lets the next
    /// session have the connection.
    fn settle(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let synced = self.batch.commit(&connection, self.wait_left);
        self.writer.put_back(connection, synced);
    }

    fn noted(&self, error: rusqlite::Error) -> rusqlite::Error {
        match &self.connection {
            Some(connection) => connection.condition().noted(error),
            None => error,
        }
    }
}

impl Drop for Lease {
    /// A session that is dropped, by a trap for example, is rolled back.
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.rollback();
        }
    }
}
