//! The values that the host and a module exchange, whichever version of the contract the
//! module was built against.

#![allow(missing_docs, reason = "a field that its name explains has no comment")]

pub use crate::storage::Migration;

/// A module, described by itself.
pub struct Description {
    pub name: String,
    pub version: String,
    pub summary: String,
}

/// A method that a route may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The callers that a route admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every caller, with or without credentials.
    Anyone,
    /// A signed-in user or a secret API key.
    Admin,
}

impl Access {
    /// The word that modules use for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anyone => "anyone",
            Self::Admin => "admin",
        }
    }
}

/// A route, as the module describes it.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    pub path: String,
    pub access: Access,
    /// The request headers that it sees, lower-case.
    pub headers: Vec<String>,
    /// An OpenAPI operation object as JSON, or empty.
    pub operation: String,
}

/// The kind of an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    User,
    ApiKey,
}

impl ActorKind {
    /// The name in the log and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api-key",
        }
    }
}

/// The user or API key that makes a request.
#[derive(Clone, Debug)]
pub struct Actor {
    pub kind: ActorKind,
    pub id: String,
}

/// A header of a request or of a response.
#[derive(Clone, Debug)]
pub struct Header {
    /// Lower-case in a request; as the module wrote it in a response.
    pub name: String,
    pub value: String,
}

/// A request to one of a module's routes.
#[derive(Clone, Debug)]
pub struct Request {
    /// The index of the route among the module's.
    pub route: u32,
    /// The segments that the path's `{name}`s matched, percent-decoded.
    pub path_parameters: Vec<String>,
    /// All after the `?`, as it was sent.
    pub query: String,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
    pub actor: Option<Actor>,
    pub request_id: String,
}

/// A module's answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

/// A kind of data that a module can seed.
pub struct SeedKind {
    pub name: String,
    pub summary: String,
}

/// An entity of a module that other components may provide fields and relations for.
#[derive(Clone, Debug)]
pub struct Entity {
    pub name: String,
    /// The schema that describes it, among those of the module; empty if none does.
    pub schema: String,
    /// The names of its own fields and relations.
    pub names: Vec<String>,
    /// The indexes of the routes that list it and take filters.
    pub lists: Vec<u32>,
}

/// A field or a relation, as a component declares it.
#[derive(Clone, Debug)]
pub struct DeclaredField {
    pub entity: String,
    pub name: String,
    /// A JSON Schema, as JSON.
    pub schema: String,
    pub filterable: bool,
}

/// The entities that fulfil the conditions of a filter.
#[derive(Clone, Debug)]
pub enum Selected {
    /// Those with these ids.
    Ids(Vec<String>),
    /// All but those with these ids.
    AllBut(Vec<String>),
}

impl Selected {
    /// The ids that it has.
    pub fn ids(&self) -> &[String] {
        match self {
            Self::Ids(ids) | Self::AllBut(ids) => ids,
        }
    }
}

/// An event of a component, as one that subscribes to it sees it.
#[derive(Clone, Debug)]
pub struct SubscribedEvent {
    /// Its number among those of its component.
    pub number: i64,
    pub id: String,
    pub name: String,
    pub component: String,
    pub entity: String,
    pub key: String,
    /// One JSON value.
    pub data: String,
    /// RFC 3339 in UTC.
    pub time: String,
    /// 1 the first time.
    pub attempt: u32,
}
