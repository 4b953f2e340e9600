//! Runs components: compiles them, links them to their capabilities, calls
//! them within limits. Knows nothing of HTTP, and nothing of what a component
//! is for.

mod artifact;
mod backtrace;
mod call;
pub mod compiler;
mod component;
mod engines;
mod error;
mod function_cache;
mod hook;
mod json;
mod lens;
mod linker;
mod makeup;
mod operation;
mod settings;
mod shape;
mod size;
mod store;
mod turns;
mod versions;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::digest::Digest;
use crate::threads::STACK_BYTES_OF_HOST;
use crate::threads::processors::{self, Isolation, ThreadNumber};
use crate::trial::Trial;

pub use compiler::CompileLimits;
pub use component::Component;
pub(crate) use component::Guest;
pub(crate) use engines::stack_bytes_of_calls;
pub use error::{CallError, LoadError, Troubles};
pub(crate) use hook::{Turn, needed_to_fill};
pub(crate) use json::{HookCall, JsonReturned, nearest};
pub(crate) use lens::{Difference, differences};
pub use linker::ImportKind;
pub use makeup::{CoreModule, Makeup, Tool};
pub use settings::CompileSettings;
pub(crate) use settings::read_stack_bytes;
pub use shape::{Export, Import, Shape};
pub use size::{Measures, Size};
pub(crate) use versions::{are_compatible, split};
pub(crate) use wasmtime::component::Val;

pub(crate) use crate::capabilities::LimitSettings;
pub use crate::capabilities::bindings::wares::platform;
pub use crate::capabilities::{
    CallContext, CallState, CapabilityLimits, CausedBy, DEPTH_MAX, Destination, Extending, FIELDS,
    Grants, HOOKS, Limits, Need, NestedCall, Nesting, NoAnswer, NotAnswered, NotGranted, Outbound,
    OutboundOptions, Points, PointsOfHost, Question, Roots, SUBSCRIPTIONS, Secret, Selecting,
    Selection, Settings, TimeLeft, extended,
};

use engines::Engines;
pub use engines::Target;
use turns::Turns;

/// What limits cost is measured against a host that is built without them; see
/// `tests/bench_pair.sh`. No other is.
const UNLIMITED: bool = cfg!(wares_unlimited);

/// Components that may wait until another one is compiled.
const COMPILERS_WAITING_MAX: usize = 4;

/// How often running guests look at their deadline.
const TICK: Duration = Duration::from_millis(5);

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Calls that may run at the same time.
    pub calls_max: u32,
    /// The largest memory that any component may have, in bytes.
    pub memory_bytes_max: usize,
    /// The largest table that any component may have, in elements.
    pub table_elements_max: u32,
    /// The stack of a guest, in bytes.
    pub stack_bytes_max: usize,
    /// The largest component file, in bytes.
    pub component_bytes_max: usize,
    /// What compiling one of them may use, in a process of its own. `None` compiles
    /// in this very process, which is for a fuzzer.
    pub compile: Option<CompileLimits>,
    /// Where compiled components are kept between starts; `None` keeps none.
    pub artifacts: Option<PathBuf>,
    /// Gets each line that a component wrote to its standard error in a call that
    /// succeeded, after its name, for commands without a log. An error has those of
    /// its own call.
    pub hear: Option<fn(&str, &str)>,
    /// Whether components are being developed: all processors compile them, functions that were
    /// compiled before are not compiled again, and a trap names the lines of their sources.
    pub developing: bool,
    /// Where the time and the chance of components come from while they are tested; `None`
    /// is the machine.
    pub trial: Option<Arc<Trial>>,
}

/// Compiles components and owns what running them shares: the pools of
/// instances, and the clock that their deadlines are measured by.
pub struct Engine {
    engines: Arc<Engines>,
    options: EngineOptions,
    clock: Arc<Clock>,
    compilers: Turns,
    /// Works that are done aside at this moment.
    aside: AtomicU32,
    points: PointsOfHost,
}

/// The clock of deadlines. It runs as long as any call of a component may run, so that calls
/// that still run when a host ends reach their deadlines.
struct Clock {
    stop: Arc<AtomicBool>,
    ticker: Option<JoinHandle<()>>,
}

