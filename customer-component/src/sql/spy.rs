//! The statements of a search, kept instead of run: what tests and fuzzers look at.

use std::cell::RefCell;

use super::{Queries, SqlError, search};
use crate::filter::Search;
use crate::model::{Columns, Entity};
use crate::records::{Cell, Records};
use crate::store::StoreError;

/// Keeps statements instead of running them.
#[derive(Default)]
pub struct Spy(pub RefCell<Vec<String>>);

impl Queries for Spy {
    fn query(&self, statement: &str, _: &[Cell<'_>]) -> Result<Records, SqlError> {
        self.0.borrow_mut().push(statement.to_owned());
        Ok(Records::default())
    }
}

/// The statements of a search.
///
/// # Errors
/// When the search cannot be said in SQL.
pub fn statements(entity: Entity, search: &Search) -> Result<Vec<String>, StoreError> {
    let spy = Spy::default();
    search::search(&spy, entity, search, Columns::ALL)?;
    Ok(spy.0.into_inner())
}
