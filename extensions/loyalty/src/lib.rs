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
use loyalty::Loyalty;
#[cfg(target_family = "wasm")]
wares_module_kit::component::export!(Loyalty: Provider);
