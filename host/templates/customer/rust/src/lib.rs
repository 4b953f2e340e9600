//! An extension of the customers module: it tidies the names of customers, and refuses
//! email addresses of the domain in its settings.

pub mod rules;

#[cfg(target_family = "wasm")]
mod component;
