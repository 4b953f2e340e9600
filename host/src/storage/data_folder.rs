//! The layout of the data folder.

use std::path::{Path, PathBuf};

/// The end of the name of a database.
const DATABASE: &str = ".db";
/// A database and the files beside it.
const OF_DATABASE: [&str; 3] = [DATABASE, ".db-wal", ".db-shm"];

/// The data folder: each path in it.
#[derive(Clone, Debug)]
pub struct DataFolder(PathBuf);

/// The folder of the databases of modules.
const DATABASES: &str = "modules";

impl DataFolder {
    /// The beginning of the names of the temporary folders that rehearse a version.
    pub const REHEARSAL: &str = "rehearsal-";

    /// The data folder at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The host's own database.
    pub fn host_database(&self) -> PathBuf {
        self.0.join("host.db")
    }

    /// The databases of modules.
    pub fn databases(&self) -> PathBuf {
        self.0.join(DATABASES)
    }

    /// The database of a module.
    pub fn database(&self, module: &str) -> PathBuf {
        self.databases().join(format!("{module}{DATABASE}"))
    }

    /// The components that were installed, by digest.
    pub fn versions(&self) -> PathBuf {
        self.0.join("versions")
    }

    /// The machine code of components between starts.
    pub fn compiled(&self) -> PathBuf {
        self.0.join("compiled")
    }

    /// The file that the process locks which has the folder.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The file with the address of the host that serves the folder.
    pub fn address(&self) -> PathBuf {
        self.0.join("listening")
    }

    /// The module whose database a file is; `None` for any other file.
    pub fn module_of(file: &Path) -> Option<&str> {
        file.file_name()?.to_str()?.strip_suffix(DATABASE)
    }

    /// Describes a database of a data folder and returns its path there, for people.
    pub(super) fn describe(file: &Path) -> (String, String) {
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let (own, folder) = (name(file), file.parent().map(name).unwrap_or_default());
        match own.strip_suffix(DATABASE) {
            Some(module) if folder == DATABASES => (
                format!("the database of the module {module}"),
                format!("{folder}/{own}"),
            ),
            Some("host") => ("the host's own database".to_owned(), own),
            _ => (format!("the database {own}"), own),
        }
    }

    /// Temporary files of databases.
    pub fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// The host's reserve of the disk.
    pub fn reserve(&self) -> PathBuf {
        self.0.join("reserve")
    }

    /// Whether a file is a database, or belongs to one.
    pub fn is_of_database(file: &Path) -> bool {
        let name = file.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| OF_DATABASE.iter().any(|end| name.ends_with(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_databases_are_told_from_others() {
        for (file, module, is_of_database) in [
            ("data/modules/notes.db", Some("notes"), true),
            ("data/modules/notes.db-wal", None, true),
            ("data/modules/notes.db-shm", None, true),
            ("data/modules/notes.db-journal", None, false),
            ("data/modules/notes", None, false),
            ("data/lock", None, false),
        ] {
            let file = Path::new(file);
            assert_eq!(DataFolder::module_of(file), module, "{}", file.display());
            assert_eq!(
                DataFolder::is_of_database(file),
                is_of_database,
                "{}",
                file.display()
            );
        }
        let folder = DataFolder::new("data");
        assert_eq!(
            DataFolder::module_of(&folder.database("notes")),
            Some("notes")
        );
    }
}
