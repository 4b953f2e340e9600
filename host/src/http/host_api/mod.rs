//! The host's own endpoints: one table, with a row for each. Handlers and the OpenAPI
//! operations beside them are in files by subject.

mod accepts;
mod event_operations;
mod events;
mod extension_points;
mod health;
mod key_operations;
mod keys;
mod me;
mod module_log;
mod module_view;
mod operation;
mod proof;
mod root;
mod session;
mod session_operations;
mod version_operations;
mod versions;
mod wire;

use std::net::IpAddr;
use std::pin::Pin;

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::json;

use super::answer::{Answer, Refusal};
use super::openapi::Described;
use super::{About, HttpOptions, RETRY_AFTER_S, docs};
use crate::components::{Access, HostRoutes, Method, RouteError};
use crate::identity::{Actor, ActorKind, IdentityService};
use crate::storage::{StorageError, Trouble};
use operation::{Operation, answer};

use Access::{Admin, Anyone};
use Handler::{Disk, Now, Pending as Later};
use Method::{Delete, Get, Post, Put};

/// An endpoint of the host.
pub(super) struct Endpoint {
    method: Method,
    path: &'static str,
    pub access: Access,
    pub body: Body,
    handler: Handler,
    /// `None` for pages for people, and for what commands ask alone.
    operation: Option<fn() -> Operation>,
}

/// How the body of a request is read.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// As JSON. What is wrong with it comes before what is wrong with credentials.
    Json,
    /// As a component. It is larger than any other body, so credentials come before it.
    Component {
        /// Records one that is refused before all of it has arrived.
        refused: fn(&HostRequest<'_>, &Answer),
    },
}

/// The answer to a request, or to a refused one.
pub(super) type Result<T = Answer> = std::result::Result<T, Refusal>;

