//! Events that a module handles, on the threads of its calls.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Slot, ended_inside};
use crate::components::contract::SubscribedEvent;
use crate::components::statistics::Present;
use crate::fault::fault_of;
use crate::threads::Lane;

/// Who has events handled, among the callers of a module.
const CALLER: &str = "events";

impl Slot {
    /// Has the current version handle an event; `depth` is that of the events that it causes.
    /// `end` is called with the result, on another thread.
    pub(in crate::components) fn deliver(
        &self,
        event: SubscribedEvent,
        depth: u32,
        end: impl FnOnce(Result<(), String>) + Send + 'static,
    ) {
        let version = self.module();
        let record = self.record.clone();
        self.executor.start(Lane::Writing, CALLER.into(), move || {
            let _runs = Present::of(&record.statistics.running);
            fault_of("event", &record.name);
            let call = || version.take_event(&event, depth);
            // A panic is a fault of the host, and a failure all the same.
            let called =
                catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(ended_inside()));
            end(called.unwrap_or_else(|error| Err(error.to_string())));
        });
    }
}
