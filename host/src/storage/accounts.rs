//! The host's own database: who may sign in, with what, and the host's secrets.
//! Several processes may use it at once; every look-up goes to the file, so
//! that what one of them revokes is gone for all at the next request.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row};

use super::host_file::{HostFile, connect, named};
use super::{StorageError, now};

/// A person who may sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// `user_…`
    pub id: String,
    /// Unique, upper and lower case alike.
    pub email: String,
    /// A PHC string.
    pub password_hash: String,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// RFC 3339 in UTC.
    pub updated_at: String,
}

/// A secret API key, without its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// `apk_…`
    pub id: String,
    /// What it is for, for people.
    pub title: String,
    /// The secret's beginning and end.
    pub redacted: String,
    /// Who made it; `None` for the command line.
    pub created_by: Option<String>,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// RFC 3339 in UTC.
    pub updated_at: String,
    /// When it was last used, to the minute.
    pub last_used_at: Option<String>,
    /// When it became void, or will.
    pub revoked_at: Option<String>,
    /// Who revoked it; `None` for the command line.
    pub revoked_by: Option<String>,
}

/// The host's own database.
pub struct Accounts {
    file: HostFile,
}

/// The schema, a step a version.
const STEPS: [&str; 3] = [
    "
    create table user (
        id text primary key,
        email text not null,
        password_hash text not null,
        created_at text not null,
        updated_at text not null
    ) strict;
    -- Signing in: one user an email, however it is written.
    create unique index user_email on user (lower(email));
    create table api_key (
        id text primary key,
        title text not null,
        -- SHA-256 of the secret. The secret is random, so nothing slower is needed.
        token_hash blob not null unique,
        redacted text not null,
        created_by text,
        created_at text not null,
        last_used_at text,
        revoked_at text,
        revoked_by text
    ) strict;
    create table session (
        -- SHA-256 of what the cookie holds.
        token_hash blob primary key,
        user_id text not null references user (id) on delete cascade,
        -- Seconds since 1970.
        expires_at integer not null
    ) strict;
    -- Clearing out.
    create index session_expires_at on session (expires_at);
    create table secret (
        name text primary key,
        value blob not null
    ) strict;
",
    "
    alter table api_key add column updated_at text not null default '';
    update api_key set updated_at = coalesce(revoked_at, created_at);
",
    "
    create table module_version (
        module text not null,
        -- SHA-256 of the component, in hexadecimal: its name in the folder of versions.
        digest text not null,
        version text not null,
        size_bytes integer not null,
        installed_at text not null,
        installed_by text not null,
        signed_by text,
        unique (module, digest)
    ) strict;
    create table audit (
        number integer primary key,
        at text not null,
        actor text not null,
        act text not null,
        module text not null,
        digest text,
        outcome text not null,
        detail text not null
    ) strict;
",
];

const USER_COLUMNS: &str = "id, email, password_hash, created_at, updated_at";
const KEY_COLUMNS: &str =
    "id, title, redacted, created_by, created_at, updated_at, last_used_at, revoked_at, revoked_by";

/// The host's own database, with its schema brought forward; the file is made if it is missing.
pub(super) fn open(path: &Path) -> Result<HostFile, StorageError> {
    HostFile::open(path, |connection| bring_forward(path, connection))
}

