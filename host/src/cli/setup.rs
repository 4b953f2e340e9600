//! What every command needs: the settings, an engine, modules, a data folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::folder::{Folder, no_data_folder};
use super::{Common, Settings};
use crate::clock;
use crate::components::{
    self, Candidates, Chain, ComponentStore, CurrentRoutes, Found, Manager, ManagerOptions,
    ModuleOptions, Slot, SlotMaker, Source, Version, VersionError, WatchError, Watched,
};
use crate::config::{ConfigError, Sources};
use crate::digest::Digest;
use crate::engine::{Engine, EngineOptions, Grants};
use crate::identity::IdentityService;
use crate::printable::printable_line;
use crate::storage::{HostDatabase, Installed, StorageError};

/// Modules of new names that a host takes until it is started again.
const NEW_MODULES_MAX: usize = 8;
/// Calls of all modules together beyond which no module of a new name gets a place: the
/// instances of a call and of those nested in it reserve 32 GiB of addresses in the engine of
/// small components and 24 GiB in that of large ones, and a process has 128 TiB, of which the
/// program takes the middle.
const CALLS_OF_NEW_MAX: usize = 1_280;

/// The modules that the engine has instances for.
pub(super) struct Places {
    pub modules: usize,
    /// Calls at once of each of them.
    pub calls_of_each: usize,
}

/// What served modules stand on, beside the engine.
pub(super) struct Ground {
    pub routes: CurrentRoutes,
    pub chain: Arc<Chain>,
    pub maker: SlotMaker,
    pub disabled: BTreeSet<String>,
    /// Modules that may be served together.
    pub modules_max: usize,
}

/// The settings that a command runs with, and their sources.
pub(super) struct Setup {
    pub settings: Settings,
    /// Whether components are being developed: [`EngineOptions::developing`], and the log has
    /// the values that extensions change.
    pub developing: bool,
}

impl Setup {
    /// Reads the settings, the flags that have names of their own included.
    pub(super) fn open(common: &Common) -> anyhow::Result<Self> {
        Self::open_with(common, Vec::new())
    }

    pub(super) fn open_with(common: &Common, more: Vec<(String, String)>) -> anyhow::Result<Self> {
        clock::check()?;
        let mut flags = common.settings.clone();
        if let Some(data) = &common.data {
            flags.push(("data.dir".to_owned(), data.display().to_string()));
        }
        flags.extend(more);
        let sources = Sources {
            file: common.config.clone(),
            environment: environment()?,
            flags,
        };
        Ok(Self {
            settings: Settings::load(&sources)?,
            developing: false,
        })
    }

    /// The places of the modules that were found, and of some whose names the host does not
    /// know when it starts.
    pub(super) fn places(&self, found: &Found) -> Places {
        // Which modules the files hold is not known yet; each may be the one that may do most.
        let most = self
            .settings
            .all_limits()
            .map(|limits| limits.calls_max + limits.calls_writing_max());
        let calls_of_each = most.max().unwrap_or(1);
        let at_start = found.modules_max().max(1);
        let left = CALLS_OF_NEW_MAX.saturating_sub(calls_of_each.saturating_mul(at_start));
        Places {
            modules: at_start + (left / calls_of_each).min(NEW_MODULES_MAX),
            calls_of_each,
        }
    }

    /// An engine for as many calls at once as the modules that may be served have threads.
    pub(super) fn engine_to_serve(&self, places: &Places) -> anyhow::Result<Engine> {
        let calls = places.calls_of_each.saturating_mul(places.modules);
        Ok(Engine::new(self.engine_options(calls))?)
    }

    /// An engine for so many calls at once, of which what components write to their
    /// standard error is printed.
    pub(super) fn engine(&self, calls: usize) -> anyhow::Result<Engine> {
        Ok(Engine::new(EngineOptions {
            hear: Some(hear),
            ..self.engine_options(calls)
        })?)
    }

    /// The options of an engine for so many calls at once.
    pub(super) fn engine_options(&self, calls: usize) -> EngineOptions {
        let settings = &self.settings;
        let calls_of = || settings.all_limits().map(|limits| &limits.call);
        let memory_bytes = calls_of().map(|call| call.memory_bytes_max);
        let table_elements = calls_of().map(|call| call.table_elements_max);
        let artifacts = settings.data.folder().compiled();
        EngineOptions {
            calls_max: calls.try_into().unwrap_or(u32::MAX),
            memory_bytes_max: memory_bytes.max().unwrap_or_default(),
            table_elements_max: table_elements.max().unwrap_or_default(),
            stack_bytes_max: settings.stack_bytes_max,
            component_bytes_max: settings.compile.component_bytes_max,
            compile: Some(settings.compile.limits),
            artifacts: artifacts.is_dir().then_some(artifacts),
            hear: None,
            developing: self.developing,
            trial: None,
        }
    }

