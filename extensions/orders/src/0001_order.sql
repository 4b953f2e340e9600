create table "order" (
    number integer primary key,
    id text not null unique,
    display_id integer not null unique,
    status text not null check (status in ('pending', 'canceled')),
    customer_id text not null,
    email text not null,
    currency_code text not null,
    -- Amounts are in ten-thousandths of the currency's unit.
    total integer not null,
    metadata text,
    created_at text not null,
    updated_at text not null,
    canceled_at text,
    deleted_at text,
    search_text text not null
) strict;

-- Serves the list without a filter, and the order by id.
create index order_list on "order" (id) where deleted_at is null;
-- Serves the filter `customer_id` and the relation `orders` of customers: within a customer it
-- holds them by `number`, as the relation shows them.
create index order_customer on "order" (customer_id) where deleted_at is null;
-- Serves the range of its name, and the order by it.
create index order_created_at on "order" (created_at) where deleted_at is null;

create table order_line_item (
    number integer primary key,
    id text not null unique,
    order_id text not null references "order" (id) on delete cascade,
    title text not null,
    subtitle text,
    variant_sku text,
    unit_price integer not null,
    quantity integer not null check (quantity > 0),
    total integer not null check (total = unit_price * quantity),
    metadata text,
    created_at text not null,
    updated_at text not null,
    deleted_at text
) strict;

-- Serves the relation `items` of orders.
create index order_line_item_order on order_line_item (order_id) where deleted_at is null;
