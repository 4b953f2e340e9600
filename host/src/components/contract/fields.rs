//! Fields and relations that a component provides for entities of others: their
//! declarations, which of them a path names, and the values that they may have.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::types::{DeclaredField, Entity};
use crate::engine::extended::Member;
use crate::printable::cut;

/// A part of a name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The parts of a field's name.
const PARTS_MAX: usize = 2;
/// Bytes that an error shows of a value.
const SHOWN_BYTES_MAX: usize = 100;
/// The types of JSON Schema.
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// A field or a relation that a component provides.
#[derive(Clone, Debug)]
pub struct Field {
    /// The entity.
    pub entity: String,
    /// Its name, of one part or of two with a dot between.
    pub name: String,
    /// The JSON Schema of its values.
    pub schema: Map<String, Value>,
    /// Whether lists of the entity may be filtered by it.
    pub filterable: bool,
    /// The types of its values, beside `null`; all of them if there are none.
    types: Vec<&'static str>,
}

/// A field that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Its name.
    pub name: &'a str,
    /// The fields that are asked for below its name.
    pub fields: Vec<String>,
}

/// What one component is asked about entities.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The fields.
    pub asked: &'a [Asked<'a>],
    /// The ids of the entities.
    pub ids: &'a [String],
}

impl Field {
    /// Takes a declaration whose schema was read.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub(super) fn new(field: DeclaredField, schema: Map<String, Value>) -> Result<Self, String> {
        let parts = field.name.split('.');
        if parts.clone().count() > PARTS_MAX || !parts.clone().all(is_name) {
            return Err(format!(
                "a name is one or two parts with a dot between, each {NAME_RULE}"
            ));
        }
        check_entity(&field.entity)?;
        Ok(Self {
            types: types(&schema)?,
            entity: field.entity,
            name: field.name,
            schema,
            filterable: field.filterable,
        })
    }

    /// The first part of its name, which is a key of the entities' objects.
    pub fn key(&self) -> &str {
        key_of(&self.name)
    }

    /// Adds to `asked` if one of the paths names it.
    fn add_if_named<'a>(&'a self, paths: &[String], asked: &mut Vec<Asked<'a>>) {
        let below = |path: &str| {
            let path = path.strip_suffix(".*").unwrap_or(path);
            self.name == path || is_below(&self.name, path)
        };
        let mut is_named = false;
        let mut fields: Vec<String> = Vec::new();
        for path in paths {
            is_named |= below(path);
            if let Some(field) = path
                .strip_prefix(&*self.name)
                .and_then(|rest| rest.strip_prefix('.'))
            {
                is_named = true;
                if !fields.iter().any(|known| known == field) {
                    fields.push(field.to_owned());
                }
            }
        }
        if is_named {
            let name = &self.name;
            asked.push(Asked { name, fields });
        }
    }

    /// Checks a value that a component returned.
    fn check(&self, value: &str) -> Result<(), String> {
        let wrong = |expected: &str| {
            let value = cut(value, SHOWN_BYTES_MAX);
            format!("a value of {} is {expected}: {value}", self.name)
        };
        serde_json::from_str::<IgnoredAny>(value).map_err(|_| wrong("no JSON"))?;
        let ty = match value.trim_start().as_bytes().first() {
            Some(b'{') => "object",
            Some(b'[') => "array",
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            Some(b'n') => return Ok(()),
            _ if value.contains(['.', 'e', 'E']) => "number",
            _ => "integer",
        };
        let fits = |allowed: &str| allowed == ty || (allowed == "number" && ty == "integer");
        if self.types.is_empty() || self.types.iter().any(|allowed| fits(allowed)) {
            return Ok(());
        }
        Err(wrong(&format!("no {}", self.types.join(" or "))))
    }
}

/// The first part of a name or of a path.
pub fn key_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(key, _)| key)
}

/// The fields of an entity that these paths name.
pub fn named<'a>(fields: &'a [Field], entity: &str, paths: &[String]) -> Vec<Asked<'a>> {
    let mut asked = Vec::new();
    for field in fields.iter().filter(|field| field.entity == entity) {
        field.add_if_named(paths, &mut asked);
    }
    asked
}

