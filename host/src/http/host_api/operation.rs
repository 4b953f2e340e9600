//! OpenAPI operation objects of the host's endpoints, and the schemas that many of them use.

use serde_json::{Map, Value, json};

/// What an endpoint takes and returns, as an OpenAPI operation object.
pub(super) struct Operation(Map<String, Value>);

impl Operation {
    pub(super) fn new(tag: &str, id: &str, summary: &str, responses: Value) -> Self {
        let mut operation = Map::new();
        operation.insert("operationId".to_owned(), id.into());
        operation.insert("summary".to_owned(), summary.into());
        operation.insert("tags".to_owned(), json!([tag]));
        operation.insert("responses".to_owned(), responses);
        Self(operation)
    }

    pub(super) fn parameters(mut self, parameters: impl Into<Vec<Value>>) -> Self {
        let parameters: Vec<Value> = parameters.into();
        self.0.insert("parameters".to_owned(), parameters.into());
        self
    }

    /// A body by its media type, and whether it is required.
    pub(super) fn body(mut self, content: Value, required: bool) -> Self {
        let body = json!({"required": required, "content": content});
        self.0.insert("requestBody".to_owned(), body);
        self
    }

    pub(super) fn id(&self) -> &str {
        let id = self.0.get("operationId").and_then(Value::as_str);
        id.unwrap_or_default()
    }

    pub(super) fn into_object(self) -> Map<String, Value> {
        self.0
    }
}

/// A parameter of the query.
pub(super) fn query(name: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
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
pub(super) fn object(properties: Value) -> Value {
    let mut object = at_least(properties);
    object["additionalProperties"] = json!(false);
    object
}

pub(super) fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

pub(super) fn answer(schema: Value) -> Value {
    json!({"200": {"description": "Done", "content": json_content(schema)}})
}

pub(super) fn text_answer(media_type: &str) -> Value {
    json!({"200": {"description": "Done", "content": {media_type: {"schema": text()}}}})
}
