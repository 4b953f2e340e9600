//! Request bodies: a JSON object whose fields are read one after the other. What
//! was not read by the end is not known.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::amount;
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// A whole number, which may be below 0.
    Integer {
        /// The smallest one.
        min: i64,
        /// The largest one.
        max: i64,
    },
    /// An amount from 0 on.
    Amount,
    /// A list of objects.
    Objects {
        /// How many there may be.
        max: usize,
        /// The fields of each, known where none was sent.
        fields: Vec<Field>,
    },
}

/// A field as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// A whole number of this range that may be absent, but not null.
    pub fn integer(&mut self, field: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let (min, max) = range.into_inner();
        let value = self.take(field, Takes::Integer { min, max })?;
        let Some(number) = value.as_i64() else {
            self.issues.wrong_type("number", field, &show(&value));
            return None;
        };
        let bound = match number {
            number if number < min => format!("at least {min}"),
            number if number > max => format!("at most {max}"),
            number => return Some(number),
        };
        self.issues.wrong(
            field,
            format!("Field '{field}' must be {bound}, got: '{number}'"),
        );
        None
    }

    /// An amount from 0 on, as it is kept, that may be absent, but not null.
    pub fn amount(&mut self, field: &'static str) -> Option<i64> {
        let value = self.take(field, Takes::Amount)?;
        let Value::Number(number) = &value else {
            self.issues.wrong_type("number", field, &show(&value));
            return None;
        };
        let kept = amount::parse(&number.to_string()).filter(|kept| *kept <= amount::MAX);
        if kept.is_none() {
            let (max, decimals) = (amount::MAX / amount::UNIT, amount::DECIMALS);
            self.issues.wrong(
                field,
                format!("Field '{field}' must be from 0 to {max} with at most {decimals} decimals, got: '{number}'"),
            );
        }
        kept
    }

    /// A list of at most `max` objects that may be absent, but not null; `read` reads each.
    pub fn objects<T>(
        &mut self,
        field: &'static str,
        max: usize,
        read: impl Fn(&mut Self) -> T,
    ) -> Option<Vec<T>> {
        // They describe the body, for which it is read without any field.
        let fields = match self.fields.contains_key(field) {
            true => Vec::new(),
            false => fields(|body| drop(read(body))),
        };
        let elements = match self.take(field, Takes::Objects { max, fields })? {
            Value::Array(elements) => elements,
            other => {
                self.issues.wrong_type("array", field, &show(&other));
                return None;
            }
        };
        if elements.len() > max {
            let got = elements.len();
            self.issues.wrong(
                field,
                format!("Field '{field}' must have at most {max} values, got: '{got}'"),
            );
            return None;
        }
        let mut objects = Vec::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            match element {
                Value::Object(object) => {
                    let mut inner = Self::of(object);
                    objects.push(read(&mut inner));
                    self.issues.within(field, index, inner.found());
                }
                other => {
                    let got = show(&other);
                    self.issues.wrong(
                        field,
                        format!(
                            "Expected type: 'object' for field '{field}, {index}', got: '{got}'"
                        ),
                    );
                }
            }
        }
        Some(objects)
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
    pub fn finish(self) -> Result<(), Fault> {
        let names = self.known.iter().map(|(name, _)| *name);
        let known: Vec<&str> = names.collect();
        self.found().check(&known)
    }

    /// The issues of all that was read, and of what was not.
    fn found(self) -> Issues {
        let mut issues = self.issues;
        for name in self.fields.keys() {
            issues.unknown(name);
        }
        issues
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
mod tests;
