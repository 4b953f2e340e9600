//! Writes things as JSON, straight from their rows.

use std::io::Write;

use crate::entity::{Entity, Kind};
use crate::fault::Fault;
use crate::records::{Cell, Records};
use crate::store::Read;

use super::budget::Budget;
use super::fields::Selection;

/// An answer that is being written, within its budget.
pub struct Out {
    bytes: Vec<u8>,
    budget: Budget,
}

impl Out {
    /// An answer that begins like this.
    pub fn new(budget: Budget, start: &str) -> Self {
        Self {
            bytes: start.as_bytes().to_vec(),
            budget,
        }
    }

    /// Returns what the answer may take.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Returns the answer, which ends like this.
    ///
    /// # Errors
    /// When it is larger than its budget.
    pub fn end(mut self, end: &str) -> Result<Vec<u8>, Fault> {
        self.bytes.extend_from_slice(end.as_bytes());
        self.check()?;
        Ok(self.bytes)
    }

    fn check(&self) -> Result<(), Fault> {
        let max = self.budget.answer_bytes_max;
        if self.bytes.len() > max {
            return Err(Fault::TooMuch(format!(
                "the answer has more than {max} bytes"
            )));
        }
        Ok(())
    }
}

/// Rows of one kind of thing, and what is tied to them.
pub struct Things<'a> {
    entity: &'static Entity,
    selection: &'a Selection,
    records: Records,
    /// Where the columns of the entity begin in a row; before them stands the
    /// id of the thing that a row is tied to.
    first: usize,
    /// One for each relation of the selection; `None` where it is elsewhere.
    related: Vec<Option<Things<'a>>>,
}

impl<'a> Things<'a> {
    /// Takes rows with the columns of an entity, and reads all that is shown of what
    /// is tied to them: one query a relation, however many rows there are.
    ///
    /// # Errors
    /// When the store cannot serve, or the rows take more than the budget has.
    pub fn load(
        reads: &(impl Read + ?Sized),
        budget: Budget,
        (entity, selection): (&'static Entity, &'a Selection),
        records: Records,
    ) -> Result<Self, Fault> {
        let mut left = budget.rows_bytes_max;
        Self::with(reads, &mut left, (entity, selection), records, 0)
    }

    /// `left` is how many bytes of rows may be kept beside those that are kept yet.
    fn with(
        reads: &(impl Read + ?Sized),
        left: &mut usize,
        (entity, selection): (&'static Entity, &'a Selection),
        records: Records,
        first: usize,
    ) -> Result<Self, Fault> {
        *left = left.checked_sub(records.bytes()).ok_or_else(|| {
            Fault::TooMuch("the rows that it needs do not fit into memory".to_owned())
        })?;
        let mut related = Vec::with_capacity(selection.relations.len());
        if !selection.relations.is_empty() {
            let ids: Vec<&str> = (0..records.len())
                .filter_map(|row| records.text(row, first))
                .collect();
            for relation in &selection.relations {
                related.push(match relation.relation.target {
                    Some(target) => {
                        let shown = &relation.selection;
                        let rows = reads.related(relation.relation, &ids, shown.read())?;
                        Some(Self::with(reads, left, (target, shown), rows, 1)?)
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

    fn len(&self) -> usize {
        self.records.len()
    }

    /// All of them as an array.
    ///
    /// # Errors
    /// When the answer is larger than its budget.
    pub fn write_all(&self, out: &mut Out) -> Result<(), Fault> {
        self.write_rows(out, 0..self.len())
    }

    fn write_rows(&self, out: &mut Out, rows: std::ops::Range<usize>) -> Result<(), Fault> {
        out.bytes.push(b'[');
        for row in rows.clone() {
            if row > rows.start {
                out.bytes.push(b',');
            }
            self.write(out, row)?;
        }
        out.bytes.push(b']');
        Ok(())
    }

    /// One of them as an object.
    ///
    /// # Errors
    /// When the answer is larger than its budget.
    pub fn write(&self, out: &mut Out, row: usize) -> Result<(), Fault> {
        out.bytes.push(b'{');
        let mut between = "";
        for &index in &self.selection.columns {
            let column = &self.entity.columns[index];
            write_key(&mut out.bytes, between, column.name);
            write_cell(
                &mut out.bytes,
                column.kind,
                self.records.get(row, self.first + index),
            );
            between = ",";
        }
        out.check()?;
        let id = self.records.text(row, self.first).unwrap_or_default();
        for (relation, things) in self.selection.relations.iter().zip(&self.related) {
            write_key(&mut out.bytes, between, relation.relation.name);
            match things {
                Some(things) => things.write_tied_to(out, id, relation.relation.many)?,
                None => out.bytes.extend_from_slice(b"[]"),
            }
            between = ",";
        }
        out.bytes.push(b'}');
        Ok(())
    }

    /// Those that are tied to the thing with this id. Rows come in the order of these ids.
    fn write_tied_to(&self, out: &mut Out, id: &str, many: bool) -> Result<(), Fault> {
        let start = self.partition(|parent| parent < id);
        let end = self.partition(|parent| parent <= id);
        if many {
            self.write_rows(out, start..end)
        } else if start < end {
            self.write(out, start)
        } else {
            out.bytes.extend_from_slice(b"null");
            Ok(())
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

fn write_key(out: &mut Vec<u8>, between: &str, name: &str) {
    out.extend_from_slice(between.as_bytes());
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
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
