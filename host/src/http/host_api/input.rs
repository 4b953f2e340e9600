//! Reads queries and bodies of the host's own endpoints, and says what is wrong
//! with them in Medusa's words.

use serde_json::{Map, Value};

use hyper::StatusCode;

use super::super::answer::{Answer, Refusal};
use super::super::query;
use super::HostRequest;
use crate::components::percent_decode;

/// How many issues one answer names, as in Medusa.
const ISSUES_MAX: usize = 3;

/// What a body says of a field that may be null.
pub(super) enum Change<T> {
    /// Nothing.
    Keep,
    /// That it has no value.
    Clear,
    /// Its value.
    Set(T),
}

impl<T> Change<T> {
    /// Makes the change.
    pub(super) fn apply(self, value: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *value = None,
            Self::Set(new) => *value = Some(new),
        }
    }
}

/// A query or a body being read. What was not asked for by the end is not known.
pub(super) struct Input {
    fields: Map<String, Value>,
    issues: Vec<String>,
}

impl Input {
    /// Takes a query: `a=1&a=2` and `a[]=1&a[]=2` are lists.
    pub(super) fn query(query: &str) -> Result<Self, Refusal> {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(invalid(&format!(
                    "Parameter '{}' is not valid percent-encoding",
                    name.escape_debug()
                )));
            };
            let value = Value::String(value);
            let (name, value) = match name.split_once('[') {
                None => (name, value),
                Some((list, place)) if is_place(place) => {
                    (list.to_owned(), Value::Array(vec![value]))
                }
                // An operator, or a name within the name.
                Some((object, _)) => (object.to_owned(), Value::Object(Map::new())),
            };
            match fields.get_mut(&name) {
                None => drop(fields.insert(name, value)),
                Some(before) => {
                    let mut values = several(before.take());
                    values.extend(several(value));
                    *before = Value::Array(values);
                }
            }
        }
        Ok(Self::of(fields))
    }

    /// Takes a body; an empty one is an object without fields.
    pub(super) fn body(body: &[u8]) -> Result<Self, Refusal> {
        if body.is_empty() {
            return Ok(Self::of(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self::of(fields)),
            _ => Err(invalid("Field '' is required")),
        }
    }

    fn of(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            issues: Vec::new(),
        }
    }

    /// Something that is wrong with what was read.
    pub(super) fn issue(&mut self, text: String) {
        self.issues.push(text);
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.fields.shift_remove(name)? {
            Value::String(text) => Some(text),
            other => {
                self.wrong_type("string", name, &other);
                None
            }
        }
    }

    /// A text, or null.
    pub(super) fn nullable_text(&mut self, name: &str) -> Change<String> {
        match self.fields.shift_remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) if holds_nul(&value) => self.nul(name),
            Some(Value::String(text)) => Change::Set(text),
            Some(other) => {
                self.wrong_type("string", name, &other);
                Change::Keep
            }
        }
    }

    /// A JSON object, or null. Of its keys, JavaScript's objects cannot hold `__proto__`.
    pub(super) fn nullable_object(&mut self, name: &str) -> Change<Map<String, Value>> {
        match self.fields.shift_remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) if holds_nul(&value) => self.nul(name),
            Some(Value::Object(mut object)) => {
                object.shift_remove("__proto__");
                Change::Set(object)
            }
            Some(other) => {
                self.wrong_type("object", name, &other);
                Change::Keep
            }
        }
    }

    fn nul<T>(&mut self, name: &str) -> Change<T> {
        self.issue(format!("Field '{name}' must not contain a NUL character"));
        Change::Keep
    }

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        if !self.fields.contains_key(name) {
            self.issue(format!("Field '{name}' is required"));
        }
        self.text(name)
    }

    /// A text, or several. One alone in brackets is split at its commas.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.fields.shift_remove(name)?;
        let texts: Option<Vec<String>> = match &value {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(values) => values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        match (texts, &value) {
            (Some(texts), Value::Array(values)) if values.len() == 1 => {
                Some(texts[0].split(',').map(str::to_owned).collect())
            }
            (Some(texts), _) => Some(texts),
            (None, _) => {
                self.wrong_type("string, array", name, &value);
                None
            }
        }
    }

    /// A whole number from 0 to `max`, in a query: a text that begins with one.
    pub(super) fn number(&mut self, name: &str, max: u64) -> Option<u64> {
        let value = self.fields.shift_remove(name)?;
        let number = value.as_str().and_then(leading_number);
        self.bounded(name, &value, number, max)
    }

    /// A whole number from 0 to `max`, in a body.
    pub(super) fn json_number(&mut self, name: &str, max: u64) -> Option<u64> {
        let value = self.fields.shift_remove(name)?;
        self.bounded(name, &value, value.as_i64(), max)
    }

    fn bounded(&mut self, name: &str, value: &Value, number: Option<i64>, max: u64) -> Option<u64> {
        let Some(number) = number else {
            self.wrong_type("number", name, value);
            return None;
        };
        let bounded = u64::try_from(number).ok().filter(|number| *number <= max);
        if bounded.is_none() {
            self.issue(format!(
                "Field '{name}' must be from 0 to {max}, got: '{number}'"
            ));
        }
        bounded
    }

    /// That nothing is wrong, and nothing was sent that nobody asked for.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        if !self.fields.is_empty() {
            let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
            self.issues
                .push(format!("Unrecognized fields: '{}'", names.join(", ")));
        }
        self.issues.truncate(ISSUES_MAX);
        if self.issues.is_empty() {
            Ok(())
        } else {
            Err(invalid(&self.issues.join("; ")))
        }
    }

    fn wrong_type(&mut self, expected: &str, name: &str, got: &Value) {
        let got = match got {
            Value::Object(_) => "[object Object]".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(values) => values
                .iter()
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join(","),
            other => other.to_string(),
        };
        self.issue(format!(
            "Expected type: '{expected}' for field '{name}', got: '{got}'"
        ));
    }
}

