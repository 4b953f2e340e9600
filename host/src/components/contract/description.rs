//! The description that a component has of its API: OpenAPI operation objects and JSON Schemas. Of
//! those only known fields are taken, each of its type, and no reference leads
//! anywhere but to the component's own schemas. So nothing that a component says
//! names a server, a security scheme or a page elsewhere, or breaks the document.

use std::collections::BTreeSet;

use serde_json::{Map, Number, Value, json};

use crate::printable::cut;

use super::kinds::Kind::{
    self, Any, Count, Flag, Links, List, Map as MapOf, Object, Reference, Responses, Schema, Tags,
    Text, Word, Words,
};
use super::kinds::{LINK, OPERATION, RESPONSE, SCHEMA};

/// Bytes that an error shows of a value.
const SHOWN_BYTES_MAX: usize = 100;
/// The beginning of every reference.
const SCHEMAS: &str = "#/components/schemas/";
/// The schema that every component may refer to, and none may define.
pub const HOST_SCHEMA: &str = "Error";
/// The tag of the host's own operations.
pub const HOST_TAG: &str = "Host";

/// The schemas and operations that the description of one component refers to.
struct Own {
    schemas: BTreeSet<String>,
    operations: BTreeSet<String>,
}

/// Operations in the order of their routes, and the schemas that they refer to.
type Described = (Vec<Map<String, Value>>, Map<String, Value>);

/// Takes what the routes of these paths say of themselves, and the schemas that they
/// refer to.
///
/// # Errors
/// With what has not the type or the form that OpenAPI has for it, and where.
pub(super) fn take(
    paths: &[&str],
    operations: Vec<Map<String, Value>>,
    schemas: Map<String, Value>,
) -> Result<Described, String> {
    let own = Own {
        schemas: schemas.keys().cloned().collect(),
        operations: operation_ids(&operations)?,
    };
    let mut taken = Vec::with_capacity(operations.len());
    for (path, operation) in paths.iter().zip(operations) {
        let fault = |fault: String| {
            let path = cut(path, SHOWN_BYTES_MAX);
            format!(
                "what it says of the route {} is no OpenAPI operation: {fault}",
                path.escape_debug()
            )
        };
        let operation = own.operation(path, operation).map_err(fault)?;
        taken.push(operation);
    }
    let schemas = own
        .components(schemas)
        .map_err(|fault| format!("what it says of its schemas is not JSON Schema: {fault}"))?;
    Ok((taken, schemas))
}

/// Takes a schema that may refer to these ones of its component.
///
/// # Errors
/// With what has not the type or the form that JSON Schema has for it, and where.
pub(super) fn take_schema(
    schema: Map<String, Value>,
    schemas: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let own = Own {
        schemas: schemas.keys().cloned().collect(),
        operations: BTreeSet::new(),
    };
    match own.value(&Schema, schema.into(), "#")? {
        Value::Object(schema) => Ok(schema),
        _ => Ok(Map::new()),
    }
}

fn operation_ids(operations: &[Map<String, Value>]) -> Result<BTreeSet<String>, String> {
    let mut ids = BTreeSet::new();
    for id in operations
        .iter()
        .filter_map(|operation| operation.get("operationId")?.as_str())
    {
        if !ids.insert(id.to_owned()) {
            return Err(format!(
                "two of its routes have the operationId '{}'",
                cut(id, SHOWN_BYTES_MAX).escape_debug()
            ));
        }
    }
    Ok(ids)
}

impl Own {
    fn operation(
        &self,
        path: &str,
        operation: Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut operation = match self.value(&OPERATION, operation.into(), "#")? {
            Value::Object(operation) => operation,
            _ => Map::new(),
        };
        let mut seen = BTreeSet::new();
        if let Some(Value::Array(parameters)) = operation.get_mut("parameters") {
            for parameter in parameters {
                let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
                let (name, location) = (text("name"), text("in"));
                let shown = cut(&name, SHOWN_BYTES_MAX).escape_debug().to_string();
                if location == "path" {
                    let segment = format!("{{{name}}}");
                    if !path.split('/').any(|other| other == segment) {
                        return Err(format!("the path has no parameter '{shown}'"));
                    }
                    parameter["required"] = json!(true);
                }
                if !seen.insert((location, name)) {
                    return Err(format!("two parameters are named '{shown}'"));
                }
            }
        }
        Ok(operation)
    }

