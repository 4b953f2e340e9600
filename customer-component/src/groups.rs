//! The rules of groups and of who is in them. Know neither HTTP nor SQL.

use std::time::Instant;

use wares_module_kit::clock;
use wares_module_kit::fault::Fault;
use wares_module_kit::ids::new as new_id;
use wares_module_kit::issue::{Issue, nuls};
use wares_module_kit::metadata::Metadata;
use wares_module_kit::operation::{Hooked, admitted, changed, hooked, kept};
use wares_module_kit::records::Records;
use wares_module_kit::store::{Read, StoreError, Transaction, must_find};

use crate::domain::{Domain, itself, no_such_end, nothing_to_change};
use crate::hooks::Hooks;
use crate::model::{CUSTOMER, GROUP};
use crate::store::{Membership, Store, Writes};
use crate::types::{Customer, Group, GroupUpdate, MembershipChange, NewGroup};
use crate::{events, ids};

/// Groups that one operation lets a customer join and leave: extensions are asked about each.
pub const GROUPS_MAX: usize = 1_000;

/// The issues of a new group.
pub fn issues_of_new(group: &NewGroup) -> Vec<Issue> {
    let mut issues = nuls(&[("name", Some(&group.name))]);
    issues.extend(group.metadata.as_ref().and_then(Metadata::issue_of_new));
    issues
}

/// The issues of changes to a group.
pub fn issues_of_update(update: &GroupUpdate) -> Vec<Issue> {
    let mut issues = nuls(&[("name", update.name.as_deref())]);
    issues.extend(update.metadata.as_ref().and_then(Metadata::issue));
    issues
}

fn apply(group: &mut Group, update: &GroupUpdate) -> Result<bool, Fault> {
    let mut changed = false;
    if let Some(name) = update.name.clone() {
        changed |= group.name != name;
        group.name = name;
    }
    changed |= update.metadata.merge(&mut group.metadata)?;
    Ok(changed)
}

fn duplicate(group: &Group) -> impl Fn(StoreError) -> Fault + '_ {
    move |error: StoreError| {
        error.or_taken(|| format!("Customer group with name: {}, already exists.", group.name))
    }
}

fn find(store: &(impl Read + ?Sized), id: &str) -> Result<Group, Fault> {
    let found = must_find(store, &GROUP, id, || {
        nothing_to_change("Customer group", id)
    })?;
    Ok(Group::read(&found, 0))
}

/// Who joins and who leaves which groups, in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MembershipChanges {
    /// Who joins.
    pub add: Vec<MembershipChange>,
    /// Who leaves.
    pub remove: Vec<MembershipChange>,
    /// The id of the user or API key that does it.
    pub created_by: Option<String>,
}

impl<S: Store, H: Hooks> Domain<S, H> {
    /// One group, as a row with the columns of the entity.
    ///
    /// # Errors
    /// When no group has this id.
    pub fn retrieve_group(&self, id: &str) -> Result<Records, Fault> {
        must_find(&self.store, &GROUP, id, || {
            Fault::NotFound(format!("Customer group with id: {id} not found"))
        })
    }

    /// Makes a group.
    ///
    /// # Errors
    /// When a rule or an extension refuses it, or the name is taken.
    pub fn create_group(&self, new: NewGroup) -> Result<Group, Fault> {
        self.create_group_for(new, itself)
    }

