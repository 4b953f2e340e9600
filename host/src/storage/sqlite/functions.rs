//! SQL functions of components' statements beside SQLite's own, and linear versions of some
//! of SQLite's: nothing can interrupt a function, and SQLite's take time in the product of
//! their arguments. For values of 256 KiB its `instr` and `replace` take up to 0.3 s and its
//! `trim` up to 13 s, and both times grow with the square of the size.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use memchr::memmem::Finder;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ffi};

use super::clock::Clock;
use super::memory::{self, Charge};
use super::patterns::{PatternError, Patterns};
use super::value::VALUE_BYTES_MAX;
use super::wildcards::{self, Expired, Pattern};

/// The text that a regular expression is looked for in, in bytes.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Adds the functions to a connection. They end when the clock says so.
pub(in crate::storage) fn add_to(
    connection: &Connection,
    clock: &Arc<Clock>,
) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    // `text regexp pattern` is `regexp(pattern, text)` to SQLite.
    connection.create_scalar_function("regexp", 2, flags, {
        let (patterns, clock) = (Patterns::default(), clock.clone());
        move |context| regexp(context, &patterns, &clock)
    })?;
    for arguments in [2, 3] {
        connection.create_scalar_function("like", arguments, flags, {
            let clock = clock.clone();
            move |context| like(context, &clock)
        })?;
    }
    connection.create_scalar_function("glob", 2, flags, {
        let clock = clock.clone();
        move |context| glob(context, &clock)
    })?;
    connection.create_scalar_function("casefold", 1, flags, casefold)?;
    connection.create_scalar_function("instr", 2, flags, instr)?;
    connection.create_scalar_function("replace", 3, flags, replace)?;
    for (name, left, right) in [
        ("trim", true, true),
        ("ltrim", true, false),
        ("rtrim", false, true),
    ] {
        for arguments in [1, 2] {
            let trim = move |context: &Context<'_>| trim(context, left, right);
            connection.create_scalar_function(name, arguments, flags, trim)?;
        }
    }
    connection.create_scalar_function("unhex", 2, flags, |_| -> rusqlite::Result<bool> {
        Err(failed("unhex takes one argument here"))
    })
}

/// An argument's bytes, those of a number as a text; `None` for null.
fn bytes<'a>(context: &'a Context<'_>, argument: usize) -> rusqlite::Result<Option<Cow<'a, [u8]>>> {
    Ok(match context.get_raw(argument) {
        ValueRef::Null => None,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.into()),
        ValueRef::Integer(number) => Some(number.to_string().into_bytes().into()),
        // SQLite's text form of a real is not reproducible here.
        ValueRef::Real(_) => {
            return Err(failed(
                "instr, replace, trim, like and glob take no real number here: cast it to text",
            ));
        }
    })
}

fn text<'a>(context: &'a Context<'_>, argument: usize) -> rusqlite::Result<Option<Cow<'a, str>>> {
    let not_utf8 = |_| failed("replace and trim take UTF-8 alone");
    match bytes(context, argument)? {
        None => Ok(None),
        Some(Cow::Borrowed(bytes)) => {
            Ok(Some(std::str::from_utf8(bytes).map_err(not_utf8)?.into()))
        }
        Some(Cow::Owned(bytes)) => Ok(Some(
            String::from_utf8(bytes)
                .map_err(|error| not_utf8(error.utf8_error()))?
                .into(),
        )),
    }
}

/// Folds the case of the argument.
fn casefold(context: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let text = match context.get_raw(0) {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(text) => std::str::from_utf8(text)?,
        _ => return Err(failed("casefold needs a text")),
    };
    let folded = crate::casefold::casefold(text);
    if folded.len() > VALUE_BYTES_MAX {
        return Err(code(ffi::SQLITE_TOOBIG));
    }
    Ok(Some(folded))
}

/// Where the second argument first stands in the first, counted from one, in
/// letters, or in bytes where both are blobs; 0 where it does not.
fn instr(context: &Context<'_>) -> rusqlite::Result<Option<i64>> {
    let (Some(hay), Some(needle)) = (bytes(context, 0)?, bytes(context, 1)?) else {
        return Ok(None);
    };
    let are_blobs = (0..2).all(|argument| matches!(context.get_raw(argument), ValueRef::Blob(_)));
    let index = Finder::new(&*needle).find(&hay).map_or(0, |index| {
        let before = hay[..index].iter();
        1 + before
            .filter(|byte| are_blobs || **byte & 0xc0 != 0x80)
            .count()
    });
    Ok(i64::try_from(index).ok())
}

/// The first argument, with the third wherever the second stood.
fn replace(context: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let (Some(all), Some(old)) = (text(context, 0)?, text(context, 1)?) else {
        return Ok(None);
    };
    if old.is_empty() {
        return Ok(Some(all.into_owned()));
    }
    let Some(new) = text(context, 2)? else {
        return Ok(None);
    };
    let finder = Finder::new(&*old);
    let count = finder.find_iter(all.as_bytes()).count();
    if all.len() + count * new.len() - count * old.len() > VALUE_BYTES_MAX {
        return Err(code(ffi::SQLITE_TOOBIG));
    }
    let mut replaced = String::new();
    let mut rest = 0;
    for index in finder.find_iter(all.as_bytes()) {
        replaced.push_str(&all[rest..index]);
        replaced.push_str(&new);
        rest = index + old.len();
    }
    replaced.push_str(&all[rest..]);
    Ok(Some(replaced))
}

