//! The typed operations: the same domain as HTTP's, by the same door.

use wares_module::Rejection;
use wares_module_kit::clock;
use wares_module_kit::entity::{Columns, Entity};
use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{BY_ID, Comparison, Filter, Search};
use wares_module_kit::records::Records;

use super::bindings::exports::wares::customer::{addresses, customers, groups};
use super::bindings::wares::customer::types as wit;
use super::{Customers, Module, domain, log_error};
use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::{ADDRESS, CUSTOMER, CUSTOMERS_OF_GROUP, GROUP, GROUPS_OF_CUSTOMER};
use crate::store::Store;
use crate::types::{Address, AddressReference, AddressUpdate, Customer, Group};

/// A fault as the interface has it. A fault of the module's own is logged and traps:
/// the caller could do nothing about it.
fn error(fault: Fault) -> wit::Error {
    match fault {
        Fault::NotFound(text) => wit::Error::NotFound(text),
        Fault::Invalid(text) => wit::Error::Invalid(text),
        fault @ Fault::TooMuch(_) => wit::Error::Invalid(fault.to_string()),
        Fault::Duplicate(text) => wit::Error::Duplicate(text),
        Fault::Rejected(rejection) => wit::Error::Rejected(Rejection {
            message: rejection.message,
            field: rejection.field,
            code: rejection.code,
        }),
        Fault::Unavailable(text) => wit::Error::Unavailable(text),
        Fault::Internal(text) => {
            log_error(Customers::NAME, &text);
            std::process::abort()
        }
    }
}

/// The caller's input cannot be read.
fn unreadable(text: String) -> wit::Error {
    wit::Error::Invalid(text)
}

/// One row, as the interface has it.
fn read<T, W: From<T>>(
    found: Result<Records, Fault>,
    read: fn(&Records, usize) -> T,
) -> Result<W, wit::Error> {
    Ok(read(&found.map_err(error)?, 0).into())
}

/// All rows, as the interface has them.
fn read_all<T, W: From<T>>(records: &Records, read: fn(&Records, usize) -> T) -> Vec<W> {
    (0..records.len())
        .map(|row| read(records, row).into())
        .collect()
}

fn search<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    filters: Vec<Filter>,
    offset: Option<u32>,
    limit: Option<u32>,
) -> Result<Search, wit::Error> {
    let paging = domain.compat().paging();
    let limit = limit.map_or(paging.limit_default, u64::from);
    if limit > paging.limit_max {
        return Err(unreadable(format!(
            "limit must be at most {}, got: {limit}",
            paging.limit_max
        )));
    }
    let offset = offset.unwrap_or_default().into();
    Ok(Search {
        filter: Filter::All(filters),
        order: BY_ID,
        offset,
        limit,
    })
}

/// The index of an existing column.
fn column_of(entity: &Entity, name: &str) -> usize {
    entity.index_of(name).unwrap_or_default()
}

fn time(name: &str, text: &str) -> Result<String, wit::Error> {
    clock::parse(text).ok_or_else(|| unreadable(format!("{name} must be a date, got: '{text}'")))
}

impl customers::Guest for Customers {
    fn search(query: customers::Query) -> Result<customers::Page, wit::Error> {
        let entity = &CUSTOMER;
        let mut filters: Vec<Filter> = query.q.iter().map(|text| Filter::words(text)).collect();
        filters.extend(query.ids.map(|ids| Filter::In(0, ids)));
        filters.extend(
            query
                .email
                .map(|email| Filter::Compare(column_of(entity, "email"), Comparison::Equal, email)),
        );
        filters.extend(
            query
                .has_account
                .map(|flag| Filter::Flag(column_of(entity, "has_account"), flag)),
        );
        filters.extend(
            query
                .groups
                .map(|ids| Filter::Related(GROUPS_OF_CUSTOMER, Box::new(Filter::In(0, ids)))),
        );
        for (name, bound, comparison) in [
            (
                "created-from",
                query.created_from,
                Comparison::GreaterOrEqual,
            ),
            ("created-before", query.created_before, Comparison::Less),
        ] {
            if let Some(bound) = bound {
                filters.push(Filter::Compare(
                    column_of(entity, "created_at"),
                    comparison,
                    time(name, &bound)?,
                ));
            }
        }
        let domain = domain();
        let search = search(&domain, filters, query.offset, query.limit)?;
        let page = domain
            .search(entity, &search, Columns::ALL)
            .map_err(error)?;
        Ok(customers::Page {
            customers: read_all(&page.records, Customer::read),
            count: page.count,
        })
    }

    fn retrieve(id: String) -> Result<wit::Customer, wit::Error> {
        read(domain().retrieve_customer(&id), Customer::read)
    }

