//! A circuit breaker for each module: refuses calls of a module that keeps failing, so that
//! neither it nor its callers spend time on them. Failures count by pair of caller and route:
//! neither one caller's bad requests, however many, nor one failing route among working ones
//! open the circuit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Decides when the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// Failing pairs of a caller and a route within the window, at least.
    pub failures_min: u32,
    /// The window that calls are counted in.
    pub window: Duration,
    /// The time that the circuit stays open before one call is made to decide.
    pub open: Duration,
}

/// One of this many pairs in a window has to fail.
const FAILING_SHARE: usize = 2;
/// One caller counts for at most one of this many of the failures that open it, rounded up.
const CALLER_SHARE: u32 = 2;
/// Distinct pairs in one window. Later ones are not counted.
const PAIRS_MAX: usize = 10_000;

/// The caller, as a hash: a user, an API key, a peer on the network.
pub(super) type Caller = u64;

/// Counts one module's calls.
pub(super) struct Breaker {
    options: BreakerOptions,
    state: Mutex<State>,
}

struct State {
    window_began: Instant,
    /// Whether calls of a route by a caller failed.
    pairs: HashMap<(Caller, u32), bool>,
    failures: usize,
    /// The callers of failed calls before the circuit opened, with their counted failures.
    failed: HashMap<Caller, u32>,
    phase: Phase,
    /// The number of resets.
    resets: u64,
}

/// A call that may be made. If it is dropped before it has ended, it was not made.
pub(super) struct Admitted {
    breaker: Arc<Breaker>,
    pair: (Caller, u32),
    /// It decides whether the breaker closes.
    decides: bool,
    /// The resets of the breaker when this was admitted.
    resets: u64,
    ended: bool,
}

/// The state of a breaker, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Calls are made.
    Closed,
    /// Calls are refused.
    Open,
    /// One call is made, and decides.
    HalfOpen,
}

impl Circuit {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Calls are made.
    Closed,
    /// Calls are refused until then.
    Open(Instant),
    /// One call is made, and decides.
    HalfOpen,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: Mutex::new(State {
                window_began: Instant::now(),
                pairs: HashMap::new(),
                failures: 0,
                failed: HashMap::new(),
                phase: Phase::Closed,
                resets: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits this caller's call of a route, unless the circuit is open. A caller whose calls
    /// failed decides whether the breaker closes only if no other caller comes first: a caller
    /// who repeats a bad request does not decide for others.
    ///
    /// # Errors
    /// Returns the time until a call may be made.
    pub(super) fn admit(
        self: &Arc<Self>,
        caller: Caller,
        route: u32,
        now: Instant,
    ) -> Result<Admitted, Duration> {
        let mut state = self.lock();
        let decides = match state.phase {
            Phase::Closed => false,
            Phase::Open(until) => {
                let until = if state.failed.contains_key(&caller) {
                    until + self.options.open
                } else {
                    until
                };
                if now < until {
                    return Err(until - now);
                }
                state.phase = Phase::HalfOpen;
                true
            }
            Phase::HalfOpen => return Err(self.options.open),
        };
        Ok(Admitted {
            breaker: self.clone(),
            pair: (caller, route),
            decides,
            resets: state.resets,
            ended: false,
        })
    }

    /// Resets all counts: another version is current.
    pub(super) fn reset(&self) {
        let mut state = self.lock();
        state.begin_window(Instant::now());
        state.phase = Phase::Closed;
        state.resets += 1;
    }

    pub(super) fn circuit(&self) -> Circuit {
        match self.lock().phase {
            Phase::Closed => Circuit::Closed,
            Phase::Open(_) => Circuit::Open,
            Phase::HalfOpen => Circuit::HalfOpen,
        }
    }
}

impl Admitted {
    /// The call has ended; returns whether the breaker opened by it.
    pub(super) fn ended(mut self, failed: bool, now: Instant) -> bool {
        self.ended = true;
        let breaker = &*self.breaker;
        let mut state = breaker.lock();
        if state.resets != self.resets {
            return false;
        }
        if self.decides {
            if failed {
                state.failed.entry(self.pair.0).or_default();
                state.phase = Phase::Open(now + breaker.options.open);
            } else {
                state.begin_window(now);
                state.phase = Phase::Closed;
            }
            return failed;
        }
        if now.duration_since(state.window_began) > breaker.options.window {
            state.begin_window(now);
        }
        state.count(self.pair, failed, breaker.options.failures_min);
        let opens = failed && state.phase == Phase::Closed && state.keeps_failing(&breaker.options);
        if opens {
            state.phase = Phase::Open(now + breaker.options.open);
        }
        opens
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.ended || !self.decides {
            return;
        }
        let mut state = self.breaker.lock();
        if state.resets == self.resets {
            // The next call decides.
            state.phase = Phase::Open(Instant::now());
        }
    }
}

impl State {
    fn begin_window(&mut self, now: Instant) {
        self.window_began = now;
        self.pairs.clear();
        self.failures = 0;
        self.failed.clear();
    }

    fn count(&mut self, pair: (Caller, u32), failed: bool, failures_min: u32) {
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
            return;
        }
        let has_failed = self.pairs.entry(pair).or_default();
        if failed && !*has_failed {
            *has_failed = true;
            let counted = self.failed.entry(pair.0).or_default();
            if *counted < failures_min.div_ceil(CALLER_SHARE) {
                *counted += 1;
                self.failures += 1;
            }
        }
    }

    fn keeps_failing(&self, options: &BreakerOptions) -> bool {
        self.failures >= options.failures_min as usize
            && self.failures >= self.pairs.len() / FAILING_SHARE
    }
}

#[cfg(test)]
mod tests;
