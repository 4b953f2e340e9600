//! A store in memory: what a database does, said plainly.

use std::cell::RefCell;
use std::cmp::Ordering;

use wares_module_kit::entity::{Columns, Entity, Relation};
use wares_module_kit::filter::{Comparison, Filter, Order, Search, searched};
use wares_module_kit::records::{Cell, Records};
use wares_module_kit::store::{Page, Read, Searches, StoreError, Stored, Transaction};

use crate::casefold::casefold;
use crate::model::{
    ADDRESS, ADDRESSES_OF_CUSTOMER, CUSTOMER, CUSTOMER_OF_ADDRESS, CUSTOMERS_OF_GROUP, ENTITIES,
    GROUP, GROUPS_OF_CUSTOMER,
};
use crate::settings::EmailCase;
use crate::store::{DefaultFor, Membership, Store, Writes};
use crate::types::{Address, Customer, Group};

/// All things, in the order in which they were made; and what was told about them.
#[derive(Clone, Default)]
pub struct State {
    customers: Vec<(Customer, Option<String>)>,
    addresses: Vec<(Address, Option<String>)>,
    groups: Vec<(Group, Option<String>)>,
    memberships: Vec<Membership>,
    events: Vec<(String, String)>,
}

/// The store.
#[derive(Default)]
pub struct Memory {
    state: RefCell<State>,
    transactions: RefCell<u32>,
}

/// A copy of the store that replaces it when it is kept.
pub struct Copy<'a> {
    memory: &'a Memory,
    state: RefCell<State>,
}

impl Memory {
    /// The events since the last call.
    pub fn take_events(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.state.borrow_mut().events)
    }

    /// How many transactions were begun since this was last asked.
    pub fn take_transactions(&self) -> u32 {
        self.transactions.take()
    }
}

impl State {
    /// All rows of an entity, deleted ones as well, and what `q` looks in.
    fn rows(&self, entity: &'static Entity) -> Vec<(Records, String)> {
        let deleted = |records: &[Cell<'_>], index: usize, deleted: &Option<String>| {
            let mut cells = records.to_vec();
            let at = deleted.clone();
            cells[index] = at.as_deref().map_or(Cell::Null, Cell::Text);
            Records::row(&cells)
        };
        let index = entity.index_of("deleted_at").unwrap();
        if *entity == CUSTOMER {
            let rows = self.customers.iter().map(|(thing, at)| {
                (
                    deleted(&thing.cells(), index, at),
                    casefold(&searched(thing.searched())),
                )
            });
            rows.collect()
        } else if *entity == ADDRESS {
            let rows = self.addresses.iter().map(|(thing, at)| {
                (
                    deleted(&thing.cells(), index, at),
                    casefold(&searched(thing.searched())),
                )
            });
            rows.collect()
        } else {
            assert_eq!(*entity, GROUP);
            let rows = self.groups.iter().map(|(thing, at)| {
                (
                    deleted(&thing.cells(), index, at),
                    casefold(&searched([Some(&thing.name)])),
                )
            });
            rows.collect()
        }
    }

    fn live(&self, entity: &'static Entity) -> Vec<(Records, String)> {
        let index = entity.index_of("deleted_at").unwrap();
        self.rows(entity)
            .into_iter()
            .filter(|(record, _)| record.get(0, index) == Cell::Null)
            .collect()
    }

