//! Batches: commits that share one sync, and one result.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::guarded::Guarded;
use super::{SqlError, Trouble, error};
use crate::threads::permits::Waiting;

/// Commits that may share a sync.
const MEMBERS_MAX: usize = 64;
/// The greatest age of a batch that takes one more member.
const AGE_MAX: Duration = Duration::from_millis(20);

const COMMIT: &str = "commit";
/// Rolls back all members of a batch.
pub(super) const ROLLBACK: &str = "rollback";

/// Commits that wait for the same sync.
pub(super) struct Batch {
    begun: Instant,
    state: Mutex<BatchState>,
    done: Condvar,
}

#[derive(Default)]
struct BatchState {
    members: usize,
    result: Option<Result<(), SqlError>>,
}

impl Batch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            state: Mutex::default(),
            done: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: Result<(), SqlError>) {
        self.lock().result = Some(result);
        self.done.notify_all();
    }

    /// Waits for the end of the batch.
    pub(super) fn wait(&self) -> Result<(), SqlError> {
        let mut waiting = None;
        let mut state = self.lock();
        loop {
            if let Some(result) = &state.result {
                return result.clone();
            }
            if waiting.is_none() {
                drop(state);
                waiting = Some(Waiting::begin());
                state = self.lock();
                continue;
            }
            state = self
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds a member that commits with the others. Returns whether the batch takes one more.
    pub(super) fn join(&self) -> bool {
        let members = {
            let mut state = self.lock();
            state.members += 1;
            state.members
        };
        members < MEMBERS_MAX && self.begun.elapsed() < AGE_MAX
    }

    /// Commits the batch that is open on the connection, and tells its members.
    /// Returns the number of its syncs. `wait` is the longest wait for readers after that.
    pub(super) fn commit(&self, connection: &Guarded, wait: Duration) -> u64 {
        let members = self.lock().members;
        if connection.is_autocommit() {
            // Either it never began, or SQLite rolled all of it back by itself.
            if members > 0 {
                self.finish(Err(Trouble::Full.into()));
            }
            return 0;
        }
        if members == 0 {
            if let Err(error) = connection.host().execute_batch(ROLLBACK) {
                let error = error::words(&error);
                tracing::error!(error, "an empty batch could not be ended");
            }
            return 0;
        }
        let result = commit_unmoved(connection);
        if result.is_err() && !connection.is_autocommit() {
            let _ = connection.host().execute_batch(ROLLBACK);
        }
        let kept = result.is_ok();
        self.finish(result);
        if kept {
            connection.condition().has_written();
            connection.bound_log(wait);
        }
        1
    }
}

/// Commits, if the files are at their paths, and fails if they are moved afterwards: then
/// it is unknown whether the write will be found.
fn commit_unmoved(connection: &Guarded) -> Result<(), SqlError> {
    let condition = connection.condition();
    condition.check_content()?;
    let committed = connection.host().execute_batch(COMMIT);
    committed.map_err(|error| condition.noted(error))?;
    condition.check_content()?;
    Ok(())
}
