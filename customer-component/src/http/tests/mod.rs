//! The wire over the tables of this module.

mod elsewhere;
mod fields;
mod openapi;
mod parameters;
