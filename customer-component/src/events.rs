//! The names of what the module tells others, as Medusa names them. Each has
//! the id of the thing as its data.

#![expect(missing_docs, reason = "each name says it")]

pub const CUSTOMER_CREATED: &str = "customer.created";
pub const CUSTOMER_UPDATED: &str = "customer.updated";
pub const CUSTOMER_DELETED: &str = "customer.deleted";
pub const ADDRESS_CREATED: &str = "customer.customer-address.created";
pub const ADDRESS_UPDATED: &str = "customer.customer-address.updated";
pub const ADDRESS_DELETED: &str = "customer.customer-address.deleted";
pub const GROUP_CREATED: &str = "customer.customer-group.created";
pub const GROUP_UPDATED: &str = "customer.customer-group.updated";
pub const GROUP_DELETED: &str = "customer.customer-group.deleted";
pub const MEMBERSHIP_CREATED: &str = "customer.customer-group-customer.created";
pub const MEMBERSHIP_DELETED: &str = "customer.customer-group-customer.deleted";
