//! Who makes a request, and how they prove it: passwords, tokens, session
//! cookies and secret API keys. Knows nothing of HTTP but two headers' text.

mod context;
mod hashing;
mod ids;
mod passwords;
mod proof;
mod settings;
mod throttle;
mod tokens;

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::printable::is_unfit;
use crate::storage::{ApiKey, Deletion, HostDatabase, Profile, User};
use crate::storage::{AuditEntry, Outcome, StorageError, now, timestamp};

use hashing::{Full, Pool};
use proof::Proofs;
use throttle::{Refused, Throttle};
use tokens::Tokens;

pub use context::AuthContext;
pub use passwords::PASSWORD_LENGTH_MIN;
pub use proof::{CHALLENGE_LENGTH, is_challenge};
pub use settings::IdentitySettings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person who signed in.
    User,
    ApiKey,
    /// A command of `wares`, run by a user of the system who can write the data folder.
    Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    /// Of the user or of the key.
    pub id: String,
    /// Of the user, when what proves it was issued; 0 for all others.
    pub generation: i64,
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Header,
    /// The session cookie, which a browser sends for every page.
    Cookie,
}

/// How long credentials are valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub token: Duration,
    pub session: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The email is unknown or the password wrong; the message does not tell which.
    #[error("Invalid email or password")]
    Wrong,
    /// Too many wrong passwords.
    #[error("Too many failed attempts: try again in {0} s")]
    TooMany(u64),
    /// Too many attempts at once of one peer.
    #[error("Too many attempts at once: try again in a moment")]
    Crowded,
    /// Too many attempts at once of all peers.
    #[error("Too many people sign in at this moment: try again in a moment")]
    Busy,
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Refused> for SignInError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooEarly(seconds) => Self::TooMany(seconds),
            Refused::Crowded => Self::Crowded,
            Refused::Busy => Self::Busy,
        }
    }
}

impl From<Full> for SignInError {
    fn from(Full: Full) -> Self {
        Self::Busy
    }
}

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

/// The users, keys, sessions and tokens of the host.
pub struct Directory {
    accounts: HostDatabase,
    hashers: Pool,
    tokens: Tokens,
    proofs: Proofs,
    /// The address at which commands find this process, if it serves the data folder.
    address: OnceLock<String>,
    throttle: Arc<Throttle>,
    lifetimes: Lifetimes,
}

