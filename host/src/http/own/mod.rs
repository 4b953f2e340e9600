//! The host's own endpoints: which there are, and what answers each.

mod accepts;
mod describe;
mod describe_versions;
mod input;
mod keys;
mod root;
mod session;
mod versions;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;

use super::envelope::{Answer, Refusal};
use super::openapi::Described;
use super::{About, HttpOptions, RETRY_AFTER_S, docs};
use crate::components::{self, Access, Circuit, HostRoutes, Manager, Method, RouteError};
use crate::fault::fault;
use crate::identity::{Actor, ActorKind, Directory, Proof};
use crate::storage::{self, StorageError, Trouble};

/// A module, where its versions are managed.
const MODULE: &str = "/_wares/modules/{name}";
/// The session cookie's name, the one that Medusa's clients know.
pub(super) const COOKIE_NAME: &str = "connect.sid";
/// Its name over https: browsers take it with `Secure` and without `Domain` alone,
/// so no page of a sibling host and none without TLS can plant one.
pub(super) const HOST_COOKIE_NAME: &str = "__Host-connect.sid";

/// One of the host's own endpoints.
#[derive(Clone, Copy)]
pub enum Own {
    /// `GET /`
    Root,
    /// `GET /health`
    Health,
    /// `GET /metrics`
    Metrics,
    /// `POST /auth/user/{provider}`
    SignIn,
    /// `POST /auth/token/refresh`
    Refresh,
    /// `POST /auth/session`
    BeginSession,
    /// `DELETE /auth/session`
    EndSession,
    /// `GET /admin/users/me`
    Me,
    /// `POST /admin/users/me`
    UpdateMe,
    /// `GET /auth/user/providers`
    Providers,
    /// `GET /admin/api-keys`
    ListKeys,
    /// `POST /admin/api-keys`
    CreateKey,
    /// `GET /admin/api-keys/{id}`
    RetrieveKey,
    /// `POST /admin/api-keys/{id}`
    RenameKey,
    /// `POST /admin/api-keys/{id}/revoke`
    RevokeKey,
    /// `DELETE /admin/api-keys/{id}`
    DeleteKey,
    /// `GET /_wares/host`
    Prove,
    /// `GET /_wares/modules`
    ListModules,
    /// `GET /_wares/modules/{name}`
    RetrieveModule,
    /// `PUT /_wares/modules/{name}`
    InstallVersion,
    /// `POST /_wares/modules/{name}/activate`
    ActivateVersion,
    /// `POST /_wares/modules/{name}/rollback`
    RollBack,
    /// `POST /_wares/modules/{name}/deactivate`
    Deactivate,
    /// `POST /_wares/modules/{name}/promote`
    Promote,
    /// `POST /_wares/modules/{name}/withdraw`
    Withdraw,
    /// `DELETE /_wares/modules/{name}/versions/{digest}`
    RemoveVersion,
    /// `GET /_wares/audit`
    Audit,
    /// `GET /openapi.json`
    Document,
    /// `GET /docs`
    Page,
    /// `GET /docs/{file}`
    PagePart,
}

