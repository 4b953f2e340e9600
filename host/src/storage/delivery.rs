//! Events of components on their way to one that subscribes to them.

use super::Event;

/// An event of a component, as its subscriber keeps it while it cannot be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The component that emitted it.
    pub source: String,
    /// Its number there and what it says.
    pub event: Event,
    /// What it is about: those with the same key are handled one after the other.
    pub key: String,
    /// How often it was handled without success.
    pub attempts: u32,
    /// When it is to be handled again, in milliseconds since 1970; `None` of a dead letter.
    pub due_ms: Option<i64>,
    /// What its subscriber said the last time, if it was handled.
    pub error: Option<String>,
}

/// How far a subscriber has got with the events of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// All events up to this number are handled, or kept as deliveries.
    pub done: i64,
    /// Events beyond it that are handled already.
    pub handled: Vec<i64>,
}

/// The deliveries that are kept of a component's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Those that are to be handled again.
    pub waiting: i64,
    /// Those that are not handled again unless somebody asks for it.
    pub dead: i64,
}
