//! Users in the host's own database.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row};

use super::HostDatabase;
use super::audit::{AuditEntry, record};
use super::file::{connect, named};
use crate::storage::{StorageError, now};

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

const USERS: &str = "
    select id, email, password_hash, generation, first_name, last_name, avatar_url, metadata,
    created_at, updated_at
    from user order by id";
/// Emails are the same in any case.
const BY_EMAIL: &str = "
    select id, email, password_hash, generation, first_name, last_name, avatar_url, metadata,
    created_at, updated_at
    from user where lower(email) = lower(?1)";
const BY_ID: &str = "
    select id, email, password_hash, generation, first_name, last_name, avatar_url, metadata,
    created_at, updated_at
    from user where id = ?1";
const INSERT_USER: &str = "
    insert into user (id, email, password_hash, created_at, updated_at)
    values (?1, ?2, ?3, ?4, ?5) on conflict do nothing";
const CHANGE_PASSWORD: &str = "
    update user set password_hash = ?2, generation = generation + 1, updated_at = ?3
    where id = ?1";
const DELETE_SESSIONS: &str = "delete from session where user_id = ?1";
const HAS_OTHERS: &str = "select exists (select 1 from user where id <> ?1)";
const DELETE_USER: &str = "delete from user where id = ?1";
const CHANGE_PROFILE: &str = "
    update user set first_name = ?2, last_name = ?3, avatar_url = ?4,
    metadata = ?5, updated_at = ?6
    where id = ?1";
const HAS_USERS: &str = "select exists (select 1 from user)";
const GENERATION: &str = "select generation from user where id = ?1";

impl HostDatabase {
    /// Adds a user and an audit entry. `false` if the email has a user already; then nothing is
    /// written.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn insert_user(&self, user: &User, act: Option<&AuditEntry>) -> Result<bool, StorageError> {
        self.file.write(|transaction| {
            let added = transaction.prepare_cached(INSERT_USER)?.execute((
                &user.id,
                &user.email,
                &user.password_hash,
                &user.created_at,
                &user.updated_at,
            ))? == 1;
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
            let mut statement = connection.prepare(USERS)?;
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
            let changed = transaction.execute(CHANGE_PASSWORD, (id, password_hash, now()))? == 1;
            if changed {
                transaction.execute(DELETE_SESSIONS, [id])?;
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
            let others: bool = transaction.query_row(HAS_OTHERS, [&user.id], |row| row.get(0))?;
            let deletion = if others {
                transaction.execute(DELETE_USER, [&user.id])?;
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
                    CHANGE_PROFILE,
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
        self.file
            .read(|connection| Ok(connection.query_row(HAS_USERS, [], |row| row.get(0))?))
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
                && connection.query_row(HAS_USERS, [], |row| row.get(0))?)
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
            let mut statement = connection.prepare_cached(GENERATION)?;
            Ok(statement.query_row([id], |row| row.get(0)).optional()?)
        })
    }
}

/// Returns the user that a statement with one value selects.
fn found(connection: &Connection, by: &str, key: &str) -> Result<Option<User>, StorageError> {
    let mut statement = connection.prepare_cached(by)?;
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
