//! Events of components that a component takes.

use crate::bindings::subscriber::exports::wares::module::subscriber;
use crate::panics;

pub use crate::bindings::subscriber::exports::wares::module::subscriber::Event;

/// A component that takes events. It needs the grant `subscriptions`.
///
/// An event is handled at least once, and those about the same thing one after the other. That
/// one is handled is kept with the first transaction that the handler commits: what it writes into
/// its own database is written once.
///
/// ```no_run
/// use wares_module::{Component, Event, Migration, Migrations, Subscriber, params, sql};
///
/// struct Counter;
/// wares_module::export!(Counter: Migrations, Subscriber);
/// impl Component for Counter {}
///
/// impl Migrations for Counter {
///     const MIGRATIONS: &'static [Migration] = &[Migration {
///         name: "0001_seen",
///         statements: "create table seen (customer text not null) strict;",
///     }];
/// }
///
/// impl Subscriber for Counter {
///     const NAMES: &'static [&'static str] = &["customer.created"];
///
///     fn handle(event: Event) -> Result<(), String> {
///         let write = sql::execute("insert into seen (customer) values ($1)", params![&event.key]);
///         write.map(drop).map_err(|error| error.to_string())
///     }
/// }
/// ```
pub trait Subscriber {
    /// The names of the events that it takes: `customer.created`, or `customer.*` for all that begin
    /// so.
    const NAMES: &'static [&'static str];

    /// Handles an event.
    ///
    /// # Errors
    /// A text for the operator: the event is tried again later, and is a dead letter after the
    /// seventh time.
    fn handle(event: Event) -> Result<(), String>;
}

impl<C: Subscriber> subscriber::Guest for C {
    fn names() -> Vec<String> {
        panics::report();
        C::NAMES.iter().map(|name| (*name).to_owned()).collect()
    }

    fn handle(event: Event) -> Result<(), String> {
        panics::report();
        <C as Subscriber>::handle(event)
    }
}