/// The first argument, without those letters of the second, or spaces, that it
/// begins or ends with.
fn trim(context: &Context<'_>, left: bool, right: bool) -> rusqlite::Result<Option<String>> {
    let Some(all) = text(context, 0)? else {
        return Ok(None);
    };
    let letters: HashSet<char> = if context.len() == 1 {
        [' '].into()
    } else {
        let Some(letters) = text(context, 1)? else {
            return Ok(None);
        };
        letters.chars().collect()
    };
    let mut rest = &*all;
    if left {
        rest = rest.trim_start_matches(|letter| letters.contains(&letter));
    }
    if right {
        rest = rest.trim_end_matches(|letter| letters.contains(&letter));
    }
    Ok(Some(rest.to_owned()))
}

fn regexp(
    context: &Context<'_>,
    patterns: &Patterns,
    clock: &Clock,
) -> rusqlite::Result<Option<bool>> {
    if clock.expired() {
        return Err(code(ffi::SQLITE_INTERRUPT));
    }
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
    let pattern = context
        .get_raw(0)
        .as_str()
        .map_err(|_| failed("regexp needs a pattern"))?;
    match patterns.are_in(pattern, text) {
        Ok(found) => Ok(Some(found)),
        Err(PatternError::NoMemory) => Err(code(ffi::SQLITE_NOMEM)),
        Err(PatternError::Wrong(reason)) => Err(failed(&reason)),
    }
}

/// Whether the second argument is like the first.
fn like(context: &Context<'_>, clock: &Clock) -> rusqlite::Result<Option<bool>> {
    let escape = if context.len() == 3 {
        let Some(escape) = wild(context, 2)? else {
            return Ok(None);
        };
        let mut letters = escape.chars();
        match (letters.next(), letters.next()) {
            (Some(escape), None) => Some(escape),
            _ => return Err(failed("ESCAPE expression must be a single character")),
        }
    } else {
        None
    };
    compare(context, clock, escape, |pattern| {
        Pattern::like(pattern, escape)
    })
}

/// Whether the second argument is what the first says, in upper and lower case.
fn glob(context: &Context<'_>, clock: &Clock) -> rusqlite::Result<Option<bool>> {
    compare(context, clock, None, Pattern::glob)
}

/// A pattern that SQLite keeps with a statement as long as it stays the same.
struct KeptPattern {
    pattern: Pattern,
    escape: Option<char>,
    _charge: Charge,
}

fn compare(
    context: &Context<'_>,
    clock: &Clock,
    escape: Option<char>,
    read: impl FnOnce(&str) -> Pattern,
) -> rusqlite::Result<Option<bool>> {
    let Some(text) = wild(context, 1)? else {
        return Ok(None);
    };
    let kept = context.get_aux::<KeptPattern>(0)?;
    // The escape may be another one, though the pattern is not.
    let kept = match kept.filter(|kept| kept.escape == escape) {
        Some(kept) => kept,
        None => {
            let Some(pattern) = wild(context, 0)? else {
                return Ok(None);
            };
            context.set_aux(0, keep(&pattern, escape, read)?)?
        }
    };
    match kept.pattern.matches(&text, clock) {
        Ok(matches) => Ok(Some(matches)),
        Err(Expired) => Err(code(ffi::SQLITE_INTERRUPT)),
    }
}

fn keep(
    text: &str,
    escape: Option<char>,
    read: impl FnOnce(&str) -> Pattern,
) -> rusqlite::Result<KeptPattern> {
    if text.len() > wildcards::PATTERN_BYTES_MAX {
        return Err(failed(&format!(
            "like and glob take a pattern of at most {} bytes",
            wildcards::PATTERN_BYTES_MAX
        )));
    }
    let pattern = read(text);
    let charge = memory::charge(pattern.bytes()).ok_or_else(|| code(ffi::SQLITE_NOMEM))?;
    Ok(KeptPattern {
        pattern,
        escape,
        _charge: charge,
    })
}

/// An argument of `like` or `glob`: to SQLite, a text ends at its first zero.
fn wild<'a>(context: &'a Context<'_>, argument: usize) -> rusqlite::Result<Option<Cow<'a, str>>> {
    let until_zero = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0);
    Ok(match bytes(context, argument)? {
        None => None,
        Some(Cow::Borrowed(bytes)) => {
            let end = until_zero(bytes).unwrap_or(bytes.len());
            Some(String::from_utf8_lossy(&bytes[..end]))
        }
        Some(Cow::Owned(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned().into()),
    })
}

fn code(code: i32) -> Error {
    Error::SqliteFailure(ffi::Error::new(code), None)
}

fn failed(message: &str) -> Error {
    Error::UserFunctionError(message.into())
}
