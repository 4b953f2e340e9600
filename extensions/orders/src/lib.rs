//! Orders with lines, as a module of its own, and as the relation `orders` of customers.

pub mod model;
pub mod rules;

#[cfg(target_family = "wasm")]
mod customers;
#[cfg(target_family = "wasm")]
mod orders;
#[cfg(target_family = "wasm")]
mod relation;

#[cfg(target_family = "wasm")]
mod component {
    use wares_module_kit::component::{export, provider};

    use crate::orders::Orders;

    export!(Orders with_types_in wares_module_kit::component::bindings);
    provider::export!(Orders with_types_in provider::bindings);
}
