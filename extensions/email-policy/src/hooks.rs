//! What the extension does at the hooks of the customers module.

use wares_module::customer::{CustomerChange, CustomerUpdate, NewCustomer};
use wares_module::{Context, CustomerHooks, Rejection, settings};

use crate::domains::{EmailPolicy, refused};
use crate::rules;

/// Refuses an email address of a domain in the table that the settings do not allow.
///
/// A fault is a panic: the host writes its text to the log, and refuses the request or goes
/// on without this extension, as the operator chose.
fn check(email: Option<&str>) -> Result<(), Rejection> {
    let allowed = settings::get("allow").unwrap_or_default();
    let allowed = rules::list(&allowed).unwrap_or_default();
    let domains = rules::domains(email.unwrap_or_default());
    if domains.iter().any(|domain| allowed.contains(domain)) {
        return Ok(());
    }
    match refused(&domains) {
        Ok(None) => Ok(()),
        Ok(Some(domain)) => Err(Rejection::new(format!(
            "Email addresses of {domain} are not accepted"
        ))
        .field("email")
        .code("disposable_email")),
        Err(fault) => panic!("{fault}"),
    }
}

impl CustomerHooks for EmailPolicy {
    fn before_create_customer(_: Context, value: NewCustomer) -> Result<NewCustomer, Rejection> {
        check(value.email.as_deref())?;
        Ok(value)
    }

    fn before_update_customer(
        _: Context,
        value: CustomerUpdate,
    ) -> Result<CustomerUpdate, Rejection> {
        for change in &value.changes {
            if let CustomerChange::Email(email) = change {
                check(email.as_deref())?;
            }
        }
        Ok(value)
    }
}
