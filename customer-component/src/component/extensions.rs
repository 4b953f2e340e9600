//! The extensions that are plugged into the module's hooks.

use wares_module_kit::operation::Hooked;

use super::bindings::wares::customer::hooks;
use super::bindings::wares::customer::types::Rejection;
use crate::hooks::Hooks;
use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
    NewCustomer, NewGroup,
};

/// Whatever the host plugged in.
pub struct Extensions;

/// Hands a value through a hook, and reads what came back.
fn through<T, W>(value: T, hook: impl FnOnce(&W) -> Result<W, Rejection>) -> Hooked<T>
where
    W: From<T>,
    T: TryFrom<W, Error = String>,
{
    let given = hook(&W::from(value)).map_err(|rejection| rejection.message)?;
    T::try_from(given).map_err(|fault| format!("An extension returned an invalid value: {fault}"))
}

impl Hooks for Extensions {
    fn before_create_customer(&self, value: NewCustomer) -> Hooked<NewCustomer> {
        through(value, hooks::before_create_customer)
    }
    fn before_update_customer(&self, value: CustomerUpdate) -> Hooked<CustomerUpdate> {
        through(value, hooks::before_update_customer)
    }
    fn before_delete_customer(&self, value: String) -> Hooked<String> {
        hooks::before_delete_customer(&value).map_err(|rejection| rejection.message)
    }
    fn before_create_address(&self, value: NewAddress) -> Hooked<NewAddress> {
        through(value, hooks::before_create_address)
    }
    fn before_update_address(&self, value: AddressUpdate) -> Hooked<AddressUpdate> {
        through(value, hooks::before_update_address)
    }
    fn before_delete_address(&self, value: AddressReference) -> Hooked<AddressReference> {
        through(value, hooks::before_delete_address)
    }
    fn before_create_group(&self, value: NewGroup) -> Hooked<NewGroup> {
        through(value, hooks::before_create_group)
    }
    fn before_update_group(&self, value: GroupUpdate) -> Hooked<GroupUpdate> {
        through(value, hooks::before_update_group)
    }
    fn before_delete_group(&self, value: String) -> Hooked<String> {
        hooks::before_delete_group(&value).map_err(|rejection| rejection.message)
    }
    fn before_add_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        through(value, hooks::before_add_members)
    }
    fn before_remove_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        through(value, hooks::before_remove_members)
    }
}
