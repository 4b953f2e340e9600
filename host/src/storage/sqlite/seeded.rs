//! SQLite's functions of time and chance in a trial: what they return is made of its seed.
//! Those of a time that is given are SQLite's own, on a connection beside the one that asks.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::value::VALUE_BYTES_MAX;
use crate::storage::timestamp;
use crate::trial::Trial;

/// A function of time: its name, SQLite's function, and where that takes its times.
const OF_TIME: [(&str, &str, &[usize]); 10] = [
    ("current_date", "date", &[0]),
    ("current_time", "time", &[0]),
    ("current_timestamp", "datetime", &[0]),
    ("date", "date", &[0]),
    ("time", "time", &[0]),
    ("datetime", "datetime", &[0]),
    ("julianday", "julianday", &[0]),
    ("unixepoch", "unixepoch", &[0]),
    ("strftime", "strftime", &[1]),
    ("timediff", "timediff", &[0, 1]),
];

/// Has a connection take its time and its chance from a trial.
pub(super) fn add_to(connection: &Connection, trial: &Arc<Trial>) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("random", 0, flags, {
        let trial = trial.clone();
        move |_| Ok(trial.next().cast_signed())
    })?;
    connection.create_scalar_function("randomblob", 1, flags, {
        let trial = trial.clone();
        move |context| {
            let length: i64 = context.get(0)?;
            let length = usize::try_from(length.max(1)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length.min(VALUE_BYTES_MAX)];
            trial.fill(&mut bytes);
            Ok(bytes)
        }
    })?;
    // As SQLite's own, which an index may be computed by.
    let flags = flags | FunctionFlags::SQLITE_DETERMINISTIC;
    let beside = Arc::new(Mutex::new(Connection::open_in_memory()?));
    for (name, function, times) in OF_TIME {
        let (trial, beside) = (trial.clone(), beside.clone());
        let arguments = if name.starts_with("current_") { 0 } else { -1 };
        connection.create_scalar_function(name, arguments, flags, move |context| {
            let beside = beside.lock().unwrap_or_else(PoisonError::into_inner);
            let now = timestamp(trial.present());
            of_time(&beside, function, arguments_with(context, times, &now)?)
        })?;
    }
    Ok(())
}

/// The arguments of a function of time, with the present wherever they mean it.
fn arguments_with(
    context: &Context<'_>,
    times: &[usize],
    now: &str,
) -> rusqlite::Result<Vec<Value>> {
    let mut arguments: Vec<Value> = Vec::with_capacity(context.len() + 1);
    for index in 0..context.len() {
        let argument = context.get_raw(index);
        arguments.push(match argument {
            ValueRef::Text(text) if times.contains(&index) && text.eq_ignore_ascii_case(b"now") => {
                now.to_owned().into()
            }
            argument => argument.try_into()?,
        });
    }
    let first = times.first().copied().unwrap_or_default();
    let is_left_out = match arguments.get(first) {
        None => arguments.len() == first,
        // A modifier in its place.
        Some(Value::Text(text)) => ["subsec", "subsecond"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word)),
        Some(_) => false,
    };
    if is_left_out {
        arguments.insert(first, now.to_owned().into());
    }
    Ok(arguments)
}

fn of_time(
    connection: &Connection,
    function: &str,
    arguments: Vec<Value>,
) -> rusqlite::Result<Value> {
    let places = vec!["?"; arguments.len()].join(", ");
    let mut statement = connection.prepare_cached(&format!("select {function}({places})"))?;
    statement.query_row(params_from_iter(arguments), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a statement returns as text, with this seed.
    fn asked(seed: u64, sql: &str) -> String {
        let connection = Connection::open_in_memory().unwrap();
        add_to(&connection, &Arc::new(Trial::new(seed))).unwrap();
        connection
            .query_row(&format!("select cast(({sql}) as text)"), [], |row| {
                row.get::<_, Option<String>>(0)
            })
            .unwrap()
            .unwrap_or_default()
    }

    #[test]
    fn times_and_chance_are_made_of_the_seed() {
        for sql in [
            "random()",
            "hex(randomblob(9))",
            "current_timestamp",
            "datetime()",
            "datetime('NOW', '+1 day')",
            "julianday('now')",
            "strftime('%s')",
            "strftime('%Y %s', 'now')",
            "unixepoch('subsec')",
            "timediff('now', '2000-01-01')",
        ] {
            assert_eq!(asked(3, sql), asked(3, sql), "{sql}");
            assert_ne!(asked(3, sql), asked(4, sql), "{sql}");
        }
        let (now, stamp) = (
            timestamp(Trial::new(3).present()),
            asked(3, "current_timestamp"),
        );
        assert_eq!(stamp, now[..19].replace('T', " "));
    }

    #[test]
    fn a_time_that_is_given_is_that_of_sqlite() {
        for (sql, expected) in [
            ("date('2026-02-28', '+1 day')", "2026-03-01"),
            ("strftime('%d.%m.%Y', '2026-02-28')", "28.02.2026"),
            ("unixepoch('1970-01-02')", "86400"),
            (
                "timediff('2026-01-02', '2026-01-01')",
                "+0000-00-01 00:00:00.000",
            ),
            ("date('no time')", ""),
            ("date(null)", ""),
        ] {
            assert_eq!(asked(1, sql), expected, "{sql}");
        }
    }
}
