//! Glue: what the host asks of a module, answered by the domain. The only place,
//! with its parts, that sees generated types.

mod convert;
mod database;
mod extensions;
mod operations;

mod bindings {
    wit_bindgen::generate!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.0.0",
            // Stands in the world that the package of the domain has.
            "../wit/module@1.0.0",
            "../wit/module@1.1.0",
            "../wit/customer@1.0.0",
        ],
        // All of customer-module@1.0.0, over a later version of what a module exports.
        inline: "
            package wares:customer-component;

            world component {
                include wares:module/module@1.1.0;
                import wares:customer/hooks@1.0.0;
                export wares:customer/customers@1.0.0;
                export wares:customer/addresses@1.0.0;
                export wares:customer/groups@1.0.0;
            }
        ",
        world: "wares:customer-component/component",
        generate_all,
    });
}

use bindings::exports::wares::module1_1_0 as module;
use bindings::wasi::config::store as config;
use bindings::wasi::logging::logging;

use module::http::{self, Access, Method, Request, Response, Route};
use module::lifecycle::{self, Description, Migration, SqlDialect};
use module::schema as wit_schema;
use module::seed as wit_seed;

use crate::domain::Domain;
use crate::settings::{self, Compat, EmailCase};
use crate::sql::{MIGRATIONS, STEPS_NEEDED, SqlStore};
use crate::{http as api, seed};

use database::Database;
use extensions::Extensions;

/// The module.
struct Customers;

bindings::export!(Customers with_types_in bindings);

/// Whose answers the operator wants. The settings were checked when the module was loaded.
fn compat() -> Compat {
    let setting = config::get(Compat::KEY).ok().flatten();
    let compat = setting.and_then(|value| Compat::parse(&value).ok());
    compat.unwrap_or_default()
}

/// Which emails the operator takes for the same.
fn email_case() -> EmailCase {
    let setting = config::get(EmailCase::KEY).ok().flatten();
    let email_case = setting.and_then(|value| EmailCase::parse(&value).ok());
    email_case.unwrap_or_default()
}

/// What an answer may take: the host says what the limits of a call are.
fn budget() -> api::Budget {
    let limit = |key| config::get(key).ok().flatten()?.parse().ok();
    match (
        limit("wares.response_bytes_max"),
        limit("wares.memory_bytes_max"),
    ) {
        (Some(response), Some(memory)) => api::Budget::within(response, memory),
        _ => api::Budget::default(),
    }
}

/// The domain over the host's database and extensions.
fn domain() -> Domain<SqlStore<Database>, Extensions> {
    Domain::new(SqlStore(Database), Extensions, compat()).with_email_case(email_case())
}

/// A line in the host's log about something that is nobody's business outside.
fn log_error(message: &str) {
    logging::log(logging::Level::Error, "customer", message);
}

impl lifecycle::Guest for Customers {
    fn describe() -> Description {
        Description {
            name: "customer".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Customers, their addresses and their groups, as Medusa's Admin API"
                .to_owned(),
        }
    }

    fn check_settings() -> Result<(), Vec<String>> {
        let settings =
            config::get_all().map_err(|error| vec![format!("cannot be read: {error:?}")])?;
        let faults = settings::faults(
            settings
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    fn migrations(dialect: SqlDialect) -> Vec<Migration> {
        match dialect {
            SqlDialect::Sqlite => MIGRATIONS
                .iter()
                .map(|step| Migration {
                    name: step.name.to_owned(),
                    statements: step.statements.to_owned(),
                })
                .collect(),
        }
    }
}

impl wit_schema::Guest for Customers {
    fn steps_needed() -> u32 {
        STEPS_NEEDED
    }
}

impl http::Guest for Customers {
    fn routes() -> Vec<Route> {
        let compat = compat();
        let route = |route: &api::Route| Route {
            method: match route.method {
                api::Method::Get => Method::Get,
                api::Method::Post => Method::Post,
                api::Method::Delete => Method::Delete,
            },
            path: route.path.to_owned(),
            access: Access::Admin,
            headers: Vec::new(),
            operation: api::openapi::operation(route, compat),
        };
        api::ROUTES.iter().map(route).collect()
    }

    fn schemas() -> String {
        api::openapi::schemas()
    }

    fn handle(request: Request) -> Response {
        let (response, complaint) = api::handle(
            &domain(),
            request.route as usize,
            api::Request {
                path: &request.path_parameters,
                query: &request.query,
                body: &request.body,
                actor: request.actor.as_ref().map(|actor| actor.id.as_str()),
                budget: budget(),
            },
        );
        if let Some(complaint) = complaint {
            log_error(&complaint);
        }
        Response {
            status: response.status,
            headers: Vec::new(),
            body: response.body,
        }
    }
}

impl wit_seed::Guest for Customers {
    fn kinds() -> Vec<wit_seed::Kind> {
        let kind = |kind: &seed::Kind| wit_seed::Kind {
            name: kind.name.to_owned(),
            summary: kind.summary.to_owned(),
        };
        seed::KINDS.iter().map(kind).collect()
    }

    fn sow(kind: u32, count: u32) -> Result<(), String> {
        match kind {
            0 => seed::sow_customers(&SqlStore(Database), count, email_case())
                .map_err(|error| error.to_string()),
            other => Err(format!("there is no kind {other}")),
        }
    }
}
