//! Notices that a module fails again and again, and spares it and its callers
//! the next tries for a while. One failing route among working ones is not that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// How often all was forgotten.
    resets: u64,
}

/// A call that may be made. If it is dropped before it has ended, it was not made.
pub(super) struct Admitted {
    breaker: Arc<Breaker>,
    /// It decides whether the rest is over.
    tries: bool,
    /// As it was for the whole breaker when this was admitted.
    resets: u64,
    ended: bool,
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
                resets: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be tried.
    ///
    /// # Errors
    /// How long to wait before the next try.
    pub(super) fn admit(self: &Arc<Self>, now: Instant) -> Result<Admitted, Duration> {
        let mut state = self.lock();
        let tries = match state.phase {
            Phase::Closed => false,
            Phase::Open(until) if now >= until => {
                state.phase = Phase::Trying;
                true
            }
            Phase::Open(until) => return Err(until - now),
            Phase::Trying => return Err(self.options.rest),
        };
        Ok(Admitted {
            breaker: self.clone(),
            tries,
            resets: state.resets,
            ended: false,
        })
    }

    /// Forgets all calls so far: another version answers from here on.
    pub(super) fn reset(&self) {
        let mut state = self.lock();
        state.begin_window(Instant::now());
        state.phase = Phase::Closed;
        state.resets += 1;
    }

    /// Whether calls are turned away.
    pub(super) fn is_open(&self) -> bool {
        self.lock().phase != Phase::Closed
    }
}

impl Admitted {
    /// The call has ended; gives whether the breaker opened by it.
    pub(super) fn ended(mut self, failed: bool, now: Instant) -> bool {
        self.ended = true;
        let breaker = &*self.breaker;
        let mut state = breaker.lock();
        if state.resets != self.resets {
            return false;
        }
        if self.tries {
            state.phase = if failed {
                Phase::Open(now + breaker.options.rest)
            } else {
                state.begin_window(now);
                Phase::Closed
            };
            return failed;
        }
        if now.duration_since(state.window_began) > breaker.options.window {
            state.begin_window(now);
        }
        state.calls = state.calls.saturating_add(1);
        state.failures = state.failures.saturating_add(failed.into());
        let often = state.failures >= breaker.options.failures_min
            && state.failures >= state.calls / FAILING_SHARE;
        let opens = failed && often && state.phase == Phase::Closed;
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
        self.calls = 0;
        self.failures = 0;
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

    fn call(breaker: &Arc<Breaker>, failed: bool, now: Instant) -> bool {
        breaker.admit(now).ok().unwrap().ended(failed, now)
    }

    /// How long it turns calls away.
    fn refusal(breaker: &Arc<Breaker>, now: Instant) -> Option<Duration> {
        breaker.admit(now).err()
    }

    #[test]
    fn repeated_failures_open_it_until_a_try_succeeds() {
        let (breaker, now) = breaker();
        assert!(!call(&breaker, true, now));
        assert!(!call(&breaker, true, now));
        assert!(call(&breaker, true, now));
        assert_eq!(refusal(&breaker, now), Some(REST));
        assert!(breaker.is_open());
        let later = now + REST;
        let one = breaker.admit(later).ok().unwrap();
        assert_eq!(refusal(&breaker, later), Some(REST), "one try at a time");
        assert!(one.ended(true, later));
        assert_eq!(refusal(&breaker, later), Some(REST));
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
        drop(breaker.admit(later).ok().unwrap());
        assert!(breaker.is_open());
        assert!(!call(&breaker, false, later));
        assert!(!breaker.is_open());
    }

    #[test]
    fn only_the_try_decides_whether_the_rest_is_over() {
        let (breaker, now) = breaker();
        let early: Vec<_> = (0..2).map(|_| breaker.admit(now).ok().unwrap()).collect();
        for _ in 0..3 {
            call(&breaker, true, now);
        }
        let later = now + REST;
        let one = breaker.admit(later).ok().unwrap();
        for call in early {
            assert!(!call.ended(false, later));
        }
        assert!(breaker.is_open());
        assert!(!one.ended(false, later));
        assert!(!breaker.is_open());
    }

    #[test]
    fn what_began_before_a_reset_counts_no_more() {
        let (breaker, now) = breaker();
        let early: Vec<_> = (0..9).map(|_| breaker.admit(now).ok().unwrap()).collect();
        for _ in 0..3 {
            call(&breaker, true, now);
        }
        let one = breaker.admit(now + REST).ok().unwrap();
        breaker.reset();
        for call in early {
            assert!(!call.ended(true, now));
        }
        drop(one);
        assert!(!breaker.is_open());
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
