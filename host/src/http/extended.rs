//! What components provide for the entities of others, in the OpenAPI document: members of
//! the entities' schemas, and filters of their lists.

use serde_json::{Map, Value, json};

use crate::components::{Field, Version};

/// The fields that any of these provides for an entity.
fn provided<'a>(modules: &'a [&Version], entity: &'a str) -> impl Iterator<Item = &'a Field> {
    let fields = modules.iter().flat_map(|module| module.fields());
    fields.filter(move |field| field.entity == entity)
}

/// Adds what is provided to the schemas of the entities.
pub(super) fn extend_schemas(modules: &[&Version], schemas: &mut Map<String, Value>) {
    let entities = modules.iter().flat_map(|module| module.entities());
    for entity in entities {
        let Some(Value::Object(schema)) = schemas.get_mut(&entity.schema) else {
            continue;
        };
        let properties = schema.entry("properties").or_insert_with(|| json!({}));
        for field in provided(modules, &entity.name) {
            // What is not known of an entity, and what is not answered, is null.
            let value = json!({"anyOf": [field.schema, {"type": "null"}]});
            match field.name.split_once('.') {
                None => properties[&field.name] = value,
                Some((key, name)) => {
                    if properties[key]["type"] != "object" {
                        properties[key] = json!({"type": "object", "properties": {}});
                    }
                    properties[key]["properties"][name] = value;
                }
            }
        }
    }
}

/// The operation of a route, with the filters that are provided for the entity that it lists.
pub(super) fn operation(
    modules: &[&Version],
    module: &Version,
    route: u32,
    operation: &Map<String, Value>,
) -> Map<String, Value> {
    let mut operation = operation.clone();
    let entities = module.entities().iter();
    for entity in entities.filter(|entity| entity.lists.contains(&route)) {
        let filters = provided(modules, &entity.name).filter(|field| field.filterable);
        let parameters = filters.map(parameter).collect::<Vec<_>>();
        if let Some(known) = operation
            .entry("parameters")
            .or_insert_with(|| json!([]))
            .as_array_mut()
        {
            known.extend(parameters);
        }
    }
    operation
}

/// A filter as a parameter: `loyalty[tier]` for `loyalty.tier`.
fn parameter(field: &Field) -> Value {
    let name = match field.name.split_once('.') {
        Some((key, name)) => format!("{key}[{name}]"),
        None => field.name.clone(),
    };
    json!({
        "name": name,
        "in": "query",
        "description": "One of these; operators are `$eq`, `$ne`, `$in`, `$nin`, `$gt`, `$gte`, `$lt` and `$lte`, as far as the field has them",
        "schema": {"type": "array", "items": {"type": "string"}},
    })
}
