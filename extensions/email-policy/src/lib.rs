//! An extension of the customers module: refuses customers whose email address is of a
//! disposable domain. The domains are rows of its own table, which its routes edit.

pub mod rules;

#[cfg(target_family = "wasm")]
mod domains;
#[cfg(target_family = "wasm")]
mod hooks;

#[cfg(target_family = "wasm")]
use domains::EmailPolicy;
#[cfg(target_family = "wasm")]
wares_module_kit::component::export!(EmailPolicy);
#[cfg(target_family = "wasm")]
wares_module::export_interfaces!(EmailPolicy: CustomerHooks);
