//! The host's log: how its lines look, and how many of them there may be. Every line
//! goes to standard error through here; none of it is unbounded by what components or
//! callers do, and no text of theirs looks like anything else.

mod budget;
mod fields;
mod repeats;
mod window;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::{Duration, Instant};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::printable::{Printer, cut};

pub(crate) use budget::dropped_lines;
pub use budget::{LogBudget, LogLimits};

/// How often it is looked whether lines were dropped of which nothing was said yet.
const LOOK: Duration = Duration::from_secs(1);

/// What is logged of a panic's message, in bytes.
const PANIC_BYTES_MAX: usize = 2 * 1024;
/// The target of what components log. It has budgets of its own.
pub(crate) const COMPONENT: &str = "component";
/// Lines of the host's own on lines that were dropped. They have no bound but this
/// one: one a second for each of whom they speak.
const DROPPED: &str = "dropped";

/// Begins to log. A second time changes nothing.
///
/// # Errors
/// When the machine has no thread left.
pub(crate) fn start(filter: EnvFilter, json: bool) -> std::io::Result<()> {
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(repeats::Repeats);
    // It would say so on standard error, and panic where nobody reads that: a terminal that
    // closes must not keep the host from ending in order.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false);
    // A subscriber that is set already goes on.
    let _ = if json {
        let lines = lines
            .with_writer(|| Printer::of_json(std::io::stderr()))
            .json();
        subscriber.with(lines).try_init()
    } else {
        let lines = lines
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .fmt_fields(fields::Fields);
        subscriber.with(lines).try_init()
    };
    std::panic::set_hook(Box::new(log_panic));
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(|| {
            loop {
                std::thread::sleep(LOOK);
                flush();
            }
        })
        .map(drop)
}

/// A panic is a line of the log like any other: its text may be of others, and who
/// causes one may cause many.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload_as_str().unwrap_or("no message");
    let message = cut(message, PANIC_BYTES_MAX);
    let thread = std::thread::current();
    tracing::error!(
        place = place.unwrap_or_default(),
        thread = thread.name().unwrap_or_default(),
        "the host panicked: {message}"
    );
}

/// Says what was dropped up to the end.
pub(crate) fn end() {
    let over = Instant::now() + LOOK;
    budget::flush(over);
    repeats::flush(over);
}

/// Says what was dropped, if nothing said so yet and the second is over.
pub(crate) fn flush() {
    let now = Instant::now();
    budget::flush(now);
    repeats::flush(now);
}
