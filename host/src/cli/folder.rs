//! The data folder that a command works on: its lock, the address of the host that serves it,
//! and the databases in it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::setup::Setup;
use crate::components::{Failure, Version, VersionError};
use crate::engine::{CallError, Engine};
use crate::files;
use crate::identity::IdentityService;
use crate::printable::printable;
use crate::storage::{self, DataFolder, Database, DatabaseOptions, HostDatabase, StorageError};

/// The largest file with an address, in bytes.
const ADDRESS_BYTES_MAX: u64 = 1_024;

/// Why a path leads to no data folder; `None` where it does.
///
/// # Errors
/// When it cannot be looked into.
pub(super) fn no_data_folder(data: &DataFolder) -> anyhow::Result<Option<String>> {
    let path = data.path();
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
    let own = data.host_database();
    let is_one = own.try_exists().with_context(unseen)?;
    let own = own.file_name().unwrap_or_default().display();
    Ok((!is_one && databases(data).is_empty())
        .then(|| format!("the folder {shown} is not a data folder, for it has no {own}")))
}

/// The databases of all modules that have run here, by their names, as after `seed` without a
/// host.
fn databases(data: &DataFolder) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(data.databases()) else {
        return Vec::new();
    };
    let named = |path: PathBuf| Some((DataFolder::module_of(&path)?.to_owned(), path));
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| named(entry.path()))
        .collect();
    found.sort();
    found
}

/// Where the host is that serves a data folder, as it wrote it; `None` where none has.
///
/// # Errors
/// When that cannot be read.
pub(super) fn announced(data: &DataFolder) -> anyhow::Result<Option<SocketAddr>> {
    let path = data.address();
    let text = match files::read_text(&path, ADDRESS_BYTES_MAX) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read where the host is: {}", path.display()));
        }
    };
    let address = text.trim().parse();
    let address = address.with_context(|| format!("{} holds no address", path.display()))?;
    Ok(Some(address))
}

/// A data folder.
pub(super) struct Folder {
    data: DataFolder,
    /// Held as long as this lives; `None` where another process has it.
    lock: Option<File>,
}

