//! The Admin API: which routes there are, and what each does. Decodes, calls
//! the domain, writes. Knows no rule of the domain and no SQL.

mod addresses;
mod body;
mod budget;
mod customers;
mod declarations;
mod fields;
mod groups;
mod issues;
mod json;
pub mod openapi;
mod parameters;
mod query;

use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::Entity;
use crate::records::Records;
use crate::store::{Read, Store};
use crate::types::Fault;

use body::Body;
pub use budget::Budget;
use fields::Selection;
use json::{Out, Things};
use parameters::Filters;

/// A method that a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `DELETE`
    Delete,
}

/// A request to one of the routes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What stood for the `{name}` segments of the path.
    pub path: &'a [String],
    /// All after the `?`.
    pub query: &'a str,
    /// The body; empty where there is none.
    pub body: &'a [u8],
    /// The id of who makes it.
    pub actor: Option<&'a str>,
    /// What its answer may take.
    pub budget: Budget,
}

/// An answer. Its body is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What a route does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    ListCustomers,
    CreateCustomer,
    RetrieveCustomer,
    UpdateCustomer,
    DeleteCustomer,
    ChangeGroupsOfCustomer,
    ListAddresses,
    CreateAddress,
    RetrieveAddress,
    UpdateAddress,
    DeleteAddress,
    ListGroups,
    CreateGroup,
    RetrieveGroup,
    UpdateGroup,
    DeleteGroup,
    ChangeMembers,
    RemoveMembers,
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` segments.
    pub path: &'static str,
    operation: Operation,
}

const fn route(method: Method, path: &'static str, operation: Operation) -> Route {
    Route {
        method,
        path,
        operation,
    }
}

/// All routes.
pub const ROUTES: [Route; 18] = {
    use Method::{Delete, Get, Post};
    [
        route(Get, "/admin/customers", Operation::ListCustomers),
        route(Post, "/admin/customers", Operation::CreateCustomer),
        route(Get, "/admin/customers/{id}", Operation::RetrieveCustomer),
        route(Post, "/admin/customers/{id}", Operation::UpdateCustomer),
        route(Delete, "/admin/customers/{id}", Operation::DeleteCustomer),
        route(
            Post,
            "/admin/customers/{id}/customer-groups",
            Operation::ChangeGroupsOfCustomer,
        ),
        route(
            Get,
            "/admin/customers/{id}/addresses",
            Operation::ListAddresses,
        ),
        route(
            Post,
            "/admin/customers/{id}/addresses",
            Operation::CreateAddress,
        ),
        route(
            Get,
            "/admin/customers/{id}/addresses/{address_id}",
            Operation::RetrieveAddress,
        ),
        route(
            Post,
            "/admin/customers/{id}/addresses/{address_id}",
            Operation::UpdateAddress,
        ),
        route(
            Delete,
            "/admin/customers/{id}/addresses/{address_id}",
            Operation::DeleteAddress,
        ),
        route(Get, "/admin/customer-groups", Operation::ListGroups),
        route(Post, "/admin/customer-groups", Operation::CreateGroup),
        route(Get, "/admin/customer-groups/{id}", Operation::RetrieveGroup),
        route(Post, "/admin/customer-groups/{id}", Operation::UpdateGroup),
        route(
            Delete,
            "/admin/customer-groups/{id}",
            Operation::DeleteGroup,
        ),
        route(
            Post,
            "/admin/customer-groups/{id}/customers",
            Operation::ChangeMembers,
        ),
        route(
            Delete,
            "/admin/customer-groups/{id}/customers",
            Operation::RemoveMembers,
        ),
    ]
};

/// Answers a request to the route at this place of [`ROUTES`]. The second part
/// is for the log, where something went wrong that is nobody's business outside.
pub fn handle<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    route: usize,
    request: Request<'_>,
) -> (Response, Option<String>) {
    let Some(route) = ROUTES.get(route) else {
        return failed(Fault::Internal(format!("there is no route {route}")));
    };
    let answer = match route.operation {
        Operation::ListCustomers => customers::list(domain, request),
        Operation::CreateCustomer => customers::create(domain, request),
        Operation::RetrieveCustomer => customers::retrieve(domain, request),
        Operation::UpdateCustomer => customers::update(domain, request),
        Operation::DeleteCustomer => customers::delete(domain, request),
        Operation::ChangeGroupsOfCustomer => customers::change_groups(domain, request),
        Operation::ListAddresses => addresses::list(domain, request),
        Operation::CreateAddress => addresses::create(domain, request),
        Operation::RetrieveAddress => addresses::retrieve(domain, request),
        Operation::UpdateAddress => addresses::update(domain, request),
        Operation::DeleteAddress => addresses::delete(domain, request),
        Operation::ListGroups => groups::list(domain, request),
        Operation::CreateGroup => groups::create(domain, request),
        Operation::RetrieveGroup => groups::retrieve(domain, request),
        Operation::UpdateGroup => groups::update(domain, request),
        Operation::DeleteGroup => groups::delete(domain, request),
        Operation::ChangeMembers => groups::change_members(domain, request),
        Operation::RemoveMembers => groups::remove_members(domain, request),
    };
    match answer {
        Ok(body) => (Response { status: 200, body }, None),
        Err(fault) => failed(fault),
    }
}

fn failed(fault: Fault) -> (Response, Option<String>) {
    let (status, kind, message) = match fault {
        Fault::NotFound(text) => (404, "not_found", text),
        Fault::Invalid(text) => (400, "invalid_data", format!("Invalid request: {text}")),
        fault @ Fault::TooMuch(_) => (400, "invalid_data", format!("Invalid request: {fault}")),
        Fault::Duplicate(text) | Fault::Rejected(text) => (400, "invalid_data", text),
        Fault::Unavailable(text) => (503, "unavailable", text),
        Fault::Internal(text) => {
            let body = br#"{"code":"unknown_error","type":"unknown_error","message":"An unknown error occurred."}"#;
            return (
                Response {
                    status: 500,
                    body: body.to_vec(),
                },
                Some(text),
            );
        }
    };
    let mut body = format!("{{\"type\":\"{kind}\",\"message\":").into_bytes();
    json::write_text(&mut body, &message);
    body.push(b'}');
    (Response { status, body }, None)
}

/// What every handler gives: the body of its success.
type Answer = Result<Vec<u8>, Fault>;

impl Request<'_> {
    /// The segment of the path at this place.
    fn segment(&self, place: usize) -> &str {
        self.path.get(place).map_or("", String::as_str)
    }

    /// The body, as a reader of bodies takes it.
    fn read<T>(&self, read: impl FnOnce(&mut Body) -> T) -> Result<T, Fault> {
        let mut body = Body::parse(self.body)?;
        let value = read(&mut body);
        body.finish()?;
        Ok(value)
    }

    /// Who makes it, as it is kept.
    fn created_by(&self) -> Option<String> {
        self.actor.map(str::to_owned)
    }
}

/// A list: `{"<name>":[…],"count":…,"offset":…,"limit":…}`.
fn list<S: Store, H: Hooks>(
    domain: &Domain<S, H>,
    (name, filters): (&str, &Filters),
    request: Request<'_>,
    defaults: &Selection,
    narrow: impl FnOnce(&mut parameters::List) -> Result<(), Fault>,
) -> Answer {
    let mut list = parameters::list(filters, request.query, domain.compat(), defaults)?;
    narrow(&mut list)?;
    let entity = filters.entity;
    let written = || {
        let page = domain.search(entity, &list.search, list.selection.read())?;
        let things = Things::load(
            domain.reads(),
            request.budget,
            (entity, &list.selection),
            page.records,
        )?;
        let mut out = Out::new(request.budget, &format!("{{\"{name}\":"));
        things.write_all(&mut out)?;
        out.end(&format!(
            ",\"count\":{},\"offset\":{},\"limit\":{}}}",
            page.count, list.search.offset, list.search.limit
        ))
    };
    written().map_err(|fault| {
        advise(
            fault,
            "fewer at once with 'limit', or less of each with 'fields'",
        )
    })
}

/// What a list of an entity looks for, given its query.
///
/// # Errors
/// When a parameter is wrong or not known.
#[cfg(any(test, feature = "fuzzing"))]
pub fn searched(entity: Entity, query: &str) -> Result<crate::filter::Search, Fault> {
    let filters = match entity {
        Entity::Customer => &parameters::CUSTOMERS,
        Entity::Address => &parameters::ADDRESSES,
        Entity::Group => &parameters::GROUPS,
    };
    let defaults = Selection::shown(entity);
    parameters::list(filters, query, crate::settings::Compat::Document, &defaults)
        .map(|list| list.search)
}

/// Reads a body as every operation would that takes one, in both settings.
#[cfg(any(test, feature = "fuzzing"))]
pub fn read_as_any(bytes: &[u8]) {
    use crate::settings::Compat;
    for route in &ROUTES {
        let Some(read) = route.operation.declaration().body else {
            continue;
        };
        for compat in [Compat::Document, Compat::Medusa2] {
            if let Ok(mut body) = Body::parse(bytes) {
                read(&mut body, compat);
                // What is wrong with it is all that becomes of it.
                let _ = body.finish();
            }
        }
    }
}

/// One thing: `{"<name>":{…}}`.
fn one(
    reads: &(impl Read + ?Sized),
    budget: Budget,
    (name, entity): (&str, Entity),
    selection: &Selection,
    record: Records,
) -> Answer {
    thing(
        reads,
        Out::new(budget, &format!("{{\"{name}\":")),
        (entity, selection),
        record,
    )
}

/// One thing as the last part of an object that has begun.
fn thing(
    reads: &(impl Read + ?Sized),
    mut out: Out,
    shown: (Entity, &Selection),
    record: Records,
) -> Answer {
    let written = || {
        Things::load(reads, out.budget(), shown, record)?.write(&mut out, 0)?;
        out.end("}")
    };
    written().map_err(|fault| advise(fault, "less of it with 'fields'"))
}

/// Says what would work in place of what asks for too much.
fn advise(fault: Fault, what: &str) -> Fault {
    match fault {
        Fault::TooMuch(text) => Fault::TooMuch(format!("{text}; ask for {what}")),
        fault => fault,
    }
}

/// What is said of a deletion: `{"id":…,"object":…,"deleted":true}`, yet without its end.
fn deleted(id: &str, object: &str) -> String {
    let id = serde_json::Value::from(id);
    format!("{{\"id\":{id},\"object\":\"{object}\",\"deleted\":true")
}
