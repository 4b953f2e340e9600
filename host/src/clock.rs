//! The system's clock: what it has to show for a command to run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first second of the year 10000, after 1970.
const END_S: u64 = 253_402_300_800;

/// A clock that shows a time that ids, tokens and HTTP's dates cannot hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClockError {
    /// It shows a time before 1970.
    #[error("the clock of this machine is {0} s before 1970: set it, and start again")]
    Before(u64),
    /// It shows a time after 9999.
    #[error("the clock of this machine is {0} s after the year 9999: set it, and start again")]
    After(u64),
}

/// Checks that the clock shows a time from 1970 to 9999.
///
/// # Errors
/// When it does not.
pub(crate) fn check() -> Result<(), ClockError> {
    check_time(SystemTime::now())
}

fn check_time(now: SystemTime) -> Result<(), ClockError> {
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) if since < Duration::from_secs(END_S) => Ok(()),
        Ok(since) => Err(ClockError::After(since.as_secs() - END_S)),
        Err(before) => {
            let before = before.duration();
            let begun = u64::from(before.subsec_nanos() > 0);
            Err(ClockError::Before(before.as_secs() + begun))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_a_time_from_1970_to_9999() {
        let (second, end) = (Duration::from_secs(1), Duration::from_secs(END_S));
        for (now, checked) in [
            (SystemTime::now(), Ok(())),
            (UNIX_EPOCH, Ok(())),
            (
                UNIX_EPOCH - Duration::from_nanos(1),
                Err(ClockError::Before(1)),
            ),
            (UNIX_EPOCH - 3600 * second, Err(ClockError::Before(3600))),
            (UNIX_EPOCH + end - Duration::from_nanos(1), Ok(())),
            (UNIX_EPOCH + end + second, Err(ClockError::After(1))),
        ] {
            assert_eq!(check_time(now), checked);
        }
    }
}
