//! The routes as OpenAPI 3.1 describes them, made of their declarations.

mod parameters;
mod schemas;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::countries;
use crate::settings::Compat;

use super::body::{self, Body, Field, Takes};
use super::declarations::{Gives, Query};
use super::{Method, ROUTES, Route};

use schemas::{metadata_bound, reference, with_id};

/// A route's operation object, as JSON. Path parameters, credentials and the
/// answers that are the same for all routes are the host's to add.
pub fn operation(route: &Route, compat: Compat) -> String {
    let declaration = route.operation.declaration();
    let mut operation = json!({
        "operationId": format!("{:?}", route.operation),
        "summary": declaration.summary,
        "tags": [declaration.tag],
    });
    let parameters = match declaration.query {
        Query::Nothing => Vec::new(),
        Query::Fields => vec![parameters::fields()],
        Query::List(filters) => parameters::list(filters, compat),
    };
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(read) = declaration.body {
        operation["requestBody"] = request_body(read, compat);
    }
    let mut done = json!({
        "description": "Done",
        "content": json_content(success(declaration.gives)),
    });
    let links = links(route, declaration.gives);
    if !links.is_empty() {
        done["links"] = links.into();
    }
    let mut responses = Map::new();
    responses.insert("200".to_owned(), done);
    if route.path.contains('{') {
        responses.insert(
            "404".to_owned(),
            json!({"description": "There is no such thing"}),
        );
    }
    operation["responses"] = responses.into();
    operation.to_string()
}

/// The schemas that operations refer to, by their names, as one JSON object.
pub fn schemas() -> String {
    Value::from(schemas::all()).to_string()
}

/// What can be done next with what was made, by its id.
fn links(route: &Route, gives: Gives) -> Map<String, Value> {
    let (Method::Post, Gives::One(name, _)) = (route.method, gives) else {
        return Map::new();
    };
    let below = format!("{}/{{id}}", route.path);
    ROUTES
        .iter()
        .filter(|other| {
            let rest = other.path.strip_prefix(&below);
            rest.is_some_and(|rest| !rest.contains('{'))
        })
        .map(|other| {
            let operation = format!("{:?}", other.operation);
            let id = format!("$response.body#/{name}/id");
            let link = json!({"operationId": &operation, "parameters": {"id": id}});
            (operation, link)
        })
        .collect()
}

fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn success(gives: Gives) -> Value {
    let object = |properties: Value| {
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
    };
    match gives {
        Gives::One(name, entity) => object(json!({name: with_id(entity)})),
        Gives::List(name, entity) => object(json!({
            name: {"type": "array", "items": with_id(entity)},
            "count": {"type": "integer", "minimum": 0, "description": "All that match"},
            "offset": {"type": "integer", "minimum": 0},
            "limit": {"type": "integer", "minimum": 0},
        })),
        Gives::Deleted(name, parent) => {
            let mut properties = json!({
                "id": {"type": "string"},
                "object": {"const": name},
                "deleted": {"const": true},
            });
            if let Some(parent) = parent {
                properties["parent"] = reference(parent);
            }
            object(properties)
        }
    }
}

fn request_body(read: fn(&mut Body, Compat), compat: Compat) -> Value {
    let fields = body::fields(|body| read(body, compat));
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), taken(field, compat)))
        .collect();
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    json!({"required": !required.is_empty(), "content": json_content(schema)})
}

fn taken(field: &Field, compat: Compat) -> Value {
    let text = if field.required {
        json!("string")
    } else {
        json!(["string", "null"])
    };
    match field.takes {
        Takes::Email => json!({"type": text, "format": "email"}),
        Takes::Country if compat == Compat::Document => json!({
            "enum": countries::codes()
                .map(Value::from)
                .chain((!field.required).then_some(Value::Null))
                .collect::<Vec<_>>(),
            "description": "ISO 3166-1 alpha-2 or `xk`, in any case",
        }),
        Takes::Text if field.required => json!({"type": text, "minLength": 1}),
        Takes::Text | Takes::Country => json!({"type": text}),
        Takes::Name => json!({"type": "string"}),
        Takes::Flag => json!({"type": "boolean"}),
        Takes::Object if field.name == "metadata" => json!({
            "type": ["object", "null"],
            "description": format!("Merged on an update: a key set to \"\" is removed. {}", metadata_bound()),
        }),
        Takes::Object => json!({"type": ["object", "null"]}),
        Takes::Ids => json!({"type": "array", "items": {"type": "string"}}),
    }
}
