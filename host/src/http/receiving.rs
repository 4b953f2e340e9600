//! The memory of bodies that are being received, and how much of each is read: by the kind of
//! the endpoint and by the entry of the request.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::request::Parts;

use super::HttpOptions;
use super::answer::Refusal;
use super::body::{self, Bounds, Received, SCREENED_BYTES_MAX};
use super::entry::Entry;
use super::host_api::Body;
use super::room::Room;

/// All bodies that are being received with valid credentials, in bytes.
const KNOWN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// All other bodies that are being received, in bytes, so that callers without credentials
/// leave room to others.
const STRANGERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Components that are being received, as a multiple of the largest one.
const COMPONENTS_AT_ONCE: usize = 2;

/// The memory of bodies that are being received.
pub(super) struct Receiving {
    known: Arc<Room>,
    strangers: Arc<Room>,
    components: Arc<Room>,
    body_bytes_max: usize,
    component_bytes_max: usize,
    timeout: Duration,
}

impl Receiving {
    pub(super) fn new(options: &HttpOptions) -> Self {
        let component_bytes_max = options.component_bytes_max;
        Self {
            known: Room::new(KNOWN_BYTES_MAX),
            strangers: Room::new(STRANGERS_BYTES_MAX),
            components: Room::new(component_bytes_max.saturating_mul(COMPONENTS_AT_ONCE)),
            body_bytes_max: options.body_bytes_max,
            component_bytes_max,
            timeout: options.body_timeout,
        }
    }

    pub(super) fn rooms(&self) -> [&Arc<Room>; 3] {
        [&self.known, &self.strangers, &self.components]
    }

    /// Reads a body. One without an endpoint is checked, and hardly kept.
    ///
    /// # Errors
    /// The answer to return instead.
    pub(super) async fn read(
        &self,
        parts: &Parts,
        body: Incoming,
        entry: Entry,
        kind: Body,
    ) -> Result<Received, Refusal> {
        let bounds = self.bounds(entry, kind);
        match kind {
            Body::Json => body::read(parts, body, &bounds).await,
            Body::Component { .. } => body::read_bytes(parts, body, &bounds).await,
        }
    }

    /// Reads the body of a caller who is refused, and keeps nothing of it.
    pub(super) async fn discard(&self, parts: &Parts, body: Incoming, kind: Body) {
        let bytes_max = self.bytes_max(kind);
        body::discard(parts, body, bytes_max, self.timeout, &self.strangers).await;
    }

    fn bounds(&self, entry: Entry, kind: Body) -> Bounds<'_> {
        let bytes_max = self.bytes_max(kind);
        let (room, kept_bytes_max) = match (kind, entry) {
            (Body::Component { .. }, _) => (&self.components, bytes_max),
            (Body::Json, Entry::Known) => (&self.known, bytes_max),
            (Body::Json, Entry::Stranger) => (&self.strangers, bytes_max),
            (Body::Json, Entry::Refused | Entry::Nowhere) => {
                (&self.strangers, SCREENED_BYTES_MAX.min(bytes_max))
            }
        };
        Bounds {
            bytes_max,
            kept_bytes_max,
            timeout: self.timeout,
            room,
        }
    }

    fn bytes_max(&self, kind: Body) -> usize {
        match kind {
            Body::Json => self.body_bytes_max,
            Body::Component { .. } => self.component_bytes_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_an_endpoint_reads_is_kept_whole() {
        let receiving = Receiving::new(&HttpOptions {
            body_bytes_max: 100_000,
            component_bytes_max: 1_000_000,
            ..HttpOptions::for_tests()
        });
        let component = Body::Component { refused: |_, _| {} };
        let screened = SCREENED_BYTES_MAX;
        for (kind, entry, room, kept) in [
            (Body::Json, Entry::Known, &receiving.known, 100_000),
            (Body::Json, Entry::Stranger, &receiving.strangers, 100_000),
            (Body::Json, Entry::Refused, &receiving.strangers, screened),
            (Body::Json, Entry::Nowhere, &receiving.strangers, screened),
            (component, Entry::Known, &receiving.components, 1_000_000),
        ] {
            let bounds = receiving.bounds(entry, kind);
            assert!(Arc::ptr_eq(bounds.room, room), "{entry:?}");
            assert_eq!(bounds.kept_bytes_max, kept, "{entry:?}");
            assert_eq!(bounds.bytes_max, receiving.bytes_max(kind), "{entry:?}");
        }
    }
}
