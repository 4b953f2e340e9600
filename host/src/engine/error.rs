//! What can go wrong with a component: at loading, and at a call.

use std::fmt;

use super::backtrace;
use crate::capabilities::wasi::SleepsTooLong;
use crate::capabilities::{
    CallState, CallTimeReached, DeadlineReached, HostCallsReached, Limits, NoAnswer, NotGranted,
    Retired,
};
use crate::printable::cut;

/// The part of a backtrace that is shown, in bytes.
const BACKTRACE_BYTES_MAX: usize = 2 * 1024;

/// Why a component cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The engine itself did not start.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(#[source] wasmtime::Error),
    /// The file is larger than the limit.
    #[error("it is {bytes} bytes, more than {max} (compile.component_bytes_max)")]
    TooLarge {
        /// The file's size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// It has more of something than its engine has room for.
    #[error("it has {count} {what}, more than {max}{}", setting.map(|setting| format!(" ({setting})")).unwrap_or_default())]
    TooMuch {
        /// The name of what it has.
        what: &'static str,
        /// As many.
        count: u64,
        /// The limit.
        max: u64,
        /// What raises the limit.
        setting: Option<&'static str>,
    },
    /// The bytes are no component at all.
    #[error("{0}")]
    NotAComponent(String),
    /// The bytes are a component that the compiler refuses.
    #[error("it does not compile: {0}")]
    Compile(String),
    /// Compiling it takes longer than it may, in milliseconds.
    #[error("compiling it takes longer than {0} ms (compile.deadline_ms)")]
    CompileTime(u64),
    /// Compiling it takes more memory than it may, in bytes.
    #[error("compiling it takes more than {0} bytes of memory (compile.memory_bytes_max)")]
    CompileMemory(u64),
    /// The process that compiles cannot be started.
    #[error("the compiler does not start: {0}")]
    Compiler(String),
    /// So many components wait to be compiled, as many as may.
    #[error("{0} components wait to be compiled already")]
    CompilerBusy(usize),
    /// So many components are loaded or verified while others are served, as many as may.
    #[error("{0} components are loaded or verified already")]
    AsideBusy(usize),
    /// It imports what this host does not provide.
    #[error("it imports {}, which this host does not provide{}", imports.join(", "), instead(imports, provided))]
    UnknownImports {
        /// The imports.
        imports: Vec<String>,
        /// The versions of them that the host has, which do not fit.
        provided: Vec<&'static str>,
    },
    /// It has functions of the asynchronous ABI.
    #[error(
        "it is asynchronous, and this host calls synchronous functions alone: build it without `async`; \
         componentize-qjs does with --sync"
    )]
    Asynchronous,
    /// It imports a capability that the host has, but not as it has it.
    #[error(
        "it imports {import}, and this host provides {provided}, which does not fit: {reason}: build it against \
         the contracts of this host, which `wares new` writes"
    )]
    WrongImport {
        /// The import.
        import: String,
        /// The version of it that the host has.
        provided: &'static str,
        /// Where they differ.
        reason: String,
    },
    /// It imports, or fills, what the operator has not granted it.
    #[error(
        "it {} {}, which it is not granted: add \"{}\" to modules.{module}.grants",
        refused.need.uses, refused.need.interface, refused.need.name()
    )]
    NotGranted {
        /// What is missing.
        refused: Box<NotGranted>,
        /// The module.
        module: String,
    },
    /// Its imports and exports do not fit together.
    #[error("it cannot be linked: {0}")]
    Link(String),
    /// A call that every component must answer at loading failed.
    #[error("it does not start: {}", .0.with_backtrace())]
    Start(#[from] CallError),
    /// It answered, but not as the contract says.
    #[error("{0}")]
    Contract(String),
    /// The operator's settings do not fit it.
    #[error("its settings are not accepted:\n{}", faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n"))]
    Settings {
        /// The module.
        module: String,
        /// Each with its key.
        faults: Vec<String>,
    },
}

/// What there is instead, and what helps.
fn instead(imports: &[String], provided: &[&str]) -> String {
    if !provided.is_empty() {
        let provided = provided.join(", ");
        return format!(
            "; it provides {provided}: build it against the contracts of this host, which `wares new` writes"
        );
    }
    match imports.iter().any(|import| import.starts_with("wasi:http/")) {
        true => "; a component makes no HTTP requests by WASI: leave it out of the world, and build with \
                 `--disable http --disable fetch-event` if componentize-js adds it"
            .to_owned(),
        false => String::new(),
    }
}

