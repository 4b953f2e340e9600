//! The OpenAPI operations of signing in and out, and of the signed-in user.

use serde_json::{Value, json};

use super::operation::{
    Operation, answer, json_content, nullable, object, query as query_parameter, text,
};
use super::session::PROVIDER;

pub(super) fn sign_in() -> Operation {
    Operation::new(
        "Host",
        "SignIn",
        "Sign in, and get a token",
        sign_in_answers(),
    )
    .parameters([json!({
        "name": "provider",
        "in": "path",
        "required": true,
        "schema": {"const": PROVIDER},
    })])
    .body(
        json_content(object(json!({"email": text(), "password": text()}))),
        true,
    )
}

pub(super) fn refresh() -> Operation {
    Operation::new(
        "Host",
        "RefreshToken",
        "Get a fresh token",
        answer(token_schema()),
    )
}

pub(super) fn begin() -> Operation {
    Operation::new(
        "Host",
        "BeginSession",
        "Begin a session: sets a cookie, and returns what the token says",
        answer(context_schema()),
    )
}

pub(super) fn end() -> Operation {
    Operation::new(
        "Host",
        "EndSession",
        "End the session",
        answer(object(json!({"success": {"const": true}}))),
    )
}

pub(super) fn providers() -> Operation {
    Operation::new(
        "Host",
        "ListProviders",
        "List the ways to sign in",
        answer(object(json!({
            "providers": {"type": "array", "items": object(json!({
                "id": text(),
                "identifier": text(),
                "display_name": text(),
                "flow": text(),
            }))},
        }))),
    )
}

pub(super) fn me() -> Operation {
    Operation::new(
        "Host",
        "RetrieveMe",
        "Retrieve the user who asks",
        me_answers(),
    )
    .parameters([query_parameter("fields", text())])
}

pub(super) fn update_me() -> Operation {
    Operation::new(
        "Host",
        "UpdateMe",
        "Change what the user who asks says of itself",
        me_answers(),
    )
    .parameters([query_parameter("fields", text())])
    .body(
        json_content(json!({
            "type": "object",
            "properties": {
                "first_name": nullable(),
                "last_name": nullable(),
                "avatar_url": nullable(),
                "metadata": {
                    "type": ["object", "null"],
                    "description": "Merged with what is there; a key set to \"\" is removed",
                },
            },
            "additionalProperties": false,
        })),
        false,
    )
}

fn token_schema() -> Value {
    object(json!({"token": text()}))
}

/// A user, of which `fields` may have left anything out but the id.
fn user_schema() -> Value {
    object(json!({
        "user": {
            "type": "object",
            "properties": {
                "id": text(),
                "first_name": nullable(),
                "last_name": nullable(),
                "email": text(),
                "avatar_url": nullable(),
                "metadata": {"type": ["object", "null"]},
                "created_at": text(),
                "updated_at": text(),
                "deleted_at": nullable(),
            },
            "required": ["id"],
            "additionalProperties": false,
        },
    }))
}

/// Who is signed in: what their token says.
fn context_schema() -> Value {
    object(json!({
        "user": object(json!({
            "actor_id": text(),
            "actor_type": {"const": "user"},
            "auth_identity_id": text(),
            "auth_provider": {"const": PROVIDER},
            "mfa_enabled": {"const": false},
            "mfa_challenge_completed_at": {"type": "null"},
            "app_metadata": object(json!({"user_id": text()})),
            "user_metadata": object(json!({})),
            "iat": {"type": "integer"},
            "exp": {"type": "integer"},
        })),
    }))
}

fn sign_in_answers() -> Value {
    let mut answers = answer(token_schema());
    answers["401"] = json!({"description": "The email or the password is wrong"});
    answers["429"] = json!({
        "description": "Too many wrong passwords; `Retry-After` says how long to wait",
    });
    answers
}

fn me_answers() -> Value {
    let mut answers = answer(user_schema());
    answers["404"] = json!({"description": "A key asks, not a user"});
    answers
}
