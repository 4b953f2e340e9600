//! Secret API keys: creation, changes and revocation.

use std::time::SystemTime;

use super::secrets::{hash, random_bytes};
use super::{ApiKey, IdentityService, ids};
use crate::storage::{StorageError, now, timestamp};

impl IdentityService {
    /// Creates a secret API key, and returns it with its secret, which is shown only once.
    pub fn create_key(
        &self,
        title: &str,
        created_by: Option<&str>,
    ) -> Result<(ApiKey, String), StorageError> {
        let token = format!("sk_{}", hex::encode(random_bytes()));
        let now = now();
        let key = ApiKey {
            id: ids::new("apk"),
            title: title.to_owned(),
            redacted: format!("{}***{}", &token[..6], &token[token.len() - 3..]),
            created_by: created_by.map(str::to_owned),
            created_at: now.clone(),
            updated_at: now,
            last_used_at: None,
            revoked_at: None,
            revoked_by: None,
        };
        self.database.insert_key(&key, &hash(&token))?;
        Ok((key, token))
    }

    /// Returns all keys, oldest first.
    pub fn keys(&self) -> Result<Vec<ApiKey>, StorageError> {
        self.database.keys()
    }

    /// Returns the key with this id.
    pub fn key(&self, id: &str) -> Result<Option<ApiKey>, StorageError> {
        self.database.key_by_id(id)
    }

    /// Revokes a key from a time on, which may be earlier than a revocation before. `false` if
    /// no key has this id, or it ends earlier.
    pub fn revoke_key(
        &self,
        id: &str,
        by: Option<&str>,
        at: SystemTime,
    ) -> Result<bool, StorageError> {
        self.database.revoke_key(id, by, &timestamp(at))
    }

    /// Renames a key; `false` if no key has this id.
    pub fn rename_key(&self, id: &str, title: &str) -> Result<bool, StorageError> {
        self.database.rename_key(id, title)
    }

    /// Deletes a revoked key; `false` if it is still valid.
    pub fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        self.database.delete_key(id)
    }
}
