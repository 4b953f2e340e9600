//! The settings of modules: `modules.NAME.…`, `limits.…`, `versions.…`, `canary.…` and
//! `breaker.…`.

use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::outbound::OutboundSettings;
use super::routing::{DEFAULT_PREFIXES, PathPrefix};
use super::signature::Trust;
use super::{BreakerOptions, CanaryOptions, FailurePolicy, Keys};
use crate::config::{BYTES_MAX, Reader};
use crate::engine::{Grants, LimitSettings, Limits, Outbound, OutboundOptions};
use crate::storage::StorageError;

/// The levels of the log that a module may have for its own lines.
const LOG_LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Threads of one module at most.
const THREADS_MAX: u32 = 1024;

/// The operator's options of one module.
#[derive(Clone, Debug)]
pub struct ModuleOptions {
    /// A component instead of the built-in one.
    pub component: Option<PathBuf>,
    /// The capabilities that it may use.
    pub grants: Grants,
    /// Whether the settings say which. Otherwise those that are kept of it go before.
    pub grants_are_set: bool,
    /// The path prefixes that its routes have to lie below.
    pub path_prefixes: Vec<PathPrefix>,
    /// The limits of its calls and its database.
    pub limits: ModuleLimits,
    /// Keys and values for the component.
    pub config: Vec<(String, String)>,
    /// What the host does if it does not answer as an extension, if the operator says so.
    pub on_failure: Option<FailurePolicy>,
    /// Its way to other servers.
    pub outbound: OutboundSettings,
    /// Of its own lines in the log, and of those about its turns at hooks; that of the log if
    /// it is not set.
    pub log_level: Option<LevelFilter>,
}

impl ModuleOptions {
    /// The options of a module that has no section of its own.
    pub(crate) fn standard(limits: ModuleLimits) -> Self {
        Self {
            component: None,
            grants: Grants::standard(),
            grants_are_set: false,
            path_prefixes: PathPrefix::defaults(),
            limits,
            config: Vec::new(),
            on_failure: None,
            outbound: OutboundSettings::default(),
            log_level: None,
        }
    }

    /// With the grants that are kept of the module, unless the settings say which it has.
    pub(crate) fn with_kept(self, kept: Result<Option<String>, StorageError>) -> Self {
        let grants = match kept {
            _ if self.grants_are_set => return self,
            Ok(None) => return self,
            Ok(Some(kept)) => Grants::kept(&kept),
            Err(error) => {
                tracing::error!(%error, "the grants of a module cannot be read: it has none");
                Grants::none()
            }
        };
        Self { grants, ..self }
    }

    /// The way to other servers of a component with this name and version.
    pub(super) fn outbound(&self, name: &str, version: &semver::Version) -> Outbound {
        Outbound::new(OutboundOptions {
            destinations: self.grants.destinations(),
            nested: self.grants.has_http_in_hooks(),
            secrets: self.outbound.secrets.clone(),
            roots: self.outbound.roots.clone(),
            agent: format!("Wares/{} ({name}/{version})", env!("CARGO_PKG_VERSION")),
        })
    }

    /// `base` are the limits of modules without limits of their own.
    pub(crate) fn read(name: &str, base: &ModuleLimits, reader: &mut Reader) -> Self {
        let section = format!("modules.{name}");
        let component = reader.text(
            &format!("{section}.component"),
            "",
            "a component instead of the built-in one",
        );
        Self {
            component: (!component.is_empty()).then(|| component.into()),
            grants: read_grants(&format!("{section}.grants"), reader),
            grants_are_set: reader.is_set(&format!("{section}.grants")),
            path_prefixes: reader
                .list_of(
                    &format!("{section}.path_prefixes"),
                    (
                        "a list of path prefixes, each like /store/reviews",
                        "path prefix",
                    ),
                    &DEFAULT_PREFIXES.join(","),
                    "below which paths the component's routes may lie",
                    PathPrefix::parse,
                )
                .unwrap_or_else(PathPrefix::defaults),
            limits: ModuleLimits::read(&format!("{section}.limits"), base, reader),
            config: reader.table(&format!("{section}.config"), "the module's own settings"),
            on_failure: read_on_failure(&format!("{section}.on_failure"), reader),
            outbound: OutboundSettings::read(&section, reader),
            log_level: read_log_level(&format!("{section}.log_level"), reader),
        }
    }
}

fn read_on_failure(setting: &str, reader: &mut Reader) -> Option<FailurePolicy> {
    let policy = FailurePolicy::ALL[reader.choice(
        setting,
        &FailurePolicy::ALL.map(FailurePolicy::name),
        "what becomes of a request if it does not answer as an extension; unless it is set, \
         its fields are null",
    )];
    reader.is_set(setting).then_some(policy)
}

fn read_log_level(setting: &str, reader: &mut Reader) -> Option<LevelFilter> {
    let index = reader.choice_or_none(
        setting,
        &LOG_LEVELS.map(|(name, _)| name),
        "the level of its own lines in the log, and of those about its turns at hooks (default: as log.level)",
    );
    index.map(|index| LOG_LEVELS[index].1)
}

/// The names of extensions, in the order in which they are called at a hook; `None` if the
/// settings have no order.
pub(crate) fn read_extension_order(reader: &mut Reader) -> Option<Vec<String>> {
    reader.list(
        "extensions.order",
        "a list of names of modules",
        "",
        "the order in which extensions are called at a hook; others follow by their names",
        Some,
    )
}

fn read_grants(key: &str, reader: &mut Reader) -> Grants {
    let names: Vec<_> = Grants::names().collect();
    reader
        .list(
            key,
            &format!("a list of grants: {}", names.join(", ")),
            &Grants::standard().to_string(),
            "the capabilities that the component may use; hooks, if it may be an extension; operations, if it may call other components",
            Grants::parse,
        )
        .unwrap_or_else(Grants::standard)
}

