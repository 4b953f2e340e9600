//! The nouns as they are shown, and as tables.

use wares_module_kit::prelude::*;

/// The account of a customer: its id is the customer's.
pub static LOYALTY: Entity = Entity::elsewhere(
    "Loyalty",
    &[
        Column::key("id"),
        Column::key("tier"),
        Column::integer("points"),
    ],
);

/// Points that a customer got or spent.
pub static ENTRY: Entity = Entity {
    name: "LoyaltyEntry",
    columns: &[
        Column::key("id"),
        Column::key("customer_id"),
        Column::integer("points"),
        Column::key("reason"),
        Column::text("created_by"),
        Column::time("created_at"),
        Column::DELETED_AT,
    ],
    shown: 6,
    nested: &[0, 1, 2, 3, 4, 5],
    relations: &[],
    table: Table::plain(
        "loyalty_entry",
        "e",
        "e.id, e.customer_id, e.points, e.reason, e.created_by, e.created_at, e.deleted_at",
    ),
};

/// The column of an entry that names the customer.
pub const CUSTOMER_ID: usize = 1;

/// What lists of entries are filtered by.
pub static FILTERS: Filters = Filters {
    entity: &ENTRY,
    parameters: &[
        Parameter::operators("id"),
        Parameter::exact("created_by"),
        Parameter::times("created_at"),
    ],
    logic: true,
};
