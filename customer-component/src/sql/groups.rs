//! Statements on the tables `customer_group` and `customer_group_customer`.

use crate::filter::searched;
use crate::records::Cell;
use crate::store::{Membership, Stored};
use crate::types::Group;

use super::OpenTransaction;

/// The columns of the entity, in its order.
macro_rules! columns {
    () => {
        "g.id, g.name, g.created_by, g.created_at, g.updated_at, g.deleted_at, g.metadata"
    };
}

/// All of them.
pub(super) const COLUMNS: &str = columns!();

pub(super) const FIND: &str = concat!(
    "select ",
    columns!(),
    " from customer_group g where g.id = $1 and g.deleted_at is null"
);

/// In the order in which the customers joined them.
pub(super) const OF_CUSTOMERS: [&str; 2] = [
    "select m.customer_id",
    " from customer_group_customer m join customer_group g on g.id = m.customer_group_id
      where m.customer_id in (select value from json_each($1)) and g.deleted_at is null
      order by m.customer_id, m.number",
];

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
    let created_by = membership
        .created_by
        .as_deref()
        .map_or(Cell::Null, Cell::Text);
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
