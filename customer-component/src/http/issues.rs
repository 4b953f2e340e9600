//! What is wrong with a request, collected so that one answer names several
//! things, in Medusa's words.

use crate::domain::{Issue, join};
use crate::types::Fault;

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct Issues {
    /// The field, where it is one of those that are known; and the text.
    found: Vec<(&'static str, String)>,
    unknown: Vec<String>,
}

impl Issues {
    /// Something else than what was expected.
    pub fn wrong_type(&mut self, expected: &str, field: &'static str, got: &str) {
        self.add(
            field,
            format!("Expected type: '{expected}' for field '{field}', got: '{got}'"),
        );
    }

    /// Something that is wrong with a field.
    pub fn add(&mut self, field: &'static str, text: String) {
        self.found.push((field, text));
    }

    /// A name that is not known.
    pub fn unknown(&mut self, name: &str) {
        self.unknown.push(name.to_owned());
    }

    /// What the rules say of the fields that could be read.
    pub fn rules(&mut self, issues: Vec<Issue>) {
        for issue in issues {
            if !self.found.iter().any(|(field, _)| *field == issue.field) {
                self.found.push((issue.field, issue.text));
            }
        }
    }

    /// The fields that have to have a value, and have none.
    pub fn missing(&self) -> Vec<&'static str> {
        self.found
            .iter()
            .filter(|(field, text)| *text == Issue::required(field).text)
            .map(|(field, _)| *field)
            .collect()
    }

    /// No fault where nothing is wrong. Issues are named in the order of `fields`.
    ///
    /// # Errors
    /// All that is wrong, as one fault.
    pub fn check(mut self, fields: &[&str]) -> Result<(), Fault> {
        self.found
            .sort_by_key(|(field, _)| fields.iter().position(|name| name == field));
        let mut texts: Vec<String> = self.found.into_iter().map(|(_, text)| text).collect();
        if !self.unknown.is_empty() {
            texts.push(format!(
                "Unrecognized fields: '{}'",
                self.unknown.join(", ")
            ));
        }
        if texts.is_empty() {
            Ok(())
        } else {
            Err(Fault::Invalid(join(&texts)))
        }
    }
}
