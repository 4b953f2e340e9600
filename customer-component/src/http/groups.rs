//! `/admin/customer-groups`

use crate::domain::{Domain, Issue};
use crate::groups::{issues_of_new, issues_of_update};
use crate::hooks::Hooks;
use crate::model::Entity;
use crate::store::Store;
use crate::types::{Fault, GroupUpdate, NewGroup};

use super::body::{Body, optional};
use super::customers::added_and_removed;
use super::fields::Selection;
use super::parameters::{self, Filters, GROUPS};
use super::{Answer, Request};

/// How one group stands in an answer.
pub(super) const ONE: (&str, Entity) = ("customer_group", Entity::Group);

/// What it is called once it is deleted.
pub(super) const OBJECT: &str = "customer_group";

/// How a list of groups stands in an answer, and what it may be filtered by.
pub(super) const LIST: (&str, &Filters) = ("customer_groups", &GROUPS);

fn selected(query: &str) -> Result<Selection, Fault> {
    parameters::fields(Entity::Group, query, &Selection::shown(Entity::Group))
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = Selection::shown(Entity::Group);
    super::list(domain, LIST, request, &defaults, |_| Ok(()))
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = selected(request.query)?;
    let found = domain.retrieve_group(request.segment(0))?;
    super::one(domain.reads(), request.budget, ONE, &selection, found)
}

/// A group to be made.
pub(super) fn new(body: &mut Body) -> NewGroup {
    let name = body.name("name");
    let metadata = optional(body.object("metadata"));
    let mut issues = Vec::new();
    if name.is_none() {
        issues.push(Issue::required("name"));
    }
    let new = NewGroup {
        name: name.unwrap_or_default(),
        metadata,
        created_by: None,
    };
    issues.extend(issues_of_new(&new));
    body.issues.rules(issues);
    new
}

/// Changes to a group.
pub(super) fn changes(body: &mut Body) -> GroupUpdate {
    let update = GroupUpdate {
        id: String::new(),
        name: body.name("name"),
        metadata: body.object("metadata"),
    };
    body.issues.rules(issues_of_update(&update));
    update
}

pub(super) fn create<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let new = NewGroup {
        created_by: request.created_by(),
        ..request.read(new)?
    };
    let selection = selected(request.query)?;
    domain.create_group_for(new, |reads, made| {
        super::one(reads, request.budget, ONE, &selection, made.record())
    })
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let update = GroupUpdate {
        id: request.segment(0).to_owned(),
        ..request.read(changes)?
    };
    let selection = selected(request.query)?;
    domain.update_group_for(update, |reads, changed| {
        super::one(reads, request.budget, ONE, &selection, changed.record())
    })
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    domain.delete_group(id)?;
    Ok((super::deleted(id, OBJECT) + "}").into_bytes())
}

/// Who joins and who leaves: Medusa's `{add, remove}` and the document's
/// `{customer_ids}`, which means `add`.
pub(super) fn joining_and_leaving(body: &mut Body) -> (Vec<String>, Vec<String>) {
    let (mut add, remove) = added_and_removed(body);
    add.extend(body.ids("customer_ids").unwrap_or_default());
    (add, remove)
}

/// Who leaves.
pub(super) fn leaving(body: &mut Body) -> Vec<String> {
    let ids = body.ids("customer_ids");
    if ids.is_none() {
        body.issues.rules(vec![Issue::required("customer_ids")]);
    }
    ids.unwrap_or_default()
}

pub(super) fn change_members<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    change(domain, request, request.read(joining_and_leaving)?)
}

pub(super) fn remove_members<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    change(domain, request, (Vec::new(), request.read(leaving)?))
}

fn change<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
    joining_and_leaving: (Vec<String>, Vec<String>),
) -> Answer {
    let selection = selected(request.query)?;
    let (id, by) = (request.segment(0), request.created_by());
    domain.change_members_for(id, joining_and_leaving, by, |reads, group| {
        super::one(reads, request.budget, ONE, &selection, group.record())
    })
}
