//! The nouns of the interface as those of the domain, and back: a line a field.

use wares_module_kit::change::Change;
use wares_module_kit::metadata::Metadata;

use super::bindings::wares::customer::types as wit;
use crate::types::{
    Address, AddressReference, AddressUpdate, Customer, CustomerUpdate, Group, GroupUpdate,
    MembershipChange, NewAddress, NewCustomer, NewGroup,
};

/// The text of a JSON object.
fn metadata(field: &str, text: Option<String>) -> Result<Option<Metadata>, String> {
    text.map(|text| {
        Metadata::parse(&text).ok_or_else(|| format!("{field} must be the text of a JSON object"))
    })
    .transpose()
}

fn text(metadata: Option<Metadata>) -> Option<String> {
    metadata.map(|metadata| metadata.text().to_owned())
}

/// A change as an element of a list of changes, unless nothing is to change.
fn changed<T, W>(change: Change<T>, variant: impl FnOnce(Option<T>) -> W) -> Option<W> {
    match change {
        Change::Keep => None,
        Change::Clear => Some(variant(None)),
        Change::Set(value) => Some(variant(Some(value))),
    }
}

impl From<Customer> for wit::Customer {
    fn from(customer: Customer) -> Self {
        Self {
            id: customer.id,
            company_name: customer.company_name,
            first_name: customer.first_name,
            last_name: customer.last_name,
            email: customer.email,
            phone: customer.phone,
            metadata: text(customer.metadata),
            has_account: customer.has_account,
            created_by: customer.created_by,
            created_at: customer.created_at,
            updated_at: customer.updated_at,
        }
    }
}

impl From<Address> for wit::Address {
    fn from(address: Address) -> Self {
        Self {
            id: address.id,
            customer_id: address.customer_id,
            address_name: address.address_name,
            is_default_shipping: address.is_default_shipping,
            is_default_billing: address.is_default_billing,
            company: address.company,
            first_name: address.first_name,
            last_name: address.last_name,
            address1: address.address_1,
            address2: address.address_2,
            city: address.city,
            province: address.province,
            postal_code: address.postal_code,
            country_code: address.country_code,
            phone: address.phone,
            metadata: text(address.metadata),
            created_at: address.created_at,
            updated_at: address.updated_at,
        }
    }
}

impl From<Group> for wit::Group {
    fn from(group: Group) -> Self {
        Self {
            id: group.id,
            name: group.name,
            metadata: text(group.metadata),
            created_by: group.created_by,
            created_at: group.created_at,
            updated_at: group.updated_at,
        }
    }
}

impl From<NewCustomer> for wit::NewCustomer {
    fn from(new: NewCustomer) -> Self {
        Self {
            email: new.email,
            company_name: new.company_name,
            first_name: new.first_name,
            last_name: new.last_name,
            phone: new.phone,
            metadata: text(new.metadata),
            has_account: new.has_account,
            created_by: new.created_by,
        }
    }
}

impl TryFrom<wit::NewCustomer> for NewCustomer {
    type Error = String;

    fn try_from(new: wit::NewCustomer) -> Result<Self, String> {
        Ok(Self {
            email: new.email,
            company_name: new.company_name,
            first_name: new.first_name,
            last_name: new.last_name,
            phone: new.phone,
            metadata: metadata("metadata", new.metadata)?,
            has_account: new.has_account,
            created_by: new.created_by,
            additional_data: None,
        })
    }
}

impl From<CustomerUpdate> for wit::CustomerUpdate {
    fn from(update: CustomerUpdate) -> Self {
        use wit::CustomerChange as Changed;
        let changes = [
            changed(update.email, Changed::Email),
            changed(update.company_name, Changed::CompanyName),
            changed(update.first_name, Changed::FirstName),
            changed(update.last_name, Changed::LastName),
            changed(update.phone, Changed::Phone),
            changed(update.metadata, |metadata| {
                Changed::Metadata(text(metadata))
            }),
        ];
        Self {
            id: update.id,
            changes: changes.into_iter().flatten().collect(),
        }
    }
}

impl TryFrom<wit::CustomerUpdate> for CustomerUpdate {
    type Error = String;

    fn try_from(update: wit::CustomerUpdate) -> Result<Self, String> {
        use wit::CustomerChange as Changed;
        let mut read = Self {
            id: update.id,
            ..Self::default()
        };
        for change in update.changes {
            match change {
                Changed::Email(value) => read.email = value.into(),
                Changed::CompanyName(value) => read.company_name = value.into(),
                Changed::FirstName(value) => read.first_name = value.into(),
                Changed::LastName(value) => read.last_name = value.into(),
                Changed::Phone(value) => read.phone = value.into(),
                Changed::Metadata(value) => read.metadata = metadata("metadata", value)?.into(),
            }
        }
        Ok(read)
    }
}

impl From<NewAddress> for wit::NewAddress {
    fn from(new: NewAddress) -> Self {
        Self {
            customer_id: new.customer_id,
            address_name: new.address_name,
            is_default_shipping: new.is_default_shipping,
            is_default_billing: new.is_default_billing,
            company: new.company,
            first_name: new.first_name,
            last_name: new.last_name,
            address1: new.address_1,
            address2: new.address_2,
            city: new.city,
            province: new.province,
            postal_code: new.postal_code,
            country_code: new.country_code,
            phone: new.phone,
            metadata: text(new.metadata),
        }
    }
}

