//! The rules as a component: what the host calls.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "component", generate_all });
}

use bindings::exports::wares::customer::hooks::{self, Context, Rejection};
use bindings::exports::wares::module::lifecycle::{self, Description};
use bindings::wares::customer::types::{
    AddressReference, AddressUpdate, CustomerChange, CustomerUpdate, GroupUpdate, MembershipChange,
    NewAddress, NewCustomer, NewGroup,
};
use bindings::wasi::config::store;
use bindings::wasi::logging::logging::{self, Level};

use crate::rules;

struct Component;

bindings::export!(Component with_types_in bindings);

impl lifecycle::Guest for Component {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        }
    }

    fn check_settings() -> Result<(), Vec<String>> {
        let settings = store::get_all().map_err(|error| vec![format!("{error:?}")])?;
        match rules::faults(&settings) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(faults),
        }
    }
}

/// Refuses an email address of the domain in the settings. A panic would be a failure of
/// this extension: the operator chooses whether requests are refused or go on without it.
fn check(email: Option<&str>) -> Result<(), Rejection> {
    let Some(domain) = store::get(rules::REFUSED_DOMAIN).expect("settings can be read") else {
        return Ok(());
    };
    if !email.is_some_and(|email| rules::is_of(email, &domain)) {
        return Ok(());
    }
    logging::log(
        Level::Info,
        "check",
        &format!("refuses an address of {domain}"),
    );
    Err(Rejection {
        message: format!("Email addresses of {domain} are not accepted"),
        field: Some("email".to_owned()),
        code: Some("refused_domain".to_owned()),
    })
}

fn tidy(name: &mut Option<String>) {
    *name = name.as_deref().map(rules::tidy);
}

/// Hooks at which nothing is done: each returns its value.
macro_rules! unchanged {
    ($($hook:ident: $value:ty;)*) => {$(
        fn $hook(_: Context, value: $value) -> Result<$value, Rejection> {
            Ok(value)
        }
    )*};
}

impl hooks::Guest for Component {
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

    unchanged! {
        before_delete_customer: String;
        before_create_address: NewAddress;
        before_update_address: AddressUpdate;
        before_delete_address: AddressReference;
        before_create_group: NewGroup;
        before_update_group: GroupUpdate;
        before_delete_group: String;
        before_add_members: MembershipChange;
        before_remove_members: MembershipChange;
    }
}
