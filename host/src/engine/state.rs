//! What belongs to one call: its capabilities, and the meters that its limits
//! are held against. Lives in the store of the call's instance and dies with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};

use super::error::{CallTimeReached, DeadlineReached, HostCallsReached, Retired};
use super::{Limits, TICK};
use crate::capabilities::logging::Log;
use crate::capabilities::sql::{SqlContext, SqlView};
use crate::capabilities::wasi::{self, Clock, Sleeper};
use crate::storage::Session;
use crate::telemetry::LogBudget;
use crate::threads::processors;

/// How often a call that takes long is asked whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// What one call into the host, and an answer, copy out of a component, in bytes.
/// The host takes up to a few times as much for it.
const COPIED_BYTES_MIN: usize = 48 * 1024 * 1024;
/// The same, beside the body of an answer.
const COPIED_BYTES_BESIDE: usize = 16 * 1024 * 1024;

/// What a call whose write is kept may take from then on at least, so that it can
/// say so.
const CALL_TIME_ONCE_KEPT_MIN: Duration = Duration::from_secs(10);

/// A component's settings, as the operator wrote them.
#[derive(Clone)]
pub struct Settings(Arc<WasiConfigVariables>);

impl Settings {
    /// Settings out of keys and values.
    pub fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(Arc::new(settings.into_iter().collect()))
    }
}

/// Who calls, with what.
pub struct CallContext {
    /// The component's name, for the log.
    pub component: Arc<str>,
    /// What the component may log in a second, whichever call does.
    pub log: Arc<LogBudget>,
    /// The component's settings.
    pub settings: Settings,
    /// Its database; `None` while it is only asked about itself.
    pub session: Option<Session>,
    /// What it may use.
    pub limits: Arc<Limits>,
    /// Whether calls of this component are to end: another version has taken its
    /// place, and waited long enough.
    pub retired: Arc<AtomicBool>,
}

/// The state of one call, as wasmtime's store holds it.
pub struct CallState {
    wasi: WasiCtx,
    table: ResourceTable,
    sql: SqlContext,
    log: Log,
    settings: Settings,
    meter: Meter,
    /// How long the guest may still wait for the clock.
    sleep_left: Duration,
}

/// What the call has used so far: of its time and its calls into the host since it
/// began, or since its first write was kept. Whoever hears of an error takes a write
/// for one that was not made.
struct Meter {
    limits: Arc<Limits>,
    retired: Arc<AtomicBool>,
    /// A write of the call is kept.
    has_kept: bool,
    started: Instant,
    /// What the guest has run, up to when it last was entered.
    guest: Duration,
    /// When it was entered, while it runs. The host may be asked by it and enter it
    /// again meanwhile, to have it make room for a result.
    entered: Option<Instant>,
    host_calls: u32,
    memory_bytes: usize,
    refused_memory: bool,
    table_elements: usize,
}

impl CallState {
    /// A store for one call, with all limits in force.
    pub(super) fn store(engine: &wasmtime::Engine, context: CallContext) -> Store<Self> {
        let log = Log::new(
            context.component,
            context.log,
            context.limits.log_lines_max,
            context.limits.log_bytes_max,
        );
        let state = Self {
            sleep_left: Duration::from_millis(context.limits.deadline_ms),
            wasi: wasi::context(&log),
            table: ResourceTable::new(),
            sql: SqlContext::new(context.session),
            log,
            settings: context.settings,
            meter: Meter::new(context.limits, context.retired),
        };
        let mut store = Store::new(engine, state);
        if super::UNLIMITED {
            return store;
        }
        store.limiter(|state| &mut state.meter);
        let answer = store.data().meter.limits.response_bytes_max;
        store.set_hostcall_fuel(COPIED_BYTES_MIN.max(answer.saturating_add(COPIED_BYTES_BESIDE)));
        store.set_epoch_deadline(store.data().meter.ticks_left());
        // The epoch is wall time: when it runs out, the guest gets back what the host took.
        store.epoch_deadline_callback(|context| {
            let meter = &context.data().meter;
            meter.check_wanted()?;
            if meter.guest_time() >= meter.deadline() {
                return Err(wasmtime::Error::new(DeadlineReached));
            }
            meter.check_call_time()?;
            processors::yield_if_background();
            Ok(UpdateDeadline::Continue(meter.ticks_left()))
        });
        store.call_hook(|mut context, hook| {
            let state = context.data_mut();
            state.meter.pass(hook, state.sql.has_kept())
        });
        store
    }

    pub(super) fn sql(&mut self) -> SqlView<'_> {
        SqlView {
            context: &mut self.sql,
            table: &mut self.table,
        }
    }

    /// Whether the guest asked for more memory than it may have.
    pub(super) fn refused_memory(&self) -> bool {
        self.meter.refused_memory
    }

    /// What the guest said of its troubles, line by line; and its name.
    pub(super) fn troubles(&self) -> (Arc<str>, Vec<String>) {
        self.log.troubles()
    }

    pub(super) fn log(&mut self) -> &mut Log {
        &mut self.log
    }

    pub(super) fn settings(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.settings.0)
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Sleeper for CallState {
    fn clock(&mut self) -> Clock<'_> {
        Clock {
            clocks: WasiClocksCtxView {
                ctx: self.wasi.clocks(),
                table: &mut self.table,
            },
            left: &mut self.sleep_left,
        }
    }
}

