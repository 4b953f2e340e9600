//! What comes back, compared with what is expected: equal, but for placeholders like `<any>`.
//! Differences name their place in the value.

use regex_automata::meta::Regex;
use serde_json::Value;

use crate::engine::nearest;
use crate::printable::cut;

/// The bytes that are shown of a value.
const SHOWN_BYTES_MAX: usize = 500;
/// The letters of an id after its prefix.
const ID_LETTERS: usize = 26;
/// The member of an object, or the item of a list, that stands for all others.
const OTHERS: &str = "<others>";

/// How placeholders are written.
const PLACEHOLDERS: [&str; 9] = [
    "any", "absent", "null", "text", "number", "id", "time", "uuid", "matches",
];

/// A value that is expected, whose placeholders are valid.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Value);

/// How values are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A member that is null may be left out of what is expected.
    pub nulls_left_out: bool,
    /// A text may be expected as the object or the list whose JSON it is.
    pub json_texts: bool,
}

impl Rules {
    /// Of JSON as it is.
    pub(super) const EXACT: Self = Self {
        nulls_left_out: false,
        json_texts: false,
    };
    /// Of values of a contract, whose optional fields are null.
    pub(super) const TYPED: Self = Self {
        nulls_left_out: true,
        json_texts: true,
    };
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub path: String,
    pub expected: String,
    pub got: String,
}

/// What a text stands for.
#[derive(Clone, Debug)]
enum Meaning {
    Text(String),
    Any,
    Absent,
    Null,
    AnyText,
    AnyNumber,
    Id(String),
    Time,
    Uuid,
    Matches(Regex),
}

impl Meaning {
    fn of(text: &str) -> Result<Self, String> {
        if let Some(escaped) = text.strip_prefix("<<") {
            return Ok(Self::Text(format!("<{escaped}")));
        }
        let inside = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        let Some(inside) = inside else {
            return Ok(Self::Text(text.to_owned()));
        };
        let (name, argument) = match inside.split_once(' ') {
            Some((name, argument)) => (name, argument.trim()),
            None => (inside, ""),
        };
        Ok(match (name, argument) {
            ("any", "") => Self::Any,
            ("absent", "") => Self::Absent,
            ("null", "") => Self::Null,
            ("text", "") => Self::AnyText,
            ("number", "") => Self::AnyNumber,
            ("time", "") => Self::Time,
            ("uuid", "") => Self::Uuid,
            ("id", prefix) => Self::Id(prefix.to_owned()),
            ("matches", pattern) if !pattern.is_empty() => {
                let regex = Regex::new(pattern);
                Self::Matches(regex.map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default();
                    format!("{text} has no valid regular expression: {reason}")
                })?)
            }
            _ => {
                let shown = cut(text, SHOWN_BYTES_MAX).escape_debug().to_string();
                let hint = match nearest(name, &PLACEHOLDERS) {
                    Some(near) => format!("did you mean <{near}>?"),
                    None => format!("there is <{}>", PLACEHOLDERS.join(">, <")),
                };
                return Err(format!(
                    "{shown} is no placeholder; {hint} A text that begins with < is written with <<"
                ));
            }
        })
    }

    /// Whether a value is what this stands for; a text is compared by the caller.
    fn fits(&self, got: &Value) -> bool {
        match (self, got) {
            (Self::Any, _) | (Self::Null, Value::Null) => true,
            (Self::AnyText, Value::String(_)) | (Self::AnyNumber, Value::Number(_)) => true,
            (Self::Text(text), Value::String(got)) => text == got,
            (Self::Id(prefix), Value::String(got)) => is_id(prefix, got),
            (Self::Time, Value::String(got)) => is_time(got),
            (Self::Uuid, Value::String(got)) => uuid::Uuid::parse_str(got).is_ok(),
            (Self::Matches(regex), Value::String(got)) => regex.is_match(got.as_str()),
            (Self::Matches(regex), got) => regex.is_match(got.to_string().as_str()),
            _ => false,
        }
    }
}

/// A prefix and a ULID.
fn is_id(prefix: &str, text: &str) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() && !b"ILOU".contains(&byte);
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == ID_LETTERS && rest.bytes().all(is_letter))
}

/// RFC 3339.
fn is_time(text: &str) -> bool {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).is_ok()
}

/// What is given to a component: the text `<null>` is null, and `<<` begins a text with `<`.
pub(super) fn given(value: Value) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix("<<") {
            Some(escaped) => Value::String(format!("<{escaped}")),
            None if text == "<null>" => Value::Null,
            None => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(given).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(members.map(|(name, value)| (name, given(value))).collect())
        }
        value => value,
    }
}

impl Pattern {
    /// # Errors
    /// With the placeholder that there is not.
    pub(super) fn new(value: Value) -> Result<Self, String> {
        check(&value)?;
        Ok(Self(value))
    }

    /// The value whose fields are expected as they were given, but for those that this names.
    pub(super) fn over(&self, given: &Value) -> Self {
        match (&self.0, given) {
            (Value::Object(changed), Value::Object(given)) => {
                let mut all = escaped(given);
                all.extend(changed.clone());
                Self(Value::Object(all))
            }
            _ => self.clone(),
        }
    }

    /// The very value.
    pub(super) fn equal(value: &Value) -> Self {
        Self(escape(value))
    }

