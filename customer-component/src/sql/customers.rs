//! Statements on the table `customer`.

use wares_module_kit::filter::searched;
use wares_module_kit::records::Cell;
use wares_module_kit::sql::OpenTransaction;
use wares_module_kit::store::Stored;

use crate::settings::EmailCase;
use crate::types::Customer;

/// The columns of the entity, in its order.
pub(crate) const COLUMNS: &str = "c.id, c.company_name, c.first_name, c.last_name, c.email, c.phone, c.metadata, c.has_account, \
     c.created_by, c.created_at, c.updated_at, c.deleted_at";

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
