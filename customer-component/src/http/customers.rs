//! `/admin/customers`

use crate::customers::{issues_of_new, issues_of_update};
use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::Entity;
use crate::settings::Compat;
use crate::store::Store;
use crate::types::{Change, CustomerUpdate, NewCustomer};

use super::body::{Body, optional};
use super::fields::Selection;
use super::parameters::{self, CUSTOMERS};
use super::{Answer, Request};

/// How one customer stands in an answer.
pub(super) const ONE: (&str, Entity) = ("customer", Entity::Customer);

/// What a list shows when nothing is said.
const RELATIONS_OF_LIST: [&str; 2] = ["addresses", "groups"];
/// What one customer shows when nothing is said.
const RELATIONS_OF_ONE: [&str; 3] = ["addresses", "groups", "orders"];

/// What a read shows when nothing is said.
fn shown(compat: Compat, relations: &[&str]) -> Selection {
    let selection = Selection::shown(Entity::Customer);
    match compat {
        Compat::Document => selection.with(Entity::Customer, relations),
        Compat::Medusa2 => selection,
    }
}

/// What a write's answer shows.
pub(super) fn selected(query: &str) -> Result<Selection, crate::types::Fault> {
    parameters::fields(Entity::Customer, query, &Selection::shown(Entity::Customer))
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = shown(domain.compat(), &RELATIONS_OF_LIST);
    super::list(
        domain,
        ("customers", &CUSTOMERS, Entity::Customer),
        request.query,
        &defaults,
        |_| Ok(()),
    )
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = shown(domain.compat(), &RELATIONS_OF_ONE);
    let selection = parameters::fields(Entity::Customer, request.query, &defaults)?;
    super::one(
        domain,
        ONE,
        &selection,
        domain.retrieve_customer(request.segment(0))?,
    )
}

pub(super) fn create<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let mut body = Body::parse(request.body)?;
    let email = optional(body.text("email"));
    let company_name = optional(company_name(&mut body));
    let new = NewCustomer {
        email,
        company_name,
        first_name: optional(body.text("first_name")),
        last_name: optional(body.text("last_name")),
        phone: optional(body.text("phone")),
        metadata: optional(body.object("metadata")),
        additional_data: optional(body.object("additional_data")),
        has_account: false,
        created_by: request.created_by(),
    };
    body.issues.rules(issues_of_new(&new, domain.compat()));
    body.finish()?;
    let selection = selected(request.query)?;
    super::one(
        domain,
        ONE,
        &selection,
        domain.create_customer(new)?.record(),
    )
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let mut body = Body::parse(request.body)?;
    let email = body.text("email");
    let company_name = company_name(&mut body);
    let update = CustomerUpdate {
        id: request.segment(0).to_owned(),
        email,
        company_name,
        first_name: body.text("first_name"),
        last_name: body.text("last_name"),
        phone: body.text("phone"),
        metadata: body.object("metadata"),
        additional_data: optional(body.object("additional_data")),
    };
    body.issues
        .rules(issues_of_update(&update, domain.compat()));
    body.finish()?;
    let selection = selected(request.query)?;
    super::one(
        domain,
        ONE,
        &selection,
        domain.update_customer(update)?.record(),
    )
}

/// The company under either of its names; the one that Medusa knows weighs more.
fn company_name(body: &mut Body) -> Change<String> {
    let (long, short) = (body.text("company_name"), body.text("company"));
    if long == Change::Keep { short } else { long }
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    domain.delete_customer(id)?;
    let mut out = super::deleted(id, "customer");
    out.push(b'}');
    Ok(out)
}

pub(super) fn change_groups<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    let mut body = Body::parse(request.body)?;
    let add = body.ids("add").unwrap_or_default();
    let remove = body.ids("remove").unwrap_or_default();
    body.finish()?;
    let selection = selected(request.query)?;
    let customer = domain.change_groups(request.segment(0), add, remove, request.created_by())?;
    super::one(domain, ONE, &selection, customer.record())
}
