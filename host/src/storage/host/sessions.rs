//! Sessions and the host's secrets in its own database.

use rusqlite::{Connection, OptionalExtension};

use super::HostDatabase;
use crate::storage::StorageError;

const DELETE_EXPIRED: &str = "delete from session where expires_at <= ?1";
const INSERT_SESSION: &str = "
    insert into session (token_hash, user_id, generation, expires_at)
    select ?1, id, generation, ?4 from user where id = ?2 and generation = ?3";
const SESSION_USER: &str =
    "select user_id, generation from session where token_hash = ?1 and expires_at > ?2";
const DELETE_SESSION: &str = "delete from session where token_hash = ?1";
const SECRET: &str = "select value from secret where name = ?1";
const INSERT_SECRET: &str =
    "insert into secret (name, value) values (?1, ?2) on conflict do nothing";

impl HostDatabase {
    /// Adds a session, and deletes those that ended before `now_s`. `false`, without a session,
    /// if the user is not of this generation.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_session(
        &self,
        token_hash: &[u8],
        user_id: &str,
        generation: i64,
        expires_at_s: i64,
        now_s: i64,
    ) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(DELETE_EXPIRED)?
                .execute([now_s])?;
            let begun = connection.prepare_cached(INSERT_SESSION)?.execute((
                token_hash,
                user_id,
                generation,
                expires_at_s,
            ))?;
            Ok(begun == 1)
        })
    }

    /// The user of a session that has not ended, and the user's generation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn session_user(
        &self,
        token_hash: &[u8],
        now_s: i64,
    ) -> Result<Option<(String, i64)>, StorageError> {
        self.file.read(|connection| {
            // The sessions of earlier generations ended with them.
            let user = connection
                .prepare_cached(SESSION_USER)?
                .query_row((token_hash, now_s), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            Ok(user)
        })
    }

    /// Ends a session, if it exists.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete_session(&self, token_hash: &[u8]) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(DELETE_SESSION)?
                .execute([token_hash])?;
            Ok(())
        })
    }

    /// Returns the secret with this name; the first call stores the given one.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StorageError> {
        let secret =
            |connection: &Connection| connection.query_row(SECRET, [name], |row| row.get(0));
        if let Some(known) = self
            .file
            .read(|connection| Ok(secret(connection).optional()?))?
        {
            return Ok(known);
        }
        self.file.write(|connection| {
            connection.execute(INSERT_SECRET, (name, fresh))?;
            Ok(secret(connection)?)
        })
    }
}
