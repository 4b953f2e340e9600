//! The customers module: customers, their addresses and their groups, spoken as
//! Medusa's Admin API.
//!
//! `http` decodes and answers, `customers`, `addresses` and `groups` hold the
//! rules, `store` is what they ask of a database, `sql` is one. Only the glue
//! (`component`) sees generated types: everything else builds natively as well.

pub mod addresses;
#[cfg(target_family = "wasm")]
mod component;
pub mod customers;
pub mod domain;
pub mod events;
pub mod groups;
pub mod hooks;
pub mod http;
pub mod ids;
pub mod model;
pub mod seed;
pub mod settings;
pub mod sql;
pub mod store;
pub mod types;

// The host's own, so that stores of tests find what the host's SQL function finds.
#[cfg(test)]
#[path = "../../host/src/casefold.rs"]
mod casefold;
#[cfg(test)]
mod tests;
