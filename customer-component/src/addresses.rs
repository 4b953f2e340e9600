//! The rules of addresses. Know neither HTTP nor SQL.

use wares_module_kit::change::Change;
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{Comparison, Filter};
use wares_module_kit::ids::new as new_id;
use wares_module_kit::issue::{Issue, nuls};
use wares_module_kit::metadata::Metadata;
use wares_module_kit::operation::{admitted, changed, hooked, kept};
use wares_module_kit::records::Records;
use wares_module_kit::store::{Read, Transaction, must_find};
use wares_module_kit::{clock, countries};

use crate::domain::{Domain, itself, no_such_end, nothing_to_change};
use crate::hooks::Hooks;
use crate::model::{ADDRESS, CUSTOMER};
use crate::settings::Compat;
use crate::store::{DefaultFor, Store, Writes};
use crate::types::{Address, AddressReference, AddressUpdate, NewAddress};
use crate::{events, ids};

/// The issues of a new address.
pub fn issues_of_new(address: &NewAddress, compat: Compat) -> Vec<Issue> {
    let mut issues = Vec::new();
    if compat == Compat::Document {
        let required = [
            ("address_1", &address.address_1),
            ("city", &address.city),
            ("postal_code", &address.postal_code),
            ("country_code", &address.country_code),
        ];
        issues.extend(
            required
                .iter()
                .filter(|(_, value)| is_missing(value))
                .map(|(field, _)| Issue::required(field)),
        );
        issues.extend(address.country_code.as_deref().and_then(issue_of_country));
    }
    issues.extend(nuls(&[
        ("address_name", address.address_name.as_deref()),
        ("company", address.company.as_deref()),
        ("first_name", address.first_name.as_deref()),
        ("last_name", address.last_name.as_deref()),
        ("address_1", address.address_1.as_deref()),
        ("address_2", address.address_2.as_deref()),
        ("city", address.city.as_deref()),
        ("country_code", address.country_code.as_deref()),
        ("province", address.province.as_deref()),
        ("postal_code", address.postal_code.as_deref()),
        ("phone", address.phone.as_deref()),
    ]));
    issues.extend(address.metadata.as_ref().and_then(Metadata::issue_of_new));
    issues
}

/// The issues of changes to an address.
pub fn issues_of_update(update: &AddressUpdate, compat: Compat) -> Vec<Issue> {
    let mut issues = Vec::new();
    if compat == Compat::Document {
        let required = [
            ("address_1", &update.address_1),
            ("city", &update.city),
            ("postal_code", &update.postal_code),
            ("country_code", &update.country_code),
        ];
        let cleared = |change: &&Change<String>| match change {
            Change::Keep => false,
            Change::Clear => true,
            Change::Set(value) => value.is_empty(),
        };
        issues.extend(
            required
                .iter()
                .filter(|(_, change)| cleared(change))
                .map(|(field, _)| Issue::required(field)),
        );
        issues.extend(update.country_code.value().and_then(issue_of_country));
    }
    issues.extend(nuls(&[
        ("address_name", update.address_name.value()),
        ("company", update.company.value()),
        ("first_name", update.first_name.value()),
        ("last_name", update.last_name.value()),
        ("address_1", update.address_1.value()),
        ("address_2", update.address_2.value()),
        ("city", update.city.value()),
        ("country_code", update.country_code.value()),
        ("province", update.province.value()),
        ("postal_code", update.postal_code.value()),
        ("phone", update.phone.value()),
    ]));
    issues.extend(update.metadata.as_ref().and_then(Metadata::issue));
    issues
}

/// An empty line of an address says as little as none.
fn is_missing(value: &Option<String>) -> bool {
    value.as_deref().is_none_or(str::is_empty)
}

fn issue_of_country(code: &str) -> Option<Issue> {
    if code.is_empty() || code.contains('\0') || countries::code(code).is_some() {
        return None;
    }
    let text = format!("Field 'country_code' must be a two-letter ISO 3166-1 code, got: '{code}'");
    Some(Issue::wrong("country_code", text))
}

/// A country's code as it is stored.
fn stored_country(code: String, compat: Compat) -> String {
    match compat {
        Compat::Document => countries::code(&code).unwrap_or(code),
        Compat::Medusa2 => code,
    }
}

