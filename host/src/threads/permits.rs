//! Waiting for others. A thread that has one of a number of places, and waits for what
//! somebody else holds, gives its place back meanwhile, so that those who do not need
//! what it waits for can go on. Knows nothing of what is waited for.

use std::cell::RefCell;
use std::sync::Arc;

/// Places that a number of threads share.
pub(crate) trait Places: Send + Sync {
    /// The calling thread needs its place no more.
    fn give_back(&self);
    /// It needs it again, at once: what it has got by now others wait for.
    fn take_again(&self);
}

thread_local! {
    static PLACES: RefCell<Option<Arc<dyn Places>>> = const { RefCell::new(None) };
}

/// What the calling thread runs from here on has one of these places.
pub(crate) fn share(places: Arc<dyn Places>) {
    PLACES.set(Some(places));
}

/// The calling thread waits, as long as this lives.
pub(crate) struct Waiting(Option<Arc<dyn Places>>);

impl Waiting {
    /// Gives the place back, where the thread has one.
    pub(crate) fn begin() -> Self {
        let places = PLACES.take();
        if let Some(places) = &places {
            places.give_back();
        }
        Self(places)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.take_again();
            PLACES.set(Some(places));
        }
    }
}
