//! The steps of a component's schema: which ones this data has seen, and how
//! the others are brought about, all or none.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::statement::Guarded;
use super::{MigrationError, SqlError, now};

/// One step of a schema.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Unique among the component's steps.
    pub name: String,
    /// Statements after one another, each ended by `;`.
    pub statements: String,
}

pub(super) const TABLE: &str = "
    create table if not exists _wares_migrations (
        -- The order in which the steps ran.
        number integer primary key,
        name text not null unique,
        -- SHA-256 of the statements, in hexadecimal: a step must not change once it ran.
        digest text not null,
        applied_at text not null
    ) strict";
const SEEN: &str = "select name, digest from _wares_migrations order by number";
const RECORD: &str = "insert into _wares_migrations (name, digest, applied_at) values (?1, ?2, ?3)";

/// The steps that have yet to run.
pub(super) fn pending<'a>(
    connection: &Connection,
    steps: &'a [Migration],
) -> Result<Vec<&'a Migration>, MigrationError> {
    for (place, step) in steps.iter().enumerate() {
        if steps[..place]
            .iter()
            .any(|earlier| earlier.name == step.name)
        {
            return Err(MigrationError::Duplicate(step.name.clone()));
        }
    }
    let seen = seen(connection).map_err(SqlError::from)?;
    for (name, digest) in &seen {
        match steps.iter().find(|step| step.name == *name) {
            None => return Err(MigrationError::Unknown(name.clone())),
            Some(step) if digest_of(step) != *digest => {
                return Err(MigrationError::Changed(name.clone()));
            }
            Some(_) => {}
        }
    }
    Ok(steps
        .iter()
        .filter(|step| seen.iter().all(|(name, _)| *name != step.name))
        .collect())
}

fn seen(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare(SEEN)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn digest_of(step: &Migration) -> String {
    hex::encode(Sha256::digest(&step.statements))
}

/// Runs the steps that have yet to run, in one transaction.
pub(super) fn migrate(
    connection: &Guarded,
    steps: &[Migration],
) -> Result<Vec<String>, MigrationError> {
    let host = connection.host();
    host.execute_batch("begin immediate")
        .map_err(SqlError::from)?;
    let done = run(connection, steps).and_then(|names| {
        host.execute_batch("commit").map_err(SqlError::from)?;
        Ok(names)
    });
    if !host.is_autocommit() {
        host.execute_batch("rollback").map_err(SqlError::from)?;
    }
    done
}

fn run(connection: &Guarded, steps: &[Migration]) -> Result<Vec<String>, MigrationError> {
    let mut names = Vec::new();
    for step in pending(connection.host(), steps)? {
        connection
            .migrate(&step.statements)
            .map_err(|error| MigrationError::Failed {
                step: step.name.clone(),
                reason: error.to_string(),
            })?;
        connection
            .host()
            .execute(RECORD, [&step.name, &digest_of(step), &now()])
            .map_err(SqlError::from)?;
        names.push(step.name.clone());
    }
    Ok(names)
}
