//! For developers of a module: its component is reloaded whenever its file changes. The log
//! has the fault of a refused one, and the component before serves on.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io, thread};

use super::changes::Manager;
use super::source::{Rank, Source};

/// How often the paths are resolved. The system reports changes in the folders that existed
/// at first, and not in others that replace them.
const LOOK: Duration = Duration::from_millis(50);
/// A file is read once it has been unchanged for this long.
const QUIET: Duration = Duration::from_millis(50);
/// A file counts as missing after this long: some tools remove it before they write another
/// one.
const GONE: Duration = Duration::from_secs(1);

/// Files that cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Neither a file nor a folder exists.
    #[error(
        "there is nothing to watch: name a component, as --watch FILE or with modules.NAME.component, or make the \
         folder {folder}",
        folder = .0.display()
    )]
    Nothing(PathBuf),
    /// The system has no thread left, or no working directory.
    #[error("cannot watch for changes: {0}")]
    Io(#[from] io::Error),
}

/// Watches until it is dropped.
pub struct Watch {
    _stop: Sender<()>,
}

/// The files of components, as they were when the host began to read them.
pub struct Watched {
    /// Those that the settings name, each with its module.
    configured: Vec<(PathBuf, String)>,
    folder: PathBuf,
    seen: Seen,
}

/// The targets of the paths of components, at one time.
type Seen = BTreeMap<PathBuf, Stamp>;

/// The identity of a file, different from any earlier one at its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When it was written, and when its metadata changed, in seconds and nanoseconds.
    written: (i64, i64),
    changed: (i64, i64),
}

/// A path with another target than before.
struct Change {
    /// Its target; `None` if it has none.
    stamp: Option<Stamp>,
    /// Since when.
    since: Instant,
    /// When it had its earlier target.
    before: SystemTime,
}

impl Watched {
    /// Notes the state of the files that the settings name (module and file), and of the
    /// components in `folder` if it exists.
    ///
    /// # Errors
    /// When neither a file nor a folder can be watched.
    pub fn note<'a>(
        configured: impl IntoIterator<Item = (&'a str, &'a Path)>,
        folder: &Path,
    ) -> Result<Self, WatchError> {
        let absolute = |(name, file): (&str, &Path)| Ok((std::path::absolute(file)?, name.into()));
        let mut watched = Self {
            configured: configured
                .into_iter()
                .map(absolute)
                .collect::<io::Result<_>>()?,
            folder: std::path::absolute(folder)?,
            seen: Seen::new(),
        };
        let has_folder = |(file, _): &(PathBuf, String)| file.parent().is_some_and(Path::is_dir);
        if !watched.folder.is_dir() && !watched.configured.iter().any(has_folder) {
            return Err(WatchError::Nothing(watched.folder));
        }
        watched.seen = watched.look();
        Ok(watched)
    }

    /// Lets the manager reload components that change from here on.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn follow(self, manager: Arc<Manager>) -> Result<Watch, WatchError> {
        let files = self.configured.iter().map(|(file, _)| file);
        for path in files.chain([&self.folder]) {
            tracing::info!(path = %path.display(), "components are served anew when they change");
        }
        let (stop, stopped) = mpsc::channel();
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || follow(self, &stopped, &manager))?;
        Ok(Watch { _stop: stop })
    }

    /// The present targets of the paths, through all links and folders.
    fn look(&self) -> Seen {
        let in_folder = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let components = in_folder
            .map(|entry| entry.path())
            .filter(|path| path.extension() == Some(OsStr::new("wasm")));
        let configured = self.configured.iter().map(|(file, _)| file.clone());
        configured
            .chain(components)
            .filter_map(|path| {
                let stamp = Stamp::of(&path)?;
                Some((path, stamp))
            })
            .collect()
    }

    /// The module that the settings name for a file.
    fn name(&self, path: &Path) -> Option<&str> {
        let mut configured = self.configured.iter();
        let (_, name) = configured.find(|(file, _)| file == path)?;
        Some(name)
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.size(),
            written: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

fn follow(mut watched: Watched, stopped: &Receiver<()>, manager: &Manager) {
    let mut changes: BTreeMap<PathBuf, Change> = BTreeMap::new();
    let mut before = SystemTime::now();
    while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = watched.look();
        changes.retain(|path, _| now.contains_key(path) || watched.seen.contains_key(path));
        let paths = now.keys().chain(watched.seen.keys());
        for path in paths {
            let stamp = now.get(path);
            if stamp == watched.seen.get(path) {
                changes.remove(path);
            } else if changes
                .get(path)
                .is_none_or(|change| change.stamp.as_ref() != stamp)
            {
                let before = changes.get(path).map_or(before, |change| change.before);
                let change = Change {
                    stamp: stamp.cloned(),
                    since: Instant::now(),
                    before,
                };
                changes.insert(path.clone(), change);
            }
        }
        before = SystemTime::now();
        let due: Vec<PathBuf> = changes
            .iter()
            .filter(|(_, change)| change.is_settled())
            .map(|(path, _)| path.clone())
            .collect();
        for path in due {
            let Some(change) = changes.remove(&path) else {
                continue;
            };
            match change.stamp {
                Some(stamp) => {
                    let is_new = watched.seen.insert(path.clone(), stamp).is_none();
                    serve_anew(&path, &watched, change.before, is_new, manager);
                }
                None => {
                    watched.seen.remove(&path);
                    tracing::warn!(
                        "{} is missing: the loaded component serves until a file is there again",
                        path.display()
                    );
                }
            }
        }
    }
}

impl Change {
    /// Whether the path has had this target for long enough.
    fn is_settled(&self) -> bool {
        let patience = if self.stamp.is_some() { QUIET } else { GONE };
        self.since.elapsed() >= patience
    }
}

/// Reloads the target of a path. It had another target, or none, at `before`.
fn serve_anew(path: &Path, watched: &Watched, before: SystemTime, is_new: bool, manager: &Manager) {
    let file = path.display();
    let written = fs::metadata(path).and_then(|file| file.modified());
    // The target of a link may have been written long ago.
    let saved = written.map_or(before, |written| written.max(before));
    let name = watched.name(path);
    let done = match Source::read(path, manager.component_bytes_max()) {
        Ok(source) => manager.reload(&Source {
            name: name.map(str::to_owned),
            rank: name.map_or(source.rank, |_| Rank::Configured),
            ..source
        }),
        Err(error) => {
            tracing::error!("{error}");
            manager.refuse_file(path, name, &error.to_string());
            return;
        }
    };
    match done {
        Ok(Some(module)) => {
            let since = SystemTime::now().duration_since(saved).unwrap_or_default();
            let compiled = match module.compiled_in() {
                Some(time) => format!("was compiled in {} ms", time.as_millis()),
                None => "was compiled before".to_owned(),
            };
            tracing::info!(
                module = module.name(),
                version = %module.version(),
                digest = module.digest().to_string(),
                "{file} is served {} ms after it was saved, and {compiled}",
                since.as_millis()
            );
        }
        Ok(None) if is_new => tracing::info!("{file} is there, and is what is served already"),
        Ok(None) => {}
        Err(error) => tracing::error!("{file} is not served: {}", error.reason()),
    }
}
