//! The Admin API: which routes there are, and what answers each. Decodes, calls
//! the domain, writes. Knows no rule of the domain and no SQL.

mod addresses;
mod customers;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod groups;
#[cfg(test)]
mod tests;

use wares_module_kit::http::exchange::{self, Answer, Request, Response};
use wares_module_kit::http::openapi;
use wares_module_kit::http::parameters::{Filters, List};
use wares_module_kit::http::route::{self, Declaration, Method, Route};

use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::{CUSTOMER, ENTITIES};
use crate::settings::Settings;
use crate::store::Store;

const CUSTOMERS: &str = "Customers";
const ADDRESSES: &str = "Addresses";
const GROUPS: &str = "Customer groups";

impl<S: Store + 'static, H: Hooks + 'static> Domain<S, H> {
    /// All routes.
    pub const ROUTES: [Route<Self, Settings>; 18] = {
        use Method::{Delete, Get, Post};
        [
            Route {
                method: Get,
                path: "/admin/customers",
                id: "ListCustomers",
                handler: customers::list,
                declaration: Declaration::list(CUSTOMERS, "List customers", customers::LIST),
            },
            Route {
                method: Post,
                path: "/admin/customers",
                id: "CreateCustomer",
                handler: customers::create,
                declaration: Declaration::one(CUSTOMERS, "Create a customer", customers::ONE)
                    .with_body(|body, settings| drop(customers::new(body, settings.compat))),
            },
            Route {
                method: Get,
                path: "/admin/customers/{id}",
                id: "RetrieveCustomer",
                handler: customers::retrieve,
                declaration: Declaration::one(CUSTOMERS, "Retrieve a customer", customers::ONE),
            },
            Route {
                method: Post,
                path: "/admin/customers/{id}",
                id: "UpdateCustomer",
                handler: customers::update,
                declaration: Declaration::one(CUSTOMERS, "Update a customer", customers::ONE)
                    .with_body(|body, settings| drop(customers::changes(body, settings.compat))),
            },
            Route {
                method: Delete,
                path: "/admin/customers/{id}",
                id: "DeleteCustomer",
                handler: customers::delete,
                declaration: Declaration::deleted(
                    CUSTOMERS,
                    "Delete a customer and its addresses",
                    customers::OBJECT,
                    None,
                ),
            },
            Route {
                method: Post,
                path: "/admin/customers/{id}/customer-groups",
                id: "ChangeGroupsOfCustomer",
                handler: customers::change_groups,
                declaration: Declaration::one(
                    CUSTOMERS,
                    "Add a customer to groups and remove it from others",
                    customers::ONE,
                )
                .with_body(|body, _| drop(customers::added_and_removed(body))),
            },
            Route {
                method: Get,
                path: "/admin/customers/{id}/addresses",
                id: "ListAddresses",
                handler: addresses::list,
                declaration: Declaration::list(
                    ADDRESSES,
                    "List a customer's addresses",
                    addresses::LIST,
                ),
            },
            Route {
                method: Post,
                path: "/admin/customers/{id}/addresses",
                id: "CreateAddress",
                handler: addresses::create,
                declaration: Declaration::one(
                    ADDRESSES,
                    "Create an address of a customer",
                    customers::ONE,
                )
                .with_body(|body, settings| drop(addresses::new(body, settings.compat))),
            },
            Route {
                method: Get,
                path: "/admin/customers/{id}/addresses/{address_id}",
                id: "RetrieveAddress",
                handler: addresses::retrieve,
                declaration: Declaration::one(ADDRESSES, "Retrieve an address", addresses::ONE),
            },
            Route {
                method: Post,
                path: "/admin/customers/{id}/addresses/{address_id}",
                id: "UpdateAddress",
                handler: addresses::update,
                declaration: Declaration::one(ADDRESSES, "Update an address", customers::ONE)
                    .with_body(|body, settings| drop(addresses::changes(body, settings.compat))),
            },
            Route {
                method: Delete,
                path: "/admin/customers/{id}/addresses/{address_id}",
                id: "DeleteAddress",
                handler: addresses::delete,
                declaration: Declaration::deleted(
                    ADDRESSES,
                    "Delete an address",
                    addresses::OBJECT,
                    Some(&CUSTOMER),
                ),
            },
            Route {
                method: Get,
                path: "/admin/customer-groups",
                id: "ListGroups",
                handler: groups::list,
                declaration: Declaration::list(GROUPS, "List customer groups", groups::LIST),
            },
            Route {
                method: Post,
                path: "/admin/customer-groups",
                id: "CreateGroup",
                handler: groups::create,
                declaration: Declaration::one(GROUPS, "Create a customer group", groups::ONE)
                    .with_body(|body, _| drop(groups::new(body))),
            },
            Route {
                method: Get,
                path: "/admin/customer-groups/{id}",
                id: "RetrieveGroup",
                handler: groups::retrieve,
                declaration: Declaration::one(GROUPS, "Retrieve a customer group", groups::ONE),
            },
            Route {
                method: Post,
                path: "/admin/customer-groups/{id}",
                id: "UpdateGroup",
                handler: groups::update,
                declaration: Declaration::one(GROUPS, "Update a customer group", groups::ONE)
                    .with_body(|body, _| drop(groups::changes(body))),
            },
            Route {
                method: Delete,
                path: "/admin/customer-groups/{id}",
                id: "DeleteGroup",
                handler: groups::delete,
                declaration: Declaration::deleted(
                    GROUPS,
                    "Delete a customer group",
                    groups::OBJECT,
                    None,
                ),
            },
            Route {
                method: Post,
                path: "/admin/customer-groups/{id}/customers",
                id: "ChangeMembers",
                handler: groups::change_members,
                declaration: Declaration::one(
                    GROUPS,
                    "Add customers to a group and remove others",
                    groups::ONE,
                )
                .with_body(|body, _| drop(groups::joining_and_leaving(body))),
            },
            Route {
                method: Delete,
                path: "/admin/customer-groups/{id}/customers",
                id: "RemoveMembers",
                handler: groups::remove_members,
                declaration: Declaration::one(GROUPS, "Remove customers from a group", groups::ONE)
                    .with_body(|body, _| drop(groups::leaving(body))),
            },
        ]
    };

    /// Answers a request to the route at this index of [`Self::ROUTES`]. The second part
    /// is for the log, about a fault that callers are not told.
    pub fn handle(&self, index: usize, request: Request<'_>) -> (Response, Option<String>) {
        route::handle(&Self::ROUTES, self, index, request)
    }

    /// The operation object of the route at this index, as JSON.
    pub fn operation(index: usize, settings: Settings) -> String {
        openapi::operation(&Self::ROUTES, index, settings.compat.paging(), settings)
    }
}

impl<S: Store, H: Hooks> Domain<S, H> {
    /// Answers with a list.
    fn list(&self, (name, filters): (&str, &Filters), request: Request<'_>, list: &List) -> Answer {
        let shown = (name, filters.entity);
        exchange::list(self.reads(), request, shown, list, |search, columns| {
            self.search(filters.entity, search, columns)
        })
    }
}

/// The schemas that operations refer to, by their names, as one JSON object.
pub fn schemas() -> String {
    openapi::schemas(&ENTITIES)
}
