//! The life of a request: its body, its credentials, its route, its answer.
//! Knows which module a path belongs to, and nothing of the module's work.

mod answer;
mod body;
mod bucket;
mod caught;
mod conditional;
mod connection;
mod cors;
mod credentials;
pub mod crossing;
mod docs;
mod head;
mod host_api;
mod openapi;
mod origin;
mod outgoing;
mod room;
mod settings;
mod unparsed;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use tracing::Instrument;

use crate::clock;
use crate::components::{
    self, Access, CurrentRoutes, FoundEndpoint, Manager, Metrics, ModuleEndpoint, Slot, SlotError,
    Version,
};
use crate::free_memory;
use crate::identity::{Actor, ActorKind};
use crate::printable::cut;
use crate::telemetry::trace;

use answer::{Answer, Refusal};
use body::{Bounds, Received, SCREENED_BYTES_MAX};
use caught::caught;
use conditional::Conditions;
use connection::Timeouts;
use cors::Cors;
use crossing::Crossed;
use docs::CachedDocument;
use host_api::{Body, ENDPOINTS, HostRequest};
use room::Room;

pub use bucket::Bucket;
pub use connection::Connection;
pub use credentials::Identity;
pub use host_api::{host_routes, paths as host_paths};
pub use outgoing::{Held, NoRoom, Outgoing};
pub(crate) use unparsed::with_body as refusal_with_body;

/// The header that names the trace of a request.
const TRACEPARENT: &str = "traceparent";
/// Paths below this one need credentials. So do those without an endpoint: a stranger does
/// not learn which ones exist.
const PRIVATE: &str = "/admin";
/// So do paths below this one, where the host itself is managed.
const MANAGED: &str = "/_wares";
/// The time after which a refused client should retry, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// All bodies that are being received with valid credentials, in bytes.
const RECEIVING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// All other bodies that are being received, in bytes, so that callers without credentials
/// leave room to others.
const STRANGERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Answers that wait for clients to read them, on all connections, in bytes.
const SENDING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// After a rush of this many bytes, free memory is returned to the system.
const RUSH_BYTES: usize = 32 * 1024 * 1024;
/// How often a rush is checked for.
const RUSH_PAUSE: Duration = Duration::from_secs(5);
/// Components that are being received, as a multiple of the largest one.
const COMPONENTS_AT_ONCE: usize = 2;
/// The logged part of a path, in bytes.
const PATH_SHOWN_BYTES_MAX: usize = 1_000;

/// The options of reading requests.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// The largest body, in bytes, unpacked.
    pub body_bytes_max: usize,
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// The time within which a request's head must arrive.
    pub head_timeout: Duration,
    /// The time within which a body must arrive.
    pub body_timeout: Duration,
    /// How long a connection without requests stays open.
    pub idle_timeout: Duration,
    /// Origins whose pages may use the host: `https://shop.example`.
    pub origins: Vec<String>,
    /// Whether `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trust_forwarded: bool,
    /// Whether the API is described.
    pub docs: bool,
}

/// Answers requests: routes, identity, and served modules.
pub struct App {
    routes: Arc<CurrentRoutes>,
    identity: Arc<Identity>,
    cors: Cors,
    options: HttpOptions,
    receiving: Receiving,
    sending: Arc<Room>,
    about: About,
}

/// The memory of bodies that are being received.
struct Receiving {
    known: Arc<Room>,
    strangers: Arc<Room>,
    components: Arc<Room>,
}

/// The host's state, for its own endpoints.
struct About {
    manager: Arc<Manager>,
    metrics: Arc<Metrics>,
    document: CachedDocument,
}

