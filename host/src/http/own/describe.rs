//! What the host's own endpoints take and give, as OpenAPI operation objects.

use serde_json::{Map, Value, json};

use super::{Own, describe_versions, keys, session};

impl Own {
    /// What it takes and gives; pages for people say so themselves.
    pub(super) fn operation(self) -> Option<Map<String, Value>> {
        let mut tag = "Host";
        let (id, summary, responses) = match self {
            Self::Health => (
                "Health",
                "Whether the host lives, which modules have an open circuit, and which failed at its start",
                text_answer("text/html"),
            ),
            Self::Metrics => (
                "RetrieveMetrics",
                "Retrieve what Prometheus collects",
                json!({"200": {"description": "Done", "content": {
                    "text/plain": {"schema": text()},
                    "application/openmetrics-text": {"schema": text()},
                }}}),
            ),
            Self::SignIn => ("SignIn", "Sign in, and get a token", sign_in_answers()),
            Self::Refresh => ("RefreshToken", "Get a fresh token", answer(token())),
            Self::BeginSession => (
                "BeginSession",
                "Begin a session: sets a cookie, and returns what the token says",
                answer(context()),
            ),
            Self::EndSession => (
                "EndSession",
                "End the session",
                answer(object(json!({"success": {"const": true}}))),
            ),
            Self::Providers => (
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
            ),
            Self::ListKeys => (
                "ListApiKeys",
                "List secret API keys",
                answer(list_of_keys()),
            ),
            Self::CreateKey => (
                "CreateApiKey",
                "Create a secret API key; `token` is shown only now",
                answer(key()),
            ),
            Self::RetrieveKey => ("RetrieveApiKey", "Retrieve a secret API key", one_key()),
            Self::RenameKey => ("UpdateApiKey", "Rename a secret API key", one_key()),
            Self::RevokeKey => ("RevokeApiKey", "Make a secret API key void", one_key()),
            Self::DeleteKey => (
                "DeleteApiKey",
                "Forget a secret API key that is void",
                answer(object(json!({
                    "id": text(),
                    "object": {"const": "api_key"},
                    "deleted": {"const": true},
                }))),
            ),
            Self::Me => ("RetrieveMe", "Retrieve the user who asks", me_answers()),
            Self::UpdateMe => (
                "UpdateMe",
                "Change what the user who asks says of itself",
                me_answers(),
            ),
            Self::Document => (
                "RetrieveDocument",
                "Retrieve this document",
                answer(json!({"type": "object"})),
            ),
            // Commands ask it, and nobody else.
            Self::Prove | Self::Root | Self::Page | Self::PagePart => return None,
            _ => {
                tag = "Versions";
                describe_versions::operation(self)?
            }
        };
        let mut operation = json!({
            "operationId": id,
            "summary": summary,
            "tags": [tag],
            "responses": responses,
        });
        let mut parameters = self.parameters();
        parameters.extend(describe_versions::parameters(self));
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        let body = self
            .body()
            .map(|(body, required)| (json_content(body), required))
            .or_else(|| describe_versions::body(self));
        if let Some((content, required)) = body {
            operation["requestBody"] = json!({"required": required, "content": content});
        }
        match operation {
            Value::Object(operation) => Some(operation),
            _ => None,
        }
    }

    /// The body, and whether there has to be one.
    fn body(self) -> Option<(Value, bool)> {
        match self {
            Self::SignIn => Some((object(json!({"email": text(), "password": text()})), true)),
            Self::UpdateMe => Some((
                json!({
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
                }),
                false,
            )),
            Self::CreateKey => Some((
                object(json!({"title": title(), "type": {"const": "secret"}})),
                true,
            )),
            Self::RenameKey => Some((object(json!({"title": title()})), true)),
            Self::RevokeKey => Some((
                json!({
                    "type": "object",
                    "properties": {"revoke_in": {
                        "type": "integer",
                        "minimum": 0,
                        "maximum": keys::REVOKE_IN_MAX_S,
                        "description": "Seconds that it still works",
                    }},
                    "additionalProperties": false,
                }),
                false,
            )),
            _ => None,
        }
    }