/// Why a call returned no answer. The instance is gone, and with it whatever
/// transaction it had open.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The guest ran longer than it may.
    #[error("stopped after running for {deadline_ms} ms (limits.deadline_ms){troubles}")]
    Deadline {
        /// The limit.
        deadline_ms: u64,
        /// The text of the guest.
        troubles: Troubles,
    },
    /// The call took longer than it may, what the host did for it included.
    #[error(
        "stopped after {call_ms} ms in the guest and in the host together (limits.call_ms){troubles}"
    )]
    CallTime {
        /// The limit.
        call_ms: u64,
        /// The text of the guest.
        troubles: Troubles,
    },
    /// Another version serves instead of the guest's, and it did not end in time.
    #[error("stopped: another version was activated, and this call had versions.drain_ms to end")]
    Retired,
    /// Another component that it has to ask did not answer.
    #[error(transparent)]
    NoAnswer(NoAnswer),
    /// The guest called the host more often than it may.
    #[error("stopped at {max} calls into the host (limits.host_calls_max){troubles}")]
    HostCalls {
        /// The limit.
        max: u32,
        /// The text of the guest.
        troubles: Troubles,
    },
    /// The guest answered with more than it may.
    #[error("{what} is beyond {max} (limits.response_bytes_max)")]
    ResponseTooLarge {
        /// The name of what is too large.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// The answer is no answer that the contract knows.
    #[error("{0}")]
    BadAnswer(String),
    /// The guest trapped, or could not be started.
    #[error("{reason}{troubles}")]
    Trap {
        /// One line for the log.
        reason: String,
        /// The text of the guest: that of a panic, for one.
        troubles: Troubles,
        /// Where in the guest, innermost first, where it is known.
        backtrace: Vec<String>,
    },
    /// The called function does not exist, or does not take these arguments.
    #[error("{0}")]
    BadCall(String),
}

/// The text that a guest wrote to its standard error, or logged as a warning or worse, before its
/// call failed. It is shown on the line of the error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles(Vec<String>);

impl fmt::Display for Troubles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(out, "; it wrote: {}", self.0.join(" | "))
    }
}

impl CallError {
    /// The functions of the guest that were on its stack when it trapped, innermost first, in
    /// one line; empty where none is known.
    pub(crate) fn backtrace(&self) -> String {
        match self {
            // A component chooses the length of its names.
            Self::Trap { backtrace, .. } => {
                cut(&backtrace.join(" < "), BACKTRACE_BYTES_MAX).into_owned()
            }
            _ => String::new(),
        }
    }

    /// The error with the functions of the guest that were on its stack.
    pub(crate) fn with_backtrace(&self) -> String {
        match &*self.backtrace() {
            "" => self.to_string(),
            backtrace => format!("{self}; in {backtrace}"),
        }
    }

    /// `call` is the state of the call at its end.
    pub(super) fn new(error: &wasmtime::Error, limits: &Limits, call: &CallState) -> Self {
        let troubles = Troubles(call.troubles().1);
        if error.is::<DeadlineReached>() || error.is::<SleepsTooLong>() {
            return Self::Deadline {
                deadline_ms: limits.deadline_ms,
                troubles,
            };
        }
        if error.is::<CallTimeReached>() {
            return Self::CallTime {
                call_ms: limits.call_ms,
                troubles,
            };
        }
        if error.is::<Retired>() {
            return Self::Retired;
        }
        if let Some(no_answer) = error.downcast_ref::<NoAnswer>() {
            return Self::NoAnswer(no_answer.clone());
        }
        if error.is::<HostCallsReached>() {
            return Self::HostCalls {
                max: limits.host_calls_max,
                troubles,
            };
        }
        let mut reason = match error.downcast_ref::<wasmtime::Trap>() {
            Some(trap @ wasmtime::Trap::StackOverflow) => {
                format!("{trap} (limits.stack_bytes_max)")
            }
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        if call.usage.refused_memory() {
            let max = limits.memory_bytes_max;
            reason.push_str(&format!(
                ", after it was refused more than {max} bytes (limits.memory_bytes_max)"
            ));
        }
        let backtrace = error.downcast_ref().map(backtrace::of).unwrap_or_default();
        Self::Trap {
            reason,
            troubles,
            backtrace,
        }
    }
}
