//! The life of a request: its body, its credentials, its route, its answer.
//! Knows which module a path belongs to, and nothing of what it does there.

mod body;
mod cors;
mod docs;
mod envelope;
mod finish;
mod openapi;
mod own;
mod routes;
mod tables;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};

use crate::engine::CallError;
use crate::identity::{Actor, ActorKind};
use crate::modules::{self, Access, Manager, Meters, Module, Slot, SlotError};

use cors::Cors;
use envelope::{Answer, JSON};
use finish::Conditions;
use routes::{Endpoint, Found, Target};
use tables::Tables;

pub use own::Identity;
pub use routes::{RouteError, Routes};

/// Paths below this one are for signed-in callers. That goes for those that
/// lead nowhere as well: a stranger does not learn which ones exist.
const PRIVATE: &str = "/admin";
/// So are those below this one, where the host itself is managed.
const MANAGED: &str = "/_wares";
/// What a client that was turned away should wait, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Headers that a module's answer may have.
const HEADERS_MAX: usize = 100;
/// Their names and values together, in bytes; clients take hardly more.
const HEADERS_BYTES_MAX: usize = 64 * 1024;

/// How requests are read.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The largest body, in bytes, unpacked.
    pub body_bytes_max: usize,
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// Until a body must have arrived.
    pub body_timeout: Duration,
    /// Origins whose pages may use the host: `https://shop.example`.
    pub origins: Vec<String>,
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trust_forwarded: bool,
    /// Whether the API is described to anyone who asks.
    pub docs: bool,
}

/// What answers requests: routes, identity, and modules in service.
pub struct App {
    tables: Arc<Tables>,
    identity: Arc<Identity>,
    cors: Cors,
    options: HttpOptions,
    about: About,
}

/// What the host can tell about itself.
struct About {
    manager: Arc<Manager>,
    meters: Meters,
    tables: Arc<Tables>,
}

impl App {
    /// An app that serves the manager's modules beside the host's own endpoints.
    ///
    /// # Errors
    /// When two routes collide, or two modules' descriptions of them.
    pub fn new(
        manager: Arc<Manager>,
        meters: Meters,
        identity: Identity,
        options: HttpOptions,
    ) -> Result<Self, RouteError> {
        let slots = manager.slots().cloned().collect();
        let tables = Arc::new(Tables::new(slots, options.clone())?);
        manager.route_by(tables.clone());
        let cors = Cors::new(&options.origins);
        Ok(Self {
            identity: Arc::new(identity),
            cors,
            options,
            about: About {
                manager,
                meters,
                tables: tables.clone(),
            },
            tables,
        })
    }

    /// Answers one request.
    pub async fn respond(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let request_id = uuid::Uuid::now_v7().simple().to_string();
        let conditions = Conditions::of(&parts.method, &parts.headers);
        let mut answer = self.answer(&parts, body, peer, &request_id).await;
        self.cors.sign(&parts.headers, &mut answer.headers);
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            answer
                .headers
                .insert(HeaderName::from_static("x-request-id"), id);
        }
        tracing::debug!(
            target: "access",
            request_id,
            %peer,
            method = %parts.method,
            path = parts.uri.path(),
            status = answer.status.as_u16(),
            micros = started.elapsed().as_micros() as u64,
        );
        conditions.finish(answer)
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: Incoming,
        peer: SocketAddr,
        request_id: &str,
    ) -> Answer {
        let (method, path) = (&parts.method, parts.uri.path());
        let table = self.tables.present();
        if own::takes_component(method, path) {
            return self.install(parts, body).await;
        }
        let body = match body::read(
            &parts.headers,
            body,
            self.options.body_bytes_max,
            self.options.body_timeout,
        )
        .await
        {
            Ok(body) => body,
            Err(refusal) => return *refusal,
        };
        if let Some(wanted) = Cors::preflight(method, &parts.headers)
            && matches!(
                table.find(&wanted, path, None),
                Found::Endpoint(..) | Found::BadEncoding
            )
        {
            return Cors::allow(&parts.headers);
        }
        let found = table.find(method, path, None);
        let private = match &found {
            Found::Endpoint(endpoint, _) => endpoint.access == Access::Admin,
            _ => is_private(path),
        };
        let actor = match self.identity.actor(&parts.headers) {
            Ok(actor) => actor,
            Err(refusal) => return *refusal,
        };
        // Whoever has the data folder manages modules, and does nothing else here.
        let actor =
            actor.filter(|actor| actor.kind != ActorKind::Operator || is_below(path, MANAGED));
        if private && actor.is_none() {
            return Answer::unauthorized();
        }
        let key = match &actor {
            Some(actor) => actor.id.clone(),
            None => self.peer(peer, &parts.headers).to_string(),
        };
        match table.find(method, path, Some(&key)) {
            Found::Endpoint(
                Endpoint {
                    target: Target::Own(own),
                    ..
                },
                parameters,
            ) => {
                let call = own::Call {
                    parts,
                    parameters,
                    body,
                    actor,
                    peer: self.peer(peer, &parts.headers),
                    about: &self.about,
                };
                own.answer(self.identity.clone(), call, &self.options).await
            }
            Found::Endpoint(
                Endpoint {
                    target: Target::Module(slot, module, route),
                    ..
                },
                parameters,
            ) => {
                let request =
                    self.request(module, *route, parts, parameters, &body, actor, request_id);
                // Also before: callers may all be gone by when they are answered.
                self.decide(slot);
                let answer = call(slot, module, &key, request).await;
                self.decide(slot);
                answer
            }
            Found::OtherMethods(allowed) => Answer::method_not_allowed(method, path, &allowed),
            Found::Nothing => Answer::no_route(method, path),
            Found::BadEncoding => Answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_data",
                "The path is not valid percent-encoding",
            ),
        }
    }

    /// Ends a trial, if enough calls were counted by now.
    fn decide(&self, slot: &Arc<Slot>) {
        if slot.canary().is_some() && self.about.manager.is_due(slot) {
            let (manager, slot) = (self.about.manager.clone(), slot.clone());
            tokio::task::spawn_blocking(move || manager.decide(&slot));
        }
    }

    /// A component that is to become a version: it is larger than any other body,
    /// so credentials come before it.
    async fn install(&self, parts: &Parts, body: Incoming) -> Answer {
        let (bytes_max, patience) = (self.options.component_bytes_max, self.options.body_timeout);
        let actor = match self.identity.actor(&parts.headers) {
            Ok(Some(actor)) => actor,
            refused => {
                body::discard(&parts.headers, body, bytes_max, patience).await;
                return match refused {
                    Err(refusal) => *refusal,
                    Ok(_) => Answer::unauthorized(),
                };
            }
        };
        let bytes = match body::read_bytes(&parts.headers, body, bytes_max, patience).await {
            Ok(bytes) => bytes,
            Err(refusal) => return *refusal,
        };
        own::install(&self.about.manager, parts, &bytes, &actor)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is one field of the request"
    )]
    fn request(
        &self,
        module: &Module,
        route: u32,
        parts: &Parts,
        path_parameters: Vec<String>,
        body: &Bytes,
        actor: Option<Actor>,
        request_id: &str,
    ) -> modules::Request {
        let wanted = module
            .routes()
            .get(route as usize)
            .map_or(&[][..], |route| &route.headers);
        modules::Request {
            route,
            path_parameters,
            query: query(&parts.uri).to_owned(),
            headers: wanted
                .iter()
                .filter_map(|name| header(&parts.headers, name))
                .collect(),
            body: body.to_vec(),
            actor: actor.map(Into::into),
            request_id: request_id.to_owned(),
        }
    }

    /// Who is on the other end, as far as it can be believed.
    fn peer(&self, peer: SocketAddr, headers: &HeaderMap) -> std::net::IpAddr {
        let forwarded = || {
            headers
                .get("x-forwarded-for")?
                .to_str()
                .ok()?
                .rsplit(',')
                .next()?
                .trim()
                .parse()
                .ok()
        };
        if self.options.trust_forwarded {
            forwarded().unwrap_or(peer.ip())
        } else {
            peer.ip()
        }
    }
}