const ENDPOINTS: [(Method, &str, Own, Access); 30] = {
    use Access::{Admin, Anyone};
    const GET: Method = Method::Get;
    const POST: Method = Method::Post;
    const PUT: Method = Method::Put;
    const DELETE: Method = Method::Delete;
    [
        (GET, "/", Own::Root, Anyone),
        (GET, "/health", Own::Health, Anyone),
        (GET, "/metrics", Own::Metrics, Admin),
        (POST, "/auth/user/{provider}", Own::SignIn, Anyone),
        (GET, "/auth/user/providers", Own::Providers, Anyone),
        (POST, "/auth/token/refresh", Own::Refresh, Admin),
        (POST, "/auth/session", Own::BeginSession, Admin),
        (DELETE, "/auth/session", Own::EndSession, Anyone),
        (GET, "/admin/users/me", Own::Me, Admin),
        (POST, "/admin/users/me", Own::UpdateMe, Admin),
        (GET, "/admin/api-keys", Own::ListKeys, Admin),
        (POST, "/admin/api-keys", Own::CreateKey, Admin),
        (GET, "/admin/api-keys/{id}", Own::RetrieveKey, Admin),
        (POST, "/admin/api-keys/{id}", Own::RenameKey, Admin),
        (POST, "/admin/api-keys/{id}/revoke", Own::RevokeKey, Admin),
        (DELETE, "/admin/api-keys/{id}", Own::DeleteKey, Admin),
        // A command asks before it says who it is.
        (GET, "/_wares/host", Own::Prove, Anyone),
        (GET, "/_wares/modules", Own::ListModules, Admin),
        (GET, MODULE, Own::RetrieveModule, Admin),
        (PUT, MODULE, Own::InstallVersion, Admin),
        (
            POST,
            "/_wares/modules/{name}/activate",
            Own::ActivateVersion,
            Admin,
        ),
        (
            POST,
            "/_wares/modules/{name}/rollback",
            Own::RollBack,
            Admin,
        ),
        (
            POST,
            "/_wares/modules/{name}/deactivate",
            Own::Deactivate,
            Admin,
        ),
        (POST, "/_wares/modules/{name}/promote", Own::Promote, Admin),
        (
            POST,
            "/_wares/modules/{name}/withdraw",
            Own::Withdraw,
            Admin,
        ),
        (
            DELETE,
            "/_wares/modules/{name}/versions/{digest}",
            Own::RemoveVersion,
            Admin,
        ),
        (GET, "/_wares/audit", Own::Audit, Admin),
        (GET, docs::DOCUMENT, Own::Document, Anyone),
        (GET, docs::PAGE, Own::Page, Anyone),
        (GET, "/docs/{file}", Own::PagePart, Anyone),
    ]
};

/// The endpoints that the operator wants.
fn endpoints(options: &HttpOptions) -> impl Iterator<Item = (Method, &'static str, Own, Access)> {
    let docs = options.docs;
    ENDPOINTS
        .into_iter()
        .filter(move |(_, _, own, _)| docs || !own.is_docs())
}

/// The routes of the host's endpoints; see [`HostRoutes`].
///
/// # Errors
/// When an endpoint is there twice, or its path is not kept for the host.
pub fn host_routes(options: &HttpOptions) -> Result<HostRoutes, RouteError> {
    let mut routes = HostRoutes::default();
    for (number, (method, path, own, _)) in ENDPOINTS.into_iter().enumerate() {
        if options.docs || !own.is_docs() {
            routes.add(number, method, path)?;
        }
        let id = own
            .operation()
            .and_then(|mut operation| operation.remove("operationId"));
        routes
            .operation_ids
            .extend(id.and_then(|id| id.as_str().map(str::to_owned)));
    }
    Ok(routes)
}

/// The access that an endpoint requires.
pub(super) fn access(number: usize) -> Access {
    ENDPOINTS[number].3
}

/// The paths of all of the host's own endpoints, wanted or not.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.into_iter().map(|(_, path, ..)| path)
}

/// The host's own endpoints as they describe themselves; pages for people do not.
pub(super) fn described(options: &HttpOptions) -> impl Iterator<Item = Described<'_>> {
    endpoints(options).filter_map(|(method, path, own, access)| {
        Some(Described {
            method,
            path,
            access,
            operation: own.operation()?,
        })
    })
}

/// Finds out who a request is from.
pub struct Identity(Arc<Directory>);

impl Identity {
    /// Callers are looked up in this directory.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self(directory)
    }

    /// Who a request is from, and what proves it; `None` where it proves nobody.
    /// Over https the session cookie is another one.
    pub(super) fn actor(
        &self,
        headers: &HeaderMap,
        https: bool,
    ) -> Result<Option<(Actor, Proof)>, Refusal> {
        let authorization = headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        self.0
            .authenticate(authorization, session::cookie(headers, https))
            .map_err(|error| Box::new(failed(&error)))
    }
}

impl From<Actor> for components::Actor {
    fn from(actor: Actor) -> Self {
        let kind = match actor.kind {
            // An operator reaches no module.
            ActorKind::User | ActorKind::Operator => components::ActorKind::User,
            ActorKind::ApiKey => components::ActorKind::ApiKey,
        };
        Self { kind, id: actor.id }
    }
}

