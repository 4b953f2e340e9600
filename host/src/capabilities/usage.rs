//! The usage of a call: how much of its limits it has used, and marks of those it reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{CallHook, ResourceLimiter};

use super::{CapabilityLimits, LimitSettings, TimeLeft};
use crate::config::{BYTES_MAX, Reader};

/// The least time that a call whose write is kept has from then on, so that it can
/// say so.
const CALL_TIME_ONCE_KEPT_MIN: Duration = Duration::from_secs(10);

/// The limits of one call of a component.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Time that the guest itself runs, in milliseconds; time spent in the host does not count.
    pub deadline_ms: u64,
    /// A call from its beginning to its end, in milliseconds.
    pub call_ms: u64,
    /// All linear memories together, in bytes.
    pub memory_bytes_max: usize,
    /// All tables together, in elements.
    pub table_elements_max: u32,
    /// The body of a response, in bytes.
    pub response_bytes_max: usize,
    /// Calls from the guest into the host.
    pub host_calls_max: u32,
    /// The limits of the capabilities.
    pub capabilities: CapabilityLimits,
}

/// The most elements of tables: the engine reserves room for them, for each call.
const TABLE_ELEMENTS_MAX: u32 = 10_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: 1_000,
            call_ms: 30_000,
            memory_bytes_max: 64 * 1024 * 1024,
            table_elements_max: 20_000,
            response_bytes_max: 8 * 1024 * 1024,
            host_calls_max: 100_000,
            capabilities: CapabilityLimits::default(),
        }
    }
}

impl LimitSettings for Limits {
    fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
        let key = |limit: &str| format!("{section}.{limit}");
        Self {
            deadline_ms: reader.milliseconds(
                &key("deadline_ms"),
                base.deadline_ms,
                "time of the component's own a call; time in the host does not count",
            ),
            call_ms: reader.milliseconds(
                &key("call_ms"),
                base.call_ms,
                "a call from beginning to end, with all that the host does for it",
            ),
            memory_bytes_max: reader.bytes(
                &key("memory_bytes_max"),
                1 << 20..=BYTES_MAX,
                base.memory_bytes_max,
                "linear memories together",
            ),
            table_elements_max: reader.number32(
                &key("table_elements_max"),
                1..=TABLE_ELEMENTS_MAX,
                base.table_elements_max,
                "elements of all tables together",
            ),
            response_bytes_max: reader.bytes(
                &key("response_bytes_max"),
                1 << 10..=BYTES_MAX,
                base.response_bytes_max,
                "the body of a response",
            ),
            host_calls_max: reader.number32(
                &key("host_calls_max"),
                0..=u32::MAX,
                base.host_calls_max,
                "calls into the host",
            ),
            capabilities: CapabilityLimits::read(section, &base.capabilities, reader),
        }
    }
}

/// Marks a guest that ran out of time, on its way through wasmtime's errors.
#[derive(Debug, thiserror::Error)]
#[error("deadline")]
pub(crate) struct DeadlineReached;

/// Marks a call that took too long as a whole, on its way through wasmtime's errors.
#[derive(Debug, thiserror::Error)]
#[error("call time")]
pub(crate) struct CallTimeReached;

/// Marks a guest whose version was replaced a while ago, on its way through wasmtime's errors.
#[derive(Debug, thiserror::Error)]
#[error("retired")]
pub(crate) struct Retired;

/// Marks a guest that called too often, on its way through wasmtime's errors.
#[derive(Debug, thiserror::Error)]
#[error("host calls")]
pub(crate) struct HostCallsReached;

/// The usage of a call so far: of its time and its calls into the host since it
/// began, or since its first write was kept. A caller that gets an error takes a write
/// for one that was not made.
pub(crate) struct Usage {
    limits: Arc<Limits>,
    retired: Arc<AtomicBool>,
    /// The time that remains to the call around this one.
    around: Option<TimeLeft>,
    /// A write of the call is kept.
    has_kept: bool,
    started: Instant,
    /// How long the guest has run, up to when it last was entered.
    guest: Duration,
    /// When it was entered, while it runs. The host may be asked by it and enter it
    /// again meanwhile, to have it make room for a result.
    entered: Option<Instant>,
    host_calls: u32,
    memory_bytes: usize,
    refused_memory: bool,
    table_elements: usize,
}

impl Usage {
    pub(super) fn new(
        limits: Arc<Limits>,
        retired: Arc<AtomicBool>,
        around: Option<TimeLeft>,
    ) -> Self {
        Self {
            limits,
            retired,
            around,
            has_kept: false,
            started: Instant::now(),
            guest: Duration::ZERO,
            entered: None,
            host_calls: 0,
            memory_bytes: 0,
            refused_memory: false,
            table_elements: 0,
        }
    }

    /// A write of the call is kept: once, its time and its calls into the host are
    /// counted anew.
    fn keep(&mut self) {
        self.has_kept = true;
        self.started = Instant::now();
        self.guest = Duration::ZERO;
        self.host_calls = 0;
    }

    /// A call whose write is kept ends by itself, or by its limits.
    fn check_wanted(&self) -> wasmtime::Result<()> {
        if self.retired.load(Ordering::Relaxed) && !self.has_kept {
            return Err(wasmtime::Error::new(Retired));
        }
        Ok(())
    }

    fn call_time(&self) -> Duration {
        let limit = Duration::from_millis(self.limits.call_ms);
        let limit = self.around.map_or(limit, |around| limit.min(around.call));
        if self.has_kept {
            limit.max(CALL_TIME_ONCE_KEPT_MIN)
        } else {
            limit
        }
    }

    fn guest_time(&self) -> Duration {
        let running = self
            .entered
            .map_or(Duration::ZERO, |entered| entered.elapsed());
        self.guest + running
    }