impl App {
    /// An app that serves the manager's modules beside the host's own endpoints.
    ///
    /// # Errors
    /// When two modules would own one path, or use one name twice.
    pub fn new(
        manager: Arc<Manager>,
        metrics: Arc<Metrics>,
        identity: Identity,
        options: HttpOptions,
    ) -> Self {
        let cors = Cors::new(&options.origins);
        let components = options
            .component_bytes_max
            .saturating_mul(COMPONENTS_AT_ONCE);
        Self {
            routes: manager.routes().clone(),
            identity: Arc::new(identity),
            cors,
            options,
            receiving: Receiving {
                known: Room::new(RECEIVING_BYTES_MAX),
                strangers: Room::new(STRANGERS_BYTES_MAX),
                components: Room::new(components),
            },
            sending: Room::new(SENDING_BYTES_MAX),
            about: About {
                manager,
                metrics,
                document: CachedDocument::default(),
            },
        }
    }

    /// Begins a connection.
    pub fn connect(&self, peer: SocketAddr) -> Arc<Connection> {
        let sending = self.sending.clone();
        let timeouts = Timeouts {
            head: self.options.head_timeout,
            taking: self.options.body_timeout,
            idle: self.options.idle_timeout,
        };
        Arc::new(Connection::new(peer, sending, timeouts))
    }

    /// Returns free memory to the system after each rush, while polled.
    pub async fn release_memory(&self) {
        let rooms = [
            &self.sending,
            &self.receiving.known,
            &self.receiving.strangers,
            &self.receiving.components,
        ];
        loop {
            tokio::time::sleep(RUSH_PAUSE).await;
            let given_back: usize = rooms.iter().map(|room| room.given_back()).sum();
            if given_back >= RUSH_BYTES {
                // Requests continue meanwhile.
                let _ = tokio::task::spawn_blocking(free_memory::release).await;
            }
        }
    }

    /// Answers one request.
    pub async fn respond(
        &self,
        connection: &Arc<Connection>,
        request: Request<Incoming>,
    ) -> Response<Outgoing> {
        let (mut parts, body) = request.into_parts();
        let request_id = clock::uuid().simple().to_string();
        let span = trace::request(&request_id, &trace_id(&mut parts, &request_id));
        let answered = self.answered(connection, parts, body, &request_id);
        answered.instrument(span).await
    }

