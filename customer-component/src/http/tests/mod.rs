//! The wire over the tables of this module.

mod fields;
mod openapi;
mod parameters;
