//! The extensions that are plugged into the module's hooks.

use std::rc::Rc;

use wares_module::{self as sdk, Context};
use wares_module_kit::caller::Caller;
use wares_module_kit::fault::{Fault, Rejection};
use wares_module_kit::metadata::Metadata;
use wares_module_kit::operation::Hooked;

use super::bindings::wares::customer::hooks;
use crate::hooks::Hooks;
use crate::types::{
    AddressReference, AddressUpdate, CustomerUpdate, GroupUpdate, MembershipChange, NewAddress,
    NewCustomer, NewGroup,
};

/// The extensions that the host plugged in, for the calls of one caller.
pub struct Extensions(pub Rc<Caller>);

fn rejected(rejection: sdk::Rejection) -> Fault {
    Fault::Rejected(Rejection {
        message: rejection.message,
        field: rejection.field,
        code: rejection.code,
    })
}

impl Extensions {
    fn context(&self, additional_data: Option<Metadata>) -> Context {
        Context {
            additional_data: additional_data.map(|data| data.text().to_owned()),
            ..Context::from(&*self.0)
        }
    }

    /// Hands a value through a hook, and reads the value that it returns.
    fn through<T, W>(
        &self,
        value: T,
        additional_data: Option<Metadata>,
        hook: impl FnOnce(&Context, &W) -> Result<W, sdk::Rejection>,
    ) -> Hooked<T>
    where
        W: From<T>,
        T: TryFrom<W, Error = String>,
    {
        let returned = hook(&self.context(additional_data), &W::from(value)).map_err(rejected)?;
        T::try_from(returned).map_err(|invalid| {
            Fault::Internal(format!("an extension returned an invalid value: {invalid}"))
        })
    }
}

impl Hooks for Extensions {
    fn before_create_customer(&self, mut value: NewCustomer) -> Hooked<NewCustomer> {
        let additional_data = value.additional_data.take();
        self.through(value, additional_data, hooks::before_create_customer)
    }
    fn before_update_customer(&self, mut value: CustomerUpdate) -> Hooked<CustomerUpdate> {
        let additional_data = value.additional_data.take();
        self.through(value, additional_data, hooks::before_update_customer)
    }
    fn before_create_address(&self, mut value: NewAddress) -> Hooked<NewAddress> {
        let additional_data = value.additional_data.take();
        self.through(value, additional_data, hooks::before_create_address)
    }
    fn before_update_address(&self, mut value: AddressUpdate) -> Hooked<AddressUpdate> {
        let additional_data = value.additional_data.take();
        self.through(value, additional_data, hooks::before_update_address)
    }
    fn before_delete_address(&self, value: AddressReference) -> Hooked<AddressReference> {
        self.through(value, None, hooks::before_delete_address)
    }
    fn before_create_group(&self, value: NewGroup) -> Hooked<NewGroup> {
        self.through(value, None, hooks::before_create_group)
    }
    fn before_update_group(&self, value: GroupUpdate) -> Hooked<GroupUpdate> {
        self.through(value, None, hooks::before_update_group)
    }
    fn before_add_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        self.through(value, None, hooks::before_add_members)
    }
    fn before_remove_members(&self, value: MembershipChange) -> Hooked<MembershipChange> {
        self.through(value, None, hooks::before_remove_members)
    }
    fn before_delete_customer(&self, value: String) -> Hooked<String> {
        hooks::before_delete_customer(&self.context(None), &value).map_err(rejected)
    }
    fn before_delete_group(&self, value: String) -> Hooked<String> {
        hooks::before_delete_group(&self.context(None), &value).map_err(rejected)
    }
}
