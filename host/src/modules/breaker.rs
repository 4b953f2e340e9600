//! Notices that a module fails again and again, and spares it and its callers
//! the next tries for a while. One failing route among working ones is not that.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// When a module is given a rest, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerOptions {
    /// Failures within the window, at least.
    pub failures_min: u32,
    /// The window that calls are counted in.
    pub window: Duration,
    /// How long the rest is.
    pub rest: Duration,
}

/// Of all calls in a window, one of so many has to fail.
const FAILING_SHARE: u32 = 2;

/// Counts one module's calls.
pub(super) struct Breaker {
    options: BreakerOptions,
    state: Mutex<State>,
}

struct State {
    window_began: Instant,
    calls: u32,
    failures: u32,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// All is well, as far as is known.
    Closed,
    /// Nothing is tried until then.
    Open(Instant),
    /// One call is tried; it decides.
    Trying,
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: Mutex::new(State {
                window_began: Instant::now(),
                calls: 0,
                failures: 0,
                phase: Phase::Closed,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be tried. Each that may be has to be followed by
    /// [`Self::ended`] or [`Self::not_begun`].
    ///
    /// # Errors
    /// How long to wait before the next try.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.lock();
        match state.phase {
            Phase::Closed => Ok(()),
            Phase::Open(until) if now >= until => {
                state.phase = Phase::Trying;
                Ok(())
            }
            Phase::Open(until) => Err(until - now),
            Phase::Trying => Err(self.options.rest),
        }
    }

    /// A call was admitted, but not made.
    pub(super) fn not_begun(&self, now: Instant) {
        let mut state = self.lock();
        if state.phase == Phase::Trying {
            state.phase = Phase::Open(now);
        }
    }

    /// A call has ended; gives whether the breaker opened by it.
    pub(super) fn ended(&self, failed: bool, now: Instant) -> bool {
        let mut state = self.lock();
        if state.phase == Phase::Trying {
            state.phase = if failed {
                Phase::Open(now + self.options.rest)
            } else {
                state.begin_window(now);
                Phase::Closed
            };
            return failed;
        }
        if now.duration_since(state.window_began) > self.options.window {
            state.begin_window(now);
        }
        state.calls = state.calls.saturating_add(1);
        state.failures = state.failures.saturating_add(failed.into());
        let often = state.failures >= self.options.failures_min
            && state.failures >= state.calls / FAILING_SHARE;
        let opens = failed && often && state.phase == Phase::Closed;
        if opens {
            state.phase = Phase::Open(now + self.options.rest);
        }
        opens
    }

    /// Forgets all calls so far: another version answers from here on.
    pub(super) fn reset(&self) {
        let mut state = self.lock();
        state.begin_window(Instant::now());
        state.phase = Phase::Closed;
    }

    /// Whether calls are turned away.
    pub(super) fn is_open(&self) -> bool {
        self.lock().phase != Phase::Closed
    }
}

impl State {
    fn begin_window(&mut self, now: Instant) {
        self.window_began = now;
        self.calls = 0;
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(5);

    fn breaker() -> (Breaker, Instant) {
        let options = BreakerOptions {
            failures_min: 3,
            window: Duration::from_secs(10),
            rest: REST,
        };
        (Breaker::new(options), Instant::now())
    }

    fn call(breaker: &Breaker, failed: bool, now: Instant) -> bool {
        breaker.admit(now).unwrap();
        breaker.ended(failed, now)
    }

    #[test]
    fn repeated_failures_open_it_until_a_try_succeeds() {
        let (breaker, now) = breaker();
        assert!(!call(&breaker, true, now));
        assert!(!call(&breaker, true, now));
        assert!(call(&breaker, true, now));
        assert_eq!(breaker.admit(now), Err(REST));
        assert!(breaker.is_open());
        let later = now + REST;
        assert_eq!(breaker.admit(later), Ok(()));
        assert_eq!(breaker.admit(later), Err(REST), "one try at a time");
        assert!(breaker.ended(true, later));
        assert_eq!(breaker.admit(later), Err(REST));
        let later = later + REST;
        assert!(!call(&breaker, false, later));
        assert!(!breaker.is_open());
        assert!(!call(&breaker, true, later), "it counts from the beginning");
    }

    #[test]
    fn a_try_that_was_not_made_is_made_by_the_next() {
        let (breaker, now) = breaker();
        for _ in 0..3 {
            call(&breaker, true, now);
        }
        let later = now + REST;
        breaker.admit(later).unwrap();
        breaker.not_begun(later);
        assert_eq!(breaker.admit(later), Ok(()));
    }

    #[test]
    fn few_failures_among_many_calls_leave_it_closed() {
        let (breaker, now) = breaker();
        for number in 0..100 {
            assert!(!call(&breaker, number % 3 == 2, now));
        }
    }

    #[test]
    fn old_failures_do_not_count() {
        let (breaker, mut now) = breaker();
        for _ in 0..10 {
            assert!(!call(&breaker, true, now));
            now += Duration::from_secs(11);
        }
    }
}
