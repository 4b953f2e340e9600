//! The issues of a request, collected so that one answer names several
//! things, in Medusa's words.

use crate::fault::Fault;

/// What sort of thing is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    /// It has to have a value, and has none.
    Missing,
    /// It has a value that cannot be taken.
    Wrong,
}

/// An issue of one field of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// The field.
    pub field: &'static str,
    /// What sort of thing is wrong.
    pub kind: IssueKind,
    /// The text for the caller.
    pub text: String,
}

impl Issue {
    /// The field has to have a value.
    pub fn required(field: &'static str) -> Self {
        Self {
            field,
            kind: IssueKind::Missing,
            text: format!("Field '{field}' is required"),
        }
    }

    /// The field has a value that cannot be taken.
    pub fn wrong(field: &'static str, text: String) -> Self {
        Self {
            field,
            kind: IssueKind::Wrong,
            text,
        }
    }

    /// The field's text holds a NUL, which no database takes.
    pub fn nul(field: &'static str) -> Self {
        Self::wrong(
            field,
            format!("Field '{field}' must not contain a NUL character"),
        )
    }
}

/// Named texts of a thing, to be looked through together.
pub type Texts<'a> = &'a [(&'static str, Option<&'a str>)];

/// An issue for each text that holds a NUL.
pub fn nuls(texts: Texts<'_>) -> Vec<Issue> {
    texts
        .iter()
        .filter(|(_, text)| text.is_some_and(|text| text.contains('\0')))
        .map(|(field, _)| Issue::nul(field))
        .collect()
}

/// `Ok` without issues.
///
/// # Errors
/// The issues, as one fault.
pub fn sound(issues: Vec<Issue>) -> Result<(), Fault> {
    if issues.is_empty() {
        return Ok(());
    }
    Err(Fault::Invalid(join(&issues)))
}

/// How many issues one answer names, as in Medusa; fields that are missing are named beside them, each.
const ISSUES_MAX: usize = 3;

/// Issues as one text.
fn join(issues: &[Issue]) -> String {
    let mut others = 0;
    let named = issues.iter().filter(|issue| {
        let missing = issue.kind == IssueKind::Missing;
        others += usize::from(!missing);
        missing || others <= ISSUES_MAX
    });
    let texts: Vec<&str> = named.map(|issue| issue.text.as_str()).collect();
    texts.join("; ")
}

/// The issues so far.
#[derive(Debug, Default)]
pub struct Issues {
    found: Vec<Issue>,
    unknown: Vec<String>,
}

impl Issues {
    /// Something else than what was expected.
    pub fn wrong_type(&mut self, expected: &str, field: &'static str, got: &str) {
        self.wrong(
            field,
            format!("Expected type: '{expected}' for field '{field}', got: '{got}'"),
        );
    }

    /// A value that cannot be taken.
    pub fn wrong(&mut self, field: &'static str, text: String) {
        self.add(Issue::wrong(field, text));
    }

    /// Returns the number if it is from 0 to `max`.
    pub fn bounded(&mut self, field: &'static str, number: i64, max: u64) -> Option<u64> {
        let bound = match u64::try_from(number) {
            Ok(number) if number <= max => return Some(number),
            Ok(_) => format!("at most {max}"),
            Err(_) => "at least 0".to_owned(),
        };
        self.wrong(
            field,
            format!("Field '{field}' must be {bound}, got: '{number}'"),
        );
        None
    }

    /// Something that is wrong.
    pub fn add(&mut self, issue: Issue) {
        self.found.push(issue);
    }

    /// A name that is not known.
    pub fn unknown(&mut self, name: &str) {
        self.unknown.push(name.to_owned());
    }

    /// The issues of an object at this index of a list in a field. Their texts name the way to
    /// it, as Medusa's do.
    pub fn within(&mut self, field: &'static str, index: usize, inner: Self) {
        for issue in inner.found {
            let (name, way) = (issue.field, format!("ield '{field}, {index}, "));
            let text = issue
                .text
                .replacen(&format!("ield '{name}"), &format!("{way}{name}"), 1);
            self.found.push(Issue {
                field,
                text,
                ..issue
            });
        }
        self.unknown.extend(inner.unknown);
    }

    /// The issues that the rules find in the readable fields.
    pub fn rules(&mut self, issues: Vec<Issue>) {
        for issue in issues {
            if !self.found.iter().any(|found| found.field == issue.field) {
                self.found.push(issue);
            }
        }
    }

    /// The fields that have to have a value, and have none.
    pub fn missing(&self) -> Vec<&'static str> {
        self.found
            .iter()
            .filter(|issue| issue.kind == IssueKind::Missing)
            .map(|issue| issue.field)
            .collect()
    }

    /// No fault where nothing is wrong. Issues are named in the order of `fields`.
    ///
    /// # Errors
    /// All that is wrong, as one fault.
    pub fn check(mut self, fields: &[&str]) -> Result<(), Fault> {
        self.found
            .sort_by_key(|issue| fields.iter().position(|name| *name == issue.field));
        if !self.unknown.is_empty() {
            let text = format!("Unrecognized fields: '{}'", self.unknown.join(", "));
            self.found.push(Issue::wrong("", text));
        }
        sound(self.found)
    }
}
