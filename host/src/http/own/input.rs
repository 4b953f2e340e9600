//! Reads queries and bodies of the host's own endpoints, and says what is wrong
//! with them in Medusa's words.

use serde_json::{Map, Value};

use hyper::StatusCode;

use super::super::envelope::{Answer, Refusal};
use super::super::query;
use super::super::routes::percent_decode;
use super::Call;

/// How many issues one answer names, as in Medusa.
const ISSUES_MAX: usize = 3;

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
            let name = match name.split_once('[') {
                Some((name, _)) => name.to_owned(),
                None => name,
            };
            let value = Value::String(value);
            match fields.get_mut(&name) {
                None => drop(fields.insert(name, value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
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

    /// A text that has to be there.
    pub(super) fn required_text(&mut self, name: &str) -> String {
        if !self.fields.contains_key(name) {
            self.issue(format!("Field '{name}' is required"));
        }
        self.text(name).unwrap_or_default()
    }

    /// A text, or several.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.fields.shift_remove(name)? {
            Value::String(text) => Some(vec![text]),
            Value::Array(values) => Some(
                values
                    .iter()
                    .filter_map(|value| value.as_str().map(str::to_owned))
                    .collect(),
            ),
            other => {
                self.wrong_type("string, array", name, &other);
                None
            }
        }
    }

    /// A whole number from 0 to `max`, given as one or, in a query, as a text
    /// that begins with one.
    pub(super) fn number(&mut self, name: &str, max: u64) -> Option<u64> {
        let value = self.fields.shift_remove(name)?;
        let number = match &value {
            Value::String(text) => leading_number(text),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        let Some(number) = number else {
            self.wrong_type("number", name, &value);
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
        self.issues.truncate(ISSUES_MAX);
        if !self.fields.is_empty() {
            let names: Vec<&str> = self.fields.keys().map(String::as_str).collect();
            self.issues
                .push(format!("Unrecognized fields: '{}'", names.join(", ")));
        }
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
pub(super) fn fields(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let mut input = Input::query(query(&call.parts.uri))?;
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
fn invalid(text: &str) -> Refusal {
    let message = format!("Invalid request: {text}");
    Box::new(Answer::error(
        StatusCode::BAD_REQUEST,
        "invalid_data",
        &message,
    ))
}

fn decode(text: &str) -> Option<String> {
    percent_decode(&text.replace('+', " ")).filter(|text| !text.contains('\0'))
}

/// As JavaScript's `parseInt` reads decimal numbers: what follows the digits does not count.
fn leading_number(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let digits = text.trim_start_matches(['-', '+']);
    let end = digits
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(digits.len());
    if end == 0 || text.len() - digits.len() > 1 {
        return None;
    }
    let number = digits[..end].parse().unwrap_or(i64::MAX);
    Some(if text.starts_with('-') {
        -number
    } else {
        number
    })
}
