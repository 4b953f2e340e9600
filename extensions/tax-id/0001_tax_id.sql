create table tax_id (
    customer_id text primary key,
    number text not null,
    updated_at text not null
) strict, without rowid;

-- Numbers of customers who are being made: a hook is asked before a customer has an id.
create table claim (
    id integer primary key,
    email text not null,
    has_account integer not null check (has_account in (0, 1)),
    number text not null,
    made_at text not null
) strict;