/// Checks the values that a component returned for fields of its own.
///
/// # Errors
/// With what is wrong with them.
pub(super) fn check(
    fields: &[Field],
    entity: &str,
    asking: Asking<'_>,
    values: &[Vec<String>],
) -> Result<(), String> {
    let (asked, ids) = (asking.asked, asking.ids);
    if values.len() != asked.len() {
        return Err(format!(
            "it returned the values of {} fields, and {} are asked for",
            values.len(),
            asked.len()
        ));
    }
    for (asked, values) in asked.iter().zip(values) {
        if values.len() != ids.len() {
            return Err(format!(
                "it returned {} values of {} for {} ids",
                values.len(),
                asked.name,
                ids.len()
            ));
        }
        let declared = fields
            .iter()
            .find(|field| field.entity == entity && field.name == asked.name);
        if let Some(field) = declared {
            values.iter().try_for_each(|value| field.check(value))?;
        }
    }
    Ok(())
}

/// Fields and their values as members of the entities' objects: those with a common first
/// part become one.
pub fn members(asked: &[Asked<'_>], values: Vec<Vec<String>>) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for (asked, values) in asked.iter().zip(values) {
        let Some((key, name)) = asked.name.split_once('.') else {
            members.push(Member {
                name: asked.name.to_owned(),
                values,
            });
            continue;
        };
        // Names are of letters, digits and `_`.
        match members.iter_mut().find(|member| member.name == key) {
            Some(member) => {
                for (object, value) in member.values.iter_mut().zip(values) {
                    object.pop();
                    *object += &format!(",\"{name}\":{value}}}");
                }
            }
            None => members.push(Member {
                name: key.to_owned(),
                values: values
                    .iter()
                    .map(|value| format!("{{\"{name}\":{value}}}"))
                    .collect(),
            }),
        }
    }
    members
}

/// What the parts of names and the names of entities are.
const NAME_RULE: &str = "1 to 64 lower-case letters, digits and _, beginning with a letter";

/// Checks the entities of a module, whose schemas and number of routes are these.
///
/// # Errors
/// With what is wrong with one of them.
pub(super) fn check_entities(
    entities: &[Entity],
    schemas: &Map<String, Value>,
    routes: usize,
) -> Result<(), String> {
    for (index, entity) in entities.iter().enumerate() {
        check_entity(&entity.name)?;
        let name = &entity.name;
        if entities[..index].iter().any(|other| other.name == *name) {
            return Err(format!("it has two entities '{name}'"));
        }
        if !entity.schema.is_empty() && !schemas.contains_key(&entity.schema) {
            let schema = cut(&entity.schema, SHOWN_BYTES_MAX);
            return Err(format!(
                "its entity '{name}' has the schema '{}', which is none of its schemas",
                schema.escape_debug()
            ));
        }
        if let Some(route) = entity.lists.iter().find(|route| **route as usize >= routes) {
            return Err(format!(
                "its entity '{name}' is listed by the route {route}, and it has {routes} routes"
            ));
        }
    }
    Ok(())
}

fn check_entity(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    let name = cut(name, SHOWN_BYTES_MAX);
    Err(format!(
        "the name of the entity '{}' is not {NAME_RULE}",
        name.escape_debug()
    ))
}

/// Whether this may be a part of a name.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_below(name: &str, path: &str) -> bool {
    name.strip_prefix(path)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// The types that a schema allows.