    fn parameters(self) -> Vec<Value> {
        let query =
            |name: &str, schema: Value| json!({"name": name, "in": "query", "schema": schema});
        let fields = || query("fields", text());
        match self {
            Self::ListKeys => {
                let several = || json!({"type": "array", "items": text()});
                let orders = keys::orders().collect::<Vec<_>>().join("|");
                vec![
                    query(
                        "limit",
                        json!({
                            "type": "integer",
                            "minimum": 0,
                            "maximum": keys::LIMIT_MAX,
                            "default": keys::LIMIT_DEFAULT,
                        }),
                    ),
                    query(
                        "offset",
                        json!({"type": "integer", "minimum": 0, "default": 0}),
                    ),
                    query(
                        "order",
                        json!({"type": "string", "pattern": format!("^-?({orders})$")}),
                    ),
                    query("q", text()),
                    query("id", several()),
                    query("title", several()),
                    query("type", several()),
                    fields(),
                ]
            }
            Self::SignIn => vec![json!({
                "name": "provider",
                "in": "path",
                "required": true,
                "schema": {"const": session::PROVIDER},
            })],
            Self::Me | Self::UpdateMe | Self::RetrieveKey | Self::RenameKey | Self::RevokeKey => {
                vec![fields()]
            }
            _ => Vec::new(),
        }
    }
}

pub(super) fn text() -> Value {
    json!({"type": "string"})
}

pub(super) fn nullable() -> Value {
    json!({"type": ["string", "null"]})
}

/// An object that has all of these, and perhaps more.
pub(super) fn at_least(properties: Value) -> Value {
    let names: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    let required = json!(names);
    json!({"type": "object", "properties": properties, "required": required})
}

/// An object that has all of these, and nothing else.
fn object(properties: Value) -> Value {
    let mut object = at_least(properties);
    object["additionalProperties"] = json!(false);
    object
}

fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

pub(super) fn answer(schema: Value) -> Value {
    json!({"200": {"description": "Done", "content": json_content(schema)}})
}

fn text_answer(media_type: &str) -> Value {
    json!({"200": {"description": "Done", "content": {media_type: {"schema": text()}}}})
}

fn token() -> Value {
    object(json!({"token": text()}))
}

/// A user, of which `fields` may have left anything out but the id.
fn user() -> Value {
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
fn context() -> Value {
    object(json!({
        "user": object(json!({
            "actor_id": text(),
            "actor_type": {"const": "user"},
            "auth_identity_id": text(),
            "auth_provider": {"const": session::PROVIDER},
            "mfa_enabled": {"const": false},
            "mfa_challenge_completed_at": {"type": "null"},
            "app_metadata": object(json!({"user_id": text()})),
            "user_metadata": object(json!({})),
            "iat": {"type": "integer"},
            "exp": {"type": "integer"},
        })),
    }))
}

fn title() -> Value {
    json!({"type": "string", "pattern": "\\S"})
}

/// A key, of which `fields` may have left anything out but the id.
fn shown_key() -> Value {
    let kinds: Map<String, Value> = keys::FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), nullable()))
        .collect();
    json!({
        "type": "object",
        "properties": kinds,
        "required": ["id"],
        "additionalProperties": false,
    })
}

fn key() -> Value {
    object(json!({"api_key": shown_key()}))
}

fn one_key() -> Value {
    let mut answers = answer(key());
    answers["404"] = json!({"description": "There is no such key"});
    answers
}

fn list_of_keys() -> Value {
    object(json!({
        "api_keys": {"type": "array", "items": shown_key()},
        "count": {"type": "integer"},
        "offset": {"type": "integer"},
        "limit": {"type": "integer"},
    }))
}

fn sign_in_answers() -> Value {
    let mut answers = answer(token());
    answers["401"] = json!({"description": "The email or the password is wrong"});
    answers["429"] = json!({
        "description": "Too many wrong passwords; `Retry-After` says how long to wait",
    });
    answers
}

fn me_answers() -> Value {
    let mut answers = answer(user());
    answers["404"] = json!({"description": "A key asks, not a user"});
    answers
}
