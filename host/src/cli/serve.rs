//! `wares serve`: everything put together, until it is told to stop.

mod developed;
mod files;
mod greeting;
mod host;

pub(super) use host::Host;

use std::path::PathBuf;

use anyhow::Context;
use clap::{ArgAction, Args};

use super::ending::Ending;
use super::setup::{FIRST_ADMIN, Setup};
use super::{Common, Logged, Settings, exit_code, one_line};
use crate::components::Deliveries;
use crate::server::{self, Bound, ServerLimits};
use crate::telemetry;
use crate::threads::processors;
use greeting::{Greeting, nearest};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Where to serve: host:port, on every IP of the host's name, or :port for every
    /// interface, IPv4 and IPv6 [default: 127.0.0.1:9000].
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// For development: serve a component anew whenever its file changes, and log what
    /// extensions change, and the source lines of traps. FILE is a component to serve beside
    /// those that the settings name, with all grants that it wants; --watch may be repeated.
    #[arg(long, value_name = "FILE", num_args = 0..=1, action = ArgAction::Append)]
    watch: Option<Vec<PathBuf>>,
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
    let mut setup = Setup::open_with(&arguments.common, listen)?;
    setup.developing = arguments.watch.is_some();
    let modules = setup.settings.modules.values();
    let most = modules.filter_map(|module| module.log_level).max();
    telemetry::start(&setup.settings.log, most)?;
    let served = serve(arguments, &mut setup);
    match served {
        // All that is said is JSON, from here to the end.
        Err(error) if setup.settings.log.json && tracing::enabled!(tracing::Level::ERROR) => {
            tracing::error!("{}", one_line(&error));
            Err(Logged(exit_code(&error)).into())
        }
        served => served,
    }
}

fn serve(arguments: &Arguments, setup: &mut Setup) -> anyhow::Result<()> {
    for variable in &setup.settings.ignored_variables {
        tracing::info!(
            variable,
            "a variable that Kubernetes sets for a Service is no setting, and is passed over"
        );
    }
    // Cheap checks come first: a start that is refused has changed nothing.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_start(processors::enlist)
        .on_thread_stop(processors::retire)
        .build()?;
    let bound = runtime.block_on(Bound::take(&setup.settings.server.listen));
    if bound.is_err()
        && setup.settings.data.dir.is_dir()
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
    let watched = match &arguments.watch {
        Some(files) => {
            developed::serve(setup, files)?;
            Some(setup.watched()?)
        }
        None => None,
    };
    let (setup, settings) = (&*setup, &setup.settings);
    let host = Host::open(setup, &folder, arguments.strict)?;
    host.log_failures(arguments.watch.is_some());
    host.log_databases_without_component(&folder);
    host.manager.begin_serving();
    let _watch = watched
        .map(|watched| watched.follow(host.manager.clone()))
        .transpose()?;
    let listeners = runtime.block_on(async { bound.listen() })?;
    let addresses = listeners.addresses()?;
    // Before a user knows that the host serves, and may want to stop it again.
    let drain = settings.server.limits.drain;
    let (ending, stop) = Ending::prepare(drain, host.manager.unfinished())?;
    // Only now, when nothing can fail any more, so that a password that is shown is one that works.
    let admin = host
        .identity
        .ensure_admin(
            &settings.identity.admin_email,
            settings.identity.admin_password.as_deref(),
        )
        .context(FIRST_ADMIN)?;
    folder.announce(nearest(&addresses), &host.identity);
    let greeting = Greeting {
        addresses: &addresses,
        admin: &admin,
        first_list: host.first_list.as_deref(),
    };
    if settings.log.json {
        greeting.as_json()?;
    } else {
        greeting.as_text()?;
    }
    let deliveries = Deliveries::start(&host.manager, settings.deliveries.clone())?;
    // This thread accepts connections.
    processors::enlist();
    let unfinished = runtime.block_on(server::run(
        listeners,
        host.app.clone(),
        server_limits(settings, &host),
        async {
            // It ends with the thread that listens, which does so for no other reason.
            let _ = stop.await;
            telemetry::end_waiting();
            // Others may listen there before the open requests have ended.
            folder.conceal();
        },
    ));
    if unfinished > 0 {
        tracing::warn!(connections = unfinished, "stopped before these had ended");
    }
    drop(runtime);
    drop(deliveries);
    host.close();
    telemetry::end();
    drop(ending);
    tracing::info!("stopped");
    Ok(())
}

fn server_limits(settings: &Settings, host: &Host) -> ServerLimits {
    ServerLimits {
        connections_max: files::connections_max(settings, &host.places),
        ..settings.server.limits.clone()
    }
}
