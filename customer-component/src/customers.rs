//! The rules of customers. Know neither HTTP nor SQL.

use wares_module_kit::change::Change;
use wares_module_kit::clock;
use wares_module_kit::email::is_email;
use wares_module_kit::entity::Entity;
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{Comparison, Filter};
use wares_module_kit::ids::new as new_id;
use wares_module_kit::issue::{Issue, nuls};
use wares_module_kit::metadata::Metadata;
use wares_module_kit::operation::{admitted, changed, hooked, kept};
use wares_module_kit::records::Records;
use wares_module_kit::store::{Read, StoreError, Transaction, must_find};

use crate::domain::{Domain, itself, nothing_to_change};
use crate::hooks::Hooks;
use crate::model::CUSTOMER;
use crate::settings::{Compat, EmailCase};
use crate::store::{Store, Writes};
use crate::types::{Customer, CustomerUpdate, NewCustomer};
use crate::{events, ids};

/// The issues of a new customer.
pub fn issues_of_new(customer: &NewCustomer, compat: Compat) -> Vec<Issue> {
    let mut issues = match customer.email.as_deref() {
        None if compat == Compat::Document => vec![Issue::required("email")],
        None => Vec::new(),
        Some(email) => issue_of_email(email).into_iter().collect(),
    };
    issues.extend(nuls(&[
        ("company_name", customer.company_name.as_deref()),
        ("first_name", customer.first_name.as_deref()),
        ("last_name", customer.last_name.as_deref()),
        ("phone", customer.phone.as_deref()),
    ]));
    issues.extend(customer.metadata.as_ref().and_then(Metadata::issue_of_new));
    issues
}

/// The issues of changes to a customer.
pub fn issues_of_update(update: &CustomerUpdate, compat: Compat) -> Vec<Issue> {
    let mut issues: Vec<Issue> = match &update.email {
        Change::Clear if compat == Compat::Document => vec![Issue::required("email")],
        Change::Set(email) => issue_of_email(email).into_iter().collect(),
        _ => Vec::new(),
    };
    issues.extend(nuls(&[
        ("company_name", update.company_name.value()),
        ("first_name", update.first_name.value()),
        ("last_name", update.last_name.value()),
        ("phone", update.phone.value()),
    ]));
    issues.extend(update.metadata.as_ref().and_then(Metadata::issue));
    issues
}

fn issue_of_email(email: &str) -> Option<Issue> {
    (!is_email(email)).then(|| Issue::wrong("email", "Invalid email address".to_owned()))
}

fn apply(customer: &mut Customer, update: &CustomerUpdate) -> Result<bool, Fault> {
    let mut changed = false;
    changed |= update.email.clone().apply(&mut customer.email);
    changed |= update
        .company_name
        .clone()
        .apply(&mut customer.company_name);
    changed |= update.first_name.clone().apply(&mut customer.first_name);
    changed |= update.last_name.clone().apply(&mut customer.last_name);
    changed |= update.phone.clone().apply(&mut customer.phone);
    changed |= update.metadata.merge(&mut customer.metadata)?;
    Ok(changed)
}

fn duplicate(customer: &Customer, emails: EmailCase) -> impl Fn(StoreError) -> Fault + '_ {
    let in_any_case = match emails {
        EmailCase::Distinct => "",
        EmailCase::Ignored => " Upper and lower case are the same here.",
    };
    move |error: StoreError| {
        error.or_taken(|| {
            format!(
                "Customer with email: {}, has_account: {}, already exists.{in_any_case}",
                customer.email.as_deref().unwrap_or("null"),
                customer.has_account
            )
        })
    }
}

/// Has emails found in any case, where they are the same in any case. Comparisons with
/// a pattern or by order are left as they are.
pub(crate) fn ignore_case_of_emails(entity: &Entity, filter: &mut Filter) {
    let email = |column: usize| *entity == CUSTOMER && entity.index_of("email") == Some(column);
    let new = match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            filters
                .iter_mut()
                .for_each(|filter| ignore_case_of_emails(entity, filter));
            return;
        }
        Filter::Related(relation, inner) => {
            if let Some(target) = relation.target {
                ignore_case_of_emails(target, inner);
            }
            return;
        }
        Filter::Compare(column, Comparison::Equal, text) if email(*column) => {
            Filter::InAnyCase(*column, vec![std::mem::take(text)])
        }
        Filter::Compare(column, Comparison::NotEqual, text) if email(*column) => {
            Filter::NotInAnyCase(*column, vec![std::mem::take(text)])
        }
        Filter::In(column, texts) if email(*column) => {
            Filter::InAnyCase(*column, std::mem::take(texts))
        }
        Filter::NotIn(column, texts) if email(*column) => {
            Filter::NotInAnyCase(*column, std::mem::take(texts))
        }
        _ => return,
    };
    *filter = new;
}

