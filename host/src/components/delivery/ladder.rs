//! When an event that was not handled is handled again.

use std::time::Duration;

use crate::config::Reader;

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
        let seconds = standard.retry.iter().map(|wait| wait.as_secs().to_string());
        let retry = reader.list_of(
            "events.retry_seconds",
            ("a list of whole numbers", "number of seconds up to a week"),
            &seconds.collect::<Vec<_>>().join(","),
            "how long an event that was not handled waits after each failure; it is a dead letter after the last one",
            seconds_of,
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

fn seconds_of(text: &str) -> Result<Duration, String> {
    let seconds: u64 = text
        .trim()
        .parse()
        .map_err(|_| "it is no whole number".to_owned())?;
    match seconds {
        0..=604_800 => Ok(Duration::from_secs(seconds)),
        _ => Err("it is more than 604800".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
