//! Permits of threads that wait. A thread with one of a number of permits that waits for
//! another thread or process returns its permit meanwhile, so that calls which do not wait
//! can run. Knows nothing of the subject of the wait.

use std::cell::RefCell;
use std::sync::Arc;

/// The permit of a thread.
pub(crate) trait Permits: Send + Sync {
    /// Returns it.
    fn release(&self);
    /// Takes it again, at once: others wait for what the thread has got by now.
    fn reacquire(&self);
}

thread_local! {
    static PERMITS: RefCell<Option<Arc<dyn Permits>>> = const { RefCell::new(None) };
}

/// Lets the calling thread run with this permit.
pub(crate) fn share(permits: Arc<dyn Permits>) {
    PERMITS.set(Some(permits));
}

/// Marks that the calling thread waits, until dropped.
pub(crate) struct Waiting(Option<Arc<dyn Permits>>);

impl Waiting {
    /// Returns the thread's permit, if it has one.
    pub(crate) fn begin() -> Self {
        let permits = PERMITS.take();
        if let Some(permits) = &permits {
            permits.release();
        }
        Self(permits)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(permits) = self.0.take() {
            permits.reacquire();
            PERMITS.set(Some(permits));
        }
    }
}
