//! Lines of the host's log. What a component prints becomes such lines as well: standard output
//! at `info`, standard error at `warn`.

use crate::bindings::wasi::logging::logging;

pub(crate) use logging::Level;

/// Adds a line to the host's log. The macros call it.
pub fn write(level: Level, context: &str, message: &str) {
    logging::log(level, context, message);
}

/// Adds a line to the host's log at this [`Level`], as `format!` writes it, with the
/// name of the Rust module that it stands in. `wares module logs NAME` prints it.
///
/// ```no_run
/// wares_module::log!(wares_module::Level::Critical, "{} points are lost", 3);
/// ```
#[macro_export]
macro_rules! log {
    ($level:expr, $($format:tt)+) => {
        $crate::__log($level, module_path!(), &format!($($format)+))
    };
}

/// Adds a line to the host's log at `debug`, as [`log!`](crate::log!).
#[macro_export]
macro_rules! debug {
    ($($format:tt)+) => { $crate::log!($crate::Level::Debug, $($format)+) };
}

/// Adds a line to the host's log at `info`, as [`log!`](crate::log!).
///
/// ```no_run
/// let domain = "spam.example";
/// wares_module::info!("refuses an address of {domain}");
/// ```
#[macro_export]
macro_rules! info {
    ($($format:tt)+) => { $crate::log!($crate::Level::Info, $($format)+) };
}

/// Adds a line to the host's log at `warn`, as [`log!`](crate::log!).
#[macro_export]
macro_rules! warn {
    ($($format:tt)+) => { $crate::log!($crate::Level::Warn, $($format)+) };
}

/// Adds a line to the host's log at `error`, as [`log!`](crate::log!).
#[macro_export]
macro_rules! error {
    ($($format:tt)+) => { $crate::log!($crate::Level::Error, $($format)+) };
}
