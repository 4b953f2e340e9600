//! The customers module, as its typed operations show it.

use wares_module::customer::customers;
use wares_module::customer::{Customer, Error};
use wares_module_kit::fault::Fault;

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
