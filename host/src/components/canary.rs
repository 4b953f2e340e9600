//! A canary: a version that answers a share of the requests, until it is promoted
//! for being good, or withdrawn for being worse than the one in service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use super::statistics::{Counted, Statistics};
use super::version::Version;

/// When a canary is promoted or withdrawn.
#[derive(Clone, Copy, Debug)]
pub struct CanaryOptions {
    /// Calls before it can be withdrawn.
    pub calls_min: u64,
    /// Good calls after which it is promoted; 0 for never.
    pub promote_calls: u64,
    /// Percent points by which more of its calls may be bad.
    pub bad_percent_max: f64,
    /// Its highest mean latency, in percent of that of the current version.
    pub latency_percent_max: f64,
}

/// The decision on a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It continues.
    Undecided,
    /// It replaces the current version.
    Promote,
    /// It is withdrawn, for this reason.
    Withdraw(String),
}

/// Parses a share of requests, `10%` or `0.5%`, to parts of ten thousand.
pub fn share(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 3 || part.len() > 2 {
        return None;
    }
    let part: u32 = format!("{part:0<2}").parse().ok()?;
    let share = whole.parse::<u32>().ok()? * 100 + part;
    (1..=10_000).contains(&share).then_some(share)
}

/// A canary.
pub struct Canary {
    /// The version.
    pub module: Arc<Version>,
    /// The requests of ten thousand that it answers.
    pub share: u32,
    current: Arc<Statistics>,
    /// The statistics of the version in service when the canary began.
    before: Counted,
    options: CanaryOptions,
    decide: Box<dyn Fn(Due) + Send + Sync>,
    is_due: AtomicBool,
}

/// A canary on which there is a verdict. It is carried out on a thread of the manager's.
pub(super) struct Due(Weak<Canary>);

impl Due {
    /// The canary, unless it has ended.
    pub(super) fn canary(&self) -> Option<Arc<Canary>> {
        self.0.upgrade()
    }
}

impl Canary {
    /// A canary beside a module's version in service. `decide` hands a verdict to the thread
    /// that carries it out, and does not block.
    pub(super) fn new(
        module: Arc<Version>,
        share: u32,
        current: &Version,
        options: CanaryOptions,
        decide: Box<dyn Fn(Due) + Send + Sync>,
    ) -> Arc<Self> {
        let current = current.statistics().clone();
        Arc::new(Self {
            module,
            share,
            before: current.counted(),
            current,
            options,
            decide,
            is_due: AtomicBool::new(false),
        })
    }

    /// Returns the calls that the version in service has counted since the canary began.
    pub fn counted_in_service(&self) -> Counted {
        self.current.counted().since(self.before)
    }

    pub(super) fn verdict(&self) -> Verdict {
        let counted = self.module.statistics().counted();
        judge(counted, self.counted_in_service(), &self.options)
    }

    /// A call of the module was counted: hands a verdict on, once.
    pub(super) fn counted(self: &Arc<Self>) {
        if self.verdict() != Verdict::Undecided && !self.is_due.swap(true, Ordering::Relaxed) {
            (self.decide)(Due(Arc::downgrade(self)));
        }
    }

    /// The verdict could not be carried out: the next call hands it on again.
    pub(super) fn put_off(&self) {
        self.is_due.store(false, Ordering::Relaxed);
    }

    /// Whether it answers the caller with this key: always the same, as long as the
    /// canary lasts.
    pub fn answers(&self, key: &str) -> bool {
        // FNV-1a, finished by a multiplication that stirs the low bits.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stirred = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        stirred % 10_000 < u64::from(self.share)
    }
}

/// Compares a canary with the version in service, both by the calls since it began.
fn judge(canary: Counted, current: Counted, options: &CanaryOptions) -> Verdict {
    if canary.calls >= options.calls_min {
        let (bad, bound) = (
            canary.bad_percent(),
            current.bad_percent() + options.bad_percent_max,
        );
        // A share that equals the bound may come out of the division slightly larger.
        if bad > bound + 1e-6 {
            return Verdict::Withdraw(format!(
                "{} of {} calls failed or were answered 5xx ({bad:.1} %); {bound:.1} % is the limit",
                canary.failed + canary.server_errors,
                canary.calls
            ));
        }
        // Fewer than `calls_min` calls of the version in service are no comparison.
        if current.calls >= options.calls_min {
            let (mean, bound) = (
                canary.mean_ms(),
                current.mean_ms() * options.latency_percent_max / 100.0,
            );
            if mean > bound + 1e-6 {
                return Verdict::Withdraw(format!(
                    "the mean latency is {mean:.1} ms; {bound:.1} ms is the limit"
                ));
            }
        }
    }
    let good = canary.calls - (canary.failed + canary.server_errors).min(canary.calls);
    if options.promote_calls > 0
        && good >= options.promote_calls
        && canary.calls >= options.calls_min
    {
        return Verdict::Promote;
    }
    Verdict::Undecided
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: CanaryOptions = CanaryOptions {
        calls_min: 20,
        promote_calls: 100,
        bad_percent_max: 5.0,
        latency_percent_max: 300.0,
    };

    fn counted(calls: u64, failed: u64, server_errors: u64, micros: u64) -> Counted {
        Counted {
            calls,
            failed,
            server_errors,
            micros,
        }
    }

    #[test]
    fn shares_are_read() {
        for (text, expected) in [
            ("10%", Some(1_000)),
            ("100%", Some(10_000)),
            ("0.5%", Some(50)),
            ("0.01%", Some(1)),
            ("33.33%", Some(3_333)),
            ("0%", None),
            ("101%", None),
            ("10", None),
            ("%", None),
            ("-1%", None),
            ("1.234%", None),
            ("9999999999%", None),
        ] {
            assert_eq!(share(text), expected, "{text}");
        }
    }

    #[test]
    fn a_canary_is_judged_by_failures_and_latency_and_not_too_early() {
        let current = counted(100, 1, 1, 100_000);
        for (canary, verdict) in [
            (counted(19, 19, 0, 19_000), Verdict::Undecided),
            (counted(20, 1, 0, 20_000), Verdict::Undecided),
            (counted(100, 0, 7, 100_000), Verdict::Undecided),
            (counted(107, 3, 4, 300_000), Verdict::Promote),
            (counted(99, 0, 0, 99_000), Verdict::Undecided),
            (
                counted(100, 4, 4, 100_000),
                Verdict::Withdraw(
                    "8 of 100 calls failed or were answered 5xx (8.0 %); 7.0 % is the limit"
                        .to_owned(),
                ),
            ),
            (
                counted(20, 0, 0, 61_000),
                Verdict::Withdraw("the mean latency is 3.0 ms; 3.0 ms is the limit".to_owned()),
            ),
        ] {
            assert_eq!(judge(canary, current, &OPTIONS), verdict, "{canary:?}");
        }
        let idle = Counted::default();
        let slow = counted(50, 0, 0, 5_000_000);
        assert_eq!(judge(slow, idle, &OPTIONS), Verdict::Undecided);
        let never = CanaryOptions {
            promote_calls: 0,
            ..OPTIONS
        };
        let good = counted(1_000_000, 0, 0, 1_000);
        assert_eq!(judge(good, current, &never), Verdict::Undecided);
    }
}
