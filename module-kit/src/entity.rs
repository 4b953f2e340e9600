//! Nouns as tables: their columns and relations, in the order in which Medusa shows
//! them, and where they are stored. Everything that reads, filters, shows or
//! documents a thing is driven by these.

use std::fmt;
use std::ops::Range;

/// A kind of thing. A module has one `static` for each.
pub struct Entity {
    /// Its name in OpenAPI.
    pub name: &'static str,
    /// All columns, in the order of every select. The first is the id.
    pub columns: &'static [Column],
    /// How many of the columns, from the first, its own routes show.
    pub shown: usize,
    /// The indexes of the columns that a relation shows, in its order.
    pub nested: &'static [usize],
    /// Its relations.
    pub relations: &'static [Relation],
    /// Where it is stored.
    pub table: Table,
}

/// Where an entity is stored. Besides the columns of the entity the table has
/// `number`, which orders rows by when they were made, `deleted_at`, and, if `q` is to
/// find anything, `search_text`.
#[derive(Debug)]
pub struct Table {
    /// Its name, in double quotes if SQL has a meaning for it: `"order"`.
    pub name: &'static str,
    /// What statements call it.
    pub alias: &'static str,
    /// The columns of the entity in its order, each with the alias before it, separated
    /// by `, `.
    pub columns: &'static str,
    /// The full-text index of trigrams over `search_text`, where there is one.
    pub words: Option<&'static str>,
    /// Whether triggers keep the number of its rows that are not deleted, as `live` of the
    /// row of `row_count` with its name. Where there are no such triggers, a list
    /// without a filter counts all rows.
    pub counted: bool,
}

impl Table {
    /// A table without a full-text index and without a count of its rows.
    pub const fn plain(name: &'static str, alias: &'static str, columns: &'static str) -> Self {
        Self {
            name,
            alias,
            columns,
            words: None,
            counted: false,
        }
    }
}

/// How a column's values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As text.
    Text,
    /// As a truth value.
    Flag,
    /// As the JSON that they hold.
    Json,
    /// As text; a time.
    Time,
    /// As a whole number.
    Integer,
    /// As a number with the decimals of an [`amount`](crate::amount), stored as an integer.
    Amount,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, in tables and in JSON.
    pub name: &'static str,
    /// How its values are shown.
    pub kind: Kind,
    /// Whether it may have no value.
    pub nullable: bool,
}

impl Column {
    /// A text that may be absent.
    pub const fn text(name: &'static str) -> Self {
        Self::of(name, Kind::Text, true)
    }

    /// A text that is always there.
    pub const fn key(name: &'static str) -> Self {
        Self::of(name, Kind::Text, false)
    }

    /// A truth value that is always there.
    pub const fn flag(name: &'static str) -> Self {
        Self::of(name, Kind::Flag, false)
    }

    /// A time that is always there.
    pub const fn time(name: &'static str) -> Self {
        Self::of(name, Kind::Time, false)
    }

    /// A time that may be absent.
    pub const fn nullable_time(name: &'static str) -> Self {
        Self::of(name, Kind::Time, true)
    }

    /// A whole number that is always there.
    pub const fn integer(name: &'static str) -> Self {
        Self::of(name, Kind::Integer, false)
    }

    /// An amount that is always there.
    pub const fn amount(name: &'static str) -> Self {
        Self::of(name, Kind::Amount, false)
    }

    /// Metadata, which may be absent.
    pub const METADATA: Self = Self::of("metadata", Kind::Json, true);

    /// The time of a deletion, which a thing that is shown does not have.
    pub const DELETED_AT: Self = Self::nullable_time("deleted_at");

    const fn of(name: &'static str, kind: Kind, nullable: bool) -> Self {
        Self {
            name,
            kind,
            nullable,
        }
    }
}

/// Which columns of an entity are read, by their indexes. The others come as NULL,
/// so that every column keeps its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns(u64);

