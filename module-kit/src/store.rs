//! Where a module's things are kept, as its rules see it: what can be read, and what
//! can go wrong. What can be written is the module's to say.

use crate::entity::{Columns, Entity, Relation};
use crate::fault::Fault;
use crate::filter::Search;
use crate::records::Records;

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is one already, and there may be one only.
    #[error("there is one already")]
    Duplicate,
    /// The referenced record does not exist.
    #[error("what it is tied to does not exist")]
    Missing,
    /// A regular expression is invalid.
    #[error("{0}")]
    Pattern(String),
    /// More was asked for than one answer may hold.
    #[error("{0}")]
    TooMuch(String),
    /// It cannot serve now. Worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the module's own.
    #[error("{0}")]
    Internal(String),
}

impl StoreError {
    /// As a fault; `taken` says what there may be one of.
    pub fn or_taken(self, taken: impl FnOnce() -> String) -> Fault {
        match self {
            Self::Duplicate => Fault::Duplicate(taken()),
            error => error.into(),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooMuch(text) => Self::TooMuch(text),
            StoreError::Pattern(text) => Self::Invalid(text),
            StoreError::Unavailable(text) => Self::Unavailable(text),
            StoreError::Duplicate | StoreError::Missing | StoreError::Internal(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

/// The result of asking a store.
pub type Stored<T> = Result<T, StoreError>;

/// A part of what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Rows with the columns of the entity, in its order.
    pub records: Records,
    /// How many were found in all.
    pub count: u64,
}

/// What can be read. Deleted things are never found.
pub trait Read {
    /// The thing with this id, as no row or one, with the columns of the entity.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn find(&self, entity: &'static Entity, id: &str) -> Stored<Records>;

    /// Returns what is tied to things by a relation: the id of the thing in the first
    /// column, then the columns of the other end. By the thing's id, then in the
    /// order in which they were tied.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn related(
        &self,
        relation: &'static Relation,
        ids: &[&str],
        columns: Columns,
    ) -> Stored<Records>;
}

/// What can be looked for.
pub trait Searches: Read {
    /// Returns these columns of what is looked for, and how many there are in all.
    ///
    /// # Errors
    /// When the store cannot serve.
    fn search(&self, entity: &'static Entity, search: &Search, columns: Columns) -> Stored<Page>;
}

/// Writes that are kept together or not at all: dropped without
/// [`Transaction::commit`], nothing of it is. Every method fails when the store
/// cannot serve, and then nothing of the transaction may be kept.
#[expect(
    clippy::missing_errors_doc,
    reason = "said above, once for all of them"
)]
pub trait Transaction: Read {
    /// Tells others about the thing with this id, if the transaction is kept.
    fn emit(&self, event: &str, id: &str) -> Stored<()>;

    /// Keeps it all.
    fn commit(self) -> Stored<()>;
}

/// A thing that has to be there, as one row.
///
/// # Errors
/// `otherwise` where it is not, and that of the store.
pub fn must_find(
    store: &(impl Read + ?Sized),
    entity: &'static Entity,
    id: &str,
    otherwise: impl FnOnce() -> Fault,
) -> Result<Records, Fault> {
    let found = store.find(entity, id)?;
    if found.is_empty() {
        Err(otherwise())
    } else {
        Ok(found)
    }
}
