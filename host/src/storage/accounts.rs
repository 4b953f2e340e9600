//! The host's own database: users, credentials, and the host's secrets. Several processes
//! may use it at once; every look-up goes to the file, so that a revocation by one of them
//! holds for all at the next request.

use std::path::Path;

use rusqlite::TransactionBehavior::Immediate;
use rusqlite::{Connection, OptionalExtension, Row};

use super::host_file::{HostFile, connect, named};
use super::registry::{AuditEntry, record};
use super::{StorageError, now};

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// `user_…`
    pub id: String,
    /// Unique, upper and lower case alike.
    pub email: String,
    /// A PHC string.
    pub password_hash: String,
    /// Counts the changes of the password. Tokens of an earlier generation are invalid.
    pub generation: i64,
    /// The user's own fields.
    pub profile: Profile,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// RFC 3339 in UTC.
    pub updated_at: String,
}

/// The fields that users set themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// For people.
    pub first_name: Option<String>,
    /// For people.
    pub last_name: Option<String>,
    /// Of a picture.
    pub avatar_url: Option<String>,
    /// The text of a JSON object.
    pub metadata: Option<String>,
}

/// The result of deleting a user.
#[derive(Debug)]
pub enum Deletion {
    /// The user is deleted.
    Deleted(Box<User>),
    /// No user has this email.
    Unknown,
    /// It is the only one.
    Last,
}

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

/// The host's own database.
pub struct Accounts {
    file: HostFile,
}

/// The migrations, one a version.
const STEPS: [&str; 4] = [
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
    "
    alter table user add column first_name text;
    alter table user add column last_name text;
    alter table user add column avatar_url text;
    -- The text of a JSON object.
    alter table user add column metadata text;
    -- Counts the changes of the password.
    alter table user add column generation integer not null default 0;
    -- That of the user when the session began.
    alter table session add column generation integer not null default 0;
    -- Ending all sessions of a user.
    create index session_user_id on session (user_id);
",
];

const USER_COLUMNS: &str = "id, email, password_hash, generation, first_name, last_name, avatar_url, metadata, \
                            created_at, updated_at";
/// Emails are the same in any case.
const BY_EMAIL: &str = "lower(email) = lower(?1)";
const BY_ID: &str = "id = ?1";
const KEY_COLUMNS: &str =
    "id, title, redacted, created_by, created_at, updated_at, last_used_at, revoked_at, revoked_by";

/// Opens the host's own database and runs its migrations; the file is created if it is missing.
pub(super) fn open(path: &Path) -> Result<HostFile, StorageError> {
    HostFile::open(path, |connection| bring_forward(path, connection))
}

fn bring_forward(path: &Path, connection: &mut Connection) -> Result<(), StorageError> {
    let known = STEPS.len() as i64;
    let version = |connection: &Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    // Without pending migrations, nothing waits for a writer or for room on the disk.
    if version(connection)? == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(Immediate)?;
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
    /// Opens the file, or creates one that only its owner can read.
    ///
    /// # Errors
    /// When it cannot be opened, or a newer host made it.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        Ok(Self { file: open(path)? })
    }

    /// Adds a user and an audit entry. `false` if the email has a user already; then nothing is
    /// written.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_user(&self, user: &User, act: Option<&AuditEntry>) -> Result<bool, StorageError> {
        self.file.write(|transaction| {
            let added = transaction
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
                ))?
                == 1;
            if let Some(act) = act.filter(|_| added) {
                record(transaction, act)?;
            }
            Ok(added)
        })
    }

    /// Returns all users, in the order of their creation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn users(&self) -> Result<Vec<User>, StorageError> {
        self.file.read(|connection| {
            let mut statement =
                connection.prepare(&format!("select {USER_COLUMNS} from user order by id"))?;
            let users = statement.query_map([], user)?;
            Ok(users.collect::<Result<_, _>>()?)
        })
    }

    /// Changes a user's password, which ends all tokens and sessions, and adds an audit entry.
    /// `false` if no user has this id; then nothing is written.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn change_password(
        &self,
        id: &str,
        password_hash: &str,
        act: &AuditEntry,
    ) -> Result<bool, StorageError> {
        self.file.write(|transaction| {
            let changed = transaction.execute(
                "update user set password_hash = ?2, generation = generation + 1, updated_at = ?3
                 where id = ?1",
                (id, password_hash, now()),
            )? == 1;
            if changed {
                transaction.execute("delete from session where user_id = ?1", [id])?;
                record(transaction, act)?;
            }
            Ok(changed)
        })
    }

    /// Deletes the user with this email, and its sessions with it, unless it is the only
    /// user. `act` returns the audit entry of the deletion or refusal.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete_user(
        &self,
        email: &str,
        act: impl FnOnce(&User, &Deletion) -> AuditEntry,
    ) -> Result<Deletion, StorageError> {
        self.file.write(|transaction| {
            let Some(user) = found(transaction, BY_EMAIL, email)? else {
                return Ok(Deletion::Unknown);
            };
            let others: bool = transaction.query_row(
                "select exists (select 1 from user where id <> ?1)",
                [&user.id],
                |row| row.get(0),
            )?;
            let deletion = if others {
                transaction.execute("delete from user where id = ?1", [&user.id])?;
                Deletion::Deleted(Box::new(user.clone()))
            } else {
                Deletion::Last
            };
            record(transaction, &act(&user, &deletion))?;
            Ok(deletion)
        })
    }

    /// Changes a user's own fields, unless `change` refuses. `None` if no user has this id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn change_profile<E>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Profile) -> Result<(), E>,
    ) -> Result<Option<Result<User, E>>, StorageError> {
        self.file.write(|transaction| {
            let Some(mut user) = found(transaction, BY_ID, id)? else {
                return Ok(None);
            };
            let before = user.profile.clone();
            if let Err(refusal) = change(&mut user.profile) {
                return Ok(Some(Err(refusal)));
            }
            if user.profile != before {
                user.updated_at = now();
                let Profile {
                    first_name,
                    last_name,
                    avatar_url,
                    metadata,
                } = &user.profile;
                transaction.execute(
                    "update user set first_name = ?2, last_name = ?3, avatar_url = ?4,
                         metadata = ?5, updated_at = ?6
                     where id = ?1",
                    (
                        id,
                        first_name,
                        last_name,
                        avatar_url,
                        metadata,
                        &user.updated_at,
                    ),
                )?;
            }
            Ok(Some(Ok(user)))
        })
    }

    /// Whether a user exists.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_users(&self) -> Result<bool, StorageError> {
        self.file.read(|connection| {
            Ok(connection.query_row("select exists (select 1 from user)", [], |row| row.get(0))?)
        })
    }

    /// Whether this file has users; it is not created if it is missing.
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

    /// Returns the user with this email, in any case.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_by_email(&self, email: &str) -> Result<Option<User>, StorageError> {
        self.file
            .read(|connection| found(connection, BY_EMAIL, email))
    }

    /// The user with this id.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn user_by_id(&self, id: &str) -> Result<Option<User>, StorageError> {
        self.file.read(|connection| found(connection, BY_ID, id))
    }

    /// Returns the generation of the user with this id; `None` for an unknown user.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn generation(&self, id: &str) -> Result<Option<i64>, StorageError> {
        self.file.read(|connection| {
            let mut statement =
                connection.prepare_cached("select generation from user where id = ?1")?;
            Ok(statement.query_row([id], |row| row.get(0)).optional()?)
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

    /// Returns the valid key with this hash; records its use, to the minute, if that does not
    /// have to wait.
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

    /// Revokes a key from a time on, which may be earlier than a revocation before. `false` if
    /// no key has this id, or it ends earlier.
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

    /// Renames a key, and records when, unless the title is the same. `false` if no key has
    /// this id.
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

    /// Deletes a revoked key. `false` if it is still valid.
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
                .prepare_cached("delete from session where expires_at <= ?1")?
                .execute([now_s])?;
            let begun = connection
                .prepare_cached(
                    "insert into session (token_hash, user_id, generation, expires_at)
                 select ?1, id, generation, ?4 from user where id = ?2 and generation = ?3",
                )?
                .execute((token_hash, user_id, generation, expires_at_s))?;
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
            .prepare_cached(
                "select user_id, generation from session where token_hash = ?1 and expires_at > ?2",
            )?
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
                .prepare_cached("delete from session where token_hash = ?1")?
                .execute([token_hash])?;
            Ok(())
        })
    }

    /// Returns the secret with this name; the first call stores the given one.
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

