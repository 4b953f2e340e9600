//! The rows of a statement, packed into one buffer as
//! `wares:platform/sql` lays it out. No allocation a cell.

use super::Value;

/// Packed rows. The layout is that of the record `rows` of `wares:platform/sql`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Cells in a row.
    pub columns: u32,
    /// Rows in `data`.
    pub count: u32,
    /// The cells.
    pub data: Vec<u8>,
}

impl Rows {
    /// The cells, row by row.
    pub fn cells(&self) -> Cells<'_> {
        Cells(&self.data)
    }
}

/// Cells that are unpacked one by one.
#[derive(Debug)]
pub struct Cells<'a>(&'a [u8]);

impl Cells<'_> {
    fn take(&mut self, bytes: usize) -> Option<&[u8]> {
        let (taken, left) = self.0.split_at_checked(bytes)?;
        self.0 = left;
        Some(taken)
    }

    fn word(&mut self) -> Option<[u8; 8]> {
        self.take(8)?.try_into().ok()
    }

    fn content(&mut self) -> Option<Vec<u8>> {
        let length: [u8; 4] = self.take(4)?.try_into().ok()?;
        let length = u32::from_le_bytes(length) as usize;
        self.take(length).map(<[u8]>::to_vec)
    }
}

impl Iterator for Cells<'_> {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        Some(match self.take(1)? {
            [0] => Value::Null,
            [1] => Value::Integer(i64::from_le_bytes(self.word()?)),
            [2] => Value::Real(f64::from_le_bytes(self.word()?)),
            [3] => Value::Text(String::from_utf8_lossy(&self.content()?).into_owned()),
            _ => Value::Blob(self.content()?),
        })
    }
}
