//! One request on its way to its answer: its actor, its endpoint, its body, its answer, in
//! this order.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::Guard;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::http::request::Parts;

use crate::components::{FoundEndpoint, ModuleEndpoint, RoutingTable};
use crate::identity::{Actor, ActorKind};

use super::answer::{Answer, Refusal};
use super::body::Received;
use super::call;
use super::cors::Cors;
use super::entry::{Entry, is_managed};
use super::host_api::{Body, ENDPOINTS, HostRequest};
use super::methods::{method_of, not_allowed};
use super::{App, origin};

/// A request whose head was read.
pub(super) struct Arrival<'a> {
    pub(super) parts: &'a Parts,
    pub(super) client: IpAddr,
    pub(super) request_id: &'a str,
}

/// A request whose actor and endpoint are known.
struct Exchange<'a> {
    app: &'a App,
    arrival: Arrival<'a>,
    /// The table that the request began with.
    routes: Guard<Arc<RoutingTable>>,
    found: FoundEndpoint,
    actor: Option<Actor>,
    /// The caller, as canaries and queues tell them apart: the id of the actor, or the address.
    caller: String,
    entry: Entry,
    kind: Body,
}

impl App {
    /// The answer; `is_fruitless` becomes false if an endpoint answers the request.
    pub(super) async fn answer(
        &self,
        arrival: Arrival<'_>,
        body: Incoming,
        is_fruitless: &mut bool,
    ) -> Answer {
        let parts = arrival.parts;
        let path = parts.uri.path();
        let actor = self.actor(parts);
        let caller = match &actor {
            Ok(Some(actor)) => actor.id.clone(),
            _ => arrival.client.to_string(),
        };
        let routes = self.routes.present();
        let found = routes.find(method_of(&parts.method), path, &caller);
        let kind = match &found {
            FoundEndpoint::Host(number, _) => ENDPOINTS[*number].body,
            _ => Body::Json,
        };
        let actor = match actor {
            Ok(actor) => actor,
            Err(refusal) => {
                self.receiving.discard(parts, body, kind).await;
                return *refusal;
            }
        };
        let exchange = Exchange {
            app: self,
            entry: Entry::of(&found, path, actor.is_some()),
            arrival,
            routes,
            found,
            actor,
            caller,
            kind,
        };
        let answer = exchange.answer(body, is_fruitless).await;
        answer.unwrap_or_else(|refusal| *refusal)
    }

    /// The actor of a request; `None` without valid credentials. A request that changes
    /// something with the session cookie alone must come from a page that may do so.
    fn actor(&self, parts: &Parts) -> Result<Option<Actor>, Refusal> {
        let https = origin::is_https(&parts.headers, &self.options);
        let Some((actor, proof)) = self.identity.actor(&parts.headers, https)? else {
            return Ok(None);
        };
        origin::check(parts, proof, &self.cors, &self.options)?;
        // An operator, who has the data folder, only manages modules here.
        let is_let_in = actor.kind != ActorKind::Operator || is_managed(parts.uri.path());
        Ok(is_let_in.then_some(actor))
    }
}

impl Exchange<'_> {
    async fn answer(self, body: Incoming, is_fruitless: &mut bool) -> Result<Answer, Refusal> {
        let parts = self.arrival.parts;
        if let Body::Component { .. } = self.kind {
            if self.entry == Entry::Refused {
                self.app.receiving.discard(parts, body, self.kind).await;
                return Err(unauthorized());
            }
            *is_fruitless = false;
        }
        // The memory of the body is held until the answer is there.
        let Received {
            bytes: body,
            hold: _hold,
        } = self.receive(body).await?;
        if self.is_allowed_preflight() {
            *is_fruitless = false;
            return Ok(Cors::allow(&parts.headers));
        }
        if self.entry == Entry::Refused {
            return Err(unauthorized());
        }
        *is_fruitless = !self.has_endpoint();
        self.dispatch(body).await
    }

    async fn receive(&self, body: Incoming) -> Result<Received, Refusal> {
        let (parts, receiving) = (self.arrival.parts, &self.app.receiving);
        let received = receiving.read(parts, body, self.entry, self.kind).await;
        received.map_err(|refusal| self.without_body(refusal))
    }

    /// The answer to a refused body. Where a body of another size or type would be refused
    /// too, the answer has that reason.
    fn without_body(&self, refusal: Refusal) -> Refusal {
        let is_too_large = refusal.status == StatusCode::PAYLOAD_TOO_LARGE;
        let is_of_its_kind = is_too_large || refusal.status == StatusCode::UNSUPPORTED_MEDIA_TYPE;
        match (&self.found, self.kind) {
            (FoundEndpoint::Host(_, parameters), Body::Component { refused }) if is_too_large => {
                let request = self.host_request(parameters, Bytes::new());
                tokio::task::block_in_place(|| refused(&request, &refusal));
                refusal
            }
            _ if !is_of_its_kind || self.entry == Entry::Refused => refusal,
            (FoundEndpoint::OtherMethods(_) | FoundEndpoint::Nothing, _) => self.no_endpoint(),
            _ => refusal,
        }
    }

    fn is_allowed_preflight(&self) -> bool {
        let parts = self.arrival.parts;
        let wanted = Cors::preflight(&parts.method, &parts.headers);
        wanted.is_some_and(|wanted| self.routes.has(method_of(&wanted), parts.uri.path()))
    }

    fn has_endpoint(&self) -> bool {
        matches!(
            self.found,
            FoundEndpoint::Host(..) | FoundEndpoint::Module(_)
        )
    }

    async fn dispatch(mut self, body: Bytes) -> Result<Answer, Refusal> {
        match &self.found {
            FoundEndpoint::Host(number, parameters) => {
                let request = self.host_request(parameters, body);
                Ok(ENDPOINTS[*number].answer(&request).await)
            }
            FoundEndpoint::Module(endpoint) => {
                let Arrival {
                    parts, request_id, ..
                } = self.arrival;
                let request = call::request(endpoint, parts, body, self.actor.take(), request_id);
                let crossed = call::call(endpoint, &self.caller, request).await?;
                let ModuleEndpoint { slot, version, .. } = endpoint;
                Ok(crossed.settle(parts, version, |path| {
                    self.routes.belongs_to(slot, version, path)
                }))
            }
            _ => Err(self.no_endpoint()),
        }
    }

    /// The answer where no endpoint is found.
    fn no_endpoint(&self) -> Refusal {
        let parts = self.arrival.parts;
        Box::new(match &self.found {
            FoundEndpoint::OtherMethods(allowed) => not_allowed(parts, allowed),
            FoundEndpoint::BadEncoding => Answer::bad_encoding(),
            _ => Answer::no_route(&parts.method, parts.uri.path()),
        })
    }

    fn host_request<'a>(&'a self, parameters: &'a [String], body: Bytes) -> HostRequest<'a> {
        HostRequest {
            parts: self.arrival.parts,
            parameters,
            body,
            actor: self.actor.as_ref(),
            peer: self.arrival.client,
            about: &self.app.about,
            identity: self.app.identity.service(),
            options: &self.app.options,
        }
    }
}

fn unauthorized() -> Refusal {
    Box::new(Answer::unauthorized())
}
