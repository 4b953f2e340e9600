//! A SQL database as a store: text and rows. Every statement is a constant, or put
//! together from constants; what was sent only ever becomes a parameter.

mod dialect;
pub mod search;
#[cfg(any(test, feature = "spy"))]
mod spy;

#[cfg(any(test, feature = "spy"))]
pub use spy::{Spy, statements};

pub use dialect::{Dialect, SQLITE};

use crate::entity::{Columns, Entity, Join, Relation, Table};
use crate::filter::Search;
use crate::records::{Cell, Records};
use crate::store::{Page, Read, Searches, StoreError, Stored, Transaction};

/// One migration.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its name.
    pub name: &'static str,
    /// Statements, each ended by `;`.
    pub statements: &'static str,
}

/// Why a statement was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// There is such a row already.
    #[error("there is such a row already")]
    Unique,
    /// The row that it points to does not exist.
    #[error("the row that it points to does not exist")]
    ForeignKey,
    /// More than one call may have.
    #[error("{0}")]
    LimitExceeded(String),
    /// The database cannot serve now.
    #[error("{0}")]
    Unavailable(String),
    /// The statement is wrong.
    #[error("{0}")]
    Invalid(String),
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Unique => Self::Duplicate,
            SqlError::ForeignKey => Self::Missing,
            SqlError::LimitExceeded(text) => Self::TooMuch(text),
            SqlError::Unavailable(text) => Self::Unavailable(text),
            SqlError::Invalid(text) => Self::Internal(text),
        }
    }
}

/// Something that takes statements.
#[expect(
    clippy::missing_errors_doc,
    reason = "an error is that of the database"
)]
pub trait Queries {
    /// The dialect of SQL that it takes.
    fn dialect(&self) -> Result<&'static Dialect, SqlError> {
        Ok(&SQLITE)
    }
    /// Runs a statement that returns rows.
    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError>;
}

/// A database, or the part of it that is the module's.
#[expect(
    clippy::missing_errors_doc,
    reason = "an error is that of the database"
)]
pub trait Connection: Queries {
    /// Statements that are kept together or not at all.
    type Open<'a>: OpenTransaction
    where
        Self: 'a;
    /// Begins them.
    fn begin(&self) -> Result<Self::Open<'_>, SqlError>;
}

/// Statements that are kept together or not at all; dropped, nothing of them is.
#[expect(
    clippy::missing_errors_doc,
    reason = "an error is that of the database"
)]
pub trait OpenTransaction: Queries {
    /// Runs a statement that writes; returns the number of rows it changed.
    fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, SqlError>;
    /// Adds an event.
    fn emit(&self, name: &str, data: &str) -> Result<(), SqlError>;
    /// Keeps it all.
    fn commit(self) -> Result<(), SqlError>;
}

/// A store over a database.
pub struct SqlStore<C>(pub C);

/// Writes of a [`SqlStore`].
pub struct SqlTransaction<T>(pub T);

impl<C: Connection> SqlStore<C> {
    /// Begins to write; holds all other writers off.
    ///
    /// # Errors
    /// When the database cannot serve.
    pub fn begin(&self) -> Stored<SqlTransaction<C::Open<'_>>> {
        Ok(SqlTransaction(self.0.begin()?))
    }
}

impl<T: OpenTransaction> SqlTransaction<T> {
    /// Runs a statement that writes; returns the number of rows it changed.
    ///
    /// # Errors
    /// When a rule of the schema refuses it, or the database cannot serve.
    pub fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Stored<u64> {
        Ok(self.0.execute(statement, parameters)?)
    }
}

impl<C: Connection> Read for SqlStore<C> {
    fn find(&self, entity: &'static Entity, id: &str) -> Stored<Records> {
        find(&self.0, entity, id)
    }

    fn related(
        &self,
        relation: &'static Relation,
        ids: &[&str],
        columns: Columns,
    ) -> Stored<Records> {
        related(&self.0, relation, ids, columns)
    }
}

impl<C: Connection> Searches for SqlStore<C> {
    fn search(&self, entity: &'static Entity, search: &Search, columns: Columns) -> Stored<Page> {
        search::search(&self.0, entity, search, columns)
    }
}

impl<T: OpenTransaction> Read for SqlTransaction<T> {
    fn find(&self, entity: &'static Entity, id: &str) -> Stored<Records> {
        find(&self.0, entity, id)
    }

    fn related(
        &self,
        relation: &'static Relation,
        ids: &[&str],
        columns: Columns,
    ) -> Stored<Records> {
        related(&self.0, relation, ids, columns)
    }
}

impl<T: OpenTransaction> Transaction for SqlTransaction<T> {
    fn emit(&self, event: &str, id: &str) -> Stored<()> {
        let data = serde_json::json!({ "id": id }).to_string();
        Ok(self.0.emit(event, &data)?)
    }

    fn commit(self) -> Stored<()> {
        Ok(self.0.commit()?)
    }
}

fn find(database: &impl Queries, entity: &Entity, id: &str) -> Stored<Records> {
    let Table {
        columns,
        name,
        alias,
        ..
    } = entity.table;
    // The statement of most requests: put together in one piece, without a formatter.
    let statement = [
        "select ",
        columns,
        " from ",
        name,
        " ",
        alias,
        " where ",
        alias,
        ".id = $1 and ",
        alias,
        ".deleted_at is null",
    ]
    .concat();
    Ok(database.query(&statement, &[Cell::Text(id)])?)
}

fn related(
    database: &impl Queries,
    relation: &Relation,
    ids: &[&str],
    columns: Columns,
) -> Stored<Records> {
    let (Some(target), Some(join)) = (relation.target, relation.join) else {
        return Ok(Records::default());
    };
    let columns = search::listed(target, columns);
    let Table { name, alias, .. } = target.table;
    let among = "in (select value from json_each($1))";
    let statement = match join {
        Join::Through { table, from, to } => format!(
            "select link.{from}, {columns} from {table} link join {name} {alias} on {alias}.id = link.{to} \
             where link.{from} {among} and {alias}.deleted_at is null order by link.{from}, link.number"
        ),
        Join::Theirs(column) => format!(
            "select {alias}.{column}, {columns} from {name} {alias} \
             where {alias}.{column} {among} and {alias}.deleted_at is null order by {alias}.{column}, {alias}.number"
        ),
        Join::Ours { table, column } => format!(
            "select link.id, {columns} from {table} link join {name} {alias} on {alias}.id = link.{column} \
             where link.id {among} and {alias}.deleted_at is null order by link.id"
        ),
    };
    // One parameter for all ids: the statement stays the same, and prepared.
    Ok(database.query(&statement, &[Cell::Text(&json(ids))])?)
}

/// Texts as one parameter.
pub fn json<T: serde::Serialize>(texts: &[T]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

/// The texts of the first column.
pub fn first_column(records: &Records) -> Vec<String> {
    (0..records.len())
        .filter_map(|row| records.string(row, 0))
        .collect()
}
