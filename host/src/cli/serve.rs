//! `wares serve`: everything put together, until it is told to stop.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::ending::Ending;
use super::folder::Folder;
use super::setup::{FIRST_ADMIN, Setup};
use super::{Common, Logged, Settings, json_out, one_line, text_out};
use crate::components::{
    Access, Candidates, CurrentRoutes, Fallback, Manager, Method, Metrics, PassedOver, Rank, Slot,
    SlotOptions, Version, check_modules,
};
use crate::http::{App, Identity, host_routes};
use crate::identity::{FirstAdmin, IdentityService};
use crate::server::{self, Bound, ServerLimits};
use crate::storage::Database;
use crate::telemetry;
use crate::threads::{ExecutorOptions, Fairness, processors};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where to serve: host:port, on every IP of the host's name, or :port for every
    /// interface, IPv4 and IPv6 [default: 127.0.0.1:9000].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve a component anew whenever its file changes; for development.
    #[arg(long)]
    watch: bool,
    /// Do not start where any component cannot be served.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let listen = arguments
        .listen
        .iter()
        .map(|listen| ("server.listen".to_owned(), listen.clone()))
        .collect();
    let setup = Setup::open_with(&arguments.common, listen)?;
    telemetry::start(&setup.settings.log)?;
    let served = serve(arguments, &setup);
    match served {
        // All that is said is JSON, from here to the end.
        Err(error) if setup.settings.log.json && tracing::enabled!(tracing::Level::ERROR) => {
            tracing::error!("{}", one_line(&error));
            Err(Logged.into())
        }
        served => served,
    }
}

fn serve(arguments: &Arguments, setup: &Setup) -> anyhow::Result<()> {
    let settings = &setup.settings;
    for variable in &settings.ignored_variables {
        tracing::info!(
            variable,
            "a variable that Kubernetes sets for a Service is no setting, and is passed over"
        );
    }
    // What is cheap to check comes first: a start that is refused has changed nothing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(processors::enlist)
        .on_thread_stop(processors::retire)
        .build()?;
    let bound = runtime.block_on(Bound::take(&settings.server.listen));
    if bound.is_err()
        && settings.data.dir.is_dir()
        && let Ok(folder) = setup.folder()
    {
        // Another host on this folder says more than a port that is taken.
        folder.require_lock()?;
    }
    let bound = bound?;
    setup.check_first_admin()?;
    let folder = setup.folder_or_new()?;
    folder.require_lock()?;
    folder.warn_of_loose_modes();
    // Before they are read, which may take long: what changes meanwhile is served then.
    let watched = arguments.watch.then(|| setup.watched()).transpose()?;
    let shop = Shop::open(setup, &folder, arguments.strict)?;
    shop.tell_what_failed();
    shop.tell_what_has_no_component(&folder);
    shop.manager.begin_serving();
    let _watch = watched
        .map(|watched| watched.follow(shop.manager.clone()))
        .transpose()?;
    let listeners = runtime.block_on(async { bound.listen() })?;
    let places = listeners.addresses()?;
    // Before anybody is told that the host serves, and may want to stop it again.
    let drain = settings.server.limits.drain;
    let (ending, stop) = Ending::prepare(drain, shop.manager.unfinished())?;
    // Only now, when nothing can fail any more, so that a password that is shown is one that works.
    let admin = shop
        .identity
        .ensure_admin(
            &settings.identity.admin_email,
            settings.identity.admin_password.as_deref(),
        )
        .context(FIRST_ADMIN)?;
    folder.announce(nearest(&places), &shop.identity);
    let welcome = Welcome {
        places: &places,
        admin: &admin,
        first_list: shop.first_list.as_deref(),
    };
    if settings.log.json {
        welcome.as_json()?;
    } else {
        welcome.as_text()?;
    }
    // This thread accepts connections.
    processors::enlist();
    let unfinished = runtime.block_on(server::run(
        listeners,
        shop.app.clone(),
        server_limits(settings, &shop),
        async {
            // It ends with the thread that listens, which does so for no other reason.
            let _ = stop.await;
            // Others may listen there before the open requests have ended.
            folder.conceal();
        },
    ));
    if unfinished > 0 {
        tracing::warn!(connections = unfinished, "stopped before these had ended");
    }
    drop(runtime);
    shop.close();
    telemetry::end();
    drop(ending);
    tracing::info!("stopped");
    Ok(())
}

