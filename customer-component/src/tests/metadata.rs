//! The bound on the metadata of a record, whatever the record is.

use wares_module_kit::change::Change;
use wares_module_kit::fault::Fault;
use wares_module_kit::metadata::{BYTES_MAX, Metadata};

use super::{domain, guest, made, medusa};
use crate::domain::Domain;
use crate::hooks::NoHooks;
use crate::tests::memory::Memory;
use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, NewAddress, NewCustomer, NewGroup,
};

/// An object of so many bytes, with one key.
fn object(key: &str, bytes: usize) -> Metadata {
    let beside = format!(r#"{{"{key}":""}}"#).len();
    Metadata::stored(&format!(r#"{{"{key}":"{}"}}"#, "x".repeat(bytes - beside)))
}

fn too_long<T>(bytes: usize) -> Result<T, Fault> {
    Err(Fault::Invalid(format!(
        "Field 'metadata' would be {bytes} bytes of JSON, more than the 1048576 that one record may have; remove keys \
         by setting them to \"\""
    )))
}

/// Holds updates of one record against the bound. `update` makes a change, and returns
/// the metadata afterwards; the record has `{"a":…}` of the greatest length.
fn updates_are_bounded(update: impl Fn(Change<Metadata>) -> Result<Option<Metadata>, Fault>) {
    let more = Metadata::parse(r#"{"b":1}"#).unwrap();
    // The added text: `,"b":1`.
    assert_eq!(update(Change::Set(more.clone())), too_long(BYTES_MAX + 6));
    let full = Some(object("a", BYTES_MAX));
    assert_eq!(update(Change::Keep), Ok(full), "nothing has changed");
    let exchanged = Metadata::parse(r#"{"a":"","b":1}"#).unwrap();
    assert_eq!(update(Change::Set(exchanged)), Ok(Some(more)));
    let rest = object("c", BYTES_MAX - 6);
    assert!(update(Change::Set(rest)).is_ok());
    assert_eq!(update(Change::Clear), Ok(None));
}

fn customers_are_bounded(domain: &Domain<Memory, NoHooks>) {
    let with = |metadata| NewCustomer {
        metadata: Some(metadata),
        ..guest("ann@shop.example")
    };
    assert_eq!(
        domain.create_customer(with(object("a", BYTES_MAX + 1))),
        too_long(BYTES_MAX + 1)
    );
    let full = domain
        .create_customer(with(object("a", BYTES_MAX)))
        .unwrap();
    updates_are_bounded(|metadata| {
        let update = CustomerUpdate {
            id: full.id.clone(),
            metadata,
            ..CustomerUpdate::default()
        };
        domain.update_customer(update).map(|after| after.metadata)
    });
}

fn groups_are_bounded(domain: &Domain<Memory, NoHooks>) {
    let with = |metadata| NewGroup {
        name: "Regulars".to_owned(),
        metadata: Some(metadata),
        ..NewGroup::default()
    };
    assert_eq!(
        domain.create_group(with(object("a", BYTES_MAX + 1))),
        too_long(BYTES_MAX + 1)
    );
    let full = domain.create_group(with(object("a", BYTES_MAX))).unwrap();
    updates_are_bounded(|metadata| {
        let update = GroupUpdate {
            id: full.id.clone(),
            metadata,
            ..GroupUpdate::default()
        };
        domain.update_group(update).map(|after| after.metadata)
    });
}

fn addresses_are_bounded(domain: &Domain<Memory, NoHooks>) {
    let customer = made(domain, "bob@shop.example");
    let text = |text: &str| Some(text.to_owned());
    let with = |metadata| NewAddress {
        customer_id: customer.id.clone(),
        address_1: text("1 Main St"),
        city: text("Ely"),
        postal_code: text("1"),
        country_code: text("gb"),
        metadata: Some(metadata),
        ..NewAddress::default()
    };
    assert_eq!(
        domain.create_address(with(object("a", BYTES_MAX + 1))),
        too_long(BYTES_MAX + 1)
    );
    let full = domain.create_address(with(object("a", BYTES_MAX))).unwrap();
    updates_are_bounded(|metadata| {
        let update = AddressUpdate {
            address: AddressReference {
                customer_id: customer.id.clone(),
                id: full.id.clone(),
            },
            metadata,
            ..AddressUpdate::default()
        };
        domain.update_address(update).map(|after| after.metadata)
    });
}

#[test]
fn a_record_has_a_mebibyte_of_metadata_at_most() {
    for domain in [domain(), medusa()] {
        customers_are_bounded(&domain);
        groups_are_bounded(&domain);
        addresses_are_bounded(&domain);
    }
}