impl Columns {
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);

    /// These, and the id, by which relations are found.
    pub fn of(indexes: &[usize]) -> Self {
        let bits = indexes.iter().map(|index| Self::bit(*index));
        Self(bits.fold(1, |columns, bit| columns | bit))
    }

    /// Whether this one is read.
    pub fn has(self, index: usize) -> bool {
        let bit = Self::bit(index);
        bit == 0 || self.0 & bit != 0
    }

    /// Its bit; 0 for a column beyond the 64th, all of which are read always.
    fn bit(index: usize) -> u64 {
        u32::try_from(index).map_or(0, |index| 1_u64.checked_shl(index).unwrap_or(0))
    }
}

/// A relation of a thing. A module has one `static` for each list of them.
pub struct Relation {
    /// Its name in JSON.
    pub name: &'static str,
    /// The entity at the other end; `None` if another module has it, and the relation is empty.
    pub target: Option<&'static Entity>,
    /// How the rows of both ends find one another; `None` where another module has it.
    pub join: Option<Join>,
    /// Whether there can be more than one.
    pub many: bool,
    /// Whether the id comes along even when it is not asked for.
    pub with_id: bool,
    /// The column that ties to it, which comes along as well.
    pub own_column: Option<&'static str>,
}

/// How the rows of two tables find one another.
#[derive(Clone, Copy, Debug)]
pub enum Join {
    /// A column of the other end holds the id of the thing.
    Theirs(&'static str),
    /// A column of the thing holds the id of the other end.
    Ours {
        /// The table of the thing.
        table: &'static str,
        /// Its column.
        column: &'static str,
    },
    /// By a table in between, whose `number` orders them.
    Through {
        /// Its name.
        table: &'static str,
        /// Its column with the id of the thing.
        from: &'static str,
        /// Its column with the id of the other end.
        to: &'static str,
    },
}

impl Relation {
    /// Things that are tied in this way.
    pub const fn many(name: &'static str, target: &'static Entity, join: Join) -> Self {
        Self {
            name,
            target: Some(target),
            join: Some(join),
            many: true,
            with_id: false,
            own_column: None,
        }
    }

    /// Things that another module has, which may provide them; `[]` while none does.
    pub const fn elsewhere(name: &'static str) -> Self {
        Self {
            name,
            target: None,
            join: None,
            many: true,
            with_id: false,
            own_column: None,
        }
    }
}

impl Entity {
    /// A thing without relations, all of whose columns are shown. No statement of the kit
    /// reads it: it is stored elsewhere.
    pub const fn elsewhere(name: &'static str, columns: &'static [Column]) -> Self {
        Self {
            name,
            columns,
            shown: columns.len(),
            nested: &[],
            relations: &[],
            table: Table::plain("", "", ""),
        }
    }

    /// Its name for other components: that of its table.
    pub fn key(&self) -> &'static str {
        self.table.name.trim_matches('"')
    }

    /// The names of its own fields and relations, which no other component provides.
    pub fn own(&self) -> impl Iterator<Item = &'static str> {
        let columns = self.columns.iter().map(|column| column.name);
        let relations = self.relations.iter();
        let relations = relations.filter(|relation| relation.target.is_some());
        columns.chain(relations.map(|relation| relation.name))
    }

    /// The indexes of the columns that its own routes show.
    pub fn shown(&self) -> Range<usize> {
        0..self.shown
    }

    /// The index of a column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// A relation by its name.
    pub fn relation(&self, name: &str) -> Option<&'static Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }
}

// Entities refer to one another in circles, and each is there once.

impl PartialEq for Entity {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Entity {}

impl fmt::Debug for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for Relation {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Relation {}

impl fmt::Debug for Relation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_are_read_are_those_that_are_named() {
        let columns = Columns::of(&[2, 40, 63]);
        let read: Vec<usize> = (0..64).filter(|index| columns.has(*index)).collect();
        assert_eq!(read, [0, 2, 40, 63]);
        assert!(columns.has(64) && Columns::ALL.has(63));
    }
}
