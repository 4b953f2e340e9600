//! The settings of identity: `identity.…` and `admin.…`.

use std::time::Duration;

use super::Lifetimes;
use crate::config::Reader;

/// The longest lifetime of a proof of identity, in seconds.
const CENTURY_S: u64 = 100 * 365 * 24 * 3_600;

/// The lifetimes of proofs, and the first admin.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// Of tokens and sessions.
    pub lifetimes: Lifetimes,
    /// The first admin's email, used while no user exists.
    pub admin_email: String,
    /// The first admin's password; `None` for a random one.
    pub admin_password: Option<String>,
}

impl IdentitySettings {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mut lifetime = |key: &str, default: u64, meaning: &str| {
            Duration::from_secs(reader.number(key, 1..=CENTURY_S, default, meaning))
        };
        let lifetimes = Lifetimes {
            token: lifetime(
                "identity.token_lifetime_s",
                86_400,
                "how long a token is valid",
            ),
            session: lifetime(
                "identity.session_lifetime_s",
                36_000,
                "how long a session cookie is valid",
            ),
        };
        let password = reader.secret(
            "admin.password",
            "the first admin's password; without it, a random one is printed once",
        );
        Self {
            lifetimes,
            admin_email: reader.text(
                "admin.email",
                "admin@wares.localhost",
                "the first admin's email, when no user exists yet",
            ),
            admin_password: (!password.is_empty()).then_some(password),
        }
    }
}