impl Folder {
    pub(super) fn open(data: DataFolder) -> anyhow::Result<Self> {
        let make = |folder: &Path| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))
        };
        make(data.path())?;
        make(&data.databases())?;
        make(&data.compiled())?;
        let lock = data.lock();
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
            // No host serves this folder, so the address of the last one is wrong.
            remove_address(&data)?;
            tidy(&data);
            storage::prepare_disk(&data)?;
        }
        Ok(Self { data, lock })
    }

    /// Logs which of the folder and its databases others than the owner may open, and where
    /// others may put code that runs, as modes of a restored backup often have it. They stay
    /// so: it may be meant. A folder without data logs nothing.
    pub(super) fn warn_of_loose_modes(&self) {
        let data = &self.data;
        let mut databases: Vec<PathBuf> = [data.path().to_owned(), data.databases()]
            .iter()
            .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .filter(|path| DataFolder::is_of_database(path))
            .collect();
        if databases.is_empty() {
            return;
        }
        databases.sort();
        let mut looked_at = vec![(data.path().to_owned(), MAY_OPEN)];
        looked_at.extend(databases.into_iter().map(|path| (path, MAY_OPEN)));
        let with_code = [data.databases(), data.compiled(), data.versions()];
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

    /// The host's own database.
    pub(super) fn host_database(&self) -> Result<HostDatabase, StorageError> {
        HostDatabase::open(&self.data.host_database())
    }

    /// Its layout.
    pub(super) fn data(&self) -> &DataFolder {
        &self.data
    }

    /// Writes the address of the host into the data folder, for other commands, to which the
    /// host can prove it from then on. Without room on the disk, it serves all others.
    pub(super) fn announce(&self, address: SocketAddr, identity: &IdentityService) {
        let mut reachable = address;
        if address.ip().is_unspecified() {
            reachable.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        let address = reachable.to_string();
        identity.serve_at(&address);
        let path = self.data.address();
        if let Err(error) = write_anew(&path, &address) {
            tracing::warn!(
                path = %path.display(),
                %error,
                "cannot be written: commands do not find this host"
            );
        }
    }

    /// Removes the address of the host, which stops. A file that cannot be removed stays for
    /// the next command or host, which removes it, and no command trusts it without a proof.
    pub(super) fn conceal(&self) {
        if let Err(error) = remove_address(&self.data) {
            tracing::warn!("{error:#}");
        }
    }

    /// Where the host is that serves this folder; `None` where none does.
    ///
    /// # Errors
    /// When the process that has the folder wrote no address, as a host that starts.
    pub(super) fn host(&self) -> anyhow::Result<Option<SocketAddr>> {
        if self.lock.is_some() {
            return Ok(None);
        }
        let address = announced(&self.data)?;
        let Some(address) = address else {
            bail!(
                "the data folder {} is in use by another wares that does not serve: a host that starts or \
                 stops, or a command. Try again in a moment; if it is a host that serves, its log says why \
                 it could not write where it is",
                self.data.path().display()
            )
        };
        Ok(Some(address))
    }

    /// # Errors
    /// When another host serves this folder.
    pub(super) fn require_lock(&self) -> anyhow::Result<()> {
        if self.lock.is_none() {
            bail!(
                "the data folder {} is in use by another wares",
                self.data.path().display()
            );
        }
        Ok(())
    }

    /// Opens a module's database. Migrations are only applied when no
    /// host is running on it.
    pub(super) fn open_module(&self, module: &Version) -> Result<(), VersionError> {
        module.open(&self.data, self.lock.is_some())
    }

    /// Loads one module by name and opens its database, once `check` finds that it is
    /// fit for what is to be done with it. What goes before it and cannot be served is
    /// said on stderr.
    pub(super) fn module(
        &self,
        setup: &Setup,
        engine: &Engine,
        name: &str,
        check: impl Fn(&Version) -> Result<(), CallError>,
    ) -> anyhow::Result<Version> {
        let mut candidates = setup.candidates(engine, setup.found()?)?;
        setup.say_unused_settings(&candidates)?;
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
        databases(&self.data)
    }

    /// The database of a module that has run here.
    pub(super) fn database(&self, name: &str) -> anyhow::Result<Database> {
        let file = self.data.database(name);
        if !fs::exists(&file).unwrap_or(false) {
            bail!(
                "{} has no data of a module {name}",
                self.data.path().display()
            );
        }
        Ok(Database::open(&file, &DatabaseOptions::default())?)
    }
}

/// Removes the address of the last host.
fn remove_address(data: &DataFolder) -> anyhow::Result<()> {
    let path = data.address();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file, and frees the room that the host has reserved where the disk has no other.
/// A reader finds all of it or no file.
fn write_anew(path: &Path, text: &str) -> std::io::Result<()> {
    storage::make_room();
    let partial = path.with_extension("partial");
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

/// The bits of a mode that let others than the owner do anything, and write.
const MAY_OPEN: u32 = 0o077;
const MAY_WRITE: u32 = 0o022;

/// Removes what a process that was killed was about to write. None that lives writes
/// here: this one holds the lock.
fn tidy(data: &DataFolder) {
    let is_rehearsal = |name: &str| name.starts_with(DataFolder::REHEARSAL);
    let is_half_compiled = |name: &str| name.starts_with('.') && name.ends_with(".tmp");
    let is_half_written = |name: &str| name.ends_with(".partial");
    let half_address = data.address().with_extension("partial");
    let half_address = half_address.file_name().unwrap_or_default();
    let is_half_address = |name: &str| name == half_address;
    type IsLeft<'a> = &'a dyn Fn(&str) -> bool;
    let folders: [(PathBuf, IsLeft<'_>); 4] = [
        (data.path().to_owned(), &is_rehearsal),
        (data.path().to_owned(), &is_half_address),
        (data.compiled(), &is_half_compiled),
        (data.versions(), &is_half_written),
    ];
    for (folder, is_left) in folders {
        let Ok(entries) = fs::read_dir(folder) else {
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
