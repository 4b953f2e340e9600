//! The host's settings: `wares.toml`, then the environment, then flags, the
//! later ones winning. One struct a concern, and every fault at once.

mod limits;
mod reader;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use limits::Limits;
pub use reader::Declaration;
pub use source::{ConfigError, Sources};

use reader::{CENTURY_S, Reader};

use crate::components::PathPrefix;
use crate::engine::Grants;

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections and requests.
    pub server: Server,
    /// Where data is kept.
    pub data: Data,
    /// What the host says.
    pub log: Log,
    /// Who may sign in.
    pub identity: Identity,
    /// Other origins.
    pub cors: Cors,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// What compiling a component may use.
    pub compile: Compile,
    /// Versions of modules.
    pub versions: Versions,
    /// Canaries.
    pub canary: Canary,
    /// What one call of any component may use.
    pub limits: Limits,
    /// The stack of a call, in bytes; the same for all modules.
    pub stack_bytes_max: usize,
    /// What is said of single modules, by name.
    pub modules: BTreeMap<String, Module>,
    /// Variables of the environment that look like settings, and tell of a Service of
    /// Kubernetes.
    pub passed_over: Vec<String>,
}

/// Connections and requests.
#[derive(Clone, Debug)]
pub struct Server {
    /// Host and port.
    pub listen: String,
    /// The largest body of a request, in bytes, unpacked.
    pub body_bytes_max: usize,
    /// The longest request line and headers together, in bytes.
    pub head_bytes_max: usize,
    /// Until a request's head must have arrived, in milliseconds.
    pub head_timeout_ms: u64,
    /// Until a request's body must have arrived, and how long a client may take nothing
    /// of its answers, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a connection stays open on which nothing is asked, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How long open requests may take after the signal to stop, in milliseconds.
    pub drain_ms: u64,
    /// Connections at the same time.
    pub connections_max: usize,
    /// Whether a proxy's `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trust_forwarded: bool,
    /// Whether the API is described at `/openapi.json` and `/docs`.
    pub docs: bool,
}

/// Where data is kept.
#[derive(Clone, Debug)]
pub struct Data {
    /// The data folder.
    pub dir: PathBuf,
    /// Whether somebody named it.
    pub dir_is_set: bool,
    /// The folder whose components replace the built-in ones.
    pub modules_dir: PathBuf,
    /// Whether somebody named it.
    pub modules_dir_is_set: bool,
}

/// What the host says.
#[derive(Clone, Debug)]
pub struct Log {
    /// Directives of `tracing`: a level, or `target=level` pairs.
    pub level: String,
    /// Whether lines are JSON.
    pub json: bool,
}

/// Who may sign in.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Of a token, in seconds.
    pub token_lifetime_s: u64,
    /// Of a session cookie, in seconds.
    pub session_lifetime_s: u64,
    /// The first admin's, used when there is no user yet.
    pub admin_email: String,
    /// The first admin's; empty for a random one.
    pub admin_password: String,
}

/// Other origins.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Origins whose pages may use the host.
    pub origins: Vec<String>,
}

/// What compiling a component may use.
#[derive(Clone, Debug)]
pub struct Compile {
    /// The largest component, in bytes.
    pub component_bytes_max: usize,
    /// Time, in milliseconds.
    pub deadline_ms: u64,
    /// Memory, in bytes.
    pub memory_bytes_max: usize,
}

/// Versions of modules.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Whether components have to be signed.
    pub require_signature: bool,
    /// The keys that they may be signed with, as minisign writes them.
    pub public_keys: Vec<String>,
    /// How long calls of a version that was replaced may take, in milliseconds.
    pub drain_ms: u64,
}

/// When and how a canary is judged.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Calls before it can be found worse.
    pub calls_min: usize,
    /// Good calls after which it is promoted; 0 for never.
    pub promote_calls: u64,
    /// Percent points by which more of its calls may be bad.
    pub bad_percent_max: u64,
    /// Its highest mean latency, in percent of that of the current version.
    pub latency_percent_max: u64,
}

/// When the circuit of a module opens.
#[derive(Clone, Debug)]
pub struct Breaker {
    /// Failing pairs of a caller and a route within the window, which are half of all.
    pub failures_min: u32,
    /// The window, in milliseconds.
    pub window_ms: u64,
    /// The rest, in milliseconds.
    pub rest_ms: u64,
}

