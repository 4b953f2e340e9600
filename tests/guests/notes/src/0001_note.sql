create table note (
    number integer primary key,
    id text not null unique,
    title text not null,
    body text,
    metadata text,
    created_by text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    search_text text not null
) strict;

create unique index note_title on note (title) where deleted_at is null;
