//! The store of one call, with all its limits in force.

use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use super::TICK;
use crate::capabilities::{CallContext, CallState, PointsOfHost, Usage};
use crate::threads::processors;

/// How often a call that takes long is asked whether it is still wanted.
const WANTED_POLL: Duration = Duration::from_millis(100);

/// The most that one call into the host, and an answer, copy out of a component, in bytes.
/// The host takes a small multiple of it.
const COPIED_BYTES_MIN: usize = 48 * 1024 * 1024;
/// The same, beside the body of an answer.
const COPIED_BYTES_BESIDE: usize = 16 * 1024 * 1024;

pub(super) fn open(
    engine: &wasmtime::Engine,
    context: CallContext,
    points: PointsOfHost,
) -> Store<CallState> {
    let mut store = Store::new(engine, CallState::new(context, points));
    if super::UNLIMITED {
        return store;
    }
    store.limiter(|call| &mut call.usage);
    let usage = &store.data().usage;
    let copied = usage.limits().response_bytes_max;
    let ticks = ticks_left(usage);
    store.set_hostcall_fuel(COPIED_BYTES_MIN.max(copied.saturating_add(COPIED_BYTES_BESIDE)));
    store.set_epoch_deadline(ticks);
    // The epoch is wall time: when it runs out, the guest gets back what the host took.
    store.epoch_deadline_callback(|context| {
        let usage = &context.data().usage;
        usage.check()?;
        processors::yield_if_background();
        Ok(UpdateDeadline::Continue(ticks_left(usage)))
    });
    store.call_hook(|mut context, hook| {
        let call = context.data_mut();
        let has_kept = call.has_kept();
        call.usage.pass(hook, has_kept)
    });
    store
}

/// Ticks until the guest's time is up or it is looked at again, at least one.
fn ticks_left(usage: &Usage) -> u64 {
    if processors::is_background() {
        return 1;
    }
    let poll = usage.time_left().min(WANTED_POLL);
    let ticks = poll.as_millis().div_ceil(TICK.as_millis()).max(1);
    ticks.try_into().unwrap_or(u64::MAX)
}
