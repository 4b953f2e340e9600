//! Call statistics: what the calls of a version took and how they ended, counted once. The
//! canary's verdict, the answers of `/_wares` and `/metrics` read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Upper ends of the ranges that times are counted in, in microseconds.
pub(super) const TIMES_US: [u64; 12] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// Calls by the range of their time; the last range has no end.
pub(super) type Ranges<T> = [T; TIMES_US.len() + 1];

/// The calls of one version. All counts go up.
#[derive(Debug, Default)]
pub struct Statistics {
    failed: AtomicU64,
    server_errors: AtomicU64,
    micros: AtomicU64,
    ranges: Ranges<AtomicU64>,
    refused: [AtomicU64; 2],
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many calls were waiting.
    Busy,
    /// The circuit was open.
    CircuitOpen,
}

/// Call statistics at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls that were made.
    pub calls: u64,
    /// Calls that returned no answer: a trap, a limit, an invalid answer.
    pub failed: u64,
    /// Calls answered with a status from 500.
    pub server_errors: u64,
    /// The time that they took, waiting included, in microseconds.
    pub micros: u64,
}

/// All that `/metrics` reads of a version.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    pub counted: Counted,
    pub busy: u64,
    pub circuit_open: u64,
    pub ranges: Ranges<u64>,
}

impl Statistics {
    /// Counts a call that was made. `status` is that of its answer, if it returned one.
    pub(super) fn count(&self, status: Option<u16>, took: Duration) {
        match status {
            None => self.failed.fetch_add(1, Ordering::Relaxed),
            Some(500..) => self.server_errors.fetch_add(1, Ordering::Relaxed),
            Some(_) => 0,
        };
        let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        let range = TIMES_US.partition_point(|end| *end < micros);
        self.ranges[range].fetch_add(1, Ordering::Release);
    }

    /// Counts a call that was not made.
    pub(super) fn refuse(&self, refused: Refused) {
        self.refused[refused as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts at this moment.
    pub fn counted(&self) -> Counted {
        self.sample().counted
    }

    fn sample(&self) -> Sample {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let ranges = self
            .ranges
            .each_ref()
            .map(|range| range.load(Ordering::Acquire));
        Sample {
            counted: Counted {
                calls: ranges.iter().sum(),
                failed: count(&self.failed),
                server_errors: count(&self.server_errors),
                micros: count(&self.micros),
            },
            busy: count(&self.refused[Refused::Busy as usize]),
            circuit_open: count(&self.refused[Refused::CircuitOpen as usize]),
            ranges,
        }
    }
}

impl Sample {
    fn add(&mut self, other: &Self) {
        self.counted.calls += other.counted.calls;
        self.counted.failed += other.counted.failed;
        self.counted.server_errors += other.counted.server_errors;
        self.counted.micros = self.counted.micros.saturating_add(other.counted.micros);
        self.busy += other.busy;
        self.circuit_open += other.circuit_open;
        for (range, other) in self.ranges.iter_mut().zip(other.ranges) {
            *range += other;
        }
    }
}

impl Counted {
    /// The counts since an earlier moment.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls.saturating_sub(earlier.calls),
            failed: self.failed.saturating_sub(earlier.failed),
            server_errors: self.server_errors.saturating_sub(earlier.server_errors),
            micros: self.micros.saturating_sub(earlier.micros),
        }
    }

    /// The percentage of calls that failed or were answered with a status from 500.
    pub fn bad_percent(self) -> f64 {
        share(self.failed + self.server_errors, self.calls) * 100.0
    }

    /// The mean time of a call, in milliseconds.
    pub fn mean_ms(self) -> f64 {
        share(self.micros, self.calls) / 1_000.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// The calls of a module: those that wait and run at this moment, and the statistics of its
/// versions.
#[derive(Debug)]
pub(super) struct ModuleStatistics {
    pub module: String,
    pub waiting: Arc<AtomicI64>,
    pub running: Arc<AtomicI64>,
    pub circuit_open: AtomicBool,
    versions: Mutex<Vec<Counting>>,
}

/// A version whose statistics are read as long as it is loaded.
#[derive(Debug)]
struct Counting {
    version: String,
    digest: String,
    statistics: Weak<Statistics>,
}

impl ModuleStatistics {
    pub(super) fn new(module: &str) -> Self {
        Self {
            module: module.to_owned(),
            waiting: Arc::default(),
            running: Arc::default(),
            circuit_open: AtomicBool::new(false),
            versions: Mutex::default(),
        }
    }

    /// Reads the statistics of a version as well, which answers calls from here on.
    pub(super) fn add(&self, version: &str, digest: &str, statistics: &Arc<Statistics>) {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        versions.retain(|one| one.statistics.strong_count() > 0);
        versions.push(Counting {
            version: version.to_owned(),
            digest: digest.to_owned(),
            statistics: Arc::downgrade(statistics),
        });
    }

    /// The versions that are loaded, by version and digest. One that is loaded twice, since
    /// it was put in service again while its calls from before had not ended, is one sample.
    pub(super) fn samples(&self) -> BTreeMap<(String, String), Sample> {
        let versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut samples = BTreeMap::<_, Sample>::new();
        for one in &*versions {
            if let Some(statistics) = one.statistics.upgrade() {
                let key = (one.version.clone(), one.digest.clone());
                samples.entry(key).or_default().add(&statistics.sample());
            }
        }
        samples
    }
}

/// Adds one to a count as long as it lives.
pub(super) struct Present(Arc<AtomicI64>);

impl Present {
    pub(super) fn of(count: &Arc<AtomicI64>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_counted_once_by_its_end_and_its_time() {
        let statistics = Statistics::default();
        statistics.count(Some(200), Duration::from_micros(250));
        statistics.count(Some(404), Duration::from_micros(251));
        statistics.count(Some(500), Duration::from_secs(5));
        statistics.count(None, Duration::from_secs(6));
        statistics.refuse(Refused::Busy);
        statistics.refuse(Refused::CircuitOpen);
        statistics.refuse(Refused::CircuitOpen);
        let sample = statistics.sample();
        let counted = Counted {
            calls: 4,
            failed: 1,
            server_errors: 1,
            micros: 11_000_501,
        };
        assert_eq!(sample.counted, counted);
        assert_eq!(sample.ranges, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((sample.busy, sample.circuit_open), (1, 2));
        assert_eq!(counted.since(counted), Counted::default());
    }

    #[test]
    fn a_version_is_read_as_long_as_it_is_loaded_and_once() {
        let module = ModuleStatistics::new("notes");
        let statistics: [Arc<Statistics>; 3] = Default::default();
        for (digest, one) in ["a", "a", "b"].iter().zip(&statistics) {
            module.add("1.0.0", digest, one);
            one.count(Some(200), Duration::ZERO);
        }
        let calls = || -> Vec<(String, u64)> {
            let samples = module.samples().into_iter();
            samples
                .map(|((_, digest), sample)| (digest, sample.counted.calls))
                .collect()
        };
        assert_eq!(calls(), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let [first, second, third] = statistics;
        drop((second, third));
        assert_eq!(calls(), [("a".to_owned(), 1)]);
        drop(first);
        assert_eq!(calls(), []);
    }
}
