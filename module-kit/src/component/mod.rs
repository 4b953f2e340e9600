//! The glue between a module and its host, built for WebAssembly alone: what the host
//! asks of any module, answered from its tables.
//!
//! A module implements [`Module`] and exports itself:
//!
//! ```ignore
//! wares_module_kit::component::export!(Things);
//! ```

mod database;
mod extended;
pub mod provider;

use std::marker::PhantomData;
use std::rc::Rc;

use wares_module::bindings::entities::exports::wares::module::entities;
use wares_module::bindings::http::exports::wares::module::http::{self, Request, Response};
use wares_module::bindings::lifecycle::exports::wares::module::lifecycle;
use wares_module::bindings::migrations::exports::wares::module::migrations;
use wares_module::bindings::seed::exports::wares::module::seed;
use wares_module::bindings::wasi::config::store as config;
use wares_module::bindings::wasi::logging::logging;
use wares_module::panics;

use crate::caller::{Actor, Caller};
use crate::entity::Entity;
use crate::http::budget::Budget;
use crate::http::exchange;
use crate::http::openapi;
use crate::http::parameters::Paging;
use crate::http::route::{self, Method, Query, Route};
use crate::sql::{Dialect, Migration};

pub use database::{Database, Open};
#[doc(hidden)]
pub use wares_module;

/// Exports a module, with what every module has, and the traits of the SDK beside them that
/// its glue implements.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_module {
    ($module:ident $(: $($more:ident),+)?) => {
        const _: () = {
            type Exported = $crate::component::Exported<$module>;
            $crate::component::wares_module::export_interfaces!(
                Exported: Component, Http, Seed, Migrations, Entities $($(, $more)+)?
            );
        };
    };
}

#[doc(inline)]
pub use __export_module as export;

/// A module as what the host calls: the interfaces are answered for it, and not by its own type,
/// which may have some of its own.
pub struct Exported<M>(PhantomData<M>);

/// The one header that the routes ask for.
const LOCALE: &str = "accept-language";

/// A module, as the host sees it.
pub trait Module: 'static {
    /// What answers requests.
    type Domain: 'static;
    /// The module's settings; `()` for a module without any.
    type Settings: Clone + Default + 'static;

    /// The name of its slot: lower-case letters, digits and `-`, at most 64 bytes.
    const NAME: &'static str;
    /// Its own version, semver.
    const VERSION: &'static str;
    /// One sentence for a person.
    const SUMMARY: &'static str;
    /// Every migration since the first version, oldest first.
    const MIGRATIONS: &'static [Migration];
    /// How many of the migrations a version has to know to work on a database that all
    /// of them have run on. All of them, unless older versions can leave the newest alone.
    const MIGRATIONS_NEEDED: u32 = Self::MIGRATIONS.len() as u32;
    /// What its routes show.
    const ENTITIES: &'static [&'static Entity];
    /// What `wares seed` can add.
    const SEEDS: &'static [Seed<Self::Settings>] = &[];

    /// Its routes. The index of one is its number in a request.
    fn routes() -> &'static [Route<Self::Domain, Self::Settings>];

    /// How many things its lists return.
    fn paging(_: Self::Settings) -> Paging {
        Paging::MEDUSA
    }

    /// The faults of the operator's settings, each beginning with its key.
    fn faults(settings: &[(String, String)]) -> Vec<String> {
        let unknown = settings
            .iter()
            .map(|(key, _)| format!("{key}: this module has no settings"));
        unknown.collect()
    }

    /// The operator's settings, which were checked when the module was loaded. The
    /// host's own, whose keys begin with `wares.`, stand among them.
    fn settings(_: &[(String, String)]) -> Self::Settings {
        Self::Settings::default()
    }

    /// What answers one call of this caller.
    fn domain(settings: Self::Settings, caller: Rc<Caller>) -> Self::Domain;
}

/// Plausible data for trying a module out.
pub struct Seed<S> {
    /// Its name: plural, lower-case.
    pub name: &'static str,
    /// What one of them brings along.
    pub summary: &'static str,
    /// Adds so many, in one transaction. The error says for a person what went wrong.
    pub add: fn(S, u32) -> Result<(), String>,
}

/// All settings, in one call of the host's.
fn values() -> Vec<(String, String)> {
    config::get_all().unwrap_or_default()
}

/// What answers a call that is no request, as the settings have it.
pub fn domain<M: Module>() -> M::Domain {
    M::domain(M::settings(&values()), Rc::default())
}

/// Logs a fault that callers are not told.
pub fn log_error(module: &str, message: &str) {
    logging::log(logging::Level::Error, module, message);
}

