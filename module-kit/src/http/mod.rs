//! Medusa's way of speaking HTTP, for any module: query strings, filters, `fields`,
//! bodies, JSON from rows, and all of that as OpenAPI. Knows no entity by name.

pub mod body;
pub mod budget;
pub mod exchange;
pub mod fields;
pub mod json;
pub mod openapi;
pub mod parameters;
pub mod percent;
pub mod query;
pub mod route;
