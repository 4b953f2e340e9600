//! The routes as OpenAPI 3.1 describes them, made of their declarations.

mod parameters;
mod schemas;

use serde_json::{Map, Value, json};

use crate::amount;
use crate::countries;
use crate::entity::Entity;

use super::body::{self, Body, Field, Takes};
use super::parameters::Paging;
use super::route::{Method, Query, Returns, Route};

use schemas::{metadata_bound, reference, with_id};

/// The operation object of the route at this index of the table, as JSON. Path
/// parameters, credentials and the answers that are the same for all routes are the
/// host's to add. `context` is what bodies depend on.
pub fn operation<D, C>(routes: &[Route<D, C>], index: usize, paging: Paging, context: C) -> String {
    let route = &routes[index];
    let declaration = &route.declaration;
    let mut operation = json!({
        "operationId": route.id,
        "summary": declaration.summary,
        "tags": [declaration.tag],
    });
    let parameters = match declaration.query {
        Query::Nothing => Vec::new(),
        Query::Fields => vec![parameters::fields()],
        Query::List(filters) => parameters::list(filters, paging),
    };
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(read) = declaration.body {
        operation["requestBody"] = request_body(read, context);
    }
    let mut done = json!({
        "description": "Done",
        "content": json_content(success(declaration.returns)),
    });
    let links = links(routes, route);
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
pub fn schemas(entities: &[&Entity]) -> String {
    Value::from(schemas::all(entities)).to_string()
}

/// What can be done next with what was made, by its id.
fn links<D, C>(routes: &[Route<D, C>], route: &Route<D, C>) -> Map<String, Value> {
    let (Method::Post, Returns::One(name, _)) = (route.method, route.declaration.returns) else {
        return Map::new();
    };
    let below = format!("{}/{{id}}", route.path);
    routes
        .iter()
        .filter(|other| {
            let rest = other.path.strip_prefix(&below);
            rest.is_some_and(|rest| !rest.contains('{'))
        })
        .map(|other| {
            let id = format!("$response.body#/{name}/id");
            let link = json!({"operationId": other.id, "parameters": {"id": id}});
            (other.id.to_owned(), link)
        })
        .collect()
}

fn json_content(schema: Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

fn success(returns: Returns) -> Value {
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
    match returns {
        Returns::One(name, entity) => object(json!({name: with_id(entity)})),
        Returns::List(name, entity) => object(json!({
            name: {"type": "array", "items": with_id(entity)},
            "count": {"type": "integer", "minimum": 0, "description": "All that match"},
            "offset": {"type": "integer", "minimum": 0},
            "limit": {"type": "integer", "minimum": 0},
        })),
        Returns::Deleted(name, parent) => {
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

fn request_body<C>(read: fn(&mut Body, C), context: C) -> Value {
    let schema = object(&body::fields(|body| read(body, context)));
    json!({"required": schema.get("required").is_some(), "content": json_content(schema)})
}

/// An object with these fields and no others.
fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name.to_owned(), taken(field)))
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
    schema
}

fn taken(field: &Field) -> Value {
    let text = if field.required {
        json!("string")
    } else {
        json!(["string", "null"])
    };
    match field.takes {
        Takes::Email => json!({"type": text, "format": "email"}),
        Takes::Country => json!({
            "enum": countries::codes()
                .map(Value::from)
                .chain((!field.required).then_some(Value::Null))
                .collect::<Vec<_>>(),
            "description": "ISO 3166-1 alpha-2 or `xk`, in any case",
        }),
        Takes::Text if field.required => json!({"type": text, "minLength": 1}),
        Takes::Text => json!({"type": text}),
        Takes::Name => json!({"type": "string"}),
        Takes::Flag => json!({"type": "boolean"}),
        Takes::Object if field.name == "metadata" => json!({
            "type": ["object", "null"],
            "description": format!("Merged on an update: a key set to \"\" is removed. {}", metadata_bound()),
        }),
        Takes::Object => json!({"type": ["object", "null"]}),
        Takes::Ids => json!({"type": "array", "items": {"type": "string"}}),
        Takes::Number { max } => json!({"type": "integer", "minimum": 0, "maximum": max}),
        Takes::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Takes::Amount => json!({
            "type": "number",
            "minimum": 0,
            "maximum": amount::MAX / amount::UNIT,
            "description": format!("At most {} decimals", amount::DECIMALS),
        }),
        Takes::Objects { max, ref fields } => {
            json!({"type": "array", "items": object(fields), "maxItems": max})
        }
    }
}
