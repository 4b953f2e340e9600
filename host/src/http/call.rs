//! The call of a module for a request: the request as the module sees it, and the answers to
//! calls that are refused.

use bytes::Bytes;
use hyper::http::request::Parts;

use crate::components::{self, CallError, ModuleEndpoint, SlotError};
use crate::identity::Actor;
use crate::printable::cut;

use super::RETRY_AFTER_S;
use super::answer::{Answer, Refusal};
use super::body;
use super::crossing::{self, Crossed};

/// The bytes that an answer shows of a component's name.
const SHOWN_BYTES_MAX: usize = 200;

/// The request as the module sees it.
pub(super) fn request(
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
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: crossing::seen(&parts.headers, wanted),
        body: body.into(),
        actor: actor.map(Into::into),
        request_id: request_id.to_owned(),
    }
}

/// Calls a module, or returns the answer that refuses the call.
pub(super) async fn call(
    endpoint: &ModuleEndpoint,
    caller: &str,
    request: components::Request,
) -> Result<Crossed, Refusal> {
    let called = endpoint
        .slot
        .handle(&endpoint.version, caller, request, crossing::answer_of)
        .await;
    called.map_err(|error| match error {
        SlotError::Busy => Box::new(Answer::busy("Too many requests are waiting", RETRY_AFTER_S)),
        SlotError::CircuitOpen { left, .. } => Box::new(Answer::busy(
            "This part of the host keeps failing, and its circuit is open",
            left.as_secs() + 1,
        )),
        SlotError::TooLarge => body::too_large(),
        // It is in the log.
        SlotError::Call(CallError::NoAnswer(no_answer)) => {
            // A component chooses the length of the names of its imports.
            let name = cut(&no_answer.component, SHOWN_BYTES_MAX);
            let message = format!("{name} has to be asked, and does not answer");
            Box::new(Answer::busy(&message, RETRY_AFTER_S))
        }
        // It is in the log.
        SlotError::Call(_) => Box::new(Answer::unknown_error()),
    })
}
