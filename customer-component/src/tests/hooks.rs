//! What a hook may not change: what a write is about.

use wares_module_kit::fault::Fault;
use wares_module_kit::operation::Hooked;

use super::memory::Memory;
use super::{guest, made, medusa};
use crate::domain::Domain;
use crate::hooks::{Hooks, NoHooks};
use crate::settings::Compat;
use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
    NewCustomer, NewGroup,
};

/// An extension that turns each write into one about something else.
struct Impostor;

const OTHER: &str = "other";

impl Hooks for Impostor {
    fn before_create_customer(&self, value: NewCustomer) -> Hooked<NewCustomer> {
        Ok(NewCustomer {
            has_account: !value.has_account,
            ..value
        })
    }
    fn before_create_group(&self, value: NewGroup) -> Hooked<NewGroup> {
        Ok(NewGroup {
            created_by: Some(OTHER.to_owned()),
            ..value
        })
    }
    fn before_update_customer(&self, value: CustomerUpdate) -> Hooked<CustomerUpdate> {
        Ok(CustomerUpdate {
            id: OTHER.to_owned(),
            ..value
        })
    }
    fn before_delete_customer(&self, _: String) -> Hooked<String> {
        Ok(OTHER.to_owned())
    }
    fn before_create_address(&self, value: NewAddress) -> Hooked<NewAddress> {
        Ok(NewAddress {
            customer_id: OTHER.to_owned(),
            ..value
        })
    }
    fn before_update_address(&self, mut value: AddressUpdate) -> Hooked<AddressUpdate> {
        value.address.id = OTHER.to_owned();
        Ok(value)
    }
    fn before_delete_address(&self, mut value: AddressReference) -> Hooked<AddressReference> {
        value.customer_id = OTHER.to_owned();
        Ok(value)
    }
    fn before_update_group(&self, value: GroupUpdate) -> Hooked<GroupUpdate> {
        Ok(GroupUpdate {
            id: OTHER.to_owned(),
            ..value
        })
    }
    fn before_delete_group(&self, _: String) -> Hooked<String> {
        Ok(OTHER.to_owned())
    }
    fn before_add_members(&self, mut value: MembershipChange) -> Hooked<MembershipChange> {
        value.customer_ids.push(OTHER.to_owned());
        Ok(value)
    }
    fn before_remove_members(&self, mut value: MembershipChange) -> Hooked<MembershipChange> {
        value.group_id = OTHER.to_owned();
        Ok(value)
    }
}

#[test]
fn a_hook_that_changes_what_a_write_is_about_is_a_fault_and_nothing_is_written() {
    let plain: Domain<Memory, NoHooks> = medusa();
    let customer = made(&plain, "a@b.co");
    let second = made(&plain, "c@d.co");
    let group = plain
        .create_group(NewGroup {
            name: "vip".to_owned(),
            ..NewGroup::default()
        })
        .unwrap();
    let address = plain
        .create_address(NewAddress {
            customer_id: customer.id.clone(),
            ..NewAddress::default()
        })
        .unwrap();
    let joined = vec![second.id.clone()];
    plain
        .change_members(&group.id, joined.clone(), Vec::new(), None)
        .unwrap();
    plain.store.take_transactions();
    let domain = Domain::new(plain.store, Impostor, Compat::Medusa2);
    let reference = AddressReference {
        customer_id: customer.id.clone(),
        id: address.id,
    };
    let update = CustomerUpdate {
        id: customer.id.clone(),
        ..CustomerUpdate::default()
    };
    let group_update = GroupUpdate {
        id: group.id.clone(),
        ..GroupUpdate::default()
    };
    let address_update = AddressUpdate {
        address: reference.clone(),
        ..AddressUpdate::default()
    };
    let new_address = NewAddress {
        customer_id: customer.id.clone(),
        ..NewAddress::default()
    };
    let new_group = NewGroup {
        name: "regulars".to_owned(),
        ..NewGroup::default()
    };
    let (customer, group, second) = (&customer.id, &group.id, &second.id);
    let from = |before: &str, after: &str| format!(" of a value from '{before}' to '{after}'");
    let to_other = |before: &str| from(before, OTHER);
    let written: [(&str, String, Result<(), Fault>); 11] = [
        (
            "has_account",
            from("false", "true"),
            domain.create_customer(guest("e@f.co")).map(drop),
        ),
        (
            "id",
            to_other(customer),
            domain.update_customer(update).map(drop),
        ),
        ("id", to_other(customer), domain.delete_customer(customer)),
        (
            "customer_id",
            to_other(customer),
            domain.create_address(new_address).map(drop),
        ),
        (
            "id",
            to_other(&reference.id),
            domain.update_address(address_update).map(drop),
        ),
        (
            "customer_id",
            to_other(customer),
            domain.delete_address(&reference),
        ),
        (
            "created_by",
            to_other("null"),
            domain.create_group(new_group).map(drop),
        ),
        (
            "id",
            to_other(group),
            domain.update_group(group_update).map(drop),
        ),
        ("id", to_other(group), domain.delete_group(group)),
        (
            "customer_ids",
            from(customer, &format!("{customer}, {OTHER}")),
            domain
                .change_members(group, vec![customer.clone()], Vec::new(), None)
                .map(drop),
        ),
        (
            "group_id",
            to_other(group),
            domain
                .change_members(group, Vec::new(), vec![second.clone()], None)
                .map(drop),
        ),
    ];
    for (field, changed, result) in written {
        let refusal =
            format!("an extension changed the {field}{changed}, which no hook may change");
        assert_eq!(result, Err(Fault::Internal(refusal)));
    }
    assert_eq!(domain.store.take_transactions(), 0);
}