impl Engine {
    /// Reserves the pool and starts the clock.
    ///
    /// # Errors
    /// When the machine has not the virtual memory or the thread for it.
    pub fn new(options: EngineOptions) -> Result<Self, LoadError> {
        let engines = Arc::new(Engines::new(options.clone())?);
        let clock = Arc::new(Clock::start(engines.clone())?);
        Ok(Self {
            engines,
            options,
            clock,
            compilers: Turns::new(COMPILERS_WAITING_MAX),
            aside: AtomicU32::new(0),
            points: Arc::default(),
        })
    }

    /// Does work that calls components, or compiles them, while others are served:
    /// on a thread of its own, which has the stack for it and is deprioritised unless
    /// components are being developed.
    ///
    /// # Errors
    /// At once, when as much is done aside as the pool has instances for beside the calls:
    /// more would take those of requests. And when the machine has no thread left.
    pub fn aside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LoadError> {
        let _spare = Spare::take(&self.aside)?;
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("aside".to_owned())
                .stack_size(
                    stack_bytes_of_calls(self.options.stack_bytes_max) + STACK_BYTES_OF_HOST,
                )
                .spawn_scoped(scope, || {
                    // An author waits for it, and no one else for anything.
                    if !self.options.developing {
                        processors::enter_background();
                    }
                    work()
                })
                .map_err(|error| LoadError::Engine(error.into()))?;
            Ok(thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Has the extension points of all components filled, from their next calls on. A second
    /// call changes nothing.
    pub fn fill_points(&self, points: Arc<dyn Points>) {
        // The first one stays.
        let _ = self.points.set(points);
    }

    /// Removes what is kept between starts of the component with this digest.
    pub fn forget(&self, digest: Digest) {
        if let Some(folder) = &self.options.artifacts {
            artifact::forget(folder, digest);
        }
    }
}

/// One of the instances that the pool has beside the calls, until it is dropped.
struct Spare<'a>(&'a AtomicU32);

impl<'a> Spare<'a> {
    fn take(taken: &'a AtomicU32) -> Result<Self, LoadError> {
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < SPARE_CALLS).then_some(taken + 1)
            })
            .map(|_| Self(taken))
            .map_err(|taken| LoadError::AsideBusy(taken as usize))
    }
}

impl Drop for Spare<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Clock {
    fn start(engines: Arc<Engines>) -> Result<Self, LoadError> {
        let stop = Arc::new(AtomicBool::new(false));
        let ticker = std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn({
                let stop = stop.clone();
                move || {
                    // What guests sleep by starts its threads where it is first used: here,
                    // and not on a background thread.
                    wasmtime_wasi::runtime::with_ambient_tokio_runtime(|| ());
                    ThreadNumber::own().isolate(Isolation::Foreground);
                    while !stop.load(Ordering::Relaxed) {
                        std::thread::sleep(if processors::is_background_busy() {
                            processors::YIELD_INTERVAL
                        } else {
                            TICK
                        });
                        engines.tick();
                    }
                }
            })
            .map_err(|error| LoadError::Engine(error.into()))?;
        Ok(Self {
            stop,
            ticker: Some(ticker),
        })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(ticker) = self.ticker.take() {
            // It can only have ended by itself through a panic, which it reported then.
            let _ = ticker.join();
        }
    }
}

/// Instances beside the calls: those that are asked about themselves at load, or are
/// verified. Those that are compiled or wait for it leave some to others.
const SPARE_CALLS: u32 = COMPILERS_WAITING_MAX as u32 + 4;
/// The innermost cause, on one line.
fn root(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_done_aside_as_there_are_spare_instances_and_the_rest_is_refused_at_once() {
        let taken = AtomicU32::new(0);
        let mut spare: Vec<_> = (0..SPARE_CALLS)
            .map(|_| Spare::take(&taken).unwrap())
            .collect();
        let refused = Spare::take(&taken).err().map(|error| error.to_string());
        let said = format!("{SPARE_CALLS} components are loaded or verified already");
        assert_eq!(refused, Some(said));
        spare.pop();
        assert!(Spare::take(&taken).is_ok());
    }
}
