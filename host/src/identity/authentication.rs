//! Finds the actor of a request by its credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::secrets::hash;
use super::{Actor, ActorKind, IdentityService, Proof, unix_now};
use crate::storage::StorageError;

impl IdentityService {
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
        let user = self.database.session_user(&hash(session), unix_now())?;
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
        let found = self.database.key_by_hash(&hash(key))?;
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
        let present = self.database.generation(&user_id)?;
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
