//! The OpenAPI operations of secret API keys.

use serde_json::{Value, json};

use super::keys::{COLUMNS, LIMIT_DEFAULT, LIMIT_MAX, REVOKE_IN_MAX_S, SECRET, orders};
use super::operation::{
    Operation, answer, json_content, nullable, object, query as query_parameter, text,
};
use super::wire;

pub(super) fn list() -> Operation {
    let several = || json!({"type": "array", "items": text()});
    let orders = orders().collect::<Vec<_>>().join("|");
    Operation::new(
        "Host",
        "ListApiKeys",
        "List secret API keys",
        answer(list_of_keys()),
    )
    .parameters([
        query_parameter(
            "limit",
            json!({
                "type": "integer",
                "minimum": 0,
                "maximum": LIMIT_MAX,
                "default": LIMIT_DEFAULT,
            }),
        ),
        query_parameter(
            "offset",
            json!({"type": "integer", "minimum": 0, "default": 0}),
        ),
        query_parameter(
            "order",
            json!({"type": "string", "pattern": format!("^-?({orders})$")}),
        ),
        query_parameter("q", text()),
        query_parameter("id", several()),
        query_parameter("title", several()),
        query_parameter("type", several()),
        query_parameter("fields", text()),
    ])
}

pub(super) fn create() -> Operation {
    Operation::new(
        "Host",
        "CreateApiKey",
        "Create a secret API key; `token` is shown only now",
        answer(key_schema()),
    )
    .body(
        json_content(object(
            json!({"title": title_schema(), "type": {"const": SECRET}}),
        )),
        true,
    )
}

pub(super) fn retrieve() -> Operation {
    Operation::new(
        "Host",
        "RetrieveApiKey",
        "Retrieve a secret API key",
        one_key(),
    )
    .parameters([query_parameter("fields", text())])
}

pub(super) fn rename() -> Operation {
    Operation::new("Host", "UpdateApiKey", "Rename a secret API key", one_key())
        .parameters([query_parameter("fields", text())])
        .body(json_content(object(json!({"title": title_schema()}))), true)
}

pub(super) fn revoke() -> Operation {
    Operation::new(
        "Host",
        "RevokeApiKey",
        "Make a secret API key void",
        one_key(),
    )
    .parameters([query_parameter("fields", text())])
    .body(
        json_content(json!({
            "type": "object",
            "properties": {"revoke_in": {
                "type": "integer",
                "minimum": 0,
                "maximum": REVOKE_IN_MAX_S,
                "description": "Seconds that it still works",
            }},
            "additionalProperties": false,
        })),
        false,
    )
}

pub(super) fn delete() -> Operation {
    Operation::new(
        "Host",
        "DeleteApiKey",
        "Forget a secret API key that is void",
        answer(object(json!({
            "id": text(),
            "object": {"const": "api_key"},
            "deleted": {"const": true},
        }))),
    )
}

fn title_schema() -> Value {
    json!({"type": "string", "pattern": "\\S"})
}

/// A key, of which `fields` may have left anything out but the id.
fn shown_key() -> Value {
    let kinds = wire::thing(&COLUMNS, std::array::from_fn(|_| nullable()));
    json!({
        "type": "object",
        "properties": kinds,
        "required": ["id"],
        "additionalProperties": false,
    })
}

fn key_schema() -> Value {
    object(json!({"api_key": shown_key()}))
}

fn one_key() -> Value {
    let mut answers = answer(key_schema());
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
