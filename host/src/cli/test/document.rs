//! A TOML file whose every value has a place: what is wrong is said with file, line and column.
//! Knows nothing of cases.

use std::path::Path;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::engine::nearest;
use crate::files;
use crate::printable::cut;

/// The largest file with cases, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The bytes that a message shows of a name.
const SHOWN_BYTES_MAX: usize = 100;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Fault(pub String);

/// The file.
pub(super) struct Document {
    name: String,
    text: String,
}

/// A place in the file.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    document: &'a Document,
    offset: usize,
}

/// A value.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub place: Place<'a>,
    value: &'a DeValue<'a>,
}

/// A table, whose keys are taken one by one.
pub(super) struct Table<'a> {
    pub place: Place<'a>,
    /// What it is, for messages.
    what: &'static str,
    entries: Vec<(&'a str, Node<'a>)>,
}

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self, Fault> {
        let name = path.display().to_string();
        match files::read_text(path, FILE_BYTES_MAX) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => Err(Fault(format!("cannot read {name}: {error}"))),
        }
    }

    /// Parses the file, and gives its table, which has no other keys than these, to `read`.
    pub(super) fn parse<T>(
        &self,
        keys: &[&str],
        read: impl FnOnce(Table<'_>) -> Result<T, Vec<Fault>>,
    ) -> Result<T, Vec<Fault>> {
        let parsed = DeTable::parse(&self.text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let place = Place {
                document: self,
                offset,
            };
            vec![place.fault(error.message())]
        })?;
        let place = Place {
            document: self,
            offset: 0,
        };
        let table = Table::new(place, "file", parsed.get_ref());
        let unknown = table.check(keys).err();
        match (read(table), unknown) {
            (Ok(done), None) => Ok(done),
            (Ok(_), Some(unknown)) => Err(vec![unknown]),
            (Err(faults), unknown) => Err(unknown.into_iter().chain(faults).collect()),
        }
    }
}

impl<'a> Place<'a> {
    pub(super) fn fault(self, reason: impl std::fmt::Display) -> Fault {
        let (line, column) = self.line_and_column();
        Fault(format!("{}:{line}:{column}: {reason}", self.document.name))
    }

    /// The line, counted from 1, and the column, in letters.
    pub(super) fn line_and_column(self) -> (usize, usize) {
        let text = &self.document.text;
        let before = &text[..text.floor_char_boundary(self.offset)];
        let line = before.matches('\n').count() + 1;
        let begun = before.rfind('\n').map_or(0, |end| end + 1);
        (line, before[begun..].chars().count() + 1)
    }
}

impl<'a> Node<'a> {
    fn new(document: &'a Document, value: &'a Spanned<DeValue<'a>>) -> Self {
        let offset = value.span().start;
        Self {
            place: Place { document, offset },
            value: value.get_ref(),
        }
    }

    /// What it is, for a person.
    fn kind(&self) -> &'static str {
        match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    pub(super) fn wrong(&self, what: &str, expected: &str) -> Fault {
        let kind = self.kind();
        self.place
            .fault(format!("{what} is {expected}, not {kind}"))
    }

    pub(super) fn text(&self, what: &str) -> Result<String, Fault> {
        match self.value {
            DeValue::String(text) => Ok(text.to_string()),
            _ => Err(self.wrong(what, "a text")),
        }
    }

