//! What every command needs: the settings, an engine, modules, a data folder.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Common;
use crate::clock;
use crate::config::{Config, Limits as LimitSettings, Sources};
use crate::engine::{CallError, CompileLimits, Engine, EngineOptions, GRANTS, Limits};
use crate::identity::{Directory, Lifetimes};
use crate::modules::{
    self, CanaryOptions, Candidates, Failure, Found, Keys, Manager, ManagerOptions, Module,
    ModuleError, ModuleOptions, PathPrefix, Slot, Source, Versions, WatchError, Watched,
};
use crate::printable::{printable, printable_line};
use crate::storage::{self, Database, DatabaseOptions, Registry, SessionLimits};
use crate::telemetry::LogLimits;

pub(super) struct Workplace {
    pub config: Config,
}

impl Workplace {
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
            environment: std::env::vars().collect(),
            flags,
        };
        Ok(Self {
            config: Config::load(&sources)?,
        })
    }

    /// An engine for as many calls at once as the modules that are served have threads.
    pub(super) fn engine_to_serve(&self, found: &Found) -> anyhow::Result<Engine> {
        // Which modules the files hold is not known yet; each may be the one that may do most.
        let all = self.config.modules.values().map(|module| &module.limits);
        let most = all
            .chain([&self.config.limits])
            .map(|limits| limits.calls_max + limits.calls_writing_max());
        let modules = found.modules_max().max(1);
        let calls = most.max().unwrap_or(1).saturating_mul(modules);
        self.engine_with(calls, None)
    }

    /// An engine for so many calls at once, of which what components write to their
    /// standard error is printed.
    pub(super) fn engine(&self, calls: usize) -> anyhow::Result<Engine> {
        self.engine_with(calls, Some(hear))
    }

    fn engine_with(&self, calls: usize, hear: Option<fn(&str, &str)>) -> anyhow::Result<Engine> {
        let all = || {
            self.config
                .modules
                .values()
                .map(|module| &module.limits)
                .chain([&self.config.limits])
        };
        let artifacts = self.config.data.dir.join("compiled");
        Ok(Engine::new(EngineOptions {
            calls_max: calls.try_into().unwrap_or(u32::MAX),
            memory_bytes_max: all()
                .map(|limits| limits.memory_bytes_max)
                .max()
                .unwrap_or_default(),
            table_elements_max: all()
                .map(|limits| limits.table_elements_max)
                .max()
                .unwrap_or_default(),
            stack_bytes_max: self.config.stack_bytes_max,
            component_bytes_max: self.config.compile.component_bytes_max,
            compile: Some(CompileLimits {
                deadline_ms: self.config.compile.deadline_ms,
                memory_bytes_max: self.config.compile.memory_bytes_max as u64,
            }),
            artifacts: artifacts.is_dir().then_some(artifacts),
            hear,
        })?)
    }

    /// Loads one component as a module; its database stays closed.
    pub(super) fn module(&self, engine: &Engine, source: &Source) -> Result<Module, ModuleError> {
        Module::load(
            engine,
            source,
            |name| self.options(name),
            &limits(&self.config.limits),
        )
    }

    /// Where the modules' components come from.
    pub(super) fn found(&self) -> anyhow::Result<Found> {
        let data = &self.config.data;
        Ok(modules::find(
            self.configured(),
            &data.dir,
            &data.modules_dir,
            self.config.compile.component_bytes_max,
        )?)
    }

    /// The files that the settings name, each with its module.
    fn configured(&self) -> impl Iterator<Item = (&str, &Path)> {
        let modules = self.config.modules.iter();
        modules.filter_map(|(name, module)| Some((name.as_str(), module.component.as_deref()?)))
    }

    /// Notes the files of components, to have them served anew when they change.
    pub(super) fn watched(&self) -> Result<Watched, WatchError> {
        Watched::note(self.configured(), &self.config.data.modules_dir)
    }

    /// Loads what modules may be served from; their databases stay closed.
    ///
    /// # Errors
    /// When the settings name a module that there is not.
    pub(super) fn candidates<'a>(
        &'a self,
        engine: &'a Engine,
        found: Found,
    ) -> anyhow::Result<Candidates<'a>> {
        let versions = Versions::of(&self.config.data.dir);
        let load = Box::new(|source: &Source| self.module(engine, source));
        let candidates = Candidates::new(found, versions, load);
        for name in self.config.modules.keys() {
            if !candidates.knows(name) {
                bail!(
                    "there is no module {name}: the settings under modules.{name} are for nothing"
                );
            }
        }
        Ok(candidates)
    }

    fn options(&self, name: &str) -> ModuleOptions {
        module_options(&self.config, name)
    }

    /// What manages the versions of these modules.
    pub(super) fn manager(
        &self,
        engine: Arc<Engine>,
        slots: &[Arc<Slot>],
    ) -> anyhow::Result<Manager> {
        let config = &self.config;
        let canary = &config.canary;
        let pinned = |(name, module): (&String, &crate::config::Module)| {
            Some((name.clone(), module.component.clone()?))
        };
        let options = ManagerOptions {
            data: config.data.dir.clone(),
            modules_dir: config.data.modules_dir.clone(),
            pinned: config.modules.iter().filter_map(pinned).collect(),
            component_bytes_max: config.compile.component_bytes_max,
            // They were read as such.
            keys: Keys::new(&config.versions.public_keys).unwrap_or_default(),
            require_signature: config.versions.require_signature,
            drain: Duration::from_millis(config.versions.drain_ms),
            canary: CanaryOptions {
                calls_min: canary.calls_min as u64,
                promote_calls: canary.promote_calls,
                bad_percent_max: canary.bad_percent_max as f64,
                latency_percent_max: canary.latency_percent_max as f64,
            },
            asking: limits(&config.limits),
        };
        let registry = Registry::open(&config.data.dir.join("host.db"))?;
        let of_modules = config.clone();
        let modules = move |name: &str| module_options(&of_modules, name);
        Ok(Manager::new(
            engine,
            options,
            Box::new(modules),
            registry,
            slots,
        ))
    }

    /// The data folder, made if it is missing.
    pub(super) fn folder(&self) -> anyhow::Result<Folder> {
        Folder::open(&self.config.data.dir)
    }

    /// Whether the first admin can be made as the settings have it, if there is none yet.
    /// Makes nothing.
    pub(super) fn check_first_admin(&self) -> anyhow::Result<()> {
        let identity = &self.config.identity;
        let password = identity.admin_password.as_str();
        Directory::check_first_admin(
            &self.config.data.dir.join("host.db"),
            &identity.admin_email,
            (!password.is_empty()).then_some(password),
        )
        .context(FIRST_ADMIN)
    }

    /// Who may sign in, by the data folder.
    pub(super) fn directory(&self, folder: &Folder) -> anyhow::Result<Directory> {
        let lifetimes = Lifetimes {
            token: Duration::from_secs(self.config.identity.token_lifetime_s),
            session: Duration::from_secs(self.config.identity.session_lifetime_s),
        };
        Ok(Directory::open(&folder.path.join("host.db"), lifetimes)?)
    }
}

