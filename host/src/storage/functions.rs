//! SQL functions that components' statements have beside SQLite's own.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error};

/// A compiled regular expression, in bytes. With the length of the text it
/// bounds how long one match can take: nothing can interrupt it.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// The text that a regular expression is looked for in, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Adds the functions to a connection.
pub(super) fn add_to(connection: &Connection) -> rusqlite::Result<()> {
    // `text regexp pattern` is `regexp(pattern, text)` to SQLite.
    connection.create_scalar_function(
        "regexp",
        2,
        FunctionFlags::SQLITE_UTF8
            | FunctionFlags::SQLITE_DETERMINISTIC
            | FunctionFlags::SQLITE_INNOCUOUS,
        regexp,
    )
}

fn regexp(context: &Context<'_>) -> rusqlite::Result<Option<bool>> {
    let text = match context.get_raw(1) {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(text) => std::str::from_utf8(text)?,
        _ => return Err(failed("regexp needs a text")),
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(failed(&format!(
            "regexp takes a text of at most {TEXT_BYTES_MAX} bytes"
        )));
    }
    // Read once a statement, not once a row.
    let pattern: Arc<Regex> = context.get_or_create_aux(0, |pattern| {
        let pattern = pattern
            .as_str()
            .map_err(|_| failed("regexp needs a pattern"))?;
        RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|error| failed(&reason(&error)))
    })?;
    Ok(Some(pattern.is_match(text)))
}

/// What is wrong with a pattern, on one line.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    format!("the regular expression cannot be read: {reason}")
}

fn failed(message: &str) -> Error {
    Error::UserFunctionError(message.into())
}