/// Returns the user for whom a condition on one value holds.
fn found(connection: &Connection, by: &str, key: &str) -> Result<Option<User>, StorageError> {
    let mut statement =
        connection.prepare_cached(&format!("select {USER_COLUMNS} from user where {by}"))?;
    Ok(statement.query_row([key], user).optional()?)
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        password_hash: row.get(2)?,
        generation: row.get(3)?,
        profile: Profile {
            first_name: row.get(4)?,
            last_name: row.get(5)?,
            avatar_url: row.get(6)?,
            metadata: row.get(7)?,
        },
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of an earlier host, at this migration.
    fn at_step(path: &Path, step: usize) -> Connection {
        let connection = connect(path).unwrap();
        for statements in &STEPS[..step] {
            connection.execute_batch(statements).unwrap();
        }
        connection
            .pragma_update(None, "user_version", step as i64)
            .unwrap();
        connection
    }

    #[test]
    fn data_of_earlier_versions_is_there_after_an_upgrade() {
        for step in [1, 2, 3] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("host.db");
            let before = at_step(&path, step);
            let at = "2026-01-02T03:04:05.678Z";
            before
                .execute(
                    "insert into user values ('user_1', 'ann@example.com', 'hash', ?1, ?1)",
                    [at],
                )
                .unwrap();
            before
                .execute(
                    "insert into session (token_hash, user_id, expires_at) values (x'01', 'user_1', 100)",
                    [],
                )
                .unwrap();
            before
                .execute(
                    "insert into api_key (id, title, token_hash, redacted, created_at)
                     values ('apk_1', 'till', x'02', 'sk_***', ?1)",
                    [at],
                )
                .unwrap();
            before
                .execute("insert into secret values ('token', x'03')", [])
                .unwrap();
            drop(before);
            let accounts = Accounts::open(&path).unwrap();
            let user = accounts.user_by_email("ANN@example.com").unwrap().unwrap();
            assert_eq!(
                (&*user.id, &*user.password_hash, user.generation),
                ("user_1", "hash", 0)
            );
            assert_eq!(
                (&user.profile, &*user.created_at),
                (&Profile::default(), at)
            );
            assert_eq!(accounts.generation("user_1").unwrap(), Some(0));
            let session = accounts.session_user(&[1], 99).unwrap();
            assert_eq!(session, Some(("user_1".to_owned(), 0)), "step {step}");
            assert_eq!(accounts.keys().unwrap()[0].title, "till");
            assert_eq!(accounts.secret("token", &[9]).unwrap(), [3]);
            // A second start finds nothing to do.
            drop(accounts);
            assert_eq!(Accounts::open(&path).unwrap().users().unwrap().len(), 1);
        }
    }
}