    /// Each call into the host is bounded; this bounds their sum.
    fn check_call_time(&self) -> wasmtime::Result<()> {
        if self.started.elapsed() > self.call_time() {
            return Err(wasmtime::Error::new(CallTimeReached));
        }
        Ok(())
    }

    /// How long the call may still take.
    pub(super) fn call_time_left(&self) -> Duration {
        self.call_time().saturating_sub(self.started.elapsed())
    }

    /// How long the guest may still run.
    pub(crate) fn time_left(&self) -> Duration {
        let deadline = Duration::from_millis(self.limits.deadline_ms);
        let deadline = self
            .around
            .map_or(deadline, |around| deadline.min(around.guest));
        deadline.saturating_sub(self.guest_time())
    }

    /// Checks that the guest may go on running.
    pub(crate) fn check(&self) -> wasmtime::Result<()> {
        self.check_wanted()?;
        if self.time_left().is_zero() {
            return Err(wasmtime::Error::new(DeadlineReached));
        }
        self.check_call_time()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the guest asked for more memory than it may have.
    pub(crate) fn refused_memory(&self) -> bool {
        self.refused_memory
    }

    fn leave(&mut self) {
        if let Some(entered) = self.entered.take() {
            self.guest += entered.elapsed();
        }
    }

    /// Counts a passage between guest and host. `has_kept` says whether a write of the call
    /// is kept by now.
    pub(crate) fn pass(&mut self, hook: CallHook, has_kept: bool) -> wasmtime::Result<()> {
        if has_kept && !self.has_kept {
            self.keep();
        }
        match hook {
            CallHook::CallingHost => {
                self.host_calls += 1;
                if self.host_calls > self.limits.host_calls_max {
                    return Err(wasmtime::Error::new(HostCallsReached));
                }
                self.check_call_time()?;
                self.leave();
            }
            CallHook::ReturningFromWasm => self.leave(),
            CallHook::CallingWasm | CallHook::ReturningFromHost => {
                self.entered = Some(Instant::now());
            }
        }
        Ok(())
    }
}

/// Counts what grows, unless it would be more than a limit allows.
fn grow(total: &mut usize, current: usize, desired: usize, max: usize) -> bool {
    let grown = total.saturating_sub(current).saturating_add(desired);
    let fits = grown <= max;
    if fits {
        *total = grown;
    }
    fits
}

impl ResourceLimiter for Usage {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let max = self.limits.memory_bytes_max;
        let fits = grow(&mut self.memory_bytes, current, desired, max);
        self.refused_memory |= !fits;
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let max = self.limits.table_elements_max as usize;
        Ok(grow(&mut self.table_elements, current, desired, max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage() -> Usage {
        let limits = Limits {
            deadline_ms: 1_000,
            call_ms: 2_000,
            memory_bytes_max: 0,
            table_elements_max: 0,
            response_bytes_max: 0,
            host_calls_max: 3,
            capabilities: CapabilityLimits::default(),
        };
        Usage::new(Arc::new(limits), Arc::default(), None)
    }

    /// So long ago.
    fn before(seconds: u64) -> Instant {
        Instant::now()
            .checked_sub(Duration::from_secs(seconds))
            .unwrap()
    }

    #[test]
    fn what_grows_is_counted_as_far_as_it_fits() {
        for (total, current, desired, max, fits, counted) in [
            (0, 0, 10, 10, true, 10),
            (0, 0, 11, 10, false, 0),
            // One of two memories grows.
            (7, 3, 6, 10, true, 10),
            (7, 3, 7, 10, false, 7),
            (7, 3, usize::MAX, usize::MAX - 1, false, 7),
        ] {
            let mut grown = total;
            assert_eq!(
                grow(&mut grown, current, desired, max),
                fits,
                "{total} {desired}"
            );
            assert_eq!(grown, counted, "{total} {desired}");
        }
    }

    #[test]
    fn a_call_that_is_not_wanted_ends_unless_its_write_is_kept() {
        for (has_kept, is_wanted) in [(false, false), (true, true)] {
            let mut usage = usage();
            assert!(usage.check_wanted().is_ok());
            usage.pass(CallHook::ReturningFromHost, has_kept).unwrap();
            usage.retired.store(true, Ordering::Relaxed);
            assert_eq!(usage.check_wanted().is_ok(), is_wanted);
        }
    }

    #[test]
    fn the_time_of_a_call_begins_anew_once_its_write_is_kept() {
        for (has_kept, seconds, is_in_time) in
            [(false, 1, true), (false, 3, false), (true, 3, true)]
        {
            let mut usage = usage();
            usage.started = before(seconds);
            usage.pass(CallHook::ReturningFromHost, has_kept).unwrap();
            let passed = usage.pass(CallHook::CallingHost, has_kept);
            assert_eq!(passed.is_ok(), is_in_time, "{has_kept} {seconds}");
        }
        let mut usage = usage();
        usage.guest = Duration::from_secs(5);
        usage.pass(CallHook::ReturningFromHost, true).unwrap();
        assert!(!usage.time_left().is_zero());
        // More than its own limit, and not without end; and once alone.
        usage.started = before(5);
        usage.pass(CallHook::CallingHost, true).unwrap();
        usage.started = before(11);
        let late = usage.pass(CallHook::CallingHost, true).unwrap_err();
        assert!(late.is::<CallTimeReached>());
    }

    #[test]
    fn calls_into_the_host_are_counted_anew_once_a_write_is_kept() {
        for (has_kept, calls) in [(false, 3), (true, 2 + 3)] {
            let mut usage = usage();
            let mut passed = 0;
            while usage
                .pass(CallHook::CallingHost, has_kept && passed > 1)
                .is_ok()
            {
                passed += 1;
            }
            assert_eq!(passed, calls);
        }
    }
}
