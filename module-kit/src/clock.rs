//! Times as they are stored and shown: RFC 3339 in UTC with three decimals.

use std::time::{Duration, SystemTime};

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

/// Now.
pub fn now() -> String {
    show(SystemTime::now().into())
}

/// The time in milliseconds after 1970.
pub fn unix_ms() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_millis().try_into().unwrap_or(0))
}

/// A time in milliseconds after 1970, as it is stored.
pub fn at(unix_ms: u64) -> String {
    show((SystemTime::UNIX_EPOCH + Duration::from_millis(unix_ms)).into())
}

fn show(time: OffsetDateTime) -> String {
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    format!(
        "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
        u8::from(month)
    )
}

/// A time in ISO 8601 as it is stored: with an offset, without one (UTC), or a
/// date alone (its midnight). `None` for anything else.
pub fn parse(text: &str) -> Option<String> {
    let time = OffsetDateTime::parse(text, &Iso8601::PARSING)
        .or_else(|_| {
            PrimitiveDateTime::parse(text, &Iso8601::PARSING).map(PrimitiveDateTime::assume_utc)
        })
        .or_else(|_| {
            Date::parse(text, &Iso8601::DATE)
                .map(|date| date.with_time(Time::MIDNIGHT).assume_utc())
        })
        .ok()?;
    let time = time.checked_to_offset(time::UtcOffset::UTC)?;
    (0..=9999).contains(&time.year()).then(|| show(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, stored: Option<&str>) {
        assert_eq!(parse(text).as_deref(), stored, "{text}");
    }

    #[test]
    fn a_time_is_read_in_the_usual_forms() {
        check("2026-11-23", Some("2026-11-23T00:00:00.000Z"));
        check("2026-11-23T09:10", Some("2026-11-23T09:10:00.000Z"));
        check("2026-11-23T09:10:56", Some("2026-11-23T09:10:56.000Z"));
        check("2026-11-23T09:10:56.951Z", Some("2026-11-23T09:10:56.951Z"));
        check(
            "2026-11-23T09:10:56.9519Z",
            Some("2026-11-23T09:10:56.951Z"),
        );
        check(
            "2026-01-01T00:30:00+02:00",
            Some("2025-12-31T22:30:00.000Z"),
        );
    }

    #[test]
    fn an_invalid_time_is_none() {
        for text in [
            "",
            "yesterday",
            "1700000000000",
            "2026-13-01",
            "2026-02-30",
            "2026-11-23T25:00:00Z",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn now_is_of_the_stored_form() {
        let now = now();
        assert_eq!(parse(&now), Some(now));
    }
}
