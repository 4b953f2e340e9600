//! The rows of a statement, packed into one buffer as
//! `wares:platform/sql` lays it out. No allocation a cell.

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
