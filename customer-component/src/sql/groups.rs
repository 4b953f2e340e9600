//! Statements on the tables `customer_group` and `customer_group_customer`.

use wares_module_kit::filter::searched;
use wares_module_kit::records::Cell;
use wares_module_kit::sql::OpenTransaction;
use wares_module_kit::store::Stored;

use crate::store::Membership;
use crate::types::Group;

/// The columns of the entity, in its order.
pub(crate) const COLUMNS: &str =
    "g.id, g.name, g.created_by, g.created_at, g.updated_at, g.deleted_at, g.metadata";

const INSERT: &str = "
    insert into customer_group (id, name, created_by, created_at, updated_at, metadata, search_text)
    values ($1, $2, $3, $4, $5, $6, casefold($7))";

const UPDATE: &str = "
    update customer_group set name = $2, created_by = $3, created_at = $4, updated_at = $5, metadata = $6,
        search_text = casefold($7)
    where id = $1 and deleted_at is null";

pub(super) const DELETE: &str = "
    update customer_group set deleted_at = $2, updated_at = $2 where id = $1 and deleted_at is null";

/// Who is in it already stays as he is.
const INSERT_MEMBERSHIP: &str = "
    insert into customer_group_customer (id, customer_id, customer_group_id, created_by, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $5)
    on conflict (customer_group_id, customer_id) do nothing";

pub(super) const DELETE_MEMBERSHIP: &str = "
    delete from customer_group_customer where customer_group_id = $1 and customer_id = $2 returning id";

fn write(database: &impl OpenTransaction, statement: &str, group: &Group) -> Stored<()> {
    let search_text = searched([Some(&group.name)]);
    let [id, name, created_by, created_at, updated_at, _, metadata] = group.cells();
    database.execute(
        statement,
        &[
            id,
            name,
            created_by,
            created_at,
            updated_at,
            metadata,
            Cell::Text(&search_text),
        ],
    )?;
    Ok(())
}

pub(super) fn insert(database: &impl OpenTransaction, group: &Group) -> Stored<()> {
    write(database, INSERT, group)
}

pub(super) fn update(database: &impl OpenTransaction, group: &Group) -> Stored<()> {
    write(database, UPDATE, group)
}

pub(super) fn insert_membership(
    database: &impl OpenTransaction,
    membership: &Membership,
) -> Stored<bool> {
    let created_by = Cell::optional(membership.created_by.as_deref());
    let inserted = database.execute(
        INSERT_MEMBERSHIP,
        &[
            Cell::Text(&membership.id),
            Cell::Text(&membership.customer_id),
            Cell::Text(&membership.group_id),
            created_by,
            Cell::Text(&membership.created_at),
        ],
    )?;
    Ok(inserted > 0)
}
