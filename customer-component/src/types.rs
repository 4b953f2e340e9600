//! The nouns of the domain as Rust values.

use wares_module_kit::change::Change;
use wares_module_kit::metadata::Metadata;
use wares_module_kit::operation::Identity;
use wares_module_kit::records::{Cell, Records};

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

/// What a hook may not change: a line a value.
macro_rules! identity {
    ($($type:ident => |$value:ident| [$($name:literal: $field:expr),*];)*) => {$(
        impl Identity for $type {
            fn identity(&self) -> Vec<(&'static str, String)> {
                let $value = self;
                vec![$(($name, $field)),*]
            }
        }
    )*};
}

fn or_null(id: &Option<String>) -> String {
    id.as_deref().unwrap_or("null").to_owned()
}

identity! {
    NewCustomer => |new| ["created_by": or_null(&new.created_by), "has_account": new.has_account.to_string()];
    CustomerUpdate => |update| ["id": update.id.clone()];
    NewAddress => |new| ["customer_id": new.customer_id.clone()];
    AddressUpdate => |update| ["customer_id": update.address.customer_id.clone(), "id": update.address.id.clone()];
    AddressReference => |address| ["customer_id": address.customer_id.clone(), "id": address.id.clone()];
    NewGroup => |new| ["created_by": or_null(&new.created_by)];
    GroupUpdate => |update| ["id": update.id.clone()];
    MembershipChange => |change| ["group_id": change.group_id.clone(), "customer_ids": change.customer_ids.join(", ")];
}

fn metadata(records: &Records, row: usize, column: usize) -> Option<Metadata> {
    records.text(row, column).map(Metadata::stored)
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
            Cell::optional(self.company_name.as_deref()),
            Cell::optional(self.first_name.as_deref()),
            Cell::optional(self.last_name.as_deref()),
            Cell::optional(self.email.as_deref()),
            Cell::optional(self.phone.as_deref()),
            Cell::optional(self.metadata.as_ref().map(Metadata::text)),
            flag(self.has_account),
            Cell::optional(self.created_by.as_deref()),
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
            Cell::optional(self.address_name.as_deref()),
            Cell::optional(self.company.as_deref()),
            Cell::Text(&self.customer_id),
            Cell::optional(self.first_name.as_deref()),
            Cell::optional(self.last_name.as_deref()),
            Cell::optional(self.address_1.as_deref()),
            Cell::optional(self.address_2.as_deref()),
            Cell::optional(self.city.as_deref()),
            Cell::optional(self.province.as_deref()),
            Cell::optional(self.postal_code.as_deref()),
            Cell::optional(self.country_code.as_deref()),
            Cell::optional(self.phone.as_deref()),
            Cell::optional(self.metadata.as_ref().map(Metadata::text)),
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
            Cell::optional(self.created_by.as_deref()),
            Cell::Text(&self.created_at),
            Cell::Text(&self.updated_at),
            Cell::Null,
            Cell::optional(self.metadata.as_ref().map(Metadata::text)),
        ]
    }
}
