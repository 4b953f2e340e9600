//! Credentials of a request: `Authorization`, or the cookie of a session.

use std::sync::Arc;

use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap};

use super::answer::Refusal;
use super::host_api::failed;
use crate::components;
use crate::identity::{Actor, ActorKind, IdentityService, Proof};

/// The session cookie's name, the one that Medusa's clients know.
pub(super) const COOKIE_NAME: &str = "connect.sid";
/// Its name over https: browsers take it with `Secure` and without `Domain` alone,
/// so no page of a sibling host and none without TLS can plant one.
pub(super) const HOST_COOKIE_NAME: &str = "__Host-connect.sid";

/// The session cookie's name.
pub(super) fn cookie_name(https: bool) -> &'static str {
    if https { HOST_COOKIE_NAME } else { COOKIE_NAME }
}

/// Returns the value of a request's session cookie. Two different ones count as none: one of
/// them was set by a stranger, and it is unknown which.
pub(super) fn cookie(headers: &HeaderMap, https: bool) -> Option<&str> {
    let name = cookie_name(https);
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        // Cookies of other pages beside it may not be ASCII.
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair).ok())
        .filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// Finds out who a request is from.
pub struct Identity(Arc<IdentityService>);

impl Identity {
    pub(super) fn service(&self) -> &IdentityService {
        &self.0
    }

    pub(crate) fn new(service: Arc<IdentityService>) -> Self {
        Self(service)
    }

    /// The actor of a request and its proof; `None` for a request without a valid one.
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
            .authenticate(authorization, cookie(headers, https))
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

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_session_is_found_beside_cookies_of_any_bytes() {
        let check = |values: &[&[u8]], session: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
            }
            assert_eq!(cookie(&headers, false), session, "{values:?}");
        };
        check(&[b"connect.sid=abc"], Some("abc"));
        check(&["theme=café; connect.sid=abc".as_bytes()], Some("abc"));
        check(&[b"theme=\xff", b"connect.sid=abc"], Some("abc"));
        check(&[b"connect.sid=abc; connect.sid=abc"], Some("abc"));
        check(&[b"connect.sid=abc", b"connect.sid=abd"], None);
        check(&[b"connect.sidx=abc; __Host-connect.sid=abc"], None);
        check(&[], None);
    }
}
