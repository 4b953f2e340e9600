//! Writes things as JSON, straight from their rows.

use std::io::Write;

use crate::domain::Domain;
use crate::hooks::Hooks;
use crate::model::{Entity, Kind};
use crate::records::{Cell, Records};
use crate::store::Store;
use crate::types::Fault;

use super::fields::Selection;

/// Rows of one kind of thing, and what is tied to them.
pub struct Things<'a> {
    entity: Entity,
    selection: &'a Selection,
    records: Records,
    /// Where the columns of the entity begin in a row; before them stands the
    /// id of the thing that a row is tied to.
    first: usize,
    /// One for each relation of the selection; `None` where it is elsewhere.
    related: Vec<Option<Things<'a>>>,
}

impl<'a> Things<'a> {
    /// Takes rows with the columns of an entity, and fetches all that is shown
    /// of what is tied to them: one query a relation, however many rows there are.
    ///
    /// # Errors
    /// When the store cannot serve.
    pub fn load<S: Store, H: Hooks>(
        domain: &Domain<S, H>,
        entity: Entity,
        selection: &'a Selection,
        records: Records,
    ) -> Result<Self, Fault> {
        Self::with(domain, entity, selection, records, 0)
    }

    fn with<S: Store, H: Hooks>(
        domain: &Domain<S, H>,
        entity: Entity,
        selection: &'a Selection,
        records: Records,
        first: usize,
    ) -> Result<Self, Fault> {
        let mut related = Vec::with_capacity(selection.relations.len());
        if !selection.relations.is_empty() {
            let ids: Vec<&str> = (0..records.len())
                .filter_map(|row| records.text(row, first))
                .collect();
            for relation in &selection.relations {
                related.push(match relation.relation.target {
                    Some(target) => {
                        let rows = domain.related(relation.relation.link, &ids)?;
                        Some(Self::with(domain, target, &relation.selection, rows, 1)?)
                    }
                    None => None,
                });
            }
        }
        Ok(Self {
            entity,
            selection,
            records,
            first,
            related,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// All of them as an array.
    pub fn write_all(&self, out: &mut Vec<u8>) {
        self.write_rows(out, 0..self.len());
    }

    fn write_rows(&self, out: &mut Vec<u8>, rows: std::ops::Range<usize>) {
        out.push(b'[');
        for row in rows.clone() {
            if row > rows.start {
                out.push(b',');
            }
            self.write(out, row);
        }
        out.push(b']');
    }

    /// One of them as an object.
    pub fn write(&self, out: &mut Vec<u8>, row: usize) {
        out.push(b'{');
        let mut between = "";
        for &place in &self.selection.columns {
            let column = &self.entity.columns()[place];
            out.extend_from_slice(between.as_bytes());
            out.push(b'"');
            out.extend_from_slice(column.name.as_bytes());
            out.extend_from_slice(b"\":");
            write_cell(out, column.kind, self.records.get(row, self.first + place));
            between = ",";
        }
        let id = self.records.text(row, self.first).unwrap_or_default();
        for (relation, things) in self.selection.relations.iter().zip(&self.related) {
            out.extend_from_slice(between.as_bytes());
            out.push(b'"');
            out.extend_from_slice(relation.relation.name.as_bytes());
            out.extend_from_slice(b"\":");
            match things {
                Some(things) => things.write_tied_to(out, id, relation.relation.many),
                None => out.extend_from_slice(b"[]"),
            }
            between = ",";
        }
        out.push(b'}');
    }

    /// Those that are tied to the thing with this id. Rows come in the order of these ids.
    fn write_tied_to(&self, out: &mut Vec<u8>, id: &str, many: bool) {
        let start = self.partition(|parent| parent < id);
        let end = self.partition(|parent| parent <= id);
        if many {
            self.write_rows(out, start..end);
        } else if start < end {
            self.write(out, start);
        } else {
            out.extend_from_slice(b"null");
        }
    }

    /// The first row for which the condition does not hold any more.
    fn partition(&self, before: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.records.text(middle, 0).unwrap_or_default()) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn write_cell(out: &mut Vec<u8>, kind: Kind, cell: Cell<'_>) {
    match (kind, cell) {
        (_, Cell::Null) => out.extend_from_slice(b"null"),
        (Kind::Flag, Cell::Integer(flag)) => {
            out.extend_from_slice(if flag == 0 { b"false" } else { b"true" })
        }
        (Kind::Json, Cell::Text(json)) => out.extend_from_slice(json.as_bytes()),
        (_, Cell::Text(text)) => write_text(out, text),
        (_, other) => {
            // Columns hold texts, flags and JSON; anything else is a fault of the schema.
            let _ = write!(out, "\"{other:?}\"");
        }
    }
}

/// A text with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    // Writing to memory cannot fail, and a text has no shape that JSON lacks.
    let _ = serde_json::to_writer(out, text);
}
