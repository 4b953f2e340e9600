//! The folder of versions: components by their SHA-256. A file is there whole or
//! not at all, and is held against its name each time it is read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::fault::fault;
use crate::files;
use crate::storage::DataFolder;

/// Components by their digests.
#[derive(Clone)]
pub struct ComponentStore {
    folder: PathBuf,
}

/// A fault of the folder, or of a file in it.
#[derive(Debug, thiserror::Error)]
pub enum ComponentStoreError {
    /// It cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It is not there.
    #[error("{} is missing: put the component back", .0.display())]
    Missing(PathBuf),
    /// It is not what it was.
    #[error("{} is damaged: its SHA-256 is not its name", .0.display())]
    Damaged(PathBuf),
}

impl ComponentStore {
    /// The folder of versions in a data folder. It is made when something is put there.
    pub fn of(data: &DataFolder) -> Self {
        Self {
            folder: data.versions(),
        }
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    /// The component with this digest.
    ///
    /// # Errors
    /// When it is not there, or not what it was.
    pub fn read(&self, digest: Digest) -> Result<Vec<u8>, ComponentStoreError> {
        let path = self.path(digest);
        match files::read(&path, files::OWN_BYTES_MAX) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(bytes),
            Ok(_) => Err(ComponentStoreError::Damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ComponentStoreError::Missing(path))
            }
            Err(source) => Err(ComponentStoreError::File { path, source }),
        }
    }

    /// Keeps a component. It is durable when this returns.
    pub(super) fn write(&self, digest: Digest, bytes: &[u8]) -> Result<(), ComponentStoreError> {
        if self.read(digest).is_ok() {
            return Ok(());
        }
        let path = self.path(digest);
        let partial = path.with_extension("partial");
        let done = self.write_partial(&partial, bytes).and_then(|()| {
            fault("versions.written");
            fs::rename(&partial, &path)?;
            File::open(&self.folder)?.sync_all()
        });
        if done.is_err() {
            // If it stays, the next time overwrites it.
            let _ = fs::remove_file(&partial);
        }
        done.map_err(|source| ComponentStoreError::File { path, source })
    }

    fn write_partial(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Forgets a component; it may be gone already.
    pub(super) fn remove(&self, digest: Digest) -> Result<(), ComponentStoreError> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(ComponentStoreError::File { path, source })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_component_is_read_and_a_damaged_one_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let versions = ComponentStore::of(&DataFolder::new(data.path()));
        let digest = Digest::of(b"component");
        let path = versions.path(digest);
        assert!(matches!(
            versions.read(digest),
            Err(ComponentStoreError::Missing(_))
        ));
        versions.write(digest, b"component").unwrap();
        assert_eq!(versions.read(digest).unwrap(), b"component");
        fs::write(&path, "compoment").unwrap();
        assert_eq!(
            versions.read(digest).unwrap_err().to_string(),
            format!("{} is damaged: its SHA-256 is not its name", path.display())
        );
        // Installing it again mends it.
        versions.write(digest, b"component").unwrap();
        assert_eq!(versions.read(digest).unwrap(), b"component");
        versions.remove(digest).unwrap();
        versions.remove(digest).unwrap();
        assert_eq!(
            fs::read_dir(data.path().join("versions")).unwrap().count(),
            0
        );
    }
}
