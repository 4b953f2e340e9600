use wares_module_kit::change::Change;
use wares_module_kit::entity::Columns;
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{BY_ID, Comparison, Filter, Search};
use wares_module_kit::store::Read;

use super::{domain, made, medusa};
use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::ADDRESS;
use crate::store::Store;
use crate::types::{Address, AddressReference, AddressUpdate, NewAddress};

fn full(customer_id: &str) -> NewAddress {
    NewAddress {
        customer_id: customer_id.to_owned(),
        address_1: Some("1 Main St".to_owned()),
        city: Some("Berlin".to_owned()),
        postal_code: Some("10115".to_owned()),
        country_code: Some("DE".to_owned()),
        ..NewAddress::default()
    }
}

fn reference(address: &Address) -> AddressReference {
    AddressReference {
        customer_id: address.customer_id.clone(),
        id: address.id.clone(),
    }
}

fn update(address: &Address) -> AddressUpdate {
    AddressUpdate {
        address: reference(address),
        ..AddressUpdate::default()
    }
}

fn invalid<T>(text: &str) -> Result<T, Fault> {
    Err(Fault::Invalid(text.to_owned()))
}

/// How many addresses have this country.
fn count<S: Store, H: Hooks>(domain: &Domain<S, H>, code: &str) -> u64 {
    let column = ADDRESS.index_of("country_code").unwrap();
    let country = Filter::Compare(column, Comparison::Equal, code.to_owned());
    let search = Search {
        filter: Filter::Any(vec![country]),
        order: BY_ID,
        offset: 0,
        limit: 10,
    };
    domain
        .search(&ADDRESS, &search, Columns::ALL)
        .unwrap()
        .count
}

#[test]
fn a_country_is_found_in_the_form_in_which_it_may_be_sent() {
    let domain = domain();
    let customer = made(&domain, "a@b.co");
    domain.create_address(full(&customer.id)).unwrap();
    assert_eq!(
        ["DE", "de", "De", "FR"].map(|code| count(&domain, code)),
        [1, 1, 1, 0]
    );
    // Free text is found as it was sent.
    let domain = medusa();
    let customer = made(&domain, "a@b.co");
    domain.create_address(full(&customer.id)).unwrap();
    assert_eq!(["DE", "de"].map(|code| count(&domain, code)), [1, 0]);
}

#[test]
fn the_document_wants_four_lines_and_a_country() {
    let domain = domain();
    let customer = made(&domain, "a@b.co");
    assert_eq!(
        domain.create_address(NewAddress {
            customer_id: customer.id.clone(),
            ..NewAddress::default()
        }),
        invalid(
            "Field 'address_1' is required; Field 'city' is required; Field 'postal_code' is required; \
             Field 'country_code' is required"
        )
    );
    assert_eq!(
        domain.create_address(NewAddress {
            country_code: Some("zz".to_owned()),
            ..full(&customer.id)
        }),
        invalid("Field 'country_code' must be a two-letter ISO 3166-1 code, got: 'zz'")
    );
    let made = domain.create_address(full(&customer.id)).unwrap();
    assert_eq!(
        made.country_code.as_deref(),
        Some("de"),
        "stored in lower case"
    );
    assert_eq!(
        domain.retrieve_address(&reference(&made)),
        Ok(made.record())
    );
    let cleared = AddressUpdate {
        city: Change::Clear,
        ..update(&made)
    };
    assert_eq!(
        domain.update_address(cleared),
        invalid("Field 'city' is required")
    );
}

#[test]
fn medusa_takes_any_address() {
    let domain = medusa();
    let customer = made(&domain, "a@b.co");
    let address = NewAddress {
        country_code: Some("uS".to_owned()),
        ..NewAddress::default()
    };
    let made = domain
        .create_address(NewAddress {
            customer_id: customer.id,
            ..address
        })
        .unwrap();
    assert_eq!(made.country_code.as_deref(), Some("uS"));
}

