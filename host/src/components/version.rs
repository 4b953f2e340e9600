//! One module that is ready to serve.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::engine::bindings::exports::wares::module::http as wit;
use crate::engine::bindings::exports::wares::module::lifecycle;
use crate::engine::bindings::exports::wares::module::seed::Kind;
use crate::engine::{CallContext, CallError, Component, Engine, Limits, LoadError, Settings};
use crate::headers;
use crate::printable::cut;
use crate::storage::{
    Database, DatabaseOptions, Migration, MigrationError, Schema, Session, StorageError,
};
use crate::telemetry::LogBudget;

use super::candidates::REASON_BYTES_MAX;
use super::description;
use super::remarks::Remarks;
use super::routing::{FoundRoute, PathPrefix, Pattern, RouteTree};
use super::signature::SignatureError;
use super::source::{Origin, Rank, Source};
use super::statistics::Statistics;

pub use wit::{Access, Method, Route};

/// A module: a component with a name, routes and a database.
pub struct Version {
    loaded: Arc<Loaded>,
    statistics: Arc<Statistics>,
    retired: Arc<AtomicBool>,
    origin: Origin,
    base: Option<Cow<'static, [u8]>>,
    /// The key that signed the file that it is served from.
    signed_by: Option<String>,
    database: OnceLock<Database>,
}

/// A component, and all that it said of itself.
struct Loaded {
    name: Arc<str>,
    version: semver::Version,
    summary: String,
    component: Component,
    routes: Vec<Route>,
    route_tree: RouteTree,
    operations: Vec<Map<String, Value>>,
    schemas: Map<String, Value>,
    unused_grants: Vec<String>,
    schema: Schema,
    database_bytes_max: u64,
    database_within_disk: bool,
    migration_ms: u64,
    settings: Settings,
    limits: Arc<Limits>,
    log: Arc<LogBudget>,
    remarks: Remarks,
}

/// What the operator says of a module.
#[derive(Clone, Debug)]
pub struct ModuleOptions {
    /// The largest that its database may become, in bytes.
    pub database_bytes_max: u64,
    /// Whether the size of the disk bounds it as well.
    pub database_within_disk: bool,
    /// How long the steps of its schema may run, in milliseconds.
    pub migration_ms: u64,
    /// What of the host it may use; see [`crate::engine::GRANTS`].
    pub grants: Vec<String>,
    /// Below which of these its routes lie.
    pub path_prefixes: Vec<PathPrefix>,
    /// What one call may use.
    pub limits: Limits,
    /// Keys and values for the component.
    pub settings: Vec<(String, String)>,
}

/// Why a module is not served.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The component does not load.
    #[error("{origin}: {source}")]
    Load {
        /// Where the component is from.
        origin: String,
        /// What is wrong with it.
        source: LoadError,
    },
    /// The component is not signed as it has to be.
    #[error("{origin}: {source}")]
    Signature {
        /// Where the component is from.
        origin: String,
        /// What is wrong with its signature.
        source: SignatureError,
    },
    /// The database does not open.
    #[error("the database of module {name}: {source}")]
    Storage {
        /// The module.
        name: Arc<str>,
        /// What is wrong with it.
        source: StorageError,
    },
    /// The schema cannot be brought up to date.
    #[error("the schema of module {name}: {source}")]
    Migration {
        /// The module.
        name: Arc<str>,
        /// What is wrong with it.
        source: MigrationError,
    },
}

/// All that a component says of itself together, in bytes.
const SAID_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Routes, and steps of a schema.
const MANY: usize = 1_000;
/// The path of a route, in bytes.
const PATH_BYTES_MAX: usize = 1_000;
/// Faults of its settings.
const FAULTS_MAX: usize = 100;
/// What is shown of a text of a component's that is wrong, in bytes.
const SHOWN_BYTES_MAX: usize = 300;

/// How a module's name may look: it becomes a file name and a key of `wares.toml`.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A JSON object, or nothing at all, as one.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The settings that calls see: beside the operator's, the limits that a component
/// keeps its answers within, under names that the operator's cannot have.
fn serving(settings: &[(String, String)], limits: &Limits) -> Settings {
    let limits = [
        ("wares.response_bytes_max", limits.response_bytes_max),
        ("wares.memory_bytes_max", limits.memory_bytes_max),
    ]
    .map(|(key, limit)| (key, limit.to_string()));
    let operators = settings
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    Settings::new(operators.chain(limits.iter().map(|(key, limit)| (*key, limit.as_str()))))
}

fn schema(steps: Vec<lifecycle::Migration>, steps_needed: Option<u32>) -> Schema {
    let step = |step: lifecycle::Migration| Migration {
        name: step.name,
        statements: step.statements,
    };
    Schema {
        steps: steps.into_iter().map(step).collect(),
        steps_needed,
    }
}

