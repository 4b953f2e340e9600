//! Statements on the table `customer_address`.

use wares_module_kit::filter::searched;
use wares_module_kit::records::Cell;
use wares_module_kit::sql::OpenTransaction;
use wares_module_kit::store::Stored;

use crate::types::Address;

/// The columns of the entity, in its order.
pub(crate) const COLUMNS: &str = "a.id, a.address_name, a.company, a.customer_id, a.first_name, a.last_name, a.address_1, a.address_2, a.city, \
     a.province, a.postal_code, a.country_code, a.phone, a.metadata, a.created_at, a.updated_at, \
     a.is_default_shipping, a.is_default_billing, a.deleted_at";

const INSERT: &str = "
    insert into customer_address (id, address_name, company, customer_id, first_name, last_name, address_1, address_2,
        city, province, postal_code, country_code, phone, metadata, created_at, updated_at, is_default_shipping,
        is_default_billing, search_text)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, casefold($19))";

const UPDATE: &str = "
    update customer_address set address_name = $2, company = $3, customer_id = $4, first_name = $5, last_name = $6,
        address_1 = $7, address_2 = $8, city = $9, province = $10, postal_code = $11, country_code = $12, phone = $13,
        metadata = $14, created_at = $15, updated_at = $16, is_default_shipping = $17, is_default_billing = $18,
        search_text = casefold($19)
    where id = $1 and deleted_at is null";

pub(super) const DELETE: &str = "delete from customer_address where id = $1";

pub(super) const DELETE_OF_CUSTOMER: &str = "
    update customer_address set deleted_at = $2, updated_at = $2, is_default_shipping = 0, is_default_billing = 0
    where customer_id = $1 and deleted_at is null
    returning id";

pub(super) const RELEASE_SHIPPING: &str = "
    update customer_address set is_default_shipping = 0, updated_at = $3
    where customer_id = $1 and is_default_shipping = 1 and id <> $2
    returning id";

pub(super) const RELEASE_BILLING: &str = "
    update customer_address set is_default_billing = 0, updated_at = $3
    where customer_id = $1 and is_default_billing = 1 and id <> $2
    returning id";

/// The columns of the entity but `deleted_at`, then what `q` looks in.
const WRITTEN: usize = 18;

fn write(database: &impl OpenTransaction, statement: &str, address: &Address) -> Stored<()> {
    let search_text = searched(address.searched());
    let mut parameters = address.cells()[..WRITTEN].to_vec();
    parameters.push(Cell::Text(&search_text));
    database.execute(statement, &parameters)?;
    Ok(())
}

pub(super) fn insert(database: &impl OpenTransaction, address: &Address) -> Stored<()> {
    write(database, INSERT, address)
}

pub(super) fn update(database: &impl OpenTransaction, address: &Address) -> Stored<()> {
    write(database, UPDATE, address)
}