fn bring_forward(path: &Path, connection: &mut Connection) -> Result<(), StorageError> {
    let known = STEPS.len() as i64;
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    // Where nothing is to be done, nothing waits for a writer or for room on the disk.
    if version(connection)? == known {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = version(&transaction)?;
    if found > known {
        return Err(StorageError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

impl Accounts {
    /// Opens the file, or makes one that only its owner can read.
    ///
    /// # Errors
    /// When it cannot be opened, or a newer host made it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Ok(Self { file: open(path)? })
    }

    /// Adds a user. `false` where the email has one already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_user(&self, user: &User) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            let added = connection
                .prepare_cached(
                    "insert into user (id, email, password_hash, created_at, updated_at)
                     values (?1, ?2, ?3, ?4, ?5) on conflict do nothing",
                )?
                .execute((
                    &user.id,
                    &user.email,
                    &user.password_hash,
                    &user.created_at,
                    &user.updated_at,
                ))?;
            Ok(added == 1)
        })
    }

    /// Whether anybody may sign in.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_users(&self) -> Result<bool, StorageError> {
        self.file.read(|connection| {
            Ok(connection.query_row("select exists (select 1 from user)", [], |row| row.get(0))?)
        })
    }

    /// Whether there are users in this file, which is not made where it is missing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn has_users_in(path: &Path) -> Result<bool, StorageError> {
        if !path.exists() {
            return Ok(false);
        }
        let connection = connect(path)?;
        // One that was never finished has no tables yet.
        let has_users = || {
            Ok(connection.table_exists(None, "user")?
                && connection
                    .query_row("select exists (select 1 from user)", [], |row| row.get(0))?)
        };
        has_users().map_err(|error: rusqlite::Error| named(path, error.into()))
    }

    /// The user with this email, however it is written.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_by_email(&self, email: &str) -> Result<Option<User>, StorageError> {
        self.user(
            &format!("select {USER_COLUMNS} from user where lower(email) = lower(?1)"),
            email,
        )
    }

    /// The user with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_by_id(&self, id: &str) -> Result<Option<User>, StorageError> {
        self.user(
            &format!("select {USER_COLUMNS} from user where id = ?1"),
            id,
        )
    }

    fn user(&self, sql: &str, key: &str) -> Result<Option<User>, StorageError> {
        self.file.read(|connection| {
            let user = connection
                .prepare_cached(sql)?
                .query_row([key], |row| {
                    Ok(User {
                        id: row.get(0)?,
                        email: row.get(1)?,
                        password_hash: row.get(2)?,
                        created_at: row.get(3)?,
                        updated_at: row.get(4)?,
                    })
                })
                .optional()?;
            Ok(user)
        })
    }

    /// Adds a key, by the hash of its secret.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_key(&self, key: &ApiKey, token_hash: &[u8]) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached(
                    "insert into api_key (id, title, token_hash, redacted, created_by, created_at, updated_at)
                     values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
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
            let mut statement =
                connection.prepare(&format!("select {KEY_COLUMNS} from api_key order by id"))?;
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
            let mut statement = connection
                .prepare_cached(&format!("select {KEY_COLUMNS} from api_key where id = ?1"))?;
            Ok(statement.query_row([id], key).optional()?)
        })
    }

    /// The valid key with this hash; notes that it was used, to the minute, where that
    /// has to wait for nobody.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn key_by_hash(&self, token_hash: &[u8]) -> Result<Option<ApiKey>, StorageError> {
        let found = self.file.read(|connection| {
            let found = connection
                .prepare_cached(&format!(
                    "select {KEY_COLUMNS} from api_key
                     where token_hash = ?1 and (revoked_at is null or revoked_at > ?2)"
                ))?
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
                        .prepare_cached("update api_key set last_used_at = ?2 where id = ?1")?
                        .execute((&key.id, now()))?;
                    Ok(())
                });
            }
        }
        Ok(found)
    }

    /// Makes a key void from a moment on. An end that was set before gives way to
    /// an earlier one. `false` where there is none with this id that is valid for
    /// longer.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn revoke_key(&self, id: &str, by: Option<&str>, at: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            let revoked = connection
                .prepare_cached(
                    "update api_key set revoked_at = ?2, revoked_by = ?3, updated_at = ?4
                     where id = ?1 and (revoked_at is null or revoked_at > ?2)",
                )?
                .execute((id, at, by, now()))?;
            Ok(revoked == 1)
        })
    }

    /// Gives a key another title, and notes when, unless it is the same. `false`
    /// where there is none with this id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn rename_key(&self, id: &str, title: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            let renamed = connection
                .prepare_cached("update api_key set updated_at = iif(title = ?2, updated_at, ?3), title = ?2 where id = ?1")?
                .execute((id, title, now()))?;
            Ok(renamed == 1)
        })
    }

    /// Forgets a key that is void. `false` where it still works.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached("delete from api_key where id = ?1 and revoked_at <= ?2")?
                .execute((id, now()))?;
            let still: bool = connection
                .prepare_cached("select exists (select 1 from api_key where id = ?1)")?
                .query_row([id], |row| row.get(0))?;
            Ok(!still)
        })
    }

    /// Adds a session, and clears out those that ended before `now_s`.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_session(
        &self,
        token_hash: &[u8],
        user_id: &str,
        expires_at_s: i64,
        now_s: i64,
    ) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached("delete from session where expires_at <= ?1")?
                .execute([now_s])?;
            connection
                .prepare_cached(
                    "insert into session (token_hash, user_id, expires_at) values (?1, ?2, ?3)",
                )?
                .execute((token_hash, user_id, expires_at_s))?;
            Ok(())
        })
    }

    /// The user of a session that has not ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn session_user(
        &self,
        token_hash: &[u8],
        now_s: i64,
    ) -> Result<Option<String>, StorageError> {
        self.file.read(|connection| {
            let user = connection
                .prepare_cached(
                    "select user_id from session where token_hash = ?1 and expires_at > ?2",
                )?
                .query_row((token_hash, now_s), |row| row.get(0))
                .optional()?;
            Ok(user)
        })
    }

    /// Ends a session; does nothing where there is none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete_session(&self, token_hash: &[u8]) -> Result<(), StorageError> {
        self.file.write(|connection| {
            connection
                .prepare_cached("delete from session where token_hash = ?1")?
                .execute([token_hash])?;
            Ok(())
        })
    }

    /// The secret with this name; the first time, the one given.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StorageError> {
        const SECRET: &str = "select value from secret where name = ?1";
        let secret =
            |connection: &Connection| connection.query_row(SECRET, [name], |row| row.get(0));
        if let Some(known) = self
            .file
            .read(|connection| Ok(secret(connection).optional()?))?
        {
            return Ok(known);
        }
        self.file.write(|connection| {
            connection.execute(
                "insert into secret (name, value) values (?1, ?2) on conflict do nothing",
                (name, fresh),
            )?;
            Ok(secret(connection)?)
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
