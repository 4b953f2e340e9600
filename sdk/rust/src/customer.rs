//! The customers module: its nouns, its hooks, and with the feature `customers` its typed
//! operations.

use crate::bindings::customer_hooks::exports::wares::customer::hooks;
use crate::{Context, Rejection, panics};

pub use crate::bindings::wares::customer::types::{
    Address, AddressChange, AddressReference, AddressUpdate, Customer, CustomerChange,
    CustomerUpdate, Error, Group, GroupChange, GroupUpdate, MembershipChange, NewAddress,
    NewCustomer, NewGroup,
};

/// The typed operations of the customers module. A component that calls one needs the grant
/// `operations=customer`.
#[cfg(feature = "customers")]
pub use crate::bindings::operations::wares::customer::{addresses, customers, groups};

/// Declares the hooks, each with a default that does nothing, and has the host call them.
macro_rules! hooks {
    ($($(#[$doc:meta])* $hook:ident($value:ty);)*) => {
        /// What an extension does before the customers module writes. A hook returns the value that
        /// is written, perhaps changed, or refuses it; those that an extension does not have return
        /// the value as it came. What a write is about must not change: ids, `created_by`, and
        /// whether a new customer has an account.
        ///
        /// ```
        /// use wares_module::customer::NewCustomer;
        /// use wares_module::{Context, CustomerHooks, Rejection};
        ///
        /// struct Tidy;
        ///
        /// impl CustomerHooks for Tidy {
        ///     fn before_create_customer(
        ///         _: Context,
        ///         mut value: NewCustomer,
        ///     ) -> Result<NewCustomer, Rejection> {
        ///         value.first_name = value.first_name.map(|name| name.trim().to_owned());
        ///         Ok(value)
        ///     }
        /// }
        /// ```
        pub trait CustomerHooks {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// Why the extension refuses it.
                fn $hook(context: Context, value: $value) -> Result<$value, Rejection> {
                    let _ = context;
                    Ok(value)
                }
            )*
        }

        impl<C: CustomerHooks> hooks::Guest for C {
            $(
                fn $hook(context: Context, value: $value) -> Result<$value, Rejection> {
                    panics::report();
                    <C as CustomerHooks>::$hook(context, value)
                }
            )*
        }
    };
}

hooks! {
    /// Before a customer is made.
    before_create_customer(NewCustomer);
    /// Before fields of a customer are changed.
    before_update_customer(CustomerUpdate);
    /// Before the customer with this id is deleted.
    before_delete_customer(String);
    /// Before an address is added to a customer.
    before_create_address(NewAddress);
    /// Before fields of an address are changed.
    before_update_address(AddressUpdate);
    /// Before an address is deleted.
    before_delete_address(AddressReference);
    /// Before a group is made.
    before_create_group(NewGroup);
    /// Before fields of a group are changed.
    before_update_group(GroupUpdate);
    /// Before the group with this id is deleted.
    before_delete_group(String);
    /// Before customers join a group.
    before_add_members(MembershipChange);
    /// Before customers leave a group.
    before_remove_members(MembershipChange);
}
