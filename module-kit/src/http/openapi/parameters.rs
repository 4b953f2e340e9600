//! Query parameters, as OpenAPI describes them.

use serde_json::{Map, Value, json};

use crate::entity::{Entity, Kind};

use super::super::parameters::reader::{
    BRANCHES_MAX, COMPARISONS, PATTERN_MAX, VALUES_MAX, is_pattern,
};
use super::super::parameters::{Accepts, Filters, Paging, Parameter};

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

/// The shown fields.
pub fn fields() -> Value {
    parameter(
        "fields",
        "Names, separated by commas. With `+`, `-` or `*` before each they change what is shown; \
         else they replace it. `*relation` and `relation.field` show relations.",
        json!({"type": "string"}),
    )
}

/// All that a list takes.
pub fn list(filters: &Filters, paging: Paging) -> Vec<Value> {
    let mut parameters = vec![
        parameter(
            "limit",
            "How many to return at most",
            json!({
                "type": "integer",
                "minimum": 0,
                "maximum": paging.limit_max,
                "default": paging.limit_default,
            }),
        ),
        parameter(
            "offset",
            "How many to pass over",
            json!({"type": "integer", "minimum": 0, "default": 0}),
        ),
        parameter(
            "order",
            "The field to order by, perhaps one of a relation; `-` before it turns it round",
            json!({"type": "string", "pattern": orders(filters.entity)}),
        ),
        parameter(
            "q",
            "Words; each has to be found, in any case",
            json!({"type": "string"}),
        ),
        fields(),
        parameter(
            "with_deleted",
            "Taken for the sake of Medusa's clients; without effect",
            json!({"type": "boolean"}),
        ),
    ];
    for filter in filters.parameters {
        add(&mut parameters, filter.name, filter);
    }
    if filters.logic {
        parameters.push(logic("$and", "all hold"));
        parameters.push(logic("$or", "one holds"));
    }
    parameters
}

/// The names that `order` takes, as a regular expression.
fn orders(entity: &Entity) -> String {
    let names = |entity: &Entity| {
        let columns = entity.columns.iter();
        columns
            .filter(|column| column.kind != Kind::Json)
            .map(|column| column.name)
            .collect::<Vec<_>>()
            .join("|")
    };
    let related = entity.relations.iter().filter_map(|relation| {
        let target = relation.target?;
        Some(format!("|{}\\.({})", relation.name, names(target)))
    });
    format!("^-?({}{})$", names(entity), related.collect::<String>())
}

fn several(items: Value) -> Value {
    json!({"type": "array", "items": items, "maxItems": VALUES_MAX})
}

fn add(parameters: &mut Vec<Value>, name: &str, filter: &Parameter) {
    match filter.accepts {
        Accepts::Exact => parameters.push(parameter(
            name,
            "One of these; `null` for none",
            several(json!({"type": "string"})),
        )),
        Accepts::Operators => {
            parameters.push(parameter(
                name,
                "One of these",
                several(json!({"type": "string"})),
            ));
            add_operators(parameters, name);
        }
        Accepts::Flag => parameters.push(parameter(name, "", json!({"type": "boolean"}))),
        Accepts::Times => parameters.push(times(name)),
        Accepts::Related(_, inner) => {
            parameters.push(parameter(
                name,
                "With one of these ids; `null` for none",
                several(json!({"type": "string"})),
            ));
            for filter in inner {
                add(parameters, &format!("{name}[{}]", filter.name), filter);
            }
        }
    }
}

fn add_operators(parameters: &mut Vec<Value>, name: &str) {
    for (operator, comparison) in COMPARISONS {
        let schema = if is_pattern(comparison) {
            json!({"type": "string", "maxLength": PATTERN_MAX})
        } else {
            json!({"type": "string"})
        };
        parameters.push(parameter(&format!("{name}[${operator}]"), "", schema));
    }
    for operator in ["in", "nin"] {
        let schema = several(json!({"type": "string"}));
        parameters.push(parameter(&format!("{name}[${operator}][]"), "", schema));
    }
}

/// Times in one row: a list has several, each with every operator.
fn times(name: &str) -> Value {
    let operators: Map<String, Value> = COMPARISONS
        .iter()
        .filter(|(_, comparison)| !is_pattern(*comparison))
        .map(|(operator, _)| {
            let time = json!({"type": "string", "format": "date-time"});
            (format!("${operator}"), time)
        })
        .collect();
    json!({
        "name": name,
        "in": "query",
        "description": format!(
            "Compared with times in ISO 8601: `{name}[$gte]=2026-01-01`. Lists are \
             `{name}[$in][]` and `{name}[$nin][]`; `null` stands for none."
        ),
        "style": "deepObject",
        "explode": true,
        "schema": {
            "type": "object",
            "properties": operators,
            "additionalProperties": false,
        },
    })
}

fn logic(name: &str, meaning: &str) -> Value {
    json!({
        "name": name,
        "in": "query",
        "description": format!(
            "Filters of which {meaning}: `{name}[0][first_filter]=a&{name}[1][second_filter]=b`"
        ),
        "style": "deepObject",
        "explode": true,
        "schema": {
            "type": "object",
            "additionalProperties": {"type": "object"},
            "maxProperties": BRANCHES_MAX,
        },
    })
}