    /// As [`Self::create_group`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn create_group_for<T>(
        &self,
        new: NewGroup,
        answer: impl FnOnce(&dyn Read, &Group) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (new, ()) = admitted(
            new,
            issues_of_new,
            |_| Ok(()),
            |new| self.hooks.before_create_group(new),
        )?;
        let now = clock::now();
        let group = Group {
            id: new_id(ids::GROUP),
            name: new.name,
            metadata: new.metadata,
            created_by: new.created_by,
            created_at: now.clone(),
            updated_at: now,
        };
        let write = |transaction: &S::Transaction<'_>| {
            transaction
                .insert_group(&group)
                .map_err(duplicate(&group))?;
            transaction.emit(events::GROUP_CREATED, &group.id)?;
            Ok(())
        };
        kept(self.store.begin(), write, |reads, ()| answer(reads, &group))
    }

    /// Changes a group. Changes that change nothing write nothing.
    ///
    /// # Errors
    /// When no group has this id, a rule or an extension refuses it, or the name is taken.
    pub fn update_group(&self, update: GroupUpdate) -> Result<Group, Fault> {
        self.update_group_for(update, itself)
    }

    /// As [`Self::update_group`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn update_group_for<T>(
        &self,
        update: GroupUpdate,
        answer: impl FnOnce(&dyn Read, &Group) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (update, group) = admitted(
            update,
            issues_of_update,
            |update| find(&self.store, &update.id),
            |update| self.hooks.before_update_group(update),
        )?;
        changed(
            &self.store,
            group,
            || self.store.begin(),
            |reads| find(reads, &update.id),
            |group| apply(group, &update),
            |transaction, group| {
                group.updated_at = clock::now();
                transaction.update_group(group).map_err(duplicate(group))?;
                Ok(transaction.emit(events::GROUP_UPDATED, &group.id)?)
            },
            answer,
        )
    }

    /// Deletes a group softly. An unknown one is no error.
    ///
    /// # Errors
    /// When an extension refuses it.
    pub fn delete_group(&self, id: &str) -> Result<(), Fault> {
        if self.store.find(&GROUP, id)?.is_empty() {
            return Ok(());
        }
        let id = hooked(id.to_owned(), |id| self.hooks.before_delete_group(id))?;
        let write = |transaction: &S::Transaction<'_>| {
            if transaction.delete_group(&id, &clock::now())? {
                transaction.emit(events::GROUP_DELETED, &id)?;
            }
            Ok(())
        };
        kept(self.store.begin(), write, |_, ()| Ok(()))
    }

    /// Lets customers join and leave one group; returns the group.
    ///
    /// # Errors
    /// When the group or one who joins is not there, or an extension refuses
    /// it. Then no customer joined or left.
    pub fn change_members(
        &self,
        group_id: &str,
        add: Vec<String>,
        remove: Vec<String>,
        created_by: Option<String>,
    ) -> Result<Group, Fault> {
        self.change_members_for(group_id, (add, remove), created_by, itself)
    }

    /// As [`Self::change_members`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn change_members_for<T>(
        &self,
        group_id: &str,
        (add, remove): (Vec<String>, Vec<String>),
        created_by: Option<String>,
        answer: impl FnOnce(&dyn Read, &Group) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let found = self.store.find(&GROUP, group_id)?;
        if found.is_empty() {
            return Err(if add.is_empty() {
                nothing_to_change("Customer group", group_id)
            } else {
                no_such_end("customer_group_id", group_id)
            });
        }
        let change = |customer_ids: Vec<String>| MembershipChange {
            group_id: group_id.to_owned(),
            customer_ids,
        };
        let some = |ids: Vec<String>| {
            if ids.is_empty() {
                Vec::new()
            } else {
                vec![change(ids)]
            }
        };
        let changes = MembershipChanges {
            add: some(add),
            remove: some(remove),
            created_by,
        };
        let group = Group::read(&found, 0);
        self.change_memberships(changes, |reads| answer(reads, &group))
    }

    /// Lets one customer join and leave groups; returns the customer.
    ///
    /// # Errors
    /// When the customer or a group to join is not there, an extension refuses it, or there are
    /// more than [`GROUPS_MAX`] groups. Then nothing has changed.
    pub fn change_groups(
        &self,
        customer_id: &str,
        add: Vec<String>,
        remove: Vec<String>,
        created_by: Option<String>,
    ) -> Result<Customer, Fault> {
        self.change_groups_for(customer_id, (add, remove), created_by, itself)
    }

    /// As [`Self::change_groups`]. What is answered is made before it is kept, by `answer`: what
    /// cannot be answered is not kept.
    ///
    /// # Errors
    /// As there, or that of `answer`.
    pub fn change_groups_for<T>(
        &self,
        customer_id: &str,
        (add, remove): (Vec<String>, Vec<String>),
        created_by: Option<String>,
        answer: impl FnOnce(&dyn Read, &Customer) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let count = add.len() + remove.len();
        if count > GROUPS_MAX {
            return Err(Fault::TooMuch(format!(
                "{count} groups of one customer are to change, and at most {GROUPS_MAX} can: change them in parts"
            )));
        }
        let found = self.store.find(&CUSTOMER, customer_id)?;
        if found.is_empty() {
            return Err(if add.is_empty() {
                nothing_to_change("Customer", customer_id)
            } else {
                no_such_end("customer_id", customer_id)
            });
        }
        let change = |group_id| MembershipChange {
            group_id,
            customer_ids: vec![customer_id.to_owned()],
        };
        let changes = MembershipChanges {
            add: add.into_iter().map(change).collect(),
            remove: remove.into_iter().map(change).collect(),
            created_by,
        };
        let customer = Customer::read(&found, 0);
        self.change_memberships(changes, |reads| answer(reads, &customer))
    }

    /// Leaves come before joins, so that who is in both ends up inside.
    fn change_memberships<T>(
        &self,
        changes: MembershipChanges,
        answer: impl FnOnce(&dyn Read) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (begun, count) = (Instant::now(), changes.add.len() + changes.remove.len());
        let mut asked = 0;
        let mut ask = |change, hook: fn(&H, MembershipChange) -> Hooked<MembershipChange>| {
            if asked > 0 && begun.elapsed() >= self.hooks_max {
                return Err(Fault::TooMuch(format!(
                    "extensions were asked about {asked} of {count} groups in {} ms, which is as long as they \
                     may take: change them in parts",
                    self.hooks_max.as_millis()
                )));
            }
            asked += 1;
            hooked(change, |change| hook(&self.hooks, change))
        };
        let remove = changes.remove.into_iter();
        let remove = remove.map(|change| ask(change, H::before_remove_members));
        let remove = remove.collect::<Result<Vec<_>, _>>()?;
        let add = changes.add.into_iter();
        let add = add.map(|change| ask(change, H::before_add_members));
        let add = add.collect::<Result<Vec<_>, _>>()?;
        if remove.is_empty() && add.is_empty() {
            return answer(&self.store);
        }
        let write = |transaction: &S::Transaction<'_>| {
            for change in &remove {
                for customer_id in &change.customer_ids {
                    if let Some(id) =
                        transaction.delete_membership(&change.group_id, customer_id)?
                    {
                        transaction.emit(events::MEMBERSHIP_DELETED, &id)?;
                    }
                }
            }
            for change in add {
                let group = &change.group_id;
                must_find(transaction, &GROUP, group, || {
                    no_such_end("customer_group_id", group)
                })?;
                for customer_id in change.customer_ids {
                    let customer = &customer_id;
                    must_find(transaction, &CUSTOMER, customer, || {
                        no_such_end("customer_id", customer)
                    })?;
                    let membership = Membership {
                        id: new_id(ids::MEMBERSHIP),
                        customer_id,
                        group_id: group.clone(),
                        created_by: changes.created_by.clone(),
                        created_at: clock::now(),
                    };
                    if transaction.insert_membership(&membership)? {
                        transaction.emit(events::MEMBERSHIP_CREATED, &membership.id)?;
                    }
                }
            }
            Ok(())
        };
        kept(self.store.begin(), write, |reads, ()| answer(reads))
    }
}

impl Group {
    /// As one row with the columns of the entity.
    pub fn record(&self) -> Records {
        Records::row(&self.cells())
    }
}
