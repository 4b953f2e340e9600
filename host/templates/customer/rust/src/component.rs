//! The rules as a component: what the host calls.

use wares_module::customer::{CustomerChange, CustomerUpdate, NewCustomer};
use wares_module::{Component, Context, CustomerHooks, Rejection, info, settings};

use crate::rules;

struct Extension;

// What it has: each trait is one of the interfaces that the host looks for.
wares_module::export!(Extension: CustomerHooks);

impl Component for Extension {
    const SETTINGS: &'static [&'static str] = &[rules::REFUSED_DOMAIN];
}

/// The other nine hooks return their values as they came.
impl CustomerHooks for Extension {
    fn before_create_customer(
        _: Context,
        mut value: NewCustomer,
    ) -> Result<NewCustomer, Rejection> {
        check(value.email.as_deref())?;
        tidy(&mut value.first_name);
        tidy(&mut value.last_name);
        tidy(&mut value.company_name);
        Ok(value)
    }

    fn before_update_customer(
        _: Context,
        mut value: CustomerUpdate,
    ) -> Result<CustomerUpdate, Rejection> {
        for change in &mut value.changes {
            match change {
                CustomerChange::Email(email) => check(email.as_deref())?,
                CustomerChange::FirstName(name)
                | CustomerChange::LastName(name)
                | CustomerChange::CompanyName(name) => tidy(name),
                CustomerChange::Phone(_) | CustomerChange::Metadata(_) => {}
            }
        }
        Ok(value)
    }
}

/// Refuses an email address of the domain in the settings. A panic would be a failure of
/// this extension: the operator chooses whether requests are refused or go on without it.
fn check(email: Option<&str>) -> Result<(), Rejection> {
    let Some(domain) = settings::get(rules::REFUSED_DOMAIN) else {
        return Ok(());
    };
    if !email.is_some_and(|email| rules::is_of(email, &domain)) {
        return Ok(());
    }
    info!("refuses an address of {domain}");
    Err(
        Rejection::new(format!("Email addresses of {domain} are not accepted"))
            .field("email")
            .code("refused_domain"),
    )
}

fn tidy(name: &mut Option<String>) {
    *name = name.as_deref().map(rules::tidy);
}