/// How much a component has said of itself. All of it is kept.
#[derive(Default)]
struct Said {
    bytes: usize,
}

impl Said {
    /// It has said so many bytes more.
    fn adds(&mut self, what: &str, bytes: usize) -> Result<(), LoadError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > SAID_BYTES_MAX {
            return Err(LoadError::Contract(format!(
                "it says more than {SAID_BYTES_MAX} bytes of itself, its {what} included"
            )));
        }
        Ok(())
    }

    /// It has so many of something.
    fn has(&self, what: &str, count: usize) -> Result<(), LoadError> {
        if count > MANY {
            return Err(LoadError::Contract(format!(
                "it has {count} {what}, more than {MANY}"
            )));
        }
        Ok(())
    }
}

/// What a route says of itself, as a JSON object. What of it is taken is decided later.
fn operation(route: &mut Route, said: &mut Said) -> Result<Map<String, Value>, LoadError> {
    let operation = std::mem::take(&mut route.operation);
    let headers: usize = route.headers.iter().map(String::len).sum();
    said.adds("routes", route.path.len() + headers + operation.len())?;
    if route.path.len() > PATH_BYTES_MAX {
        return Err(LoadError::Contract(format!(
            "it has a route whose path is longer than {PATH_BYTES_MAX} bytes"
        )));
    }
    headers::asked(&mut route.headers).map_err(|reason| {
        let path = cut(&route.path, SHOWN_BYTES_MAX);
        LoadError::Contract(format!("its route {} {reason}", path.escape_debug()))
    })?;
    object(&operation).map_err(|reason| {
        let path = cut(&route.path, SHOWN_BYTES_MAX);
        not_described(&format!("the route {}", path.escape_debug()), &reason)
    })
}

fn not_described(what: &str, reason: &str) -> LoadError {
    LoadError::Contract(format!(
        "what it says of {what} is no JSON object: {reason}"
    ))
}

impl Version {
    /// Loads a component, asks it who it is, and has it check its settings.
    /// `options` tells what the operator says of a module of that name.
    ///
    /// # Errors
    /// When the component does not load, or does not answer as it must.
    pub fn load(
        engine: &Engine,
        source: &Source,
        options: impl FnOnce(&str) -> ModuleOptions,
        asking: &Limits,
    ) -> Result<Self, VersionError> {
        Self::try_load(engine, source, options, asking).map_err(|error| VersionError::Load {
            origin: source.origin.clone(),
            source: error,
        })
    }

