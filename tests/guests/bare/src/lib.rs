//! A component that exports nothing but `lifecycle`, which is required of every one.

#[cfg(target_family = "wasm")]
mod component {
    mod bindings {
        wit_bindgen::generate!({
            path: ["../../../wit/deps/wasi-config@0.2.0-rc.1", "../../../wit/deps/wasi-logging@0.1.0-draft", "../../../wit/platform@1.1.0", "../../../wit/module@2.0.0"],
            inline: "
                package tests:bare;
                world bare {
                    export wares:module/lifecycle@2.0.0;
                }
            ",
            world: "tests:bare/bare",
        });
    }

    use bindings::exports::wares::module::lifecycle::{Description, Guest};

    struct Bare;

    bindings::export!(Bare with_types_in bindings);

    impl Guest for Bare {
        fn describe() -> Description {
            Description {
                name: "bare".to_owned(),
                version: "1.0.0".to_owned(),
                summary: "Exports its lifecycle".to_owned(),
            }
        }

        fn check_settings() -> Result<(), Vec<String>> {
            Ok(())
        }
    }
}
