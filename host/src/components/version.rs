//! One module that is ready to serve.

pub(super) mod asked;
mod nested;

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::engine::{
    CallContext, CallError, Engine, Grants, Limits, LoadError, Nesting, NotGranted, Outbound,
    Settings,
};
use crate::printable::cut;
use crate::storage::{
    DataFolder, Database, DatabaseOptions, MigrationError, Schema, Session, StorageError,
};
use crate::telemetry::{KeptLog, LogBudget};

use super::candidates::REASON_BYTES_MAX;
use super::chain::FailurePolicy;
use super::contract::{
    Contract, Entity, Field, Method, Profile, Request, Response, Route, SeedKind, Subscription,
};
use super::remarks::Remarks;
use super::routing::{FoundRoute, Pattern};
use super::settings::{ModuleLimits, ModuleOptions};
use super::signature::SignatureError;
use super::source::{Origin, Rank, Source};
use super::statistics::Statistics;

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

/// A module, and what the host and its operator hold of it.
struct Loaded {
    name: Arc<str>,
    contract: Contract,
    profile: Profile,
    module_limits: ModuleLimits,
    settings: Settings,
    limits: Arc<Limits>,
    log: Arc<LogBudget>,
    outbound: Arc<Outbound>,
    grants: Grants,
    remarks: Remarks,
    on_failure: Option<FailurePolicy>,
}

/// Why a module is not served.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The component does not load.
    #[error("{origin}: {source}")]
    Load {
        /// The origin of the component.
        origin: String,
        /// The cause.
        source: LoadError,
    },
    /// The component is not signed as it has to be.
    #[error("{origin}: {source}")]
    Signature {
        /// The origin of the component.
        origin: String,
        /// The cause.
        source: SignatureError,
    },
    /// The database does not open.
    #[error("the database of module {name}: {source}")]
    Storage {
        /// The module.
        name: Arc<str>,
        /// The cause.
        source: StorageError,
    },
    /// The schema cannot be brought up to date.
    #[error("the schema of module {name}: {source}")]
    Migration {
        /// The module.
        name: Arc<str>,
        /// The cause.
        source: MigrationError,
    },
}

impl VersionError {
    /// The name of the module, if the component returned it before it was refused.
    pub fn module(&self) -> Option<&str> {
        match self {
            Self::Load {
                source: LoadError::NotGranted { module, .. } | LoadError::Settings { module, .. },
                ..
            } => Some(module),
            _ => None,
        }
    }

    /// What the component wants and is not granted.
    pub(crate) fn not_granted(&self) -> Option<&NotGranted> {
        match self {
            Self::Load {
                source: LoadError::NotGranted { refused, .. },
                ..
            } => Some(refused),
            _ => None,
        }
    }