/// All that answers requests, on one data folder.
pub(super) struct Shop {
    pub app: Arc<App>,
    pub identity: Arc<IdentityService>,
    manager: Arc<Manager>,
    databases: Vec<Database>,
    fallbacks: Vec<Fallback>,
    /// A list that somebody may want to look at first.
    first_list: Option<String>,
}

impl Shop {
    /// Serves what can be served. If it is `strict`, all has to.
    pub(super) fn open(setup: &Setup, folder: &Folder, strict: bool) -> anyhow::Result<Self> {
        let settings = &setup.settings;
        let database = folder.host_database()?;
        let identity = Arc::new(setup.identity(database.clone())?);
        let found = setup.found()?;
        let engine = Arc::new(setup.engine_to_serve(&found)?);
        let metrics = Arc::new(Metrics::default());
        let host = host_routes(&settings.http)?;
        let (slots, failures, fallbacks) = {
            let mut candidates = setup.candidates(&engine, found)?;
            let ids = &host.operation_ids;
            let slots = slots(settings, folder, &mut candidates, &metrics, strict, ids)?;
            candidates.passed_over().iter().for_each(tell_passed_over);
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
        }
        let databases = modules
            .iter()
            .filter_map(|module| module.database().cloned())
            .collect();
        let first_list = first_list(&modules).map(str::to_owned);
        let routes = CurrentRoutes::new(slots.clone(), host)?;
        let manager = setup.manager(engine, &slots, routes, database)?;
        manager.started_without(&failures);
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
            databases,
            fallbacks,
            first_list,
        })
    }

    /// Logs what could not be served, and keeps what serves in its place.
    fn tell_what_failed(&self) {
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
                None => tracing::error!(
                    module,
                    digest,
                    reason,
                    "a component failed at the start, and its module is not served: put one that works \
                     into the folder of modules, or name one with modules.NAME.component, and start again"
                ),
            }
        }
        for fallback in &self.fallbacks {
            self.manager.fell_back(fallback);
        }
    }

    /// Logs which databases belong to modules that nothing is there to serve.
    fn tell_what_has_no_component(&self, folder: &Folder) {
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
    pub(super) fn close(self) {
        drop(self.app);
        drop(self.manager);
        for database in self.databases {
            database.close();
        }
    }
}

/// Says that a newer component than the one that serves does not, and how it would.
fn tell_passed_over(component: &PassedOver) {
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
    settings: &Settings,
    folder: &Folder,
    candidates: &mut Candidates<'_>,
    metrics: &Metrics,
    strict: bool,
    host_operations: &[String],
) -> anyhow::Result<Vec<Arc<Slot>>> {
    let check_all = |candidates: &Candidates<'_>| match candidates.failures().first() {
        Some(failure) if strict => bail!("{}", failure.reason),
        _ => Ok(()),
    };
    // Before any schema is brought forward.
    check_all(candidates)?;
    if strict {
        check_modules(&candidates.first().collect::<Vec<_>>(), host_operations)?;
    }
    let fairness = Fairness::start()?;
    let mut slots: Vec<Arc<Slot>> = Vec::new();
    for name in candidates.names() {
        let options = slot_options(settings, &name);
        let fits = |slot: &Arc<Slot>| {
            let all: Vec<_> = slots
                .iter()
                .chain([slot])
                .map(|slot| slot.module())
                .collect();
            let all: Vec<&Version> = all.iter().map(|version| &**version).collect();
            check_modules(&all, host_operations).map_err(|error| error.to_string())
        };
        let open = |module: &Version| {
            let opened = folder.open_module(module);
            opened.map_err(|error| error.to_string())
        };
        let started = candidates.choose(&name, |module| {
            Slot::start(module, options, metrics, &fairness, fits, open)
        });
        check_all(candidates)?;
        slots.extend(started);
    }
    Ok(slots)
}

