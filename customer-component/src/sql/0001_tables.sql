create table customer (
    number integer primary key,
    id text not null unique,
    company_name text,
    first_name text,
    last_name text,
    email text,
    phone text,
    metadata text,
    has_account integer not null default 0 check (has_account in (0, 1)),
    created_by text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    -- What `q` looks in, folded; a word cannot match across two columns.
    search_text text not null
) strict;

-- One guest and one account an email. Serves the filter `email`.
create unique index customer_email on customer (email, has_account) where deleted_at is null;
-- Serves the list without a filter, at any offset, and the order by id.
create index customer_list on customer (id) where deleted_at is null;
-- Each serves the filter of its name, in the order of the list.
create index customer_has_account on customer (has_account, id) where deleted_at is null;
create index customer_first_name on customer (first_name, id) where deleted_at is null;
create index customer_last_name on customer (last_name, id) where deleted_at is null;
create index customer_company_name on customer (company_name, id) where deleted_at is null;
create index customer_created_by on customer (created_by, id) where deleted_at is null;
-- Each serves the range of its name, and the order by it.
create index customer_created_at on customer (created_at) where deleted_at is null;
create index customer_updated_at on customer (updated_at) where deleted_at is null;

-- Serves `q`: every word of three letters or more is found without a scan.
create virtual table customer_words using fts5 (
    search_text, content = 'customer', content_rowid = 'number', columnsize = 0,
    tokenize = 'trigram case_sensitive 1'
);

create trigger customer_words_insert after insert on customer begin
    insert into customer_words (rowid, search_text) values (new.number, new.search_text);
end;

create trigger customer_words_update after update of search_text on customer
when old.search_text is not new.search_text begin
    insert into customer_words (customer_words, rowid, search_text) values ('delete', old.number, old.search_text);
    insert into customer_words (rowid, search_text) values (new.number, new.search_text);
end;

create trigger customer_words_delete after delete on customer begin
    insert into customer_words (customer_words, rowid, search_text) values ('delete', old.number, old.search_text);
end;

create table customer_address (
    number integer primary key,
    id text not null unique,
    customer_id text not null references customer (id) on update cascade on delete cascade,
    address_name text,
    is_default_shipping integer not null default 0 check (is_default_shipping in (0, 1)),
    is_default_billing integer not null default 0 check (is_default_billing in (0, 1)),
    company text,
    first_name text,
    last_name text,
    address_1 text,
    address_2 text,
    city text,
    country_code text,
    province text,
    postal_code text,
    phone text,
    metadata text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    search_text text not null
) strict;

-- Serves the list of a customer's addresses, and the relation `addresses` of customers: within a
-- customer it holds them by `number`, as the relation shows them.
create index customer_address_customer on customer_address (customer_id) where deleted_at is null;
-- At most one default of each kind. Serve taking it away from the one that has it.
create unique index customer_address_default_shipping on customer_address (customer_id) where is_default_shipping = 1;
create unique index customer_address_default_billing on customer_address (customer_id) where is_default_billing = 1;

create table customer_group (
    number integer primary key,
    id text not null unique,
    name text not null,
    metadata text,
    created_by text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    search_text text not null
) strict;

-- Serves the filter `name`.
create unique index customer_group_name on customer_group (name) where deleted_at is null;
-- Serves the list without a filter, at any offset, and the order by id.
create index customer_group_list on customer_group (id) where deleted_at is null;
-- Serves the filter of its name.
create index customer_group_created_by on customer_group (created_by, id) where deleted_at is null;
-- Each serves the range of its name, and the order by it.
create index customer_group_created_at on customer_group (created_at) where deleted_at is null;
create index customer_group_updated_at on customer_group (updated_at) where deleted_at is null;

create table customer_group_customer (
    number integer primary key,
    id text not null unique,
    customer_id text not null references customer (id) on update cascade on delete cascade,
    customer_group_id text not null references customer_group (id) on update cascade on delete cascade,
    metadata text,
    created_by text,
    created_at text not null,
    updated_at text not null,
    deleted_at text
) strict;

-- Nobody is in a group twice. Serves the filter `groups` of customers, and the relation `customers` of groups.
create unique index customer_group_customer_pair on customer_group_customer (customer_group_id, customer_id);
-- Serves the filter `customers` of groups, and the relation `groups` of customers: within a
-- customer it holds them by `number`, as the relation shows them.
create index customer_group_customer_customer on customer_group_customer (customer_id);

-- How many rows of a table are not deleted. Serves the count of a list without a filter.
create table row_count (
    table_name text primary key,
    live integer not null
) strict, without rowid;

insert into row_count (table_name, live) values ('customer', 0), ('customer_group', 0);

create trigger customer_count_insert after insert on customer when new.deleted_at is null begin
    update row_count set live = live + 1 where table_name = 'customer';
end;
create trigger customer_count_update after update of deleted_at on customer
when (old.deleted_at is null) <> (new.deleted_at is null) begin
    update row_count set live = live + iif(new.deleted_at is null, 1, -1) where table_name = 'customer';
end;
create trigger customer_count_delete after delete on customer when old.deleted_at is null begin
    update row_count set live = live - 1 where table_name = 'customer';
end;

create trigger customer_group_count_insert after insert on customer_group when new.deleted_at is null begin
    update row_count set live = live + 1 where table_name = 'customer_group';
end;
create trigger customer_group_count_update after update of deleted_at on customer_group
when (old.deleted_at is null) <> (new.deleted_at is null) begin
    update row_count set live = live + iif(new.deleted_at is null, 1, -1) where table_name = 'customer_group';
end;
create trigger customer_group_count_delete after delete on customer_group when old.deleted_at is null begin
    update row_count set live = live - 1 where table_name = 'customer_group';
end;
