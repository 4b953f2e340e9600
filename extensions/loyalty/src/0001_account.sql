-- Customers without a row have 0 points.
create table loyalty_account (
    customer_id text primary key,
    points integer not null check (points >= 0),
    updated_at text not null
) strict, without rowid;

-- Serves the filters by points and by tier.
create index loyalty_account_points on loyalty_account (points);

create table loyalty_entry (
    number integer primary key,
    id text not null unique,
    customer_id text not null references loyalty_account (customer_id),
    points integer not null check (points <> 0),
    reason text not null,
    created_by text,
    created_at text not null,
    deleted_at text,
    search_text text not null
) strict;

-- Serves the list of a customer's entries, in the order of the list.
create index loyalty_entry_customer on loyalty_entry (customer_id, id) where deleted_at is null;
