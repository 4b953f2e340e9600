//! Free key-value pairs on a thing: one JSON object, kept as it was sent.

use serde_json::{Map, Value};

use crate::domain::Issue;

/// The text of one JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(String);

/// A key that JavaScript's objects cannot hold; Medusa drops it as well.
const PROTO: &str = "__proto__";

impl Metadata {
    /// What the database holds, which came from here.
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// From an object as it was sent.
    pub fn new(mut object: Map<String, Value>) -> Self {
        object.shift_remove(PROTO);
        Self(Value::Object(object).to_string())
    }

    /// From the text of one JSON object.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self::new)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.0 == "{}"
    }

    /// What is wrong with it: a text in it, a key as well, holds a NUL, which no database takes.
    pub fn issue(&self) -> Option<Issue> {
        holds_nul(&self.0).then(|| Issue::nul("metadata"))
    }

    /// Puts changes over what is there: a key whose new value is `""` goes,
    /// others are set as a whole.
    pub fn merge(current: Option<&Self>, changes: &Self) -> Self {
        let mut merged = current.map(Self::object).unwrap_or_default();
        for (key, value) in changes.object() {
            if value.as_str() == Some("") {
                merged.shift_remove(&key);
            } else {
                merged.insert(key, value);
            }
        }
        Self(Value::Object(merged).to_string())
    }

    fn object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Whether the escape of a NUL stands in JSON text, and is no escaped backslash before `u0000`.
fn holds_nul(text: &str) -> bool {
    text.match_indices("\\u0000").any(|(at, _)| {
        let before = text.as_bytes()[..at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        before % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(current: Option<&str>, changes: &str, merged: &str) {
        let current = current.map(|text| Metadata::parse(text).unwrap());
        let got = Metadata::merge(current.as_ref(), &Metadata::parse(changes).unwrap());
        assert_eq!(got.text(), merged);
    }

    #[test]
    fn changes_are_put_over_what_is_there() {
        check(
            Some(r#"{"a":1,"b":"two"}"#),
            r#"{"b":3,"z":null}"#,
            r#"{"a":1,"b":3,"z":null}"#,
        );
        check(
            Some(r#"{"a":1,"b":{"x":1}}"#),
            r#"{"b":{"y":""}}"#,
            r#"{"a":1,"b":{"y":""}}"#,
        );
        check(Some(r#"{"a":1}"#), "{}", r#"{"a":1}"#);
    }

    #[test]
    fn an_empty_text_removes_a_key() {
        check(Some(r#"{"a":1,"b":2}"#), r#"{"a":""}"#, r#"{"b":2}"#);
        check(None, r#"{"a":""}"#, "{}");
    }

    #[test]
    fn the_order_of_keys_and_the_digits_of_numbers_stay() {
        let text = r#"{"zz":1.50,"a":12345678901234567890,"10":1e+400,"9":-0}"#;
        assert_eq!(Metadata::parse(text).unwrap().text(), text);
        assert_eq!(
            Metadata::parse(r#"{"a":1,"__proto__":{"x":1}}"#)
                .unwrap()
                .text(),
            r#"{"a":1}"#
        );
    }

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        for bad in [
            r#"{"a":"x\u0000y"}"#,
            r#"{"a":{"\u0000":1}}"#,
            r#"{"a":"\\\u0000"}"#,
        ] {
            assert!(Metadata::parse(bad).unwrap().issue().is_some(), "{bad}");
        }
        for good in [r#"{"a":"u0000"}"#, r#"{"a":"\\u0000"}"#] {
            assert!(Metadata::parse(good).unwrap().issue().is_none(), "{good}");
        }
    }
}