/// What an error of the host's own database is to whoever asked. Trouble with the file
/// is in the log already.
fn failed(error: &StorageError) -> Answer {
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

/// A request to one of these endpoints.
pub(super) struct Call<'a> {
    pub parts: &'a Parts,
    pub parameters: Vec<String>,
    pub body: Bytes,
    pub actor: Option<Actor>,
    pub peer: IpAddr,
    /// The host.
    pub about: &'a About,
}

/// Answers a request to one of the endpoints.
pub(super) async fn answer(
    number: usize,
    identity: Arc<Identity>,
    call: Call<'_>,
    options: &HttpOptions,
) -> Answer {
    let (_, _, own, _) = ENDPOINTS[number];
    own.answer(identity, call, options).await
}

impl Own {
    /// Whether the endpoint describes the others, which an operator may switch off.
    fn is_docs(self) -> bool {
        matches!(self, Self::Document | Self::Page | Self::PagePart)
    }

    pub(super) async fn answer(
        self,
        identity: Arc<Identity>,
        call: Call<'_>,
        options: &HttpOptions,
    ) -> Answer {
        let directory = &identity.0;
        // Behind `Access::Admin` there is always an actor.
        let signed_in = call
            .actor
            .as_ref()
            .filter(|actor| actor.kind == ActorKind::User);
        let user = signed_in.map(|actor| actor.id.as_str());
        match self {
            Self::Root => root::answer(&call.parts.headers, options.docs),
            Self::Health => health(call.about),
            Self::Metrics => metrics(call.about, &call.parts.headers),
            Self::Providers => session::providers(),
            Self::SignIn => session::sign_in(directory, &call).await,
            Self::Refresh => signed_in.map_or_else(Answer::unauthorized, |user| {
                session::token(&directory.issue_token(&user.id, user.generation))
            }),
            Self::BeginSession => match signed_in {
                Some(user) => on_disk(|| session::begin(directory, user, call.parts, options)),
                None => Answer::unauthorized(),
            },
            Self::EndSession => on_disk(|| session::end(directory, call.parts, options)),
            Self::Me => given(session::me(directory, user, &call)),
            Self::UpdateMe => on_disk(|| given(session::update_me(directory, user, &call))),
            Self::ListKeys => on_disk(|| given(keys::list(directory, &call))),
            Self::CreateKey => on_disk(|| given(keys::create(directory, &call))),
            Self::RetrieveKey => on_disk(|| given(keys::retrieve(directory, &call))),
            Self::RenameKey => on_disk(|| given(keys::rename(directory, &call))),
            Self::RevokeKey => on_disk(|| given(keys::revoke(directory, &call))),
            Self::DeleteKey => on_disk(|| given(keys::delete(directory, &call))),
            Self::Prove => given(session::prove(directory, &call)),
            Self::ListModules => on_disk(|| given(versions::list(&call.about.manager))),
            Self::RetrieveModule => {
                on_disk(|| given(versions::retrieve(&call.about.manager, &call)))
            }
            Self::Audit => on_disk(|| given(versions::audit(&call.about.manager, &call))),
            Self::ActivateVersion => change(&call, versions::activate),
            Self::RollBack => change(&call, versions::roll_back),
            Self::Deactivate => change(&call, versions::deactivate),
            Self::Promote => change(&call, versions::promote),
            Self::Withdraw => change(&call, versions::withdraw),
            Self::RemoveVersion => change(&call, versions::remove),
            // Its body is read in another way; see `install`.
            Self::InstallVersion => Answer::unknown_error(),
            Self::Document => call
                .about
                .document
                .get(call.about.manager.routes(), options),
            Self::Page => docs::page(call.parts.uri.path()),
            Self::PagePart => {
                let file = call.parameters.first().map_or("", String::as_str);
                docs::part(file)
                    .unwrap_or_else(|| Answer::no_route(&call.parts.method, call.parts.uri.path()))
            }
        }
    }
}

