//! What the calls of one version of a module came to: what a canary is judged by.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts that go up.
#[derive(Debug, Default)]
pub struct Figures {
    calls: AtomicU64,
    failed: AtomicU64,
    server_errors: AtomicU64,
    micros: AtomicU64,
}

/// Counts as they stood at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls that were made.
    pub calls: u64,
    /// Those that gave no answer: a trap, a limit, an answer that is none.
    pub failed: u64,
    /// Those answered with a status from 500.
    pub server_errors: u64,
    /// What they took, waiting included, in microseconds.
    pub micros: u64,
}

impl Figures {
    /// One call more. `status` is that of its answer, if it gave one.
    pub(super) fn count(&self, status: Option<u16>, took: Duration) {
        match status {
            None => self.failed.fetch_add(1, Ordering::Relaxed),
            Some(500..) => self.server_errors.fetch_add(1, Ordering::Relaxed),
            Some(_) => 0,
        };
        let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Release);
    }

    /// All that was counted so far.
    pub fn counted(&self) -> Counted {
        Counted {
            calls: self.calls.load(Ordering::Acquire),
            failed: self.failed.load(Ordering::Relaxed),
            server_errors: self.server_errors.load(Ordering::Relaxed),
            micros: self.micros.load(Ordering::Relaxed),
        }
    }
}

impl Counted {
    /// What came after an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            failed: self.failed.saturating_sub(earlier.failed),
            server_errors: self.server_errors.saturating_sub(earlier.server_errors),
            micros: self.micros.saturating_sub(earlier.micros),
        }
    }

    /// Calls of a hundred that failed or were answered with a status from 500.
    pub fn bad_percent(self) -> f64 {
        share(self.failed + self.server_errors, self.calls) * 100.0
    }

    /// What a call took on the average, in milliseconds.
    pub fn mean_ms(self) -> f64 {
        share(self.micros, self.calls) / 1_000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
