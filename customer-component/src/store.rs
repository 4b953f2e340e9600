//! Where the domain's things are kept, as the rules see it. What comes back is
//! rows; what goes in is whole things, each with its id and times.

#[cfg(doc)]
use wares_module_kit::store::StoreError;
use wares_module_kit::store::{Searches, Stored, Transaction};

use crate::settings::EmailCase;
use crate::types::{Address, Customer, Group};

/// The two defaults, of which at most one address of a customer has each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultFor {
    /// Where goods go.
    Shipping,
    /// Where bills go.
    Billing,
}

/// A customer's membership in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns of the table")]
pub struct Membership {
    pub id: String,
    pub customer_id: String,
    pub group_id: String,
    pub created_by: Option<String>,
    pub created_at: String,
}

/// A store of customers, addresses and groups.
pub trait Store: Searches {
    /// Writes that are kept together or not at all.
    type Transaction<'a>: Writes
    where
        Self: 'a;

    /// Begins to write; holds all other writers off.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn begin(&self) -> Stored<Self::Transaction<'_>>;
}

/// Writes that are kept together or not at all: dropped without
/// [`commit`](Transaction::commit), nothing of it is. Every method fails when the store
/// cannot serve, and then nothing of the transaction may be kept.
#[expect(
    clippy::missing_errors_doc,
    reason = "said above, once for all of them"
)]
pub trait Writes: Transaction {
    /// Adds a customer. [`StoreError::Duplicate`] where its email is taken.
    fn insert_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()>;
    /// Overwrites a customer. [`StoreError::Duplicate`] where its email is another one than
    /// before, and taken.
    fn update_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()>;
    /// Marks a customer as deleted; returns whether it existed.
    fn delete_customer(&self, id: &str, at: &str) -> Stored<bool>;

    /// Adds an address.
    fn insert_address(&self, address: &Address) -> Stored<()>;
    /// Overwrites an address.
    fn update_address(&self, address: &Address) -> Stored<()>;
    /// Removes an address for good.
    fn delete_address(&self, id: &str) -> Stored<()>;
    /// Marks all addresses of a customer as deleted; returns their ids.
    fn delete_addresses_of(&self, customer_id: &str, at: &str) -> Stored<Vec<String>>;
    /// Takes a default from all addresses of a customer but one; returns the ids of those that had it.
    fn release_default(
        &self,
        role: DefaultFor,
        customer_id: &str,
        except: &str,
        at: &str,
    ) -> Stored<Vec<String>>;

    /// Adds a group. [`StoreError::Duplicate`] where its name is taken.
    fn insert_group(&self, group: &Group) -> Stored<()>;
    /// Overwrites a group. [`StoreError::Duplicate`] where its name is taken.
    fn update_group(&self, group: &Group) -> Stored<()>;
    /// Marks a group as deleted; returns whether it existed.
    fn delete_group(&self, id: &str, at: &str) -> Stored<bool>;

    /// Puts a customer into a group; returns whether it is new there.
    fn insert_membership(&self, membership: &Membership) -> Stored<bool>;
    /// Takes a customer out of a group; returns the id of the membership if it existed.
    fn delete_membership(&self, group_id: &str, customer_id: &str) -> Stored<Option<String>>;
}
