//! The signed-in user, as Medusa's clients get it when a session begins: the claims of their
//! token.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{IdentityService, unix_now};

/// The signed-in user, in Medusa's words and order.
#[derive(Serialize, Deserialize)]
pub struct AuthContext {
    actor_id: String,
    actor_type: String,
    auth_identity_id: String,
    auth_provider: String,
    mfa_enabled: bool,
    mfa_challenge_completed_at: Option<String>,
    app_metadata: Value,
    user_metadata: Value,
    iat: i64,
    pub(super) exp: i64,
}

impl IdentityService {
    /// Returns the claims of the token in an `Authorization` header that proved a request to
    /// be from this user. A session has no token: then the times are those of a session that
    /// begins.
    pub fn auth_context(&self, authorization: Option<&str>, user_id: &str) -> AuthContext {
        let token = authorization.and_then(|value| value.rsplit_once(' '));
        let said = token.and_then(|(_, token)| self.tokens.context(token));
        said.unwrap_or_else(|| {
            let now = unix_now();
            let lifetime = i64::try_from(self.lifetimes.session.as_secs()).unwrap_or(i64::MAX / 2);
            AuthContext {
                actor_id: user_id.to_owned(),
                actor_type: "user".to_owned(),
                auth_identity_id: user_id.replacen("user_", "authid_", 1),
                auth_provider: "emailpass".to_owned(),
                mfa_enabled: false,
                mfa_challenge_completed_at: None,
                app_metadata: json!({ "user_id": user_id }),
                user_metadata: json!({}),
                iat: now,
                exp: now.saturating_add(lifetime),
            }
        })
    }
}
