//! Storage through what components see of it, a session, without a component.

mod attacks;
mod batches;
mod files;
mod operations;
mod sessions;
mod trouble;
mod versions;

use tempfile::TempDir;

use super::{
    Database, DatabaseOptions, Migration, Rows, Schema, Session, SessionLimits, SqlError, Value,
};

/// The tables of these tests.
const THINGS: &str = "
    create table shelf (id text primary key) strict;
    create table thing (
        id integer primary key,
        name text not null unique,
        size integer check (size > 0),
        shelf text references shelf (id)
    ) strict;";

/// A database with that table, in a folder of its own.
struct Fixture {
    folder: TempDir,
    database: Database,
}

fn migration(name: &str, statements: &str) -> Migration {
    Migration {
        name: name.to_owned(),
        statements: statements.to_owned(),
    }
}

/// The schema of a component that does not mention older versions.
fn schema(migrations: impl Into<Vec<Migration>>) -> Schema {
    Schema {
        migrations: migrations.into(),
        migrations_needed: None,
    }
}

fn fixture() -> Fixture {
    fixture_with(&DatabaseOptions::default())
}

fn fixture_with(options: &DatabaseOptions) -> Fixture {
    let folder = TempDir::new().unwrap();
    let database = Database::open(&folder.path().join("x.db"), options).unwrap();
    database
        .migrate(&schema([migration("0001", THINGS)]))
        .unwrap();
    Fixture { folder, database }
}

impl Fixture {
    fn session(&self) -> Session {
        self.database.session(&SessionLimits::default())
    }

    fn session_with(&self, change: impl FnOnce(&mut SessionLimits)) -> Session {
        let mut limits = SessionLimits::default();
        change(&mut limits);
        self.database.session(&limits)
    }

    /// How many things there are, as a new session sees it.
    fn things(&self) -> i64 {
        count(&mut self.session())
    }
}

fn count(session: &mut Session) -> i64 {
    integer(&session.query("select count(*) from thing", &[]).unwrap())
}

/// The one integer that a result holds.
fn integer(rows: &Rows) -> i64 {
    assert_eq!((rows.columns, rows.count, rows.data[0]), (1, 1, 1));
    i64::from_le_bytes(rows.data[1..9].try_into().unwrap())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

const INSERT: &str = "insert into thing (name) values ($1)";

fn insert(session: &mut Session, name: &str) -> Result<u64, SqlError> {
    session.execute(INSERT, &[text(name)])
}
