//! The host's own database: users, credentials, secrets, versions of modules and the audit.
//! Several processes may use it at once; every look-up goes to the file, so that a revocation
//! by one of them holds for all at the next request.

mod audit;
mod extensions;
mod file;
mod keys;
mod modules;
mod schema;
mod sessions;
mod users;
mod versions;

use std::path::Path;
use std::sync::Arc;

pub use audit::{AuditEntry, Outcome};
pub use keys::ApiKey;
pub use users::{Deletion, Profile, User};
pub use versions::Installed;

use super::StorageError;
use file::HostFile;

/// The host's own database. Clones share its connections.
#[derive(Clone)]
pub struct HostDatabase {
    file: Arc<HostFile>,
}

impl HostDatabase {
    /// Opens the file, or creates one that only its owner can read, and runs its migrations.
    ///
    /// # Errors
    /// When it cannot be opened, or a newer host made it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let file = HostFile::open(path, |connection| schema::migrate(path, connection))?;
        Ok(Self {
            file: Arc::new(file),
        })
    }
}
