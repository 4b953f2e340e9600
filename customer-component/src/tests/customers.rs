use wares_module_kit::change::Change;
use wares_module_kit::fault::Fault;
use wares_module_kit::metadata::Metadata;
use wares_module_kit::store::Read;

use super::{Meddler, domain, guest, made, medusa, rejection};
use crate::domain::Domain;
use crate::model::ADDRESS;
use crate::settings::Compat;
use crate::tests::memory::Memory;
use crate::types::{Customer, CustomerUpdate, NewAddress, NewCustomer};

fn update(id: &str) -> CustomerUpdate {
    CustomerUpdate {
        id: id.to_owned(),
        ..CustomerUpdate::default()
    }
}

fn invalid<T>(text: &str) -> Result<T, Fault> {
    Err(Fault::Invalid(text.to_owned()))
}

#[test]
fn a_customer_is_created_with_the_input() {
    let domain = domain();
    let made = domain
        .create_customer(NewCustomer {
            first_name: Some("Ann".to_owned()),
            metadata: Metadata::parse(r#"{"a":""}"#),
            created_by: Some("user_1".to_owned()),
            ..guest("Ann@Shop.example")
        })
        .unwrap();
    assert_eq!(
        made,
        Customer {
            id: made.id.clone(),
            email: Some("Ann@Shop.example".to_owned()),
            first_name: Some("Ann".to_owned()),
            metadata: Metadata::parse(r#"{"a":""}"#),
            created_by: Some("user_1".to_owned()),
            created_at: made.created_at.clone(),
            updated_at: made.created_at.clone(),
            ..Customer::default()
        }
    );
    assert_eq!(domain.retrieve_customer(&made.id), Ok(made.record()));
    assert_eq!(
        domain.store.take_events(),
        [("customer.created".to_owned(), made.id)]
    );
}

#[test]
fn an_email_is_required_by_the_document_alone() {
    assert_eq!(
        domain().create_customer(NewCustomer::default()),
        invalid("Field 'email' is required")
    );
    let medusa = medusa();
    let made = medusa.create_customer(NewCustomer::default()).unwrap();
    assert_eq!(made.email, None);
    assert!(
        medusa.create_customer(NewCustomer::default()).is_ok(),
        "several may have none"
    );
    let cleared = CustomerUpdate {
        email: Change::Clear,
        ..update(&made.id)
    };
    assert!(medusa.update_customer(cleared).is_ok());
}

#[test]
fn a_bad_email_or_a_nul_is_refused() {
    let domain = domain();
    assert_eq!(
        domain.create_customer(guest("ann")),
        invalid("Invalid email address")
    );
    let nul = NewCustomer {
        phone: Some("1\0".to_owned()),
        ..guest("a@b.co")
    };
    assert_eq!(
        domain.create_customer(nul),
        invalid("Field 'phone' must not contain a NUL character")
    );
    assert_eq!(domain.store.take_transactions(), 0);
}

#[test]
fn an_email_is_taken_once_by_a_guest_and_once_by_an_account() {
    let domain = domain();
    let first = made(&domain, "a@b.co");
    let account = NewCustomer {
        has_account: true,
        ..guest("a@b.co")
    };
    assert!(domain.create_customer(account.clone()).unwrap().has_account);
    let taken = |flag| {
        Err(Fault::Duplicate(format!(
            "Customer with email: a@b.co, has_account: {flag}, already exists."
        )))
    };
    assert_eq!(domain.create_customer(guest("a@b.co")), taken(false));
    assert_eq!(domain.create_customer(account), taken(true));
    assert!(
        domain.create_customer(guest("A@b.co")).is_ok(),
        "upper and lower case are apart"
    );
    domain.delete_customer(&first.id).unwrap();
    assert!(
        domain.create_customer(guest("a@b.co")).is_ok(),
        "a deleted customer's email is free"
    );
}

#[test]
fn an_update_changes_the_named_fields() {
    let domain = domain();
    let before = made(&domain, "a@b.co");
    domain.store.take_events();
    let change = CustomerUpdate {
        first_name: Change::Set("Ann".to_owned()),
        email: Change::Set("b@b.co".to_owned()),
        ..update(&before.id)
    };
    let after = domain.update_customer(change).unwrap();
    assert_eq!(after.first_name.as_deref(), Some("Ann"));
    assert_eq!(after.email.as_deref(), Some("b@b.co"));
    assert_eq!(after.created_at, before.created_at);
    assert_eq!(
        domain.store.take_events(),
        [("customer.updated".to_owned(), before.id.clone())]
    );
    let cleared = CustomerUpdate {
        first_name: Change::Clear,
        ..update(&before.id)
    };
    assert_eq!(domain.update_customer(cleared).unwrap().first_name, None);
}

#[test]
fn an_update_that_changes_nothing_writes_nothing() {
    let domain = domain();
    let before = made(&domain, "a@b.co");
    domain.store.take_transactions();
    domain.store.take_events();
    for change in [
        update(&before.id),
        CustomerUpdate {
            email: Change::Set("a@b.co".to_owned()),
            ..update(&before.id)
        },
        CustomerUpdate {
            metadata: Change::Set(Metadata::parse("{}").unwrap()),
            ..update(&before.id)
        },
    ] {
        assert_eq!(domain.update_customer(change), Ok(before.clone()));
    }
    assert_eq!(domain.store.take_transactions(), 0);
    assert_eq!(domain.store.take_events(), []);
}

#[test]
fn an_update_is_refused_as_a_whole() {
    let domain = domain();
    made(&domain, "taken@b.co");
    let before = made(&domain, "a@b.co");
    let refused = |email: Change<String>| {
        domain.update_customer(CustomerUpdate {
            first_name: Change::Set("Ann".to_owned()),
            email,
            ..update(&before.id)
        })
    };
    assert_eq!(
        refused(Change::Set("x".to_owned())),
        invalid("Invalid email address")
    );
    assert_eq!(refused(Change::Clear), invalid("Field 'email' is required"));
    assert_eq!(
        refused(Change::Set("taken@b.co".to_owned())),
        Err(Fault::Duplicate(
            "Customer with email: taken@b.co, has_account: false, already exists.".to_owned()
        ))
    );
    assert_eq!(domain.retrieve_customer(&before.id), Ok(before.record()));
}

#[test]
fn an_unknown_customer_is_not_found() {
    let domain = domain();
    let missing = |text: &str| Fault::NotFound(text.to_owned());
    assert_eq!(
        domain.retrieve_customer("cus_no"),
        Err(missing("Customer with id: cus_no not found"))
    );
    assert_eq!(
        domain.update_customer(update("cus_no")),
        Err(missing("Customer with id \"cus_no\" not found"))
    );
    assert_eq!(domain.delete_customer("cus_no"), Ok(()));
}

#[test]
fn a_deleted_customer_takes_its_addresses_along() {
    let domain = Domain::new(Memory::default(), super::NoHooks, Compat::Medusa2);
    let customer = made(&domain, "a@b.co");
    let address = domain
        .create_address(NewAddress {
            customer_id: customer.id.clone(),
            ..NewAddress::default()
        })
        .unwrap();
    domain.store.take_events();
    domain.delete_customer(&customer.id).unwrap();
    domain.delete_customer(&customer.id).unwrap();
    assert!(domain.retrieve_customer(&customer.id).is_err());
    assert!(domain.store.find(&ADDRESS, &address.id).unwrap().is_empty());
    assert_eq!(
        domain.store.take_events(),
        [
            ("customer.customer-address.deleted".to_owned(), address.id),
            ("customer.deleted".to_owned(), customer.id)
        ]
    );
}

#[test]
fn extensions_change_and_refuse_before_the_write() {
    let domain = Domain::new(Memory::default(), Meddler, Compat::Document);
    let named = |name: &str| NewCustomer {
        first_name: Some(name.to_owned()),
        ..guest("a@b.co")
    };
    assert_eq!(
        domain.create_customer(named("Refused")),
        Err(rejection("No Refuseds here"))
    );
    assert_eq!(
        domain.create_customer(named("Spoiled")),
        invalid("Invalid email address")
    );
    assert_eq!(domain.store.take_transactions(), 0);
    let made = domain.create_customer(named("Ann")).unwrap();
    assert_eq!(made.last_name.as_deref(), Some("Meddled"));
    assert_eq!(
        domain.delete_customer(&made.id),
        Err(rejection("Nobody leaves"))
    );
    assert!(domain.retrieve_customer(&made.id).is_ok());
}
