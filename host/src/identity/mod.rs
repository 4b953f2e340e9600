//! Who makes a request, and how they prove it: passwords, tokens, session
//! cookies and secret API keys. Knows nothing of HTTP but two headers' text.

mod actor;
mod authentication;
mod context;
mod hashing;
mod ids;
mod keys;
mod passwords;
mod proof;
mod secrets;
mod settings;
mod sign_in;
mod throttle;
mod tokens;
mod users;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock;
use crate::storage::{HostDatabase, StorageError};

use hashing::Pool;
use proof::Proofs;
use secrets::random_bytes;
use throttle::Throttle;
use tokens::Tokens;

pub use crate::storage::{ApiKey, Profile, User};
pub use actor::{Actor, ActorKind, Proof};
pub use context::AuthContext;
pub use proof::{CHALLENGE_LENGTH, is_challenge};
pub use settings::IdentitySettings;
pub use sign_in::SignInError;
pub use users::FirstAdmin;

/// How long credentials are valid.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub token: Duration,
    pub session: Duration,
}

/// The users, keys, sessions and tokens of the host.
pub struct IdentityService {
    database: HostDatabase,
    hashers: Pool,
    tokens: Tokens,
    proofs: Proofs,
    /// The address at which commands find this process, if it serves the data folder.
    address: OnceLock<String>,
    throttle: Arc<Throttle>,
    lifetimes: Lifetimes,
}

impl IdentityService {
    /// Takes the secrets of tokens and proofs from the host's own database, which has new ones
    /// the first time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub fn open(database: HostDatabase, lifetimes: Lifetimes) -> Result<Self, StorageError> {
        let tokens = Tokens::new(&database.secret("token", &random_bytes())?, lifetimes.token);
        let proofs = Proofs::new(&database.secret("host-proof", &random_bytes())?);
        Ok(Self {
            database,
            hashers: Pool::default(),
            tokens,
            proofs,
            address: OnceLock::new(),
            throttle: Arc::default(),
            lifetimes,
        })
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
}

fn unix_now() -> i64 {
    i64::try_from(clock::since_1970().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