    pub(super) fn flag(&self, what: &str) -> Result<bool, Fault> {
        match self.value {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong(what, "true or false")),
        }
    }

    pub(super) fn list(&self, what: &str) -> Result<Vec<Self>, Fault> {
        match self.value {
            DeValue::Array(items) => {
                let items = items.iter();
                Ok(items
                    .map(|item| Self::new(self.place.document, item))
                    .collect())
            }
            _ => Err(self.wrong(what, "a list")),
        }
    }

    pub(super) fn texts(&self, what: &str) -> Result<Vec<String>, Fault> {
        let items = self.list(what)?;
        items.iter().map(|item| item.text(what)).collect()
    }

    /// A table of any keys.
    pub(super) fn table(&self, what: &'static str) -> Result<Table<'a>, Fault> {
        match self.value {
            DeValue::Table(table) => Ok(Table::new(self.place, what, table)),
            _ => Err(self.wrong(what, "a table")),
        }
    }

    /// A table that has no other keys than these.
    pub(super) fn table_of(&self, what: &'static str, keys: &[&str]) -> Result<Table<'a>, Fault> {
        let table = self.table(what)?;
        table.check(keys)?;
        Ok(table)
    }

    /// A setting of a component: whatever its type, a text.
    pub(super) fn setting(&self, what: &str) -> Result<String, Fault> {
        match self.value {
            DeValue::String(_) | DeValue::Integer(_) | DeValue::Boolean(_) => {
                Ok(match self.json()? {
                    Value::String(text) => text,
                    value => value.to_string(),
                })
            }
            _ => Err(self.wrong(what, "a text, a whole number, or true or false")),
        }
    }

    pub(super) fn json(&self) -> Result<Value, Fault> {
        let document = self.place.document;
        Ok(match self.value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Integer(integer) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix());
                number
                    .map_err(|_| self.place.fault("the number is too large"))?
                    .into()
            }
            DeValue::Float(float) => {
                let number = float.as_str().parse::<f64>().ok();
                let number = number.and_then(Number::from_f64);
                let no_number = || self.place.fault("JSON has no such number");
                Value::Number(number.ok_or_else(no_number)?)
            }
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| Node::new(document, item).json());
                items.collect::<Result<_, _>>()?
            }
            DeValue::Table(table) => {
                let members = table.iter().map(|(name, value)| {
                    Ok((
                        name.get_ref().to_string(),
                        Node::new(document, value).json()?,
                    ))
                });
                Value::Object(members.collect::<Result<Map<_, _>, _>>()?)
            }
        })
    }
}

impl<'a> Table<'a> {
    fn new(place: Place<'a>, what: &'static str, table: &'a DeTable<'a>) -> Self {
        let document = place.document;
        let entries = table.iter().map(|(name, value)| {
            let offset = name.span().start;
            // The key is what a person looks for.
            let place = Place { document, offset };
            let key: &str = name.get_ref();
            (
                key,
                Node {
                    place,
                    ..Node::new(document, value)
                },
            )
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(_, node)| node.place.offset);
        Self {
            place,
            what,
            entries,
        }
    }

    /// Takes a key.
    pub(super) fn take(&mut self, key: &str) -> Option<Node<'a>> {
        let index = self.entries.iter().position(|(name, _)| *name == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Takes a key that has to be there.
    pub(super) fn require(&mut self, key: &str) -> Result<Node<'a>, Fault> {
        let (place, what) = (self.place, self.what);
        self.take(key)
            .ok_or_else(|| place.fault(format!("the {what} has no {key}")))
    }

    /// Takes all keys that are left, in their order.
    pub(super) fn take_all(&mut self) -> Vec<(&'a str, Node<'a>)> {
        std::mem::take(&mut self.entries)
    }

    /// Refuses keys that nothing took.
    pub(super) fn end(mut self) -> Result<(), Fault> {
        match self.take_all().first() {
            Some((key, node)) => Err(node.place.fault(format!(
                "{key} has no meaning beside what the {} asks",
                self.what
            ))),
            None => Ok(()),
        }
    }

    /// Refuses other keys than these.
    fn check(&self, known: &[&str]) -> Result<(), Fault> {
        let mut entries = self.entries.iter();
        let Some((key, node)) = entries.find(|(key, _)| !known.contains(key)) else {
            return Ok(());
        };
        let hint = match nearest(key, known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there is {}", known.join(", ")),
        };
        let (what, key) = (self.what, cut(key, SHOWN_BYTES_MAX));
        let key = key.escape_debug();
        Err(node
            .place
            .fault(format!("a {what} has no key {key}; {hint}")))
    }
}
