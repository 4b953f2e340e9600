//! What things look like, as JSON Schema.

use serde_json::{Map, Value, json};

use crate::entity::{Column, Entity, Kind, Relation};
use crate::metadata::BYTES_MAX;

/// The schemas of entities, by their names.
pub fn all(entities: &[&Entity]) -> Map<String, Value> {
    entities
        .iter()
        .map(|entity| (entity.name.to_owned(), schema(entity)))
        .collect()
}

/// A thing, of which `fields` may have left anything out.
pub fn reference(entity: &Entity) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", entity.name)})
}

/// A thing with its id at least.
pub fn with_id(entity: &Entity) -> Value {
    json!({"allOf": [reference(entity), {"required": ["id"]}]})
}

fn schema(entity: &Entity) -> Value {
    let columns = entity
        .columns
        .iter()
        .map(|column| (column.name.to_owned(), value(column)));
    let relations = entity
        .relations
        .iter()
        .map(|relation| (relation.name.to_owned(), related(relation)));
    let properties: Map<String, Value> = columns.chain(relations).collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn value(column: &Column) -> Value {
    let kind = match column.kind {
        Kind::Text | Kind::Time => "string",
        Kind::Flag => "boolean",
        Kind::Json => "object",
        Kind::Integer => "integer",
        Kind::Amount => "number",
    };
    let mut schema = if column.nullable {
        json!({"type": [kind, "null"]})
    } else {
        json!({"type": kind})
    };
    match column.kind {
        Kind::Time => schema["format"] = json!("date-time"),
        Kind::Json => schema["description"] = metadata_bound().into(),
        Kind::Text | Kind::Flag | Kind::Integer | Kind::Amount => {}
    }
    schema
}

/// How much metadata a record may have.
pub fn metadata_bound() -> String {
    format!("At most {BYTES_MAX} bytes as JSON, over all updates")
}

fn related(relation: &Relation) -> Value {
    match (relation.target, relation.many) {
        (Some(target), true) => json!({"type": "array", "items": reference(target)}),
        (Some(target), false) => json!({"anyOf": [reference(target), {"type": "null"}]}),
        (None, _) => json!({
            "type": "array",
            "items": {"type": "object"},
            "description": "Of another module; empty without one",
        }),
    }
}
