//! The life of a request: its id, its head, its answer, and the end of its connection. What is
//! between its head and its answer is in `exchange`. Knows which module a path belongs to, and
//! nothing of the module's work.

mod answer;
mod body;
mod bucket;
mod call;
mod caught;
mod client;
mod conditional;
mod connection;
mod cors;
mod credentials;
pub mod crossing;
mod direct;
mod docs;
mod entry;
mod exchange;
mod extended;
mod head;
mod host_api;
mod methods;
mod openapi;
mod origin;
mod outgoing;
mod receiving;
mod room;
mod sending;
mod settings;
mod unparsed;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use tracing::Instrument;

use crate::clock;
use crate::components::{CurrentRoutes, Manager, Metrics};
use crate::free_memory;
use crate::printable::cut;
use crate::telemetry::trace;

use answer::Answer;
use caught::caught;
use connection::Timeouts;
use cors::Cors;
use docs::CachedDocument;
use exchange::Arrival;
use receiving::Receiving;
use room::Room;
use sending::{send, untaken};

pub use bucket::Bucket;
pub use connection::Connection;
pub use credentials::Identity;
pub(crate) use direct::{DirectAnswer, DirectRequest, respond as respond_directly};
pub use host_api::{host_routes, paths as host_paths};
pub use outgoing::{Held, NoRoom, Outgoing};
pub(crate) use unparsed::with_body as refusal_with_body;

/// The header that names the trace of a request.
const TRACEPARENT: &str = "traceparent";
/// The time after which a refused client should retry, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Answers that wait for clients to read them, on all connections, in bytes.
const SENDING_BYTES_MAX: usize = 256 * 1024 * 1024;
/// After a rush of this many bytes, free memory is returned to the system.
const RUSH_BYTES: usize = 32 * 1024 * 1024;
/// How often a rush is checked for.
const RUSH_PAUSE: Duration = Duration::from_secs(5);
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

#[cfg(test)]
impl HttpOptions {
    /// Options that take nothing and trust no proxy.
    fn for_tests() -> Self {
        Self {
            body_bytes_max: 0,
            component_bytes_max: 0,
            head_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            origins: Vec::new(),
            trust_forwarded: false,
            docs: false,
        }
    }
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

/// The host's state, for its own endpoints.
struct About {
    manager: Arc<Manager>,
    metrics: Arc<Metrics>,
    document: CachedDocument,
}

impl App {
    /// Returns an app that serves the manager's modules beside the host's own endpoints.
    pub fn new(
        manager: Arc<Manager>,
        metrics: Arc<Metrics>,
        identity: Identity,
        options: HttpOptions,
    ) -> Self {
        let cors = Cors::new(&options.origins);
        Self {
            routes: manager.routes().clone(),
            identity: Arc::new(identity),
            cors,
            receiving: Receiving::new(&options),
            options,
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
        let [known, strangers, components] = self.receiving.rooms();
        let rooms = [&self.sending, known, strangers, components];
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
        let (mut answer, ends) = self.made(connection, &parts, body, request_id).await;
        if ends && parts.version < hyper::Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            answer.headers.insert(CONNECTION, close);
        }
        self.cors.sign(&parts.headers, &mut answer.headers);
        if let Ok(id) = HeaderValue::from_str(request_id) {
            let name = HeaderName::from_static("x-request-id");
            answer.headers.insert(name, id);
        }
        tracing::debug!(
            target: "access",
            peer = %client::shown(connection.peer(), &parts.headers, &self.options),
            method = %parts.method,
            path = &*cut(parts.uri.path(), PATH_SHOWN_BYTES_MAX),
            status = answer.status.as_u16(),
            micros = started.elapsed().as_micros() as u64,
        );
        send(connection, &parts, answer)
    }

    /// The answer, and whether the connection ends with it.
    async fn made(
        &self,
        connection: &Connection,
        parts: &Parts,
        body: Incoming,
        request_id: &str,
    ) -> (Answer, bool) {
        let mut is_fruitless = true;
        let unreadable = head::check(parts).err();
        let is_readable = unreadable.is_none();
        let answer = if let Some(refusal) = unreadable {
            if parts.version < hyper::Version::HTTP_2 {
                connection.refuse();
            }
            *refusal
        } else if connection.has_room() {
            let arrival = Arrival {
                parts,
                client: client::address(connection.peer(), &parts.headers, &self.options),
                request_id,
            };
            caught(self.answer(arrival, body, &mut is_fruitless)).await
        } else {
            untaken()
        };
        // A proxy's connection carries the requests of many callers; one must not end it.
        let is_spent = is_fruitless && !self.options.trust_forwarded && connection.spend();
        (answer, is_spent || !is_readable)
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
