//! The nouns as tables: their columns and relations, in the order in which they are shown.

use wares_module_kit::prelude::*;

/// An order. Its last column is shown by its name alone.
pub static ORDER: Entity = Entity {
    name: "Order",
    columns: &[
        Column::key("id"),
        Column::integer("display_id"),
        Column::key("status"),
        Column::key("email"),
        Column::key("currency_code"),
        Column::amount("total"),
        Column::METADATA,
        Column::key("customer_id"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::nullable_time("canceled_at"),
        Column::DELETED_AT,
    ],
    shown: 11,
    nested: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    relations: &ORDER_RELATIONS,
    table: Table::plain(
        "\"order\"",
        "o",
        "o.id, o.display_id, o.status, o.email, o.currency_code, o.total, o.metadata, o.customer_id, \
         o.created_at, o.updated_at, o.canceled_at, o.deleted_at",
    ),
};

/// A line of an order.
pub static LINE: Entity = Entity {
    name: "OrderLineItem",
    columns: &[
        Column::key("id"),
        Column::key("title"),
        Column::text("subtitle"),
        Column::text("variant_sku"),
        Column::amount("unit_price"),
        Column::integer("quantity"),
        Column::amount("total"),
        Column::METADATA,
        Column::key("order_id"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::DELETED_AT,
    ],
    shown: 11,
    nested: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    relations: &[],
    table: Table::plain(
        "order_line_item",
        "l",
        "l.id, l.title, l.subtitle, l.variant_sku, l.unit_price, l.quantity, l.total, l.metadata, l.order_id, \
         l.created_at, l.updated_at, l.deleted_at",
    ),
};

static ORDER_RELATIONS: [Relation; 1] = [Relation::many("items", &LINE, Join::Theirs("order_id"))];

/// The orders of a customer, who is in another module.
pub static ORDERS_OF_CUSTOMER: Relation =
    Relation::many("orders", &ORDER, Join::Theirs("customer_id"));

/// What lists of orders are filtered by.
pub static FILTERS: Filters = Filters {
    entity: &ORDER,
    parameters: &[
        Parameter::operators("id"),
        Parameter::operators("status"),
        Parameter::exact("customer_id"),
        Parameter::exact("email"),
        Parameter::exact("currency_code"),
        Parameter::times("created_at"),
        Parameter::times("updated_at"),
    ],
    logic: true,
};

/// What is shown without `fields`.
pub fn shown() -> Selection {
    Selection::shown(&ORDER).with(&ORDER, &["items"])
}