fn types(schema: &Map<String, Value>) -> Result<Vec<&'static str>, String> {
    let named = |name: &Value| {
        let known = TYPES.iter().find(|ty| name.as_str() == Some(**ty));
        known
            .copied()
            .ok_or_else(|| format!("its schema has the type {name}, which JSON Schema has not"))
    };
    match schema.get("type") {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) => names.iter().map(named).collect(),
        Some(name) => Ok(vec![named(name)?]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(entity: &str, name: &str, schema: Value) -> Field {
        let declared = DeclaredField {
            entity: entity.to_owned(),
            name: name.to_owned(),
            schema: String::new(),
            filterable: false,
        };
        let Value::Object(schema) = schema else {
            panic!("{schema} is no object")
        };
        Field::new(declared, schema).unwrap()
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_path_names_a_field_those_below_it_or_what_is_below_a_relation() {
        let fields = [
            field("note", "loyalty.tier", json!({})),
            field("note", "loyalty.points", json!({})),
            field("note", "orders", json!({})),
            field("group", "budget", json!({})),
        ];
        for (paths, expected) in [
            (&["loyalty.tier"][..], &["loyalty.tier"][..]),
            (&["loyalty"], &["loyalty.tier", "loyalty.points"]),
            (&["loyalty.*"], &["loyalty.tier", "loyalty.points"]),
            (&["loyalty.tier.*"], &["loyalty.tier *"]),
            (&["orders"], &["orders"]),
            (&["orders.*"], &["orders *"]),
            (
                &["orders.total", "orders.items.id", "orders.total", "orders"],
                &["orders total items.id"],
            ),
            (&["loyal", "loyalty.ti", "order", "budget", "*", ""], &[]),
        ] {
            let asked = named(&fields, "note", &texts(paths));
            let shown = asked.iter().map(|asked| {
                let names = [asked.name.to_owned()].into_iter();
                names
                    .chain(asked.fields.clone())
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            assert_eq!(shown.collect::<Vec<_>>(), expected, "{paths:?}");
        }
    }

    #[test]
    fn fields_with_a_common_first_part_become_one_member() {
        let asked = ["loyalty.tier", "orders", "loyalty.points"].map(|name| Asked {
            name,
            fields: Vec::new(),
        });
        let values = vec![
            texts(&["\"gold\"", "null"]),
            texts(&["[]", "[{}]"]),
            texts(&["7", "0"]),
        ];
        let members = members(&asked, values);
        let shown: Vec<_> = members
            .into_iter()
            .map(|member| (member.name, member.values))
            .collect();
        let loyalty = texts(&[
            "{\"tier\":\"gold\",\"points\":7}",
            "{\"tier\":null,\"points\":0}",
        ]);
        let orders = texts(&["[]", "[{}]"]);
        assert_eq!(
            shown,
            [
                ("loyalty".to_owned(), loyalty),
                ("orders".to_owned(), orders)
            ]
        );
    }

    #[test]
    fn a_value_is_json_of_the_declared_type_or_null() {
        for (schema, value, fits) in [
            (json!({"type": "string"}), "\"a\"", true),
            (json!({"type": "string"}), " null ", true),
            (json!({"type": "string"}), "1", false),
            (json!({"type": "integer"}), "-1", true),
            (json!({"type": "integer"}), "1.5", false),
            (json!({"type": "number"}), "1", true),
            (json!({"type": "number"}), "1e3", true),
            (json!({"type": "boolean"}), "true", true),
            (json!({"type": "array"}), "\n[1]", true),
            (json!({"type": "array"}), "{}", false),
            (json!({"type": ["object", "boolean"]}), "{}", true),
            (json!({"type": ["object", "boolean"]}), "[]", false),
            (json!({}), "[1, {\"a\": null}]", true),
            (json!({}), "", false),
            (json!({}), "nul", false),
            (json!({}), "1 2", false),
            (json!({}), "{},\"b\":{}", false),
            (json!({}), "\"\n\"", false),
        ] {
            let field = field("note", "tier", schema.clone());
            assert_eq!(field.check(value).is_ok(), fits, "{schema}: {value}");
        }
    }

    #[test]
    fn an_answer_has_a_value_of_each_field_for_each_id() {
        let fields = [field("note", "tier", json!({"type": "string"}))];
        let asked = [Asked {
            name: "tier",
            fields: Vec::new(),
        }];
        let ids = texts(&["a", "b"]);
        let checked = |values: &[&[&str]]| {
            let values: Vec<_> = values.iter().map(|values| texts(values)).collect();
            let asking = Asking {
                asked: &asked,
                ids: &ids,
            };
            check(&fields, "note", asking, &values)
        };
        assert_eq!(checked(&[&["\"x\"", "null"]]), Ok(()));
        for (values, reason) in [
            (
                &[][..],
                "it returned the values of 0 fields, and 1 are asked for",
            ),
            (&[&["\"x\""][..]], "it returned 1 values of tier for 2 ids"),
            (&[&["\"x\"", "1"][..]], "a value of tier is no string: 1"),
        ] {
            assert_eq!(checked(values), Err(reason.to_owned()));
        }
    }

    #[test]
    fn names_and_types_that_could_not_be_shown_are_refused() {
        let declared = |entity: &str, name: &str, schema: Value| {
            let declared = DeclaredField {
                entity: entity.to_owned(),
                name: name.to_owned(),
                schema: String::new(),
                filterable: false,
            };
            let schema = schema.as_object().cloned().unwrap_or_default();
            Field::new(declared, schema).map(drop)
        };
        let long = "n".repeat(65);
        for (entity, name) in [
            ("note", ""),
            ("note", "a."),
            ("note", "a.b.c"),
            ("note", "A"),
            ("note", "1a"),
            ("note", "a\"b"),
            ("note", &*long),
            ("", "a"),
            ("Note", "a"),
        ] {
            assert!(
                declared(entity, name, json!({})).is_err(),
                "{entity} {name}"
            );
        }
        assert_eq!(declared("note", "a_1.b", json!({"type": "null"})), Ok(()));
        assert_eq!(
            declared("note", "a", json!({"type": ["string", "text"]})),
            Err("its schema has the type \"text\", which JSON Schema has not".to_owned())
        );
    }
}
