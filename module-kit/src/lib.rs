//! What every module needs and none should write again: packed rows, searches and
//! their SQL, Medusa's query language, bodies, JSON from rows, OpenAPI, ids and times.
//!
//! A module describes its nouns as tables ([`entity`]) and keeps its rules, its
//! statements and its routes. Nothing here knows what any noun means. Only
//! `component`, the glue to the host, needs WebAssembly: all else builds and is tested
//! natively.

pub mod amount;
pub mod caller;
pub mod change;
pub mod clock;
#[cfg(target_family = "wasm")]
pub mod component;
pub mod countries;
pub mod email;
pub mod entity;
pub mod extended;
pub mod fault;
pub mod filter;
pub mod http;
pub mod ids;
pub mod issue;
pub mod metadata;
pub mod operation;
pub mod prelude;
pub mod sql;
pub mod store;

pub use wares_module::records;
