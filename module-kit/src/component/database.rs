//! The host's database as the store sees it.

use crate::records::{Cell, Records};
use crate::sql::{Connection, Dialect, OpenTransaction, Queries, SqlError};

use wares_module::bindings::wares::platform::{events, sql};
use wares_module::sql::values;

/// The message when other writers, of any process, were ahead for too long.
const BUSY: &str = "Others write to the database, and this had to wait too long for its turn: nothing was changed, try again";

/// The module's own database.
pub struct Database;

/// Statements that are kept together or not at all.
pub struct Open(sql::Transaction);

fn unpack(rows: sql::Rows) -> Result<Records, SqlError> {
    Records::unpack(rows.columns as usize, rows.count as usize, rows.data)
        .map_err(|error| SqlError::Invalid(error.to_string()))
}

impl From<sql::Error> for SqlError {
    fn from(error: sql::Error) -> Self {
        match error {
            sql::Error::Constraint(constraint) => match constraint.kind {
                sql::ConstraintKind::Unique => Self::Unique,
                sql::ConstraintKind::ForeignKey => Self::ForeignKey,
                sql::ConstraintKind::NotNull | sql::ConstraintKind::Check => {
                    Self::Invalid(format!(
                        "a column refuses its value: {}",
                        constraint.columns.join(", ")
                    ))
                }
            },
            sql::Error::Busy => Self::Unavailable(BUSY.to_owned()),
            sql::Error::Timeout => {
                Self::Unavailable("The database took too long, try again".to_owned())
            }
            sql::Error::LimitExceeded(text) => Self::LimitExceeded(text),
            sql::Error::Invalid(text) => Self::Invalid(text),
            sql::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

/// The dialect that the host names.
fn dialect() -> Result<&'static Dialect, SqlError> {
    let name = sql::dialect();
    Dialect::of(&name)
        .ok_or_else(|| SqlError::Unavailable(format!("the dialect {name} of SQL is not known")))
}

impl Queries for Database {
    fn dialect(&self) -> Result<&'static Dialect, SqlError> {
        dialect()
    }

    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError> {
        unpack(sql::query(statement, &values(parameters))?)
    }
}

impl Connection for Database {
    type Open<'a> = Open;

    fn begin(&self) -> Result<Open, SqlError> {
        Ok(Open(sql::Transaction::begin()?))
    }
}

impl Queries for Open {
    fn dialect(&self) -> Result<&'static Dialect, SqlError> {
        dialect()
    }

    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError> {
        unpack(self.0.query(statement, &values(parameters))?)
    }
}

impl OpenTransaction for Open {
    fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, SqlError> {
        Ok(self.0.execute(statement, &values(parameters))?)
    }

    fn emit(&self, name: &str, data: &str) -> Result<(), SqlError> {
        Ok(events::emit(&self.0, name, data)?)
    }

    fn commit(self) -> Result<(), SqlError> {
        Ok(sql::Transaction::commit(self.0)?)
    }
}
