//! Faults that tests provoke: in builds with debug assertions, the variable
//! `WARES_FAULT` names places in the host and what happens there. A release build
//! reads no such variable.

use std::sync::LazyLock;

/// `PLACE` ends the process there, `PLACE=panic` panics, and `PLACE=wait:FIFO` blocks
/// the thread until the FIFO is opened for writing; where there is no such file,
/// it goes on. Several stand after one another with a comma between them.
static FAULTS: LazyLock<Vec<(String, What)>> = LazyLock::new(|| {
    let faults = std::env::var("WARES_FAULT").unwrap_or_default();
    faults
        .split(',')
        .map(|fault| match fault.split_once('=') {
            None => (fault.to_owned(), What::Abort),
            Some((place, "panic")) => (place.to_owned(), What::Panic),
            Some((place, what)) => {
                let fifo = what.strip_prefix("wait:").unwrap_or_default();
                (place.to_owned(), What::Wait(fifo.to_owned()))
            }
        })
        .collect()
});

enum What {
    Abort,
    Panic,
    Wait(String),
}

/// Does what `WARES_FAULT` says of this place.
pub(crate) fn fault(place: &str) {
    if cfg!(debug_assertions) {
        provoke(place);
    }
}

/// The same of this place while it is at work for one module: `PLACE.MODULE`.
pub(crate) fn fault_of(place: &str, module: &str) {
    if cfg!(debug_assertions) && !FAULTS.is_empty() {
        provoke(&format!("{place}.{module}"));
    }
}

fn provoke(place: &str) {
    for (_, what) in FAULTS.iter().filter(|(name, _)| name == place) {
        match what {
            What::Abort => std::process::abort(),
            What::Panic => panic!("WARES_FAULT names {place}"),
            // Opening a FIFO for reading blocks until it is opened for writing.
            What::Wait(fifo) => drop(std::fs::File::open(fifo)),
        }
    }
}
