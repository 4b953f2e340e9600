//! Rows by the names of their columns, as types of Rust.
//!
//! Rows cross from the host without names: those of a statement's columns are read from its text.

use std::fmt;

use crate::records::{Cell, Records};

mod columns;

/// The rows that a statement returned.
#[derive(Clone, Debug)]
pub struct Rows<'s> {
    statement: &'s str,
    /// None where the text does not tell them: `select *`.
    columns: Vec<&'s str>,
    records: Records,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    rows: &'r Rows<'r>,
    index: usize,
}

/// Why a row or a cell is not what its reader expects: it names the statement, the column and both
/// types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// What is wrong.
    pub text: String,
    /// The statement.
    pub statement: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the statement `{}` {}",
            self.statement, self.text
        )
    }
}

impl std::error::Error for RowError {}

impl<'s> Rows<'s> {
    /// The rows of this statement. [`sql::query`](crate::sql::query) returns them; a test may make
    /// its own.
    ///
    /// ```
    /// use wares_module::records::{Cell, Records};
    /// use wares_module::rows::Rows;
    ///
    /// let cells = Records::row(&[Cell::Text("ann"), Cell::Integer(3)]);
    /// let rows = Rows::new("select id, points from account", cells);
    /// let row = rows.one().unwrap();
    /// assert_eq!(row.get::<i64>("points"), Ok(3));
    /// assert_eq!(
    ///     row.get::<i64>("id").unwrap_err().to_string(),
    ///     "the statement `select id, points from account` has text in column id, not an integer"
    /// );
    /// assert_eq!(
    ///     row.get::<i64>("point").unwrap_err().to_string(),
    ///     "the statement `select id, points from account` has no column point; it has id, points"
    /// );
    /// ```
    pub fn new(statement: &'s str, records: Records) -> Self {
        let mut columns = columns::of(statement);
        if !records.is_empty() && columns.len() != records.columns() {
            columns.clear();
        }
        Self {
            statement,
            columns,
            records,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// All rows, in their order.
    ///
    /// ```
    /// # use wares_module::records::{Cell, Records};
    /// # use wares_module::rows::{Row, RowError, Rows};
    /// struct Account { id: String, points: i64 }
    ///
    /// fn account(row: Row<'_>) -> Result<Account, RowError> {
    ///     Ok(Account { id: row.get("id")?, points: row.get("points")? })
    /// }
    ///
    /// # let cells = Records::row(&[Cell::Text("ann"), Cell::Integer(3)]);
    /// # let rows = Rows::new("select id, points from account", cells);
    /// let accounts: Vec<Account> = rows.iter().map(account).collect::<Result<_, _>>().unwrap();
    /// assert_eq!((&*accounts[0].id, accounts[0].points), ("ann", 3));
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| Row { rows: self, index })
    }

    /// The first row, if there is any.
    pub fn first(&self) -> Option<Row<'_>> {
        self.iter().next()
    }

    /// The only row.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn one(&self) -> Result<Row<'_>, RowError> {
        match self.len() {
            1 => Ok(Row {
                rows: self,
                index: 0,
            }),
            rows => Err(self.error(format!("returned {rows} rows, not one"))),
        }
    }

    fn error(&self, text: String) -> RowError {
        RowError {
            text,
            statement: self.statement.to_owned(),
        }
    }
}

impl<'r> Row<'r> {
    /// The value of a column, by its name in the statement: that after `as`, or that of the column
    /// itself.
    ///
    /// # Errors
    /// When there is no such column, or its value is not of this type. `null` is a value of
    /// `Option<T>` alone.
    pub fn get<T: FromCell<'r>>(&self, column: &str) -> Result<T, RowError> {
        let names = &self.rows.columns;
        match names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(column))
        {
            Some(index) => self.read(index, column),
            None if names.is_empty() => Err(self.rows.error(format!(
                "does not tell which column is {column}: name its columns one by one"
            ))),
            None => {
                let named: Vec<&str> = names
                    .iter()
                    .copied()
                    .filter(|name| !name.is_empty())
                    .collect();
                let text = format!("has no column {column}; it has {}", named.join(", "));
                Err(self.rows.error(text))
            }
        }
    }

    /// The value of a column by its place in the statement, from 0 on.
    ///
    /// # Errors
    /// When there is no such column, or its value is not of this type.
    ///
    /// ```
    /// # use wares_module::records::{Cell, Records};
    /// # use wares_module::rows::Rows;
    /// let rows = Rows::new("select count(*) from account", Records::row(&[Cell::Integer(3)]));
    /// assert_eq!(rows.one().unwrap().at::<i64>(0), Ok(3));
    /// ```
    pub fn at<T: FromCell<'r>>(&self, index: usize) -> Result<T, RowError> {
        let columns = self.rows.records.columns();
        if index >= columns {
            let text = format!("has no column {index}; it has {columns}");
            return Err(self.rows.error(text));
        }
        self.read(index, &index.to_string())
    }

    fn read<T: FromCell<'r>>(&self, index: usize, column: &str) -> Result<T, RowError> {
        let cell = self.rows.records.get(self.index, index);
        T::from_cell(cell).ok_or_else(|| {
            let found = match cell {
                Cell::Null => "null",
                Cell::Integer(_) => "an integer",
                Cell::Real(_) => "a real number",
                Cell::Text(_) => "text",
                Cell::Blob(_) => "bytes",
            };
            self.rows
                .error(format!("has {found} in column {column}, not {}", T::NAME))
        })
    }
}

