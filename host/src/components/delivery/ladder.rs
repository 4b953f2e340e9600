//! When an event that was not handled is handled again.

use std::time::Duration;

use crate::config::Reader;

/// The waits where nothing else is set.
const STANDARD: &str = "5s,30s,2min,10min,1h,4h";

/// The settings of deliveries.
#[derive(Clone, Debug)]
pub struct DeliveryOptions {
    /// How long an event waits after each failure. It is a dead letter after the last one.
    pub retry: Vec<Duration>,
    /// Events that one subscriber handles at the same time.
    pub concurrent_max: usize,
    /// Events of a component that are kept for subscribers that have not handled them.
    pub undelivered_max: i64,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            retry: [5, 30, 120, 600, 3_600, 14_400]
                .map(Duration::from_secs)
                .to_vec(),
            concurrent_max: 4,
            undelivered_max: 1_000_000,
        }
    }
}

impl DeliveryOptions {
    /// Reads them from the section `events`.
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let standard = Self::default();
        let retry = reader.list_of(
            "events.retry",
            ("a list of times like 5s, 2min, 4h", "time"),
            STANDARD,
            "how long an event that was not handled waits after each failure; it is a dead letter after the last one",
            time_of,
        );
        Self {
            retry: retry.unwrap_or(standard.retry),
            concurrent_max: reader.count(
                "events.concurrent_max",
                standard.concurrent_max,
                "events that one subscriber handles at the same time",
            ),
            undelivered_max: i64::from(reader.number32(
                "events.undelivered_max",
                1_000..=u32::MAX,
                1_000_000,
                "events of a module that are kept until every subscriber has handled them",
            )),
        }
    }

    /// How long an event waits that was not handled so often; `None` for a dead letter.
    /// `jitter` is from 0 to 1: those that failed together are not tried again together.
    pub(super) fn wait(&self, attempts: u32, jitter: f64) -> Option<Duration> {
        let wait = self.retry.get(attempts.checked_sub(1)? as usize)?;
        Some(wait.mul_f64(0.9 + 0.2 * jitter))
    }

    /// The longest of the waits.
    pub(super) fn longest(&self) -> Duration {
        let longest = self.retry.iter().max().copied().unwrap_or_default();
        longest.mul_f64(1.1)
    }
}

/// Reads a time as people write it: `5s`, `2min`, `4h`.
fn time_of(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        _ => return Err("it has no unit s, min or h".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "it does not begin with a whole number".to_owned())?;
    match number.checked_mul(seconds) {
        Some(all @ ..=604_800) => Ok(Duration::from_secs(all)),
        _ => Err("it is longer than a week".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, read) in [
            ("0s", Ok(0)),
            (" 30s", Ok(30)),
            ("2min", Ok(120)),
            ("168h", Ok(604_800)),
            ("169h", Err("it is longer than a week")),
            ("5", Err("it has no unit s, min or h")),
            ("s", Err("it does not begin with a whole number")),
            ("-5s", Err("it has no unit s, min or h")),
        ] {
            let read = read.map(Duration::from_secs).map_err(str::to_owned);
            assert_eq!(time_of(text), read, "{text}");
        }
    }

    #[test]
    fn an_event_waits_longer_after_each_failure_and_then_no_more() {
        let options = DeliveryOptions::default();
        let waits = |jitter| -> Vec<u128> {
            let waits = (1..).map_while(|attempts| options.wait(attempts, jitter));
            waits.map(|wait| wait.as_millis()).collect()
        };
        let ladder = [5_000, 30_000, 120_000, 600_000, 3_600_000, 14_400_000];
        assert_eq!(waits(0.5), ladder);
        assert_eq!(waits(0.0), ladder.map(|wait| wait / 10 * 9));
        assert_eq!(options.wait(0, 0.5), None);
        assert_eq!(options.longest().as_secs(), 15_840);
    }
}
