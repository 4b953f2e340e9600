//! The nouns of the domain as Rust values, and what can go wrong with them.

use crate::domain::sound;
use crate::metadata::Metadata;
use crate::records::{Cell, Records};

/// Why an operation was not carried out. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such thing, or it is deleted.
    #[error("{0}")]
    NotFound(String),
    /// The input breaks a rule; the text names the field.
    #[error("{0}")]
    Invalid(String),
    /// It asks for more than one call may read or answer; the text says which bound
    /// it meets.
    #[error("That asks for too much at once: {0}")]
    TooMuch(String),
    /// It would be a second one where there may be one.
    #[error("{0}")]
    Duplicate(String),
    /// An extension refused it.
    #[error("{0}")]
    Rejected(String),
    /// The storage cannot serve now. Worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the module's own; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

/// The new value of a field in an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// As it is.
    #[default]
    Keep,
    /// No value any more.
    Clear,
    /// This one.
    Set(T),
}

impl<T: PartialEq> Change<T> {
    /// Makes the change; gives whether anything changed.
    pub fn apply(self, field: &mut Option<T>) -> bool {
        let new = match self {
            Self::Keep => return false,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        };
        let changed = *field != new;
        *field = new;
        changed
    }
}

impl<T> Change<T> {
    /// The new value, if there is one.
    pub fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            _ => None,
        }
    }
}

impl Change<String> {
    /// The new text, if there is one.
    pub fn value(&self) -> Option<&str> {
        self.as_ref().map(String::as_str)
    }
}

impl Change<Metadata> {
    /// Makes the change by merging; returns whether anything changed.
    ///
    /// # Errors
    /// When the metadata would be longer than a record's may be.
    pub fn merge(&self, field: &mut Option<Metadata>) -> Result<bool, Fault> {
        let change = match self {
            Self::Set(changes) if changes.is_empty() => return Ok(false),
            Self::Set(changes) => {
                let merged = Metadata::merge(field.as_ref(), changes);
                sound(merged.issue_of_length(field.as_ref()).into_iter().collect())?;
                Self::Set(merged)
            }
            Self::Keep => return Ok(false),
            Self::Clear => Self::Clear,
        };
        Ok(change.apply(field))
    }
}

impl<T> From<Option<T>> for Change<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }
}

/// A customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct Customer {
    pub id: String,
    pub company_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub metadata: Option<Metadata>,
    pub has_account: bool,
    pub created_by: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

/// A customer to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct NewCustomer {
    pub email: Option<String>,
    pub company_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub metadata: Option<Metadata>,
    pub has_account: bool,
    pub created_by: Option<String>,
    pub additional_data: Option<Metadata>,
}

/// Changes to one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct CustomerUpdate {
    pub id: String,
    pub email: Change<String>,
    pub company_name: Change<String>,
    pub first_name: Change<String>,
    pub last_name: Change<String>,
    pub phone: Change<String>,
    pub metadata: Change<Metadata>,
    pub additional_data: Option<Metadata>,
}

/// A postal address of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct Address {
    pub id: String,
    pub customer_id: String,
    pub address_name: Option<String>,
    pub is_default_shipping: bool,
    pub is_default_billing: bool,
    pub company: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub address_1: Option<String>,
    pub address_2: Option<String>,
    pub city: Option<String>,
    pub province: Option<String>,
    pub postal_code: Option<String>,
    pub country_code: Option<String>,
    pub phone: Option<String>,
    pub metadata: Option<Metadata>,
    pub created_at: String,
    pub updated_at: String,
}

/// An address to be added to a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct NewAddress {
    pub customer_id: String,
    pub address_name: Option<String>,
    pub is_default_shipping: bool,
    pub is_default_billing: bool,
    pub company: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub address_1: Option<String>,
    pub address_2: Option<String>,
    pub city: Option<String>,
    pub province: Option<String>,
    pub postal_code: Option<String>,
    pub country_code: Option<String>,
    pub phone: Option<String>,
    pub metadata: Option<Metadata>,
    pub additional_data: Option<Metadata>,
}

/// Names one address of one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct AddressReference {
    pub customer_id: String,
    pub id: String,
}

/// Changes to one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct AddressUpdate {
    pub address: AddressReference,
    pub address_name: Change<String>,
    pub is_default_shipping: Option<bool>,
    pub is_default_billing: Option<bool>,
    pub company: Change<String>,
    pub first_name: Change<String>,
    pub last_name: Change<String>,
    pub address_1: Change<String>,
    pub address_2: Change<String>,
    pub city: Change<String>,
    pub province: Change<String>,
    pub postal_code: Change<String>,
    pub country_code: Change<String>,
    pub phone: Change<String>,
    pub metadata: Change<Metadata>,
    pub additional_data: Option<Metadata>,
}

/// A named set of customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct Group {
    pub id: String,
    pub name: String,
    pub metadata: Option<Metadata>,
    pub created_by: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

/// A group to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct NewGroup {
    pub name: String,
    pub metadata: Option<Metadata>,
    pub created_by: Option<String>,
}

/// Changes to one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct GroupUpdate {
    pub id: String,
    pub name: Option<String>,
    pub metadata: Change<Metadata>,
}

/// Customers that join or leave a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of `wares:customer/types`"
)]
pub struct MembershipChange {
    pub group_id: String,
    pub customer_ids: Vec<String>,
}