    /// The faults that the component finds in the module's settings, each with its key.
    pub(crate) fn of_settings(&self) -> &[String] {
        match self {
            Self::Load {
                source: LoadError::Settings { faults, .. },
                ..
            } => faults,
            _ => &[],
        }
    }
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
        let contract = Contract::load(engine, &source.bytes, source.digest)?;
        let (profile, options) = Profile::ask(&contract, source, options, asking)?;
        KeptLog::begin(&profile.name);
        let limits = Arc::new(options.limits.of_call());
        let loaded = Loaded {
            log: LogBudget::of(
                &profile.name,
                limits.capabilities.logging.per_second,
                options.log_level,
            ),
            outbound: Arc::new(options.outbound(&profile.name, &profile.version)),
            name: profile.name.as_str().into(),
            settings: serving(&options.config, &limits),
            grants: options.grants,
            contract,
            profile,
            module_limits: options.limits,
            limits,
            remarks: Remarks::default(),
            on_failure: options.on_failure,
        };
        Ok(Self {
            loaded: Arc::new(loaded),
            statistics: Arc::default(),
            retired: Arc::default(),
            origin: Origin {
                rank: source.rank,
                label: source.origin.clone(),
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
    pub(crate) fn again(&self) -> Self {
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
    pub fn open(&self, data: &DataFolder, migrate: bool) -> Result<(), VersionError> {
        let storage = |source| self.storage_error(source);
        let migration = |source| VersionError::Migration {
            name: self.loaded.name.clone(),
            source,
        };
        let database = self
            .database_at(&data.database(&self.loaded.name))
            .map_err(storage)?;
        if migrate {
            let applied = database
                .migrate(&self.loaded.profile.schema)
                .map_err(migration)?;
            log_migrations(&self.loaded.name, &applied);
        } else if let Some(name) = database
            .pending(&self.loaded.profile.schema)
            .map_err(migration)?
            .into_iter()
            .next()
        {
            return Err(migration(MigrationError::Pending(name)));
        }
        database.watch();
        self.attach(database);
        Ok(())
    }

    pub(super) fn storage_error(&self, source: StorageError) -> VersionError {
        VersionError::Storage {
            name: self.loaded.name.clone(),
            source,
        }
    }

    /// A database with this module's limits.
    pub(super) fn database_at(&self, file: &Path) -> Result<Database, StorageError> {
        let limits = &self.loaded.module_limits;
        let options = DatabaseOptions {
            bytes_max: limits.database_bytes_max as u64,
            within_disk: limits.database_within_disk,
            migration_ms: limits.migration_ms,
            trial: self.loaded.contract.component().trial(),
            ..DatabaseOptions::default()
        };
        Database::open(file, &options)
    }

    /// Attaches the database of the version before it, whose schema fits it.
    pub(super) fn attach(&self, database: Database) {
        // A version has one database for as long as it is loaded.
        let _ = self.database.set(database);
    }

    /// Its migrations.
    pub fn schema(&self) -> &Schema {
        &self.loaded.profile.schema
    }

    /// Returns its call statistics.
    pub fn statistics(&self) -> &Arc<Statistics> {
        &self.statistics
    }

    /// Changes the origin of its component.
    pub(super) fn come_from(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Returns the origin of its component.
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
        &self.loaded.profile.version
    }

    /// One sentence on what it is.
    pub fn summary(&self) -> &str {
        &self.loaded.profile.summary
    }

    /// Bytes of the machine code of its component.
    pub fn machine_code_bytes(&self) -> u64 {
        self.loaded.contract.component().machine_code_bytes()
    }

    /// How long its component took to compile; `None` if the machine code was kept.
    pub(super) fn compiled_in(&self) -> Option<Duration> {
        self.loaded.contract.component().compiled_in()
    }

    /// The digest of its component.
    pub fn digest(&self) -> Digest {
        self.loaded.contract.component().digest()
    }

    /// Its routes.
    pub fn routes(&self) -> &[Route] {
        &self.loaded.profile.routes
    }

    /// The path patterns of its routes, in their order.
    pub fn patterns(&self) -> &[Pattern] {
        self.loaded.profile.route_tree.patterns()
    }

    /// Looks a route up; as [`super::routing`] has it.
    pub(super) fn find_route(&self, method: Option<Method>, path: &str) -> FoundRoute {
        self.loaded.profile.route_tree.find(method, path)
    }

    /// Whether a path can be asked for, by any method.
    pub(super) fn serves(&self, path: &str) -> bool {
        self.loaded.profile.route_tree.serves(path)
    }

    /// Returns the OpenAPI operation objects of its routes, in their order.
    pub fn operations(&self) -> &[Map<String, Value>] {
        &self.loaded.profile.operations
    }

    /// The JSON Schemas that the operations refer to, by their names.
    pub fn schemas(&self) -> &Map<String, Value> {
        &self.loaded.profile.schemas
    }

    /// Its entities that other components may extend.
    pub fn entities(&self) -> &[Entity] {
        &self.loaded.profile.entities
    }

    /// The fields and relations that it provides for entities of others.
    pub fn fields(&self) -> &[Field] {
        &self.loaded.profile.fields
    }

    /// The events that it takes.
    pub fn subscriptions(&self) -> &[Subscription] {
        &self.loaded.profile.subscriptions
    }

    /// Whether it takes events of this name.
    pub(super) fn subscribes_to(&self, name: &str) -> bool {
        self.subscriptions().iter().any(|one| one.has(name))
    }

    /// Whether it is granted the events of a component.
    pub(super) fn may_have_events_of(&self, component: &str) -> bool {
        self.loaded.grants.has_events_of(component)
    }

    /// Returns the names of the grants that it needs.
    pub fn grants_needed(&self) -> &[String] {
        &self.loaded.profile.wants
    }

    /// The names of the interfaces that its component exports.
    pub(super) fn exports(&self) -> Vec<String> {
        self.loaded.contract.component().exports()
    }

    /// Returns the grants that it has and does not need.
    pub fn unused_grants(&self) -> &[String] {
        &self.loaded.profile.unused_grants
    }

    /// Returns the remarks on this version's answers that the log has already.
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
    /// When the call returns nothing.
    pub fn handle(
        &self,
        request: &Request,
        waited: Duration,
        caller: &Arc<str>,
    ) -> Result<Response, CallError> {
        let database = self.database.get();
        let session = database.map(|database| {
            let session = database.session(&self.loaded.limits.capabilities.sql);
            session.after(waited)
        });
        let mut context = self.context_of(session);
        context.nesting.caller = caller.clone();
        context.nesting.actor = request.actor.as_ref().map(|actor| actor.kind.name());
        context.nesting.reaches_others = true;
        self.loaded.contract.handle(context, request)
    }

    /// Answers a request as [`Self::handle`] does, but keeps nothing of what it writes.
    pub(super) fn rehearse(
        &self,
        request: &Request,
        database: &Database,
    ) -> Result<Response, CallError> {
        let session = database.rehearsal(&self.loaded.limits.capabilities.sql);
        let context = self.context_of(Some(session));
        self.loaded.contract.handle(context, request)
    }

    /// Calls a typed operation; see [`crate::engine::Component::call_by_name`].
    ///
    /// # Errors
    /// As there.
    pub fn call_by_name(&self, call: &str) -> Result<Result<String, String>, CallError> {
        self.loaded
            .contract
            .component()
            .call_by_name(self.context(self.database.get()), call)
    }

    /// Whether a typed operation can be called so; see [`crate::engine::Component::check_call`].
    ///
    /// # Errors
    /// As there.
    pub fn check_call(&self, call: &str) -> Result<(), CallError> {
        self.loaded.contract.component().check_call(call)
    }

    /// The kinds of data that the module can seed.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn seed_kinds(&self) -> Result<Vec<SeedKind>, CallError> {
        self.loaded.contract.seed_kinds(self.context(None))
    }

    /// Adds so much data of a kind. The inner error says what went wrong.
    ///
    /// # Errors
    /// When the call returns nothing.
    pub fn seed(&self, kind: u32, count: u32) -> Result<Result<(), String>, CallError> {
        self.loaded
            .contract
            .seed(self.context(self.database.get()), kind, count)
    }

    fn context(&self, database: Option<&Database>) -> CallContext {
        let session =
            database.map(|database| database.session(&self.loaded.limits.capabilities.sql));
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
            outbound: self.loaded.outbound.clone(),
            nesting: Nesting::default(),
            trial: self.loaded.contract.component().trial(),
        }
    }
}

/// Logs the migrations that were applied. Their names are as long as the
/// component likes.
pub(super) fn log_migrations(module: &str, migrations: &[String]) {
    for migration in migrations {
        let migration = &*cut(migration, REASON_BYTES_MAX);
        tracing::info!(module, migration, "migration applied");
    }
}
