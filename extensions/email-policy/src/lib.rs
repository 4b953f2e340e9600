//! An extension of the customers module: refuses customers whose email address is of a
//! disposable domain. The domains are rows of its own table, which its routes edit.

pub mod rules;

#[cfg(target_family = "wasm")]
mod domains;
#[cfg(target_family = "wasm")]
mod hooks;

#[cfg(target_family = "wasm")]
mod component {
    use wares_module_kit::component::export;

    use crate::domains::EmailPolicy;

    export!(EmailPolicy with_types_in wares_module_kit::component::bindings);
}
