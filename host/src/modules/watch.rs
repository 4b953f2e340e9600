//! For whoever develops a module: its component is served anew whenever its file
//! changes. What is wrong with it is said, and the one before goes on.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, SystemTime};
use std::{fs, io, thread};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::manager::{ChangeError, Manager};
use super::source::Source;

/// A file is read once nobody has written it for so long.
const QUIET: Duration = Duration::from_millis(50);

/// Files that cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is neither a file nor a folder.
    #[error(
        "there is nothing to watch: make the folder {folder}, or name a component with modules.NAME.component",
        folder = .0.display()
    )]
    Nothing(PathBuf),
    /// The system does not watch them.
    #[error("cannot watch for changes: {0}")]
    System(#[from] notify::Error),
    /// There is no thread, or no working directory.
    #[error("cannot watch for changes: {0}")]
    Io(#[from] io::Error),
}

/// Watches until it is dropped.
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// The files of components.
struct Files {
    /// Those that the settings name, each with its module.
    configured: Vec<(PathBuf, String)>,
    folder: PathBuf,
}

impl Watch {
    /// Watches the files that the settings name (module and file), and the
    /// components in `folder` if there is such a folder.
    ///
    /// # Errors
    /// When there is nothing to watch, or no way to.
    pub fn start<'a>(
        manager: Arc<Manager>,
        configured: impl IntoIterator<Item = (&'a str, &'a Path)>,
        folder: &Path,
    ) -> Result<Self, WatchError> {
        let absolute = |(name, file): (&str, &Path)| Ok((std::path::absolute(file)?, name.into()));
        let files = Files {
            configured: configured
                .into_iter()
                .map(absolute)
                .collect::<io::Result<_>>()?,
            folder: std::path::absolute(folder)?,
        };
        // A file is watched by its folder: most tools write another one, and give it the name.
        let folders = files.folders();
        if folders.is_empty() {
            return Err(WatchError::Nothing(files.folder));
        }
        let (changed, changes) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            match event {
                // To read a file is no change of it.
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
                Ok(event) => event.paths.into_iter().for_each(|path| {
                    // The one who listens ends with the process.
                    let _ = changed.send(path);
                }),
                Err(error) => tracing::warn!(%error, "a change may have been missed"),
            }
        })?;
        for folder in &folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            tracing::info!(folder = %folder.display(), "components are served anew when they change");
        }
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || follow(&changes, &files, &manager))?;
        Ok(Self { _watcher: watcher })
    }
}

impl Files {
    fn folders(&self) -> BTreeSet<PathBuf> {
        let of_files = self.configured.iter().filter_map(|(file, _)| file.parent());
        of_files
            .chain([&*self.folder])
            .filter(|folder| folder.is_dir())
            .map(Path::to_owned)
            .collect()
    }

    /// The module that a file is said to be, if it is one of a component.
    fn component(&self, path: &Path) -> Option<Option<&str>> {
        if let Some((_, name)) = self.configured.iter().find(|(file, _)| file == path) {
            return Some(Some(name));
        }
        let is_component =
            path.parent() == Some(&self.folder) && path.extension() == Some(OsStr::new("wasm"));
        is_component.then_some(None)
    }
}

fn follow(changes: &Receiver<PathBuf>, files: &Files, manager: &Manager) {
    while let Ok(first) = changes.recv() {
        let mut changed = BTreeSet::from([first]);
        while let Ok(next) = changes.recv_timeout(QUIET) {
            changed.insert(next);
        }
        for path in &changed {
            if let Some(name) = files.component(path) {
                serve_anew(path, name, manager);
            }
        }
    }
}

fn serve_anew(path: &Path, name: Option<&str>, manager: &Manager) {
    // A file that is gone is no component that replaces one.
    let Ok(saved) = fs::metadata(path).and_then(|file| file.modified()) else {
        return;
    };
    let file = path.display();
    let done = match Source::read(path, manager.component_bytes_max()) {
        Ok(source) => manager.reload(&Source {
            name: name.map(str::to_owned),
            ..source
        }),
        Err(error) => {
            tracing::error!("{error}");
            return;
        }
    };
    match done {
        Ok(Some(module)) => {
            let seconds = SystemTime::now().duration_since(saved).unwrap_or_default();
            tracing::info!(
                module = module.name(),
                version = %module.version(),
                digest = module.digest(),
                "{file} is served {:.1} s after it was saved",
                seconds.as_secs_f64()
            );
        }
        Ok(None) => {}
        Err(error @ ChangeError::UnknownModule(_)) => {
            let error = error.reason();
            tracing::error!("{file} is not served: {error} yet, which takes a start of the host");
        }
        Err(error) => tracing::error!("{file} is not served: {}", error.reason()),
    }
}
