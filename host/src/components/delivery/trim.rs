//! The removal of old events: once every subscriber has got them, and the newest stay for who
//! looks at them.

use std::sync::Arc;

use crate::components::changes::Manager;
use crate::components::slot::Slot;
use crate::storage::SqlError;

/// The newest events of a module, which stay.
const KEPT: i64 = 100_000;

/// Removes old events of all modules. Those that a subscriber has not got stay, up to a bound.
pub(super) fn trim(manager: &Manager, undelivered_max: i64) {
    for slot in manager.slots() {
        if let Err(error) = trim_one(manager, &slot, undelivered_max) {
            tracing::warn!(module = slot.name(), %error, "its old events stay");
        }
    }
}

fn trim_one(manager: &Manager, slot: &Arc<Slot>, undelivered_max: i64) -> Result<(), SqlError> {
    let version = slot.module();
    let Some(database) = version.database() else {
        return Ok(());
    };
    let last = database.last_event()?;
    let (old, too_old) = (last - KEPT, last - undelivered_max.max(KEPT));
    if old <= 0 {
        return Ok(());
    }
    let mut up_to = old;
    for subscriber in manager.slots() {
        let version = subscriber.module();
        let is_one = !version.subscriptions().is_empty() && version.may_have_events_of(slot.name());
        let Some(own) = version.database().filter(|_| is_one) else {
            continue;
        };
        // One that never ran begins with events that come later.
        let Some(progress) = own.progress()?.remove(slot.name()) else {
            continue;
        };
        if progress.done < too_old {
            let (module, missing) = (slot.name(), too_old - progress.done);
            let subscriber = subscriber.name();
            tracing::error!(
                module,
                subscriber,
                missing,
                "old events are removed that a subscriber has not got: it is too far behind (events.undelivered_max)"
            );
        }
        up_to = up_to.min(progress.done.max(too_old));
    }
    database.trim_events(up_to)
}
