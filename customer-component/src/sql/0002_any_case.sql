-- 1 where the customer's email is taken in any case: it was written under the setting
-- `email_case = "ignored"`; 0 where it was not. NULL where an earlier version wrote it.
alter table customer add column email_in_any_case integer;

-- `q` finds without regard to case, as `casefold` has it: Unicode's full case folding, composed.
-- Rows that an earlier version wrote, or writes while both are in service, hold lower case
-- instead. They are folded here, and by the triggers, which change nothing of rows that are folded.
drop trigger customer_words_insert;
create trigger customer_words_insert after insert on customer when new.email_in_any_case is not null begin
    insert into customer_words (rowid, search_text) values (new.number, new.search_text);
end;
create trigger customer_words_insert_earlier after insert on customer when new.email_in_any_case is null begin
    insert into customer_words (rowid, search_text) values (new.number, new.search_text);
    update customer set search_text = casefold(search_text)
    where number = new.number and search_text is not casefold(search_text);
end;

-- Its own update does not call it again.
drop trigger customer_words_update;
create trigger customer_words_update after update of search_text on customer
when old.search_text is not new.search_text begin
    insert into customer_words (customer_words, rowid, search_text) values ('delete', old.number, old.search_text);
    insert into customer_words (rowid, search_text) values (new.number, casefold(new.search_text));
    update customer set search_text = casefold(search_text)
    where number = new.number and search_text is not casefold(search_text);
end;

create trigger customer_address_fold_insert after insert on customer_address
when new.search_text is not casefold(new.search_text) begin
    update customer_address set search_text = casefold(search_text) where number = new.number;
end;
create trigger customer_address_fold_update after update of search_text on customer_address
when new.search_text is not casefold(new.search_text) begin
    update customer_address set search_text = casefold(search_text) where number = new.number;
end;

create trigger customer_group_fold_insert after insert on customer_group
when new.search_text is not casefold(new.search_text) begin
    update customer_group set search_text = casefold(search_text) where number = new.number;
end;
create trigger customer_group_fold_update after update of search_text on customer_group
when new.search_text is not casefold(new.search_text) begin
    update customer_group set search_text = casefold(search_text) where number = new.number;
end;

-- Only rows that change are written, and their words indexed again.
update customer set search_text = casefold(search_text) where search_text is not casefold(search_text);
update customer_address set search_text = casefold(search_text) where search_text is not casefold(search_text);
update customer_group set search_text = casefold(search_text) where search_text is not casefold(search_text);

-- One guest and one account an email in any case, of those that are so marked.
create unique index customer_email_in_any_case on customer (lower(email), has_account)
where deleted_at is null and email_in_any_case = 1;
-- Serves the triggers below: few emails have a capital, so it costs what is written without one nothing.
create index customer_email_with_capitals on customer (lower(email), has_account)
where deleted_at is null and email <> lower(email);

-- A customer that was written before the setting is marked as soon as another takes the same
-- email, so that the index decides about the two.
create trigger customer_email_insert after insert on customer when new.email_in_any_case = 1 begin
    update customer set email_in_any_case = 1
    where email = lower(new.email) and has_account = new.has_account and deleted_at is null
        and email_in_any_case is not 1;
    update customer set email_in_any_case = 1
    where lower(email) = lower(new.email) and has_account = new.has_account and deleted_at is null
        and email <> lower(email) and email_in_any_case is not 1;
end;
create trigger customer_email_update after update of email on customer
when new.email_in_any_case = 1 and new.email is not old.email begin
    update customer set email_in_any_case = 1
    where email = lower(new.email) and has_account = new.has_account and deleted_at is null
        and email_in_any_case is not 1;
    update customer set email_in_any_case = 1
    where lower(email) = lower(new.email) and has_account = new.has_account and deleted_at is null
        and email <> lower(email) and email_in_any_case is not 1;
end;
