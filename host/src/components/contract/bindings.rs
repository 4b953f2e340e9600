//! The interfaces of `wares:module`, as wasmtime sees them from the host: a module for
//! each major version, in its latest minor one. A component of an earlier minor version
//! exports the same under another name.

#![allow(missing_docs)]

/// `wares:module@1`.
pub mod v1 {
    wasmtime::component::bindgen!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.0.0",
            "../wit/module@1.1.0",
        ],
        inline: "
            package wares:host;

            world module-v1 {
                export wares:module/lifecycle@1.1.0;
                export wares:module/http@1.1.0;
                export wares:module/seed@1.1.0;
                export wares:module/schema@1.1.0;
            }
        ",
        world: "wares:host/module-v1",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// `wares:module@2`.
pub mod v2 {
    wasmtime::component::bindgen!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.3.0",
            "../wit/module@2.2.0",
        ],
        inline: "
            package wares:host;

            world module-v2 {
                export wares:module/lifecycle@2.2.0;
                export wares:module/http@2.2.0;
                export wares:module/seed@2.2.0;
                export wares:module/migrations@2.2.0;
                export wares:module/entities@2.2.0;
                export wares:module/subscriber@2.2.0;
            }
        ",
        world: "wares:host/module-v2",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// `wares:module/provider@2`, with the types of the capability that it answers.
pub mod provider {
    wasmtime::component::bindgen!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.3.0",
            "../wit/module@2.2.0",
        ],
        inline: "
            package wares:host;

            world module-provider {
                export wares:module/provider@2.2.0;
            }
        ",
        world: "wares:host/module-provider",
        with: {
            "wares:platform/hooks": crate::engine::platform::hooks,
            "wares:platform/extended": crate::engine::platform::extended,
        },
    });
}
