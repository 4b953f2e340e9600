//! Keeps the domain's things in a SQL database: text and rows. Every statement
//! is a constant, or put together from constants; what was sent to the module
//! only ever becomes a parameter.

mod addresses;
mod customers;
mod groups;
mod migrations;
mod search;

use crate::filter::Search;
use crate::model::{Columns, Entity, Link};
use crate::records::{Cell, Records};
use crate::settings::EmailCase;
use crate::store::{DefaultFor, Membership, Read, Store, StoreError, Stored, Transaction};
use crate::types::{Address, Customer, Group, Page};

#[cfg(any(test, feature = "fuzzing"))]
mod spy;
#[cfg(any(test, feature = "fuzzing"))]
pub use spy::{Spy, statements};

pub use migrations::{MIGRATIONS, Migration, STEPS_NEEDED};

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
    /// Runs a statement that gives rows.
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
    /// Runs a statement that writes; gives the number of rows it changed.
    fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, SqlError>;
    /// Adds an event.
    fn emit(&self, name: &str, data: &str) -> Result<(), SqlError>;
    /// Keeps it all.
    fn commit(self) -> Result<(), SqlError>;
}

/// A store over a database.
pub struct SqlStore<C>(pub C);

/// Writes of a [`SqlStore`].
pub struct SqlTransaction<T>(T);

fn find(database: &impl Queries, entity: Entity, id: &str) -> Stored<Records> {
    let statement = match entity {
        Entity::Customer => customers::FIND,
        Entity::Address => addresses::FIND,
        Entity::Group => groups::FIND,
    };
    Ok(database.query(statement, &[Cell::Text(id)])?)
}

fn related(database: &impl Queries, link: Link, ids: &[&str], columns: Columns) -> Stored<Records> {
    let (target, [start, end]) = match link {
        Link::AddressesOfCustomers => (Entity::Address, addresses::OF_CUSTOMERS),
        Link::CustomersOfAddresses => (Entity::Customer, customers::OF_ADDRESSES),
        Link::GroupsOfCustomers => (Entity::Group, groups::OF_CUSTOMERS),
        Link::CustomersOfGroups => (Entity::Customer, customers::OF_GROUPS),
        Link::Elsewhere => return Ok(Records::default()),
    };
    let statement = format!("{start}, {}{end}", search::listed(target, columns));
    // One parameter for all ids: the statement stays the same, and prepared.
    Ok(database.query(&statement, &[Cell::Text(&search::json(ids))])?)
}

impl<C: Connection> Read for SqlStore<C> {
    fn find(&self, entity: Entity, id: &str) -> Stored<Records> {
        find(&self.0, entity, id)
    }

    fn related(&self, link: Link, ids: &[&str], columns: Columns) -> Stored<Records> {
        related(&self.0, link, ids, columns)
    }
}

impl<C: Connection> Store for SqlStore<C> {
    type Transaction<'a>
        = SqlTransaction<C::Open<'a>>
    where
        Self: 'a;

    fn search(&self, entity: Entity, search: &Search, columns: Columns) -> Stored<Page> {
        search::search(&self.0, entity, search, columns)
    }

    fn begin(&self) -> Stored<Self::Transaction<'_>> {
        Ok(SqlTransaction(self.0.begin()?))
    }
}

impl<T: OpenTransaction> Read for SqlTransaction<T> {
    fn find(&self, entity: Entity, id: &str) -> Stored<Records> {
        find(&self.0, entity, id)
    }

    fn related(&self, link: Link, ids: &[&str], columns: Columns) -> Stored<Records> {
        related(&self.0, link, ids, columns)
    }
}

/// The texts of the first column.
fn first_column(records: &Records) -> Vec<String> {
    (0..records.len())
        .filter_map(|row| records.string(row, 0))
        .collect()
}

impl<T: OpenTransaction> Transaction for SqlTransaction<T> {
    fn insert_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()> {
        customers::insert(&self.0, customer, emails)
    }

    fn update_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()> {
        customers::update(&self.0, customer, emails)
    }

    fn delete_customer(&self, id: &str, at: &str) -> Stored<bool> {
        Ok(self
            .0
            .execute(customers::DELETE, &[Cell::Text(id), Cell::Text(at)])?
            > 0)
    }

    fn insert_address(&self, address: &Address) -> Stored<()> {
        addresses::insert(&self.0, address)
    }

    fn update_address(&self, address: &Address) -> Stored<()> {
        addresses::update(&self.0, address)
    }

    fn delete_address(&self, id: &str) -> Stored<()> {
        self.0.execute(addresses::DELETE, &[Cell::Text(id)])?;
        Ok(())
    }

    fn delete_addresses_of(&self, customer_id: &str, at: &str) -> Stored<Vec<String>> {
        let deleted = self.0.query(
            addresses::DELETE_OF_CUSTOMER,
            &[Cell::Text(customer_id), Cell::Text(at)],
        )?;
        Ok(first_column(&deleted))
    }

    fn release_default(
        &self,
        role: DefaultFor,
        customer_id: &str,
        except: &str,
        at: &str,
    ) -> Stored<Vec<String>> {
        let statement = match role {
            DefaultFor::Shipping => addresses::RELEASE_SHIPPING,
            DefaultFor::Billing => addresses::RELEASE_BILLING,
        };
        let released = self.0.query(
            statement,
            &[Cell::Text(customer_id), Cell::Text(except), Cell::Text(at)],
        )?;
        Ok(first_column(&released))
    }

    fn insert_group(&self, group: &Group) -> Stored<()> {
        groups::insert(&self.0, group)
    }

    fn update_group(&self, group: &Group) -> Stored<()> {
        groups::update(&self.0, group)
    }

    fn delete_group(&self, id: &str, at: &str) -> Stored<bool> {
        Ok(self
            .0
            .execute(groups::DELETE, &[Cell::Text(id), Cell::Text(at)])?
            > 0)
    }

    fn insert_membership(&self, membership: &Membership) -> Stored<bool> {
        groups::insert_membership(&self.0, membership)
    }

    fn delete_membership(&self, group_id: &str, customer_id: &str) -> Stored<Option<String>> {
        let deleted = self.0.query(
            groups::DELETE_MEMBERSHIP,
            &[Cell::Text(group_id), Cell::Text(customer_id)],
        )?;
        Ok(deleted.string(0, 0))
    }

    fn emit(&self, event: &str, id: &str) -> Stored<()> {
        Ok(self
            .0
            .emit(event, &serde_json::json!({ "id": id }).to_string())?)
    }

    fn commit(self) -> Stored<()> {
        Ok(self.0.commit()?)
    }
}

#[cfg(test)]
pub(crate) mod tests;
