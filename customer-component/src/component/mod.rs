//! Glue: the module as the host sees it, and the typed operations. The only part,
//! with its parts, that sees generated types.

mod convert;
mod extensions;
mod operations;

mod bindings {
    wit_bindgen::generate!({
        path: [
            "../wit/deps/wasi-config@0.2.0-rc.1",
            "../wit/deps/wasi-logging@0.1.0-draft",
            "../wit/platform@1.2.0",
            // Stands in the world that the package of the domain has.
            "../wit/module@2.1.0",
            "../wit/customer@2.1.0",
        ],
        // Of customer-module@2.1.0 what the kit does not export for every module.
        inline: "
            package wares:customer-component;

            world component {
                import wares:customer/hooks@2.1.0;
                export wares:customer/customers@2.1.0;
                export wares:customer/addresses@2.1.0;
                export wares:customer/groups@2.1.0;
            }
        ",
        world: "wares:customer-component/component",
        with: {"wares:platform/hooks@1.2.0": wares_module::bindings::wares::platform::hooks},
        generate_all,
    });
}

use std::rc::Rc;

use wares_module_kit::caller::Caller;
use wares_module_kit::component::{self, Database, Module, Seed, log_error};
use wares_module_kit::entity::Entity;
use wares_module_kit::http::parameters::Paging;
use wares_module_kit::http::route::Route;
use wares_module_kit::sql::{Migration, SqlStore};

use crate::domain::Domain;
use crate::model::ENTITIES;
use crate::seed;
use crate::settings::{self, Settings};
use crate::sql::{MIGRATIONS, STEPS_NEEDED};

use extensions::Extensions;

/// The module.
struct Customers;

bindings::export!(Customers with_types_in bindings);
component::export!(Customers);

impl Module for Customers {
    type Domain = Domain<SqlStore<Database>, Extensions>;
    type Settings = Settings;

    const NAME: &'static str = "customer";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "Customers, their addresses and their groups, as Medusa's Admin API";
    const MIGRATIONS: &'static [Migration] = &MIGRATIONS;
    const MIGRATIONS_NEEDED: u32 = STEPS_NEEDED;
    const ENTITIES: &'static [&'static Entity] = &ENTITIES;
    const SEEDS: &'static [Seed<Settings>] = &[Seed {
        name: "customers",
        summary: "people with up to 3 addresses, in up to 2 of a dozen groups; half have accounts",
        add: |settings, count| {
            seed::sow_customers(&SqlStore(Database), count, settings.email_case)
                .map_err(|error| error.to_string())
        },
    }];

    fn routes() -> &'static [Route<Self::Domain, Settings>] {
        &Self::Domain::ROUTES
    }

    fn paging(settings: Settings) -> Paging {
        settings.compat.paging()
    }

    fn faults(settings: &[(String, String)]) -> Vec<String> {
        settings::faults(
            settings
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        )
    }

    fn settings(values: &[(String, String)]) -> Settings {
        Settings::of(
            values
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        )
    }

    fn domain(settings: Settings, caller: Rc<Caller>) -> Self::Domain {
        Domain::new(SqlStore(Database), Extensions(caller), settings.compat)
            .with_email_case(settings.email_case)
    }
}

/// What answers a typed operation.
fn domain() -> <Customers as Module>::Domain {
    component::domain::<Customers>()
}
