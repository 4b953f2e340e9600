//! Who calls a module, and how: what its hooks are told of a request.

use wares_module::{self as sdk, Context};

/// The caller of one call. That of a call that is no request is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who makes the request.
    pub actor: Option<Actor>,
    /// As it stands in the log.
    pub request_id: String,
    /// The request's `accept-language`.
    pub locale: Option<String>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user` or `api-key`.
    pub kind: String,
    /// The id of the user, or of the key.
    pub id: String,
}

impl From<sdk::Actor> for Actor {
    fn from(actor: sdk::Actor) -> Self {
        Self {
            kind: actor.kind,
            id: actor.id,
        }
    }
}

impl From<Context> for Caller {
    fn from(context: Context) -> Self {
        Self {
            actor: context.actor.map(Into::into),
            request_id: context.request_id,
            locale: context.locale,
        }
    }
}

impl From<&Caller> for Context {
    fn from(caller: &Caller) -> Self {
        Self {
            actor: caller.actor.as_ref().map(|actor| sdk::Actor {
                kind: actor.kind.clone(),
                id: actor.id.clone(),
            }),
            request_id: caller.request_id.clone(),
            locale: caller.locale.clone(),
            additional_data: None,
        }
    }
}