    fn holds(&self, (record, words): &(Records, String), filter: &Filter) -> bool {
        let row = (record.clone(), words.clone());
        let text = |index: usize| record.text(0, index);
        match filter {
            Filter::All(filters) => filters.iter().all(|filter| self.holds(&row, filter)),
            Filter::Any(filters) => filters.iter().any(|filter| self.holds(&row, filter)),
            Filter::Compare(index, comparison, value) => {
                text(*index).is_some_and(|text| match comparison {
                    Comparison::Equal => text == value,
                    Comparison::NotEqual => text != value,
                    Comparison::Greater => text > value.as_str(),
                    Comparison::GreaterOrEqual => text >= value.as_str(),
                    Comparison::Less => text < value.as_str(),
                    Comparison::LessOrEqual => text <= value.as_str(),
                    Comparison::Like => like(text, value),
                    Comparison::LikeAnyCase => {
                        like(&text.to_ascii_lowercase(), &value.to_ascii_lowercase())
                    }
                    Comparison::Matches => regex::Regex::new(value).unwrap().is_match(text),
                })
            }
            Filter::Flag(index, flag) => record.flag(0, *index) == *flag,
            Filter::Null(index) => text(*index).is_none(),
            Filter::NotNull(index) => text(*index).is_some(),
            Filter::In(index, values) => {
                text(*index).is_some_and(|text| values.iter().any(|value| value == text))
            }
            Filter::NotIn(index, values) => {
                text(*index).is_some_and(|text| values.iter().all(|value| value != text))
            }
            Filter::InAnyCase(index, values) => text(*index)
                .is_some_and(|text| values.iter().any(|value| value.eq_ignore_ascii_case(text))),
            Filter::NotInAnyCase(index, values) => text(*index)
                .is_some_and(|text| values.iter().all(|value| !value.eq_ignore_ascii_case(text))),
            Filter::Related(relation, inner) => self
                .tied(relation, record)
                .any(|other| self.holds(&other, inner)),
            Filter::Unrelated(relation) => self.tied(relation, record).next().is_none(),
            Filter::Words(looked_for) => looked_for
                .iter()
                .all(|word| words.contains(&casefold(word))),
        }
    }

    /// The records related to one, in the order in which they were joined.
    fn tied(
        &self,
        relation: &'static Relation,
        record: &Records,
    ) -> impl Iterator<Item = (Records, String)> {
        let id = record.string(0, 0).unwrap();
        let addresses = self.addresses.iter().map(|(address, _)| address);
        let ends: Vec<String> = if relation == ADDRESSES_OF_CUSTOMER {
            addresses
                .filter(|address| address.customer_id == id)
                .map(|address| address.id.clone())
                .collect()
        } else if relation == CUSTOMER_OF_ADDRESS {
            addresses
                .filter(|address| address.id == id)
                .map(|address| address.customer_id.clone())
                .collect()
        } else if relation == GROUPS_OF_CUSTOMER {
            self.memberships
                .iter()
                .filter(|m| m.customer_id == id)
                .map(|m| m.group_id.clone())
                .collect()
        } else {
            assert_eq!(relation, CUSTOMERS_OF_GROUP);
            self.memberships
                .iter()
                .filter(|m| m.group_id == id)
                .map(|m| m.customer_id.clone())
                .collect()
        };
        let target = relation.target.unwrap();
        let live = self.live(target);
        ends.into_iter().filter_map(move |end| {
            live.iter()
                .find(|(row, _)| row.text(0, 0) == Some(&end))
                .cloned()
        })
    }

    fn find(&self, entity: &'static Entity, id: &str) -> Records {
        self.live(entity)
            .into_iter()
            .find(|(record, _)| record.text(0, 0) == Some(id))
            .map_or_else(
                || Records::with_columns(entity.columns.len()),
                |(record, _)| record,
            )
    }

    fn related(&self, relation: &'static Relation, ids: &[&str], columns: Columns) -> Records {
        let Some(to) = relation.target else {
            return Records::default();
        };
        let from = ENTITIES
            .into_iter()
            .find(|entity| entity.relations.iter().any(|other| other == relation))
            .unwrap();
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut rows: Vec<(&str, Records)> = Vec::new();
        for id in ids {
            let thing = self.find(from, id);
            if !thing.is_empty() {
                rows.extend(self.tied(relation, &thing).map(|(row, _)| (id, row)));
            }
        }
        let rows = rows.iter().map(|(id, row)| (Some(*id), row));
        collect(to, columns, rows)
    }

    fn email_taken(&self, customer: &Customer, emails: EmailCase) -> bool {
        let mut live = self.customers.iter().filter(|(_, at)| at.is_none());
        let kept = live
            .clone()
            .any(|(other, _)| other.id == customer.id && other.email == customer.email);
        let email = |other: &Customer| other.email.clone().unwrap_or_default();
        customer.email.is_some()
            && !kept
            && live.any(|(other, _)| {
                other.id != customer.id
                    && emails.is_same(&email(other), &email(customer))
                    && other.has_account == customer.has_account
            })
    }
}

fn like(text: &str, pattern: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('%') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| like(&text[at..], letters.as_str())),
        Some('_') => text
            .chars()
            .next()
            .is_some_and(|first| like(&text[first.len_utf8()..], letters.as_str())),
        Some('\\') => letters.next().is_some_and(|letter| {
            text.strip_prefix(letter)
                .is_some_and(|rest| like(rest, letters.as_str()))
        }),
        Some(letter) => text
            .strip_prefix(letter)
            .is_some_and(|rest| like(rest, letters.as_str())),
    }
}

