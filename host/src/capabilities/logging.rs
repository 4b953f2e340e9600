//! `wasi:logging`, and what a component writes to its standard output and
//! error: lines of the host's log with the component's name and the request's
//! id, no more of them than the component's limits allow: in a call, and in a second
//! over all calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::{HasData, Linker};

use super::bindings::wasi::logging::logging::{self as wit, Host, Level};
use crate::printable::{cut, printable};
use crate::telemetry::{COMPONENT, LogBudget};

/// What is shown of a line's context, in bytes.
const CONTEXT_BYTES_MAX: usize = 300;

/// Where a call's log lines go. Clones write to the same place.
#[derive(Clone)]
pub struct Log(Arc<Mutex<State>>);

struct State {
    component: Arc<str>,
    request_id: Arc<str>,
    budget: Arc<LogBudget>,
    lines_left: u32,
    bytes_left: usize,
}

impl Log {
    /// A log for one call, with room for so many lines and bytes, and no more than the
    /// component's budget has.
    pub fn new(
        component: Arc<str>,
        request_id: Arc<str>,
        budget: Arc<LogBudget>,
        lines_max: u32,
        bytes_max: usize,
    ) -> Self {
        Self(Arc::new(Mutex::new(State {
            component,
            request_id,
            budget,
            lines_left: lines_max,
            bytes_left: bytes_max,
        })))
    }

    /// Adds what a component says, line by line: none of it can look like a line
    /// of the host's own.
    pub fn lines(&self, level: tracing::Level, context: &str, message: &str) {
        for line in message.lines().filter(|line| !line.trim().is_empty()) {
            if !self.line(level, context, line) {
                return;
            }
        }
    }

    /// Whether all that comes is dropped.
    pub fn is_full(&self) -> bool {
        self.lock().lines_left == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
        // What is written out takes up to ten times its own size, so nothing is that
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

/// Writes a line, if anybody is to see it and the component's second has room for it.
fn write(state: &State, level: tracing::Level, context: &str, message: &str) {
    // A tracing event's level is part of its static metadata, hence an arm each.
    macro_rules! write {
        ($level:ident) => {
            if tracing::enabled!(target: COMPONENT, tracing::Level::$level)
                && state.budget.takes(context.len() + message.len())
            {
                let (component, request_id) = (&*state.component, &*state.request_id);
                tracing::event!(
                    target: COMPONENT,
                    tracing::Level::$level,
                    component,
                    request_id,
                    context,
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
        self.lines(level, &context, &message);
        Ok(())
    }
}

struct HasLog;

impl HasData for HasLog {
    type Data<'a> = &'a mut Log;
}

/// Gives a component `wasi:logging`.
///
/// # Errors
/// When the linker has it already.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> &mut Log,
) -> wasmtime::Result<()> {
    wit::add_to_linker::<T, HasLog>(linker, view)
}
