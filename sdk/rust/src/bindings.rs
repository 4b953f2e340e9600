//! What wit-bindgen makes of the contracts: the functions of the host, the types, and for each
//! interface that a component may export the trait `Guest` and the macro that exports it.
//!
//! Few components need it: what this crate has around it is shorter. It is public for those that
//! bind a world of their own beside it, as for typed operations, and share its types:
//!
//! ```ignore
//! wit_bindgen::generate!({
//!     path: "wares-module/wit",
//!     inline: "
//!         package example:points;
//!
//!         interface points {
//!             use wares:platform/hooks@1.2.0.{rejection};
//!             spend: func(customer-id: string, points: u32) -> result<s64, rejection>;
//!         }
//!
//!         world component {
//!             export points;
//!         }
//!     ",
//!     world: "example:points/component",
//!     with: {"wares:platform/hooks@1.2.0": wares_module::bindings::wares::platform::hooks},
//!     generate_all,
//! });
//!
//! export!(Points);
//! wares_module::export!(Points);
//! ```

#![allow(
    missing_docs,
    clippy::all,
    reason = "generated from `wit/`, where it is documented"
)]

/// Binds one world of `wit/worlds.wit`, with the types of others.
macro_rules! bind {
    ($module:ident $world:literal { $($with:tt)* }) => {
        bind!("wit" $module $world { $($with)* });
    };
    ($folder:literal $module:ident $world:literal { $($with:tt)* }) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: $folder,
                world: $world,
                with: { $($with)* },
                generate_all,
                generate_unused_types: true,
                pub_export_macro: true,
            });
        }
    };
}

bind!(host "host" {});

pub use host::{wares, wasi};

bind!(lifecycle "lifecycle" {});
bind!(http "http" {});
bind!(seed "seed" {});
bind!(migrations "migrations" {});
bind!(entities "entities" {});
bind!(provider "provider" {
    "wares:platform/hooks@1.2.0": crate::bindings::wares::platform::hooks,
    "wares:platform/extended@1.2.0": crate::bindings::wares::platform::extended,
});
// Of later minor versions of the packages in `wit`. In a folder with those, their names would have
// a number.
bind!("wit-events" subscriber "subscriber" {});
bind!("wit-events" outbound "outbound" {});
bind!(customer_hooks "customer-hooks" {
    "wares:platform/hooks@1.2.0": crate::bindings::wares::platform::hooks,
    "wares:customer/types@2.1.0": crate::bindings::wares::customer::types,
});
#[cfg(feature = "customers")]
bind!(operations "operations" {
    "wares:platform/hooks@1.2.0": crate::bindings::wares::platform::hooks,
    "wares:customer/types@2.1.0": crate::bindings::wares::customer::types,
});