#[test]
fn at_most_one_address_is_the_default() {
    let domain = domain();
    let customer = made(&domain, "a@b.co");
    let default = NewAddress {
        is_default_shipping: true,
        is_default_billing: true,
        ..full(&customer.id)
    };
    let first = domain.create_address(default.clone()).unwrap();
    domain.store.take_events();
    let second = domain
        .create_address(NewAddress {
            is_default_billing: false,
            ..default
        })
        .unwrap();
    assert_eq!(
        domain.store.take_events(),
        [
            (
                "customer.customer-address.updated".to_owned(),
                first.id.clone()
            ),
            (
                "customer.customer-address.created".to_owned(),
                second.id.clone()
            )
        ]
    );
    let flags = |address: &Address| {
        let now = Address::read(&domain.store.find(&ADDRESS, &address.id).unwrap(), 0);
        (now.is_default_shipping, now.is_default_billing)
    };
    assert_eq!(
        (flags(&first), flags(&second)),
        ((false, true), (true, false))
    );
    let take = AddressUpdate {
        is_default_billing: Some(true),
        ..update(&second)
    };
    domain.update_address(take).unwrap();
    assert_eq!(
        (flags(&first), flags(&second)),
        ((false, false), (true, true))
    );
    let drop = AddressUpdate {
        is_default_shipping: Some(false),
        ..update(&second)
    };
    domain.update_address(drop).unwrap();
    assert_eq!(
        (flags(&first), flags(&second)),
        ((false, false), (false, true))
    );
}

#[test]
fn another_customers_address_is_as_good_as_none() {
    let domain = domain();
    let (owner, other) = (made(&domain, "a@b.co"), made(&domain, "b@b.co"));
    let address = domain.create_address(full(&owner.id)).unwrap();
    let stolen = AddressReference {
        customer_id: other.id.clone(),
        id: address.id.clone(),
    };
    let missing = |text: String| Fault::NotFound(text);
    let id = &address.id;
    assert_eq!(
        domain.retrieve_address(&stolen),
        Err(missing(format!("Address with id: {id} not found")))
    );
    let change = AddressUpdate {
        city: Change::Set("X".to_owned()),
        address: stolen.clone(),
        ..AddressUpdate::default()
    };
    assert_eq!(
        domain.update_address(change),
        Err(missing(format!("Address with id \"{id}\" not found")))
    );
    assert_eq!(
        domain.delete_address(&stolen),
        Err(missing(format!("Address with id \"{id}\" not found")))
    );
    assert_eq!(
        domain.retrieve_address(&reference(&address)),
        Ok(address.record())
    );
}

#[test]
fn an_address_needs_its_customer() {
    let domain = domain();
    let unknown = AddressReference {
        customer_id: "cus_no".to_owned(),
        id: "cuaddr_no".to_owned(),
    };
    assert_eq!(
        domain.create_address(full("cus_no")),
        Err(Fault::NotFound(
            "You tried to set relationship customer_id: cus_no, but such entity does not exist"
                .to_owned()
        ))
    );
    assert_eq!(
        domain.delete_address(&unknown),
        Err(Fault::NotFound(
            "Customer with id \"cus_no\" not found".to_owned()
        ))
    );
    let customer = made(&domain, "a@b.co");
    let unknown = AddressReference {
        customer_id: customer.id,
        ..unknown
    };
    assert_eq!(
        domain.delete_address(&unknown),
        Ok(()),
        "an unknown address is already deleted"
    );
}

#[test]
fn an_address_is_deleted_for_good() {
    let domain = domain();
    let customer = made(&domain, "a@b.co");
    let address = domain.create_address(full(&customer.id)).unwrap();
    domain.store.take_events();
    domain.delete_address(&reference(&address)).unwrap();
    assert!(domain.retrieve_address(&reference(&address)).is_err());
    assert_eq!(
        domain.store.take_events(),
        [("customer.customer-address.deleted".to_owned(), address.id)]
    );
    assert_eq!(
        domain.retrieve_customer(&customer.id),
        Ok(customer.record()),
        "the customer has not changed"
    );
}
