//! `wasi:logging`, and what a component writes to its standard output and
//! error: lines of the host's log with the component's name and the request's
//! id, no more of them than the component's limits allow: in a call, and in a second
//! over all calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::{HasData, Linker};

use super::bindings::wasi::logging::logging::{self as wit, Host, Level};
use super::{CallState, Capability, LimitSettings, Nesting};
use crate::config::{BYTES_MAX, Reader};
use crate::printable::{cut, printable, printable_line};
use crate::telemetry::{COMPONENT, LogBudget, LogLimits};

pub(crate) const CAPABILITY: Capability = Capability {
    interfaces: &["wasi:logging/logging@0.1.0-draft"],
    grant: None,
    is_inert: false,
    summary: "writes lines of the host's log",
    link,
};

/// The log is the call's own: other capabilities write to it too.
pub(crate) type State = ();

/// The limits of the log of a component.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Lines of one call.
    pub lines_max: u32,
    /// Text of one call, in bytes.
    pub bytes_max: usize,
    /// What all calls of a component together may log in a second.
    pub per_second: LogLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lines_max: 100,
            bytes_max: 64 * 1024,
            per_second: LogLimits {
                lines_per_s_max: 1_000,
                bytes_per_s_max: 256 * 1024,
            },
        }
    }
}

impl LimitSettings for Limits {
    fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
        let key = |limit: &str| format!("{section}.{limit}");
        Self {
            lines_max: reader.number32(
                &key("log_lines_max"),
                0..=u32::MAX,
                base.lines_max,
                "log lines",
            ),
            bytes_max: reader.bytes(
                &key("log_bytes_max"),
                0..=BYTES_MAX,
                base.bytes_max,
                "text of log lines",
            ),
            per_second: LogLimits {
                lines_per_s_max: reader.number32(
                    &key("log_lines_per_s_max"),
                    0..=u32::MAX,
                    base.per_second.lines_per_s_max,
                    "log lines a second of all calls of a component together",
                ),
                bytes_per_s_max: reader.bytes(
                    &key("log_bytes_per_s_max"),
                    0..=BYTES_MAX,
                    base.per_second.bytes_per_s_max,
                    "text of these lines",
                ),
            },
        }
    }
}

/// The longest context of a line that is shown, in bytes.
const CONTEXT_BYTES_MAX: usize = 300;

/// The beginning of the troubles of a call that is kept, in bytes: it has the place of a panic.
const TROUBLES_BEGINNING_BYTES: usize = 400;
/// The end of them that is kept, in bytes: it has the text of an exception.
const TROUBLES_END_BYTES: usize = 1400;

/// The log of a call. Clones write to the same one.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Account>>);

/// The rest of a call's log limits, and the troubles that it logged.
struct Account {
    component: Arc<str>,
    /// The components that make the call, and the actor on whose behalf they do; `None` of a
    /// call that no other component makes.
    by: Option<String>,
    actor: Option<String>,
    budget: Arc<LogBudget>,
    lines_left: u32,
    bytes_left: usize,
    troubles: Troubles,
}

/// The beginning and the end of what a call wrote to its standard error, or logged as a warning
/// or worse.
#[derive(Default)]
struct Troubles {
    beginning: Vec<u8>,
    end: Vec<u8>,
    /// Bytes between the two.
    left_out: usize,
}

impl Troubles {
    fn keep(&mut self, bytes: &[u8]) {
        let room = TROUBLES_BEGINNING_BYTES - self.beginning.len();
        let (beginning, rest) = bytes.split_at(room.min(bytes.len()));
        self.beginning.extend_from_slice(beginning);
        let end = &rest[rest.len().saturating_sub(TROUBLES_END_BYTES)..];
        self.end.extend_from_slice(end);
        let over = self.end.len().saturating_sub(TROUBLES_END_BYTES);
        self.end.drain(..over);
        self.left_out += rest.len() - end.len() + over;
    }