    fn try_load(
        engine: &Engine,
        source: &Source,
        options: impl FnOnce(&str) -> ModuleOptions,
        asking: &Limits,
    ) -> Result<Self, LoadError> {
        let component = engine.load(&source.bytes)?;
        let mut said = Said::default();
        let asking = Arc::new(asking.clone());
        let log = LogBudget::of_loading(asking.log);
        let context = |settings: &Settings, limits: &Arc<Limits>| CallContext {
            component: source.origin.as_str().into(),
            log: log.clone(),
            settings: settings.clone(),
            session: None,
            limits: limits.clone(),
            retired: Arc::default(),
        };
        let description = component.describe(context(&Settings::new([]), &asking))?;
        if !is_name(&description.name) {
            return Err(LoadError::Contract(format!(
                "it calls itself '{}': a name is 1 to 64 lower-case letters, digits and -",
                cut(&description.name, SHOWN_BYTES_MAX).escape_debug()
            )));
        }
        said.adds("summary", description.summary.len())?;
        if let Some(name) = &source.name
            && *name != description.name
        {
            return Err(LoadError::Contract(format!(
                "it is the module '{}', but stands under modules.{name}",
                description.name
            )));
        }
        let version = semver::Version::parse(&description.version).map_err(|error| {
            LoadError::Contract(format!(
                "its version '{}' is not semver: {error}",
                cut(&description.version, SHOWN_BYTES_MAX).escape_debug()
            ))
        })?;
        if description.version.len() > SHOWN_BYTES_MAX {
            return Err(LoadError::Contract(format!(
                "its version is longer than {SHOWN_BYTES_MAX} bytes"
            )));
        }
        let options = options(&description.name);
        // Nothing was in reach yet: a component that is asked about itself has no database.
        let needed = component.grants_needed();
        let mut unused_grants = options.grants.clone();
        unused_grants.retain(|granted| needed.iter().all(|(_, grant)| grant != granted));
        for (import, grant) in needed {
            if !options.grants.iter().any(|granted| granted == grant) {
                return Err(LoadError::NotGranted {
                    import,
                    grant,
                    module: description.name,
                });
            }
        }
        let settings = Settings::new(
            options
                .settings
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        let limits = Arc::new(options.limits);
        component
            .check_settings(context(&settings, &limits))?
            .map_err(|faults| {
                let key = |fault: String| {
                    let fault = cut(&fault, SHOWN_BYTES_MAX);
                    format!("modules.{}.config.{fault}", description.name)
                };
                LoadError::Settings(faults.into_iter().take(FAULTS_MAX).map(key).collect())
            })?;
        let mut routes = component.routes(context(&settings, &limits))?;
        said.has("routes", routes.len())?;
        let operations = routes
            .iter_mut()
            .map(|route| operation(route, &mut said))
            .collect::<Result<_, _>>()?;
        let route_tree = RouteTree::new(&routes, &description.name, &options.path_prefixes)?;
        let steps = component.migrations(context(&settings, &limits))?;
        said.has("steps of its schema", steps.len())?;
        for step in &steps {
            said.adds(
                "steps of its schema",
                step.name.len() + step.statements.len(),
            )?;
        }
        let schema = schema(steps, component.steps_needed(context(&settings, &limits))?);
        let schemas = component.schemas(context(&settings, &limits))?;
        said.adds("schemas", schemas.len())?;
        let schemas = object(&schemas).map_err(|reason| not_described("its schemas", &reason))?;
        let settings = serving(&options.settings, &limits);
        let paths: Vec<&str> = routes.iter().map(|route| &*route.path).collect();
        let (operations, schemas) =
            description::take(&paths, operations, schemas).map_err(LoadError::Contract)?;
        let loaded = Loaded {
            log: LogBudget::of(&description.name, limits.log),
            name: description.name.into(),
            version,
            summary: description.summary,
            component,
            routes,
            route_tree,
            operations,
            schemas,
            unused_grants,
            schema,
            database_bytes_max: options.database_bytes_max,
            database_within_disk: options.database_within_disk,
            migration_ms: options.migration_ms,
            settings,
            limits,
            remarks: Remarks::default(),
        };
        Ok(Self {
            loaded: Arc::new(loaded),
            statistics: Arc::default(),
            retired: Arc::default(),
            origin: Origin {
                rank: source.rank,
                place: source.origin.clone(),
                since: source.since.clone(),
            },
            base: (!matches!(source.rank, Rank::Active | Rank::Earlier))
                .then(|| source.bytes.clone()),
            signed_by: None,
            database: OnceLock::new(),
        })
    }

    /// The same version, to be put in service once more: it has counted nothing yet, and its
    /// database is not open. It shares the component that is loaded.
    pub(super) fn again(&self) -> Self {
        Self {
            loaded: self.loaded.clone(),
            statistics: Arc::default(),
            retired: Arc::default(),
            origin: self.origin.clone(),
            base: None,
            signed_by: None,
            database: OnceLock::new(),
        }
    }

    /// The same, signed by this key.
    pub fn signed_by(self, signed_by: Option<String>) -> Self {
        Self { signed_by, ..self }
    }

    /// The key that signed the file that it is served from.
    pub(super) fn signer(&self) -> Option<&str> {
        self.signed_by.as_deref()
    }

    /// Opens the module's database in `folder` and, if `migrate`, brings its
    /// schema up to date; otherwise the schema has to be so already. One that a
    /// later version brought further is left alone, if that version allows it.
    ///
    /// # Errors
    /// When the database does not open or its schema does not fit.
    pub fn open(&self, folder: &Path, migrate: bool) -> Result<(), VersionError> {
        let storage = |source| VersionError::Storage {
            name: self.loaded.name.clone(),
            source,
        };
        let migration = |source| VersionError::Migration {
            name: self.loaded.name.clone(),
            source,
        };
        let database = self
            .database_at(&folder.join(format!("{}.db", self.loaded.name)))
            .map_err(storage)?;
        if migrate {
            let steps = database.migrate(&self.loaded.schema).map_err(migration)?;
            tell(&self.loaded.name, &steps);
        } else if let Some(step) = database
            .pending(&self.loaded.schema)
            .map_err(migration)?
            .into_iter()
            .next()
        {
            return Err(migration(MigrationError::Pending(step)));
        }
        database.watch();
        self.attach(database);
        Ok(())
    }

    /// A database with this module's limits.
    pub(super) fn database_at(&self, file: &Path) -> Result<Database, StorageError> {
        let options = DatabaseOptions {
            bytes_max: self.loaded.database_bytes_max,
            within_disk: self.loaded.database_within_disk,
            migration_ms: self.loaded.migration_ms,
            ..DatabaseOptions::default()
        };
        Database::open(file, &options)
    }

    /// Gives it the database of the version before it, whose schema fits it.
    pub(super) fn attach(&self, database: Database) {
        // A version has one database for as long as it is loaded.
        let _ = self.database.set(database);
    }

    /// The steps of its schema.
    pub(super) fn schema(&self) -> &Schema {
        &self.loaded.schema
    }

    /// What its calls took, and how they ended.
    pub fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }

