//! The profile of a module, asked when it is loaded: checked, bounded, and kept. A
//! function a question. Nothing is in reach of the module yet, its database included.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::components::ModuleOptions;
use crate::components::name::is_module_name;
use crate::components::routing::RouteTree;
use crate::components::source::Source;
use crate::engine::{
    CallContext, FIELDS, Grants, Limits, LoadError, Need, Nesting, Outbound, SUBSCRIPTIONS,
    Settings,
};
use crate::headers;
use crate::printable::cut;
use crate::storage::{Migration, Schema};
use crate::telemetry::LogBudget;

use super::fields::check_entities;
use super::{Contract, Entity, Field, Route, Subscription, description};

/// All that a module says of itself together, in bytes.
const SAID_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Routes, and migrations.
const COUNT_MAX: usize = 1_000;
/// The path of a route, in bytes.
const PATH_BYTES_MAX: usize = 1_000;
/// Faults of its settings.
const FAULTS_MAX: usize = 100;
/// The kept part of its summary, in bytes.
const SUMMARY_BYTES_MAX: usize = 1000;
/// Bytes that an error shows of a module's text.
const SHOWN_BYTES_MAX: usize = 300;

/// An OpenAPI operation object.
type Operation = Map<String, Value>;

/// The answers of a module about itself.
pub(in crate::components) struct Profile {
    pub name: String,
    pub version: semver::Version,
    pub summary: String,
    pub routes: Vec<Route>,
    /// The path patterns of the routes.
    pub route_tree: RouteTree,
    /// The OpenAPI operations of the routes, in their order.
    pub operations: Vec<Operation>,
    /// The schemas that the operations refer to.
    pub schemas: Map<String, Value>,
    pub schema: Schema,
    /// Its entities that others may extend.
    pub entities: Vec<Entity>,
    /// The fields and relations that it provides for others.
    pub fields: Vec<Field>,
    /// The events that it takes.
    pub subscriptions: Vec<Subscription>,
    /// The grants that it needs, and nothing more.
    pub wants: Vec<String>,
    /// The grants that it has and does not need.
    pub unused_grants: Vec<String>,
}

impl Profile {
    /// Asks a module who it is, and all else as what the operator says of a module of
    /// that name has it.
    ///
    /// # Errors
    /// When the module does not answer as it must, or the operator does not allow it.
    pub fn ask(
        contract: &Contract,
        source: &Source,
        options: impl FnOnce(&str) -> ModuleOptions,
        asking: &Limits,
    ) -> Result<(Self, ModuleOptions), LoadError> {
        let mut interview = Interview {
            contract,
            component: source.origin.as_str().into(),
            log: LogBudget::of_loading(asking.capabilities.logging.per_second),
            settings: Settings::new([]),
            limits: Arc::new(asking.clone()),
            outbound: Arc::new(Outbound::nowhere()),
            said_bytes: 0,
        };
        let identity = interview.identity(source.name.as_deref())?;
        let options = options(&identity.name);
        let settings = options.config.iter();
        interview.settings = Settings::new(settings.map(|(key, value)| (&**key, &**value)));
        interview.limits = Arc::new(options.limits.of_call());
        let needs = interview.needs();
        let wants = Need::names(&needs);
        let unused_grants = unused(&identity.name, &options.grants, needs)?;
        interview.check_settings(&identity.name)?;
        let (routes, operations) = interview.routes()?;
        let route_tree = RouteTree::new(&routes, &identity.name, &options.path_prefixes)?;
        let schema = interview.schema()?;
        let schemas = interview.schemas()?;
        let paths: Vec<&str> = routes.iter().map(|route| &*route.path).collect();
        let (operations, schemas) =
            description::take(&paths, operations, schemas).map_err(LoadError::Contract)?;
        let entities = interview.entities(&schemas, routes.len())?;
        let fields = interview.fields(&schemas)?;
        let subscriptions = interview.subscriptions()?;
        let profile = Self {
            name: identity.name,
            version: identity.version,
            summary: identity.summary,
            routes,
            route_tree,
            operations,
            schemas,
            schema,
            entities,
            fields,
            subscriptions,
            wants,
            unused_grants,
        };
        Ok((profile, options))
    }
}

/// The name and version of a module.
struct Identity {
    name: String,
    version: semver::Version,
    summary: String,
}

/// A module that is asked about itself.
struct Interview<'a> {
    contract: &'a Contract,
    /// Its origin, for the log.
    component: Arc<str>,
    log: Arc<LogBudget>,
    settings: Settings,
    limits: Arc<Limits>,
    outbound: Arc<Outbound>,
    /// The bytes of its answers, all of which are kept.
    said_bytes: usize,
}

