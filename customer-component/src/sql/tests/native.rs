//! A database in memory, as the store sees it.

use std::cell::Cell as Count;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection as Sqlite, Statement, ToSql, ffi, params_from_iter};

use wares_module_kit::records::{Cell, Records};
use wares_module_kit::sql::{Connection, Migration, OpenTransaction, Queries, SqlError};

use super::super::MIGRATIONS;
use crate::casefold::casefold;

/// A database in memory.
pub struct Native {
    pub sqlite: Sqlite,
    events: Count<u32>,
}

pub struct NativeTransaction<'a>(&'a Native, Count<bool>);

struct Parameter<'a>(&'a Cell<'a>);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Integer(integer) => ValueRef::Integer(integer),
            Cell::Real(real) => ValueRef::Real(real),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(blob) => ValueRef::Blob(blob),
        }))
    }
}

fn failed(error: rusqlite::Error) -> SqlError {
    match error.sqlite_error().map(|error| error.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE) => SqlError::Unique,
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => SqlError::ForeignKey,
        _ => SqlError::Invalid(error.to_string()),
    }
}

/// `$3` is the third parameter, wherever it stands; to SQLite it is a name.
fn bind(statement: &mut Statement<'_>, parameters: &[Cell<'_>]) -> Result<(), SqlError> {
    for (index, cell) in parameters.iter().enumerate() {
        let name = format!("${}", index + 1);
        let index = statement
            .parameter_index(&name)
            .map_err(failed)?
            .expect("every parameter is used");
        statement
            .raw_bind_parameter(index, Parameter(cell))
            .map_err(failed)?;
    }
    Ok(())
}

impl Native {
    pub fn new() -> Self {
        let native = Self::empty();
        native.migrate(&MIGRATIONS);
        native
    }

    /// One without tables.
    pub fn empty() -> Self {
        let sqlite = Sqlite::open_in_memory().unwrap();
        sqlite.pragma_update(None, "foreign_keys", true).unwrap();
        sqlite
            .create_scalar_function("regexp", 2, FunctionFlags::default(), |context| {
                let pattern: String = context.get(0)?;
                let pattern = regex::Regex::new(&pattern)
                    .map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
                Ok(pattern.is_match(&context.get::<String>(1)?))
            })
            .unwrap();
        sqlite
            .create_scalar_function(
                "casefold",
                1,
                FunctionFlags::SQLITE_UTF8
                    | FunctionFlags::SQLITE_DETERMINISTIC
                    | FunctionFlags::SQLITE_INNOCUOUS,
                |context| {
                    let text: Option<String> = context.get(0)?;
                    Ok(text.map(|text| casefold(&text)))
                },
            )
            .unwrap();
        Self {
            sqlite,
            events: Count::new(0),
        }
    }

    /// Takes the schema some steps further.
    pub fn migrate(&self, steps: &[Migration]) {
        for step in steps {
            self.sqlite.execute_batch(step.statements).unwrap();
        }
    }

    /// How SQLite goes about a statement: one line a step.
    pub fn plan(&self, statement: &str) -> String {
        let mut explain = self
            .sqlite
            .prepare(&format!("explain query plan {statement}"))
            .unwrap();
        let count = explain.parameter_count();
        let steps = explain
            .query_map(params_from_iter(vec!["1"; count]), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        steps.collect::<Result<Vec<_>, _>>().unwrap().join("\n")
    }
}

impl Queries for Native {
    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError> {
        let mut prepared = self.sqlite.prepare_cached(statement).map_err(failed)?;
        let columns = prepared.column_count();
        let mut records = Records::with_columns(columns);
        bind(&mut prepared, parameters)?;
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next().map_err(failed)? {
            for column in 0..columns {
                records.push(match row.get_ref(column).map_err(failed)? {
                    ValueRef::Null => Cell::Null,
                    ValueRef::Integer(integer) => Cell::Integer(integer),
                    ValueRef::Real(real) => Cell::Real(real),
                    ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text).unwrap()),
                    ValueRef::Blob(blob) => Cell::Blob(blob),
                });
            }
        }
        Ok(records)
    }
}

impl Connection for Native {
    type Open<'a> = NativeTransaction<'a>;

    fn begin(&self) -> Result<NativeTransaction<'_>, SqlError> {
        self.sqlite
            .execute_batch("begin immediate")
            .map_err(failed)?;
        Ok(NativeTransaction(self, Count::new(false)))
    }
}

impl Queries for NativeTransaction<'_> {
    fn query(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<Records, SqlError> {
        self.0.query(statement, parameters)
    }
}

impl OpenTransaction for NativeTransaction<'_> {
    fn execute(&self, statement: &str, parameters: &[Cell<'_>]) -> Result<u64, SqlError> {
        let mut prepared = self.0.sqlite.prepare_cached(statement).map_err(failed)?;
        bind(&mut prepared, parameters)?;
        Ok(prepared.raw_execute().map_err(failed)? as u64)
    }

    fn emit(&self, _: &str, _: &str) -> Result<(), SqlError> {
        self.0.events.set(self.0.events.get() + 1);
        Ok(())
    }

    fn commit(self) -> Result<(), SqlError> {
        self.1.set(true);
        self.0.sqlite.execute_batch("commit").map_err(failed)
    }
}

impl Drop for NativeTransaction<'_> {
    fn drop(&mut self) {
        if !self.1.get() {
            self.0.sqlite.execute_batch("rollback").unwrap();
        }
    }
}
