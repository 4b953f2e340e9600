//! Ends the calls of versions that were replaced, when their time is up.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::Manager;
use crate::components::version::Version;

/// How often the running calls of a replaced version are checked.
const LOOK: Duration = Duration::from_millis(50);

impl Manager {
    /// Ends the calls of a replaced version that still run after `versions.drain_ms`.
    pub(super) fn drain(&self, module: &Arc<Version>) {
        let until = Instant::now() + self.options.drain;
        // Without that thread, calls end at their own deadline.
        let _ = self.drained.send((until, Arc::downgrade(module)));
    }
}

/// Ends the running calls of versions, each when its time is up, in that order.
pub(super) fn retire(waiting: &Receiver<(Instant, Weak<Version>)>) {
    for (until, module) in waiting {
        while module.strong_count() > 0 && Instant::now() < until {
            thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
        }
        if let Some(module) = module.upgrade() {
            module.retire();
        }
    }
}
