//! The migrations of a component: those that ran on this data, running the others, all or
//! none, and which older versions may still serve.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension};

use super::authorizer;
use super::guarded::Guarded;
use super::{Activated, History, Migration, MigrationError, Schema, SqlError, now};
use crate::digest::Digest;

pub(in crate::storage) const TABLES: &str = "
    create table if not exists _wares_migrations (
        -- The order in which the migrations ran.
        number integer primary key,
        name text not null unique,
        -- SHA-256 of the statements, in hexadecimal: a migration must not change once it ran.
        digest text not null,
        applied_at text not null
    ) strict;
    create table if not exists _wares_steps_needed (
        -- How many migrations had run when this was said; it holds for that schema alone.
        steps integer primary key,
        -- How many of them a version has to know.
        needed integer not null
    ) strict;
    create table if not exists _wares_activations (
        -- Counts up: the last one says which version is active.
        number integer primary key,
        -- SHA-256 of the component, in hexadecimal; empty where an activation was ended.
        digest text not null,
        activated_at text not null
    ) strict";
const ACTIVATE: &str =
    "insert into _wares_activations (digest, activated_at) values (coalesce(?1, ''), ?2)";
/// Null where the last activation was ended.
const ACTIVE: &str =
    "select nullif(digest, '') from _wares_activations order by number desc limit 1";
/// The one that was active before the one that is.
const BEFORE: &str = "
    select digest from _wares_activations
    where digest <> (select digest from _wares_activations order by number desc limit 1) and digest <> ''
    order by number desc limit 1";
const SINCE: &str = "select min(applied_at) from _wares_migrations";
/// Those since one was ended last.
const ACTIVATIONS: &str = "
    select digest, activated_at from _wares_activations
    where number > (select coalesce(max(number), 0) from _wares_activations where digest = '')
    order by number desc";
const SEEN: &str = "select name, digest from _wares_migrations order by number";
const RECORD: &str = "insert into _wares_migrations (name, digest, applied_at) values (?1, ?2, ?3)";

/// All objects of a schema, and their tables.
const NAMES: &str = "select type, name, tbl_name, sql is null from main.sqlite_schema";
/// The host's own tables.
const OWN_TABLES: [&str; 7] = [
    "_wares_migrations",
    "_wares_steps_needed",
    "_wares_activations",
    "_wares_events",
    "_wares_subscriptions",
    "_wares_handled",
    "_wares_deliveries",
];
/// The indexes of them that SQLite does not make by itself.
const OWN_INDEXES: [&str; 2] = ["_wares_deliveries_due", "_wares_deliveries_key"];
/// The tables of full-text search, their names quoted.
const FULL_TEXT_TABLES: &str = "
    select name, '\"' || replace(name, '\"', '\"\"') || '\"' from main.sqlite_schema
    where type = 'table' and rootpage = 0";
const LAST_EVENT: &str = "select seq from sqlite_sequence where name = '_wares_events'";

const NEEDED: &str = "select needed from _wares_steps_needed where steps = ?1";
const RECORD_NEEDED: &str = "
    insert into _wares_steps_needed (steps, needed) values (?1, ?2)
    on conflict (steps) do update set needed = excluded.needed where needed <> excluded.needed";

/// Returns the pending migrations; none if the data is ahead of the component and the version
/// that ran the others allows it.
pub(in crate::storage) fn pending<'a>(
    connection: &Connection,
    schema: &'a Schema,
) -> Result<Vec<&'a Migration>, MigrationError> {
    check(schema)?;
    let migrations = &schema.migrations;
    let seen = seen(connection).map_err(SqlError::from)?;
    let mut unknown = None;
    for (name, digest) in &seen {
        match migrations.iter().find(|migration| migration.name == *name) {
            None => unknown = unknown.or(Some(name)),
            Some(migration) if digest_of(migration) != *digest => {
                return Err(MigrationError::Changed(name.clone()));
            }
            Some(_) => {}
        }
    }
    if let Some(unknown) = unknown {
        check_older(connection, &seen, migrations, unknown)?;
        return Ok(Vec::new());
    }
    Ok(migrations
        .iter()
        .filter(|migration| seen.iter().all(|(name, _)| *name != migration.name))
        .collect())
}

/// Checks a component's declaration by itself.
fn check(schema: &Schema) -> Result<(), MigrationError> {
    let migrations = &schema.migrations;
    let mut names = HashSet::new();
    if let Some(migration) = migrations
        .iter()
        .find(|migration| !names.insert(&migration.name))
    {
        return Err(MigrationError::Duplicate(migration.name.clone()));
    }
    match schema.migrations_needed {
        Some(needed) if needed > count(migrations) => Err(MigrationError::NeedsMore {
            needed,
            migrations: count(migrations),
        }),
        _ => Ok(()),
    }
}

