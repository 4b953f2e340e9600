//! Any bytes as a body: read by every operation that takes one, or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| customer_component::http::fuzzing::read_as_any(bytes));
