//! Where a module's component comes from: a file that the configuration names,
//! else a version that was activated, else a file in the folder `modules`, else the
//! one that the binary carries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::bundled::BUNDLED;
use super::candidates::Failure;
use super::store::ComponentStore;
use crate::digest::Digest;
use crate::files;
use crate::storage::{DataFolder, Database, timestamp};

/// The largest file of a signature, in bytes.
const SIGNATURE_BYTES_MAX: u64 = 64 * 1024;

/// The source of a component. Earlier ones have precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A file that the configuration names.
    Configured,
    /// The version that was activated last.
    Active,
    /// A version that was active before.
    Earlier,
    /// A file in the folder of modules.
    File,
    /// The binary.
    BuiltIn,
}

/// The origin of the component that serves a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its source.
    pub rank: Rank,
    /// For messages: a path, the name of a version or of a bundled component.
    pub label: String,
    /// When a file, or the program that carries the component, was changed, and a
    /// version was activated; RFC 3339 in UTC. `None` where that is not known.
    pub since: Option<String>,
}

impl Origin {
    /// The word for programs.
    pub fn kind(&self) -> &'static str {
        match self.rank {
            Rank::Configured => "setting",
            Rank::Active | Rank::Earlier => "version",
            Rank::File => "folder",
            Rank::BuiltIn => "built-in",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = &self.label;
        let since = self.since.as_deref().unwrap_or("an unknown time");
        match self.rank {
            Rank::Configured => write!(out, "the setting: {label}"),
            Rank::Active => write!(out, "the activation of {since}"),
            Rank::Earlier => out.write_str("an earlier activation"),
            Rank::File => write!(out, "the folder: {label}"),
            Rank::BuiltIn => out.write_str("built in"),
        }
    }
}

/// The bytes of a component, and their origin.
pub struct Source {
    /// For messages: a path, or the name of a bundled component.
    pub origin: String,
    /// When it was changed or activated; as in [`Origin`].
    pub since: Option<String>,
    /// The name of the module, if it is known before the component is called.
    pub name: Option<String>,
    /// The component.
    pub bytes: Cow<'static, [u8]>,
    /// The digest of the component.
    pub digest: Digest,
    /// The precedence among several sources of one module.
    pub rank: Rank,
    /// Its minisign signature, in the file beside it.
    pub signature: Option<String>,
}

/// A component that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system cannot read it, or it is no file.
    #[error("cannot read {path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It is larger than the bound, and was not read.
    #[error("{path}: {reason} (compile.component_bytes_max)", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, and the bound.
        reason: String,
    },
}

impl Source {
    /// Reads a component from a file of at most this many bytes.
    ///
    /// # Errors
    /// When the file cannot be read, is no regular file, or is larger.
    pub fn read(path: &Path, bytes_max: usize) -> Result<Self, SourceError> {
        let bytes = files::read(path, bytes_max as u64).map_err(|source| {
            let path = path.to_owned();
            match files::refused(&source) {
                Some(reason @ files::Refused::TooLarge { .. }) => SourceError::TooLarge {
                    path,
                    reason: reason.to_string(),
                },
                _ => SourceError::File { path, source },
            }
        })?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".minisig");
        Ok(Self {
            origin: path.display().to_string(),
            since: changed(path),
            name: None,
            digest: Digest::of(&bytes),
            bytes: Cow::Owned(bytes),
            rank: Rank::File,
            // An unreadable signature is none.
            signature: files::read_text(Path::new(&beside), SIGNATURE_BYTES_MAX).ok(),
        })
    }

    /// The version of a module with this digest.
    ///
    /// # Errors
    /// When its file is missing or changed.
    pub(super) fn version(
        versions: &ComponentStore,
        module: &str,
        digest: Digest,
        rank: Rank,
    ) -> Result<Self, Box<Failure>> {
        let origin = version_name(module, digest);
        match versions.read(digest) {
            Ok(bytes) => Ok(Self {
                origin,
                since: None,
                name: Some(module.to_owned()),
                bytes: bytes.into(),
                digest,
                rank,
                signature: None,
            }),
            Err(error) => Err(Box::new(Failure {
                module: Some(module.to_owned()),
                digest: Some(digest),
                rank,
                reason: format!("{origin}: {error}"),
                origin,
                exports: None,
                of_settings: Vec::new(),
            })),
        }
    }
}

/// The name of a version of a module in messages.
pub(super) fn version_name(module: &str, digest: Digest) -> String {
    format!("version {} of {module}", digest.short())
}

/// When a file was changed, if the system knows.
fn changed(path: &Path) -> Option<String> {
    let changed = fs::metadata(path).and_then(|file| file.modified());
    changed.ok().map(timestamp)
}

/// All that a host may serve.
#[derive(Default)]
pub struct Found {
    /// The components, in order of precedence.
    pub sources: Vec<Source>,
    /// By module, the digests of versions that were active before, the last one first.
    pub earlier: BTreeMap<String, Vec<Digest>>,
    /// By module, since when it has data here; RFC 3339 in UTC.
    pub since: BTreeMap<String, String>,
    /// Components that cannot be read.
    pub failures: Vec<Failure>,
}

/// All components that a host may serve: those of `configured` (name and file), the
/// active versions in the data folder, those in `folder` if it exists,
/// and those that the binary carries.
///
/// # Errors
/// When a folder cannot be read.
pub fn find<'a>(
    configured: impl IntoIterator<Item = (&'a str, &'a Path)>,
    data: &DataFolder,
    folder: &Path,
    bytes_max: usize,
) -> Result<Found, SourceError> {
    let mut found = Found::default();
    for (name, path) in configured {
        found.file(path, Some(name), Rank::Configured, bytes_max);
    }
    found.activated(data)?;
    found.not_activated(folder, bytes_max)?;
    Ok(found)
}

