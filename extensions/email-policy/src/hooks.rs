//! What the extension does at the hooks of the customers module.

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
            package example:email-policy;

            world extension {
                import wasi:config/store@0.2.0-rc.1;
                export wares:customer/hooks@2.1.0;
            }
        ",
        world: "example:email-policy/extension",
        generate_all,
    });
}

use bindings::exports::wares::customer::hooks::{Context, Guest, Rejection};
use bindings::wares::customer::types::{
    AddressReference, AddressUpdate, CustomerChange, CustomerUpdate, GroupUpdate, MembershipChange,
    NewAddress, NewCustomer, NewGroup,
};
use bindings::wasi::config::store;

use crate::domains::{EmailPolicy, refused};
use crate::rules;

bindings::export!(EmailPolicy with_types_in bindings);

/// Refuses an email address of a domain in the table that the settings do not allow.
///
/// A fault is a panic: the host writes its text to the log, and refuses the request or goes
/// on without this extension, as the operator chose.
fn check(email: Option<&str>) -> Result<(), Rejection> {
    let allowed = store::get("allow").ok().flatten().unwrap_or_default();
    let allowed = rules::list(&allowed).unwrap_or_default();
    let domains = rules::domains(email.unwrap_or_default());
    if domains.iter().any(|domain| allowed.contains(domain)) {
        return Ok(());
    }
    match refused(&domains) {
        Ok(None) => Ok(()),
        Ok(Some(domain)) => Err(Rejection {
            message: format!("Email addresses of {domain} are not accepted"),
            field: Some("email".to_owned()),
            code: Some("disposable_email".to_owned()),
        }),
        Err(fault) => panic!("{fault}"),
    }
}

/// Hooks at which nothing is done.
macro_rules! unchanged {
    ($($hook:ident: $value:ty;)*) => {$(
        fn $hook(_: Context, value: $value) -> Result<$value, Rejection> {
            Ok(value)
        }
    )*};
}

impl Guest for EmailPolicy {
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
