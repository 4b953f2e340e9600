//! The host's log: the form of its lines, and their bounds. Every line goes to standard error
//! through here; components and callers cannot make it grow without bound, and their text
//! cannot imitate other lines.

mod budget;
mod fields;
mod kept;
mod levels;
mod repeats;
pub(crate) mod trace;
mod window;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::time::{Duration, Instant};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Reader;
use crate::printable::{Printer, cut};

pub(crate) use budget::dropped_lines;
pub use budget::{LogBudget, LogLimits};
pub use kept::{KeptLine, KeptLines, KeptLog, end_waiting, run};

/// How often dropped lines that are not reported yet are checked for.
const LOOK: Duration = Duration::from_secs(1);

/// The logged part of a panic's message, in bytes.
const PANIC_BYTES_MAX: usize = 2 * 1024;
/// The target of the lines of components, which have budgets of their own.
pub(crate) const COMPONENT: &str = "component";
/// The target of the lines about the turns of extensions at hooks.
pub(crate) const HOOKS: &str = "hooks";
/// Lines of the host about dropped lines. Their only bound is one a second for each subject.
const DROPPED: &str = "dropped";

/// Which lines the log has, and in which form: `log.…`.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// A level, `target=level` pairs, or both, separated by commas.
    pub(crate) level: String,
    /// Whether lines are JSON.
    pub(crate) json: bool,
}

impl LogSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            level: reader.text(
                "log.level",
                "info",
                "error, warn, info, debug or trace, or target=level pairs",
            ),
            json: reader.choice("log.format", &["text", "json"], "how log lines look") == 1,
        }
    }
}

/// Why the log does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("log.level: '{0}' is no level; there are {levels}, each also as target=level", levels = levels::LEVELS.join(", "))]
    Level(String),
    #[error("log.level: '{0}' has no target before its '='")]
    Target(String),
    #[error(transparent)]
    Thread(#[from] std::io::Error),
}

/// Starts the log. `components` is the level of the most lines that the settings want of one
/// component. A second call changes nothing.
///
/// # Errors
/// When its level cannot be read, or the system has no thread left.
pub(crate) fn start(
    settings: &LogSettings,
    components: Option<LevelFilter>,
) -> Result<(), LogError> {
    let filter = levels::open_to(levels::parse(&settings.level)?, components);
    let json = settings.json;
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(repeats::Repeats)
        .with(kept::Keep);
    // Otherwise it would report to standard error, and panic without a reader: a closing
    // terminal must not keep the host from ending in order.
    let lines = tracing_subscriber::fmt::layer().log_internal_errors(false);
    // A subscriber that is already set stays.
    let _ = if json {
        let lines = lines
            .with_writer(|| Printer::of_json(std::io::stderr()))
            .json()
            .with_span_list(false);
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
        })?;
    Ok(())
}

/// Starts a log whose lines are in memory alone, each of them: those of components at any
/// level, and the host's from `info` on. A second call changes nothing.
pub(crate) fn start_kept() {
    let filter = Targets::new()
        .with_target(COMPONENT, LevelFilter::TRACE)
        .with_default(LevelFilter::INFO);
    // A subscriber that is already set stays.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(kept::Keep)
        .try_init();
}

/// Logs a panic as a line like any other: its text may be foreign, and one caller may cause
/// many.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    let message = panic.payload_as_str().unwrap_or("no message");
    let message = cut(message, PANIC_BYTES_MAX);
    let thread = std::thread::current();
    tracing::error!(
        location = location.unwrap_or_default(),
        thread = thread.name().unwrap_or_default(),
        "the host panicked: {message}"
    );
}

/// Reports all dropped lines at the end.
pub(crate) fn end() {
    let over = Instant::now() + LOOK;
    budget::flush(over);
    repeats::flush(over);
}

/// Reports dropped lines, if no line has and the second is over.
pub(crate) fn flush() {
    let now = Instant::now();
    budget::flush(now);
    repeats::flush(now);
}