impl Interview<'_> {
    fn context(&self) -> CallContext {
        CallContext {
            component: self.component.clone(),
            log: self.log.clone(),
            settings: self.settings.clone(),
            session: None,
            limits: self.limits.clone(),
            retired: Arc::default(),
            outbound: self.outbound.clone(),
            nesting: Nesting::default(),
            trial: self.contract.component().trial(),
        }
    }

    /// Asks for its name, version and summary. `expected` is the name that it has to have.
    fn identity(&mut self, expected: Option<&str>) -> Result<Identity, LoadError> {
        let description = self.contract.describe(self.context())?;
        if !is_module_name(&description.name) {
            return Err(LoadError::Contract(format!(
                "it calls itself '{}': a name is 1 to 64 lower-case letters, digits and -",
                shown(&description.name)
            )));
        }
        self.says("summary", description.summary.len())?;
        if let Some(expected) = expected
            && expected != description.name
        {
            return Err(LoadError::Contract(format!(
                "it is the module '{}', but stands under modules.{expected}",
                description.name
            )));
        }
        let version = semver::Version::parse(&description.version).map_err(|error| {
            LoadError::Contract(format!(
                "its version '{}' is not semver: {error}",
                shown(&description.version)
            ))
        })?;
        if description.version.len() > SHOWN_BYTES_MAX {
            return Err(LoadError::Contract(format!(
                "its version is longer than {SHOWN_BYTES_MAX} bytes"
            )));
        }
        Ok(Identity {
            name: description.name,
            version,
            summary: cut(&description.summary, SUMMARY_BYTES_MAX).into_owned(),
        })
    }

    /// Which grants does it need?
    fn needs(&self) -> Vec<Need> {
        let mut needs = self.contract.component().grants_needed();
        if let Some(interface) = self.contract.subscriber() {
            needs.push(Need {
                interface,
                uses: "exports",
                grant: SUBSCRIPTIONS,
                of: None,
            });
        }
        let Some(interface) = self.contract.provider() else {
            return needs;
        };
        let need = |of| Need {
            interface: interface.clone(),
            uses: "exports",
            grant: FIELDS,
            of,
        };
        // One whose settings are wrong may not answer: that is told afterwards.
        let fields = self.contract.fields(self.context()).unwrap_or_default();
        match fields.is_empty() {
            true => needs.push(need(None)),
            false => needs.extend(fields.into_iter().map(|field| need(Some(field.entity)))),
        }
        needs
    }

    /// Does it accept the operator's settings?
    fn check_settings(&self, module: &str) -> Result<(), LoadError> {
        let checked = self.contract.check_settings(self.context())?;
        checked.map_err(|faults| {
            let key = |fault: String| {
                let fault = cut(&fault, SHOWN_BYTES_MAX);
                format!("modules.{module}.config.{fault}")
            };
            LoadError::Settings {
                module: module.to_owned(),
                faults: faults.into_iter().take(FAULTS_MAX).map(key).collect(),
            }
        })
    }

    /// Which routes does it serve? Returns them and the operation of each, as a JSON object.
    fn routes(&mut self) -> Result<(Vec<Route>, Vec<Operation>), LoadError> {
        let mut routes = self.contract.routes(self.context())?;
        has("routes", routes.len())?;
        let operations: Result<_, _> = routes
            .iter_mut()
            .map(|route| self.operation(route))
            .collect();
        Ok((routes, operations?))
    }

    fn operation(&mut self, route: &mut Route) -> Result<Operation, LoadError> {
        let operation = std::mem::take(&mut route.operation);
        let headers: usize = route.headers.iter().map(String::len).sum();
        self.says("routes", route.path.len() + headers + operation.len())?;
        if route.path.len() > PATH_BYTES_MAX {
            return Err(LoadError::Contract(format!(
                "it has a route whose path is longer than {PATH_BYTES_MAX} bytes"
            )));
        }
        headers::asked(&mut route.headers).map_err(|reason| {
            LoadError::Contract(format!("its route {} {reason}", shown(&route.path)))
        })?;
        object(&operation)
            .map_err(|reason| not_described(&format!("the route {}", shown(&route.path)), &reason))
    }

    /// Which migrations does its schema need?
    fn schema(&mut self) -> Result<Schema, LoadError> {
        let migrations: Vec<Migration> = self.contract.migrations(self.context())?;
        has("migrations", migrations.len())?;
        for migration in &migrations {
            self.says(
                "migrations",
                migration.name.len() + migration.statements.len(),
            )?;
        }
        let migrations_needed = self.contract.migrations_required(self.context())?;
        Ok(Schema {
            migrations,
            migrations_needed,
        })
    }

    /// Asks for the schemas that the operations of its routes refer to.
    fn schemas(&mut self) -> Result<Map<String, Value>, LoadError> {
        let schemas = self.contract.schemas(self.context())?;
        self.says("schemas", schemas.len())?;
        object(&schemas).map_err(|reason| not_described("its schemas", &reason))
    }

    /// Which entities of its own may others extend?
    fn entities(
        &mut self,
        schemas: &Map<String, Value>,
        routes: usize,
    ) -> Result<Vec<Entity>, LoadError> {
        let entities = self.contract.entities(self.context())?;
        has("entities", entities.len())?;
        for entity in &entities {
            let names = entity.names.iter().map(String::len).sum::<usize>();
            let lists = entity.lists.len() * size_of::<u32>();
            let bytes = entity.name.len() + entity.schema.len() + names + lists;
            self.says("entities", bytes)?;
        }
        check_entities(&entities, schemas, routes).map_err(LoadError::Contract)?;
        Ok(entities)
    }

    /// Which fields and relations does it provide for others?
    fn fields(&mut self, schemas: &Map<String, Value>) -> Result<Vec<Field>, LoadError> {
        let declared = self.contract.fields(self.context())?;
        has("fields", declared.len())?;
        let mut fields: Vec<Field> = Vec::with_capacity(declared.len());
        for field in declared {
            let bytes = field.entity.len() + field.name.len() + field.schema.len();
            self.says("fields", bytes)?;
            let name = shown(&field.name);
            let faulty = |reason: String| {
                LoadError::Contract(format!("its field '{name}' cannot be served: {reason}"))
            };
            let schema = object(&field.schema)
                .and_then(|schema| description::take_schema(schema, schemas))
                .map_err(|reason| faulty(format!("its schema is no JSON Schema: {reason}")))?;
            let field = Field::new(field, schema).map_err(faulty)?;
            let is_same = |other: &Field| {
                let (one, two) = (&*field.name, &*other.name);
                other.entity == field.entity
                    && (one == two || one == other.key() || two == field.key())
            };
            if fields.iter().any(is_same) {
                return Err(LoadError::Contract(format!(
                    "it provides '{name}' of {} twice",
                    field.entity
                )));
            }
            fields.push(field);
        }
        Ok(fields)
    }

    /// Which events does it take?
    fn subscriptions(&mut self) -> Result<Vec<Subscription>, LoadError> {
        let names = self.contract.subscriptions(self.context())?;
        has("names of events", names.len())?;
        let subscription = |name: &String| {
            self.says("names of events", name.len())?;
            Subscription::parse(name).ok_or_else(|| {
                LoadError::Contract(format!(
                    "it subscribes to '{}', which is no name of events: one is like order.created or order.*",
                    shown(name)
                ))
            })
        };
        names.iter().map(subscription).collect()
    }

    /// Counts what it says.
    fn says(&mut self, what: &str, bytes: usize) -> Result<(), LoadError> {
        self.said_bytes = self.said_bytes.saturating_add(bytes);
        if self.said_bytes > SAID_BYTES_MAX {
            return Err(LoadError::Contract(format!(
                "it says more than {SAID_BYTES_MAX} bytes of itself, its {what} included"
            )));
        }
        Ok(())
    }
}

/// Is it granted what it needs? Returns what it is granted and does not need.
fn unused(module: &str, grants: &Grants, needs: Vec<Need>) -> Result<Vec<String>, LoadError> {
    let module = module.to_owned();
    grants
        .check(needs)
        .map_err(|refused| LoadError::NotGranted {
            refused: Box::new(refused),
            module,
        })
}

fn has(what: &str, count: usize) -> Result<(), LoadError> {
    if count > COUNT_MAX {
        return Err(LoadError::Contract(format!(
            "it has {count} {what}, more than {COUNT_MAX}"
        )));
    }
    Ok(())
}

/// A JSON object, or nothing at all, as one.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A module's text as an error shows it.
pub(super) fn shown(text: &str) -> String {
    cut(text, SHOWN_BYTES_MAX).escape_debug().to_string()
}

fn not_described(what: &str, reason: &str) -> LoadError {
    LoadError::Contract(format!(
        "what it says of {what} is no JSON object: {reason}"
    ))
}
