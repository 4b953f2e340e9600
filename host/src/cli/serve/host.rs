//! The parts of a host that answer requests, opened on one data folder. Knows nothing of the
//! address where it listens.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::bail;

use crate::cli::Settings;
use crate::cli::folder::Folder;
use crate::cli::setup::{Ground, Places, Setup};
use crate::components::{
    Absent, Access, Candidates, Chain, CurrentRoutes, ExtensionOrder, FailurePolicy, Fallback,
    Manager, Method, Metrics, PassedOver, Rank, Slot, SlotMaker, SlotOptions, Version,
    check_modules,
};
use crate::config::ConfigError;
use crate::engine::stack_bytes_of_calls;
use crate::http::{App, Identity, host_routes};
use crate::identity::IdentityService;
use crate::threads::ExecutorOptions;

/// All that answers requests, on one data folder.
pub struct Host {
    pub app: Arc<App>,
    pub identity: Arc<IdentityService>,
    pub(super) manager: Arc<Manager>,
    fallbacks: Vec<Fallback>,
    pub(super) places: Places,
    /// The path of a list that a new user can retrieve first.
    pub(super) first_list: Option<String>,
}

impl Host {
    /// Serves what can be served. If it is `strict`, all has to.
    pub fn open(setup: &Setup, folder: &Folder, strict: bool) -> anyhow::Result<Self> {
        let settings = &setup.settings;
        let database = folder.host_database()?;
        let identity = Arc::new(setup.identity(database.clone())?);
        let found = setup.found()?;
        let disabled = database.disabled_modules()?;
        let order = match &settings.extension_order {
            Some(names) => ExtensionOrder::Set(names.clone()),
            None => ExtensionOrder::Kept(database.extension_orders()?),
        };
        let places = setup.places(&found);
        let engine = Arc::new(setup.engine_to_serve(&places)?);
        let metrics = Arc::new(Metrics::default());
        let of_slots = settings.clone();
        let options = move |name: &str| slot_options(&of_slots, name);
        let maker = SlotMaker::new(Box::new(options), metrics.clone())?;
        let host = host_routes(&settings.http)?;
        let (slots, failures, fallbacks) = {
            let mut candidates = setup.candidates(&engine, found)?;
            for remark in setup.unused_settings(&candidates)? {
                tracing::warn!("{remark}");
            }
            let ids = &host.operation_ids;
            let slots = slots(folder, &mut candidates, &maker, strict, (ids, &disabled))?;
            candidates.passed_over().iter().for_each(log_passed_over);
            let (failures, fallbacks) = (candidates.failures(), candidates.fallbacks());
            (slots, failures.to_vec(), fallbacks.to_vec())
        };
        let modules: Vec<_> = slots.iter().map(|slot| slot.module()).collect();
        for module in &modules {
            tracing::info!(
                module = module.name(),
                version = %module.version(),
                digest = module.digest().to_string(),
                from = module.origin().to_string(),
                "loaded"
            );
            if disabled.contains(module.name()) {
                let module = module.name();
                tracing::info!(module, "it is disabled, and gets no requests");
            }
        }
        let enabled: Vec<_> = slots
            .iter()
            .filter(|slot| !disabled.contains(slot.name()))
            .cloned()
            .collect();
        let modules: Vec<_> = enabled.iter().map(|slot| slot.module()).collect();
        let first_list = first_list(&modules).map(str::to_owned);
        let chain = Arc::new(Chain::new(order, &enabled, setup.developing));
        engine.fill_points(chain.clone());
        let ground = Ground {
            routes: CurrentRoutes::new(enabled, host)?,
            disabled,
            chain,
            maker,
            modules_max: places.modules,
        };
        let options = |name: &str| settings.module(name).with_kept(database.grants(name));
        let absent = Absent::among(
            &failures,
            settings.modules.keys().map(String::as_str),
            |name| slots.iter().any(|slot| slot.name() == name),
            options,
        );
        let manager = setup.manager(engine, &slots, database.clone(), ground)?;
        manager.started_without(&failures, absent);
        let read = Arc::downgrade(&manager);
        metrics.read_subscribers(move || {
            let manager = read.upgrade();
            manager.map_or_else(Vec::new, |manager| {
                manager.subscriber_views().unwrap_or_default()
            })
        });
        let app = App::new(
            manager.clone(),
            metrics,
            Identity::new(identity.clone()),
            settings.http.clone(),
        );
        Ok(Self {
            app: Arc::new(app),
            identity,
            manager,
            fallbacks,
            places,
            first_list,
        })
    }

