//! Modules: components that own a domain, each with its name, its routes, its
//! database and its limits. Finds them, brings their schema up to date and
//! calls them. Knows nothing of HTTP, and nothing of what any module is for.

mod breaker;
mod bundled;
mod meters;
mod module;
mod slot;
mod source;

pub use breaker::BreakerOptions;
pub use meters::Meters;
pub use module::{Access, Method, Module, ModuleError, ModuleOptions, Route};
pub use slot::{Slot, SlotError, SlotOptions};
pub use source::{Source, SourceError, find};

pub use crate::engine::bindings::exports::wares::module::http::{
    Actor, ActorKind, Header, Request, Response,
};
