//! The system's clock: the times that it must show for a command to run, and the time that
//! a running host uses if it is set to another meanwhile.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Timestamp, Uuid};

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

/// The time now, or the nearest from 1970 to 9999.
pub(crate) fn now() -> SystemTime {
    held(SystemTime::now())
}

/// The time now, since 1970.
pub(crate) fn since_1970() -> Duration {
    now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time from 1970 to 9999: this, or the nearest to it.
pub(crate) fn held(time: SystemTime) -> SystemTime {
    let last = UNIX_EPOCH + Duration::from_secs(END_S) - Duration::from_nanos(1);
    time.clamp(UNIX_EPOCH, last)
}

/// Returns a UUIDv7 of this moment, greater than all earlier ones of this process.
pub(crate) fn uuid() -> Uuid {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    let since = since_1970();
    let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    Uuid::new_v7(Timestamp::from_unix(
        &*context,
        since.as_secs(),
        since.subsec_nanos(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_to_another_time_is_held() {
        let (hour, end) = (Duration::from_secs(3600), Duration::from_secs(END_S));
        let now = SystemTime::now();
        let last = UNIX_EPOCH + end - Duration::from_nanos(1);
        for (time, kept) in [
            (now, now),
            (UNIX_EPOCH, UNIX_EPOCH),
            (UNIX_EPOCH - hour, UNIX_EPOCH),
            (last, last),
            (UNIX_EPOCH + end, last),
            (UNIX_EPOCH + end + hour, last),
        ] {
            assert_eq!(held(time), kept);
            assert_eq!(check_time(held(time)), Ok(()));
        }
    }

    #[test]
    fn ids_are_of_their_time_and_in_their_order() {
        let before = since_1970().as_millis();
        let ids: Vec<Uuid> = (0..10_000).map(|_| uuid()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        let (seconds, nanos) = ids[0].get_timestamp().unwrap().to_unix();
        let shown = u128::from(seconds) * 1000 + u128::from(nanos) / 1_000_000;
        assert!((before..before + 60_000).contains(&shown));
        assert_eq!(ids[0].get_version_num(), 7);
    }

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