    /// Loads one component as a module; its database stays closed.
    pub(super) fn module(&self, engine: &Engine, source: &Source) -> Result<Version, VersionError> {
        Version::load(
            engine,
            source,
            |name| self.settings.module(name).with_kept(self.kept_grants(name)),
            &self.settings.limits.of_call(),
        )
    }

    /// Loads one component as it would be loaded if everything were granted that it wants.
    pub(super) fn module_granted_all(
        &self,
        engine: &Engine,
        source: &Source,
    ) -> Result<Version, VersionError> {
        let options = |name: &str| ModuleOptions {
            grants: Grants::all(),
            ..self.settings.module(name)
        };
        Version::load(engine, source, options, &self.settings.limits.of_call())
    }

    /// Loads one component with the grants of its module, or with all that it wants where the
    /// operator says nothing of them.
    pub(super) fn module_to_inspect(
        &self,
        engine: &Engine,
        source: &Source,
    ) -> Result<Version, VersionError> {
        let options = |name: &str| {
            let options = self.settings.module(name);
            match self.has_grants(name) {
                true => options.with_kept(self.kept_grants(name)),
                false => ModuleOptions {
                    grants: Grants::all(),
                    ..options
                },
            }
        };
        Version::load(engine, source, options, &self.settings.limits.of_call())
    }

    /// Whether the operator says what a module is granted.
    pub(super) fn has_grants(&self, name: &str) -> bool {
        self.settings.module(name).grants_are_set || !matches!(self.kept_grants(name), Ok(None))
    }

    /// Where the modules' components come from.
    pub(super) fn found(&self) -> anyhow::Result<Found> {
        let data = &self.settings.data;
        let mut found = components::find(
            self.configured(),
            &data.folder(),
            &data.modules_dir,
            self.settings.compile.component_bytes_max,
        )?;
        if data.modules_dir_is_set && !data.modules_dir.is_dir() {
            found.misses(&data.modules_dir);
        }
        Ok(found)
    }

    /// The files that the settings name, each with its module.
    fn configured(&self) -> impl Iterator<Item = (&str, &Path)> {
        let modules = self.settings.modules.iter();
        modules.filter_map(|(name, module)| Some((name.as_str(), module.component.as_deref()?)))
    }

    /// Notes the files of components, to have them served anew when they change.
    pub(super) fn watched(&self) -> Result<Watched, WatchError> {
        Watched::note(self.configured(), &self.settings.data.modules_dir)
    }