impl Meter {
    fn new(limits: Arc<Limits>, retired: Arc<AtomicBool>) -> Self {
        Self {
            limits,
            retired,
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
        if self.has_kept {
            limit.max(CALL_TIME_ONCE_KEPT_MIN)
        } else {
            limit
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.limits.deadline_ms)
    }

    fn guest_time(&self) -> Duration {
        let running = self
            .entered
            .map_or(Duration::ZERO, |entered| entered.elapsed());
        self.guest + running
    }

    /// What the host does for a guest is bounded each time; this bounds the sum.
    fn check_call_time(&self) -> wasmtime::Result<()> {
        if self.started.elapsed() > self.call_time() {
            return Err(wasmtime::Error::new(CallTimeReached));
        }
        Ok(())
    }

    /// Ticks until the guest's time is up or it is looked at again, at least one.
    fn ticks_left(&self) -> u64 {
        if processors::is_background() {
            return 1;
        }
        let left = self.deadline().saturating_sub(self.guest_time());
        left.min(LOOK)
            .as_millis()
            .div_ceil(TICK.as_millis())
            .max(1)
            .try_into()
            .unwrap_or(u64::MAX)
    }

    fn leave(&mut self) {
        if let Some(entered) = self.entered.take() {
            self.guest += entered.elapsed();
        }
    }

    /// `has_kept` says whether a write of the call is kept by now.
    fn pass(&mut self, hook: CallHook, has_kept: bool) -> wasmtime::Result<()> {
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

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .memory_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        let allowed = total <= self.limits.memory_bytes_max;
        if allowed {
            self.memory_bytes = total;
        } else {
            self.refused_memory = true;
        }
        Ok(allowed)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_elements
            .saturating_sub(current)
            .saturating_add(desired);
        let allowed = total <= self.limits.table_elements_max;
        if allowed {
            self.table_elements = total;
        }
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        let limits = Limits {
            deadline_ms: 1_000,
            call_ms: 2_000,
            memory_bytes_max: 0,
            table_elements_max: 0,
            response_bytes_max: 0,
            host_calls_max: 3,
            log_lines_max: 0,
            log_bytes_max: 0,
            log: crate::telemetry::LogLimits {
                lines_per_s_max: 0,
                bytes_per_s_max: 0,
            },
            sql: crate::storage::SessionLimits::default(),
        };
        Meter::new(Arc::new(limits), Arc::default())
    }

    /// So long ago.
    fn before(seconds: u64) -> Instant {
        Instant::now()
            .checked_sub(Duration::from_secs(seconds))
            .unwrap()
    }

    #[test]
    fn a_call_that_is_not_wanted_ends_unless_its_write_is_kept() {
        for (has_kept, is_wanted) in [(false, false), (true, true)] {
            let mut meter = meter();
            assert!(meter.check_wanted().is_ok());
            meter.pass(CallHook::ReturningFromHost, has_kept).unwrap();
            meter.retired.store(true, Ordering::Relaxed);
            assert_eq!(meter.check_wanted().is_ok(), is_wanted);
        }
    }

    #[test]
    fn the_time_of_a_call_begins_anew_once_its_write_is_kept() {
        for (has_kept, seconds, is_in_time) in
            [(false, 1, true), (false, 3, false), (true, 3, true)]
        {
            let mut meter = meter();
            meter.started = before(seconds);
            meter.pass(CallHook::ReturningFromHost, has_kept).unwrap();
            let passed = meter.pass(CallHook::CallingHost, has_kept);
            assert_eq!(passed.is_ok(), is_in_time, "{has_kept} {seconds}");
        }
        let mut meter = meter();
        meter.guest = Duration::from_secs(5);
        meter.pass(CallHook::ReturningFromHost, true).unwrap();
        assert!(meter.guest_time() < meter.deadline());
        // More than its own limit, and not without end; and once alone.
        meter.started = before(5);
        meter.pass(CallHook::CallingHost, true).unwrap();
        meter.started = before(11);
        let late = meter.pass(CallHook::CallingHost, true).unwrap_err();
        assert!(late.is::<CallTimeReached>());
    }

    #[test]
    fn calls_into_the_host_are_counted_anew_once_a_write_is_kept() {
        for (has_kept, calls) in [(false, 3), (true, 2 + 3)] {
            let mut meter = meter();
            let mut passed = 0;
            while meter
                .pass(CallHook::CallingHost, has_kept && passed > 1)
                .is_ok()
            {
                passed += 1;
            }
            assert_eq!(passed, calls);
        }
    }
}
