//! The parameters of a query, read by their names one after the other. What was not
//! read by the end is not known.

use crate::fault::Fault;
use crate::issue::Issues;

use super::super::query::{self, Value};
use super::reader::Reader;

/// Parameters being read.
pub struct Parameters {
    left: Vec<(String, Value)>,
    /// Their names, as they were sent.
    sent: Vec<String>,
    reader: Reader,
}

impl Parameters {
    /// Reads all of a query string. Issues are named in the order in which the parameters
    /// were sent.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read<T>(query: &str, read: impl FnOnce(&mut Self) -> T) -> Result<T, Fault> {
        let mut parameters = Self::parse(query)?;
        let value = read(&mut parameters);
        parameters.finish()?;
        Ok(value)
    }

    fn parse(query: &str) -> Result<Self, Fault> {
        let left = query::parse(query).map_err(Fault::Invalid)?;
        Ok(Self {
            sent: left.iter().map(|(name, _)| name.clone()).collect(),
            left,
            reader: Reader::default(),
        })
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        let at = self.left.iter().position(|(name, _)| name == field)?;
        Some(self.left.remove(at).1)
    }

    /// The issues so far.
    pub fn issues(&mut self) -> &mut Issues {
        &mut self.reader.issues
    }

    /// A text.
    pub fn text(&mut self, field: &'static str) -> Option<String> {
        let value = self.take(field)?;
        self.reader.text(field, &value).map(str::to_owned)
    }

    /// A text, or several. One alone in brackets is split at its commas.
    pub fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        match self.take(field)? {
            Value::Text(text) => Some(vec![text]),
            Value::List(values) => Some(self.reader.list(field, &values)),
            other => {
                let issues = self.issues();
                issues.wrong_type("string, array", field, &other.show());
                None
            }
        }
    }

    /// A number as JavaScript's `parseInt` reads it, from 0 to `max`.
    pub fn number(&mut self, field: &'static str, max: u64) -> Option<u64> {
        let value = self.take(field)?;
        self.reader.number(field, &value, max)
    }

    fn finish(mut self) -> Result<(), Fault> {
        for (name, _) in &self.left {
            self.reader.issues.unknown(name);
        }
        let sent: Vec<&str> = self.sent.iter().map(String::as_str).collect();
        self.reader.issues.check(&sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::Issue;

    #[test]
    fn texts_are_one_or_several() {
        for (query, texts) in [
            ("a=x", Some(&["x"][..])),
            ("a=x,y", Some(&["x,y"])),
            ("a[]=x,y", Some(&["x", "y"])),
            ("a=x,y&a=z", Some(&["x,y", "z"])),
            ("a[1]=x&a[0]=null", Some(&["null", "x"])),
            ("", None),
        ] {
            let texts = texts.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
            let read = Parameters::read(query, |parameters| parameters.texts("a"));
            assert_eq!(read, Ok(texts), "{query}");
        }
    }

    #[test]
    fn a_query_that_breaks_a_rule_is_refused() {
        let many = "a=1&".repeat(1_001);
        for (query, message) in [
            (
                "a=%",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            (
                "a[$ne]=x",
                "Expected type: 'string, array' for field 'a', got: '[object Object]'",
            ),
            (
                "a=x&a[b]=y",
                "Expected type: 'string, array' for field 'a', got: '[object Object]'",
            ),
            (
                &many,
                "Field 'a' must have at most 1000 values, got: '1001'",
            ),
            (
                "t=x&t=y",
                "Expected type: 'string' for field 't', got: 'x,y'",
            ),
            ("n=ten", "Expected type: 'number' for field 'n', got: 'ten'"),
            ("n=-1", "Field 'n' must be at least 0, got: '-1'"),
            ("n=11", "Field 'n' must be at most 10, got: '11'"),
            ("x=1&y.z=2", "Unrecognized fields: 'x, y'"),
            (
                "n=x&x=1&t[b]=y",
                "Expected type: 'number' for field 'n', got: 'x'; \
                 Expected type: 'string' for field 't', got: '[object Object]'; Unrecognized fields: 'x'",
            ),
        ] {
            let read = Parameters::read(query, |parameters| {
                parameters.texts("a");
                parameters.text("t");
                parameters.number("n", 10);
            });
            assert_eq!(read, Err(Fault::Invalid(message.to_owned())), "{query}");
        }
        let fine = Parameters::read("n=0xA&t=x%20y", |parameters| {
            (parameters.number("n", 10), parameters.text("t"))
        });
        assert_eq!(fine, Ok((Some(10), Some("x y".to_owned()))));
        let missing = Parameters::read("t=x", |parameters| {
            parameters.text("t");
            parameters.issues().rules(vec![Issue::required("c")]);
        });
        let message = "Field 'c' is required".to_owned();
        assert_eq!(missing, Err(Fault::Invalid(message)));
    }
}
