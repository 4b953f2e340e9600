//! The customers module.
#[cfg(target_family = "wasm")]
mod bindings {
    wit_bindgen::generate!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.0.0",
            "../wit/module@1.0.0",
            "../wit/customer@1.0.0",
        ],
        world: "wares:customer/customer-module@1.0.0",
        generate_all,
    });
}
