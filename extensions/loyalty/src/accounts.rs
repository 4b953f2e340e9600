//! The accounts: what statements read and write of them.

use std::collections::HashMap;

use wares_module_kit::component::Open;
use wares_module_kit::prelude::*;
use wares_module_kit::sql::{Queries, first_column, json};

use crate::rules::{NewEntry, Range, after};

const POINTS: &str = "
    select customer_id, points from loyalty_account where customer_id in (select value from json_each($1))";
const SELECT: &str = "
    select a.customer_id
    from json_each($1) as range
    join loyalty_account a on a.points between json_extract(range.value, '$[0]') and json_extract(range.value, '$[1]')
    limit $2";
const WRITE_ACCOUNT: &str = "
    insert into loyalty_account (customer_id, points, updated_at) values ($1, $2, $3)
    on conflict (customer_id) do update set points = excluded.points, updated_at = excluded.updated_at";
const INSERT_ENTRY: &str = "
    insert into loyalty_entry (id, customer_id, points, reason, created_by, created_at, search_text)
    values ($1, $2, $3, $4, $5, $6, casefold($4))";

/// The points of each of these customers that has an account.
pub fn points(database: &impl Queries, ids: &[&str]) -> Result<HashMap<String, i64>, Fault> {
    let found = database
        .query(POINTS, &[Cell::Text(&json(ids))])
        .map_err(StoreError::from)?;
    let account = |row| Some((found.string(row, 0)?, found.integer(row, 1)));
    Ok((0..found.len()).filter_map(account).collect())
}

/// The customers whose points are in one of these ranges, which are apart from one another.
pub fn select(database: &impl Queries, ranges: &[Range], limit: u32) -> Result<Vec<String>, Fault> {
    let found = database
        .query(
            SELECT,
            &[Cell::Text(&json(ranges)), Cell::Integer(limit.into())],
        )
        .map_err(StoreError::from)?;
    Ok(first_column(&found))
}

/// Adds an entry to the account of a customer, who may not have one yet; returns its id.
pub fn add(
    transaction: &SqlTransaction<Open>,
    customer: &str,
    entry: &NewEntry,
    by: Option<&str>,
) -> Result<String, Fault> {
    let has = points(&transaction.0, &[customer])?;
    let has = has.get(customer).copied().unwrap_or_default();
    let (id, now) = (ids::new("loyent_"), clock::now());
    let account = [
        Cell::Text(customer),
        Cell::Integer(after(has, entry.points)?),
        Cell::Text(&now),
    ];
    transaction.execute(WRITE_ACCOUNT, &account)?;
    let row = [
        Cell::Text(&id),
        Cell::Text(customer),
        Cell::Integer(entry.points),
        Cell::Text(&entry.reason),
        Cell::optional(by),
        Cell::Text(&now),
    ];
    transaction.execute(INSERT_ENTRY, &row)?;
    Ok(id)
}
