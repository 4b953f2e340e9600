//! `/admin/customers`

use wares_module_kit::change::Change;
use wares_module_kit::entity::Entity;
use wares_module_kit::fault::Fault;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::exchange::{self, Answer, Request};
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::{self, Filters};

use crate::customers::{issues_of_new, issues_of_update};
use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::{CUSTOMER, CUSTOMERS};
use crate::settings::Compat;
use crate::store::Store;
use crate::types::{CustomerUpdate, NewCustomer};

/// How one customer stands in an answer.
pub(super) const ONE: (&str, &Entity) = ("customer", &CUSTOMER);

/// Its name in the answer of a deletion.
pub(super) const OBJECT: &str = "customer";

/// How a list of customers stands in an answer, and what it may be filtered by.
pub(super) const LIST: (&str, &Filters) = ("customers", &CUSTOMERS);

/// The default fields of a list.
const RELATIONS_OF_LIST: [&str; 2] = ["addresses", "groups"];
/// The default fields of one customer.
const RELATIONS_OF_ONE: [&str; 3] = ["addresses", "groups", "orders"];

/// The default fields of a read.
fn shown(compat: Compat, relations: &[&str]) -> Selection {
    let selection = Selection::shown(&CUSTOMER);
    match compat {
        Compat::Document => selection.with(&CUSTOMER, relations),
        Compat::Medusa2 => selection,
    }
}

/// The fields of a write's answer.
pub(super) fn selected(query: &str) -> Result<Selection, Fault> {
    parameters::fields(&CUSTOMER, query, &Selection::shown(&CUSTOMER))
}

pub(super) fn list<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = shown(domain.compat(), &RELATIONS_OF_LIST);
    let list = parameters::list(
        &CUSTOMERS,
        request.query,
        request.extended,
        domain.compat().paging(),
        &defaults,
    )?;
    domain.list(LIST, request, &list)
}

pub(super) fn retrieve<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let defaults = shown(domain.compat(), &RELATIONS_OF_ONE);
    let selection = parameters::fields(&CUSTOMER, request.query, &defaults)?;
    let found = domain.retrieve_customer(request.segment(0))?;
    exchange::one(domain.reads(), request, ONE, &selection, found)
}

/// A customer to be made.
pub(super) fn new(body: &mut Body, compat: Compat) -> NewCustomer {
    let email = body.email("email").optional();
    let company_name = company_name(body).optional();
    let new = NewCustomer {
        email,
        company_name,
        first_name: body.text("first_name").optional(),
        last_name: body.text("last_name").optional(),
        phone: body.text("phone").optional(),
        metadata: body.object("metadata").optional(),
        additional_data: body.object("additional_data").optional(),
        has_account: false,
        created_by: None,
    };
    body.issues.rules(issues_of_new(&new, compat));
    new
}

/// Changes to a customer.
pub(super) fn changes(body: &mut Body, compat: Compat) -> CustomerUpdate {
    let email = body.email("email");
    let company_name = company_name(body);
    let update = CustomerUpdate {
        id: String::new(),
        email,
        company_name,
        first_name: body.text("first_name"),
        last_name: body.text("last_name"),
        phone: body.text("phone"),
        metadata: body.object("metadata"),
        additional_data: body.object("additional_data").optional(),
    };
    body.issues.rules(issues_of_update(&update, compat));
    update
}

pub(super) fn create<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let new = NewCustomer {
        created_by: request.created_by(),
        ..request.read(|body| new(body, domain.compat()))?
    };
    let selection = selected(request.query)?;
    let answer = domain.create_customer_for(new, |reads, made| {
        exchange::prepare(reads, request, ONE, &selection, made.record())
    })?;
    Ok(answer.written())
}

pub(super) fn update<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let update = CustomerUpdate {
        id: request.segment(0).to_owned(),
        ..request.read(|body| changes(body, domain.compat()))?
    };
    let selection = selected(request.query)?;
    let answer = domain.update_customer_for(update, |reads, changed| {
        exchange::prepare(reads, request, ONE, &selection, changed.record())
    })?;
    Ok(answer.written())
}

/// The company under either of its names; the one that Medusa knows weighs more.
fn company_name(body: &mut Body) -> Change<String> {
    let (long, short) = (body.text("company_name"), body.text("company"));
    if long == Change::Keep { short } else { long }
}

pub(super) fn delete<S: Store, H: Hooks>(domain: &Domain<S, H>, request: Request<'_>) -> Answer {
    let id = request.segment(0);
    domain.delete_customer(id)?;
    Ok(exchange::deleted(id, OBJECT))
}

/// The ids of what a body adds, and of what it removes.
pub(super) fn added_and_removed(body: &mut Body) -> (Vec<String>, Vec<String>) {
    let mut ids = |field| body.ids(field).unwrap_or_default();
    (ids("add"), ids("remove"))
}

pub(super) fn change_groups<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    request: Request<'_>,
) -> Answer {
    let changes = request.read(added_and_removed)?;
    let selection = selected(request.query)?;
    let (id, by) = (request.segment(0), request.created_by());
    let answer = domain.change_groups_for(id, changes, by, |reads, customer| {
        exchange::prepare(reads, request, ONE, &selection, customer.record())
    })?;
    Ok(answer.written())
}