fn slot_options(settings: &Settings, name: &str) -> SlotOptions {
    let limits = settings.limits_of(name);
    SlotOptions {
        executor: ExecutorOptions {
            threads: limits.calls_max,
            writing_max: limits.calls_writing_max(),
            waiting_max: limits.calls_waiting_max,
            stack_bytes_max: settings.stack_bytes_max,
        },
        request_bytes_max: limits.request_bytes_max,
        breaker: settings.breaker,
    }
}

/// Files that the host needs beside those of connections and of modules' databases.
const FILES_BESIDE: usize = 128;
/// Files of a connection to a database: itself, its log, and what others share of it.
const FILES_A_DATABASE: usize = 3;

/// As many of these connections as leave files for all else: who only connects
/// must not keep a database from being opened.
fn connections_max(settings: &Settings, shop: &Shop) -> usize {
    let wanted = settings.server.limits.connections_max;
    // One that reads for each of a module's calls, one that writes, one for a version that is tried.
    let databases: usize = shop
        .manager
        .slots()
        .map(|slot| {
            let limits = settings.limits_of(slot.name());
            limits.calls_max + limits.calls_writing_max() + 2
        })
        .sum();
    let beside = FILES_BESIDE + databases * FILES_A_DATABASE;
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: files.maximum,
        ..files
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => files.current,
    };
    let files = files.map_or(usize::MAX, |files| {
        usize::try_from(files).unwrap_or(usize::MAX)
    });
    let room = files.saturating_sub(beside).max(files / 2);
    if room < wanted {
        tracing::warn!(
            files,
            connections = room,
            "fewer connections than server.connections_max: this process may have too few files open"
        );
    }
    wanted.min(room)
}

fn server_limits(settings: &Settings, shop: &Shop) -> ServerLimits {
    ServerLimits {
        connections_max: connections_max(settings, shop),
        ..settings.server.limits.clone()
    }
}

/// Where a command on this machine finds the host.
fn nearest(places: &[SocketAddr]) -> SocketAddr {
    let is_far = |ip: IpAddr| !ip.is_loopback() && !ip.is_unspecified();
    let nearest = places.iter().copied();
    nearest
        .min_by_key(|place| (is_far(place.ip()), place.is_ipv6()))
        .unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// What is said when the host serves: where it is and, once, how to get in.
struct Welcome<'a> {
    places: &'a [SocketAddr],
    admin: &'a FirstAdmin,
    first_list: Option<&'a str>,
}

impl Welcome<'_> {
    /// The host and port to open on this machine.
    fn host(&self) -> String {
        let place = nearest(self.places);
        if place.ip().is_unspecified() || place.ip().is_loopback() {
            format!("localhost:{}", place.port())
        } else {
            place.to_string()
        }
    }

    fn as_text(&self) -> anyhow::Result<()> {
        let host = self.host();
        let mut out = text_out();
        writeln!(out, "Wares serves http://{host}")?;
        if let FirstAdmin::Created { email, password } = self.admin {
            writeln!(out, "\nThe first admin is {email}")?;
            if let Some(password) = password {
                writeln!(
                    out,
                    "with the password {password}, which is shown only now."
                )?;
                if let Some(path) = self.first_list {
                    writeln!(out, "\nTry it:\n{}", curl(&host, email, password, path))?;
                }
            }
        }
        Ok(out.flush()?)
    }

    /// A line of the log, and one on standard output, which alone has the password.
    fn as_json(&self) -> anyhow::Result<()> {
        let url = format!("http://{}", self.host());
        let listening: Vec<String> = self.places.iter().map(SocketAddr::to_string).collect();
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(url, listening = listening.join(", "), version, "serving");
        let mut line = json!({
            "message": format!("Wares serves {url}"),
            "url": url,
            "listening": listening,
            "version": version,
        });
        if let FirstAdmin::Created { email, password } = self.admin {
            line["first_admin"] = json!({"email": email, "password": password});
        }
        let mut out = json_out();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }
}

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

fn curl(host: &str, email: &str, password: &str, path: &str) -> String {
    let body = serde_json::json!({"email": email, "password": password});
    format!(
        "curl -s http://{host}{path} -H \"Authorization: Bearer $(curl -s http://{host}/auth/user/emailpass \
         -H 'Content-Type: application/json' -d '{body}' | cut -d '\"' -f 4)\""
    )
}
