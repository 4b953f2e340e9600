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
            package example:orders;

            world orders {
                import wares:customer/customers@2.1.0;
            }
        ",
        world: "example:orders/orders",
        generate_all,
    });
}

use wares_module_kit::fault::Fault;

use bindings::wares::customer::customers;
use bindings::wares::customer::types::{Customer, Error};

/// The customer that an order is for.
///
/// # Errors
/// When no customer has this id, or the customers module cannot serve.
pub fn retrieve(id: &str) -> Result<Customer, Fault> {
    customers::retrieve(id).map_err(|error| match error {
        Error::NotFound(text) => Fault::Invalid(format!("Field 'customer_id': {text}")),
        Error::Unavailable(text) => Fault::Unavailable(text),
        other => Fault::Internal(format!("the customer {id} cannot be read: {other:?}")),
    })
}
