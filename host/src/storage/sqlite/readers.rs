//! Connections that read: opened when they are needed, kept for the next call.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::condition::Condition;
use super::guarded::Guarded;
use super::{DatabaseOptions, SqlError};

/// Free readers of one database. There are never more than there are calls at
/// the same time, so the threads that calls run on bound them.
pub(in crate::storage) struct Readers {
    path: PathBuf,
    options: DatabaseOptions,
    condition: Arc<Condition>,
    free: Mutex<Vec<Guarded>>,
}

impl Readers {
    pub(in crate::storage) fn new(
        path: PathBuf,
        options: DatabaseOptions,
        condition: Arc<Condition>,
    ) -> Self {
        Self {
            path,
            options,
            condition,
            free: Mutex::new(Vec::new()),
        }
    }

    /// A reader with a snapshot of what is committed now.
    pub(in crate::storage) fn take(&self) -> Result<Guarded, SqlError> {
        self.condition.require_unmoved()?;
        let free = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let reader = match free {
            Some(reader) => reader,
            None => self.open()?,
        };
        // The snapshot itself is taken by the first statement.
        // Not from the cache of prepared statements, which guests share: what is
        // in it has passed the authorizer already.
        reader.host().execute_batch("begin")?;
        Ok(reader)
    }

    /// Opens the file, if it is at its path.
    fn open(&self) -> Result<Guarded, SqlError> {
        self.condition.check()?;
        let opened = Guarded::open(&self.path, &self.options, &self.condition, true);
        // Before a file that replaced it meanwhile is used.
        self.condition.check()?;
        opened.map_err(|error| self.condition.noted(error).into())
    }

    /// Ends the snapshot. A reader that cannot even do that is closed.
    pub(in crate::storage) fn give_back(&self, reader: Guarded) {
        if reader.host().execute_batch("commit").is_ok() {
            self.free
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(reader);
        }
    }

    pub(in crate::storage) fn close(&self) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
