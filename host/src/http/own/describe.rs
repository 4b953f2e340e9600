//! What the host's own endpoints take and give, as OpenAPI operation objects.

use serde_json::{Map, Value, json};

use super::Own;

impl Own {
    /// What it takes and gives; pages for people say so themselves.
    pub(super) fn operation(self) -> Option<Map<String, Value>> {
        let (id, summary, responses) = match self {
            Self::Health => ("Health", "Whether the host lives", text_answer()),
            Self::SignIn => ("SignIn", "Sign in, and get a token", sign_in_answers()),
            Self::Refresh => ("RefreshToken", "Get a fresh token", answer(token())),
            Self::BeginSession => (
                "BeginSession",
                "Begin a session: sets a cookie",
                answer(user()),
            ),
            Self::EndSession => (
                "EndSession",
                "End the session",
                answer(object(json!({"success": {"const": true}}))),
            ),
            Self::Me => ("RetrieveMe", "Retrieve the user who asks", me_answers()),
            Self::Document => (
                "RetrieveDocument",
                "Retrieve this document",
                answer(json!({"type": "object"})),
            ),
            Self::Page | Self::PagePart => return None,
        };
        let mut operation = json!({
            "operationId": id,
            "summary": summary,
            "tags": ["Host"],
            "responses": responses,
        });
        if let Some(body) = self.body() {
            operation["requestBody"] = json!({"required": true, "content": json_content(body)});
        }
        match operation {
            Value::Object(operation) => Some(operation),
            _ => None,
        }
    }

    fn body(self) -> Option<Value> {
        match self {
            Self::SignIn => Some(object(json!({"email": text(), "password": text()}))),
            _ => None,
        }
    }
}

fn text() -> Value {
    json!({"type": "string"})
}

fn nullable() -> Value {
    json!({"type": ["string", "null"]})
}

/// An object that has all of these, and nothing else.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    let required = json!(names);
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn answer(schema: Value) -> Value {
    json!({"200": {"description": "Done", "content": json_content(schema)}})
}

fn text_answer() -> Value {
    json!({"200": {"description": "It does", "content": {"text/html": {"schema": text()}}}})
}

fn token() -> Value {
    object(json!({"token": text()}))
}

fn user() -> Value {
    object(json!({
        "user": object(json!({
            "id": text(),
            "first_name": nullable(),
            "last_name": nullable(),
            "email": text(),
            "avatar_url": nullable(),
            "metadata": {"type": ["object", "null"]},
            "created_at": text(),
            "updated_at": text(),
            "deleted_at": nullable(),
        })),
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