/// One customer, as a row with the columns of the entity.
///
/// # Errors
/// When no customer has this id.
pub fn retrieve(store: &(impl Read + ?Sized), id: &str) -> Result<Records, Fault> {
    must_find(store, &CUSTOMER, id, || {
        Fault::NotFound(format!("Customer with id: {id} not found"))
    })
}

fn find(store: &(impl Read + ?Sized), id: &str) -> Result<Customer, Fault> {
    let found = must_find(store, &CUSTOMER, id, || nothing_to_change("Customer", id))?;
    Ok(Customer::read(&found, 0))
}

impl<S: Store, H: Hooks> Domain<S, H> {
    /// One customer, as a row with the columns of the entity.
    ///
    /// # Errors
    /// When no customer has this id.
    pub fn retrieve_customer(&self, id: &str) -> Result<Records, Fault> {
        retrieve(&self.store, id)
    }

    /// Makes a customer.
    ///
    /// # Errors
    /// When a rule or an extension refuses it, or the email is taken.
    pub fn create_customer(&self, new: NewCustomer) -> Result<Customer, Fault> {
        self.create_customer_for(new, itself)
    }

    /// As [`Self::create_customer`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn create_customer_for<T>(
        &self,
        new: NewCustomer,
        answer: impl FnOnce(&dyn Read, &Customer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (new, ()) = admitted(
            new,
            |new| issues_of_new(new, self.compat),
            |_| Ok(()),
            |new| self.hooks.before_create_customer(new),
        )?;
        let now = clock::now();
        let customer = Customer {
            id: new_id(ids::CUSTOMER),
            company_name: new.company_name,
            first_name: new.first_name,
            last_name: new.last_name,
            email: new.email,
            phone: new.phone,
            metadata: new.metadata,
            has_account: new.has_account,
            created_by: new.created_by,
            created_at: now.clone(),
            updated_at: now,
        };
        let write = |transaction: &S::Transaction<'_>| {
            transaction
                .insert_customer(&customer, self.email_case)
                .map_err(duplicate(&customer, self.email_case))?;
            transaction.emit(events::CUSTOMER_CREATED, &customer.id)?;
            Ok(())
        };
        kept(self.store.begin(), write, |reads, ()| {
            answer(reads, &customer)
        })
    }

    /// Changes a customer. Changes that change nothing write nothing.
    ///
    /// # Errors
    /// When no customer has this id, a rule or an extension refuses it, or the email is taken.
    pub fn update_customer(&self, update: CustomerUpdate) -> Result<Customer, Fault> {
        self.update_customer_for(update, itself)
    }

    /// As [`Self::update_customer`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn update_customer_for<T>(
        &self,
        update: CustomerUpdate,
        answer: impl FnOnce(&dyn Read, &Customer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (update, customer) = admitted(
            update,
            |update| issues_of_update(update, self.compat),
            |update| find(&self.store, &update.id),
            |update| self.hooks.before_update_customer(update),
        )?;
        changed(
            &self.store,
            customer,
            || self.store.begin(),
            |reads| find(reads, &update.id),
            |customer| apply(customer, &update),
            |transaction, customer| {
                customer.updated_at = clock::now();
                transaction
                    .update_customer(customer, self.email_case)
                    .map_err(duplicate(customer, self.email_case))?;
                Ok(transaction.emit(events::CUSTOMER_UPDATED, &customer.id)?)
            },
            answer,
        )
    }

    /// Deletes a customer softly, with its addresses. An unknown one is no error.
    ///
    /// # Errors
    /// When an extension refuses it.
    pub fn delete_customer(&self, id: &str) -> Result<(), Fault> {
        if self.store.find(&CUSTOMER, id)?.is_empty() {
            return Ok(());
        }
        let id = hooked(id.to_owned(), |id| self.hooks.before_delete_customer(id))?;
        let now = clock::now();
        let write = |transaction: &S::Transaction<'_>| {
            if transaction.delete_customer(&id, &now)? {
                for address in transaction.delete_addresses_of(&id, &now)? {
                    transaction.emit(events::ADDRESS_DELETED, &address)?;
                }
                transaction.emit(events::CUSTOMER_DELETED, &id)?;
            }
            Ok(())
        };
        kept(self.store.begin(), write, |_, ()| Ok(()))
    }
}

impl Customer {
    /// As one row with the columns of the entity.
    pub fn record(&self) -> Records {
        Records::row(&self.cells())
    }
}