/// NULLs after everything else.
fn compare(left: Cell<'_>, right: Cell<'_>) -> Ordering {
    match (left, right) {
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Greater,
        (_, Cell::Null) => Ordering::Less,
        (Cell::Text(left), Cell::Text(right)) => left.cmp(right),
        (Cell::Integer(left), Cell::Integer(right)) => left.cmp(&right),
        _ => unreachable!("columns hold texts and flags"),
    }
}

fn collect<'a>(
    entity: &'static Entity,
    read: Columns,
    rows: impl IntoIterator<Item = (Option<&'a str>, &'a Records)>,
) -> Records {
    let columns = entity.columns.len();
    let mut records: Option<Records> = None;
    for (parent, row) in rows {
        let records = records
            .get_or_insert_with(|| Records::with_columns(columns + usize::from(parent.is_some())));
        if let Some(parent) = parent {
            records.push(Cell::Text(parent));
        }
        for index in 0..columns {
            let cell = row.get(0, index);
            records.push(if read.has(index) { cell } else { Cell::Null });
        }
    }
    records.unwrap_or_else(|| Records::with_columns(columns))
}

impl Read for Memory {
    fn find(&self, entity: &'static Entity, id: &str) -> Stored<Records> {
        Ok(self.state.borrow().find(entity, id))
    }

    fn related(
        &self,
        relation: &'static Relation,
        ids: &[&str],
        columns: Columns,
    ) -> Stored<Records> {
        Ok(self.state.borrow().related(relation, ids, columns))
    }
}

impl Searches for Memory {
    fn search(&self, entity: &'static Entity, search: &Search, columns: Columns) -> Stored<Page> {
        let state = self.state.borrow();
        let mut found: Vec<(Records, String)> = state
            .live(entity)
            .into_iter()
            .filter(|row| state.holds(row, &search.filter))
            .collect();
        let Order {
            through,
            column,
            descending,
        } = search.order;
        let key = |row: &Records| -> Records {
            let Some(relation) = through else {
                return Records::row(&[row.get(0, column)]);
            };
            let mut keys: Vec<Records> = state
                .tied(relation, row)
                .map(|(other, _)| Records::row(&[other.get(0, column)]))
                .filter(|key| key.get(0, 0) != Cell::Null)
                .collect();
            keys.sort_by(|left, right| compare(left.get(0, 0), right.get(0, 0)));
            let pick = if descending {
                keys.pop()
            } else {
                (!keys.is_empty()).then(|| keys.remove(0))
            };
            pick.unwrap_or_else(|| Records::row(&[Cell::Null]))
        };
        // Rows stand in the order in which they were made, and equal ones stay so.
        found.sort_by(|(left, _), (right, _)| {
            let (left, right) = (key(left), key(right));
            let by = compare(left.get(0, 0), right.get(0, 0));
            if descending { by.reverse() } else { by }
        });
        let page = found
            .iter()
            .skip(search.offset as usize)
            .take(search.limit as usize);
        let records = collect(entity, columns, page.map(|(record, _)| (None, record)));
        Ok(Page {
            records,
            count: found.len() as u64,
        })
    }
}

impl Store for Memory {
    type Transaction<'a> = Copy<'a>;

    fn begin(&self) -> Stored<Copy<'_>> {
        *self.transactions.borrow_mut() += 1;
        Ok(Copy {
            memory: self,
            state: RefCell::new(self.state.borrow().clone()),
        })
    }
}

impl Read for Copy<'_> {
    fn find(&self, entity: &'static Entity, id: &str) -> Stored<Records> {
        Ok(self.state.borrow().find(entity, id))
    }

    fn related(
        &self,
        relation: &'static Relation,
        ids: &[&str],
        columns: Columns,
    ) -> Stored<Records> {
        Ok(self.state.borrow().related(relation, ids, columns))
    }
}