/// What an answer may take: the host says what the limits of a call are.
fn budget(values: &[(String, String)]) -> Budget {
    let limit = |name: &str| {
        let (_, value) = values.iter().find(|(key, _)| key == name)?;
        value.parse().ok()
    };
    match (
        limit("wares.response_bytes_max"),
        limit("wares.memory_bytes_max"),
    ) {
        (Some(response), Some(memory)) => Budget::within(response, memory),
        _ => Budget::default(),
    }
}

impl<M: Module> lifecycle::Guest for Exported<M> {
    fn describe() -> lifecycle::Description {
        lifecycle::Description {
            name: M::NAME.to_owned(),
            version: M::VERSION.to_owned(),
            summary: M::SUMMARY.to_owned(),
        }
    }

    fn check_settings() -> Result<(), Vec<String>> {
        let settings =
            config::get_all().map_err(|error| vec![format!("cannot be read: {error:?}")])?;
        let faults = M::faults(&settings);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

impl<M: Module> migrations::Guest for Exported<M> {
    fn every(dialect: String) -> Vec<migrations::Migration> {
        let migration = |migration: &Migration| migrations::Migration {
            name: migration.name.to_owned(),
            statements: migration.statements.to_owned(),
        };
        let migrations = Dialect::of(&dialect).map_or(&[][..], |_| M::MIGRATIONS);
        migrations.iter().map(migration).collect()
    }

    fn count_required() -> u32 {
        M::MIGRATIONS_NEEDED
    }
}

impl<M: Module> http::Guest for Exported<M> {
    fn routes() -> Vec<http::Route> {
        let (routes, settings) = (<M as Module>::routes(), M::settings(&values()));
        let route = |(index, route): (usize, &Route<M::Domain, M::Settings>)| http::Route {
            method: match route.method {
                Method::Get => "GET",
                Method::Post => "POST",
                Method::Delete => "DELETE",
            }
            .to_owned(),
            path: route.path.to_owned(),
            access: "admin".to_owned(),
            headers: vec![LOCALE.to_owned()],
            operation: {
                let paging = M::paging(settings.clone());
                openapi::operation(routes, index, paging, settings.clone())
            },
        };
        routes.iter().enumerate().map(route).collect()
    }

    fn schemas() -> String {
        openapi::schemas(M::ENTITIES)
    }

    fn handle(request: Request) -> Response {
        panics::report();
        let values = values();
        let actor = request.actor.map(|actor| Actor {
            kind: actor.kind,
            id: actor.id,
        });
        let locale = request.headers.into_iter();
        let caller = Rc::new(Caller {
            actor,
            request_id: request.request_id,
            locale: locale.map(|header| header.value).next(),
        });
        let (response, complaint) = route::handle(
            <M as Module>::routes(),
            &M::domain(M::settings(&values), caller.clone()),
            request.route as usize,
            exchange::Request {
                path: &request.path_parameters,
                query: &request.query,
                body: &request.body,
                actor: caller.actor.as_ref().map(|actor| &*actor.id),
                budget: budget(&values),
                extended: &extended::OfHost(&caller),
            },
        );
        if let Some(complaint) = complaint {
            log_error(M::NAME, &complaint);
        }
        Response {
            status: response.status,
            headers: Vec::new(),
            body: response.body,
        }
    }
}

impl<M: Module> entities::Guest for Exported<M> {
    fn every() -> Vec<entities::Entity> {
        let entity = |entity: &&'static Entity| entities::Entity {
            name: entity.key().to_owned(),
            schema: entity.name.to_owned(),
            names: entity.own().map(str::to_owned).collect(),
            lists: lists::<M>(entity),
        };
        let stored = M::ENTITIES.iter().filter(|entity| !entity.key().is_empty());
        stored.map(entity).collect()
    }
}

/// The routes that list an entity.
fn lists<M: Module>(entity: &'static Entity) -> Vec<u32> {
    let routes = (0..).zip(<M as Module>::routes());
    let lists = routes.filter(|(_, route)| match route.declaration.query {
        Query::List(filters) => filters.entity == entity,
        _ => false,
    });
    lists.map(|(index, _)| index).collect()
}

impl<M: Module> seed::Guest for Exported<M> {
    fn kinds() -> Vec<seed::Kind> {
        let kind = |seed: &Seed<M::Settings>| seed::Kind {
            name: seed.name.to_owned(),
            summary: seed.summary.to_owned(),
        };
        M::SEEDS.iter().map(kind).collect()
    }

    fn seed(kind: u32, count: u32) -> Result<(), String> {
        panics::report();
        match M::SEEDS.get(kind as usize) {
            Some(seed) => (seed.add)(M::settings(&values()), count),
            None => Err(format!("there is no kind {kind}")),
        }
    }
}
