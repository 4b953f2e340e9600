//! The customers module, as its typed operations show it.

mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../wit/deps/wasi-config@0.2.0-rc.1",
            "../../wit/deps/wasi-logging@0.1.0-draft",
            "../../wit/platform@1.2.0",
            "../../wit/module@2.1.0",
            "../../wit/customer@2.1.0",
        ],
        inline: "
            package example:loyalty;

            world loyalty {
                import wares:customer/customers@2.1.0;
            }
        ",
        world: "example:loyalty/loyalty",
        generate_all,
    });
}

use wares_module_kit::fault::Fault;

use bindings::wares::customer::customers;
use bindings::wares::customer::types::Error;

/// Checks that a customer has this id.
///
/// # Errors
/// When none has, or the customers module cannot serve.
pub fn check(id: &str) -> Result<(), Fault> {
    customers::retrieve(id)
        .map(drop)
        .map_err(|error| match error {
            Error::NotFound(text) => Fault::NotFound(text),
            Error::Unavailable(text) => Fault::Unavailable(text),
            other => Fault::Internal(format!("the customer {id} cannot be read: {other:?}")),
        })
}
