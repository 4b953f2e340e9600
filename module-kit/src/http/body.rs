//! Request bodies: a JSON object whose fields are read one after the other. What
//! was not read by the end is not known.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::change::Change;
use crate::fault::Fault;
use crate::issue::{Issue, IssueKind, Issues};
use crate::metadata::Metadata;

/// A body being read.
pub struct Body {
    fields: Map<String, Value>,
    /// The issues so far.
    pub issues: Issues,
    /// Every field that was asked for, in that order.
    known: Vec<(&'static str, Takes)>,
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A text, or null.
    Text,
    /// An email, or null.
    Email,
    /// A country's code, or null.
    Country,
    /// A text.
    Name,
    /// A truth value.
    Flag,
    /// An object, or null.
    Object,
    /// A list of ids.
    Ids,
    /// A whole number from 0 to `max`.
    Number {
        /// The largest one.
        max: u64,
    },
}

/// A field as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub takes: Takes,
    /// Whether it has to have a value.
    pub required: bool,
}

/// The fields that a reader of bodies asks for, and those that it misses in a
/// body without any. So a body is described by what reads it.
pub fn fields(read: impl FnOnce(&mut Body)) -> Vec<Field> {
    let mut body = Body::of(Map::new());
    read(&mut body);
    let missing = body.issues.missing();
    body.known
        .into_iter()
        .map(|(name, takes)| Field {
            name,
            takes,
            required: missing.contains(&name),
        })
        .collect()
}

impl Body {
    /// Takes a body; an empty one is an object without fields.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, Fault> {
        let fields = if body.is_empty() {
            Map::new()
        } else {
            match serde_json::from_slice(body) {
                Ok(Value::Object(fields)) => fields,
                Ok(_) => return Err(Fault::Invalid("Field '' is required".to_owned())),
                Err(error) => {
                    return Err(Fault::Invalid(format!(
                        "the body is not valid JSON: {error}"
                    )));
                }
            }
        };
        Ok(Self::of(fields))
    }

    /// Reads all of a body; an empty one is an object without fields.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read<T>(body: &[u8], read: impl FnOnce(&mut Self) -> T) -> Result<T, Fault> {
        let mut body = Self::parse(body)?;
        let value = read(&mut body);
        body.finish()?;
        Ok(value)
    }

    fn of(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            issues: Issues::default(),
            known: Vec::new(),
        }
    }

    fn take(&mut self, field: &'static str, takes: Takes) -> Option<Value> {
        self.known.push((field, takes));
        self.fields.shift_remove(field)
    }

    /// A text that may be cleared.
    pub fn text(&mut self, field: &'static str) -> Change<String> {
        self.nullable_text(field, Takes::Text)
    }

    /// An email that may be cleared; whether it is one, the rules say.
    pub fn email(&mut self, field: &'static str) -> Change<String> {
        self.nullable_text(field, Takes::Email)
    }

    /// A country's code that may be cleared; whether it is one, the rules say.
    pub fn country(&mut self, field: &'static str) -> Change<String> {
        self.nullable_text(field, Takes::Country)
    }

    fn nullable_text(&mut self, field: &'static str, takes: Takes) -> Change<String> {
        match self.take(field, takes) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(Value::String(text)) => Change::Set(text),
            Some(other) => {
                self.issues.wrong_type("string", field, &show(&other));
                Change::Keep
            }
        }
    }

    /// A text that may be absent, but not null.
    pub fn name(&mut self, field: &'static str) -> Option<String> {
        match self.take(field, Takes::Name) {
            None => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                self.issues.wrong_type("string", field, &show(&other));
                None
            }
        }
    }

    /// A text that has to be there.
    pub fn required_name(&mut self, field: &'static str) -> Option<String> {
        let name = self.name(field);
        if name.is_none() {
            self.issues.rules(vec![Issue::required(field)]);
        }
        name
    }

    /// A whole number from 0 to `max` that may be absent, but not null.
    pub fn number(&mut self, field: &'static str, max: u64) -> Option<u64> {
        let value = self.take(field, Takes::Number { max })?;
        let Some(number) = value.as_i64() else {
            self.issues.wrong_type("number", field, &show(&value));
            return None;
        };
        self.issues.bounded(field, number, max)
    }

    /// A truth value that may be absent, but not null.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        match self.take(field, Takes::Flag) {
            None => None,
            Some(Value::Bool(flag)) => Some(flag),
            Some(other) => {
                self.issues.wrong_type("boolean", field, &show(&other));
                None
            }
        }
    }

    /// An object that may be cleared.
    pub fn object(&mut self, field: &'static str) -> Change<Metadata> {
        match self.take(field, Takes::Object) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(Value::Object(object)) => Change::Set(Metadata::new(object)),
            Some(other) => {
                self.issues.wrong_type("record", field, &show(&other));
                Change::Keep
            }
        }
    }

    /// A list of ids.
    pub fn ids(&mut self, field: &'static str) -> Option<Vec<String>> {
        let elements = match self.take(field, Takes::Ids)? {
            Value::Array(elements) => elements,
            other => {
                self.issues.wrong_type("array", field, &show(&other));
                return None;
            }
        };
        let mut ids: Vec<String> = Vec::with_capacity(elements.len());
        let mut seen = HashSet::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            match element {
                Value::String(id) if id.contains('\0') => {
                    self.issues.wrong(
                        field,
                        format!("Field '{field}, {index}' must not contain a NUL character"),
                    );
                }
                Value::String(id) => {
                    if seen.insert(id.clone()) {
                        ids.push(id);
                    }
                }
                Value::Object(_) => self.issues.add(Issue {
                    field,
                    kind: IssueKind::Missing,
                    text: format!("Field '{field}, {index}' is required"),
                }),
                other => self.issues.wrong(
                    field,
                    format!(
                        "Expected type: 'string' for field '{field}, {index}', got: '{}'",
                        show(&other)
                    ),
                ),
            }
        }
        Some(ids)
    }

    /// Fails if there were issues or unknown fields.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn finish(mut self) -> Result<(), Fault> {
        for name in self.fields.keys() {
            self.issues.unknown(name);
        }
        let known: Vec<&str> = self.known.iter().map(|(name, _)| *name).collect();
        self.issues.check(&known)
    }
}

