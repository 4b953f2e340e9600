//! Where extensions have their say: before each write, outside any transaction.

use wares_module_kit::operation::Hooked;

use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
    NewCustomer, NewGroup,
};

/// The extension point of the module. A hook that is not filled passes on what it got.
#[expect(
    clippy::missing_errors_doc,
    reason = "an error is the refusal of an extension, with its message"
)]
pub trait Hooks {
    /// Before a customer is made.
    fn before_create_customer(&self, value: NewCustomer) -> Hooked<NewCustomer> {
        Ok(value)
    }
    /// Before a customer is changed.
    fn before_update_customer(&self, value: CustomerUpdate) -> Hooked<CustomerUpdate> {
        Ok(value)
    }
    /// Before a customer, by its id, is deleted.
    fn before_delete_customer(&self, value: String) -> Hooked<String> {
        Ok(value)
    }
    /// Before an address is made.
    fn before_create_address(&self, value: NewAddress) -> Hooked<NewAddress> {
        Ok(value)
    }
    /// Before an address is changed.
    fn before_update_address(&self, value: AddressUpdate) -> Hooked<AddressUpdate> {
        Ok(value)
    }
    /// Before an address is deleted.
    fn before_delete_address(&self, value: AddressReference) -> Hooked<AddressReference> {
        Ok(value)
    }
    /// Before a group is made.
    fn before_create_group(&self, value: NewGroup) -> Hooked<NewGroup> {
        Ok(value)
    }
    /// Before a group is changed.
    fn before_update_group(&self, value: GroupUpdate) -> Hooked<GroupUpdate> {
        Ok(value)
    }
    /// Before a group, by its id, is deleted.
    fn before_delete_group(&self, value: String) -> Hooked<String> {
        Ok(value)
    }
    /// Before customers join a group.
    fn before_add_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        Ok(value)
    }
    /// Before customers leave a group.
    fn before_remove_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        Ok(value)
    }
}

/// No extension.
#[cfg(any(test, feature = "fuzzing"))]
pub struct NoHooks;

#[cfg(any(test, feature = "fuzzing"))]
impl Hooks for NoHooks {}
