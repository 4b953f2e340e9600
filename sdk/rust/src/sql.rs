//! Statements on the component's own database. A component that imports it needs the grant `sql`.
//!
//! Statements are SQLite's, with parameters `$1`, `$2`, …; text is never put into a statement.
//!
//! ```no_run
//! use wares_module::{params, sql};
//!
//! # fn example() -> Result<(), sql::Error> {
//! let rows = sql::query("select id, points from account where points >= $1", params![100])?;
//! for row in rows.iter() {
//!     let (id, points): (&str, i64) = (row.get("id")?, row.get("points")?);
//!     wares_module::info!("{id} has {points}");
//! }
//! # Ok(())
//! # }
//! ```

use std::fmt;

use serde::Serialize;

use crate::bindings::wares::platform::{events, sql as wit};
use crate::records::{Cell, Records};
use crate::rows::{RowError, Rows};

pub use crate::bindings::wares::platform::sql::{Constraint, ConstraintKind};

/// Why a statement was not carried out, or its rows are not what was expected.
#[derive(Clone, Debug)]
pub struct Error {
    /// The cause.
    pub cause: Cause,
    /// The statement.
    pub statement: String,
}

/// The cause of an [`Error`]. The statement changed nothing, unless the cause is `Row`.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A rule of the schema refuses the write.
    Constraint(Constraint),
    /// Another writer held the database for too long. Worth trying again.
    Busy,
    /// It ran longer than its time.
    Timeout,
    /// More than the component's limits allow; the text names the limit.
    LimitExceeded(String),
    /// It is wrong, or not allowed; the text says why.
    Invalid(String),
    /// The database cannot serve now.
    Unavailable(String),
    /// A row is not what its reader expects; the text says why.
    Row(String),
}

impl Error {
    fn new(cause: wit::Error, statement: &str) -> Self {
        let cause = match cause {
            wit::Error::Constraint(constraint) => Cause::Constraint(constraint),
            wit::Error::Busy => Cause::Busy,
            wit::Error::Timeout => Cause::Timeout,
            wit::Error::LimitExceeded(text) => Cause::LimitExceeded(text),
            wit::Error::Invalid(text) => Cause::Invalid(text),
            wit::Error::Unavailable(text) => Cause::Unavailable(text),
        };
        Self {
            cause,
            statement: statement.to_owned(),
        }
    }

    /// Whether there is a row already where there may be one.
    ///
    /// ```
    /// use wares_module::sql::{Cause, Constraint, ConstraintKind, Error};
    ///
    /// let error = Error {
    ///     cause: Cause::Constraint(Constraint {
    ///         kind: ConstraintKind::Unique,
    ///         columns: vec!["account.id".to_owned()],
    ///     }),
    ///     statement: "insert into account (id) values ($1)".to_owned(),
    /// };
    /// assert!(error.is_unique());
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the statement `insert into account (id) values ($1)` breaks the rule unique of account.id"
    /// );
    /// ```
    pub fn is_unique(&self) -> bool {
        let Cause::Constraint(constraint) = &self.cause else {
            return false;
        };
        constraint.kind == ConstraintKind::Unique
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the statement `{}` ", self.statement)?;
        match &self.cause {
            Cause::Constraint(Constraint { kind, columns }) => {
                let rule = match kind {
                    ConstraintKind::Unique => "unique",
                    ConstraintKind::ForeignKey => "foreign key",
                    ConstraintKind::NotNull => "not null",
                    ConstraintKind::Check => "check",
                };
                write!(formatter, "breaks the rule {rule}")?;
                match &**columns {
                    [] => Ok(()),
                    columns => write!(formatter, " of {}", columns.join(", ")),
                }
            }
            Cause::Busy => formatter.write_str("waited too long for other writers"),
            Cause::Timeout => formatter.write_str("ran longer than its time"),
            Cause::LimitExceeded(text) => write!(formatter, "exceeds a limit: {text}"),
            Cause::Invalid(text) => write!(formatter, "is not taken: {text}"),
            Cause::Unavailable(text) => write!(formatter, "cannot be served now: {text}"),
            Cause::Row(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        Self {
            cause: Cause::Row(error.text),
            statement: error.statement,
        }
    }
}

impl From<RowError> for crate::Error {
    fn from(error: RowError) -> Self {
        Error::from(error).into()
    }
}

/// The parameters of a statement: integers, truth values, real numbers, texts, bytes and options
/// of them.
///
/// ```
/// use wares_module::params;
/// use wares_module::records::Cell;
///
/// let (id, note) = ("acc_1".to_owned(), None::<&str>);
/// let parameters: &[Cell<'_>] = params![&id, 3, true, note];
/// assert_eq!(
///     parameters,
///     [Cell::Text("acc_1"), Cell::Integer(3), Cell::Integer(1), Cell::Null]
/// );
/// ```
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::records::Cell::from($value)),*]
    };
}

/// Makes a parameter of values of a type.
macro_rules! cell_from {
    ($($type:ty, $value:ident => $cell:expr;)+) => {$(
        impl<'a> From<$type> for Cell<'a> {
            fn from($value: $type) -> Self {
                $cell
            }
        }
    )+};
}

