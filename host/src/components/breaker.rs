//! A circuit breaker for each module: refuses calls of a module that keeps failing, so that
//! neither it nor its callers spend time on them. Failures count by pair of caller and route:
//! neither one caller's bad requests, however many, nor one failing route among working ones
//! open the circuit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// Failing pairs of a caller and a route within the window, at least.
    pub failures_min: u32,
    /// The window that calls are counted in.
    pub window: Duration,
    /// How long the circuit stays open before one call is tried.
    pub rest: Duration,
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
    tries: bool,
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

    /// Whether this caller's call of a route may be made. The call that decides
    /// whether the breaker closes is one of a caller who met no failure, as long as
    /// there may be one: a caller who repeats a bad request does not decide for others.
    ///
    /// # Errors
    /// The time until the next call.
    pub(super) fn admit(
        self: &Arc<Self>,
        caller: Caller,
        route: u32,
        now: Instant,
    ) -> Result<Admitted, Duration> {
        let mut state = self.lock();
        let tries = match state.phase {
            Phase::Closed => false,
            Phase::Open(until) => {
                let until = if state.failed.contains_key(&caller) {
                    until + self.options.rest
                } else {
                    until
                };
                if now < until {
                    return Err(until - now);
                }
                state.phase = Phase::HalfOpen;
                true
            }
            Phase::HalfOpen => return Err(self.options.rest),
        };
        Ok(Admitted {
            breaker: self.clone(),
            pair: (caller, route),
            tries,
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
        if self.tries {
            if failed {
                state.failed.entry(self.pair.0).or_default();
                state.phase = Phase::Open(now + breaker.options.rest);
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
            state.phase = Phase::Open(now + breaker.options.rest);
        }
        opens
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if self.ended || !self.tries {
            return;
        }
        let mut state = self.breaker.lock();
        if state.resets == self.resets {
            // The next one tries.
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
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn breaker() -> (Arc<Breaker>, Instant) {
        let options = BreakerOptions {
            failures_min: 3,
            window: Duration::from_secs(10),
            rest: REST,
        };
        (Arc::new(Breaker::new(options)), Instant::now())
    }

    /// A caller who has not called before.
    const STRANGER: Caller = 1_000;

    fn call(breaker: &Arc<Breaker>, caller: Caller, failed: bool, now: Instant) -> bool {
        let call = breaker.admit(caller, 0, now);
        call.ok().unwrap().ended(failed, now)
    }

    /// Three callers meet failures, and it opens by the last.
    fn open(breaker: &Arc<Breaker>, now: Instant) {
        let opened = [0, 1, 2].map(|caller| call(breaker, caller, true, now));
        assert_eq!(opened, [false, false, true]);
    }

    /// How long it refuses calls of a caller.
    fn refusal(breaker: &Arc<Breaker>, caller: Caller, now: Instant) -> Option<Duration> {
        breaker.admit(caller, 0, now).err()
    }

    #[test]
    fn failures_of_several_callers_open_it_until_a_call_succeeds() {
        let (breaker, now) = breaker();
        open(&breaker, now);
        assert_eq!(refusal(&breaker, STRANGER, now), Some(REST));
        assert_eq!(breaker.circuit(), Circuit::Open);
        let later = now + REST;
        let one = breaker.admit(STRANGER, 0, later).ok().unwrap();
        assert_eq!(
            refusal(&breaker, STRANGER, later),
            Some(REST),
            "one call at a time"
        );
        assert!(one.ended(true, later));
        assert_eq!(refusal(&breaker, STRANGER + 1, later), Some(REST));
        let later = later + REST;
        assert!(!call(&breaker, STRANGER + 1, false, later));
        assert_eq!(breaker.circuit(), Circuit::Closed);
        assert!(
            !call(&breaker, 0, true, later),
            "it counts from the beginning"
        );
    }

    #[test]
    fn one_caller_does_not_open_it() {
        let (breaker, now) = breaker();
        for route in 0..1_000 {
            let call = breaker.admit(0, route % 20, now);
            assert!(!call.ok().unwrap().ended(true, now));
        }
        // Neither do two, by one request each.
        let (breaker, now) = self::breaker();
        for _ in 0..1_000 {
            assert!(!call(&breaker, 0, true, now));
            assert!(!call(&breaker, 1, true, now));
        }
    }

    #[test]
    fn a_caller_with_failures_decides_only_if_no_other_does() {
        let (breaker, now) = breaker();
        open(&breaker, now);
        let later = now + REST;
        assert_eq!(refusal(&breaker, 0, later), Some(REST));
        assert!(!call(&breaker, STRANGER, false, later));
        assert_eq!(breaker.circuit(), Circuit::Closed);
        let (breaker, now) = self::breaker();
        open(&breaker, now);
        assert!(!call(&breaker, 0, false, now + 2 * REST));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn the_first_failure_opens_it_where_the_operator_wants_that() {
        let options = BreakerOptions {
            failures_min: 1,
            ..breaker().0.options
        };
        let breaker = Arc::new(Breaker::new(options));
        assert!(call(&breaker, 0, true, Instant::now()));
    }

    #[test]
    fn a_call_that_was_not_made_leaves_the_decision_to_the_next() {
        let (breaker, now) = breaker();
        open(&breaker, now);
        let later = now + REST;
        drop(breaker.admit(STRANGER, 0, later).ok().unwrap());
        assert_eq!(breaker.circuit(), Circuit::Open);
        assert!(!call(&breaker, STRANGER, false, later));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn only_the_call_that_tries_decides() {
        let (breaker, now) = breaker();
        let early: Vec<_> = (0..2)
            .map(|_| breaker.admit(STRANGER, 0, now).ok().unwrap())
            .collect();
        open(&breaker, now);
        let later = now + REST;
        let one = breaker.admit(STRANGER, 0, later).ok().unwrap();
        for call in early {
            assert!(!call.ended(false, later));
        }
        assert_eq!(breaker.circuit(), Circuit::HalfOpen);
        assert!(!one.ended(false, later));
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn a_call_from_before_a_reset_does_not_count() {
        let (breaker, now) = breaker();
        let early: Vec<_> = (0..9)
            .map(|caller| breaker.admit(caller, 0, now).ok().unwrap())
            .collect();
        open(&breaker, now);
        let one = breaker.admit(STRANGER, 0, now + REST).ok().unwrap();
        breaker.reset();
        for call in early {
            assert!(!call.ended(true, now));
        }
        drop(one);
        assert_eq!(breaker.circuit(), Circuit::Closed);
    }

    #[test]
    fn failures_among_twice_as_many_pairs_that_work_leave_it_closed() {
        let (breaker, now) = breaker();
        for caller in 0..100 {
            assert!(!call(&breaker, caller, caller % 3 == 2, now));
        }
    }

    #[test]
    fn old_failures_do_not_count() {
        let (breaker, mut now) = breaker();
        for caller in 0..10 {
            assert!(!call(&breaker, caller, true, now));
            now += Duration::from_secs(11);
        }
    }

    #[test]
    fn the_pairs_of_a_window_are_bounded() {
        let (breaker, now) = breaker();
        for caller in 0..2 * PAIRS_MAX as Caller {
            call(&breaker, caller, false, now);
        }
        assert_eq!(breaker.lock().pairs.len(), PAIRS_MAX);
    }
}
