//! The customers module, as its typed operations show it.

use wares_module::customer::Error;
use wares_module::customer::customers;
use wares_module_kit::fault::Fault;

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
