//! Leads requests to endpoints: path patterns, the endpoints of the host as numbers, and the
//! slots of modules. Checks that modules can be served together, and replaces the table by
//! one pointer. Knows nothing of HTTP.

mod claims;
mod current;
mod paths;
mod pattern;
mod routes;
mod table;

pub use claims::{Claim, Claims, RouteError, check_modules};
pub use current::CurrentRoutes;
pub use paths::{Owned, Paths};
pub use pattern::{DEFAULT_PREFIXES, PathPrefix, Pattern, belongs_to_host};
pub use routes::method_name;
pub(super) use routes::{FoundRoute, RouteTree};
pub use table::{Found, HostRoutes, ModuleEndpoint, RoutingTable};

/// The text that percent-encoding stands for, if it is valid and UTF-8.
pub fn percent_decode(segment: &str) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(hex::decode(digits).ok()?[0]);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}
