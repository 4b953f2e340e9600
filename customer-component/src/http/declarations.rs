//! What each route says of itself: what it takes and what it gives. Made of the
//! same tables and readers that answer requests, so that it cannot say anything else.

use crate::model::Entity;
use crate::settings::Compat;

use super::body::Body;
use super::parameters::Filters;
use super::{Operation, addresses, customers, groups};

/// What a route takes and gives.
#[derive(Clone, Copy)]
pub struct Declaration {
    /// What it does, for a person.
    pub summary: &'static str,
    /// The part of the module that it belongs to.
    pub tag: &'static str,
    /// Its query.
    pub query: Query,
    /// What reads its body.
    pub body: Option<fn(&mut Body, Compat)>,
    /// The body of a success.
    pub gives: Gives,
}

/// What a route takes in its query.
#[derive(Clone, Copy)]
pub enum Query {
    /// Nothing; what is sent is passed over.
    Nothing,
    /// What is shown.
    Fields,
    /// All that a list takes.
    List(&'static Filters),
}

/// What a success shows.
#[derive(Clone, Copy)]
pub enum Gives {
    /// `{"<name>":[…],"count":…,"offset":…,"limit":…}`
    List(&'static str, Entity),
    /// `{"<name>":{…}}`
    One(&'static str, Entity),
    /// `{"id":…,"object":"<name>","deleted":true}`, and its parent where it has one.
    Deleted(&'static str, Option<Entity>),
}

const CUSTOMERS: &str = "Customers";
const ADDRESSES: &str = "Addresses";
const GROUPS: &str = "Customer groups";

const fn list(
    tag: &'static str,
    summary: &'static str,
    (name, filters): (&'static str, &'static Filters),
) -> Declaration {
    Declaration {
        summary,
        tag,
        query: Query::List(filters),
        body: None,
        gives: Gives::List(name, filters.entity),
    }
}

const fn one(
    tag: &'static str,
    summary: &'static str,
    (name, entity): (&'static str, Entity),
    body: Option<fn(&mut Body, Compat)>,
) -> Declaration {
    Declaration {
        summary,
        tag,
        query: Query::Fields,
        body,
        gives: Gives::One(name, entity),
    }
}

const fn deleted(
    tag: &'static str,
    summary: &'static str,
    object: &'static str,
    parent: Option<Entity>,
) -> Declaration {
    Declaration {
        summary,
        tag,
        query: match parent {
            Some(_) => Query::Fields,
            None => Query::Nothing,
        },
        body: None,
        gives: Gives::Deleted(object, parent),
    }
}

impl Operation {
    /// What it takes and gives.
    pub fn declaration(self) -> Declaration {
        const CUSTOMER: (&str, Entity) = customers::ONE;
        const GROUP: (&str, Entity) = groups::ONE;
        match self {
            Self::ListCustomers => list(CUSTOMERS, "List customers", customers::LIST),
            Self::CreateCustomer => one(
                CUSTOMERS,
                "Create a customer",
                CUSTOMER,
                Some(|body, compat| drop(customers::new(body, compat))),
            ),
            Self::RetrieveCustomer => one(CUSTOMERS, "Retrieve a customer", CUSTOMER, None),
            Self::UpdateCustomer => one(
                CUSTOMERS,
                "Update a customer",
                CUSTOMER,
                Some(|body, compat| drop(customers::changes(body, compat))),
            ),
            Self::DeleteCustomer => deleted(
                CUSTOMERS,
                "Delete a customer and its addresses",
                customers::OBJECT,
                None,
            ),
            Self::ChangeGroupsOfCustomer => one(
                CUSTOMERS,
                "Add a customer to groups and remove it from others",
                CUSTOMER,
                Some(|body, _| drop(customers::added_and_removed(body))),
            ),
            Self::ListAddresses => list(ADDRESSES, "List a customer's addresses", addresses::LIST),
            Self::CreateAddress => one(
                ADDRESSES,
                "Create an address of a customer",
                CUSTOMER,
                Some(|body, compat| drop(addresses::new(body, compat))),
            ),
            Self::RetrieveAddress => one(ADDRESSES, "Retrieve an address", addresses::ONE, None),
            Self::UpdateAddress => one(
                ADDRESSES,
                "Update an address",
                CUSTOMER,
                Some(|body, compat| drop(addresses::changes(body, compat))),
            ),
            Self::DeleteAddress => deleted(
                ADDRESSES,
                "Delete an address",
                addresses::OBJECT,
                Some(Entity::Customer),
            ),
            Self::ListGroups => list(GROUPS, "List customer groups", groups::LIST),
            Self::CreateGroup => one(
                GROUPS,
                "Create a customer group",
                GROUP,
                Some(|body, _| drop(groups::new(body))),
            ),
            Self::RetrieveGroup => one(GROUPS, "Retrieve a customer group", GROUP, None),
            Self::UpdateGroup => one(
                GROUPS,
                "Update a customer group",
                GROUP,
                Some(|body, _| drop(groups::changes(body))),
            ),
            Self::DeleteGroup => deleted(GROUPS, "Delete a customer group", groups::OBJECT, None),
            Self::ChangeMembers => one(
                GROUPS,
                "Add customers to a group and remove others",
                GROUP,
                Some(|body, _| drop(groups::joining_and_leaving(body))),
            ),
            Self::RemoveMembers => one(
                GROUPS,
                "Remove customers from a group",
                GROUP,
                Some(|body, _| drop(groups::leaving(body))),
            ),
        }
    }
}
