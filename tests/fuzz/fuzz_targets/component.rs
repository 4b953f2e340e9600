//! Any bytes as a component: inspected, compiled and linked, or refused.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use wares::digest::Digest;
use wares::engine::{Engine, EngineOptions, LoadError};

fuzz_target!(|bytes: &[u8]| {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let options = EngineOptions {
            calls_max: 1,
            memory_bytes_max: 1 << 20,
            table_elements_max: 1_000,
            stack_bytes_max: 256 * 1024,
            component_bytes_max: 1 << 20,
            // A crash has to be in this process.
            compile: None,
            artifacts: None,
            hear: None,
            developing: false,
            trial: None,
        };
        Engine::new(options).expect("an engine")
    });
    // The compiler refuses most. The others can be inspected, linked or not.
    let loaded = engine.load(bytes, Digest::of(bytes), |_| Ok(()));
    if !matches!(
        loaded,
        Err(LoadError::TooLarge { .. } | LoadError::NotAComponent(_) | LoadError::Compile(_))
    ) {
        engine.inspect(bytes).expect("a component that compiles can be inspected");
    }
});
