//! The nouns of the domain as tables: their columns and relations, in the order in
//! which Medusa shows them, and what their lists may be filtered by.

use wares_module_kit::entity::{Column, Entity, Join, Relation, Table};
use wares_module_kit::http::parameters::{Filters, Parameter};

use crate::sql::{addresses, customers, groups};

/// A customer.
pub static CUSTOMER: Entity = Entity {
    name: "Customer",
    columns: &[
        Column::key("id"),
        Column::text("company_name"),
        Column::text("first_name"),
        Column::text("last_name"),
        Column::text("email"),
        Column::text("phone"),
        Column::METADATA,
        Column::flag("has_account"),
        Column::text("created_by"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::DELETED_AT,
    ],
    shown: 12,
    nested: &[0, 1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11],
    relations: &CUSTOMER_RELATIONS,
    table: Table {
        name: "customer",
        alias: "c",
        columns: customers::COLUMNS,
        words: Some("customer_words"),
        counted: true,
    },
};

/// A postal address of a customer. Its own routes do not show the columns after
/// `updated_at` unless they are asked for.
pub static ADDRESS: Entity = Entity {
    name: "CustomerAddress",
    columns: &[
        Column::key("id"),
        Column::text("address_name"),
        Column::text("company"),
        Column::key("customer_id"),
        Column::text("first_name"),
        Column::text("last_name"),
        Column::text("address_1"),
        Column::text("address_2"),
        Column::text("city"),
        Column::text("province"),
        Column::text("postal_code"),
        Column::text("country_code"),
        Column::text("phone"),
        Column::METADATA,
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::flag("is_default_shipping"),
        Column::flag("is_default_billing"),
        Column::DELETED_AT,
    ],
    shown: 16,
    nested: &[
        0, 1, 16, 17, 2, 4, 5, 6, 7, 8, 11, 9, 10, 12, 13, 3, 14, 15, 18,
    ],
    relations: &ADDRESS_RELATIONS,
    table: Table {
        name: "customer_address",
        alias: "a",
        columns: addresses::COLUMNS,
        words: None,
        counted: false,
    },
};

/// A group of customers.
pub static GROUP: Entity = Entity {
    name: "CustomerGroup",
    columns: &[
        Column::key("id"),
        Column::key("name"),
        Column::text("created_by"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::DELETED_AT,
        Column::METADATA,
    ],
    shown: 7,
    nested: &[0, 1, 6, 2, 3, 4, 5],
    relations: &GROUP_RELATIONS,
    table: Table {
        name: "customer_group",
        alias: "g",
        columns: groups::COLUMNS,
        words: None,
        counted: true,
    },
};

/// All of them.
pub static ENTITIES: [&Entity; 3] = [&CUSTOMER, &ADDRESS, &GROUP];

static CUSTOMER_RELATIONS: [Relation; 5] = [
    Relation::many("addresses", &ADDRESS, Join::Theirs("customer_id")),
    Relation::many(
        "groups",
        &GROUP,
        Join::Through {
            table: "customer_group_customer",
            from: "customer_id",
            to: "customer_group_id",
        },
    ),
    Relation::elsewhere("orders"),
    Relation::elsewhere("account_holders"),
    Relation::elsewhere("account_holder_link"),
];

static ADDRESS_RELATIONS: [Relation; 1] = [Relation {
    name: "customer",
    target: Some(&CUSTOMER),
    join: Some(Join::Ours {
        table: "customer_address",
        column: "customer_id",
    }),
    many: false,
    with_id: true,
    own_column: Some("customer_id"),
}];

static GROUP_RELATIONS: [Relation; 1] = [Relation {
    with_id: true,
    ..Relation::many(
        "customers",
        &CUSTOMER,
        Join::Through {
            table: "customer_group_customer",
            from: "customer_group_id",
            to: "customer_id",
        },
    )
}];

/// The addresses of a customer.
pub static ADDRESSES_OF_CUSTOMER: &Relation = &CUSTOMER_RELATIONS[0];
/// The groups that a customer is in.
pub static GROUPS_OF_CUSTOMER: &Relation = &CUSTOMER_RELATIONS[1];
/// The customer that has an address.
pub static CUSTOMER_OF_ADDRESS: &Relation = &ADDRESS_RELATIONS[0];
/// The customers that are in a group.
pub static CUSTOMERS_OF_GROUP: &Relation = &GROUP_RELATIONS[0];

/// Filters of the list of customers.
pub static CUSTOMERS: Filters = Filters {
    entity: &CUSTOMER,
    parameters: &[
        Parameter::operators("id"),
        Parameter::exact("email"),
        Parameter::exact("company_name"),
        Parameter::exact("first_name"),
        Parameter::exact("last_name"),
        Parameter::exact("created_by"),
        Parameter::flag("has_account"),
        Parameter::related(
            &CUSTOMER_RELATIONS[1],
            &[
                Parameter::exact("id"),
                Parameter::exact("name"),
                Parameter::times("created_at"),
                Parameter::times("updated_at"),
                Parameter::times("deleted_at"),
            ],
        ),
        Parameter::times("created_at"),
        Parameter::times("updated_at"),
        Parameter::times("deleted_at"),
    ],
    logic: true,
};

/// Filters of the list of groups.
pub static GROUPS: Filters = Filters {
    entity: &GROUP,
    parameters: &[
        Parameter::exact("id"),
        Parameter::exact("name"),
        Parameter::exact("created_by"),
        Parameter::related(
            &GROUP_RELATIONS[0],
            &[
                Parameter::exact("id"),
                Parameter::exact("company_name"),
                Parameter::exact("first_name"),
                Parameter::exact("last_name"),
                Parameter::exact("created_by"),
                Parameter::operators("email"),
                Parameter::times("created_at"),
                Parameter::times("updated_at"),
                Parameter::times("deleted_at"),
            ],
        ),
        Parameter::times("created_at"),
        Parameter::times("updated_at"),
        Parameter::times("deleted_at"),
    ],
    logic: true,
};

/// Filters of the list of a customer's addresses.
pub static ADDRESSES: Filters = Filters {
    entity: &ADDRESS,
    parameters: &[
        Parameter::exact("company"),
        Parameter::exact("city"),
        Parameter::exact("country_code"),
        Parameter::exact("province"),
        Parameter::exact("postal_code"),
    ],
    logic: false,
};