/// As JavaScript's `String()` shows it.
fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let shown = elements.iter().map(|element| {
                if element.is_null() {
                    String::new()
                } else {
                    show(element)
                }
            });
            shown.collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes()).unwrap()
    }

    fn refuse(body: Body, message: &str) {
        assert_eq!(body.finish(), Err(Fault::Invalid(message.to_owned())));
    }

    #[test]
    fn fields_are_kept_cleared_or_set() {
        let mut read = body(r#"{"a":null,"b":"x","m":{"k":1.50}}"#);
        assert_eq!(read.text("a"), Change::Clear);
        assert_eq!(read.text("b"), Change::Set("x".to_owned()));
        assert_eq!(read.text("c"), Change::Keep);
        assert_eq!(
            read.object("m"),
            Change::Set(Metadata::stored(r#"{"k":1.50}"#))
        );
        assert_eq!(read.finish(), Ok(()));
        assert_eq!(Body::parse(b"").unwrap().finish(), Ok(()));
    }

    #[test]
    fn three_issues_are_named_and_unknown_fields_last() {
        let mut read = body(r#"{"z":1,"d":1,"c":[1,null,"x"],"b":{},"a":true}"#);
        for field in ["a", "b", "c", "d"] {
            assert_eq!(read.text(field), Change::Keep);
        }
        refuse(
            read,
            "Expected type: 'string' for field 'a', got: 'true'; Expected type: 'string' for field 'b', got: \
             '[object Object]'; Expected type: 'string' for field 'c', got: '1,,x'",
        );
        let mut read = body(r#"{"z":1,"a":5,"y":2}"#);
        assert_eq!(read.name("a"), None);
        refuse(
            read,
            "Expected type: 'string' for field 'a', got: '5'; Unrecognized fields: 'z, y'",
        );
    }

    #[test]
    fn ids_are_texts_and_each_counts_once() {
        let mut read = body(r#"{"add":["a","b","a"],"remove":[5,{"id":"x"}]}"#);
        assert_eq!(read.ids("add"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(read.ids("remove"), Some(Vec::new()));
        refuse(
            read,
            "Expected type: 'string' for field 'remove, 0', got: '5'; Field 'remove, 1' is required",
        );
        // Every missing field is named beside the first three issues.
        let mut read = body(r#"{"add":[{},{},{},{}]}"#);
        assert_eq!(read.ids("add"), Some(Vec::new()));
        let missing = (0..4).map(|index| format!("Field 'add, {index}' is required"));
        refuse(read, &missing.collect::<Vec<_>>().join("; "));
        let mut read = body(r#"{"add":"a"}"#);
        assert_eq!(read.ids("add"), None);
        refuse(read, "Expected type: 'array' for field 'add', got: 'a'");
    }

    #[test]
    fn a_number_is_whole_and_bounded() {
        for (sent, number) in [("0", Some(0)), ("10", Some(10))] {
            let mut read = body(&format!(r#"{{"n":{sent}}}"#));
            assert_eq!(read.number("n", 10), number);
            assert_eq!(read.finish(), Ok(()));
        }
        assert_eq!(body("{}").number("n", 10), None);
        let wrong = |got| format!("Expected type: 'number' for field 'n', got: '{got}'");
        for (sent, message) in [
            ("11", "Field 'n' must be at most 10, got: '11'".to_owned()),
            ("-1", "Field 'n' must be at least 0, got: '-1'".to_owned()),
            ("1.5", wrong("1.5")),
            ("99999999999999999999", wrong("99999999999999999999")),
            (r#""1""#, wrong("1")),
            ("null", wrong("null")),
            ("[1]", wrong("1")),
        ] {
            let mut read = body(&format!(r#"{{"n":{sent}}}"#));
            assert_eq!(read.number("n", 10), None, "{sent}");
            refuse(read, &message);
        }
    }

    #[test]
    fn a_required_text_that_is_of_another_type_is_not_missing() {
        for (sent, message) in [
            ("{}", "Field 'a' is required"),
            (
                r#"{"a":null}"#,
                "Expected type: 'string' for field 'a', got: 'null'",
            ),
        ] {
            let mut read = body(sent);
            assert_eq!(read.required_name("a"), None, "{sent}");
            refuse(read, message);
        }
        let read = Body::read(br#"{"a":""}"#, |body| body.required_name("a"));
        assert_eq!(read, Ok(Some(String::new())));
    }

    #[test]
    fn a_body_is_described_by_its_reader() {
        let field = |name, takes, required| Field {
            name,
            takes,
            required,
        };
        let read = fields(|body| {
            body.email("email");
            body.ids("add");
            body.issues.rules(vec![Issue::required("email")]);
        });
        assert_eq!(
            read,
            [
                field("email", Takes::Email, true),
                field("add", Takes::Ids, false)
            ]
        );
    }

    #[test]
    fn a_body_is_an_object() {
        for text in ["[]", r#"[{"a":1}]"#, "\"x\""] {
            assert_eq!(
                Body::parse(text.as_bytes()).err(),
                Some(Fault::Invalid("Field '' is required".to_owned()))
            );
        }
    }
}