/// What is said of one module.
#[derive(Clone, Debug)]
pub struct Module {
    /// What it may use of the host.
    pub grants: Grants,
    /// Below which paths its routes may lie.
    pub path_prefixes: Vec<PathPrefix>,
    /// A component in place of the built-in one.
    pub component: Option<PathBuf>,
    /// What one of its calls may use.
    pub limits: Limits,
    /// Its own settings.
    pub config: Vec<(String, String)>,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// With every fault, a line each.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let layers = source::layers(sources)?;
        let mut reader = Reader::new(layers);
        let mut config = Self::read(&mut reader);
        if config.versions.require_signature && config.versions.public_keys.is_empty() {
            reader.refuse(
                "versions.require_signature",
                "is set, and versions.public_keys names no key that a component could be signed with",
            );
        }
        reader.finish()?;
        config.passed_over = source::passed_over(sources);
        Ok(config)
    }

    /// Every setting with its default and its meaning, as the code itself declares them.
    pub fn reference() -> Vec<Declaration> {
        let mut reader = Reader::new(Vec::new());
        let config = Self::read(&mut reader);
        Module::read("NAME", &config.limits, &mut reader);
        reader.declarations()
    }

    fn read(reader: &mut Reader) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let server = Server {
            listen: reader.text(
                "server.listen",
                "127.0.0.1:9000",
                "host:port to serve on, every IP of the host's name; :port is every interface, IPv4 and IPv6",
            ),
            body_bytes_max: reader.bytes("server.body_bytes_max", 1 << 10..=64 << 20,
                102_400,
                "the largest body of a request, unpacked",
            ),
            head_bytes_max: reader.bytes("server.head_bytes_max", 8 << 10..=1 << 20,
                16 * 1024,
                "the longest request line and headers together",
            ),
            head_timeout_ms: reader.milliseconds("server.head_timeout_ms",
                10_000,
                "until a request's head must have arrived",
            ),
            body_timeout_ms: reader.milliseconds("server.body_timeout_ms",
                30_000,
                "until a request's body must have arrived, and how long a client may take nothing of its answers",
            ),
            idle_timeout_ms: reader.milliseconds("server.idle_timeout_ms",
                75_000,
                "how long a connection stays open on which nothing is asked",
            ),
            drain_ms: reader.milliseconds_or_none("server.drain_ms",
                10_000,
                "how long open requests may take after the signal to stop",
            ),
            connections_max: reader.count(
                "server.connections_max",
                10_000,
                "connections at the same time; fewer where the process may have too few files open",
            ),
            trust_forwarded: reader.flag(
                "server.trust_forwarded",
                false,
                "believe a proxy's X-Forwarded-For and X-Forwarded-Proto",
            ),
            docs: reader.flag(
                "server.docs",
                true,
                "describe the API at /openapi.json and /docs",
            ),
        };
        let standard = Limits::standard(cores, server.body_bytes_max);
        let limits_default = Limits::read("limits", &standard, reader);
        Self {
            server,
            data: Data {
                dir: reader.text("data.dir", "data", "the data folder").into(),
                dir_is_set: reader.is_set("data.dir"),
                modules_dir: reader
                    .text(
                        "data.modules_dir",
                        "modules",
                        "the folder whose *.wasm replace the built-in modules",
                    )
                    .into(),
                modules_dir_is_set: reader.is_set("data.modules_dir"),
            },
            log: Log {
                level: reader.text(
                    "log.level",
                    "info",
                    "error, warn, info, debug or trace, or target=level pairs",
                ),
                json: reader.choice("log.format", &["text", "json"], "how log lines look") == 1,
            },
            identity: Identity {
                token_lifetime_s: reader.number("identity.token_lifetime_s", 1..=CENTURY_S,
                    86_400,
                    "how long a token is valid",
                ),
                session_lifetime_s: reader.number("identity.session_lifetime_s", 1..=CENTURY_S,
                    36_000,
                    "how long a session cookie is valid",
                ),
                admin_email: reader.text(
                    "admin.email",
                    "admin@wares.localhost",
                    "the first admin's email, when there is no user yet",
                ),
                admin_password: reader.secret(
                    "admin.password",
                    "the first admin's password; without it, a random one is printed once",
                ),
            },
            cors: Cors {
                origins: reader.origins(
                    "cors.origins",
                    "origins whose pages may use the host, like https://shop.example",
                ),
            },
            breaker: Breaker {
                failures_min: reader.number32(
                    "breaker.failures_min",
                    1..=u32::MAX,
                    10,
                    "failing pairs of a caller and a route, half of all, after which a module answers 503 for a while; one caller counts for half of them at most",
                ),
                window_ms: reader.milliseconds("breaker.window_ms",
                    10_000,
                    "the time within which they count",
                ),
                rest_ms: reader.milliseconds_or_none("breaker.rest_ms",
                    5_000,
                    "how long it answers 503 before one call is tried",
                ),
            },
            compile: Compile {
                component_bytes_max: reader.bytes("compile.component_bytes_max", 1 << 10..=2 << 30,
                    50 * 1024 * 1024,
                    "the largest component",
                ),
                deadline_ms: reader.milliseconds("compile.deadline_ms",
                    60_000,
                    "how long compiling one may take",
                ),
                memory_bytes_max: reader.bytes("compile.memory_bytes_max", 16 << 20..=1 << 40,
                    2 * 1024 * 1024 * 1024,
                    "the memory that compiling one may take",
                ),
            },
            versions: Versions {
                require_signature: reader.flag(
                    "versions.require_signature",
                    false,
                    "install and serve signed components alone, beside those that are built in",
                ),
                public_keys: reader.keys(
                    "versions.public_keys",
                    "the keys that they may be signed with, as minisign writes them",
                ),
                drain_ms: reader.milliseconds_or_none("versions.drain_ms",
                    30_000,
                    "how long calls of a version that was replaced may take",
                ),
            },
            canary: Canary {
                calls_min: reader.count(
                    "canary.calls_min",
                    20,
                    "calls before a canary can be withdrawn",
                ),
                promote_calls: reader.number("canary.promote_calls", 0..=u64::MAX,
                    1_000,
                    "good calls after which it is promoted; 0 for never",
                ),
                bad_percent_max: reader.number("canary.bad_percent_max", 0..=100,
                    5,
                    "percent points by which more of its calls may fail or be answered with 5xx",
                ),
                latency_percent_max: reader.number("canary.latency_percent_max", 1..=u32::MAX.into(),
                    300,
                    "its highest mean latency, in percent of that of the current version",
                ),
            },
            modules: reader
                .names("modules")
                .into_iter()
                .map(|name| {
                    let module = Module::read(&name, &limits_default, reader);
                    (name, module)
                })
                .collect(),
            stack_bytes_max: reader.stack(
                "limits.stack_bytes_max",
                1024 * 1024,
                "the stack of a call, the same for all modules",
            ),
            limits: limits_default,
            passed_over: Vec::new(),
        }
    }

    /// What one call of a module of this name may use.
    pub fn limits_of(&self, name: &str) -> &Limits {
        self.modules
            .get(name)
            .map_or(&self.limits, |module| &module.limits)
    }

    /// The limits of every module, and those of modules that are not named.
    pub fn all_limits(&mut self) -> impl Iterator<Item = &mut Limits> {
        self.modules
            .values_mut()
            .map(|module| &mut module.limits)
            .chain([&mut self.limits])
    }
}

impl Module {
    fn read(name: &str, limits: &Limits, reader: &mut Reader) -> Self {
        let key = format!("modules.{name}");
        let component = reader.text(
            &format!("{key}.component"),
            "",
            "a component in place of the built-in one",
        );
        Self {
            component: (!component.is_empty()).then(|| component.into()),
            grants: reader.grants(
                &format!("{key}.grants"),
                "what the component may use of the host",
            ),
            path_prefixes: reader.path_prefixes(
                &format!("{key}.path_prefixes"),
                "below which paths the component's routes may lie",
            ),
            limits: Limits::read(&format!("{key}.limits"), limits, reader),
            config: reader.table(&format!("{key}.config"), "the module's own settings"),
        }
    }
}
