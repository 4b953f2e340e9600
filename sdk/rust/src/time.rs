//! Times as the host's own modules store and show them: RFC 3339 in UTC with three decimals.

use std::time::SystemTime;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Returns the time.
///
/// ```
/// let now = wares_module::time::now();
/// assert!(now.len() == "2026-03-03T10:00:00.000Z".len() && now.ends_with('Z'));
/// ```
pub fn now() -> String {
    at(unix_ms())
}

/// Returns the time in milliseconds after 1970.
///
/// ```
/// assert!(wares_module::time::unix_ms() > 1_700_000_000_000);
/// ```
pub fn unix_ms() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_millis().try_into().unwrap_or(0))
}

/// Returns a time in milliseconds after 1970, as it is stored.
///
/// ```
/// assert_eq!(wares_module::time::at(1_772_532_000_000), "2026-03-03T10:00:00.000Z");
/// ```
pub fn at(unix_ms: u64) -> String {
    let (year, month, day) = date(unix_ms / DAY_MS);
    let ms = unix_ms % DAY_MS;
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1_000
    )
}

/// The date so many days after 1970, in the Gregorian calendar: years begin in March, so that the
/// day that only some have is their last.
fn date(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_that_of_the_gregorian_calendar() {
        for (unix_ms, shown) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_868_799_000, "2000-02-29T23:59:59.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_251_200_001, "2024-03-01T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(at(unix_ms), shown);
        }
    }
}