    /// Says that its component comes from somewhere else by now.
    pub(super) fn come_from(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Where its component comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its component, unless it is kept as a version already.
    pub(super) fn base(&self) -> Option<&[u8]> {
        self.base.as_deref()
    }

    /// Ends the calls that still run, each as soon as its component is looked at.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// The module's name.
    pub fn name(&self) -> &str {
        &self.loaded.name
    }

    /// The module's own version.
    pub fn version(&self) -> &semver::Version {
        &self.loaded.version
    }

    /// One sentence on what it is.
    pub fn summary(&self) -> &str {
        &self.loaded.summary
    }

    /// SHA-256 of its component, in hexadecimal.
    pub fn digest(&self) -> &str {
        self.loaded.component.digest()
    }

    /// Its routes.
    pub fn routes(&self) -> &[Route] {
        &self.loaded.routes
    }

    /// The path patterns of its routes, in their order.
    pub fn patterns(&self) -> &[Pattern] {
        self.loaded.route_tree.patterns()
    }

    /// Looks a route up; see [`RouteTree::find`].
    pub(super) fn find_route(&self, method: Option<Method>, path: &str) -> FoundRoute {
        self.loaded.route_tree.find(method, path)
    }

    /// Whether a path can be asked for, by any method.
    pub(super) fn serves(&self, path: &str) -> bool {
        self.loaded.route_tree.serves(path)
    }

    /// What each of its routes takes and gives, in their order: OpenAPI operation objects.
    pub fn operations(&self) -> &[Map<String, Value>] {
        &self.loaded.operations
    }

    /// The JSON Schemas that the operations refer to, by their names.
    pub fn schemas(&self) -> &Map<String, Value> {
        &self.loaded.schemas
    }

    /// What it is granted, and does not import.
    pub fn unused_grants(&self) -> &[String] {
        &self.loaded.unused_grants
    }

    /// What the log has said of this version's answers already.
    pub fn remarks(&self) -> &Remarks {
        &self.loaded.remarks
    }

    /// Its database, once it is open.
    pub fn database(&self) -> Option<&Database> {
        self.database.get()
    }

    /// Answers a request that has waited so long. Blocks until the answer is there.
    ///
    /// # Errors
    /// When the component gives no answer.
    pub fn handle(
        &self,
        request: &wit::Request,
        waited: Duration,
    ) -> Result<wit::Response, CallError> {
        let database = self.database.get();
        let session = database.map(|database| {
            let session = database.session(&self.loaded.limits.sql);
            session.after(waited)
        });
        let context = self.context_of(session);
        self.loaded.component.handle(context, request)
    }

    /// Answers a request as [`Self::handle`] does, but keeps nothing of what it writes.
    pub(super) fn rehearse(
        &self,
        request: &wit::Request,
        database: &Database,
    ) -> Result<wit::Response, CallError> {
        let session = database.rehearsal(&self.loaded.limits.sql);
        let context = self.context_of(Some(session));
        self.loaded.component.handle(context, request)
    }

    /// Calls a typed operation; see [`Component::call_by_name`].
    ///
    /// # Errors
    /// As there.
    pub fn call_by_name(&self, call: &str) -> Result<Result<String, String>, CallError> {
        self.loaded
            .component
            .call_by_name(self.context(self.database.get()), call)
    }

    /// Whether a typed operation can be called so; see [`Component::check_call`].
    ///
    /// # Errors
    /// As there.
    pub fn check_call(&self, call: &str) -> Result<(), CallError> {
        self.loaded.component.check_call(call)
    }

    /// What the module can sow.
    ///
    /// # Errors
    /// When the component gives no answer.
    pub fn kinds(&self) -> Result<Vec<Kind>, CallError> {
        self.loaded.component.kinds(self.context(None))
    }

    /// Adds plausible data. The inner error says what went wrong.
    ///
    /// # Errors
    /// When the component gives no answer.
    pub fn sow(&self, kind: u32, count: u32) -> Result<Result<(), String>, CallError> {
        self.loaded
            .component
            .sow(self.context(self.database.get()), kind, count)
    }

    fn context(&self, database: Option<&Database>) -> CallContext {
        let session = database.map(|database| database.session(&self.loaded.limits.sql));
        self.context_of(session)
    }

    fn context_of(&self, session: Option<Session>) -> CallContext {
        CallContext {
            component: self.loaded.name.clone(),
            log: self.loaded.log.clone(),
            settings: self.loaded.settings.clone(),
            session,
            limits: self.loaded.limits.clone(),
            retired: self.retired.clone(),
        }
    }
}

/// Logs the steps that have brought a schema forward. Their names are as long as the
/// component likes.
pub(super) fn tell(module: &str, steps: &[String]) {
    for step in steps {
        let step = &*cut(step, REASON_BYTES_MAX);
        tracing::info!(module, step, "schema brought forward");
    }
}
