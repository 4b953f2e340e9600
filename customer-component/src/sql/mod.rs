//! Keeps the domain's things in a SQL database: text and rows. Every statement
//! is a constant, or put together from constants; what was sent to the module
//! only ever becomes a parameter.

pub(crate) mod addresses;
pub(crate) mod customers;
pub(crate) mod groups;
mod migrations;

use wares_module_kit::records::Cell;
use wares_module_kit::sql::{Connection, OpenTransaction, SqlStore, SqlTransaction, first_column};
use wares_module_kit::store::Stored;

use crate::settings::EmailCase;
use crate::store::{DefaultFor, Membership, Store, Writes};
use crate::types::{Address, Customer, Group};

pub use migrations::{MIGRATIONS, STEPS_NEEDED};

impl<C: Connection> Store for SqlStore<C> {
    type Transaction<'a>
        = SqlTransaction<C::Open<'a>>
    where
        Self: 'a;

    fn begin(&self) -> Stored<Self::Transaction<'_>> {
        self.begin()
    }
}

impl<T: OpenTransaction> Writes for SqlTransaction<T> {
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
}

#[cfg(test)]
pub(crate) mod tests;