/// A type that a cell is read as.
pub trait FromCell<'r>: Sized {
    /// What it is called in errors.
    const NAME: &'static str;

    /// The value; `None` for a cell of another type.
    fn from_cell(cell: Cell<'r>) -> Option<Self>;
}

/// Reads cells of one kind.
macro_rules! read_as {
    ($($type:ty, $name:literal, $($pattern:pat => $value:expr),+;)+) => {$(
        impl<'r> FromCell<'r> for $type {
            const NAME: &'static str = $name;

            fn from_cell(cell: Cell<'r>) -> Option<Self> {
                match cell {
                    $($pattern => $value,)+
                    _ => None,
                }
            }
        }
    )+};
}

read_as! {
    i64, "an integer", Cell::Integer(integer) => Some(integer);
    u64, "an integer of 0 or more", Cell::Integer(integer) => integer.try_into().ok();
    u32, "an integer from 0 to 4294967295", Cell::Integer(integer) => integer.try_into().ok();
    bool, "a truth value (0 or 1)", Cell::Integer(0) => Some(false), Cell::Integer(1) => Some(true);
    f64, "a number", Cell::Real(real) => Some(real), Cell::Integer(integer) => Some(integer as f64);
    &'r str, "text", Cell::Text(text) => Some(text);
    String, "text", Cell::Text(text) => Some(text.to_owned());
    &'r [u8], "bytes", Cell::Blob(bytes) => Some(bytes);
    Vec<u8>, "bytes", Cell::Blob(bytes) => Some(bytes.to_owned());
}

impl<'r, T: FromCell<'r>> FromCell<'r> for Option<T> {
    const NAME: &'static str = T::NAME;

    fn from_cell(cell: Cell<'r>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of five columns, packed as the host does.
    const PACKED: &[u8] = b"\x03\x03\0\0\0ann\x01\x07\0\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\xe0\x3f\x04\x02\0\0\0\0\xff\
        \x03\x03\0\0\0bob\x01\xff\xff\xff\xff\xff\xff\xff\xff\x03\x01\0\0\0x\x01\x01\0\0\0\0\0\0\0\x00";
    const SELECT: &str = "select a.id, points, note, rate as share, avatar from account a";

    fn rows() -> Rows<'static> {
        Rows::new(SELECT, Records::unpack(5, 2, PACKED.to_vec()).unwrap())
    }

    #[test]
    fn cells_are_read_as_types_by_the_names_of_columns() {
        let rows = rows();
        assert_eq!((rows.len(), rows.is_empty()), (2, false));
        let [ann, bob]: [Row<'_>; 2] = rows.iter().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(ann.get("id"), Ok("ann"));
        assert_eq!(ann.get("ID"), Ok("ann".to_owned()));
        assert_eq!(
            (ann.get("points"), ann.get("points")),
            (Ok(7_i64), Ok(7_u32))
        );
        assert_eq!(ann.get("note"), Ok(None::<String>));
        assert_eq!(ann.get("share"), Ok(0.5));
        assert_eq!(ann.get("avatar"), Ok(&b"\0\xff"[..]));
        assert_eq!(bob.get("note"), Ok(Some("x")));
        assert_eq!((bob.get("share"), bob.get("share")), (Ok(1.0), Ok(true)));
        assert_eq!(bob.at(1), Ok(-1_i64));
        assert_eq!(rows.first().unwrap().get("id"), Ok("ann"));
    }

    #[test]
    fn an_error_names_the_statement_the_column_and_both_types() {
        let rows = rows();
        let [ann, bob]: [Row<'_>; 2] = rows.iter().collect::<Vec<_>>().try_into().unwrap();
        let said = |error: RowError| {
            let said = error.to_string();
            let of = format!("the statement `{SELECT}` ");
            said.strip_prefix(&of).unwrap().to_owned()
        };
        for (error, expected) in [
            (
                ann.get::<i64>("id").err(),
                "has text in column id, not an integer",
            ),
            (
                ann.get::<String>("note").err(),
                "has null in column note, not text",
            ),
            (
                bob.get::<u64>("points").err(),
                "has an integer in column points, not an integer of 0 or more",
            ),
            (
                ann.get::<bool>("points").err(),
                "has an integer in column points, not a truth value (0 or 1)",
            ),
            (
                ann.get::<Option<&str>>("share").err(),
                "has a real number in column share, not text",
            ),
            (
                ann.get::<f64>("avatar").err(),
                "has bytes in column avatar, not a number",
            ),
            (
                ann.get::<f64>("rate").err(),
                "has no column rate; it has id, points, note, share, avatar",
            ),
            (ann.at::<f64>(5).err(), "has no column 5; it has 5"),
            (rows.one().err(), "returned 2 rows, not one"),
        ] {
            assert_eq!(said(error.unwrap()), expected);
        }
    }

    #[test]
    fn columns_that_the_text_does_not_name_are_read_by_their_places() {
        let rows = Rows::new(
            "select * from account",
            Records::row(&[Cell::Integer(1), Cell::Null]),
        );
        let row = rows.one().unwrap();
        assert_eq!(row.at(0), Ok(1_i64));
        assert_eq!(
            row.get::<i64>("id").unwrap_err().text,
            "does not tell which column is id: name its columns one by one"
        );
    }
}