    async fn answered(
        &self,
        connection: &Arc<Connection>,
        parts: Parts,
        body: Incoming,
        request_id: &str,
    ) -> Response<Outgoing> {
        let started = Instant::now();
        let _at_work = connection.begin();
        let mut is_fruitless = true;
        let unreadable = head::check(&parts).err();
        let is_readable = unreadable.is_none();
        let mut answer = if let Some(refusal) = unreadable {
            if parts.version < hyper::Version::HTTP_2 {
                connection.refuse();
            }
            *refusal
        } else if connection.has_room() {
            let peer = connection.peer();
            let answer = self.answer(&parts, body, peer, request_id, &mut is_fruitless);
            caught(answer).await
        } else {
            untaken()
        };
        // A proxy's connection carries the requests of many callers; one must not end it.
        let is_spent = is_fruitless && !self.options.trust_forwarded && connection.spend();
        if (is_spent || !is_readable) && parts.version < hyper::Version::HTTP_2 {
            answer
                .headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.cors.sign(&parts.headers, &mut answer.headers);
        if let Ok(id) = HeaderValue::from_str(request_id) {
            answer
                .headers
                .insert(HeaderName::from_static("x-request-id"), id);
        }
        tracing::debug!(
            target: "access",
            peer = %self.shown_peer(connection.peer(), &parts.headers),
            method = %parts.method,
            path = &*cut(parts.uri.path(), PATH_SHOWN_BYTES_MAX),
            status = answer.status.as_u16(),
            micros = started.elapsed().as_micros() as u64,
        );
        send(connection, &parts, answer)
    }

    /// The answer; `is_fruitless` becomes false if an endpoint answers the request.
    async fn answer(
        &self,
        parts: &Parts,
        body: Incoming,
        peer: SocketAddr,
        request_id: &str,
        is_fruitless: &mut bool,
    ) -> Answer {
        let (method, path) = (&parts.method, parts.uri.path());
        let routes = self.routes.present();
        let actor = self.actor(path, parts);
        let key = match &actor {
            Ok(Some(actor)) => actor.id.clone(),
            _ => self.peer(peer, &parts.headers).to_string(),
        };
        let found = routes.find(method_of(method), path, &key);
        let kind = match &found {
            FoundEndpoint::Host(number, _) => ENDPOINTS[*number].body,
            _ => Body::Json,
        };
        let actor = match actor {
            Ok(actor) => actor,
            Err(refusal) => {
                self.discard(parts, body, kind).await;
                return *refusal;
            }
        };
        let entry = Entry::of(&found, path, actor.is_some());
        if let Body::Component { .. } = kind {
            if entry == Entry::Refused {
                self.discard(parts, body, kind).await;
                return Answer::unauthorized();
            }
            *is_fruitless = false;
        }
        let received = self.body(parts, body, entry, kind).await;
        let host_request = |parameters: &[String], body: Bytes, actor: Option<Actor>| HostRequest {
            parts,
            parameters: parameters.to_vec(),
            body,
            actor,
            peer: self.peer(peer, &parts.headers),
            about: &self.about,
            identity: self.identity.service(),
            options: &self.options,
        };
        let Received {
            bytes: body,
            hold: _hold,
        } = match (received, kind, &found) {
            (Ok(body), ..) => body,
            (Err(refusal), Body::Component { refused }, FoundEndpoint::Host(_, parameters)) => {
                if refusal.status == StatusCode::PAYLOAD_TOO_LARGE {
                    let request = host_request(parameters, Bytes::new(), actor);
                    tokio::task::block_in_place(|| refused(&request, &refusal));
                }
                return *refusal;
            }
            (Err(refusal), ..) => return without_body(&found, parts, entry, *refusal),
        };
        if let Some(wanted) = Cors::preflight(method, &parts.headers)
            && routes.has(method_of(&wanted), path)
        {
            *is_fruitless = false;
            return Cors::allow(&parts.headers);
        }
        if entry == Entry::Refused {
            return Answer::unauthorized();
        }
        *is_fruitless = !matches!(found, FoundEndpoint::Host(..) | FoundEndpoint::Module(_));
        match found {
            FoundEndpoint::Host(number, parameters) => {
                let request = host_request(&parameters, body, actor);
                ENDPOINTS[number].answer(&request).await
            }
            FoundEndpoint::Module(endpoint) => {
                let request = self.request(&endpoint, parts, body, actor, request_id);
                let ModuleEndpoint { slot, version, .. } = &endpoint;
                match call(slot, version, &key, request).await {
                    Ok(crossed) => crossed.settle(parts, version, |path| {
                        routes.belongs_to(slot, version, path)
                    }),
                    Err(refusal) => *refusal,
                }
            }
            FoundEndpoint::OtherMethods(allowed) => not_allowed(parts, &allowed),
            FoundEndpoint::Nothing => Answer::no_route(method, path),
            FoundEndpoint::BadEncoding => Answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_data",
                "The path is not valid percent-encoding",
            ),
        }
    }

    /// The actor of a request; `None` without valid credentials. A request that changes
    /// something with the session cookie alone must come from a page that may do so.
    fn caller(&self, parts: &Parts) -> Result<Option<Actor>, Refusal> {
        let https = origin::is_https(&parts.headers, &self.options);
        let Some((actor, proof)) = self.identity.actor(&parts.headers, https)? else {
            return Ok(None);
        };
        origin::check(parts, proof, &self.cors, &self.options)?;
        Ok(Some(actor))
    }

    /// The actor of the request on this path.
    fn actor(&self, path: &str, parts: &Parts) -> Result<Option<Actor>, Refusal> {
        let actor = self.caller(parts)?;
        // An operator, who has the data folder, only manages modules here.
        Ok(actor.filter(|actor| actor.kind != ActorKind::Operator || is_below(path, MANAGED)))
    }

