//! Points and tiers of customers: an account for each, with entries, and the fields
//! `loyalty.tier` and `loyalty.points` of customers, by which their lists are filtered.

pub mod model;
pub mod rules;
pub mod tiers;

#[cfg(target_family = "wasm")]
mod accounts;
#[cfg(target_family = "wasm")]
mod customers;
#[cfg(target_family = "wasm")]
mod fields;
#[cfg(target_family = "wasm")]
mod loyalty;

#[cfg(target_family = "wasm")]
mod component {
    use wares_module_kit::component::{export, provider};

    use crate::loyalty::Loyalty;

    export!(Loyalty with_types_in wares_module_kit::component::bindings);
    provider::export!(Loyalty with_types_in provider::bindings);
}
