//! The rules over a store in memory: no wasm, no database.

mod addresses;
mod customers;
mod groups;
mod hooks;
pub mod memory;
mod metadata;

use wares_module_kit::fault::{Fault, Rejection};
use wares_module_kit::operation::Hooked;

use crate::domain::Domain;
use crate::hooks::{Hooks, NoHooks};
use crate::settings::Compat;
use crate::types::{Customer, MembershipChange, NewCustomer};

use memory::Memory;

/// A domain with nothing in it, and no extensions.
pub fn domain() -> Domain<Memory, NoHooks> {
    Domain::new(Memory::default(), NoHooks, Compat::Document)
}

/// The same, answering as Medusa 2.
pub fn medusa() -> Domain<Memory, NoHooks> {
    Domain::new(Memory::default(), NoHooks, Compat::Medusa2)
}

/// A rejection with this message.
pub fn rejection(message: &str) -> Fault {
    Fault::Rejected(Rejection {
        message: message.to_owned(),
        ..Rejection::default()
    })
}

/// An extension that changes what it gets, and refuses some of it.
pub struct Meddler;

impl Hooks for Meddler {
    fn before_create_customer(&self, mut value: NewCustomer) -> Hooked<NewCustomer> {
        match value.first_name.as_deref() {
            Some("Refused") => Err(rejection("No Refuseds here")),
            Some("Spoiled") => {
                value.email = Some("spoiled".to_owned());
                Ok(value)
            }
            _ => {
                value.last_name = Some("Meddled".to_owned());
                Ok(value)
            }
        }
    }

    fn before_delete_customer(&self, _: String) -> Hooked<String> {
        Err(rejection("Nobody leaves"))
    }

    fn before_add_members(&self, _: MembershipChange) -> Hooked<MembershipChange> {
        Err(rejection("Full"))
    }
}

/// A customer to be made.
pub fn guest(email: &str) -> NewCustomer {
    NewCustomer {
        email: Some(email.to_owned()),
        ..NewCustomer::default()
    }
}

/// Makes a customer.
pub fn made<H: Hooks>(domain: &Domain<Memory, H>, email: &str) -> Customer {
    domain.create_customer(guest(email)).unwrap()
}
