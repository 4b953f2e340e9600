//! A module's routes as one table: what each takes and returns, and what answers it.
//! OpenAPI is made of the same rows that answer requests, so it cannot say anything else.

use crate::entity::Entity;
use crate::fault::Fault;

use super::body::Body;
use super::exchange::{self, Answer, Request, Response};
use super::parameters::Filters;

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

/// A route. `D` is what answers requests; `C` is what its bodies depend on.
pub struct Route<D: 'static, C: 'static> {
    /// Its method.
    pub method: Method,
    /// Its path, with `{name}` segments.
    pub path: &'static str,
    /// Its name in OpenAPI.
    pub id: &'static str,
    /// What answers a request.
    pub handler: fn(&D, Request<'_>) -> Answer,
    /// Its input and output.
    pub declaration: Declaration<C>,
}

/// The input and output of a route.
pub struct Declaration<C: 'static> {
    /// A summary for readers.
    pub summary: &'static str,
    /// The part of the module that it belongs to.
    pub tag: &'static str,
    /// Its query.
    pub query: Query,
    /// What reads its body.
    pub body: Option<fn(&mut Body, C)>,
    /// The body of a success.
    pub returns: Returns,
}

/// The query of a route.
#[derive(Clone, Copy)]
pub enum Query {
    /// Nothing; what is sent is passed over.
    Nothing,
    /// The shown fields.
    Fields,
    /// All that a list takes.
    List(&'static Filters),
}

/// The answer of a success.
#[derive(Clone, Copy)]
pub enum Returns {
    /// `{"<name>":[…],"count":…,"offset":…,"limit":…}`
    List(&'static str, &'static Entity),
    /// `{"<name>":{…}}`
    One(&'static str, &'static Entity),
    /// `{"id":…,"object":"<name>","deleted":true}`, and its parent where it has one.
    Deleted(&'static str, Option<&'static Entity>),
}

impl<C> Declaration<C> {
    /// A list, which stands in an answer by this name.
    pub const fn list(
        tag: &'static str,
        summary: &'static str,
        (name, filters): (&'static str, &'static Filters),
    ) -> Self {
        Self {
            summary,
            tag,
            query: Query::List(filters),
            body: None,
            returns: Returns::List(name, filters.entity),
        }
    }

    /// One thing, which stands in an answer by this name.
    pub const fn one(
        tag: &'static str,
        summary: &'static str,
        (name, entity): (&'static str, &'static Entity),
    ) -> Self {
        Self {
            summary,
            tag,
            query: Query::Fields,
            body: None,
            returns: Returns::One(name, entity),
        }
    }

    /// A deletion of what is called `object`; it shows the parent where there is one.
    pub const fn deleted(
        tag: &'static str,
        summary: &'static str,
        object: &'static str,
        parent: Option<&'static Entity>,
    ) -> Self {
        Self {
            summary,
            tag,
            query: match parent {
                Some(_) => Query::Fields,
                None => Query::Nothing,
            },
            body: None,
            returns: Returns::Deleted(object, parent),
        }
    }

    /// The same, with a body that this reads.
    #[must_use]
    pub const fn with_body(mut self, read: fn(&mut Body, C)) -> Self {
        self.body = Some(read);
        self
    }
}

/// Answers a request to the route at this index of the table. The second part is for
/// the log, about a fault that callers are not told.
pub fn handle<D, C>(
    routes: &[Route<D, C>],
    domain: &D,
    index: usize,
    request: Request<'_>,
) -> (Response, Option<String>) {
    let Some(route) = routes.get(index) else {
        return exchange::failed(Fault::Internal(format!("there is no route {index}")));
    };
    match (route.handler)(domain, request) {
        Ok(body) => (Response { status: 200, body }, None),
        Err(fault) => exchange::failed(fault),
    }
}
