create table email_domain (
    number integer primary key,
    id text not null unique,
    domain text not null,
    created_by text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    search_text text not null
) strict;

create unique index email_domain_domain on email_domain (domain) where deleted_at is null;

insert into email_domain (id, domain, created_at, updated_at, search_text)
select
    'edom_' || domain, domain, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', domain
from (
    select '10minutemail.com' as domain
    union all select 'discard.email'
    union all select 'dispostable.com'
    union all select 'fakeinbox.com'
    union all select 'getnada.com'
    union all select 'guerrillamail.com'
    union all select 'mailinator.com'
    union all select 'maildrop.cc'
    union all select 'sharklasers.com'
    union all select 'tempmail.dev'
    union all select 'throwawaymail.com'
    union all select 'trashmail.com'
    union all select 'yopmail.com'
);