/// What `fields` says, in a query that may say nothing else.
pub(super) fn fields(request: &HostRequest<'_>) -> Result<Option<String>, Refusal> {
    let mut input = Input::query(query(&request.parts.uri))?;
    let fields = input.text("fields");
    input.finish()?;
    Ok(fields)
}

/// What `fields` leaves of a thing: names replace what is shown, and the id comes
/// along; names that all have a `+` or `-` change it.
pub(super) fn select(mut thing: Map<String, Value>, fields: Option<&str>) -> Value {
    let Some(fields) = fields else {
        return thing.into();
    };
    // A `+` that was not encoded arrives as a space.
    let signed = |name: &&str| name.starts_with(['+', '-', '*', ' ']);
    let bare = |name: &str| name.trim_start_matches(['+', '-']).trim().to_owned();
    let names: Vec<&str> = fields.split(',').filter(|name| !name.is_empty()).collect();
    if names.iter().all(signed) && !names.is_empty() {
        for name in names.iter().filter(|name| name.starts_with('-')) {
            if bare(name) != "id" {
                thing.shift_remove(&bare(name));
            }
        }
        return thing.into();
    }
    let mut selected = Map::new();
    for name in names.into_iter().chain(["id"]).map(bare) {
        if let Some(value) = thing.shift_remove(&name) {
            selected.insert(name, value);
        }
    }
    selected.into()
}

/// A request that breaks a rule.
pub(super) fn invalid(text: &str) -> Refusal {
    let message = format!("Invalid request: {text}");
    Box::new(Answer::error(
        StatusCode::BAD_REQUEST,
        "invalid_data",
        &message,
    ))
}

/// Whether a text or a key within a value holds a NUL.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// Whether what follows a `[` says which element of a list it is.
fn is_place(place: &str) -> bool {
    place
        .strip_suffix(']')
        .is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

fn several(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        value => vec![value],
    }
}

fn decode(text: &str) -> Option<String> {
    percent_decode(&text.replace('+', " ")).filter(|text| !text.contains('\0'))
}

/// As JavaScript's `parseInt` reads numbers: what follows the digits does not count.
fn leading_number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let digits = text.trim_start_matches(['-', '+']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let (radix, digits) = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    let end = digits
        .find(|letter: char| !letter.is_digit(radix))
        .unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let number = i64::from_str_radix(&digits[..end], radix).unwrap_or(i64::MAX);
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}
