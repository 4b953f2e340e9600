//! The circuit breaker of a subscriber: after failures in a row nothing is handled for a
//! while, and then one event to try.

use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const FAILURES_MAX: u32 = 5;

/// How long it is open the first time.
const FIRST: Duration = Duration::from_secs(5);

/// How long it is open at most.
const LONGEST: Duration = Duration::from_secs(300);

/// Whether a subscriber gets events.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Failures since the last success.
    failures: u32,
    /// How often the circuit opened since then.
    opened: u32,
    /// Until when nothing is handled.
    until: Option<Instant>,
}

impl Pause {
    /// How many events may be handled at the same time, where `max` may be of a subscriber
    /// that works.
    pub(super) fn places(&self, max: usize, now: Instant) -> usize {
        match self.until {
            Some(until) if now < until => 0,
            Some(_) => 1,
            None => max,
        }
    }

    /// How long nothing is handled from now on.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.checked_duration_since(now)?;
        (!left.is_zero()).then_some(left)
    }

    /// Whether the circuit is not closed.
    pub(super) fn is_open(&self) -> bool {
        self.until.is_some()
    }

    /// An event was handled, or was not. Returns for how long the circuit opens.
    pub(super) fn count(&mut self, is_handled: bool, now: Instant) -> Option<Duration> {
        if is_handled {
            *self = Self::default();
            return None;
        }
        self.failures += 1;
        let is_trial = self.until.is_some_and(|until| now >= until);
        if !is_trial && (self.until.is_some() || self.failures < FAILURES_MAX) {
            return None;
        }
        let pause = FIRST.saturating_mul(1 << self.opened.min(10)).min(LONGEST);
        self.opened += 1;
        self.until = Some(now + pause);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_the_circuit_for_longer_and_longer() {
        let mut pause = Pause::default();
        let mut now = Instant::now();
        for _ in 0..4 {
            assert_eq!(pause.count(false, now), None);
        }
        assert_eq!((pause.places(4, now), pause.is_open()), (4, false));
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(pause.count(false, now), Some(Duration::from_secs(seconds)));
            assert_eq!((pause.places(4, now), pause.is_open()), (0, true));
            // Those that were being handled.
            assert_eq!(pause.count(false, now), None);
            assert_eq!(pause.left(now), Some(Duration::from_secs(seconds)));
            now += Duration::from_secs(seconds);
            assert_eq!((pause.places(4, now), pause.left(now)), (1, None));
        }
        assert_eq!(pause.count(true, now), None);
        assert_eq!((pause.places(4, now), pause.is_open()), (4, false));
        assert_eq!(pause.count(false, now), None);
    }
}