/// The limits of a module and of each of its calls.
#[derive(Clone, Debug)]
pub struct ModuleLimits {
    /// Calls at the same time.
    pub calls_max: usize,
    /// Calls of each lane that may wait for one of those to end.
    pub calls_waiting_max: usize,
    /// The body of a request, in bytes.
    pub request_bytes_max: usize,
    /// One call.
    pub call: Limits,
    /// All pending migrations together, in milliseconds.
    pub migration_ms: u64,
    /// Its database, in bytes.
    pub database_bytes_max: usize,
    /// Whether no size is set for the database, so that the size of its disk bounds it too.
    pub database_within_disk: bool,
}

impl ModuleLimits {
    /// The defaults on this machine, where requests have bodies of at most so many bytes.
    pub(crate) fn standard(request_bytes_max: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            calls_max: (cores * 2).max(4),
            calls_waiting_max: 1024,
            request_bytes_max,
            call: Limits::default(),
            migration_ms: 60_000,
            database_bytes_max: 64 << 30,
            database_within_disk: true,
        }
    }

    /// Calls that may write at the same time, with those that wait for the database's
    /// writer: these come on top of [`Self::calls_max`]. As many as share one sync are
    /// enough, and two keep one from waiting for the end of another.
    pub(crate) fn calls_writing_max(&self) -> usize {
        self.calls_max.clamp(2, 64)
    }

    /// The limits of one call. A call that has waited for the writer is to have time for its
    /// answer.
    pub(crate) fn of_call(&self) -> Limits {
        let mut call = self.call.clone();
        let sql = &mut call.capabilities.sql;
        sql.writer_wait_ms = sql.writer_wait_ms.min(call.call_ms / 2);
        call
    }

    /// The limits under `section`, with those of `base` as defaults.
    pub(crate) fn read(section: &str, base: &Self, reader: &mut Reader) -> Self {
        let key = |limit: &str| format!("{section}.{limit}");
        let database_key = key("database_bytes_max");
        Self {
            calls_max: reader.number32(
                &key("calls_max"),
                1..=THREADS_MAX,
                base.calls_max.try_into().unwrap_or(THREADS_MAX),
                "calls at the same time; beside them, as many may wait for the database's writer (default: two a core, at least 4)",
            ) as usize,
            calls_waiting_max: reader.count(
                &key("calls_waiting_max"),
                base.calls_waiting_max,
                "requests that read, and requests that write, that may wait for one of these calls to end; more get 503",
            ),
            request_bytes_max: reader.bytes(
                &key("request_bytes_max"),
                0..=BYTES_MAX,
                base.request_bytes_max,
                "the body of a request, within server.body_bytes_max (default: as that)",
            ),
            call: Limits::read(section, &base.call, reader),
            migration_ms: reader.milliseconds(
                &key("sql_migration_ms"),
                base.migration_ms,
                "all pending migrations, together",
            ),
            database_bytes_max: reader.bytes(
                &database_key,
                1 << 20..=1 << 48,
                base.database_bytes_max,
                "the database, and unless this is set no more than half of the disk; writes beyond it fail, reads go on",
            ),
            database_within_disk: base.database_within_disk && !reader.is_set(&database_key),
        }
    }
}

/// Whose components are served, and how long a replaced version may run.
#[derive(Clone)]
pub struct VersionSettings {
    /// The signers.
    pub trust: Trust,
    /// How long calls of a version that was replaced may take.
    pub drain: Duration,
}

impl VersionSettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        const REQUIRE: &str = "versions.require_signature";
        let required = reader.flag(
            REQUIRE,
            false,
            "install and serve signed components alone, beside those that are built in",
        );
        let keys = reader
            .list(
                "versions.public_keys",
                "a list of minisign's public keys, each like RWQ…",
                "",
                "the keys that they may be signed with, as minisign writes them",
                |keys| Keys::new(&keys).ok(),
            )
            .unwrap_or_default();
        if required && keys.is_empty() {
            reader.refuse(
                REQUIRE,
                "is set, and versions.public_keys names no key that a component could be signed with",
            );
        }
        Self {
            trust: Trust::new(keys, required),
            drain: reader.duration_or_none(
                "versions.drain_ms",
                30_000,
                "how long calls of a version that was replaced may take",
            ),
        }
    }
}

impl CanaryOptions {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            calls_min: reader
                .number32(
                    "canary.calls_min",
                    1..=u32::MAX,
                    20,
                    "calls before a canary can be withdrawn",
                )
                .into(),
            promote_calls: reader.number(
                "canary.promote_calls",
                0..=u64::MAX,
                1_000,
                "good calls after which it is promoted; 0 for never",
            ),
            bad_percent_max: reader
                .number32(
                    "canary.bad_percent_max",
                    0..=100,
                    5,
                    "percent points by which more of its calls may fail or be answered with 5xx",
                )
                .into(),
            latency_percent_max: reader
                .number32(
                    "canary.latency_percent_max",
                    1..=u32::MAX,
                    300,
                    "its highest mean latency, in percent of that of the current version",
                )
                .into(),
        }
    }
}

impl BreakerOptions {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        Self {
            failures_min: reader.number32(
                "breaker.failures_min",
                1..=u32::MAX,
                10,
                "failing pairs of a caller and a route, half of all, after which a module answers 503 for a while; one caller counts for half of them at most",
            ),
            window: reader.duration(
                "breaker.window_ms",
                10_000,
                "the time within which they count",
            ),
            open: reader.duration_or_none(
                "breaker.open_ms",
                5_000,
                "how long it answers 503 before one call is tried",
            ),
        }
    }
}
