//! Panics: their text and place reach the host's log, whatever the text's length.

use std::fmt::{self, Write};
use std::io;
use std::panic::PanicHookInfo;

/// How much of a panic is written. The host keeps the last 2 KiB of what a call wrote to its
/// standard error, so that the place, which comes first, is among them.
const BYTES_MAX: usize = 1_800;

/// Has a panic of this call written to the host's log with its place, and the beginning of its text.
/// All calls of this crate's traits begin with it; one of a trait `Guest` of
/// [`bindings`](crate::bindings) does so itself. An instance serves one call.
///
/// ```
/// wares_module::panics::report();
/// ```
pub fn report() {
    #[cfg(target_family = "wasm")]
    std::panic::set_hook(Box::new(|panic| write(panic, &mut io::stderr())));
}

/// Writes where and why, in as much as there is room for.
#[cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "for its tests")
)]
fn write(panic: &PanicHookInfo<'_>, to: &mut dyn io::Write) {
    let mut text = Bounded(String::new());
    if write!(text, "{panic}").is_err() {
        text.0.push_str(" … (cut)");
    }
    // Nothing is left to be told if it cannot be written.
    let _ = writeln!(to, "{}", text.0);
}

/// A text that takes no more than it may hold.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = BYTES_MAX.saturating_sub(self.0.len());
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        if text.len() > room {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_panic_of_any_length_is_written_with_its_place_and_the_beginning_of_its_text() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let into = written.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            write(panic, &mut *into.lock().unwrap());
        }));
        let caught = std::panic::catch_unwind(|| panic!("{}", "Ärger ".repeat(1_000)));
        std::panic::set_hook(before);
        assert!(caught.is_err());
        let said = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let place = format!("panicked at {}:", file!());
        assert!(said.starts_with(&place), "{said}");
        assert!(said.contains(":\nÄrger Ärger "), "{said}");
        assert!(said.ends_with(" … (cut)\n") && said.len() < 2_048, "{said}");
    }
}