/// Has a module answer, or says why it does not.
async fn call(
    slot: &Slot,
    module: &Arc<Module>,
    caller: &str,
    request: modules::Request,
) -> Answer {
    match slot.handle(module, caller, request, answer_of).await {
        Ok(answer) => answer,
        Err(SlotError::Busy) => Answer::busy("Too many requests are waiting", RETRY_AFTER_S),
        Err(SlotError::Resting { left, .. }) => Answer::busy(
            "This part of the host fails again and again, and is not asked for a while",
            left.as_secs() + 1,
        ),
        Err(SlotError::TooLarge) => *body::too_large(),
        // It is in the log.
        Err(SlotError::Call(_)) => Answer::unknown_error(),
    }
}

fn is_private(path: &str) -> bool {
    is_below(path, PRIVATE) || is_below(path, MANAGED)
}

fn is_below(path: &str, root: &str) -> bool {
    path.get(..root.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(root))
        && matches!(path.as_bytes().get(root.len()), None | Some(b'/'))
}

fn query(uri: &Uri) -> &str {
    uri.query().unwrap_or_default()
}

/// Credentials stay with the host, whatever a route asks for.
fn header(headers: &HeaderMap, name: &str) -> Option<modules::Header> {
    if matches!(name, "authorization" | "cookie") {
        return None;
    }
    let value = headers.get(name)?.to_str().ok()?;
    Some(modules::Header {
        name: name.to_owned(),
        value: value.to_owned(),
    })
}

fn method(method: modules::Method) -> Method {
    match method {
        modules::Method::Get => Method::GET,
        modules::Method::Post => Method::POST,
        modules::Method::Put => Method::PUT,
        modules::Method::Patch => Method::PATCH,
        modules::Method::Delete => Method::DELETE,
    }
}

/// A module's answer, if it is one that HTTP can carry.
fn answer_of(response: modules::Response) -> Result<Answer, CallError> {
    let bad = |what: String| CallError::BadAnswer(format!("the answer has {what}"));
    let status = StatusCode::from_u16(response.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or_else(|| bad(format!("the status {}", response.status)))?;
    if response.headers.len() > HEADERS_MAX {
        return Err(bad(format!("more than {HEADERS_MAX} headers")));
    }
    let bytes = |header: &modules::Header| header.name.len() + header.value.len();
    if response.headers.iter().map(bytes).sum::<usize>() > HEADERS_BYTES_MAX {
        return Err(bad(format!(
            "more than {HEADERS_BYTES_MAX} bytes of headers"
        )));
    }
    let mut headers = HeaderMap::with_capacity(response.headers.len() + 4);
    for header in response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| bad(format!("a header named '{}'", header.name.escape_debug())))?;
        let value = HeaderValue::from_str(&header.value).map_err(|_| {
            bad(format!(
                "a value of the header {name} that no header can hold"
            ))
        })?;
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE].contains(&name) {
            headers.append(name, value);
        }
    }
    if !response.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, JSON);
    }
    Ok(Answer {
        status,
        headers,
        body: response.body.into(),
    })
}
