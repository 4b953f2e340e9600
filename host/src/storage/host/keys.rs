//! Secret API keys in the host's own database.

use rusqlite::{OptionalExtension, Row};

use super::HostDatabase;
use crate::storage::{StorageError, now};

/// A secret API key, without its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// `apk_…`
    pub id: String,
    /// Its title.
    pub title: String,
    /// The secret's beginning and end.
    pub redacted: String,
    /// The id of its creator; `None` for the command line.
    pub created_by: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// RFC 3339 in UTC.
    pub updated_at: String,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
    /// When it was or will be revoked.
    pub revoked_at: Option<String>,
    /// The id of the actor who revoked it; `None` for the command line.
    pub revoked_by: Option<String>,
}

const INSERT_KEY: &str = "
    insert into api_key (id, title, token_hash, redacted, created_by, created_at, updated_at)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const KEYS: &str = "
    select id, title, redacted, created_by, created_at, updated_at, last_used_at, revoked_at, revoked_by
    from api_key order by id";
const KEY_BY_ID: &str = "
    select id, title, redacted, created_by, created_at, updated_at, last_used_at, revoked_at, revoked_by
    from api_key where id = ?1";
const KEY_BY_HASH: &str = "
    select id, title, redacted, created_by, created_at, updated_at, last_used_at, revoked_at, revoked_by
    from api_key where token_hash = ?1 and (revoked_at is null or revoked_at > ?2)";
const NOTE_USE: &str = "update api_key set last_used_at = ?2 where id = ?1";
const REVOKE_KEY: &str = "
    update api_key set revoked_at = ?2, revoked_by = ?3, updated_at = ?4
    where id = ?1 and (revoked_at is null or revoked_at > ?2)";
const RENAME_KEY: &str =
    "update api_key set updated_at = iif(title = ?2, updated_at, ?3), title = ?2 where id = ?1";
const DELETE_KEY: &str = "delete from api_key where id = ?1 and revoked_at <= ?2";
const HAS_KEY: &str = "select exists (select 1 from api_key where id = ?1)";

impl HostDatabase {
    /// Adds a key, by the hash of its secret.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_key(&self, key: &ApiKey, token_hash: &[u8]) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection.prepare_cached(INSERT_KEY)?.execute((
                &key.id,
                &key.title,
                token_hash,
                &key.redacted,
                &key.created_by,
                &key.created_at,
                &key.updated_at,
            ))?;
            Ok(())
        })
    }

    /// All keys, oldest first, revoked ones as well.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn keys(&self) -> Result<Vec<ApiKey>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare(KEYS)?;
            let keys = statement.query_map([], key)?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn key_by_id(&self, id: &str) -> Result<Option<ApiKey>, StorageError> {
        self.file.read(|connection| {
            let mut statement = connection.prepare_cached(KEY_BY_ID)?;
            Ok(statement.query_row([id], key).optional()?)
        })
    }

    /// Returns the valid key with this hash; records its use, to the minute, if that does not
    /// have to wait.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn key_by_hash(&self, token_hash: &[u8]) -> Result<Option<ApiKey>, StorageError> {
        let found = self.file.read(|connection| {
            let found = connection
                .prepare_cached(KEY_BY_HASH)?
                .query_row((token_hash, now()), key)
                .optional()?;
            Ok(found)
        })?;
        if let Some(key) = &found {
            let minute = &now()[..16];
            if key
                .last_used_at
                .as_deref()
                .is_none_or(|used| &used[..16] != minute)
            {
                self.file.write_if_free(|connection| {
                    connection
                        .prepare_cached(NOTE_USE)?
                        .execute((&key.id, now()))?;
                    Ok(())
                });
            }
        }
        Ok(found)
    }

    /// Revokes a key from a time on, which may be earlier than a revocation before. `false` if
    /// no key has this id, or it ends earlier.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn revoke_key(&self, id: &str, by: Option<&str>, at: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            let revoked = connection
                .prepare_cached(REVOKE_KEY)?
                .execute((id, at, by, now()))?;
            Ok(revoked == 1)
        })
    }

    /// Renames a key, and records when, unless the title is the same. `false` if no key has
    /// this id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn rename_key(&self, id: &str, title: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            let renamed = connection
                .prepare_cached(RENAME_KEY)?
                .execute((id, title, now()))?;
            Ok(renamed == 1)
        })
    }

    /// Deletes a revoked key. `false` if it is still valid.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(DELETE_KEY)?
                .execute((id, now()))?;
            let still: bool = connection
                .prepare_cached(HAS_KEY)?
                .query_row([id], |row| row.get(0))?;
            Ok(!still)
        })
    }
}

fn key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: row.get(0)?,
        title: row.get(1)?,
        redacted: row.get(2)?,
        created_by: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        last_used_at: row.get(6)?,
        revoked_at: row.get(7)?,
        revoked_by: row.get(8)?,
    })
}
