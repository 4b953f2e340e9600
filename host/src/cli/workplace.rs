//! What every command needs: the settings, an engine, modules, a data folder.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::{Common, Settings};
use crate::clock;
use crate::components::{
    self, Candidates, ComponentStore, CurrentRoutes, Failure, Found, Manager, ManagerOptions, Slot,
    Source, Version, VersionError, WatchError, Watched,
};
use crate::config::Sources;
use crate::engine::{CallError, Engine, EngineOptions};
use crate::files;
use crate::identity::Directory;
use crate::printable::{printable, printable_line};
use crate::storage::{self, Database, DatabaseOptions, Installed, Registry, StorageError};

pub(super) struct Workplace {
    pub settings: Settings,
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
            environment: environment()?,
            flags,
        };
        Ok(Self {
            settings: Settings::load(&sources)?,
        })
    }

    /// An engine for as many calls at once as the modules that are served have threads.
    pub(super) fn engine_to_serve(&self, found: &Found) -> anyhow::Result<Engine> {
        // Which modules the files hold is not known yet; each may be the one that may do most.
        let most = self
            .settings
            .all_limits()
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
        let settings = &self.settings;
        let calls_of = || settings.all_limits().map(|limits| &limits.call);
        let memory_bytes = calls_of().map(|call| call.memory_bytes_max);
        let table_elements = calls_of().map(|call| call.table_elements_max);
        let artifacts = settings.data.dir.join("compiled");
        Ok(Engine::new(EngineOptions {
            calls_max: calls.try_into().unwrap_or(u32::MAX),
            memory_bytes_max: memory_bytes.max().unwrap_or_default(),
            table_elements_max: table_elements.max().unwrap_or_default(),
            stack_bytes_max: settings.stack_bytes_max,
            component_bytes_max: settings.compile.component_bytes_max,
            compile: Some(settings.compile.limits),
            artifacts: artifacts.is_dir().then_some(artifacts),
            hear,
        })?)
    }

    /// Loads one component as a module; its database stays closed.
    pub(super) fn module(&self, engine: &Engine, source: &Source) -> Result<Version, VersionError> {
        Version::load(
            engine,
            source,
            |name| self.settings.module(name),
            &self.settings.limits.of_call(),
        )
    }

    /// Where the modules' components come from.
    pub(super) fn found(&self) -> anyhow::Result<Found> {
        let data = &self.settings.data;
        let mut found = components::find(
            self.configured(),
            &data.dir,
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
    /// When the settings name a module that there is not.
    pub(super) fn candidates<'a>(
        &'a self,
        engine: &'a Engine,
        found: Found,
    ) -> anyhow::Result<Candidates<'a>> {
        let versions = ComponentStore::of(&self.settings.data.dir);
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
        let candidates = Candidates::new(found, versions, load);
        for name in self.settings.modules.keys() {
            if !candidates.knows(name) {
                bail!(
                    "there is no module {name}, which the settings under modules.{name} configure"
                );
            }
        }
        Ok(candidates)
    }

    /// What is known of a version that is installed.
    fn kept(&self, name: &str, digest: &str) -> Result<Option<Installed>, StorageError> {
        let file = self.settings.data.dir.join(OWN_DATABASE);
        if !file.exists() {
            return Ok(None);
        }
        Registry::open(&file)?.version(name, digest)
    }

    /// What manages the versions of these modules.
    pub(super) fn manager(
        &self,
        engine: Arc<Engine>,
        slots: &[Arc<Slot>],
        routes: CurrentRoutes,
    ) -> anyhow::Result<Arc<Manager>> {
        let settings = &self.settings;
        let pinned = self.configured();
        let options = ManagerOptions {
            data: settings.data.dir.clone(),
            modules_dir: settings.data.modules_dir.clone(),
            pinned: pinned
                .map(|(name, file)| (name.to_owned(), file.to_owned()))
                .collect(),
            component_bytes_max: settings.compile.component_bytes_max,
            trust: settings.versions.trust.clone(),
            drain: settings.versions.drain,
            canary: settings.canary,
            asking: settings.limits.of_call(),
        };
        let registry = Registry::open(&settings.data.dir.join(OWN_DATABASE))?;
        let of_modules = settings.clone();
        let modules = move |name: &str| of_modules.module(name);
        Ok(Manager::start(
            engine,
            options,
            Box::new(modules),
            registry,
            slots,
            Arc::new(routes),
        )?)
    }

    /// The data folder, which is there.
    ///
    /// # Errors
    /// When there is none; then nothing is made.
    pub(super) fn folder(&self) -> anyhow::Result<Folder> {
        let path = &self.settings.data.dir;
        if let Some(reason) = no_data_folder(path)? {
            bail!(
                "{reason}: name the data folder with --data DIR (or the setting data.dir), or make one there \
                 with `wares serve`"
            );
        }
        Folder::open(path)
    }

    /// The data folder, made if it is missing.
    pub(super) fn folder_or_new(&self) -> anyhow::Result<Folder> {
        Folder::open(&self.settings.data.dir)
    }

    /// The data folder, made if it is missing and somebody named it.
    pub(super) fn folder_or_named(&self) -> anyhow::Result<Folder> {
        if self.settings.data.dir_is_set {
            self.folder_or_new()
        } else {
            self.folder()
        }
    }

    /// Whether the first admin can be made as the settings have it, if there is none yet.
    /// Makes nothing.
    pub(super) fn check_first_admin(&self) -> anyhow::Result<()> {
        let identity = &self.settings.identity;
        Directory::check_first_admin(
            &self.settings.data.dir.join(OWN_DATABASE),
            &identity.admin_email,
            identity.admin_password.as_deref(),
        )
        .context(FIRST_ADMIN)
    }

    /// Who may sign in, by the data folder.
    pub(super) fn directory(&self, folder: &Folder) -> anyhow::Result<Directory> {
        let lifetimes = self.settings.identity.lifetimes;
        Ok(Directory::open(&folder.path.join(OWN_DATABASE), lifetimes)?)
    }
}

