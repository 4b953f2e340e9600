//! The interfaces that the host provides to components: a file a capability. Each file implements the
//! interfaces of its name over a small state that lives in the store of one call, and
//! describes itself by one `CAPABILITY`. Knows nothing of HTTP, and nothing of which
//! component calls it beyond its name.
//!
//! A capability is its interface in `wit/`, its file, and its line in `capabilities!`
//! below: linker, grants, limits and inspection read that list.

mod call;
pub(crate) mod events;
pub mod extended;
#[cfg(test)]
mod fixture;
mod grants;
pub(crate) mod http;
pub(crate) mod inert;
pub(crate) mod logging;
mod nested;
pub(crate) mod settings;
pub(crate) mod sql;
#[cfg(test)]
mod toy;
mod usage;
pub(crate) mod wasi;

use wasmtime::component::Linker;

use crate::config::Reader;

pub use call::{CallContext, CallState};
pub use extended::{Extending, NotAnswered, Question, Selecting, Selection};
pub use grants::{FIELDS, Grants, HOOKS, Need, NotGranted, OPERATIONS, SUBSCRIPTIONS};
pub use http::{Destination, Outbound, OutboundOptions, Roots, Secret};
pub use nested::{
    CausedBy, DEPTH_MAX, NestedCall, Nesting, NoAnswer, Points, PointsOfHost, TimeLeft,
};
pub use settings::Settings;
pub use usage::Limits;
pub(crate) use usage::{CallTimeReached, DeadlineReached, HostCallsReached, Retired, Usage};

/// The interfaces of `wares:platform`, as wasmtime sees them from the host.
pub mod bindings {
    #![allow(missing_docs)]
    wasmtime::component::bindgen!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.3.0",
        ],
        world: "wares:platform/capabilities@1.3.0",
        imports: {
            default: trappable,
        },
        with: {
            "wares:platform/sql.transaction": super::sql::Transaction,
        },
    });
}

/// Something that the host implements for components.
pub(crate) struct Capability {
    /// Its interfaces, each in the latest version of a major one. A component may import
    /// any version that semver calls compatible.
    pub(crate) interfaces: &'static [&'static str],
    /// What an operator grants a component for it. `None` where it is harmless, and every
    /// component has it.
    pub(crate) grant: Option<&'static str>,
    /// Whether its interfaces are only there to be imported: nothing is behind them.
    pub(crate) is_inert: bool,
    /// What it lets a component do, in one sentence.
    pub(crate) summary: &'static str,
    /// Adds its interfaces to a linker.
    pub(crate) link: fn(&mut Linker<CallState>) -> wasmtime::Result<()>,
}

/// The state of a capability while one call lasts.
pub(crate) trait PerCall {
    /// Takes what it needs of the call.
    fn begin(context: &mut CallContext, log: &logging::Log) -> Self;
}

impl PerCall for () {
    fn begin(_: &mut CallContext, _: &logging::Log) {}
}

/// Limits that read themselves from a section of the settings.
pub(crate) trait LimitSettings {
    /// The settings under `section`, with those of `base` as defaults.
    fn read(section: &str, base: &Self, reader: &mut Reader) -> Self;
}

impl LimitSettings for () {
    fn read(_: &str, (): &Self, _: &mut Reader) {}
}

macro_rules! capabilities {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        /// Every capability, in the order in which they are shown.
        pub(crate) const ALL: &[Capability] = &[$($(#[$attribute])* $name::CAPABILITY),*];

        /// The states of the capabilities while one call lasts.
        #[expect(dead_code, reason = "some capabilities keep nothing")]
        struct States {
            $($(#[$attribute])* $name: $name::State,)*
        }

        impl States {
            fn begin(context: &mut CallContext, log: &logging::Log) -> Self {
                Self {
                    $($(#[$attribute])* $name: PerCall::begin(context, log),)*
                }
            }
        }

        /// What bounds the capabilities in one call.
        #[derive(Clone, Debug, Default)]
        pub struct CapabilityLimits {
            $(
                /// Of the capability of this name.
                $(#[$attribute])* pub $name: $name::Limits,
            )*
        }

        impl LimitSettings for CapabilityLimits {
            fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
                Self {
                    $($(#[$attribute])* $name: LimitSettings::read(section, &base.$name, reader),)*
                }
            }
        }
    };
}

capabilities! {
    sql,
    events,
    extended,
    http,
    settings,
    logging,
    wasi,
    inert,
    #[cfg(test)]
    toy,
}