/// What is said before an error that concerns the first admin.
pub(super) const FIRST_ADMIN: &str = "the first admin (admin.email, admin.password)";

/// A data folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Held as long as this lives; `None` where another process has it.
    lock: Option<File>,
}

impl Folder {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let make = |folder: &Path| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))
        };
        make(path)?;
        make(&path.join("modules"))?;
        make(&path.join("compiled"))?;
        let lock = path.join("lock");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&lock)
            .with_context(|| format!("cannot write {}", lock.display()))?;
        let lock = match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", lock.display()));
            }
        };
        if lock.is_some() {
            tidy(path);
            storage::prepare_disk(path)?;
        }
        Ok(Self {
            path: path.to_owned(),
            lock,
        })
    }

    /// Logs which of the folder and its databases others than the owner may open, and where
    /// others may put code that runs, as modes of a restored backup often have it. They stay
    /// so: it may be meant. Where there is no data yet, nothing is said.
    pub(super) fn warn_of_loose_modes(&self) {
        let mut databases: Vec<PathBuf> = [self.path.clone(), self.path.join("modules")]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .filter(|path| is_of_database(path))
            .collect();
        if databases.is_empty() {
            return;
        }
        databases.sort();
        let mut looked_at = vec![(self.path.clone(), MAY_OPEN)];
        looked_at.extend(databases.into_iter().map(|path| (path, MAY_OPEN)));
        let with_code = ["modules", "compiled", "versions"].map(|name| self.path.join(name));
        looked_at.extend(with_code.map(|path| (path, MAY_WRITE)));
        for (path, others) in looked_at {
            let Ok(metadata) = fs::metadata(&path) else {
                continue;
            };
            let mode = metadata.mode() & 0o7777;
            if mode & others != 0 {
                let wanted = if metadata.is_dir() { "700" } else { "600" };
                let path = path.display();
                tracing::warn!(
                    %path,
                    "others than its owner may open it, by its mode {mode:04o}: chmod {wanted} {path}"
                );
            }
        }
    }

    /// A file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Says in the data folder where the host is, for other commands.
    pub(super) fn announce(&self, place: SocketAddr) -> anyhow::Result<()> {
        let mut reachable = place;
        if place.ip().is_unspecified() {
            reachable.set_ip(match place.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let path = self.path.join("listening");
        overwrite(&path, &reachable.to_string())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Where the host is that serves this folder; `None` where none does.
    pub(super) fn host(&self) -> anyhow::Result<Option<SocketAddr>> {
        if self.lock.is_some() {
            return Ok(None);
        }
        let path = self.path.join("listening");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read where the host is: {}", path.display()))?;
        let place = text.trim().parse();
        Ok(Some(place.with_context(|| {
            format!("{} names no place", path.display())
        })?))
    }

    /// # Errors
    /// When another host serves this folder.
    pub(super) fn require_lock(&self) -> anyhow::Result<()> {
        if self.lock.is_none() {
            bail!(
                "the data folder {} is in use by another wares",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Opens a module's database. Its schema is only brought forward when no
    /// host is running on it.
    pub(super) fn open_module(&self, module: &mut Module) -> Result<(), ModuleError> {
        module.open(&self.path.join("modules"), self.lock.is_some())
    }

    /// Loads one module by name and opens its database, once `check` finds that it is
    /// fit for what is to be done with it. What goes before it and cannot be served is
    /// said on stderr.
    pub(super) fn module(
        &self,
        workplace: &Workplace,
        engine: &Engine,
        name: &str,
        check: impl Fn(&Module) -> Result<(), CallError>,
    ) -> anyhow::Result<Module> {
        let mut candidates = workplace.candidates(engine, workplace.found()?)?;
        let names = candidates.names();
        let mut unfit = None;
        let module = candidates.choose(name, |module| match check(&module) {
            Ok(()) => self.opened(module),
            Err(error) => {
                unfit = Some(error);
                Ok(module)
            }
        });
        if let Some(error) = unfit {
            return Err(error.into());
        }
        let failures = candidates.failures();
        let theirs = |failure: &&Failure| failure.module.as_deref().is_none_or(|of| of == name);
        let mut reasons = failures
            .iter()
            .filter(theirs)
            .map(|failure| &failure.reason);
        match module {
            Some(module) => {
                for fallback in candidates.fallbacks() {
                    eprintln!("wares: {}", printable(&fallback.detail));
                }
                Ok(module)
            }
            None => match reasons.next() {
                Some(reason) => bail!("the module {name} is not served: {reason}"),
                None => bail!("there is no module {name}; there is {}", names.join(", ")),
            },
        }
    }

    /// A module with its database open.
    pub(super) fn opened(&self, mut module: Module) -> Result<Module, String> {
        match self.open_module(&mut module) {
            Ok(()) => Ok(module),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The database of a module that has run here.
    pub(super) fn database(&self, name: &str) -> anyhow::Result<Database> {
        let file = self.path.join("modules").join(format!("{name}.db"));
        if !fs::exists(&file).unwrap_or(false) {
            bail!("{} has no data of a module {name}", self.path.display());
        }
        Ok(Database::open(&file, &DatabaseOptions::default())?)
    }
}

/// What a mode lets all but the owner do: anything, and to write.
const MAY_OPEN: u32 = 0o077;
const MAY_WRITE: u32 = 0o022;

/// Whether a file is a database, or belongs to one.
fn is_of_database(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        [".db", ".db-wal", ".db-shm"]
            .iter()
            .any(|end| name.ends_with(end))
    })
}

/// Says what a component wrote to its standard error.
fn hear(component: &str, line: &str) {
    eprintln!("{}: {line}", printable_line(component));
}

/// Writes a file anew in the place that it has: the disk may have no other.
fn overwrite(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Removes what a process that was killed was about to write. None that lives writes
/// here: this one holds the lock.
fn tidy(data: &Path) {
    let is_rehearsal = |name: &str| name.starts_with("rehearsal-");
    let is_half_compiled = |name: &str| name.starts_with('.') && name.ends_with(".tmp");
    let is_half_written = |name: &str| name.ends_with(".partial");
    type IsLeft<'a> = &'a dyn Fn(&str) -> bool;
    let places: [(&str, IsLeft<'_>); 3] = [
        ("", &is_rehearsal),
        ("compiled", &is_half_compiled),
        ("versions", &is_half_written),
    ];
    for (folder, is_left) in places {
        let Ok(entries) = fs::read_dir(data.join(folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(is_left) {
                continue;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_folder {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Ok(()) => tracing::info!(path = %path.display(), "removed what a killed host left"),
                // It takes room, and is of no other harm.
                Err(error) => tracing::warn!(path = %path.display(), %error, "cannot be removed"),
            }
        }
    }
}

fn module_options(config: &Config, name: &str) -> ModuleOptions {
    let all = || GRANTS.map(|(grant, _)| grant.to_owned()).to_vec();
    let module = config.modules.get(name);
    ModuleOptions {
        database_bytes_max: config.limits_of(name).database_bytes_max as u64,
        database_within_disk: config.limits_of(name).database_within_disk,
        migration_ms: config.limits_of(name).sql_migration_ms,
        grants: module.map_or_else(all, |module| module.grants.clone()),
        path_prefixes: module
            .map_or_else(PathPrefix::defaults, |module| module.path_prefixes.clone()),
        limits: limits(config.limits_of(name)),
        settings: module
            .map(|module| module.config.clone())
            .unwrap_or_default(),
    }
}

fn limits(settings: &LimitSettings) -> Limits {
    Limits {
        deadline_ms: settings.deadline_ms,
        call_ms: settings.call_ms,
        memory_bytes_max: settings.memory_bytes_max,
        table_elements_max: settings.table_elements_max,
        response_bytes_max: settings.response_bytes_max,
        host_calls_max: settings.host_calls_max,
        log_lines_max: settings.log_lines_max,
        log_bytes_max: settings.log_bytes_max,
        log: LogLimits {
            lines_per_s_max: settings.log_lines_per_s_max,
            bytes_per_s_max: settings.log_bytes_per_s_max,
        },
        sql: SessionLimits {
            statement_ms: settings.sql_statement_ms,
            statements_max: settings.sql_statements_max,
            rows_max: settings.sql_rows_max,
            result_bytes_max: settings.sql_result_bytes_max,
            memory_bytes_max: settings.sql_memory_bytes_max,
            // A call that has waited is to have time for its answer.
            writer_wait_ms: settings.sql_writer_wait_ms.min(settings.call_ms / 2),
            transaction_hold_ms: settings.sql_transaction_hold_ms,
        },
    }
}