    fn create(customer: wit::NewCustomer) -> Result<wit::Customer, wit::Error> {
        let new = customer.try_into().map_err(unreadable)?;
        domain().create_customer(new).map(Into::into).map_err(error)
    }

    fn update(update: wit::CustomerUpdate) -> Result<wit::Customer, wit::Error> {
        let update = update.try_into().map_err(unreadable)?;
        domain()
            .update_customer(update)
            .map(Into::into)
            .map_err(error)
    }

    fn delete(id: String) -> Result<(), wit::Error> {
        domain().delete_customer(&id).map_err(error)
    }
}

impl addresses::Guest for Customers {
    fn search(query: addresses::Query) -> Result<addresses::Page, wit::Error> {
        let domain = domain();
        domain
            .retrieve_customer(&query.customer_id)
            .map_err(error)?;
        let column = column_of(&ADDRESS, "customer_id");
        let mut filters = vec![Filter::Compare(
            column,
            Comparison::Equal,
            query.customer_id,
        )];
        filters.extend(query.q.iter().map(|text| Filter::words(text)));
        let search = search(&domain, filters, query.offset, query.limit)?;
        let page = domain
            .search(&ADDRESS, &search, Columns::ALL)
            .map_err(error)?;
        Ok(addresses::Page {
            addresses: read_all(&page.records, Address::read),
            count: page.count,
        })
    }

    fn retrieve(address: wit::AddressReference) -> Result<wit::Address, wit::Error> {
        let reference: AddressReference = address.try_into().map_err(unreadable)?;
        read(domain().retrieve_address(&reference), Address::read)
    }

    fn create(address: wit::NewAddress) -> Result<wit::Address, wit::Error> {
        let new = address.try_into().map_err(unreadable)?;
        domain().create_address(new).map(Into::into).map_err(error)
    }

    fn update(update: wit::AddressUpdate) -> Result<wit::Address, wit::Error> {
        let update: AddressUpdate = update.try_into().map_err(unreadable)?;
        domain()
            .update_address(update)
            .map(Into::into)
            .map_err(error)
    }

    fn delete(address: wit::AddressReference) -> Result<(), wit::Error> {
        let reference: AddressReference = address.try_into().map_err(unreadable)?;
        domain().delete_address(&reference).map_err(error)
    }
}

impl groups::Guest for Customers {
    fn search(query: groups::Query) -> Result<groups::Page, wit::Error> {
        let mut filters: Vec<Filter> = query.q.iter().map(|text| Filter::words(text)).collect();
        filters.extend(query.ids.map(|ids| Filter::In(0, ids)));
        let name = column_of(&GROUP, "name");
        filters.extend(
            query
                .name
                .map(|text| Filter::Compare(name, Comparison::Equal, text)),
        );
        filters.extend(
            query
                .customers
                .map(|ids| Filter::Related(CUSTOMERS_OF_GROUP, Box::new(Filter::In(0, ids)))),
        );
        let domain = domain();
        let search = search(&domain, filters, query.offset, query.limit)?;
        let page = domain
            .search(&GROUP, &search, Columns::ALL)
            .map_err(error)?;
        Ok(groups::Page {
            groups: read_all(&page.records, Group::read),
            count: page.count,
        })
    }

    fn retrieve(id: String) -> Result<wit::Group, wit::Error> {
        read(domain().retrieve_group(&id), Group::read)
    }

    fn create(group: wit::NewGroup) -> Result<wit::Group, wit::Error> {
        let new = group.try_into().map_err(unreadable)?;
        domain().create_group(new).map(Into::into).map_err(error)
    }

    fn update(update: wit::GroupUpdate) -> Result<wit::Group, wit::Error> {
        let update = update.try_into().map_err(unreadable)?;
        domain().update_group(update).map(Into::into).map_err(error)
    }

    fn delete(id: String) -> Result<(), wit::Error> {
        domain().delete_group(&id).map_err(error)
    }

    fn add_members(
        change: wit::MembershipChange,
        created_by: Option<String>,
    ) -> Result<wit::Group, wit::Error> {
        let (group_id, customer_ids) = (change.group_id, change.customer_ids);
        domain()
            .change_members(&group_id, customer_ids, Vec::new(), created_by)
            .map(Into::into)
            .map_err(error)
    }

    fn remove_members(change: wit::MembershipChange) -> Result<wit::Group, wit::Error> {
        let (group_id, customer_ids) = (change.group_id, change.customer_ids);
        domain()
            .change_members(&group_id, Vec::new(), customer_ids, None)
            .map(Into::into)
            .map_err(error)
    }
}
