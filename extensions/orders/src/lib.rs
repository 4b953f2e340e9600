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
use orders::Orders;
#[cfg(target_family = "wasm")]
wares_module_kit::component::export!(Orders: Provider);