    /// Loads what modules may be served from; their databases stay closed.
    ///
    /// # Errors
    /// When a built-in module refuses its settings, and nothing else serves it.
    pub(super) fn candidates<'a>(
        &'a self,
        engine: &'a Engine,
        found: Found,
    ) -> anyhow::Result<Candidates<'a>> {
        let versions = ComponentStore::of(&self.settings.data.folder());
        let trust = self.settings.versions.trust.clone();
        let load = Box::new(move |source: &Source| {
            let signed_by = trust
                .source(source, |name, digest| self.kept(name, digest))
                .map_err(|error| VersionError::Signature {
                    origin: source.origin.clone(),
                    source: error,
                })?;
            Ok(self.module(engine, source)?.signed_by(signed_by))
        });
        let exports = Box::new(|bytes: &[u8]| {
            let exports = engine.inspect(bytes).ok()?.exports.into_iter();
            Some(exports.map(|export| export.name).collect())
        });
        let candidates = Candidates::new(found, versions, load, exports);
        let faults = candidates.faults_of_settings();
        if !faults.is_empty() {
            return Err(ConfigError::new(faults).into());
        }
        Ok(candidates)
    }

    /// A remark on each section of the settings, and each name in `extensions.order`, whose module
    /// is not installed.
    pub(super) fn unused_settings(
        &self,
        candidates: &Candidates<'_>,
    ) -> Result<Vec<String>, StorageError> {
        let file = self.settings.data.folder().host_database();
        // Of these no version need be in service.
        let installed = match file.exists() {
            true => HostDatabase::open(&file)?.modules()?,
            false => Vec::new(),
        };
        let is_unknown = |name: &&String| !candidates.knows(name) && !installed.contains(name);
        let sections = self.settings.modules.keys().filter(is_unknown);
        let order = self.settings.extension_order.iter().flatten();
        let sections =
            sections.map(|name| (format!("the settings under modules.{name} have"), name));
        let order = order.filter(is_unknown);
        let order = order.map(|name| (format!("{name} in extensions.order has"), name));
        let unused: Vec<_> = sections.chain(order).collect();
        if unused.is_empty() {
            return Ok(Vec::new());
        }
        let mut names: BTreeSet<String> = candidates.names().into_iter().collect();
        names.extend(installed.iter().cloned());
        let names: Vec<_> = names.into_iter().collect();
        let names = names.join(", ");
        let remark = |(what, name)| {
            format!("{what} no effect: no module {name} is installed, and those that are: {names}")
        };
        Ok(unused.into_iter().map(remark).collect())
    }

    /// Says the remarks of [`Self::unused_settings`] to who runs a command.
    pub(super) fn say_unused_settings(&self, candidates: &Candidates<'_>) -> anyhow::Result<()> {
        for remark in self.unused_settings(candidates)? {
            eprintln!("wares: {}", printable_line(&remark));
        }
        Ok(())
    }

    /// The grants that are kept of a module.
    fn kept_grants(&self, name: &str) -> Result<Option<String>, StorageError> {
        let file = self.settings.data.folder().host_database();
        if !file.exists() {
            return Ok(None);
        }
        HostDatabase::open(&file)?.grants(name)
    }

    /// Returns the record of an installed version.
    fn kept(&self, name: &str, digest: Digest) -> Result<Option<Installed>, StorageError> {
        let file = self.settings.data.folder().host_database();
        if !file.exists() {
            return Ok(None);
        }
        HostDatabase::open(&file)?.version(name, digest)
    }

    /// What manages the versions of these modules.
    pub(super) fn manager(
        &self,
        engine: Arc<Engine>,
        slots: &[Arc<Slot>],
        host_database: HostDatabase,
        ground: Ground,
    ) -> anyhow::Result<Arc<Manager>> {
        let settings = &self.settings;
        let pinned = self.configured();
        let options = ManagerOptions {
            data: settings.data.folder(),
            modules_dir: settings.data.modules_dir.clone(),
            pinned: pinned
                .map(|(name, file)| (name.to_owned(), file.to_owned()))
                .collect(),
            component_bytes_max: settings.compile.component_bytes_max,
            trust: settings.versions.trust.clone(),
            drain: settings.versions.drain,
            canary: settings.canary,
            asking: settings.limits.of_call(),
            disabled: ground.disabled,
            modules_max: ground.modules_max,
            chain: ground.chain,
            slots: ground.maker,
        };
        let of_modules = settings.clone();
        let modules = move |name: &str| of_modules.module(name);
        Ok(Manager::start(
            engine,
            options,
            Box::new(modules),
            host_database,
            slots,
            Arc::new(ground.routes),
        )?)
    }

    /// The data folder, which is there.
    ///
    /// # Errors
    /// When the folder does not exist; then nothing is made.
    pub(super) fn folder(&self) -> anyhow::Result<Folder> {
        let data = self.settings.data.folder();
        if let Some(reason) = no_data_folder(&data)? {
            bail!(
                "{reason}: name the data folder with --data DIR (or the setting data.dir), or make one there \
                 with `wares serve`"
            );
        }
        Folder::open(data)
    }

    /// The data folder, made if it is missing.
    pub(super) fn folder_or_new(&self) -> anyhow::Result<Folder> {
        Folder::open(self.settings.data.folder())
    }

    /// The data folder, made if it is missing and the settings name it.
    pub(super) fn folder_or_named(&self) -> anyhow::Result<Folder> {
        if self.settings.data.dir_is_set {
            self.folder_or_new()
        } else {
            self.folder()
        }
    }

    /// Whether the first admin can be made as the settings have it, if no user exists.
    /// Makes nothing.
    pub(super) fn check_first_admin(&self) -> anyhow::Result<()> {
        let identity = &self.settings.identity;
        IdentityService::check_first_admin(
            &self.settings.data.folder().host_database(),
            &identity.admin_email,
            identity.admin_password.as_deref(),
        )
        .context(FIRST_ADMIN)
    }

    /// Who may sign in, by the data folder.
    pub(super) fn identity(&self, database: HostDatabase) -> anyhow::Result<IdentityService> {
        let lifetimes = self.settings.identity.lifetimes;
        Ok(IdentityService::open(database, lifetimes)?)
    }
}

/// The beginning of an error about the first admin.
pub(super) const FIRST_ADMIN: &str = "the first admin (admin.email, admin.password)";

/// The environment, without what is not UTF-8 and no setting.
fn environment() -> anyhow::Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => variables.push((name, value)),
            (Ok(name), Err(_)) if name.starts_with("WARES_") => bail!("{name} is not UTF-8 text"),
            _ => {}
        }
    }
    Ok(variables)
}

/// Says what a component wrote to its standard error.
fn hear(component: &str, line: &str) {
    eprintln!("{}: {line}", printable_line(component));
}
