//! Rows as they cross from the host: one packed buffer, read in place. Never
//! copies a cell that its reader does not keep. [`rows`](crate::rows) reads them by the names of
//! their columns.

use std::fmt;

/// One cell: a value of a row, or a parameter of a statement.
///
/// ```
/// use wares_module::records::{Cell, Records};
///
/// let records = Records::row(&[Cell::Text("ann"), Cell::Integer(3)]);
/// assert_eq!(records.get(0, 1), Cell::Integer(3));
/// assert_eq!((records.text(0, 0), records.integer(0, 1)), (Some("ann"), 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// A 64-bit integer; truth values are 0 and 1.
    Integer(i64),
    /// A 64-bit float.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl<'a> Cell<'a> {
    /// A text, or no value.
    pub fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// Rows of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    columns: usize,
    data: Vec<u8>,
    /// Where each cell begins in `data`, row after row.
    cells: Vec<u32>,
}

/// A buffer that is not of the layout that it should have.
#[derive(Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the rows from the database are not of the agreed layout")
    }
}

impl std::error::Error for Malformed {}

impl Records {
    /// Takes over a buffer of the layout of `wares:platform/sql.rows`.
    ///
    /// # Errors
    /// When it is cut short or has an unknown tag.
    pub fn unpack(columns: usize, count: usize, data: Vec<u8>) -> Result<Self, Malformed> {
        // A cell takes a byte at least, so a buffer has no more cells than bytes.
        let number = columns.checked_mul(count).ok_or(Malformed)?;
        if number > data.len() {
            return Err(Malformed);
        }
        let mut cells = Vec::with_capacity(number);
        let mut at = 0;
        for _ in 0..number {
            cells.push(u32::try_from(at).map_err(|_| Malformed)?);
            at += match data.get(at).ok_or(Malformed)? {
                0 => 1,
                1 | 2 => 9,
                3 | 4 => 5 + length(&data, at).ok_or(Malformed)?,
                _ => return Err(Malformed),
            };
        }
        if at == data.len() {
            Ok(Self {
                columns,
                data,
                cells,
            })
        } else {
            Err(Malformed)
        }
    }

    /// One row of these cells.
    pub fn row(cells: &[Cell<'_>]) -> Self {
        let mut records = Self::with_columns(cells.len());
        cells.iter().for_each(|cell| records.push(*cell));
        records
    }

    /// Rows to be filled by [`Records::push`].
    pub fn with_columns(columns: usize) -> Self {
        Self {
            columns,
            data: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Adds the next cell.
    pub fn push(&mut self, cell: Cell<'_>) {
        self.cells.push(self.data.len() as u32);
        let (tag, content) = match cell {
            Cell::Null => return self.data.push(0),
            Cell::Integer(integer) => {
                self.data.push(1);
                return self.data.extend_from_slice(&integer.to_le_bytes());
            }
            Cell::Real(real) => {
                self.data.push(2);
                return self.data.extend_from_slice(&real.to_le_bytes());
            }
            Cell::Text(text) => (3, text.as_bytes()),
            Cell::Blob(blob) => (4, blob),
        };
        self.data.push(tag);
        self.data
            .extend_from_slice(&(content.len() as u32).to_le_bytes());
        self.data.extend_from_slice(content);
    }

    /// How many cells a row has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> usize {
        self.data.len() + size_of_val(&*self.cells)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// A cell, or null outside of the rows and columns.
    pub fn get(&self, row: usize, column: usize) -> Cell<'_> {
        let Some(&at) = self.cells.get(row * self.columns + column) else {
            return Cell::Null;
        };
        let at = at as usize;
        let eight = || self.data.get(at + 1..at + 9)?.try_into().ok();
        let content = || self.data.get(at + 5..at + 5 + length(&self.data, at)?);
        match self.data.get(at) {
            Some(1) => eight().map_or(Cell::Null, |bytes| Cell::Integer(i64::from_le_bytes(bytes))),
            Some(2) => eight().map_or(Cell::Null, |bytes| Cell::Real(f64::from_le_bytes(bytes))),
            Some(3) => content()
                .and_then(|text| std::str::from_utf8(text).ok())
                .map_or(Cell::Null, Cell::Text),
            Some(4) => content().map_or(Cell::Null, Cell::Blob),
            _ => Cell::Null,
        }
    }

    /// A cell's text, if it has any.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        match self.get(row, column) {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A cell's text to keep, if it has any.
    pub fn string(&self, row: usize, column: usize) -> Option<String> {
        self.text(row, column).map(str::to_owned)
    }

    /// A cell's truth.
    pub fn flag(&self, row: usize, column: usize) -> bool {
        self.integer(row, column) != 0
    }

    /// A cell's integer; 0 where it has none.
    pub fn integer(&self, row: usize, column: usize) -> i64 {
        match self.get(row, column) {
            Cell::Integer(integer) => integer,
            _ => 0,
        }
    }
}

fn length(data: &[u8], at: usize) -> Option<usize> {
    let length: [u8; 4] = data.get(at + 1..at + 5)?.try_into().ok()?;
    let length = u32::from_le_bytes(length) as usize;
    (at + 5 + length <= data.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rows_are_read_in_place() {
        let cells = [
            Cell::Null,
            Cell::Integer(-7),
            Cell::Real(0.5),
            Cell::Text("Größe"),
            Cell::Blob(b"\0\xff"),
            Cell::Text(""),
        ];
        let mut packed = Records::with_columns(3);
        cells.iter().for_each(|cell| packed.push(*cell));
        let read = Records::unpack(3, 2, packed.data.clone()).unwrap();
        assert_eq!(read.len(), 2);
        let back: Vec<Cell<'_>> = (0..6).map(|index| read.get(index / 3, index % 3)).collect();
        assert_eq!(back, cells);
        assert_eq!(read.get(2, 0), Cell::Null);
    }

    #[test]
    fn a_buffer_of_another_layout_is_refused() {
        for data in [
            &b""[..],
            b"\x09",
            b"\x01\0\0",
            b"\x03\xff\xff\xff\xffab",
            b"\x03\x01\0\0\0ab",
        ] {
            assert!(Records::unpack(1, 1, data.to_vec()).is_err(), "{data:?}");
        }
        assert!(Records::unpack(1, 1, vec![0]).is_ok());
    }
}