    /// Logs the components that failed, and the versions that serve instead of them. `watched`
    /// if one that is saved is served.
    pub(super) fn log_failures(&self, watched: bool) {
        for failure in self.manager.failures() {
            let name = failure.module.as_deref();
            let serves = name.and_then(|name| Some(self.manager.slot(name).ok()?.module()));
            let module = name.unwrap_or("unknown");
            let (digest, reason) = (
                failure
                    .digest
                    .map(|digest| digest.to_string())
                    .unwrap_or_default(),
                &failure.reason,
            );
            match serves {
                Some(serves) => tracing::error!(
                    module,
                    digest,
                    reason,
                    serves = serves.digest().to_string(),
                    "a component failed at the start, and another version of its module serves: \
                     install a version that works, or activate the one that serves"
                ),
                None if watched => tracing::error!(
                    module,
                    digest,
                    reason,
                    "a component failed at the start, and its module is not served: save one that works"
                ),
                None => tracing::error!(
                    module,
                    digest,
                    reason,
                    "a component failed at the start, and its module is not served: put one that works \
                     into the folder of modules, or name one with modules.NAME.component, and start again"
                ),
            }
        }
        for absent in self.manager.absent() {
            let module = &*absent.name;
            if !absent.is_extension() {
                continue;
            }
            let becomes = match absent.on_failure() {
                FailurePolicy::Refuse => "refused with 503",
                FailurePolicy::Skip => "answered without it",
            };
            tracing::error!(
                module,
                "an extension failed at the start: requests at its hooks are {becomes} until it is mended and the \
                 host started again, or until `wares module disable {module}`"
            );
        }
        for fallback in &self.fallbacks {
            self.manager.fell_back(fallback);
        }
    }

    /// Logs the databases of modules that no component serves.
    pub(super) fn log_databases_without_component(&self, folder: &Folder) {
        let failures = self.manager.failures();
        let failed = |name: &str| {
            let mut modules = failures.iter().map(|failure| failure.module.as_deref());
            modules.any(|module| module.is_none_or(|module| module == name))
        };
        for (name, file) in folder.databases() {
            if self.manager.slot(&name).is_err() && !failed(&name) {
                tracing::warn!(
                    module = name,
                    database = %file.display(),
                    "no component serves this module: put one into the folder of modules, or name one with \
                     modules.NAME.component; where it is not to be served any more, move its database away"
                );
            }
        }
    }

    /// Ends what still runs, and leaves the databases whole.
    pub fn close(self) {
        let databases = self.manager.databases();
        drop(self.app);
        drop(self.manager);
        for database in databases {
            database.close();
        }
    }
}

/// Logs that a component newer than the one that serves is passed over, and how it would serve.
fn log_passed_over(component: &PassedOver) {
    let name = &*component.module;
    let reason = match component.serves {
        Rank::Configured => format!("modules.{name}.component names another one: change it there"),
        Rank::Active | Rank::Earlier => format!(
            "another version was activated: end that with `wares module deactivate {name}`, \
             or install and activate this one"
        ),
        Rank::File | Rank::BuiltIn => {
            "a file in the folder of modules goes first: replace it, or take it away".to_owned()
        }
    };
    tracing::warn!(
        module = name,
        version = component.version,
        digest = component.digest.to_string(),
        from = component.origin.to_string(),
        "a newer component does not serve, since {reason}"
    );
}

/// Serves each module from the first component that can be served beside the others. If
/// it is `strict`, nothing may have failed.
fn slots(
    folder: &Folder,
    candidates: &mut Candidates<'_>,
    maker: &SlotMaker,
    strict: bool,
    (host_operations, disabled): (&[String], &BTreeSet<String>),
) -> anyhow::Result<Vec<Arc<Slot>>> {
    let check_all = |candidates: &Candidates<'_>| match candidates.failures().first() {
        Some(failure) if strict => bail!("{}", failure.reason),
        _ => Ok(()),
    };
    // Before any migration is applied.
    check_all(candidates)?;
    if strict {
        let first = candidates.first();
        let enabled = first.filter(|version| !disabled.contains(version.name()));
        check_modules(&enabled.collect::<Vec<_>>(), host_operations)?;
    }
    let mut slots: Vec<Arc<Slot>> = Vec::new();
    for name in candidates.names() {
        let fits = |slot: &Arc<Slot>| {
            let all: Vec<_> = slots
                .iter()
                .chain([slot])
                .filter(|slot| !disabled.contains(slot.name()))
                .map(|slot| slot.module())
                .collect();
            let all: Vec<&Version> = all.iter().map(|version| &**version).collect();
            check_modules(&all, host_operations).map_err(|error| error.to_string())
        };
        let open = |module: &Version| {
            let opened = folder.open_module(module);
            opened.map_err(|error| error.to_string())
        };
        let started = candidates.choose(&name, |module| maker.start(module, fits, open));
        check_all(candidates)?;
        slots.extend(started);
    }
    // What may have served them was refused.
    let serves = |name: &str| slots.iter().any(|slot| slot.name() == name);
    let faults = candidates.faults_of_settings_unless(serves);
    match faults.is_empty() {
        true => Ok(slots),
        false => Err(ConfigError::new(faults).into()),
    }
}

fn slot_options(settings: &Settings, name: &str) -> SlotOptions {
    let limits = settings.limits_of(name);
    SlotOptions {
        executor: ExecutorOptions {
            threads: limits.calls_max,
            writing_max: limits.calls_writing_max(),
            waiting_max: limits.calls_waiting_max,
            stack_bytes_max: stack_bytes_of_calls(settings.stack_bytes_max),
        },
        request_bytes_max: limits.request_bytes_max,
        breaker: settings.breaker,
    }
}

/// Returns the path of the first list of a module that an admin can retrieve.
fn first_list(modules: &[Arc<Version>]) -> Option<&str> {
    modules
        .iter()
        .flat_map(|module| module.routes())
        .find(|route| {
            route.method == Method::Get
                && route.access == Access::Admin
                // It becomes a part of a command that an operator may paste into a shell.
                && route.path.bytes().all(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.')
                })
        })
        .map(|route| route.path.as_str())
}
