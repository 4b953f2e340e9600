//! Faults that tests provoke: in builds with debug assertions, the variable
//! `WARES_FAULT` names points in the host and the fault at each. A release build
//! reads no such variable.

use std::sync::LazyLock;

/// `POINT` aborts the process there, `POINT=panic` panics, and `POINT=wait:FIFO` blocks
/// the thread until the FIFO is opened for writing; without that file it continues.
/// Commas separate several.
static FAULTS: LazyLock<Vec<(String, Kind)>> = LazyLock::new(|| {
    let faults = std::env::var("WARES_FAULT").unwrap_or_default();
    faults
        .split(',')
        .map(|fault| match fault.split_once('=') {
            None => (fault.to_owned(), Kind::Abort),
            Some((point, "panic")) => (point.to_owned(), Kind::Panic),
            Some((point, kind)) => {
                let fifo = kind.strip_prefix("wait:").unwrap_or_default();
                (point.to_owned(), Kind::Wait(fifo.to_owned()))
            }
        })
        .collect()
});

enum Kind {
    Abort,
    Panic,
    Wait(String),
}

/// Provokes the faults that `WARES_FAULT` names for this point.
pub(crate) fn fault(point: &str) {
    if cfg!(debug_assertions) {
        provoke(point);
    }
}

/// Provokes the faults of this point for one module: `POINT.MODULE`.
pub(crate) fn fault_of(point: &str, module: &str) {
    if cfg!(debug_assertions) && !FAULTS.is_empty() {
        provoke(&format!("{point}.{module}"));
    }
}

fn provoke(point: &str) {
    for (_, kind) in FAULTS.iter().filter(|(name, _)| name == point) {
        match kind {
            Kind::Abort => std::process::abort(),
            Kind::Panic => panic!("WARES_FAULT names {point}"),
            // Opening a FIFO for reading blocks until it is opened for writing.
            Kind::Wait(fifo) => drop(std::fs::File::open(fifo)),
        }
    }
}