/// An answer that waits for another task.
pub(super) type Pending<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// How a request is answered.
enum Handler {
    /// At once.
    Now(fn(&HostRequest<'_>) -> Result),
    /// Once the disk has answered, apart from other requests.
    Disk(fn(&HostRequest<'_>) -> Result),
    /// Once another task has answered.
    Pending(for<'a> fn(&'a HostRequest<'a>) -> Pending<'a>),
}

/// A request to an endpoint of the host.
pub(super) struct HostRequest<'a> {
    pub parts: &'a Parts,
    pub parameters: &'a [String],
    pub body: Bytes,
    pub actor: Option<&'a Actor>,
    pub peer: IpAddr,
    pub about: &'a About,
    pub identity: &'a IdentityService,
    pub options: &'a HttpOptions,
}

// One row a line.
#[rustfmt::skip]
pub(super) static ENDPOINTS: [Endpoint; 44] = [
    row(Get, "/", Anyone, Now(root::root), None),
    row(Get, "/health", Anyone, Now(health::health), Some(health::health_operation)),
    row(Get, "/metrics", Admin, Now(health::metrics), Some(health::metrics_operation)),
    row(Post, "/auth/user/{provider}", Anyone, Later(session::sign_in), Some(session_operations::sign_in)),
    row(Get, "/auth/user/providers", Anyone, Now(session::providers), Some(session_operations::providers)),
    row(Post, "/auth/token/refresh", Admin, Now(session::refresh), Some(session_operations::refresh)),
    row(Post, "/auth/session", Admin, Disk(session::begin), Some(session_operations::begin)),
    row(Delete, "/auth/session", Anyone, Disk(session::end), Some(session_operations::end)),
    row(Get, "/admin/users/me", Admin, Now(me::me), Some(session_operations::me)),
    row(Post, "/admin/users/me", Admin, Disk(me::update_me), Some(session_operations::update_me)),
    row(Get, "/admin/api-keys", Admin, Disk(keys::list), Some(key_operations::list)),
    row(Post, "/admin/api-keys", Admin, Disk(keys::create), Some(key_operations::create)),
    row(Get, "/admin/api-keys/{id}", Admin, Disk(keys::retrieve), Some(key_operations::retrieve)),
    row(Post, "/admin/api-keys/{id}", Admin, Disk(keys::rename), Some(key_operations::rename)),
    row(Post, "/admin/api-keys/{id}/revoke", Admin, Disk(keys::revoke), Some(key_operations::revoke)),
    row(Delete, "/admin/api-keys/{id}", Admin, Disk(keys::delete), Some(key_operations::delete)),
    // A command asks this before it sends credentials; no other client needs it.
    row(Get, "/_wares/host", Anyone, Now(proof::prove), None),
    row(Get, "/_wares/modules", Admin, Disk(versions::list), Some(version_operations::list)),
    row(Get, "/_wares/modules/{name}", Admin, Disk(versions::retrieve), Some(version_operations::retrieve)),
    Endpoint {
        body: Body::Component { refused: versions::refuse_install },
        ..row(Put, "/_wares/modules/{name}", Admin, Disk(versions::install), Some(version_operations::install))
    },
    row(Post, "/_wares/modules/{name}/activate", Admin, Disk(versions::activate), Some(version_operations::activate)),
    row(Post, "/_wares/modules/{name}/rollback", Admin, Disk(versions::roll_back), Some(version_operations::roll_back)),
    row(Post, "/_wares/modules/{name}/deactivate", Admin, Disk(versions::deactivate), Some(version_operations::deactivate)),
    row(Post, "/_wares/modules/{name}/promote", Admin, Disk(versions::promote), Some(version_operations::promote)),
    row(Post, "/_wares/modules/{name}/withdraw", Admin, Disk(versions::withdraw), Some(version_operations::withdraw)),
    row(Post, "/_wares/modules/{name}/disable", Admin, Disk(versions::disable), Some(version_operations::disable)),
    row(Post, "/_wares/modules/{name}/enable", Admin, Disk(versions::enable), Some(version_operations::enable)),
    row(Get, "/_wares/modules/{name}/log", Admin, Later(module_log::log), Some(module_log::operation)),
    row(Delete, "/_wares/modules/{name}", Admin, Disk(versions::remove_module), Some(version_operations::remove_module)),
    row(Get, "/_wares/modules/{name}/versions/{digest}/diff", Admin, Disk(versions::difference), Some(version_operations::difference)),
    row(Delete, "/_wares/modules/{name}/versions/{digest}", Admin, Disk(versions::remove), Some(version_operations::remove)),
    row(Get, "/_wares/extension-points", Admin, Disk(extension_points::list), Some(extension_points::list_operation)),
    row(Post, "/_wares/extension-points/order", Admin, Disk(extension_points::order), Some(extension_points::order_operation)),
    row(Get, "/_wares/events", Admin, Disk(events::list), Some(event_operations::list)),
    row(Get, "/_wares/events/{id}", Admin, Disk(events::retrieve), Some(event_operations::retrieve)),
    row(Get, "/_wares/subscribers", Admin, Disk(events::subscribers), Some(event_operations::subscribers)),
    row(Get, "/_wares/subscribers/{name}/deliveries", Admin, Disk(events::deliveries), Some(event_operations::deliveries)),
    row(Post, "/_wares/subscribers/{name}/retry", Admin, Disk(events::retry), Some(event_operations::retry)),
    row(Post, "/_wares/subscribers/{name}/discard", Admin, Disk(events::discard), Some(event_operations::discard)),
    row(Post, "/_wares/subscribers/{name}/replay", Admin, Disk(events::replay), Some(event_operations::replay)),
    row(Get, "/_wares/audit", Admin, Disk(versions::audit), Some(version_operations::audit)),
    row(Get, docs::DOCUMENT, Anyone, Now(document), Some(document_operation)),
    row(Get, docs::PAGE, Anyone, Now(page), None),
    row(Get, "/docs/{file}", Anyone, Now(page_part), None),
];

const fn row(
    method: Method,
    path: &'static str,
    access: Access,
    handler: Handler,
    operation: Option<fn() -> Operation>,
) -> Endpoint {
    Endpoint {
        method,
        path,
        access,
        body: Body::Json,
        handler,
        operation,
    }
}

impl Endpoint {
    /// Whether it describes the others, which an operator may switch off.
    fn is_docs(&self) -> bool {
        self.path == docs::DOCUMENT || self.path.starts_with(docs::PAGE)
    }

    pub(super) async fn answer(&self, request: &HostRequest<'_>) -> Answer {
        let answer = match self.handler {
            Now(handle) => handle(request),
            Later(handle) => return handle(request).await,
            Disk(handle) => tokio::task::block_in_place(|| handle(request)),
        };
        answer.unwrap_or_else(|refusal| *refusal)
    }
}

impl HostRequest<'_> {
    /// The actor. An endpoint whose access is `Admin` always has one.
    fn actor(&self) -> Result<&Actor> {
        self.actor.ok_or_else(|| Box::new(Answer::unauthorized()))
    }

    /// The query, without its `?`.
    fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// The parameter of the path at this index.
    fn parameter(&self, index: usize) -> &str {
        self.parameters.get(index).map_or("", String::as_str)
    }

    /// The signed-in user, if no key or command asks.
    fn user(&self) -> Option<&Actor> {
        self.actor.filter(|actor| actor.kind == ActorKind::User)
    }
}

/// The routes of the host's endpoints: each is known by its index in `ENDPOINTS`.
///
/// # Errors
/// When an endpoint is there twice, or its path is not kept for the host.
pub fn host_routes(options: &HttpOptions) -> std::result::Result<HostRoutes, RouteError> {
    let mut routes = HostRoutes::default();
    for (number, endpoint) in ENDPOINTS.iter().enumerate() {
        if options.docs || !endpoint.is_docs() {
            routes.add(number, endpoint.method, endpoint.path)?;
        }
        if let Some(operation) = endpoint.operation {
            routes.operation_ids.push(operation().id().to_owned());
        }
    }
    Ok(routes)
}

/// The paths of the host's endpoints, with those that an operator may switch off.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().map(|endpoint| endpoint.path)
}

/// The endpoints as they are described.
pub(super) fn described(options: &HttpOptions) -> impl Iterator<Item = Described<'_>> {
    let served = |endpoint: &&Endpoint| options.docs || !endpoint.is_docs();
    ENDPOINTS.iter().filter(served).filter_map(|endpoint| {
        Some(Described {
            method: endpoint.method,
            path: endpoint.path,
            access: endpoint.access,
            operation: endpoint.operation?().into_object(),
        })
    })
}

