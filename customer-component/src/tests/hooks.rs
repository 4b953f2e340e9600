//! What a hook may not change: the ids of what a write is about.

use wares_module_kit::fault::Fault;
use wares_module_kit::operation::Hooked;

use super::memory::Memory;
use super::{guest, made, medusa};
use crate::domain::Domain;
use crate::hooks::{Hooks, NoHooks};
use crate::settings::Compat;
use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
    NewGroup,
};

/// An extension that turns each write into one about something else.
struct Impostor;

const OTHER: &str = "other";

impl Hooks for Impostor {
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
fn a_hook_that_returns_other_ids_is_a_fault_and_nothing_is_written() {
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
    let join = vec![customer.id.clone()];
    let written: [(&str, Result<(), Fault>); 9] = [
        ("update customer", domain.update_customer(update).map(drop)),
        ("delete customer", domain.delete_customer(&customer.id)),
        (
            "create address",
            domain.create_address(new_address).map(drop),
        ),
        (
            "update address",
            domain.update_address(address_update).map(drop),
        ),
        ("delete address", domain.delete_address(&reference)),
        ("update group", domain.update_group(group_update).map(drop)),
        ("delete group", domain.delete_group(&group.id)),
        (
            "add members",
            domain
                .change_members(&group.id, join, Vec::new(), None)
                .map(drop),
        ),
        (
            "remove members",
            domain
                .change_members(&group.id, Vec::new(), joined, None)
                .map(drop),
        ),
    ];
    let refusal = "an extension returned a value with other ids than it got";
    for (write, result) in written {
        assert_eq!(result, Err(Fault::Internal(refusal.to_owned())), "{write}");
    }
    assert_eq!(domain.store.take_transactions(), 0);
    // What has no id yet, the extension may change as it likes.
    assert!(domain.create_customer(guest("e@f.co")).is_ok());
}
