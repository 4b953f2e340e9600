//! Modules: components that own a domain, each with its name, its routes, its
//! database and its limits. Finds them, brings their schema up to date and
//! calls them. Knows nothing of HTTP, and nothing of what any module is for.

mod absent;
mod answers;
mod audit;
mod breaker;
mod bundled;
mod canary;
mod candidates;
mod chain;
mod changes;
mod contract;
mod delivery;
mod difference;
mod exposition;
mod extended;
mod metrics;
mod name;
mod outbound;
mod rejections;
mod remarks;
mod routing;
mod settings;
mod signature;
mod slot;
mod slot_maker;
mod source;
mod stage;
mod statistics;
mod store;
mod version;
mod watch;

pub(crate) use crate::engine::{CallError, Grants};
pub use contract::{Header, Response};
pub use routing::{Claim, Claims, Owned, PathPrefix, Paths, Pattern, belongs_to_host};

pub(crate) use absent::Absent;
pub(crate) use answers::{NO_304, unsendable};
pub(crate) use audit::{Action, write as write_audit};
pub(crate) use breaker::{BreakerOptions, Circuit};
pub(crate) use canary::{CanaryOptions, share};
pub(crate) use candidates::{Candidates, Failure, Fallback, PassedOver};
pub(crate) use chain::{Chain, ExtensionOrder, FailurePolicy};
pub(crate) use changes::{ChangeError, Installation, Manager, ManagerOptions, Then, UnderWay};
pub(crate) use contract::{Access, Actor, ActorKind, Field, HOST_SCHEMA, Method, Request};
pub(crate) use delivery::{Deliveries, DeliveryOptions, EventFilter, Which};
pub(crate) use metrics::Metrics;
pub(crate) use name::is_module_name;
pub(crate) use remarks::Remark;
pub(crate) use routing::{
    CurrentRoutes, Found as FoundEndpoint, HostRoutes, ModuleEndpoint, RouteError, RoutingTable,
    check_modules, method_name,
};
pub(crate) use settings::{ModuleLimits, ModuleOptions, VersionSettings, read_extension_order};
pub(crate) use signature::Keys;
pub(crate) use slot::{Slot, SlotError, SlotOptions};
pub(crate) use slot_maker::SlotMaker;
pub(crate) use source::{Found, Rank, Source, find};
pub(crate) use stage::Stage;
pub(crate) use statistics::Counted;
pub(crate) use store::ComponentStore;
pub(crate) use version::asked::{condition, context_of};
pub(crate) use version::{Version, VersionError};
pub(crate) use watch::{WatchError, Watched};