fn document(request: &HostRequest<'_>) -> Result {
    let about = request.about;
    let document = &about.document;
    Ok(document.get(about.manager.routes(), request.options))
}

fn document_operation() -> Operation {
    Operation::new(
        "Host",
        "RetrieveDocument",
        "Retrieve this document",
        answer(json!({"type": "object"})),
    )
}

fn page(request: &HostRequest<'_>) -> Result {
    Ok(docs::page(request.parts.uri.path()))
}

fn page_part(request: &HostRequest<'_>) -> Result {
    let path = request.parts.uri.path();
    let part = docs::part(request.parameter(0));
    part.ok_or_else(|| Box::new(Answer::no_route(&hyper::Method::GET, path)))
}

/// The answer to a request that met an error of the host's own database. Trouble with the file
/// is in the log already.
pub(super) fn failed(error: &StorageError) -> Answer {
    match error.trouble() {
        Some(trouble) => unavailable(trouble),
        None => {
            tracing::error!(%error, "the host's own database does not answer");
            Answer::unknown_error()
        }
    }
}

/// The answer where a database of the host's is in trouble.
fn unavailable(trouble: Trouble) -> Answer {
    let why = trouble.for_callers();
    let message = format!("{}{}: try again", why[..1].to_uppercase(), &why[1..]);
    Answer::busy(&message, RETRY_AFTER_S)
}
