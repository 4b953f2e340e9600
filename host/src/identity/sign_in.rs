//! Signing in with a password, and the tokens and sessions that follow.

use std::net::IpAddr;
use std::time::Duration;

use super::hashing::Full;
use super::secrets::{hash, random_bytes};
use super::throttle::Refused;
use super::{IdentityService, unix_now};
use crate::storage::StorageError;

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

impl IdentityService {
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
        let database = self.database.clone();
        let verified = self.hashers.submit(move |hasher| {
            let user = database.user_by_email(&email)?;
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
            self.database
                .insert_session(&hash(&token), user_id, generation, expires, now)?;
        Ok(begun.then_some(token))
    }

    /// Ends the session of a cookie.
    pub fn end_session(&self, token: &str) -> Result<(), StorageError> {
        self.database.delete_session(&hash(token))
    }

    pub fn session_lifetime(&self) -> Duration {
        self.lifetimes.session
    }
}