/// A part of what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Rows with the columns of the entity, in its order.
    pub records: Records,
    /// How many were found in all.
    pub count: u64,
}

fn metadata(records: &Records, row: usize, column: usize) -> Option<Metadata> {
    records.text(row, column).map(Metadata::stored)
}

fn optional(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, Cell::Text)
}

fn flag(flag: bool) -> Cell<'static> {
    Cell::Integer(flag.into())
}

impl Customer {
    /// From a row with the columns of the entity.
    pub fn read(records: &Records, row: usize) -> Self {
        Self {
            id: records.string(row, 0).unwrap_or_default(),
            company_name: records.string(row, 1),
            first_name: records.string(row, 2),
            last_name: records.string(row, 3),
            email: records.string(row, 4),
            phone: records.string(row, 5),
            metadata: metadata(records, row, 6),
            has_account: records.flag(row, 7),
            created_by: records.string(row, 8),
            created_at: records.string(row, 9).unwrap_or_default(),
            updated_at: records.string(row, 10).unwrap_or_default(),
        }
    }

    /// As a row with the columns of the entity.
    pub fn cells(&self) -> [Cell<'_>; 12] {
        [
            Cell::Text(&self.id),
            optional(self.company_name.as_deref()),
            optional(self.first_name.as_deref()),
            optional(self.last_name.as_deref()),
            optional(self.email.as_deref()),
            optional(self.phone.as_deref()),
            optional(self.metadata.as_ref().map(Metadata::text)),
            flag(self.has_account),
            optional(self.created_by.as_deref()),
            Cell::Text(&self.created_at),
            Cell::Text(&self.updated_at),
            Cell::Null,
        ]
    }

    /// The texts that `q` looks in.
    pub fn searched(&self) -> [Option<&str>; 5] {
        [
            &self.company_name,
            &self.first_name,
            &self.last_name,
            &self.email,
            &self.phone,
        ]
        .map(Option::as_deref)
    }
}

impl Address {
    /// From a row with the columns of the entity.
    pub fn read(records: &Records, row: usize) -> Self {
        Self {
            id: records.string(row, 0).unwrap_or_default(),
            address_name: records.string(row, 1),
            company: records.string(row, 2),
            customer_id: records.string(row, 3).unwrap_or_default(),
            first_name: records.string(row, 4),
            last_name: records.string(row, 5),
            address_1: records.string(row, 6),
            address_2: records.string(row, 7),
            city: records.string(row, 8),
            province: records.string(row, 9),
            postal_code: records.string(row, 10),
            country_code: records.string(row, 11),
            phone: records.string(row, 12),
            metadata: metadata(records, row, 13),
            created_at: records.string(row, 14).unwrap_or_default(),
            updated_at: records.string(row, 15).unwrap_or_default(),
            is_default_shipping: records.flag(row, 16),
            is_default_billing: records.flag(row, 17),
        }
    }

    /// As a row with the columns of the entity.
    pub fn cells(&self) -> [Cell<'_>; 19] {
        [
            Cell::Text(&self.id),
            optional(self.address_name.as_deref()),
            optional(self.company.as_deref()),
            Cell::Text(&self.customer_id),
            optional(self.first_name.as_deref()),
            optional(self.last_name.as_deref()),
            optional(self.address_1.as_deref()),
            optional(self.address_2.as_deref()),
            optional(self.city.as_deref()),
            optional(self.province.as_deref()),
            optional(self.postal_code.as_deref()),
            optional(self.country_code.as_deref()),
            optional(self.phone.as_deref()),
            optional(self.metadata.as_ref().map(Metadata::text)),
            Cell::Text(&self.created_at),
            Cell::Text(&self.updated_at),
            flag(self.is_default_shipping),
            flag(self.is_default_billing),
            Cell::Null,
        ]
    }

    /// The texts that `q` looks in.
    pub fn searched(&self) -> [Option<&str>; 9] {
        [
            &self.address_name,
            &self.company,
            &self.first_name,
            &self.last_name,
            &self.address_1,
            &self.address_2,
            &self.city,
            &self.province,
            &self.postal_code,
        ]
        .map(Option::as_deref)
    }
}

impl Group {
    /// From a row with the columns of the entity.
    pub fn read(records: &Records, row: usize) -> Self {
        Self {
            id: records.string(row, 0).unwrap_or_default(),
            name: records.string(row, 1).unwrap_or_default(),
            created_by: records.string(row, 2),
            created_at: records.string(row, 3).unwrap_or_default(),
            updated_at: records.string(row, 4).unwrap_or_default(),
            metadata: metadata(records, row, 6),
        }
    }

    /// As a row with the columns of the entity.
    pub fn cells(&self) -> [Cell<'_>; 7] {
        [
            Cell::Text(&self.id),
            Cell::Text(&self.name),
            optional(self.created_by.as_deref()),
            Cell::Text(&self.created_at),
            Cell::Text(&self.updated_at),
            Cell::Null,
            optional(self.metadata.as_ref().map(Metadata::text)),
        ]
    }
}

/// A row of cells as records.
pub fn row(cells: &[Cell<'_>]) -> Records {
    let mut records = Records::with_columns(cells.len());
    cells.iter().for_each(|cell| records.push(*cell));
    records
}
