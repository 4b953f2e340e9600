//! Values and rows between SQLite and the types that every database has.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use super::{Rows, SqlError, Value};

/// The largest value, and the largest row, in bytes.
pub(super) const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Real(real) => ValueRef::Real(*real),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

/// How much a result may hold.
pub(in crate::storage) struct RowsLimits {
    pub rows_max: u32,
    pub bytes_max: usize,
}

impl Rows {
    /// Packs all rows of a statement that has its parameters already.
    pub(in crate::storage) fn read(
        rows: &mut rusqlite::Rows<'_>,
        columns: usize,
        limits: &RowsLimits,
    ) -> Result<Self, SqlError> {
        let mut packed = Self {
            columns: columns as u32,
            count: 0,
            data: Vec::new(),
        };
        while let Some(row) = rows.next()? {
            if packed.count == limits.rows_max {
                return Err(SqlError::LimitExceeded(format!(
                    "more than {} rows (sql_rows_max)",
                    limits.rows_max
                )));
            }
            packed.count += 1;
            for column in 0..columns {
                packed.push(row.get_ref(column)?);
                // A row may be as wide as all of them together.
                if packed.data.len() > limits.bytes_max {
                    return Err(SqlError::LimitExceeded(format!(
                        "more than {} bytes of rows (sql_result_bytes_max)",
                        limits.bytes_max
                    )));
                }
            }
        }
        Ok(packed)
    }

    fn push(&mut self, value: ValueRef<'_>) {
        let (tag, content) = match value {
            ValueRef::Null => return self.data.push(0),
            ValueRef::Integer(integer) => {
                self.data.push(1);
                return self.data.extend_from_slice(&integer.to_le_bytes());
            }
            ValueRef::Real(real) => {
                self.data.push(2);
                return self.data.extend_from_slice(&real.to_le_bytes());
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        self.data.push(tag);
        // SQLite's own limit on a value's length is far below 4 GiB.
        self.data
            .extend_from_slice(&(content.len() as u32).to_le_bytes());
        self.data.extend_from_slice(content);
    }
}