impl TryFrom<wit::NewAddress> for NewAddress {
    type Error = String;

    fn try_from(new: wit::NewAddress) -> Result<Self, String> {
        Ok(Self {
            customer_id: new.customer_id,
            address_name: new.address_name,
            is_default_shipping: new.is_default_shipping,
            is_default_billing: new.is_default_billing,
            company: new.company,
            first_name: new.first_name,
            last_name: new.last_name,
            address_1: new.address1,
            address_2: new.address2,
            city: new.city,
            province: new.province,
            postal_code: new.postal_code,
            country_code: new.country_code,
            phone: new.phone,
            metadata: metadata("metadata", new.metadata)?,
            additional_data: None,
        })
    }
}

impl From<AddressReference> for wit::AddressReference {
    fn from(reference: AddressReference) -> Self {
        Self {
            customer_id: reference.customer_id,
            id: reference.id,
        }
    }
}

impl TryFrom<wit::AddressReference> for AddressReference {
    type Error = String;

    fn try_from(reference: wit::AddressReference) -> Result<Self, String> {
        Ok(Self {
            customer_id: reference.customer_id,
            id: reference.id,
        })
    }
}

impl From<AddressUpdate> for wit::AddressUpdate {
    fn from(update: AddressUpdate) -> Self {
        use wit::AddressChange as Changed;
        let changes = [
            changed(update.address_name, Changed::AddressName),
            update.is_default_shipping.map(Changed::IsDefaultShipping),
            update.is_default_billing.map(Changed::IsDefaultBilling),
            changed(update.company, Changed::Company),
            changed(update.first_name, Changed::FirstName),
            changed(update.last_name, Changed::LastName),
            changed(update.address_1, Changed::Address1),
            changed(update.address_2, Changed::Address2),
            changed(update.city, Changed::City),
            changed(update.province, Changed::Province),
            changed(update.postal_code, Changed::PostalCode),
            changed(update.country_code, Changed::CountryCode),
            changed(update.phone, Changed::Phone),
            changed(update.metadata, |metadata| {
                Changed::Metadata(text(metadata))
            }),
        ];
        Self {
            address: update.address.into(),
            changes: changes.into_iter().flatten().collect(),
        }
    }
}

impl TryFrom<wit::AddressUpdate> for AddressUpdate {
    type Error = String;

    fn try_from(update: wit::AddressUpdate) -> Result<Self, String> {
        use wit::AddressChange as Changed;
        let mut read = Self {
            address: update.address.try_into()?,
            ..Self::default()
        };
        for change in update.changes {
            match change {
                Changed::AddressName(value) => read.address_name = value.into(),
                Changed::IsDefaultShipping(flag) => read.is_default_shipping = Some(flag),
                Changed::IsDefaultBilling(flag) => read.is_default_billing = Some(flag),
                Changed::Company(value) => read.company = value.into(),
                Changed::FirstName(value) => read.first_name = value.into(),
                Changed::LastName(value) => read.last_name = value.into(),
                Changed::Address1(value) => read.address_1 = value.into(),
                Changed::Address2(value) => read.address_2 = value.into(),
                Changed::City(value) => read.city = value.into(),
                Changed::Province(value) => read.province = value.into(),
                Changed::PostalCode(value) => read.postal_code = value.into(),
                Changed::CountryCode(value) => read.country_code = value.into(),
                Changed::Phone(value) => read.phone = value.into(),
                Changed::Metadata(value) => read.metadata = metadata("metadata", value)?.into(),
            }
        }
        Ok(read)
    }
}

impl From<NewGroup> for wit::NewGroup {
    fn from(new: NewGroup) -> Self {
        Self {
            name: new.name,
            metadata: text(new.metadata),
            created_by: new.created_by,
        }
    }
}

impl TryFrom<wit::NewGroup> for NewGroup {
    type Error = String;

    fn try_from(new: wit::NewGroup) -> Result<Self, String> {
        Ok(Self {
            name: new.name,
            metadata: metadata("metadata", new.metadata)?,
            created_by: new.created_by,
        })
    }
}

impl From<GroupUpdate> for wit::GroupUpdate {
    fn from(update: GroupUpdate) -> Self {
        use wit::GroupChange as Changed;
        let changes = [
            update.name.map(Changed::Name),
            changed(update.metadata, |metadata| {
                Changed::Metadata(text(metadata))
            }),
        ];
        Self {
            id: update.id,
            changes: changes.into_iter().flatten().collect(),
        }
    }
}

impl TryFrom<wit::GroupUpdate> for GroupUpdate {
    type Error = String;

    fn try_from(update: wit::GroupUpdate) -> Result<Self, String> {
        use wit::GroupChange as Changed;
        let mut read = Self {
            id: update.id,
            ..Self::default()
        };
        for change in update.changes {
            match change {
                Changed::Name(name) => read.name = Some(name),
                Changed::Metadata(value) => read.metadata = metadata("metadata", value)?.into(),
            }
        }
        Ok(read)
    }
}

impl From<MembershipChange> for wit::MembershipChange {
    fn from(change: MembershipChange) -> Self {
        Self {
            group_id: change.group_id,
            customer_ids: change.customer_ids,
        }
    }
}

impl TryFrom<wit::MembershipChange> for MembershipChange {
    type Error = String;

    fn try_from(change: wit::MembershipChange) -> Result<Self, String> {
        Ok(Self {
            group_id: change.group_id,
            customer_ids: change.customer_ids,
        })
    }
}