    fn components(&self, schemas: Map<String, Value>) -> Result<Map<String, Value>, String> {
        let is_name = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && name.bytes().all(fits)
        };
        if let Some(name) = schemas.keys().find(|name| !is_name(name)) {
            return Err(format!(
                "the name '{}' is not of letters, digits, - . and _",
                cut(name, SHOWN_BYTES_MAX).escape_debug()
            ));
        }
        if schemas.contains_key(HOST_SCHEMA) {
            return Err(format!("the schema '{HOST_SCHEMA}' is the host's"));
        }
        self.members(&Schema, schemas, "#")
    }

    /// A value as far as it is taken, which stands at this JSON pointer.
    fn value(&self, kind: &Kind, value: Value, at: &str) -> Result<Value, String> {
        Ok(match (kind, value) {
            (Any, value) => example(value),
            (Text, Value::String(text)) => text.into(),
            (Flag, Value::Bool(flag)) => flag.into(),
            (Kind::Number, Value::Number(number)) => number.into(),
            (Count, Value::Number(number)) if is_count(&number) => number.into(),
            (Word(words), Value::String(word)) if words.contains(&&*word) => word.into(),
            (Words(words), Value::String(word)) if words.contains(&&*word) => word.into(),
            (Words(words), Value::Array(list)) if !list.is_empty() => {
                self.list(&Word(words), list, at)?.into()
            }
            (Tags, Value::Array(list)) => {
                let mut tags = self.list(&Text, list, at)?;
                tags.retain(|tag| !tag.as_str().is_some_and(is_host_tag));
                tags.into()
            }
            (List(kind), Value::Array(list)) => self.list(kind, list, at)?.into(),
            (MapOf(kind), Value::Object(map)) => self.members(kind, map, at)?.into(),
            (Responses, Value::Object(map)) => self.responses(map, at)?.into(),
            (Links, Value::Object(map)) => self.links(map, at)?.into(),
            (Object(fields, required), Value::Object(map)) => {
                self.object(fields, required, map, at)?.into()
            }
            (Schema, Value::Bool(flag)) => flag.into(),
            (Schema, Value::Object(map)) => self.value(&SCHEMA, map.into(), at)?,
            (Reference, Value::String(to)) if self.is_own_schema(&to) => to.into(),
            (Reference, Value::String(to)) => {
                return Err(format!(
                    "{at} refers to '{}', which is none of the component's schemas \
                     ({SCHEMAS}NAME) nor {SCHEMAS}{HOST_SCHEMA}",
                    cut(&to, SHOWN_BYTES_MAX).escape_debug()
                ));
            }
            (kind, value) => {
                let value = value.to_string();
                return Err(format!(
                    "{at} must be {}, not {}",
                    kind.wanted(),
                    cut(&value, SHOWN_BYTES_MAX).escape_debug()
                ));
            }
        })
    }

    fn object(
        &self,
        fields: &[(&str, &Kind)],
        required: &[&str],
        mut map: Map<String, Value>,
        at: &str,
    ) -> Result<Map<String, Value>, String> {
        if let Some(missing) = required.iter().find(|name| !map.contains_key(**name)) {
            return Err(format!("{at} has no '{missing}'"));
        }
        map.retain(|name, _| fields.iter().any(|(field, _)| field == name));
        for (name, value) in &mut map {
            if let Some((_, kind)) = fields.iter().find(|(field, _)| field == name) {
                *value = self.value(kind, value.take(), &below(at, name))?;
            }
        }
        Ok(map)
    }

    fn members(
        &self,
        kind: &Kind,
        mut map: Map<String, Value>,
        at: &str,
    ) -> Result<Map<String, Value>, String> {
        for (name, value) in &mut map {
            *value = self.value(kind, value.take(), &below(at, name))?;
        }
        Ok(map)
    }

    fn list(&self, kind: &Kind, list: Vec<Value>, at: &str) -> Result<Vec<Value>, String> {
        let item = |(index, value)| self.value(kind, value, &format!("{at}/{index}"));
        list.into_iter().enumerate().map(item).collect()
    }

    fn responses(&self, map: Map<String, Value>, at: &str) -> Result<Map<String, Value>, String> {
        if let Some(status) = map.keys().find(|status| !is_status(status)) {
            return Err(format!("{} is no status", below(at, status)));
        }
        let mut map = self.members(&RESPONSE, map, at)?;
        for response in map.values_mut() {
            if response.get("description").is_none() {
                response["description"] = json!("");
            }
        }
        Ok(map)
    }

    fn links(&self, map: Map<String, Value>, at: &str) -> Result<Map<String, Value>, String> {
        let mut map = self.members(&LINK, map, at)?;
        map.retain(|_, link| {
            let operation = link.get("operationId").and_then(Value::as_str);
            operation.is_some_and(|id| self.operations.contains(id))
        });
        Ok(map)
    }

    fn is_own_schema(&self, reference: &str) -> bool {
        reference
            .strip_prefix(SCHEMAS)
            .is_some_and(|name| name == HOST_SCHEMA || self.schemas.contains(name))
    }
}

/// A value without members named `$ref`.
fn example(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(example).collect(),
        Value::Object(mut map) => {
            map.retain(|name, _| name != "$ref");
            map.values_mut()
                .for_each(|value| *value = example(value.take()));
            map.into()
        }
        value => value,
    }
}

fn is_count(number: &Number) -> bool {
    number.is_u64()
}

fn is_host_tag(tag: &str) -> bool {
    tag.trim().eq_ignore_ascii_case(HOST_TAG)
}

/// `200`, `2XX` or `default`.
fn is_status(status: &str) -> bool {
    match status.as_bytes() {
        [b'1'..=b'5', rest @ ..] => {
            rest == b"XX" || (rest.len() == 2 && rest.iter().all(u8::is_ascii_digit))
        }
        _ => status == "default",
    }
}

/// The JSON pointer of a member.
fn below(at: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    let name = cut(&name, SHOWN_BYTES_MAX).escape_debug().to_string();
    format!("{at}/{name}")
}
