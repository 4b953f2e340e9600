//! What the host gives to components: one file a capability. Each implements
//! the interface of that name in `wit/` over a small context that lives in the
//! store of one call. Knows nothing of HTTP, and nothing of which component
//! calls it beyond its name.

pub mod events;
pub mod logging;
pub mod sql;
pub mod wasi;

/// The interfaces of `wares:platform`, as wasmtime sees them from the host.
pub mod bindings {
    #![allow(missing_docs)]
    wasmtime::component::bindgen!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.0.0",
        ],
        world: "wares:platform/capabilities@1.0.0",
        imports: {
            default: trappable,
        },
        with: {
            "wares:platform/sql.transaction": super::sql::Transaction,
        },
    });
}
