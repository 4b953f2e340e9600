//! Writes things as JSON, straight from their rows.

use std::collections::BTreeMap;
use std::io::Write;

use crate::amount;
use crate::entity::{Entity, Kind};
use crate::extended::{Extended, Member};
use crate::fault::Fault;
use crate::records::{Cell, Records};
use crate::store::Read;

use super::budget::Budget;
use super::fields::{Related, Selection};

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
        if self.bytes.len() > self.budget.answer_bytes_max {
            return Err(Self::too_large(self.budget));
        }
        Ok(())
    }

    fn too_large(budget: Budget) -> Fault {
        let max = budget.answer_bytes_max;
        Fault::TooMuch(format!("the answer has more than {max} bytes"))
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
    /// What other components provide for them.
    members: Vec<Member>,
    /// The place of each row's id among those of the members; empty where it is the row.
    places: Vec<usize>,
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
            members: Vec::new(),
            places: Vec::new(),
        })
    }

    /// Whether anything is shown that other components may provide.
    pub fn reaches_others(&self) -> bool {
        !self.selection.elsewhere.is_empty()
            || self.related.iter().flatten().any(Self::reaches_others)
    }

    /// Has other components provide what is shown of theirs: one question for each kind
    /// of thing in the answer, however many there are. With `written`, what is answered is in
    /// the database already.
    ///
    /// # Errors
    /// When it is more than the budget has for an answer.
    pub fn extend(
        &mut self,
        extended: &dyn Extended,
        budget: Budget,
        written: bool,
    ) -> Result<(), Fault> {
        let mut left = budget.answer_bytes_max;
        self.extend_within(extended, written, &mut left)
            .ok_or_else(|| Out::too_large(budget))
    }

    fn extend_within(
        &mut self,
        extended: &dyn Extended,
        written: bool,
        left: &mut usize,
    ) -> Option<()> {
        let is_asked = !self.selection.elsewhere.is_empty() && !self.records.is_empty();
        if is_asked && extended.is_extended(self.entity.key()) {
            let rows = 0..self.records.len();
            let all = rows.map(|row| self.records.text(row, self.first).unwrap_or_default());
            let mut ids = Vec::new();
            // The same thing may be tied to several.
            if self.first > 0 {
                let mut known = BTreeMap::new();
                self.places = all
                    .map(|id| {
                        *known.entry(id).or_insert_with(|| {
                            ids.push(id);
                            ids.len() - 1
                        })
                    })
                    .collect();
            } else {
                ids.extend(all);
            }
            let paths = &self.selection.elsewhere;
            let members = extended.values(self.entity.key(), paths, &ids, written);
            let values = members.iter().flat_map(|member| &member.values);
            *left = left.checked_sub(values.map(String::len).sum())?;
            self.members = members;
        }
        let mut related = self.related.iter_mut().flatten();
        related.try_for_each(|things| things.extend_within(extended, written, left))
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
            match (things, self.member(relation.relation.name)) {
                (Some(things), _) => things.write_tied_to(out, id, relation.relation.many)?,
                (None, Some(member)) => self.write_member(out, member, row),
                (None, None) => out.bytes.extend_from_slice(b"[]"),
            }
            between = ",";
        }
        for member in &self.members {
            let mut relations = self.selection.relations.iter();
            if relations.any(|related| related.relation.name == member.name) {
                continue;
            }
            write_key(&mut out.bytes, between, &member.name);
            self.write_member(out, member, row);
            between = ",";
        }
        out.bytes.push(b'}');
        Ok(())
    }

    fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    fn write_member(&self, out: &mut Out, member: &Member, row: usize) {
        let place = self.places.get(row).map_or(row, |place| *place);
        let value = member.values.get(place).map_or("null", String::as_str);
        out.bytes.extend_from_slice(value.as_bytes());
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

/// What a relation ties to the things with these ids, as one JSON text each: an array, or
/// `null` or an object where there is one at most. It is read by one query for each relation,
/// however many ids there are. A component that provides a relation returns these texts.
///
/// # Errors
/// When the store cannot serve, or it is more than the budget has.
pub fn tied(
    reads: &(impl Read + ?Sized),
    budget: Budget,
    related: &Related,
    ids: &[String],
) -> Result<Vec<String>, Fault> {
    let Some(target) = related.relation.target else {
        return Ok(vec!["[]".to_owned(); ids.len()]);
    };
    let shown = &related.selection;
    let unique: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows = reads.related(related.relation, &unique, shown.read())?;
    let mut left = budget.rows_bytes_max;
    let things = Things::with(reads, &mut left, (target, shown), rows, 1)?;
    let mut out = Out::new(budget, "");
    let mut texts = Vec::with_capacity(ids.len());
    for id in ids {
        let start = out.bytes.len();
        things.write_tied_to(&mut out, id, related.relation.many)?;
        out.check()?;
        let text = std::str::from_utf8(&out.bytes[start..]).map_err(|error| {
            Fault::Internal(format!("{} is no text: {error}", related.relation.name))
        })?;
        texts.push(text.to_owned());
    }
    Ok(texts)
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
        (Kind::Integer, Cell::Integer(integer)) => {
            out.extend_from_slice(integer.to_string().as_bytes())
        }
        (Kind::Amount, Cell::Integer(kept)) => out.extend_from_slice(amount::show(kept).as_bytes()),
        (Kind::Json, Cell::Text(json)) => out.extend_from_slice(json.as_bytes()),
        (_, Cell::Text(text)) => write_text(out, text),
        (_, other) => {
            // Columns hold texts, flags, numbers and JSON; anything else is a fault of the schema.
            let _ = write!(out, "\"{other:?}\"");
        }
    }
}

/// A text with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    // Writing to memory cannot fail, and a text has no shape that JSON lacks.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests;