    /// Reads the body. One without an endpoint is checked, and hardly kept.
    async fn body(
        &self,
        parts: &Parts,
        body: Incoming,
        entry: Entry,
        kind: Body,
    ) -> Result<Received, Refusal> {
        let bytes_max = self.bytes_max(kind);
        let (room, kept_bytes_max) = match (kind, entry) {
            (Body::Component { .. }, _) => (&self.receiving.components, bytes_max),
            (Body::Json, Entry::Known) => (&self.receiving.known, bytes_max),
            (Body::Json, Entry::Stranger) => (&self.receiving.strangers, bytes_max),
            (Body::Json, Entry::Refused | Entry::Nowhere) => {
                (&self.receiving.strangers, SCREENED_BYTES_MAX.min(bytes_max))
            }
        };
        let bounds = Bounds {
            bytes_max,
            kept_bytes_max,
            timeout: self.options.body_timeout,
            room,
        };
        match kind {
            Body::Json => body::read(parts, body, &bounds).await,
            Body::Component { .. } => body::read_bytes(parts, body, &bounds).await,
        }
    }

    fn bytes_max(&self, kind: Body) -> usize {
        match kind {
            Body::Json => self.options.body_bytes_max,
            Body::Component { .. } => self.options.component_bytes_max,
        }
    }

    /// Reads the body of a caller who is refused, and keeps nothing of it.
    async fn discard(&self, parts: &Parts, body: Incoming, kind: Body) {
        let (timeout, room) = (self.options.body_timeout, &self.receiving.strangers);
        let bytes_max = self.bytes_max(kind);
        body::discard(parts, body, bytes_max, timeout, room).await;
    }

    fn request(
        &self,
        endpoint: &ModuleEndpoint,
        parts: &Parts,
        body: Bytes,
        actor: Option<Actor>,
        request_id: &str,
    ) -> components::Request {
        let wanted = endpoint.version.routes().get(endpoint.route as usize);
        let wanted = wanted.map_or(&[][..], |route| &route.headers);
        components::Request {
            route: endpoint.route,
            path_parameters: endpoint.parameters.clone(),
            query: query(&parts.uri).to_owned(),
            headers: crossing::seen(&parts.headers, wanted),
            body: body.into(),
            actor: actor.map(Into::into),
            request_id: request_id.to_owned(),
        }
    }

    /// The client's address, as far as it can be trusted.
    fn peer(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        self.forwarded(headers).unwrap_or(peer.ip())
    }

    /// The same for the log: without the port of a proxy's connection.
    fn shown_peer(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        let forwarded = self.forwarded(headers);
        forwarded.map_or_else(|| peer.to_string(), |client| client.to_string())
    }

    /// The client that a trusted proxy says it speaks for.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let forwarded = || {
            // The last one is what the proxy before the host wrote.
            headers
                .get_all("x-forwarded-for")
                .iter()
                .next_back()?
                .to_str()
                .ok()?
                .rsplit(',')
                .next()?
                .trim()
                .parse()
                .ok()
        };
        self.options.trust_forwarded.then(forwarded).flatten()
    }
}

/// The id of the trace that a request belongs to: its caller's, or one of its own. An invalid
/// `traceparent` is dropped, so that no component sees it.
fn trace_id(parts: &mut Parts, request_id: &str) -> String {
    let valid = {
        let mut sent = parts.headers.get_all(TRACEPARENT).iter();
        match (sent.next(), sent.next()) {
            (Some(one), None) => one.to_str().ok().and_then(trace::trace_id),
            _ => None,
        }
        .map(str::to_owned)
    };
    valid.unwrap_or_else(|| {
        parts.headers.remove(TRACEPARENT);
        request_id.to_owned()
    })
}