/// Brings the countries that addresses are filtered by into the form in which they
/// are stored. Comparisons with a pattern or by order are left as they are.
pub(crate) fn store_countries(filter: &mut Filter, compat: Compat) {
    let country = ADDRESS.index_of("country_code");
    let stored = |code: &mut String| *code = stored_country(std::mem::take(code), compat);
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters
            .iter_mut()
            .for_each(|filter| store_countries(filter, compat)),
        Filter::Compare(column, Comparison::Equal | Comparison::NotEqual, code)
            if Some(*column) == country =>
        {
            stored(code);
        }
        Filter::In(column, codes) | Filter::NotIn(column, codes) if Some(*column) == country => {
            codes.iter_mut().for_each(stored);
        }
        _ => {}
    }
}

fn apply(address: &mut Address, update: &AddressUpdate, compat: Compat) -> Result<bool, Fault> {
    let country = match update.country_code.clone() {
        Change::Set(code) => Change::Set(stored_country(code, compat)),
        other => other,
    };
    let mut changed = false;
    changed |= update.address_name.clone().apply(&mut address.address_name);
    changed |= update.company.clone().apply(&mut address.company);
    changed |= update.first_name.clone().apply(&mut address.first_name);
    changed |= update.last_name.clone().apply(&mut address.last_name);
    changed |= update.address_1.clone().apply(&mut address.address_1);
    changed |= update.address_2.clone().apply(&mut address.address_2);
    changed |= update.city.clone().apply(&mut address.city);
    changed |= update.province.clone().apply(&mut address.province);
    changed |= update.postal_code.clone().apply(&mut address.postal_code);
    changed |= country.apply(&mut address.country_code);
    changed |= update.phone.clone().apply(&mut address.phone);
    changed |= update.metadata.merge(&mut address.metadata)?;
    for (flag, new) in [
        (&mut address.is_default_shipping, update.is_default_shipping),
        (&mut address.is_default_billing, update.is_default_billing),
    ] {
        let new = new.unwrap_or(*flag);
        changed |= *flag != new;
        *flag = new;
    }
    Ok(changed)
}

/// The address, if it is there and the customer's: another's is as good as none.
fn find(
    store: &(impl Read + ?Sized),
    reference: &AddressReference,
) -> Result<Option<Records>, Fault> {
    let found = store.find(&ADDRESS, &reference.id)?;
    let own = !found.is_empty() && Address::read(&found, 0).customer_id == reference.customer_id;
    Ok(own.then_some(found))
}

fn find_to_change(
    store: &(impl Read + ?Sized),
    reference: &AddressReference,
) -> Result<Address, Fault> {
    must_have_customer(store, &reference.customer_id)?;
    let found =
        find(store, reference)?.ok_or_else(|| nothing_to_change("Address", &reference.id))?;
    Ok(Address::read(&found, 0))
}

fn must_have_customer(store: &(impl Read + ?Sized), id: &str) -> Result<(), Fault> {
    must_find(store, &CUSTOMER, id, || nothing_to_change("Customer", id)).map(drop)
}

/// The customer that an address is to be tied to.
fn must_have_owner(store: &(impl Read + ?Sized), id: &str) -> Result<(), Fault> {
    must_find(store, &CUSTOMER, id, || no_such_end("customer_id", id)).map(drop)
}

/// At most one address of a customer is the default for a thing: takes that from the others.
fn take_defaults(transaction: &impl Writes, address: &Address) -> Result<(), Fault> {
    for (is_default, role) in [
        (address.is_default_shipping, DefaultFor::Shipping),
        (address.is_default_billing, DefaultFor::Billing),
    ] {
        if is_default {
            let at = &address.updated_at;
            for other in transaction.release_default(role, &address.customer_id, &address.id, at)? {
                transaction.emit(events::ADDRESS_UPDATED, &other)?;
            }
        }
    }
    Ok(())
}

impl<S: Store, H: Hooks> Domain<S, H> {
    /// One address, as a row with the columns of the entity.
    ///
    /// # Errors
    /// When the customer is not there, or has no address with this id.
    pub fn retrieve_address(&self, reference: &AddressReference) -> Result<Records, Fault> {
        self.retrieve_customer(&reference.customer_id)?;
        find(&self.store, reference)?
            .ok_or_else(|| Fault::NotFound(format!("Address with id: {} not found", reference.id)))
    }

