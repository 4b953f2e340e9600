//! Modules: components that own a domain, each with its name, its routes, its
//! database and its limits. Finds them, brings their schema up to date and
//! calls them. Knows nothing of HTTP, and nothing of what any module is for.

mod answers;
mod audit;
mod breaker;
mod bundled;
mod canary;
mod candidates;
mod changes;
mod contract;
mod exposition;
mod metrics;
mod remarks;
mod routing;
mod settings;
mod signature;
mod slot;
mod source;
mod statistics;
mod store;
mod version;
mod watch;

pub use answers::{NO_304, unsendable};
pub use audit::{Action, write as write_audit};
pub use breaker::{BreakerOptions, Circuit};
pub use canary::{Canary, CanaryOptions, share};
pub use candidates::{Candidates, Failure, Fallback, PassedOver};

pub use changes::{ChangeError, Installation, Manager, ManagerOptions, Then, UnderWay};
pub use contract::{
    Access, Actor, ActorKind, HOST_SCHEMA, Header, Method, Request, Response, Route, SeedKind,
};
pub use metrics::Metrics;
pub use remarks::{Remark, Remarks};
pub use routing::{
    Claim, Claims, CurrentRoutes, DEFAULT_PREFIXES, Found as FoundEndpoint, HostRoutes, Match,
    ModuleEndpoint, Overlap, Owned, PathError, PathPrefix, Paths, Pattern, RouteError,
    RoutingTable, SEGMENTS_MAX, belongs_to_host, check_modules, method_name, percent_decode,
};
pub use settings::{ModuleLimits, ModuleOptions, VersionSettings};
pub use signature::{Keys, SignatureError, Trust};
pub use slot::{Slot, SlotError, SlotOptions};
pub use source::{Found, Origin, Rank, Source, SourceError, find};
pub use statistics::{Counted, Statistics};
pub use store::{ComponentStore, ComponentStoreError};
pub use version::{Version, VersionError};
pub use watch::{Watch, WatchError, Watched};
