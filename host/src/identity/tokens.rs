//! Tokens: JWTs signed with HS256, of the shape that Medusa's clients know.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AuthContext, unix_now};

/// A user who signed in.
const USER: &str = "user";
/// A command of a user of the system who can read the secret that signs tokens.
const OPERATOR: &str = "operator";
/// How long a command's token is valid, in seconds: it may have to send a component.
const OPERATOR_LIFETIME_S: i64 = 300;

#[derive(Serialize, Deserialize)]
struct Claims {
    actor_id: String,
    actor_type: String,
    #[serde(default)]
    auth_identity_id: String,
    #[serde(default)]
    auth_provider: String,
    #[serde(default)]
    mfa_enabled: bool,
    #[serde(default)]
    mfa_challenge_completed_at: Option<String>,
    #[serde(default)]
    app_metadata: AppMetadata,
    #[serde(default)]
    user_metadata: Empty,
    /// The user's generation when it was issued. Tokens without one have the first.
    #[serde(default)]
    generation: i64,
    iat: i64,
    exp: i64,
}

#[derive(Default, Serialize, Deserialize)]
struct AppMetadata {
    user_id: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Empty {}

pub(super) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime_s: i64,
}

impl Tokens {
    /// The claims of a valid token for clients.
    pub(super) fn context(&self, token: &str) -> Option<AuthContext> {
        self.read::<AuthContext>(token, |said| said.exp)
    }

    pub(super) fn new(secret: &[u8], lifetime: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The library knows no time before 1970, so that is read here.
        validation.validate_exp = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            lifetime_s: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2),
        }
    }

    /// Returns a token for a user of this generation, valid from `now` (seconds since 1970).
    pub(super) fn issue(&self, user_id: &str, generation: i64, now: i64) -> String {
        self.sign(&Claims {
            actor_id: user_id.to_owned(),
            actor_type: USER.to_owned(),
            auth_identity_id: user_id.replacen("user_", "authid_", 1),
            auth_provider: "emailpass".to_owned(),
            mfa_enabled: false,
            mfa_challenge_completed_at: None,
            app_metadata: AppMetadata {
                user_id: user_id.to_owned(),
            },
            user_metadata: Empty {},
            generation,
            iat: now,
            exp: now.saturating_add(self.lifetime_s),
        })
    }

    /// Returns a token for a command, valid from `now` (seconds since 1970).
    pub(super) fn issue_operator(&self, name: &str, now: i64) -> String {
        self.sign(&Claims {
            actor_id: name.to_owned(),
            actor_type: OPERATOR.to_owned(),
            auth_identity_id: String::new(),
            auth_provider: String::new(),
            mfa_enabled: false,
            mfa_challenge_completed_at: None,
            app_metadata: AppMetadata::default(),
            user_metadata: Empty {},
            generation: 0,
            iat: now,
            exp: now.saturating_add(OPERATOR_LIFETIME_S),
        })
    }

    fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding).unwrap_or_else(
            |error| {
                // Only a key of the wrong length could fail. An empty token is invalid.
                tracing::error!(%error, "a token could not be signed");
                String::new()
            },
        )
    }

    /// Returns the user of a valid token, and the generation that it was issued for.
    pub(super) fn verify(&self, token: &str) -> Option<(String, i64)> {
        let claims = self.verify_as(USER, token)?;
        Some((claims.actor_id, claims.generation))
    }

    /// Returns the operator of a valid token.
    pub(super) fn verify_operator(&self, token: &str) -> Option<String> {
        Some(self.verify_as(OPERATOR, token)?.actor_id)
    }

    fn verify_as(&self, kind: &str, token: &str) -> Option<Claims> {
        let claims = self.read::<Claims>(token, |claims| claims.exp)?;
        (claims.actor_type == kind).then_some(claims)
    }

    /// Returns the claims of a signed token that has not expired. `exp` is the last second in
    /// which it is valid.
    fn read<T: DeserializeOwned>(&self, token: &str, exp: fn(&T) -> i64) -> Option<T> {
        let said = jsonwebtoken::decode::<T>(token, &self.decoding, &self.validation);
        let claims = said.ok()?.claims;
        (exp(&claims) >= unix_now()).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_before_there_were_generations_is_of_the_first() {
        let tokens = Tokens::new(b"secret", Duration::from_secs(60));
        let claims = serde_json::json!({"actor_id": "user_1", "actor_type": "user", "iat": 1, "exp": i64::MAX});
        let header = Header::new(Algorithm::HS256);
        let old = jsonwebtoken::encode(&header, &claims, &tokens.encoding).unwrap();
        assert_eq!(tokens.verify(&old), Some(("user_1".to_owned(), 0)));
        let now = i64::MAX / 2;
        let new = tokens.issue("user_1", 7, now);
        assert_eq!(tokens.verify(&new), Some(("user_1".to_owned(), 7)));
        assert_eq!(tokens.verify_operator(&new), None);
    }

    #[test]
    fn a_token_is_valid_until_it_expires() {
        let tokens = Tokens::new(b"secret", Duration::from_secs(60));
        let now = unix_now();
        for (issued, is_valid) in [(now, true), (now - 50, true), (now - 62, false)] {
            let token = tokens.issue("user_1", 0, issued);
            assert_eq!(tokens.verify(&token).is_some(), is_valid, "{issued}");
            assert_eq!(tokens.context(&token).is_some(), is_valid, "{issued}");
        }
        for (issued, is_valid) in [(now, true), (now - 302, false)] {
            let token = tokens.issue_operator("root", issued);
            assert_eq!(tokens.verify_operator(&token).is_some(), is_valid);
        }
        let others = Tokens::new(b"another secret", Duration::from_secs(60));
        assert_eq!(others.verify(&tokens.issue("user_1", 0, now)), None);
    }
}