    /// Adds an address to a customer.
    ///
    /// # Errors
    /// When the customer is not there, or a rule or an extension refuses it.
    pub fn create_address(&self, new: NewAddress) -> Result<Address, Fault> {
        self.create_address_for(new, itself)
    }

    /// As [`Self::create_address`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn create_address_for<T>(
        &self,
        new: NewAddress,
        answer: impl FnOnce(&dyn Read, &Address) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (new, ()) = admitted(
            new,
            |new| issues_of_new(new, self.compat),
            |new| must_have_owner(&self.store, &new.customer_id),
            |new| self.hooks.before_create_address(new),
        )?;
        let now = clock::now();
        let address = Address {
            id: new_id(ids::ADDRESS),
            customer_id: new.customer_id,
            address_name: new.address_name,
            is_default_shipping: new.is_default_shipping,
            is_default_billing: new.is_default_billing,
            company: new.company,
            first_name: new.first_name,
            last_name: new.last_name,
            address_1: new.address_1,
            address_2: new.address_2,
            city: new.city,
            province: new.province,
            postal_code: new.postal_code,
            country_code: new
                .country_code
                .map(|code| stored_country(code, self.compat)),
            phone: new.phone,
            metadata: new.metadata,
            created_at: now.clone(),
            updated_at: now,
        };
        let write = |transaction: &S::Transaction<'_>| {
            must_have_owner(transaction, &address.customer_id)?;
            take_defaults(transaction, &address)?;
            transaction.insert_address(&address)?;
            transaction.emit(events::ADDRESS_CREATED, &address.id)?;
            Ok(())
        };
        kept(self.store.begin(), write, |reads, ()| {
            answer(reads, &address)
        })
    }

    /// Changes an address. Changes that change nothing write nothing.
    ///
    /// # Errors
    /// When the customer or the address is not there, or a rule or an extension refuses it.
    pub fn update_address(&self, update: AddressUpdate) -> Result<Address, Fault> {
        self.update_address_for(update, itself)
    }

    /// As [`Self::update_address`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn update_address_for<T>(
        &self,
        update: AddressUpdate,
        answer: impl FnOnce(&dyn Read, &Address) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (update, address) = admitted(
            update,
            |update| issues_of_update(update, self.compat),
            |update| find_to_change(&self.store, &update.address),
            |update| self.hooks.before_update_address(update),
        )?;
        changed(
            &self.store,
            address,
            || self.store.begin(),
            |reads| find_to_change(reads, &update.address),
            |address| apply(address, &update, self.compat),
            |transaction, address| {
                address.updated_at = clock::now();
                take_defaults(transaction, address)?;
                transaction.update_address(address)?;
                Ok(transaction.emit(events::ADDRESS_UPDATED, &address.id)?)
            },
            answer,
        )
    }

    /// Deletes an address for good. An unknown one is no error.
    ///
    /// # Errors
    /// When the customer is not there, the address is another customer's, or an
    /// extension refuses it.
    pub fn delete_address(&self, reference: &AddressReference) -> Result<(), Fault> {
        self.delete_address_for(reference, |_| Ok(()))
    }

    /// As [`Self::delete_address`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn delete_address_for<T>(
        &self,
        reference: &AddressReference,
        answer: impl FnOnce(&dyn Read) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        must_have_customer(&self.store, &reference.customer_id)?;
        if self.store.find(&ADDRESS, &reference.id)?.is_empty() {
            return answer(&self.store);
        }
        find_to_change(&self.store, reference)?;
        let reference = hooked(reference.clone(), |reference| {
            self.hooks.before_delete_address(reference)
        })?;
        let write = |transaction: &S::Transaction<'_>| {
            find_to_change(transaction, &reference)?;
            transaction.delete_address(&reference.id)?;
            transaction.emit(events::ADDRESS_DELETED, &reference.id)?;
            Ok(())
        };
        kept(self.store.begin(), write, |reads, ()| answer(reads))
    }
}

impl Address {
    /// As one row with the columns of the entity.
    pub fn record(&self) -> Records {
        Records::row(&self.cells())
    }
}