/// The components that a module is served from whose activation is ended: the file that
/// the settings name for it, those in the folder, and those that the binary carries.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn without_versions(
    configured: Option<(&str, &Path)>,
    folder: &Path,
    bytes_max: usize,
) -> Result<Found, SourceError> {
    let mut found = Found::default();
    if let Some((name, path)) = configured {
        found.file(path, Some(name), Rank::Configured, bytes_max);
    }
    found.not_activated(folder, bytes_max)?;
    Ok(found)
}

impl Found {
    /// Records that the folder of components which the settings name is missing.
    pub fn misses(&mut self, folder: &Path) {
        let origin = folder.display().to_string();
        self.failures.push(Failure {
            module: None,
            reason: format!(
                "data.modules_dir: there is no folder {origin}: make it, or leave the setting out"
            ),
            origin,
            digest: None,
            rank: Rank::File,
            exports: None,
            of_settings: Vec::new(),
        });
    }

    /// The components in a folder, and those that the binary carries.
    fn not_activated(&mut self, folder: &Path, bytes_max: usize) -> Result<(), SourceError> {
        for path in files(folder, "wasm")? {
            self.file(&path, None, Rank::File, bytes_max);
        }
        let program = std::env::current_exe().ok();
        let since = program.and_then(|program| changed(&program));
        self.sources
            .extend(BUNDLED.iter().map(|(name, bytes)| Source {
                origin: format!("{name} (built in)"),
                since: since.clone(),
                name: None,
                bytes: Cow::Borrowed(*bytes),
                digest: Digest::of(bytes),
                rank: Rank::BuiltIn,
                signature: None,
            }));
        Ok(())
    }

    fn file(&mut self, path: &Path, name: Option<&str>, rank: Rank, bytes_max: usize) {
        match Source::read(path, bytes_max) {
            Ok(source) => self.sources.push(Source {
                name: name.map(str::to_owned),
                rank,
                ..source
            }),
            Err(error) => self.failures.push(Failure {
                module: name.map(str::to_owned),
                origin: path.display().to_string(),
                digest: None,
                rank,
                reason: error.to_string(),
                exports: None,
                of_settings: Vec::new(),
            }),
        }
    }

    /// The greatest number of modules that may be served: those of the sources, and those with
    /// only versions that were active before.
    pub(crate) fn modules_max(&self) -> usize {
        let has_source = |name: &str| {
            let mut names = self.sources.iter().filter_map(|one| one.name.as_deref());
            names.any(|other| other == name)
        };
        let left = self
            .earlier
            .iter()
            .filter(|(_, digests)| !digests.is_empty());
        self.sources.len() + left.filter(|(name, _)| !has_source(name)).count()
    }

    /// The active version of every module with data in a data folder.
    fn activated(&mut self, data: &DataFolder) -> Result<(), SourceError> {
        let versions = ComponentStore::of(data);
        for file in files(&data.databases(), "db")? {
            let Some(name) = DataFolder::module_of(&file) else {
                continue;
            };
            let history = match Database::history_in(&file) {
                Ok(history) => history,
                // The active version is unknown, so no other may serve for it.
                Err(error) => {
                    let origin = format!("active version of {name}");
                    self.failures.push(Failure {
                        module: Some(name.to_owned()),
                        reason: format!("{origin}: {error}"),
                        origin,
                        digest: None,
                        rank: Rank::Active,
                        exports: None,
                        of_settings: Vec::new(),
                    });
                    continue;
                }
            };
            if let Some(since) = history.since {
                self.since.insert(name.to_owned(), since);
            }
            let mut digests = history.activations.into_iter();
            let Some(active) = digests.next() else {
                continue;
            };
            match Source::version(&versions, name, active, Rank::Active) {
                Ok(source) => self.sources.push(Source {
                    since: history.activated_at,
                    ..source
                }),
                Err(failure) => self.failures.push(*failure),
            }
            self.earlier.insert(name.to_owned(), digests.collect());
        }
        Ok(())
    }
}

/// The files of a folder with this extension, in the order of their names; none if the
/// folder is missing.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError::File {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_cannot_be_read_is_a_failure_of_the_active_version() {
        let data = tempfile::TempDir::new().unwrap();
        let modules = data.path().join("modules");
        fs::create_dir(&modules).unwrap();
        fs::write(
            modules.join("broken.db"),
            "no database, and long enough".repeat(9),
        )
        .unwrap();
        fs::write(modules.join("fresh.db"), "").unwrap();
        let found = find([], &DataFolder::new(data.path()), &modules, 1 << 20).unwrap();
        let told: Vec<_> = found
            .failures
            .iter()
            .map(|failure| (failure.module.as_deref(), failure.rank))
            .collect();
        assert_eq!(told, [(Some("broken"), Rank::Active)]);
        assert_eq!(
            found.failures[0].reason,
            format!(
                "active version of broken: {}/broken.db: it is no database: \
                 stop the host, and replace it by a backup",
                modules.display()
            )
        );
    }

    #[test]
    fn a_module_with_earlier_versions_alone_may_be_served_too() {
        let source = |name: Option<&str>| Source {
            origin: String::new(),
            since: None,
            name: name.map(str::to_owned),
            bytes: Cow::Borrowed(b""),
            digest: Digest::of(b""),
            rank: Rank::Active,
            signature: None,
        };
        let earlier = ["active", "missing"].map(|name| (name.to_owned(), vec![Digest::of(b"abc")]));
        let found = Found {
            sources: vec![source(Some("active")), source(None)],
            earlier: earlier.into(),
            ..Found::default()
        };
        assert_eq!(found.modules_max(), 3);
        assert_eq!(Found::default().modules_max(), 0);
    }
}