    /// These values, one after the other.
    pub(super) fn list(items: &[&Self]) -> Self {
        Self(items.iter().map(|item| item.0.clone()).collect())
    }

    /// An object whose one member is this.
    pub(super) fn as_member(&self, name: &str) -> Self {
        let members = [(name.to_owned(), self.0.clone())];
        Self(Value::Object(members.into_iter().collect()))
    }

    /// A text, alone or within an object that has it as its `message`.
    pub(super) fn message(&self) -> Option<Self> {
        self.0.is_string().then(|| self.clone())
    }

    /// Adds the differences of a value at `path`.
    pub(super) fn compare(
        &self,
        got: &Value,
        path: &str,
        rules: Rules,
        found: &mut Vec<Difference>,
    ) {
        compare(&self.0, Some(got), path, rules, found);
    }

    /// Whether a text has this in it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self.0.as_str().map(Meaning::of) {
            Some(Ok(Meaning::Text(part))) => text.contains(&part),
            Some(Ok(meaning)) => meaning.fits(&Value::String(text.to_owned())),
            _ => false,
        }
    }

    pub(super) fn shown(&self) -> String {
        shown(&self.0)
    }
}

fn check(value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text != OTHERS => Meaning::of(text).map(drop),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.values().try_for_each(check),
        _ => Ok(()),
    }
}

/// A value as a pattern that fits it alone.
fn escape(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('<') => Value::String(format!("<{text}")),
        Value::Array(items) => items.iter().map(escape).collect(),
        Value::Object(members) => Value::Object(escaped(members)),
        value => value.clone(),
    }
}

fn escaped(members: &serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    let members = members.iter();
    members
        .map(|(name, value)| (name.clone(), escape(value)))
        .collect()
}

pub(super) fn shown(value: &Value) -> String {
    cut(&value.to_string(), SHOWN_BYTES_MAX).into_owned()
}

fn compare(
    expected: &Value,
    got: Option<&Value>,
    path: &str,
    rules: Rules,
    found: &mut Vec<Difference>,
) {
    let mut differs = |expected: String, got: Option<&Value>| {
        found.push(Difference {
            path: path.to_owned(),
            expected,
            got: got.map_or_else(|| "nothing".to_owned(), shown),
        });
    };
    let meaning = expected.as_str().map(Meaning::of);
    let Some(value) = got else {
        let may_miss = match meaning {
            Some(Ok(Meaning::Absent)) => true,
            Some(Ok(Meaning::Null)) => rules.nulls_left_out,
            _ => rules.nulls_left_out && expected.is_null(),
        };
        if !may_miss {
            differs(shown(expected), None);
        }
        return;
    };
    if let Some(meaning) = meaning {
        if !meaning.is_ok_and(|meaning| meaning.fits(value)) {
            differs(shown(expected), got);
        }
        return;
    }
    if let (Value::Object(_) | Value::Array(_), Value::String(text)) = (expected, value)
        && rules.json_texts
        && let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text)
    {
        return compare(expected, Some(&inner), path, Rules::EXACT, found);
    }
    match (expected, value) {
        (Value::Object(expected), Value::Object(members)) => {
            let at = |name: &str| within(path, name);
            for (name, expected) in expected.iter().filter(|(name, _)| *name != OTHERS) {
                compare(expected, members.get(name), &at(name), rules, found);
            }
            let others = expected.get(OTHERS);
            for (name, value) in members
                .iter()
                .filter(|(name, _)| !expected.contains_key(*name))
            {
                match others {
                    Some(others) => compare(others, Some(value), &at(name), rules, found),
                    None if rules.nulls_left_out && value.is_null() => {}
                    None => found.push(Difference {
                        path: at(name),
                        expected: "nothing".to_owned(),
                        got: shown(value),
                    }),
                }
            }
        }
        (Value::Array(expected), Value::Array(items)) => {
            let is_open = expected.last().is_some_and(|last| last == OTHERS);
            let expected = &expected[..expected.len() - usize::from(is_open)];
            if items.len() < expected.len() || items.len() > expected.len() && !is_open {
                let more = if is_open { " or more" } else { "" };
                let many = |count: usize| match count {
                    1 => "1 item".to_owned(),
                    count => format!("{count} items"),
                };
                found.push(Difference {
                    path: path.to_owned(),
                    expected: format!("{}{more}", many(expected.len())),
                    got: format!("{}: {}", many(items.len()), shown(value)),
                });
                return;
            }
            for (index, (expected, item)) in expected.iter().zip(items).enumerate() {
                compare(
                    expected,
                    Some(item),
                    &format!("{path}[{index}]"),
                    rules,
                    found,
                );
            }
        }
        (Value::Number(one), Value::Number(other)) => {
            let is_same = one == other
                || one.is_f64() && one.as_f64() == other.as_f64()
                || other.is_f64() && one.as_f64() == other.as_f64();
            if !is_same {
                differs(shown(expected), got);
            }
        }
        (expected, value) if expected == value => {}
        (expected, _) => differs(shown(expected), got),
    }
}

fn within(path: &str, name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.bytes().all(is_plain) && !name.is_empty() {
        format!("{path}.{name}")
    } else {
        format!("{path}[\"{}\"]", cut(name, SHOWN_BYTES_MAX).escape_debug())
    }
}

#[cfg(test)]
mod tests;
