//! The Wares host: HTTP, identity, storage and sandboxing for business modules
//! that are WebAssembly components. It never knows what business they are in.

mod capabilities;
mod casefold;
pub mod cli;
mod clock;
pub mod components;
pub mod config;
pub mod digest;
pub mod engine;
mod fault;
mod files;
mod free_memory;
mod headers;
pub mod http;
mod identity;
mod printable;
mod server;
pub mod storage;
mod telemetry;
mod threads;
mod trial;
