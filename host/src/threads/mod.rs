//! Threads: the ones that calls run on, how the processors are shared among modules, and
//! what a thread that waits frees. Knows neither components nor databases.

mod executor;
mod fairness;
pub(crate) mod permits;
pub(crate) mod processors;
mod queue;
mod task;

pub use executor::{Executor, ExecutorOptions};
pub use fairness::Fairness;
pub use queue::Lane;

/// Bytes of the stack of a thread that calls components, beside the guest's: for the host's
/// own part of a call.
pub(crate) const STACK_BYTES_OF_HOST: usize = 1024 * 1024;
