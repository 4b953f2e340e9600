//! Free key-value pairs on a thing: one JSON object, kept as it was sent, and
//! bounded. Every operation takes time that grows with the length of the texts alone.

use serde_json::{Map, Value};

use crate::issue::Issue;

/// The text of one JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(String);

/// The longest JSON text of a record's metadata, in bytes. Updates add to what is
/// there, so the largest body of a request does not bound it.
pub const BYTES_MAX: usize = 1024 * 1024;

/// A key that JavaScript's objects cannot hold; Medusa drops it as well.
const PROTO: &str = "__proto__";

impl Metadata {
    /// The stored metadata, which this file wrote.
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

    /// The issue of a text in it, or a key, with a NUL, which no database accepts.
    pub fn issue(&self) -> Option<Issue> {
        holds_nul(&self.0).then(|| Issue::nul("metadata"))
    }

    /// Its issue as the metadata of a new record.
    pub fn issue_of_new(&self) -> Option<Issue> {
        self.issue().or_else(|| self.issue_of_length(None))
    }

    /// The issue of its length, as the metadata of a record whose metadata was
    /// `before`. One that is too long already, from before there was a bound, may
    /// become shorter step by step.
    pub fn issue_of_length(&self, before: Option<&Self>) -> Option<Issue> {
        let length = self.0.len();
        let allowed = before.map_or(BYTES_MAX, |before| before.0.len().max(BYTES_MAX));
        (length > allowed).then(|| {
            let text = format!(
                "Field 'metadata' would be {length} bytes of JSON, more than the {BYTES_MAX} that one record may \
                 have; remove keys by setting them to \"\""
            );
            Issue::wrong("metadata", text)
        })
    }

    /// Puts changes over what is there: a key whose new value is `""` is removed,
    /// others are set as a whole.
    pub fn merge(current: Option<&Self>, changes: &Self) -> Self {
        let mut merged = current.map(Self::object).unwrap_or_default();
        let changes = changes.object();
        // All at once: to remove a single key moves all that stand behind it.
        merged.retain(|key, _| changes.get(key).is_none_or(|value| !removes(value)));
        merged.extend(changes.into_iter().filter(|(_, value)| !removes(value)));
        Self(Value::Object(merged).to_string())
    }

    fn object(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// Whether a key is removed by this new value.
fn removes(value: &Value) -> bool {
    value.as_str() == Some("")
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
    fn changes_are_merged() {
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
    fn keys_that_stay_keep_their_order_where_others_are_removed_and_set() {
        check(
            Some(r#"{"a":1,"b":2,"c":3,"d":4}"#),
            r#"{"b":"","e":5,"c":30,"missing":""}"#,
            r#"{"a":1,"c":30,"d":4,"e":5}"#,
        );
        // Of a key that stands twice in what was sent, the last value counts.
        check(Some(r#"{"a":1}"#), r#"{"a":2,"a":""}"#, "{}");
        check(Some(r#"{"a":1}"#), r#"{"a":"","a":2}"#, r#"{"a":2}"#);
    }

    /// The least time that removing all but the last of so many keys takes, of ten times.
    fn time_to_remove(keys: usize) -> std::time::Duration {
        let object = |value: &str| {
            let keys = (0..keys).map(|key| format!(r#""{key}":{value}"#));
            keys.collect::<Vec<_>>().join(",")
        };
        let current = Metadata::stored(&format!(r#"{{{},"last":1}}"#, object("1")));
        let changes = Metadata::stored(&format!("{{{}}}", object(r#""""#)));
        (0..10)
            .map(|_| {
                let started = std::time::Instant::now();
                let merged = Metadata::merge(Some(&current), &changes);
                assert_eq!(merged.text(), r#"{"last":1}"#);
                started.elapsed()
            })
            .min()
            .unwrap()
    }

    #[test]
    fn the_time_to_remove_keys_grows_with_their_number_alone() {
        // Sixteen times as many take 16 times as long, and 256 times if each one that
        // is removed moved all others.
        let (few, many) = (time_to_remove(1_000), time_to_remove(16_000));
        assert!(many < few * 160, "{few:?} for few, {many:?} for many");
    }

    #[test]
    fn the_length_is_bounded_and_longer_metadata_may_shrink() {
        let of =
            |bytes: usize| Metadata::stored(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)));
        let (fits, beyond) = (of(BYTES_MAX), of(BYTES_MAX + 1));
        assert_eq!(fits.text().len(), BYTES_MAX);
        for before in [None, Some(&of(20)), Some(&fits)] {
            assert_eq!(fits.issue_of_length(before), None);
            assert_eq!(
                beyond.issue_of_length(before),
                Some(Issue::wrong(
                    "metadata",
                    "Field 'metadata' would be 1048577 bytes of JSON, more than the 1048576 that one record \
                     may have; remove keys by setting them to \"\""
                        .to_owned()
                ))
            );
        }
        let longer = of(BYTES_MAX + 2);
        assert_eq!(beyond.issue_of_length(Some(&longer)), None);
        assert!(longer.issue_of_length(Some(&beyond)).is_some());
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