/// Whether a component that does not know the migration `unknown` may work on this data: it
/// knows the first of those that ran, and enough of them.
fn check_older(
    connection: &Connection,
    seen: &[(String, String)],
    migrations: &[Migration],
    unknown: &str,
) -> Result<(), MigrationError> {
    let known = count(migrations);
    let begins = |((name, _), migration): (&(String, String), &Migration)| *name == migration.name;
    if known > count(seen) || !seen.iter().zip(migrations).all(begins) {
        return Err(MigrationError::Unknown(unknown.to_owned()));
    }
    let needed: Option<u32> = connection
        .query_row(NEEDED, [count(seen)], |row| row.get(0))
        .optional()
        .map_err(SqlError::from)?;
    // Data of earlier versions has no record.
    let needed = needed.unwrap_or(count(seen));
    if known < needed {
        return Err(MigrationError::TooOld {
            migration: unknown.to_owned(),
            needed,
            known,
        });
    }
    Ok(())
}

fn seen(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare(SEEN)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Their number. A component's answer is too small for more.
fn count<T>(migrations: &[T]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}

fn digest_of(migration: &Migration) -> String {
    Digest::of(migration.statements.as_bytes()).to_string()
}

/// Runs the pending migrations, and records the component's declaration on older versions and
/// the last of these versions as active, or none where it is `None`, in one transaction.
pub(in crate::storage) fn migrate(
    connection: &Guarded,
    schema: &Schema,
    activated: &[Option<Digest>],
) -> Result<Vec<String>, MigrationError> {
    if pending(connection.host(), schema)?.is_empty() {
        if activated.is_empty() && is_recorded(connection.host(), schema).map_err(SqlError::from)? {
            // Nothing is written, so no writer is waited for.
            return Ok(Vec::new());
        }
        return in_transaction(connection, schema, activated);
    }
    connection
        .migrating(|| in_transaction(connection, schema, activated))
        .map_err(SqlError::from)?
}

fn in_transaction(
    connection: &Guarded,
    schema: &Schema,
    activated: &[Option<Digest>],
) -> Result<Vec<String>, MigrationError> {
    let host = connection.host();
    host.execute_batch("begin immediate")
        .map_err(SqlError::from)?;
    let done = run(connection, schema).and_then(|names| {
        for digest in activated {
            host.execute(ACTIVATE, (digest, now()))
                .map_err(SqlError::from)?;
        }
        host.execute_batch("commit").map_err(SqlError::from)?;
        Ok(names)
    });
    if !host.is_autocommit() {
        host.execute_batch("rollback").map_err(SqlError::from)?;
    }
    done
}

fn run(connection: &Guarded, schema: &Schema) -> Result<Vec<String>, MigrationError> {
    let mut names = Vec::new();
    for migration in pending(connection.host(), schema)? {
        let failed = |statement, reason| MigrationError::Failed {
            migration: migration.name.clone(),
            statement,
            reason,
        };
        let before = last_event(connection.host()).map_err(SqlError::from)?;
        let count = connection
            .migrate(&migration.statements)
            .map_err(|(statement, reason)| failed(statement, reason))?;
        let meddles = meddles(connection.host(), before).map_err(SqlError::from)?;
        if let Some(reason) = meddles {
            return Err(failed(count, reason));
        }
        if let Some(table) = uncounted(connection).map_err(SqlError::from)? {
            let reason = format!(
                "the full-text table '{table}' names no tokenizer: write tokenize = 'unicode61', \
                 'ascii', 'porter' or 'trigram'"
            );
            return Err(failed(count, reason));
        }
        connection
            .host()
            .execute(RECORD, [&migration.name, &digest_of(migration), &now()])
            .map_err(SqlError::from)?;
        names.push(migration.name.clone());
    }
    record_needed(connection.host(), schema).map_err(SqlError::from)?;
    Ok(names)
}

/// Returns a violation by migrations of the host's part of the database, or of SQLite's:
/// SQLite does not ask about the other end of a foreign key, or about the new name of a
/// table.
fn meddles(connection: &Connection, last_event_before: i64) -> rusqlite::Result<Option<String>> {
    for name in names(connection)? {
        if let Some(reason) = name.meddles() {
            return Ok(Some(reason));
        }
        if name.kind == "table" && refers_to_own(connection, &name.name)? {
            return Ok(Some(format!(
                "'{}' refers to a table of the host's",
                name.name
            )));
        }
    }
    let untouched = last_event(connection)? == last_event_before;
    Ok((!untouched).then(|| "it changes the numbers of events".to_owned()))
}

/// An object of a schema.
struct Name {
    kind: String,
    name: String,
    table: String,
    /// Whether SQLite created it by itself, for another object.
    is_implied: bool,
}

fn names(connection: &Connection) -> rusqlite::Result<Vec<Name>> {
    connection
        .prepare(NAMES)?
        .query_map([], |row| {
            Ok(Name {
                kind: row.get(0)?,
                name: row.get(1)?,
                table: row.get(2)?,
                is_implied: row.get(3)?,
            })
        })?
        .collect()
}

impl Name {
    /// Why a component must not have this in its schema, if it must not.
    fn meddles(&self) -> Option<String> {
        let is_known =
            self.kind == "table" || self.is_implied || OWN_INDEXES.contains(&&*self.name);
        let is_own = OWN_TABLES.contains(&&*self.table) && is_known;
        // SQLite itself reserves such names.
        let is_sqlites = authorizer::is_schema(&self.name);
        if is_own || is_sqlites && !authorizer::is_own(&self.table) {
            return None;
        }
        if authorizer::is_own(&self.name) || authorizer::is_own(&self.table) {
            return Some(format!("'{}' is a name of the host's", self.name));
        }
        authorizer::is_taken(&self.name)
            .then(|| format!("'{}' is a name of SQLite's: choose another", self.name))
    }
}

/// Whether a table has a foreign key to one of the host's. The pragma is run as a
/// statement: no table can shadow its name.
fn refers_to_own(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let mut refers = false;
    connection.pragma(Some("main"), "foreign_key_list", table, |key| {
        refers |= authorizer::is_own(&key.get::<_, String>("table")?);
        Ok(())
    })?;
    Ok(refers)
}

/// The first table of full-text search whose texts are not counted: without a tokenizer
/// by name, FTS5 takes one that cannot be exchanged.
fn uncounted(connection: &Guarded) -> rusqlite::Result<Option<String>> {
    let tables: Vec<(String, String)> = connection
        .host()
        .prepare(FULL_TEXT_TABLES)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (name, quoted) in tables {
        if !connection.counts_words(&quoted)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The number of the last event.
fn last_event(connection: &Connection) -> rusqlite::Result<i64> {
    let last = connection.query_row(LAST_EVENT, [], |row| row.get(0));
    Ok(last.optional()?.unwrap_or(0))
}

/// Records a component's declaration on older versions, if it knows the whole schema.
fn record_needed(connection: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    match to_record(connection, schema)? {
        Some(record) => connection.execute(RECORD_NEEDED, record).map(drop),
        None => Ok(()),
    }
}

/// Whether the record of a schema is up to date.
fn is_recorded(connection: &Connection, schema: &Schema) -> rusqlite::Result<bool> {
    let Some([all, needed]) = to_record(connection, schema)? else {
        return Ok(true);
    };
    let recorded: Option<u32> = connection
        .query_row(NEEDED, [all], |row| row.get(0))
        .optional()?;
    Ok(recorded == Some(needed))
}

/// After how many migrations a version must know how many of them; `None` if a later version
/// decides.
fn to_record(connection: &Connection, schema: &Schema) -> rusqlite::Result<Option<[u32; 2]>> {
    let seen = seen(connection)?;
    let all = count(&schema.migrations);
    if count(&seen) > all {
        return Ok(None);
    }
    // A migration inserted between others ran after them, so the component's count does not
    // match the order of the data.
    let in_order = seen
        .iter()
        .zip(&schema.migrations)
        .all(|((name, _), migration)| *name == migration.name);
    let needed = match schema.migrations_needed {
        Some(needed) if in_order => needed,
        _ => all,
    };
    Ok(Some([all, needed]))
}

/// The version that was activated last, and the one before that. `None` if none ever was.
pub(in crate::storage) fn activated(connection: &Connection) -> rusqlite::Result<Activated> {
    let one = |sql| -> rusqlite::Result<Option<Digest>> {
        let found = connection.query_row(sql, [], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    };
    Ok(Activated {
        active: one(ACTIVE)?,
        before: one(BEFORE)?,
    })
}

/// The history of a module's data.
pub(in crate::storage) fn history(connection: &Connection) -> rusqlite::Result<History> {
    let mut known = HashSet::new();
    let mut activations = Vec::new();
    let mut activated_at = None;
    for activation in connection
        .prepare(ACTIVATIONS)?
        .query_map([], |row| Ok((row.get::<_, Digest>(0)?, row.get(1)?)))?
    {
        let (digest, at) = activation?;
        activated_at.get_or_insert(at);
        if known.insert(digest) {
            activations.push(digest);
        }
    }
    Ok(History {
        since: connection.query_row(SINCE, [], |row| row.get(0))?,
        activations,
        activated_at,
    })
}