/// That the host lives, which modules are given a rest, which databases are in trouble, and
/// what failed at its start. Where a database cannot even be read, that it does not.
/// Anybody may ask: there is no path and no reason of a component's in it.
fn health(about: &About) -> Answer {
    fault("endpoint.health");
    let open: String = about
        .manager
        .slots()
        .filter(|slot| slot.circuit() != Circuit::Closed)
        .map(|slot| {
            format!(
                "\nThe circuit of the module {} is open, and it answers 503",
                slot.name()
            )
        })
        .collect();
    let ailing = storage::ailing();
    let troubles: String = ailing
        .iter()
        .map(|ailing| {
            let (title, why) = (&ailing.title, ailing.trouble.for_callers());
            let works = if ailing.is_down {
                ""
            } else {
                ", which can be read"
            };
            format!("\nTrouble with {title}{works}: {why}")
        })
        .collect();
    let is_down = ailing.iter().any(|ailing| ailing.is_down);
    let (status, word) = if is_down {
        (StatusCode::SERVICE_UNAVAILABLE, "Down")
    } else {
        (StatusCode::OK, "OK")
    };
    let text = format!("{word}{troubles}{open}{}", left_out(&about.manager));
    let plain = HeaderValue::from_static("text/html; charset=utf-8");
    let answer = Answer::bytes(status, plain, text.into());
    if is_down {
        answer.with(RETRY_AFTER, &RETRY_AFTER_S.to_string())
    } else {
        answer
    }
}

fn left_out(manager: &Manager) -> String {
    let mut lines: Vec<String> = manager
        .failures()
        .into_iter()
        .map(|failure| match failure.module {
            Some(name) if manager.slot(&name).is_ok() => {
                format!("\nThe module {name} failed at the start, and another version serves")
            }
            Some(name) => format!("\nThe module {name} failed at the start, and is not served"),
            None => "\nA component failed at the start, and is not served".to_owned(),
        })
        .collect();
    lines.sort();
    lines.dedup();
    lines.concat()
}

/// What Prometheus collects, in its own text format unless OpenMetrics is asked for.
fn metrics(about: &About, headers: &HeaderMap) -> Answer {
    const OPEN: HeaderValue =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const CLASSIC: HeaderValue =
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    about.metrics.left_out(about.manager.failures().len());
    let (text, content_type) = if accepts::open_metrics(headers) {
        (about.metrics.open_metrics(), OPEN)
    } else {
        (about.metrics.classic(), CLASSIC)
    };
    match text {
        Ok(text) => Answer::bytes(StatusCode::OK, content_type, text.into()),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            Answer::unknown_error()
        }
    }
}

/// Whether the body of a request to an endpoint is a component.
pub(super) fn takes_component(number: usize) -> bool {
    matches!(ENDPOINTS[number].2, Own::InstallVersion)
}

/// Installs a component.
pub(super) fn install(
    manager: &Manager,
    parts: &Parts,
    name: &str,
    bytes: &[u8],
    actor: &Actor,
) -> Answer {
    on_disk(|| given(versions::install(manager, parts, name, bytes, actor)))
}

/// Keeps that a component was refused before all of it had come, for more than its own
/// caller to see.
pub(super) fn refuse_install(manager: &Manager, name: &str, actor: &Actor, refusal: &Answer) {
    tokio::task::block_in_place(|| versions::refuse_install(manager, name, actor, refusal));
}

fn change(
    call: &Call<'_>,
    work: impl FnOnce(&Manager, &Call<'_>, &Actor) -> Result<Answer, Refusal>,
) -> Answer {
    match &call.actor {
        Some(actor) => on_disk(|| given(work(&call.about.manager, call, actor))),
        None => Answer::unauthorized(),
    }
}

/// Does what waits for the disk where it keeps no other request waiting.
fn on_disk(work: impl FnOnce() -> Answer) -> Answer {
    tokio::task::block_in_place(work)
}

/// The answer, or the refusal in its place.
fn given(answer: Result<Answer, Refusal>) -> Answer {
    answer.unwrap_or_else(|refusal| *refusal)
}