/// Sends an answer, if there is room for it.
fn send(connection: &Arc<Connection>, parts: &Parts, answer: Answer) -> Response<Outgoing> {
    let conditions = Conditions::of(&parts.method, &parts.headers);
    let (head, bytes) = conditions.finish(answer).into_parts();
    if let Some(body) = connection.send(bytes, parts.version) {
        return Response::from_parts(head, body);
    }
    if !parts.method.is_safe() {
        // The write was committed: a client that retries would repeat it.
        return Response::from_parts(head, Outgoing::broken());
    }
    let (mut head, bytes) = conditions.finish(untaken()).into_parts();
    let body = connection.send(bytes, parts.version).unwrap_or_else(|| {
        head.headers.remove(CONTENT_TYPE);
        Outgoing::empty()
    });
    Response::from_parts(head, body)
}

/// The answer if earlier ones are not read.
fn untaken() -> Answer {
    Answer::busy(
        "Too many bytes of other answers wait to be taken",
        RETRY_AFTER_S,
    )
}

/// The answer to a refused body. Where a body of another size or type would be refused too,
/// the answer has that reason.
fn without_body(found: &FoundEndpoint, parts: &Parts, entry: Entry, refusal: Answer) -> Answer {
    let is_of_its_kind = matches!(
        refusal.status,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    match found {
        _ if !is_of_its_kind || entry == Entry::Refused => refusal,
        FoundEndpoint::OtherMethods(allowed) => not_allowed(parts, allowed),
        FoundEndpoint::Nothing => Answer::no_route(&parts.method, parts.uri.path()),
        _ => refusal,
    }
}

/// Calls a module, or returns the answer that refuses the call.
async fn call(
    slot: &Slot,
    module: &Arc<Version>,
    caller: &str,
    request: components::Request,
) -> Result<Crossed, Refusal> {
    let called = slot
        .handle(module, caller, request, crossing::answer_of)
        .await;
    called.map_err(|error| match error {
        SlotError::Busy => Box::new(Answer::busy("Too many requests are waiting", RETRY_AFTER_S)),
        SlotError::CircuitOpen { left, .. } => Box::new(Answer::busy(
            "This part of the host keeps failing, and its circuit is open",
            left.as_secs() + 1,
        )),
        SlotError::TooLarge => body::too_large(),
        // It is in the log.
        SlotError::Call(_) => Box::new(Answer::unknown_error()),
    })
}

/// The access of a request, by its path and its caller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    /// It has valid credentials.
    Known,
    /// It has none, and needs none.
    Stranger,
    /// It has none, and needs some.
    Refused,
    /// It has none, and its path and method have no endpoint.
    Nowhere,
}

impl Entry {
    fn of(found: &FoundEndpoint, path: &str, is_known: bool) -> Self {
        match found {
            _ if is_known => Self::Known,
            FoundEndpoint::Host(number, _) => Self::without_credentials(ENDPOINTS[*number].access),
            FoundEndpoint::Module(endpoint) => Self::without_credentials(endpoint.access()),
            _ if is_private(path) => Self::Refused,
            _ => Self::Nowhere,
        }
    }

    fn without_credentials(access: Access) -> Self {
        match access {
            Access::Admin => Self::Refused,
            Access::Anyone => Self::Stranger,
        }
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

/// The method of the endpoint that answers a request: GET answers HEAD.
fn method_of(method: &Method) -> Option<components::Method> {
    match *method {
        Method::GET | Method::HEAD => Some(components::Method::Get),
        Method::POST => Some(components::Method::Post),
        Method::PUT => Some(components::Method::Put),
        Method::PATCH => Some(components::Method::Patch),
        Method::DELETE => Some(components::Method::Delete),
        _ => None,
    }
}

/// The answer to a method that no endpoint of the path has.
fn not_allowed(parts: &Parts, allowed: &[components::Method]) -> Answer {
    let mut names = Vec::with_capacity(allowed.len() + 1);
    for method in allowed {
        names.push(components::method_name(*method));
        if *method == components::Method::Get {
            names.push("HEAD");
        }
    }
    Answer::method_not_allowed(&parts.method, parts.uri.path(), &names.join(", "))
}