cell_from! {
    i64, integer => Cell::Integer(integer);
    i32, integer => Cell::Integer(integer.into());
    u32, integer => Cell::Integer(integer.into());
    bool, truth => Cell::Integer(truth.into());
    f64, real => Cell::Real(real);
    &'a str, text => Cell::Text(text);
    &'a String, text => Cell::Text(text);
    &'a [u8], bytes => Cell::Blob(bytes);
    &'a Vec<u8>, bytes => Cell::Blob(bytes);
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// Parameters as they cross to the host.
pub fn values(parameters: &[Cell<'_>]) -> Vec<wit::Value> {
    parameters
        .iter()
        .map(|cell| match *cell {
            Cell::Null => wit::Value::Null,
            Cell::Integer(integer) => wit::Value::Integer(integer),
            Cell::Real(real) => wit::Value::Real(real),
            Cell::Text(text) => wit::Value::Text(text.to_owned()),
            Cell::Blob(blob) => wit::Value::Blob(blob.to_owned()),
        })
        .collect()
}

fn read<'s>(rows: Result<wit::Rows, wit::Error>, statement: &'s str) -> Result<Rows<'s>, Error> {
    let rows = rows.map_err(|error| Error::new(error, statement))?;
    let records = Records::unpack(rows.columns as usize, rows.count as usize, rows.data);
    let records = records.map_err(|error| Error {
        cause: Cause::Row(format!("cannot be read: {error}")),
        statement: statement.to_owned(),
    })?;
    Ok(Rows::new(statement, records))
}

/// Runs one statement that reads.
///
/// # Errors
/// Why it was not carried out.
pub fn query<'s>(statement: &'s str, parameters: &[Cell<'_>]) -> Result<Rows<'s>, Error> {
    read(wit::query(statement, &values(parameters)), statement)
}

/// Runs one statement that writes, in a transaction of its own; returns the number of rows that it
/// changed. When it returns, the write is durable.
///
/// # Errors
/// Why it was not carried out.
///
/// ```no_run
/// use wares_module::{params, sql};
///
/// let added = sql::execute("insert into account (id, points) values ($1, $2)", params!["acc_1", 0]);
/// match added {
///     Err(error) if error.is_unique() => wares_module::info!("it is there already"),
///     added => drop(added.unwrap()),
/// }
/// ```
pub fn execute(statement: &str, parameters: &[Cell<'_>]) -> Result<u64, Error> {
    wit::execute(statement, &values(parameters)).map_err(|error| Error::new(error, statement))
}

/// Writes and events that are kept together or not at all. One that is dropped without
/// [`commit`](Self::commit) is rolled back. A call has one at a time, and all other writers wait
/// for its end.
///
/// ```no_run
/// use serde_json::json;
/// use wares_module::{params, sql};
///
/// # fn example() -> Result<(), sql::Error> {
/// let writes = sql::Transaction::begin()?;
/// let rows = writes.query(
///     "update account set points = points + $2 where id = $1 returning points",
///     params!["acc_1", 10],
/// )?;
/// let points: i64 = rows.one()?.get("points")?;
/// writes.emit("points.changed", &json!({"id": "acc_1", "points": points}))?;
/// writes.commit()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Transaction(wit::Transaction);

impl Transaction {
    /// Waits for other writers, and begins.
    ///
    /// # Errors
    /// When it had to wait for too long, or the database cannot serve.
    pub fn begin() -> Result<Self, Error> {
        let begun = wit::Transaction::begin();
        begun.map(Self).map_err(|error| Error::new(error, "begin"))
    }

    /// Runs a statement that returns rows, also one that writes them: `… returning id`.
    ///
    /// # Errors
    /// Why it was not carried out.
    pub fn query<'s>(
        &self,
        statement: &'s str,
        parameters: &[Cell<'_>],
    ) -> Result<Rows<'s>, Error> {
        read(self.0.query(statement, &values(parameters)), statement)
    }

    /// Runs a statement that writes; returns the number of rows that it changed.
    ///
    /// # Errors
    /// Why it was not carried out. The transaction goes on as it was before.
    pub fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, Error> {
        let changed = self.0.execute(statement, &values(parameters));
        changed.map_err(|error| Error::new(error, statement))
    }

    /// Adds an event: a dotted name in lower case, like `order.created`, with JSON data. A
    /// component that calls it needs the grant `events`.
    ///
    /// # Errors
    /// When the name or the data are not of this form, or the limits are reached.
    ///
    /// # Panics
    /// When the data cannot be JSON.
    pub fn emit(&self, name: &str, data: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        let data = serde_json::to_string(data);
        let data = data.unwrap_or_else(|error| panic!("an event cannot be JSON: {error}"));
        events::emit(&self.0, name, &data)
            .map_err(|error| Error::new(error, &format!("emit {name}")))
    }

    /// Makes it all durable.
    ///
    /// # Errors
    /// When nothing of it was kept.
    pub fn commit(self) -> Result<(), Error> {
        wit::Transaction::commit(self.0).map_err(|error| Error::new(error, "commit"))
    }
}
