//! Statements on the table `customer`.

use crate::filter::searched;
use crate::records::Cell;
use crate::settings::EmailCase;
use crate::store::Stored;
use crate::types::Customer;

use super::OpenTransaction;

/// The columns of the entity, in its order.
macro_rules! columns {
    () => {
        "c.id, c.company_name, c.first_name, c.last_name, c.email, c.phone, c.metadata, c.has_account, \
         c.created_by, c.created_at, c.updated_at, c.deleted_at"
    };
}

/// All of them.
pub(super) const COLUMNS: &str = columns!();

pub(super) const FIND: &str = concat!(
    "select ",
    columns!(),
    " from customer c where c.id = $1 and c.deleted_at is null"
);

/// In the order in which they joined.
pub(super) const OF_GROUPS: [&str; 2] = [
    "select m.customer_group_id",
    " from customer_group_customer m join customer c on c.id = m.customer_id
      where m.customer_group_id in (select value from json_each($1)) and c.deleted_at is null
      order by m.customer_group_id, m.number",
];

pub(super) const OF_ADDRESSES: [&str; 2] = [
    "select a.id",
    " from customer_address a join customer c on c.id = a.customer_id
      where a.id in (select value from json_each($1)) and c.deleted_at is null
      order by a.id",
];

const INSERT: &str = "
    insert into customer (id, company_name, first_name, last_name, email, phone, metadata, has_account,
        created_by, created_at, updated_at, search_text, email_in_any_case)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, casefold($12), $13)";

/// An email that stays as it was is not taken anew.
const UPDATE: &str = "
    update customer set company_name = $2, first_name = $3, last_name = $4, email = $5, phone = $6, metadata = $7,
        has_account = $8, created_by = $9, created_at = $10, updated_at = $11, search_text = casefold($12),
        email_in_any_case = iif(email is $5, email_in_any_case, $13)
    where id = $1 and deleted_at is null";

pub(super) const DELETE: &str = "
    update customer set deleted_at = $2, updated_at = $2 where id = $1 and deleted_at is null";

/// The columns of the entity but `deleted_at`, then what `q` looks in, and which emails are the same.
const WRITTEN: usize = 11;

fn write(
    database: &impl OpenTransaction,
    statement: &str,
    customer: &Customer,
    emails: EmailCase,
) -> Stored<()> {
    let search_text = searched(customer.searched());
    let mut parameters = customer.cells()[..WRITTEN].to_vec();
    parameters.push(Cell::Text(&search_text));
    parameters.push(Cell::Integer((emails == EmailCase::Ignored).into()));
    database.execute(statement, &parameters)?;
    Ok(())
}

pub(super) fn insert(
    database: &impl OpenTransaction,
    customer: &Customer,
    emails: EmailCase,
) -> Stored<()> {
    write(database, INSERT, customer, emails)
}

pub(super) fn update(
    database: &impl OpenTransaction,
    customer: &Customer,
    emails: EmailCase,
) -> Stored<()> {
    write(database, UPDATE, customer, emails)
}
