//! A version on trial: it answers a share of the requests, until it is promoted
//! for being good, or withdrawn for being worse than the one in service.

use std::sync::Arc;

use super::figures::Counted;
use super::version::Version;

/// When a version on trial is judged, and how.
#[derive(Clone, Copy, Debug)]
pub struct CanaryOptions {
    /// Calls before it can be found worse.
    pub calls_min: u64,
    /// Good calls after which it is promoted; 0 for never.
    pub promote_calls: u64,
    /// Percent points by which more of its calls may be bad.
    pub bad_percent_max: f64,
    /// What a call may take on the average, in percent of what it takes now.
    pub latency_percent_max: f64,
}

/// What is to be done with a version on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Undecided,
    /// It takes over.
    Promote,
    /// It goes, for this reason.
    Withdraw(String),
}

/// A share of requests as people write it, `10%` or `0.5%`, of ten thousand.
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

/// A version on trial.
pub struct Canary {
    /// The version.
    pub module: Arc<Version>,
    /// The requests of ten thousand that it answers.
    pub share: u32,
    /// What the version in service had counted when the trial began.
    pub before: Counted,
}

impl Canary {
    /// Whether it answers whoever has this key: always the same, as long as the
    /// trial lasts.
    pub fn answers(&self, key: &str) -> bool {
        // FNV-1a, finished by a multiplication that stirs the low bits.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stirred = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        stirred % 10_000 < u64::from(self.share)
    }
}

/// Holds a version on trial against the one in service, both by what they
/// counted since the trial began.
pub(super) fn judge(trial: Counted, current: Counted, options: &CanaryOptions) -> Verdict {
    if trial.calls >= options.calls_min {
        let (bad, bound) = (
            trial.bad_percent(),
            current.bad_percent() + options.bad_percent_max,
        );
        // A share that is the very bound comes out of the division with a rest.
        if bad > bound + 1e-6 {
            return Verdict::Withdraw(format!(
                "{} of its {} calls were bad, {bad:.1} %, where {bound:.1} % are let pass",
                trial.failed + trial.server_errors,
                trial.calls
            ));
        }
        // With too few on the other side there is nothing to hold it against.
        if current.calls >= options.calls_min {
            let (mean, bound) = (
                trial.mean_ms(),
                current.mean_ms() * options.latency_percent_max / 100.0,
            );
            if mean > bound + 1e-6 {
                return Verdict::Withdraw(format!(
                    "its calls took {mean:.1} ms on the average, where {bound:.1} ms are let pass"
                ));
            }
        }
    }
    let good = trial.calls - (trial.failed + trial.server_errors).min(trial.calls);
    if options.promote_calls > 0
        && good >= options.promote_calls
        && trial.calls >= options.calls_min
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
    fn a_version_is_judged_by_what_is_worse_and_not_too_early() {
        let current = counted(100, 1, 1, 100_000);
        for (trial, verdict) in [
            (counted(19, 19, 0, 19_000), Verdict::Undecided),
            (counted(20, 1, 0, 20_000), Verdict::Undecided),
            (counted(100, 0, 7, 100_000), Verdict::Undecided),
            (counted(107, 3, 4, 300_000), Verdict::Promote),
            (counted(99, 0, 0, 99_000), Verdict::Undecided),
            (
                counted(100, 4, 4, 100_000),
                Verdict::Withdraw(
                    "8 of its 100 calls were bad, 8.0 %, where 7.0 % are let pass".to_owned(),
                ),
            ),
            (
                counted(20, 0, 0, 61_000),
                Verdict::Withdraw(
                    "its calls took 3.0 ms on the average, where 3.0 ms are let pass".to_owned(),
                ),
            ),
        ] {
            assert_eq!(judge(trial, current, &OPTIONS), verdict, "{trial:?}");
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
