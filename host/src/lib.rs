//! The Wares host: HTTP, identity, storage and sandboxing for business modules
//! that are WebAssembly components. It never knows what business they are in.

pub mod capabilities;
mod casefold;
pub mod cli;
mod clock;
pub mod config;
pub mod engine;
mod fault;
mod files;
mod giving_back;
mod giving_way;
mod headers;
pub mod http;
pub mod identity;
pub mod modules;
mod printable;
pub mod server;
pub mod storage;
pub mod telemetry;
mod waiting;
