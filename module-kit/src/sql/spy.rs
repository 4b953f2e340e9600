//! A database that keeps statements instead of running them: what tests and fuzzers
//! look at.

use std::cell::RefCell;

use super::{Connection, OpenTransaction, Queries, SqlError, search};
use crate::entity::{Columns, Entity};
use crate::filter::Search;
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

impl Connection for Spy {
    type Open<'a> = Self;

    fn begin(&self) -> Result<Self, SqlError> {
        Ok(Self::default())
    }
}

impl OpenTransaction for Spy {
    fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, SqlError> {
        self.query(statement, parameters).map(|_| 0)
    }

    fn emit(&self, _: &str, _: &str) -> Result<(), SqlError> {
        Ok(())
    }

    fn commit(self) -> Result<(), SqlError> {
        Ok(())
    }
}

/// The statements of a search.
///
/// # Errors
/// When the search cannot be said in SQL.
pub fn statements(entity: &'static Entity, search: &Search) -> Result<Vec<String>, StoreError> {
    let spy = Spy::default();
    search::search(&spy, entity, search, Columns::ALL)?;
    Ok(spy.0.into_inner())
}