    fn text(&self) -> String {
        let mut bytes = self.beginning.clone();
        if self.left_out > 0 {
            let mark = format!("… ({} bytes are left out) …", self.left_out);
            bytes.extend_from_slice(mark.as_bytes());
        }
        bytes.extend_from_slice(&self.end);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Log {
    /// A log for one call, with room for what the limits allow of one, and no more than
    /// the component's budget has.
    pub fn new(component: Arc<str>, budget: Arc<LogBudget>, limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Account {
            component,
            by: None,
            actor: None,
            budget,
            lines_left: limits.lines_max,
            bytes_left: limits.bytes_max,
            troubles: Troubles::default(),
        })))
    }

    /// The same, whose lines name the components around the call and the actor.
    pub(super) fn within(self, nesting: &Nesting) -> Self {
        if let Some(by) = nesting.path() {
            let mut account = self.lock();
            account.actor = nesting.on_behalf_of();
            account.by = Some(by);
        }
        self
    }

    /// Keeps the beginning and the end of what a component says when something is wrong, also
    /// where the log is full.
    pub(super) fn keep_trouble(&self, bytes: &[u8]) {
        self.lock().troubles.keep(bytes);
    }

    /// Returns the component's name and its kept troubles, line by line, as they may be printed.
    pub fn troubles(&self) -> (Arc<str>, Vec<String>) {
        let state = self.lock();
        let text = state.troubles.text();
        let lines = text
            .lines()
            .map(str::trim)
            // Rust's advice on a panic: no component has an environment to set that in.
            .filter(|line| !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE"))
            .map(|line| printable_line(line).into_owned());
        (state.component.clone(), lines.collect())
    }

    /// Adds what a component says, line by line: none of it can look like a line
    /// of the host's own.
    pub fn lines(&self, level: tracing::Level, context: &str, message: &str) {
        if !self.takes(level) {
            return;
        }
        for line in message.lines().filter(|line| !line.trim().is_empty()) {
            if !self.line(level, context, line) {
                return;
            }
        }
    }

    /// Whether lines of this level are logged, and there is room for one. A line that is not
    /// logged takes no room.
    pub fn takes(&self, level: tracing::Level) -> bool {
        let account = self.lock();
        account.lines_left > 0 && account.budget.logs(COMPONENT, level)
    }

    /// The lines and bytes that are left.
    #[cfg(test)]
    pub(super) fn left(&self) -> (u32, usize) {
        let account = self.lock();
        (account.lines_left, account.bytes_left)
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one line, and says whether there is room for more. The first one
    /// beyond the limits is replaced by a note that says so; the ones after it
    /// are dropped.
    fn line(&self, level: tracing::Level, context: &str, message: &str) -> bool {
        let mut state = self.lock();
        if state.lines_left == 0 {
            return false;
        }
        let context = cut(context, CONTEXT_BYTES_MAX);
        let context = &*printable(&context);
        let fits = |message: &str| context.len().saturating_add(message.len()) <= state.bytes_left;
        // Escaped text takes up to ten times its own size, so nothing is that
        // will be dropped.
        let shown = (state.lines_left > 1 && fits(message))
            .then(|| printable(message))
            .filter(|shown| fits(shown));
        let (level, context, message) = match &shown {
            Some(shown) => {
                state.lines_left -= 1;
                state.bytes_left -= context.len() + shown.len();
                (level, context, &**shown)
            }
            None => {
                state.lines_left = 0;
                (
                    tracing::Level::WARN,
                    "",
                    "more log than the component's limits allow: the rest of this call is dropped",
                )
            }
        };
        write(&state, level, context, message);
        state.lines_left > 0
    }
}

/// Writes a line, if its level is enabled and the component's second has room for it.
fn write(state: &Account, level: tracing::Level, context: &str, message: &str) {
    // A tracing event's level is part of its static metadata, hence an arm each.
    macro_rules! write {
        ($level:ident) => {
            if tracing::enabled!(target: COMPONENT, tracing::Level::$level)
                && state.budget.takes(context.len() + message.len())
            {
                let component = &*state.component;
                let (by, actor) = (state.by.as_deref(), state.actor.as_deref());
                tracing::event!(
                    target: COMPONENT,
                    tracing::Level::$level,
                    component,
                    context,
                    by,
                    actor,
                    "{message}"
                );
            }
        };
    }
    match level {
        tracing::Level::ERROR => write!(ERROR),
        tracing::Level::WARN => write!(WARN),
        tracing::Level::INFO => write!(INFO),
        tracing::Level::DEBUG => write!(DEBUG),
        tracing::Level::TRACE => write!(TRACE),
    }
}

impl Host for &mut Log {
    fn log(&mut self, level: Level, context: String, message: String) -> wasmtime::Result<()> {
        let level = match level {
            Level::Trace => tracing::Level::TRACE,
            Level::Debug => tracing::Level::DEBUG,
            Level::Info => tracing::Level::INFO,
            Level::Warn => tracing::Level::WARN,
            Level::Error | Level::Critical => tracing::Level::ERROR,
        };
        if level <= tracing::Level::WARN {
            self.keep_trouble(message.as_bytes());
            self.keep_trouble(b"\n");
        }
        self.lines(level, &context, &message);
        Ok(())
    }
}

struct HasLog;

impl HasData for HasLog {
    type Data<'a> = &'a mut Log;
}

fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wit::add_to_linker::<_, HasLog>(linker, |call| &mut call.log)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::asking;
    use super::*;
    use tracing::level_filters::LevelFilter;

    /// A call with room for so many lines and bytes.
    fn call(lines_max: u32, bytes_max: usize) -> CallState {
        asking(|limits| {
            limits.capabilities.logging.lines_max = lines_max;
            limits.capabilities.logging.bytes_max = bytes_max;
        })
    }

    fn log(call: &mut CallState, level: Level, context: &str, message: &str) {
        let (context, message) = (context.to_owned(), message.to_owned());
        (&mut call.log).log(level, context, message).unwrap();
    }

    #[test]
    fn lines_are_counted_as_they_are_shown() {
        let longest = "c".repeat(CONTEXT_BYTES_MAX);
        let longer = "c".repeat(2 * CONTEXT_BYTES_MAX);
        for (context, message, lines, bytes) in [
            ("", "four", 1, 4),
            ("of", "four", 1, 2 + 4),
            ("of", "four\nfour\n", 2, 2 * (2 + 4)),
            ("of", "\n \n\n", 0, 0),
            ("", "a\tb", 1, 3),
            ("", "\u{1b}[2J", 1, "\\u{1b}[2J".len()),
            (&*longest, "four", 1, CONTEXT_BYTES_MAX + 4),
        ] {
            let mut call = call(10, 10_000);
            log(&mut call, Level::Info, context, message);
            assert_eq!(call.log.left(), (10 - lines, 10_000 - bytes), "{message:?}");
        }
        let mut call = call(10, 10_000);
        log(&mut call, Level::Info, &longer, "four");
        let (_, bytes_left) = call.log.left();
        assert!(10_000 - bytes_left < longer.len());
    }

    #[test]
    fn what_goes_beyond_a_limit_is_dropped_and_all_after_it() {
        for (lines_max, bytes_max, message, is_full, bytes_left) in [
            // The last line is the note that more is dropped.
            (3, 100, "one\ntwo", false, 94),
            (3, 100, "one\ntwo\nthree", true, 94),
            (100, 6, "one\ntwo", false, 0),
            (100, 6, "one\nfour", true, 3),
            // Escaped text counts as it is shown.
            (100, 6, "\u{1b}\u{1b}\u{1b}", true, 6),
            (0, 100, "one", true, 100),
        ] {
            let mut call = call(lines_max, bytes_max);
            log(&mut call, Level::Info, "", message);
            assert_eq!(
                !call.log.takes(tracing::Level::ERROR),
                is_full,
                "{message:?}"
            );
            assert_eq!(call.log.left().1, bytes_left, "{message:?}");
            if is_full {
                log(&mut call, Level::Error, "", "x");
                assert_eq!(call.log.left(), (0, bytes_left), "{message:?}");
            }
        }
    }

    #[test]
    fn lines_below_the_level_of_the_component_take_no_room() {
        let (level, limits) = (LevelFilter::WARN, Limits::default());
        let budget = LogBudget::of("leveled", limits.per_second, Some(level));
        let mut log = Log::new("leveled".into(), budget, limits);
        for (level, left) in [
            (Level::Trace, 100),
            (Level::Info, 100),
            (Level::Warn, 99),
            (Level::Critical, 98),
        ] {
            let (context, message) = (String::new(), "says".to_owned());
            (&mut log).log(level, context, message).unwrap();
            assert_eq!(log.left().0, left, "{level:?}");
        }
    }

    #[test]
    fn warnings_and_errors_are_kept_as_troubles_also_where_the_log_is_full() {
        for (level, is_trouble) in [
            (Level::Trace, false),
            (Level::Debug, false),
            (Level::Info, false),
            (Level::Warn, true),
            (Level::Error, true),
            (Level::Critical, true),
        ] {
            for lines_max in [0, 10] {
                let mut call = call(lines_max, 100);
                log(&mut call, level, "", "\u{7}lost\n");
                let kept: Vec<String> = is_trouble
                    .then(|| "\\u{7}lost".to_owned())
                    .into_iter()
                    .collect();
                let (component, troubles) = call.troubles();
                assert_eq!((&*component, &*troubles), ("tested", &*kept));
            }
        }
    }

    #[test]
    fn the_beginning_and_the_end_of_long_troubles_are_kept() {
        let mut call = call(10, 100);
        log(&mut call, Level::Error, "", "first");
        let long = 10 * 1024 * 1024;
        log(&mut call, Level::Error, "", &"x".repeat(long));
        log(&mut call, Level::Error, "", "last");
        let (_, troubles) = call.troubles();
        let beginning = "x".repeat(TROUBLES_BEGINNING_BYTES - "first\n".len());
        let end = "x".repeat(TROUBLES_END_BYTES - "\nlast\n".len());
        let left_out = long - beginning.len() - end.len();
        let cut = format!("{beginning}… ({left_out} bytes are left out) …{end}");
        assert_eq!(troubles, ["first", &*cut, "last"]);
    }

    #[test]
    fn troubles_that_fit_are_kept_as_they_are() {
        let mut call = call(10, 100);
        let most = TROUBLES_BEGINNING_BYTES + TROUBLES_END_BYTES - 1;
        for length in [1, most - 1] {
            log(&mut call, Level::Error, "", &"x".repeat(length - 1));
        }
        let (_, troubles) = call.troubles();
        assert_eq!(troubles, ["x".repeat(most - 2)]);
    }
}
