//! Passwords: argon2id with OWASP's parameters, no more than a few at a time,
//! so that a flood of sign-ins takes neither all memory nor all cores.

use std::sync::{Condvar, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// The shortest password, in characters.
pub const PASSWORD_LENGTH_MIN: usize = 8;

/// 19 MiB, two passes, one lane: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Hashes at the same time.
const AT_ONCE_MAX: usize = 2;

pub(super) struct Passwords {
    argon2: Argon2<'static>,
    /// Checked for an email that nobody has, so that time does not tell.
    decoy: String,
    places: Mutex<usize>,
    freed: Condvar,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        let mut passwords = Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            decoy: String::new(),
            places: Mutex::new(AT_ONCE_MAX),
            freed: Condvar::new(),
        };
        passwords.decoy = passwords.hash("nobody's password").unwrap_or_default();
        passwords
    }

    /// A PHC string with a salt of its own.
    pub(super) fn hash(&self, password: &str) -> Result<String, String> {
        self.in_turn(|| self.argon2.hash_password(password.as_bytes()))
            .map(|hash| hash.to_string())
            .map_err(|error| error.to_string())
    }

    /// Whether a password is the one that was hashed; never without a hash.
    pub(super) fn verify(&self, password: &str, hash: Option<&str>) -> bool {
        let Ok(parsed) = PasswordHash::new(hash.unwrap_or(&self.decoy)) else {
            return false;
        };
        let right = self.in_turn(|| {
            self.argon2
                .verify_password(password.as_bytes(), &parsed)
                .is_ok()
        });
        right && hash.is_some()
    }

    fn in_turn<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        while *places == 0 {
            places = self
                .freed
                .wait(places)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *places -= 1;
        drop(places);
        let result = work();
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        result
    }
}
