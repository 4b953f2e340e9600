//! `/admin/customer-groups`

use crate::domain::{Domain, Issue};
use crate::groups::{issues_of_new, issues_of_update};
use crate::hooks::Hooks;
use crate::model::Entity;
use crate::store::Store;
use crate::types::{Fault, GroupUpdate, NewGroup};

use super::body::{Body, optional};
use super::fields::Selection;
use super::parameters::{self, GROUPS};
use super::{Answer, Request};

/// How one group stands in an answer.
const ONE: (&str, Entity) = ("customer_group", Entity::Group);

fn selected(query: &str) -> Result<Selection, Fault> {
    parameters::fields(Entity::Group, query, &Selection::shown(Entity::Group))
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = Selection::shown(Entity::Group);
    super::list(
        domain,
        ("customer_groups", &GROUPS, Entity::Group),
        request.query,
        &defaults,
        |_| Ok(()),
    )
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let selection = selected(request.query)?;
    super::one(
        domain,
        ONE,
        &selection,
        domain.retrieve_group(request.segment(0))?,
    )
}

pub(super) fn create<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let mut body = Body::parse(request.body)?;
    let name = body.name("name");
    let metadata = optional(body.object("metadata"));
    let mut issues = Vec::new();
    if name.is_none() {
        issues.push(Issue::required("name"));
    }
    let new = NewGroup {
        name: name.unwrap_or_default(),
        metadata,
        created_by: request.created_by(),
    };
    issues.extend(issues_of_new(&new));
    body.issues.rules(issues);
    body.finish()?;
    let selection = selected(request.query)?;
    super::one(domain, ONE, &selection, domain.create_group(new)?.record())
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let mut body = Body::parse(request.body)?;
    let update = GroupUpdate {
        id: request.segment(0).to_owned(),
        name: body.name("name"),
        metadata: body.object("metadata"),
    };
    body.issues.rules(issues_of_update(&update));
    body.finish()?;
    let selection = selected(request.query)?;
    super::one(
        domain,
        ONE,
        &selection,
        domain.update_group(update)?.record(),
    )
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    domain.delete_group(id)?;
    let mut out = super::deleted(id, "customer_group");
    out.push(b'}');
    Ok(out)
}

/// Takes Medusa's `{add, remove}` and the document's `{customer_ids}`, which means `add`.
pub(super) fn change_members<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    let mut body = Body::parse(request.body)?;
    let mut add = body.ids("add").unwrap_or_default();
    let remove = body.ids("remove").unwrap_or_default();
    add.extend(body.ids("customer_ids").unwrap_or_default());
    body.finish()?;
    change(domain, request, add, remove)
}

pub(super) fn remove_members<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    let mut body = Body::parse(request.body)?;
    let remove = body.ids("customer_ids");
    if remove.is_none() {
        body.issues.rules(vec![Issue::required("customer_ids")]);
    }
    body.finish()?;
    change(domain, request, Vec::new(), remove.unwrap_or_default())
}

fn change<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
    add: Vec<String>,
    remove: Vec<String>,
) -> Answer {
    let selection = selected(request.query)?;
    let group = domain.change_members(request.segment(0), add, remove, request.created_by())?;
    super::one(domain, ONE, &selection, group.record())
}
