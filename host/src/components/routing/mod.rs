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
