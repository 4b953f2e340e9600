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

/// What the operator and the host say of a call.
struct Settings {
    compat: Compat,
    email_case: EmailCase,
    budget: api::Budget,
}

impl Settings {
    /// Reads them all in one call of the host's. They were checked when the module was loaded.
    fn read() -> Self {
        let (mut compat, mut email_case) = (Compat::default(), EmailCase::default());
        let (mut response_bytes_max, mut memory_bytes_max) = (None, None);
        for (key, value) in config::get_all().unwrap_or_default() {
            match key.as_str() {
                Compat::KEY => compat = Compat::parse(&value).unwrap_or_default(),
                EmailCase::KEY => email_case = EmailCase::parse(&value).unwrap_or_default(),
                "wares.response_bytes_max" => response_bytes_max = value.parse().ok(),
                "wares.memory_bytes_max" => memory_bytes_max = value.parse().ok(),
                _ => {}
            }
        }
        let budget = response_bytes_max.zip(memory_bytes_max);
        Self {
            compat,
            email_case,
            budget: budget.map_or_else(api::Budget::default, |(response, memory)| {
                api::Budget::within(response, memory)
            }),
        }
    }

    /// The domain over the host's database and extensions.
    fn domain(&self) -> Domain<SqlStore<Database>, Extensions> {
        Domain::new(SqlStore(Database), Extensions, self.compat).with_email_case(self.email_case)
    }
}

/// The domain as the settings have it.
fn domain() -> Domain<SqlStore<Database>, Extensions> {
    Settings::read().domain()
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
        let Settings { compat, .. } = Settings::read();
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
        let settings = Settings::read();
        let (response, complaint) = api::handle(
            &settings.domain(),
            request.route as usize,
            api::Request {
                path: &request.path_parameters,
                query: &request.query,
                body: &request.body,
                actor: request.actor.as_ref().map(|actor| actor.id.as_str()),
                budget: settings.budget,
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
            0 => seed::sow_customers(&SqlStore(Database), count, Settings::read().email_case)
                .map_err(|error| error.to_string()),
            other => Err(format!("there is no kind {other}")),
        }
    }
}
