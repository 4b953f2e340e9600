//! `/admin/customer-groups`

use wares_module_kit::entity::Entity;
use wares_module_kit::fault::Fault;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::exchange::{self, Answer, Request};
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::{self, Filters};
use wares_module_kit::issue::Issue;

use crate::domain::Domain;
use crate::groups::{issues_of_new, issues_of_update};
use crate::hooks::Hooks;
use crate::model::{GROUP, GROUPS};
use crate::store::Store;
use crate::types::{GroupUpdate, NewGroup};

use super::customers::added_and_removed;

/// How one group stands in an answer.
pub(super) const ONE: (&str, &Entity) = ("customer_group", &GROUP);

/// Its name in the answer of a deletion.
pub(super) const OBJECT: &str = "customer_group";

/// How a list of groups stands in an answer, and what it may be filtered by.
pub(super) const LIST: (&str, &Filters) = ("customer_groups", &GROUPS);

fn selected(query: &str) -> Result<Selection, Fault> {
    parameters::fields(&GROUP, query, &Selection::shown(&GROUP))
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = Selection::shown(&GROUP);
    let list = parameters::list(
        &GROUPS,
        request.query,
        request.extended,
        domain.compat().paging(),
        &defaults,
    )?;
    domain.list(LIST, request, &list)
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = selected(request.query)?;
    let found = domain.retrieve_group(request.segment(0))?;
    exchange::one(domain.reads(), request, ONE, &selection, found)
}

/// A group to be made.
pub(super) fn new(body: &mut Body) -> NewGroup {
    let name = body.name("name");
    let metadata = body.object("metadata").optional();
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
    let answer = domain.create_group_for(new, |reads, made| {
        exchange::prepare(reads, request, ONE, &selection, made.record())
    })?;
    Ok(answer.written())
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let update = GroupUpdate {
        id: request.segment(0).to_owned(),
        ..request.read(changes)?
    };
    let selection = selected(request.query)?;
    let answer = domain.update_group_for(update, |reads, changed| {
        exchange::prepare(reads, request, ONE, &selection, changed.record())
    })?;
    Ok(answer.written())
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    domain.delete_group(id)?;
    Ok(exchange::deleted(id, OBJECT))
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
    let answer = domain.change_members_for(id, joining_and_leaving, by, |reads, group| {
        exchange::prepare(reads, request, ONE, &selection, group.record())
    })?;
    Ok(answer.written())
}
