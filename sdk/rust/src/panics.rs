//! Panics: their text and place reach the host's log, whatever the text's length.

use std::panic::{Location, PanicHookInfo};

use crate::log;

/// How much of the text of a panic is logged. The error of a failed call has the beginning and the
/// end of what the call logged as a warning or an error: the place, which comes last, is among it.
const TEXT_BYTES_MAX: usize = 1_800;

/// Has a panic of this call logged, as an error with its place and the beginning of its text.
/// All calls of this crate's traits begin with it; one of a trait `Guest` of
/// [`bindings`](crate::bindings) does so itself. An instance serves one call.
///
/// ```
/// wares_module::panics::report();
/// ```
pub fn report() {
    if cfg!(target_family = "wasm") {
        std::panic::set_hook(Box::new(write));
    }
}

fn write(panic: &PanicHookInfo<'_>) {
    let message = message(panic.payload_as_str(), panic.location());
    log::write(log::Level::Error, "panic", &message);
}

/// One line with as much of a text as there is room for, and the place.
fn message(text: Option<&str>, place: Option<&Location<'_>>) -> String {
    let text = text.unwrap_or("a value that is no text");
    let shown = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let mut message = format!("panic: {shown}");
    if shown.len() < text.len() {
        message += &format!("… (of {} bytes)", text.len());
    }
    if let Some(place) = place {
        message += &format!(", at {place}");
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place_and_the_beginning_of_its_text() {
        let place = Location::caller();
        let at = format!(", at {}:{}:{}", file!(), place.line(), place.column());
        let said = message(Some("beyond reason"), Some(place));
        assert_eq!(said, format!("panic: beyond reason{at}"));
        let said = message(Some(&format!("x{}", "é".repeat(1_000_000))), Some(place));
        let shown = "é".repeat(899);
        assert_eq!(said, format!("panic: x{shown}… (of 2000001 bytes){at}"));
        let said = message(None, None);
        assert_eq!(said, "panic: a value that is no text");
    }
}