impl Directory {
    /// Takes the secrets of tokens and proofs from the host's own database, which has new ones
    /// the first time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn open(accounts: HostDatabase, lifetimes: Lifetimes) -> Result<Self, StorageError> {
        let tokens = Tokens::new(&accounts.secret("token", &random_bytes())?, lifetimes.token);
        let proofs = Proofs::new(&accounts.secret("host-proof", &random_bytes())?);
        Ok(Self {
            accounts,
            hashers: Pool::default(),
            tokens,
            proofs,
            address: OnceLock::new(),
            throttle: Arc::default(),
            lifetimes,
        })
    }

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
        if self.accounts.has_users()? {
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
        if self.accounts.insert_user(&user, act.as_ref())? {
            Ok(user)
        } else {
            Err(UserError::Exists(email.to_owned()))
        }
    }

    /// Returns all users, in the order of their creation.
    pub fn users(&self) -> Result<Vec<User>, StorageError> {
        self.accounts.users()
    }

    /// Returns the user with this email, in any case.
    ///
    /// # Errors
    /// When no user has it.
    pub fn user_by_email(&self, email: &str) -> Result<User, UserError> {
        let email = email.trim();
        let found = self.accounts.user_by_email(email)?;
        found.ok_or_else(|| UserError::Unknown(email.to_owned()))
    }

    /// Changes a user's password. Earlier tokens and sessions of the user become invalid. Slow on purpose; blocks until it is done.
    ///
    /// # Errors
    /// When the password is too short, or the user was deleted.
    pub fn change_password(&self, user: &User, password: &str, by: &str) -> Result<(), UserError> {
        let hash = self.password(password)?;
        let act = act("change-password", user, by);
        if self.accounts.change_password(&user.id, &hash, &act)? {
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
        let deletion = self.accounts.delete_user(email, |user, deletion| {
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
        self.accounts.change_profile(id, change)
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

    /// Checks an email and a password, and returns a token. Slow on purpose, and
    /// as slow for an unknown email as for a wrong password. If the caller goes before
    /// the password is checked, the attempt is not counted.
    ///
    /// # Errors
    /// When they are wrong, were wrong too often, or too many sign in at once.
    pub async fn sign_in(
        &self,
        email: String,
        password: String,
        peer: IpAddr,
    ) -> Result<String, SignInError> {
        let mut attempt = self.throttle.admit(&email, peer).await?;
        let accounts = self.accounts.clone();
        let verified = self.hashers.submit(move |hasher| {
            let user = accounts.user_by_email(&email)?;
            attempt.begins();
            let hash = user.as_ref().map(|user| user.password_hash.as_str());
            let right = hasher.verify(&password, hash);
            let user = user.filter(|_| right);
            if user.is_some() {
                attempt.succeeds();
            }
            Ok::<_, StorageError>(user)
        })?;
        // Without an answer, it ended inside the host.
        match verified.await.map_err(|_| SignInError::Busy)?? {
            Some(user) => Ok(self.tokens.issue(&user.id, user.generation, unix_now())),
            None => Err(SignInError::Wrong),
        }
    }

    /// Returns a fresh token for a signed-in user. It is invalid if the password was changed
    /// since the user of this generation signed in.
    pub fn issue_token(&self, user_id: &str, generation: i64) -> String {
        self.tokens.issue(user_id, generation, unix_now())
    }

    /// Returns a token, valid for minutes, for a command of this user of the system.
    pub fn issue_operator_token(&self, name: &str) -> String {
        self.tokens.issue_operator(name, unix_now())
    }

    /// Records that commands find this process as the host at an address. The first one stays.
    pub fn serve_at(&self, address: &str) {
        let _ = self.address.set(address.to_owned());
    }

    /// Returns the proof, for the maker of a challenge, that this is the host of its data
    /// folder, found at its own address. `None` if it serves at none.
    pub fn prove(&self, challenge: &str) -> Option<String> {
        self.proofs.make(challenge, self.address.get()?)
    }

    /// Whether a proof is that of the host of this data folder, found at this address.
    pub fn is_proof(&self, proof: &str, challenge: &str, address: &str) -> bool {
        self.proofs.is_right(proof, challenge, address)
    }

    /// Returns a random challenge.
    pub fn challenge() -> String {
        hex::encode(random_bytes())
    }

    /// Returns the user with this id.
    pub fn user(&self, id: &str) -> Result<Option<User>, StorageError> {
        self.accounts.user_by_id(id)
    }

    /// Begins a session, and returns the value of its cookie. `None` if the password was
    /// changed since the user of this generation signed in.
    pub fn begin_session(
        &self,
        user_id: &str,
        generation: i64,
    ) -> Result<Option<String>, StorageError> {
        let token = hex::encode(random_bytes());
        let now = unix_now();
        let lifetime = i64::try_from(self.lifetimes.session.as_secs()).unwrap_or(i64::MAX);
        let expires = now.saturating_add(lifetime);
        let begun =
            self.accounts
                .insert_session(&hash(&token), user_id, generation, expires, now)?;
        Ok(begun.then_some(token))
    }

    /// Ends the session of a cookie.
    pub fn end_session(&self, token: &str) -> Result<(), StorageError> {
        self.accounts.delete_session(&hash(token))
    }

    pub fn session_lifetime(&self) -> Duration {
        self.lifetimes.session
    }

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
        self.accounts.insert_key(&key, &hash(&token))?;
        Ok((key, token))
    }

    /// Returns all keys, oldest first.
    pub fn keys(&self) -> Result<Vec<ApiKey>, StorageError> {
        self.accounts.keys()
    }

    /// Returns the key with this id.
    pub fn key(&self, id: &str) -> Result<Option<ApiKey>, StorageError> {
        self.accounts.key_by_id(id)
    }

    /// Revokes a key from a time on, which may be earlier than a revocation before. `false` if
    /// no key has this id, or it ends earlier.
    pub fn revoke_key(
        &self,
        id: &str,
        by: Option<&str>,
        at: SystemTime,
    ) -> Result<bool, StorageError> {
        self.accounts.revoke_key(id, by, &timestamp(at))
    }

    /// Renames a key; `false` if no key has this id.
    pub fn rename_key(&self, id: &str, title: &str) -> Result<bool, StorageError> {
        self.accounts.rename_key(id, title)
    }

    /// Deletes a revoked key; `false` if it is still valid.
    pub fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        self.accounts.delete_key(id)
    }

    /// Returns the actor of a request by its `Authorization` header or its session cookie, and
    /// which of the two proved it. `None` if neither does.
    pub fn authenticate(
        &self,
        authorization: Option<&str>,
        session: Option<&str>,
    ) -> Result<Option<(Actor, Proof)>, StorageError> {
        if let Some((scheme, credentials)) =
            authorization.and_then(|value| value.trim().split_once(' '))
        {
            let actor = self.by_header(scheme, credentials.trim())?;
            return Ok(actor.map(|actor| (actor, Proof::Header)));
        }
        let Some(session) = session else {
            return Ok(None);
        };
        let user = self.accounts.session_user(&hash(session), unix_now())?;
        Ok(user.map(|(id, generation)| (user_actor(id, generation), Proof::Cookie)))
    }

    fn by_header(&self, scheme: &str, credentials: &str) -> Result<Option<Actor>, StorageError> {
        if scheme.eq_ignore_ascii_case("bearer") {
            if credentials.starts_with("sk_") {
                self.by_key(credentials)
            } else {
                self.by_token(credentials)
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic_key(credentials).map_or(Ok(None), |key| self.by_key(&key))
        } else {
            Ok(None)
        }
    }

    fn by_key(&self, key: &str) -> Result<Option<Actor>, StorageError> {
        let found = self.accounts.key_by_hash(&hash(key))?;
        Ok(found.map(|key| Actor {
            kind: ActorKind::ApiKey,
            id: key.id,
            generation: 0,
        }))
    }

    fn by_token(&self, token: &str) -> Result<Option<Actor>, StorageError> {
        if let Some(operator) = self.tokens.verify_operator(token) {
            return Ok(Some(Actor {
                kind: ActorKind::Operator,
                id: operator,
                generation: 0,
            }));
        }
        let Some((user_id, generation)) = self.tokens.verify(token) else {
            return Ok(None);
        };
        // A token is invalid without its user, or with an earlier password.
        let present = self.accounts.generation(&user_id)?;
        Ok((present == Some(generation)).then(|| user_actor(user_id, generation)))
    }
}

fn user_actor(id: String, generation: i64) -> Actor {
    Actor {
        kind: ActorKind::User,
        id,
        generation,
    }
}

/// The audit entry of a change of a user.
fn act(act: &str, user: &User, by: &str) -> AuditEntry {
    AuditEntry {
        detail: format!("{} {}", user.id, user.email),
        ..AuditEntry::new(act, by, None, Outcome::Done)
    }
}

/// The key in `sk_…`, or in base 64 of `sk_…` or of `sk_…:`. With a password
/// beside it, the header is no key.
fn basic_key(credentials: &str) -> Option<String> {
    if credentials.starts_with("sk_") {
        return Some(credentials.to_owned());
    }
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    match decoded.split_once(':') {
        None | Some((_, "")) => Some(decoded.trim_end_matches(':').to_owned()),
        Some(_) => None,
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// Only letters and digits, so that it can be pasted anywhere.
fn random_password() -> String {
    const ALPHABET: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    random_bytes()
        .iter()
        .take(20)
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect()
}

fn unix_now() -> i64 {
    i64::try_from(clock::since_1970().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
