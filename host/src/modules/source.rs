//! Where a module's component comes from: a file that the configuration names,
//! else one in the folder `modules`, else the one that the binary carries.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::bundled::BUNDLED;

/// The bytes of a component, and where they are from.
pub struct Source {
    /// For messages: a path, or the name of a bundled component.
    pub origin: String,
    /// The name that the configuration gives the module, where it does.
    pub name: Option<String>,
    /// The component.
    pub bytes: Cow<'static, [u8]>,
    /// Whether another source of the same module takes its place.
    pub replaceable: bool,
    /// Whether it is a version that was activated.
    pub activated: bool,
}

/// A component that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {source}", path = path.display())]
pub struct SourceError {
    path: PathBuf,
    source: io::Error,
}

impl Source {
    /// The component in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let bytes = fs::read(path).map_err(|source| SourceError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            origin: path.display().to_string(),
            name: None,
            bytes: Cow::Owned(bytes),
            replaceable: false,
            activated: false,
        })
    }
}

/// All components that a host may serve: those of `configured` (name and file),
/// those that were `activated`, those in `folder` if there is such a folder, and
/// those that the binary carries.
///
/// # Errors
/// When one of the files cannot be read.
pub fn find<'a>(
    configured: impl IntoIterator<Item = (&'a str, &'a Path)>,
    activated: Vec<Source>,
    folder: &Path,
) -> Result<Vec<Source>, SourceError> {
    let mut sources = Vec::new();
    for (name, path) in configured {
        sources.push(Source {
            name: Some(name.to_owned()),
            ..Source::read(path)?
        });
    }
    sources.extend(activated);
    for path in files(folder)? {
        sources.push(Source::read(&path)?);
    }
    sources.extend(BUNDLED.iter().map(|(name, bytes)| Source {
        origin: format!("{name} (built in)"),
        name: None,
        bytes: Cow::Borrowed(*bytes),
        replaceable: true,
        activated: false,
    }));
    Ok(sources)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |source| SourceError {
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
        if path
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
