//! An extension that sends new customers a mail, by the HTTP API of a mail service: it takes the
//! event `customer.created`, reads the customer, and posts to the service with a secret that it
//! never sees.

pub mod mail;

#[cfg(target_family = "wasm")]
mod component;
