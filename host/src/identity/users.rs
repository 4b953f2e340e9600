//! Users and the first admin: creation, changes and deletion.

use std::path::Path;

use super::passwords::PASSWORD_LENGTH_MIN;
use super::secrets::random_password;
use super::{IdentityService, Profile, User, ids};
use crate::printable::is_unfit;
use crate::storage::{AuditEntry, Deletion, HostDatabase, Outcome, StorageError, now};

/// Why a user cannot be made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    #[error("there is a user with the email {0} already")]
    Exists(String),
    #[error("'{0}' is not an email, like ann@shop.example")]
    Email(String),
    #[error("a password needs at least {PASSWORD_LENGTH_MIN} characters")]
    Password,
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
    #[error("there is no user with the email {0}; `wares user list` shows all")]
    Unknown(String),
    /// It is the only user, so no user could sign in without it.
    #[error("{0} is the only user: create another one first (wares user create)")]
    Last(String),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// The result of creating the first admin.
pub enum FirstAdmin {
    /// Users exist already.
    Existing,
    /// An admin was created; with the password if it is a random one.
    Created {
        email: String,
        /// To be shown once.
        password: Option<String>,
    },
}

fn check_email(email: &str) -> Result<(), UserError> {
    let (local, domain) = email.split_once('@').unwrap_or_default();
    if local.is_empty()
        || domain.is_empty()
        || email.chars().any(|c| c.is_whitespace() || is_unfit(c))
    {
        return Err(UserError::Email(email.to_owned()));
    }
    Ok(())
}

fn check_password(password: &str) -> Result<(), UserError> {
    if password.chars().count() < PASSWORD_LENGTH_MIN {
        return Err(UserError::Password);
    }
    Ok(())
}

impl IdentityService {
    /// Whether [`Self::ensure_admin`] would accept these, or needs none. `file` is the host's
    /// own database, which is not created if it is missing.
    ///
    /// # Errors
    /// When the email is invalid or the password too short, or the database cannot be read.
    pub fn check_first_admin(
        file: &Path,
        email: &str,
        password: Option<&str>,
    ) -> Result<(), UserError> {
        if HostDatabase::has_users_in(file)? {
            return Ok(());
        }
        check_email(email.trim())?;
        password.map_or(Ok(()), check_password)
    }

    /// Creates the first admin if no user exists.
    pub fn ensure_admin(
        &self,
        email: &str,
        password: Option<&str>,
    ) -> Result<FirstAdmin, UserError> {
        if self.database.has_users()? {
            return Ok(FirstAdmin::Existing);
        }
        let random = password.is_none().then(random_password);
        let user = self.create_user(
            email,
            password.or(random.as_deref()).unwrap_or_default(),
            None,
        )?;
        Ok(FirstAdmin::Created {
            email: user.email,
            password: random,
        })
    }

    /// Creates a user. Slow on purpose; blocks until it is done. With `by`, the audit has an
    /// entry.
    ///
    /// # Errors
    /// When the email is taken or invalid, or the password too short.
    pub fn create_user(
        &self,
        email: &str,
        password: &str,
        by: Option<&str>,
    ) -> Result<User, UserError> {
        let email = email.trim();
        check_email(email)?;
        let now = now();
        let user = User {
            id: ids::new("user"),
            email: email.to_owned(),
            password_hash: self.password(password)?,
            generation: 0,
            profile: Profile::default(),
            created_at: now.clone(),
            updated_at: now,
        };
        let act = by.map(|by| act("create-user", &user, by));
        if self.database.insert_user(&user, act.as_ref())? {
            Ok(user)
        } else {
            Err(UserError::Exists(email.to_owned()))
        }
    }

    /// Returns all users, in the order of their creation.
    pub fn users(&self) -> Result<Vec<User>, StorageError> {
        self.database.users()
    }

    /// Returns the user with this email, in any case.
    ///
    /// # Errors
    /// When no user has it.
    pub fn user_by_email(&self, email: &str) -> Result<User, UserError> {
        let email = email.trim();
        let found = self.database.user_by_email(email)?;
        found.ok_or_else(|| UserError::Unknown(email.to_owned()))
    }

    /// Changes a user's password. Earlier tokens and sessions of the user become invalid. Slow on purpose; blocks until it is done.
    ///
    /// # Errors
    /// When the password is too short, or the user was deleted.
    pub fn change_password(&self, user: &User, password: &str, by: &str) -> Result<(), UserError> {
        let hash = self.password(password)?;
        let act = act("change-password", user, by);
        if self.database.change_password(&user.id, &hash, &act)? {
            Ok(())
        } else {
            Err(UserError::Unknown(user.email.clone()))
        }
    }

    /// Deletes the user with this email. The user's tokens and sessions become invalid; keys
    /// that the user created belong to the shop, and stay.
    ///
    /// # Errors
    /// When no user has it, or it is the only user.
    pub fn delete_user(&self, email: &str, by: &str) -> Result<User, UserError> {
        let email = email.trim();
        let deletion = self.database.delete_user(email, |user, deletion| {
            let mut act = act("delete-user", user, by);
            if matches!(deletion, Deletion::Last) {
                act.outcome = Outcome::Refused;
                act.detail = UserError::Last(user.email.clone()).to_string();
            }
            act
        })?;
        match deletion {
            Deletion::Deleted(user) => Ok(*user),
            Deletion::Unknown => Err(UserError::Unknown(email.to_owned())),
            Deletion::Last => Err(UserError::Last(email.to_owned())),
        }
    }

    /// Changes a user's own fields, unless `change` refuses. `None` if no user has this id.
    pub fn change_profile<E>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Profile) -> Result<(), E>,
    ) -> Result<Option<Result<User, E>>, StorageError> {
        self.database.change_profile(id, change)
    }

    /// Hashes a password that is long enough.
    fn password(&self, password: &str) -> Result<String, UserError> {
        check_password(password)?;
        self.hash(password).map_err(UserError::Hash)
    }

    fn hash(&self, password: &str) -> Result<String, String> {
        let password = password.to_owned();
        self.hashers
            .submit(move |hasher| hasher.hash(&password))
            .ok()
            .and_then(|hash| hash.blocking_recv().ok())
            .unwrap_or_else(|| Err("too many are hashed at this moment".to_owned()))
    }

    /// Returns the user with this id.
    pub fn user(&self, id: &str) -> Result<Option<User>, StorageError> {
        self.database.user_by_id(id)
    }
}

/// The audit entry of a change of a user.
fn act(act: &str, user: &User, by: &str) -> AuditEntry {
    AuditEntry {
        detail: format!("{} {}", user.id, user.email),
        ..AuditEntry::new(act, by, None, Outcome::Done)
    }
}
