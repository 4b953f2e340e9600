//! A module with one route, which greets people in the words of its settings.

pub mod rules;

#[cfg(target_family = "wasm")]
mod component;