/// What is said before an error that concerns the first admin.
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

/// The host's own database.
const OWN_DATABASE: &str = "host.db";
/// Where a host says where it is.
const PLACE_FILE: &str = "listening";
/// The largest such file, in bytes.
const PLACE_BYTES_MAX: u64 = 1_024;

/// Why a path leads to no data folder; `None` where it does.
///
/// # Errors
/// When it cannot be looked into.
fn no_data_folder(path: &Path) -> anyhow::Result<Option<String>> {
    let shown = path.display();
    let unseen = || format!("cannot look into the data folder {shown}");
    let file = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(Some(format!("there is no data folder {shown}")));
        }
        file => file.with_context(unseen)?,
    };
    if !file.is_dir() {
        return Ok(Some(format!("{shown} is a file, not a data folder")));
    }
    let is_one = path.join(OWN_DATABASE).try_exists().with_context(unseen)?;
    Ok((!is_one && !has_databases(&path.join("modules")))
        .then(|| format!("the folder {shown} is not a data folder, for it has no {OWN_DATABASE}")))
}

/// Whether there are databases of modules in a folder, as after `seed` without a host.
fn has_databases(modules: &Path) -> bool {
    fs::read_dir(modules).is_ok_and(|entries| {
        let is_database = |path: PathBuf| path.extension().is_some_and(|found| found == "db");
        entries.flatten().any(|entry| is_database(entry.path()))
    })
}

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
            // No host serves this folder, so what the last one said of itself is wrong.
            remove_place(path)?;
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

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says in the data folder where the host is, for other commands, to which it can
    /// prove that from then on. Where the disk has no room for that, it serves all others.
    pub(super) fn announce(&self, place: SocketAddr, directory: &Directory) {
        let mut reachable = place;
        if place.ip().is_unspecified() {
            reachable.set_ip(match place.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let place = reachable.to_string();
        directory.serve_at(&place);
        let path = self.path.join(PLACE_FILE);
        if let Err(error) = write_anew(&path, &place) {
            tracing::warn!(
                path = %path.display(),
                %error,
                "cannot be written: commands do not find this host"
            );
        }
    }

    /// Takes back where the host is, which stops. What cannot be removed stays for the
    /// next command or host, which removes it, and nobody believes it without a proof.
    pub(super) fn conceal(&self) {
        if let Err(error) = remove_place(&self.path) {
            tracing::warn!("{error:#}");
        }
    }

    /// Where the host is that serves this folder; `None` where none does.
    ///
    /// # Errors
    /// When whoever has the folder does not say where it is, as a host that starts.
    pub(super) fn host(&self) -> anyhow::Result<Option<SocketAddr>> {
        if self.lock.is_some() {
            return Ok(None);
        }
        let path = self.path.join(PLACE_FILE);
        let text = match files::read_text(&path, PLACE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "the data folder {} is in use by another wares that does not serve: a host that starts or \
                 stops, or a command. Try again in a moment; if it is a host that serves, its log says why \
                 it could not write where it is",
                self.path.display()
            ),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read where the host is: {}", path.display()));
            }
        };
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
    pub(super) fn open_module(&self, module: &Version) -> Result<(), VersionError> {
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
        check: impl Fn(&Version) -> Result<(), CallError>,
    ) -> anyhow::Result<Version> {
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
    pub(super) fn opened(&self, module: Version) -> Result<Version, String> {
        match self.open_module(&module) {
            Ok(()) => Ok(module),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The databases of all modules that have run here, by their names.
    pub(super) fn databases(&self) -> Vec<(String, PathBuf)> {
        let Ok(entries) = fs::read_dir(self.path.join("modules")) else {
            return Vec::new();
        };
        let named = |path: PathBuf| {
            let is_database = path.extension().is_some_and(|found| found == "db");
            let name = path.file_stem()?.to_str()?.to_owned();
            is_database.then_some((name, path))
        };
        let mut found: Vec<_> = entries
            .flatten()
            .filter_map(|entry| named(entry.path()))
            .collect();
        found.sort();
        found
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

/// Removes where the last host was.
fn remove_place(data: &Path) -> anyhow::Result<()> {
    let path = data.join(PLACE_FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file, for which the host gives up room of its own where the disk has no other.
/// Whoever reads it finds all of it or no file.
fn write_anew(path: &Path, text: &str) -> std::io::Result<()> {
    storage::make_room();
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
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

/// Removes what a process that was killed was about to write. None that lives writes
/// here: this one holds the lock.
fn tidy(data: &Path) {
    let is_rehearsal = |name: &str| name.starts_with("rehearsal-");
    let is_half_compiled = |name: &str| name.starts_with('.') && name.ends_with(".tmp");
    let is_half_written = |name: &str| name.ends_with(".partial");
    let is_half_said = |name: &str| name == format!("{PLACE_FILE}.partial");
    type IsLeft<'a> = &'a dyn Fn(&str) -> bool;
    let places: [(&str, IsLeft<'_>); 4] = [
        ("", &is_rehearsal),
        ("", &is_half_said),
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