impl Writes for Copy<'_> {
    fn insert_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()> {
        if self.state.borrow().email_taken(customer, emails) {
            return Err(StoreError::Duplicate);
        }
        self.state
            .borrow_mut()
            .customers
            .push((customer.clone(), None));
        Ok(())
    }

    fn update_customer(&self, customer: &Customer, emails: EmailCase) -> Stored<()> {
        if self.state.borrow().email_taken(customer, emails) {
            return Err(StoreError::Duplicate);
        }
        for (other, _) in &mut self.state.borrow_mut().customers {
            if other.id == customer.id {
                *other = customer.clone();
            }
        }
        Ok(())
    }

    fn delete_customer(&self, id: &str, at: &str) -> Stored<bool> {
        let mut state = self.state.borrow_mut();
        let found = state
            .customers
            .iter_mut()
            .find(|(customer, deleted)| customer.id == id && deleted.is_none());
        Ok(found
            .map(|(_, deleted)| *deleted = Some(at.to_owned()))
            .is_some())
    }

    fn insert_address(&self, address: &Address) -> Stored<()> {
        self.state
            .borrow_mut()
            .addresses
            .push((address.clone(), None));
        Ok(())
    }

    fn update_address(&self, address: &Address) -> Stored<()> {
        for (other, _) in &mut self.state.borrow_mut().addresses {
            if other.id == address.id {
                *other = address.clone();
            }
        }
        Ok(())
    }

    fn delete_address(&self, id: &str) -> Stored<()> {
        self.state
            .borrow_mut()
            .addresses
            .retain(|(address, _)| address.id != id);
        Ok(())
    }

    fn delete_addresses_of(&self, customer_id: &str, at: &str) -> Stored<Vec<String>> {
        let mut ids = Vec::new();
        for (address, deleted) in &mut self.state.borrow_mut().addresses {
            if address.customer_id == customer_id && deleted.is_none() {
                *deleted = Some(at.to_owned());
                ids.push(address.id.clone());
            }
        }
        Ok(ids)
    }

    fn release_default(
        &self,
        role: DefaultFor,
        customer_id: &str,
        except: &str,
        at: &str,
    ) -> Stored<Vec<String>> {
        let mut ids = Vec::new();
        for (address, _) in &mut self.state.borrow_mut().addresses {
            if address.customer_id != customer_id || address.id == except {
                continue;
            }
            let flag = match role {
                DefaultFor::Shipping => &mut address.is_default_shipping,
                DefaultFor::Billing => &mut address.is_default_billing,
            };
            if std::mem::take(flag) {
                address.updated_at = at.to_owned();
                ids.push(address.id.clone());
            }
        }
        Ok(ids)
    }

    fn insert_group(&self, group: &Group) -> Stored<()> {
        self.update_group(group)?;
        self.state.borrow_mut().groups.push((group.clone(), None));
        Ok(())
    }

    fn update_group(&self, group: &Group) -> Stored<()> {
        let mut state = self.state.borrow_mut();
        let taken = |(other, deleted): &(Group, Option<String>)| {
            deleted.is_none() && other.id != group.id && other.name == group.name
        };
        if state.groups.iter().any(taken) {
            return Err(StoreError::Duplicate);
        }
        for (other, _) in &mut state.groups {
            if other.id == group.id {
                *other = group.clone();
            }
        }
        Ok(())
    }

    fn delete_group(&self, id: &str, at: &str) -> Stored<bool> {
        let mut state = self.state.borrow_mut();
        let found = state
            .groups
            .iter_mut()
            .find(|(group, deleted)| group.id == id && deleted.is_none());
        Ok(found
            .map(|(_, deleted)| *deleted = Some(at.to_owned()))
            .is_some())
    }

    fn insert_membership(&self, membership: &Membership) -> Stored<bool> {
        let mut state = self.state.borrow_mut();
        let same = |other: &Membership| {
            other.group_id == membership.group_id && other.customer_id == membership.customer_id
        };
        if state.memberships.iter().any(same) {
            return Ok(false);
        }
        state.memberships.push(membership.clone());
        Ok(true)
    }

    fn delete_membership(&self, group_id: &str, customer_id: &str) -> Stored<Option<String>> {
        let mut state = self.state.borrow_mut();
        let at = state
            .memberships
            .iter()
            .position(|m| m.group_id == group_id && m.customer_id == customer_id);
        Ok(at.map(|at| state.memberships.remove(at).id))
    }
}

impl Transaction for Copy<'_> {
    fn emit(&self, event: &str, id: &str) -> Stored<()> {
        self.state
            .borrow_mut()
            .events
            .push((event.to_owned(), id.to_owned()));
        Ok(())
    }

    fn commit(self) -> Stored<()> {
        self.memory.state.replace(self.state.into_inner());
        Ok(())
    }
}
