//! Filters on fields that other components provide: they select the ids of the things
//! that are looked for.

use crate::entity::Entity;
use crate::extended::{Condition, Extended, Selected, Selection};
use crate::filter::Filter;

use super::super::query::Value;
use super::reader::VALUES_MAX;

/// The index of the id in every entity.
const ID: usize = 0;
/// Operators that take any number of values, and those that stand for them with one.
const OF_MANY: [(&str, &str); 4] = [("in", "in"), ("nin", "nin"), ("eq", "in"), ("ne", "nin")];
/// Operators that take one value.
const OF_ONE: [&str; 4] = ["gt", "gte", "lt", "lte"];

/// Returns the filter of a parameter whose name is not the module's; `None` if no component
/// provides a field that it is about.
///
/// # Errors
/// With the text of the issue.
pub(super) fn filter(
    entity: &Entity,
    name: &str,
    value: &Value,
    extended: &dyn Extended,
) -> Result<Option<Filter>, String> {
    let mut filters = Vec::new();
    for (name, value) in fields(name, value) {
        let conditions = match conditions(&name, value) {
            Ok(conditions) => conditions,
            // Without ids nobody is called: it is only asked who provides it.
            Err(text) => match extended.values(entity.key(), &[name], &[], false)[..] {
                [] => return Ok(None),
                [..] => return Err(text),
            },
        };
        match extended.select(entity.key(), &name, &conditions) {
            Selected::Unknown => return Ok(None),
            Selected::Found(Selection::Ids(ids)) => filters.push(Filter::In(ID, ids)),
            Selected::Found(Selection::AllBut(ids)) => filters.push(Filter::NotIn(ID, ids)),
            Selected::Refused(text) => return Err(format!("Field '{name}': {text}")),
        }
    }
    Ok((!filters.is_empty()).then_some(Filter::All(filters)))
}

/// The fields that a parameter is about, with the value of each: keys within the name are
/// names below it, or operators.
fn fields<'a>(name: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
    match value {
        Value::Object(pairs) if pairs.iter().all(|(key, _)| !key.starts_with('$')) => pairs
            .iter()
            .map(|(key, value)| (format!("{name}.{key}"), value))
            .collect(),
        value => vec![(name.to_owned(), value)],
    }
}

fn conditions(name: &str, value: &Value) -> Result<Vec<Condition>, String> {
    let Value::Object(pairs) = value else {
        return Ok(vec![of_many(name, "in", value)?]);
    };
    let condition = |(key, value): &(String, Value)| {
        let operator = key.strip_prefix('$').unwrap_or(key);
        if let Some((_, operator)) = OF_MANY.iter().find(|(known, _)| *known == operator) {
            return of_many(name, operator, value);
        }
        match (OF_ONE.iter().find(|known| **known == operator), value) {
            (Some(operator), Value::Text(text)) => Ok(Condition {
                operator: (*operator).to_owned(),
                values: vec![text.clone()],
            }),
            (Some(_), value) => Err(expected("string", name, value)),
            (None, _) => Err(format!("Field '{name}' has no operator '{key}'")),
        }
    };
    pairs.iter().map(condition).collect()
}

fn of_many(name: &str, operator: &str, value: &Value) -> Result<Condition, String> {
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(expected("string, array", name, other)),
    };
    let values = match value {
        Value::List(values) if values.len() > VALUES_MAX => Err(format!(
            "Field '{name}' must have at most {VALUES_MAX} values, got: '{}'",
            values.len()
        )),
        Value::List(values) => values.iter().map(text).collect(),
        value => Ok(vec![text(value)?]),
    };
    Ok(Condition {
        operator: operator.to_owned(),
        values: values?,
    })
}

fn expected(types: &str, name: &str, got: &Value) -> String {
    format!(
        "Expected type: '{types}' for field '{name}', got: '{}'",
        got.show()
    )
}
