//! The events of other components that a component subscribes to: how far it has got, and
//! those that it could not handle. In its own database, so that what a handler writes and that
//! the event is handled are kept in one transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Database, Event, SqlError};
use crate::storage::{Backlog, Delivery, Progress};

pub(super) const TABLES: &str = "
    create table if not exists _wares_subscriptions (
        source text primary key,
        -- All events up to this number are handled, or stand in _wares_deliveries.
        done integer not null
    ) strict;
    create table if not exists _wares_handled (
        source text not null,
        event integer not null,
        primary key (source, event)
    ) strict, without rowid;
    create table if not exists _wares_deliveries (
        source text not null,
        event integer not null,
        key text not null,
        name text not null,
        data text not null,
        created_at text not null,
        cause text,
        attempts integer not null,
        -- Milliseconds since 1970; null of a dead letter.
        due_ms integer,
        error text,
        primary key (source, event)
    ) strict;
    create index if not exists _wares_deliveries_due
        on _wares_deliveries (due_ms) where due_ms is not null;
    create index if not exists _wares_deliveries_key
        on _wares_deliveries (source, key, event) where due_ms is not null;";

const PROGRESS: &str = "select source, done from _wares_subscriptions";
const HANDLED: &str = "select source, event from _wares_handled order by event";
const BEGIN: &str =
    "insert into _wares_subscriptions (source, done) values (?1, ?2) on conflict do nothing";
const SET_DONE: &str = "
    insert into _wares_subscriptions (source, done) values (?1, ?2)
    on conflict (source) do update set done = excluded.done";
/// That of a delivery is known until the delivery is removed.
const FORGET_HANDLED: &str = "
    delete from _wares_handled where source = ?1 and event <= ?2 and not exists (
        select 1 from _wares_deliveries as kept
        where kept.source = _wares_handled.source and kept.event = _wares_handled.event)";
const FORGET_ONE: &str = "delete from _wares_handled where source = ?1 and event = ?2";
const HANDLE: &str =
    "insert into _wares_handled (source, event) values (?1, ?2) on conflict do nothing";
const IS_HANDLED: &str =
    "select exists (select 1 from _wares_handled where source = ?1 and event = ?2)";
const KEEP: &str = "
    insert into _wares_deliveries (source, event, key, name, data, created_at, cause, attempts, due_ms, error)
    values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    on conflict (source, event) do update
    set attempts = excluded.attempts, due_ms = excluded.due_ms, error = excluded.error";
const REMOVE: &str = "delete from _wares_deliveries where source = ?1 and event = ?2";
/// The first of each key, for all others wait for it.
const DUE: &str = "
    select source, event, key, name, data, created_at, cause, attempts, due_ms, error
    from _wares_deliveries as one
    where (due_ms <= ?1 or due_ms > ?2) and not exists (
        select 1 from _wares_deliveries as earlier
        where earlier.source = one.source and earlier.key = one.key
            and earlier.event < one.event and earlier.due_ms is not null)
    order by due_ms, event limit ?3";
const NEXT_DUE: &str = "select min(due_ms) from _wares_deliveries where due_ms > ?1";
const KEYS: &str = "select distinct source, key from _wares_deliveries where due_ms is not null";
const HAS_KEY: &str = "
    select exists (select 1 from _wares_deliveries where source = ?1 and key = ?2 and due_ms is not null)";
const LIST: &str = "
    select source, event, key, name, data, created_at, cause, attempts, due_ms, error
    from _wares_deliveries
    where (source, event) > (?1, ?2) and (?3 is null or (due_ms is null) = ?3)
    order by source, event limit ?4";
const ONE: &str = "
    select source, event, key, name, data, created_at, cause, attempts, due_ms, error
    from _wares_deliveries where source = ?1 and event = ?2";
const BACKLOG: &str = "
    select count(due_ms), count(*) - count(due_ms) from _wares_deliveries where source = ?1";

/// Notes in the open transaction of a handler that the event is handled.
pub(super) fn handle(connection: &Connection, source: &str, event: i64) -> Result<(), SqlError> {
    connection.execute(HANDLE, (source, event))?;
    Ok(())
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        source: row.get(0)?,
        event: Event {
            id: row.get(1)?,
            name: row.get(3)?,
            data: row.get(4)?,
            created_at: row.get(5)?,
            cause: row.get(6)?,
        },
        key: row.get(2)?,
        attempts: row.get(7)?,
        due_ms: row.get(8)?,
        error: row.get(9)?,
    })
}

fn keep(connection: &Connection, kept: &Delivery) -> Result<(), SqlError> {
    let Delivery {
        source, event, key, ..
    } = kept;
    connection.execute(
        KEEP,
        params![
            source,
            event.id,
            key,
            event.name,
            event.data,
            event.created_at,
            event.cause,
            kept.attempts,
            kept.due_ms,
            kept.error
        ],
    )?;
    Ok(())
}

impl Database {
    /// How far this component has got with the events of others, by their names.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn progress(&self) -> Result<BTreeMap<String, Progress>, SqlError> {
        self.reading(|connection| {
            let connection = connection.host();
            let mut progress: BTreeMap<String, Progress> = BTreeMap::new();
            let mut statement = connection.prepare(PROGRESS)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (source, done): (String, i64) = row?;
                progress.entry(source).or_default().done = done;
            }
            let mut statement = connection.prepare(HANDLED)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in rows {
                let (source, event): (String, i64) = row?;
                progress.entry(source).or_default().handled.push(event);
            }
            Ok(progress)
        })?
    }

    /// Begins to take the events of a component after this number, unless it has begun.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn begin_subscription(&self, source: &str, after: i64) -> Result<(), SqlError> {
        self.working(|connection| {
            connection.execute(BEGIN, (source, after))?;
            Ok(())
        })
    }

    /// Keeps what has happened to events of a component: these could not be handled or wait
    /// for one that could not, those are not kept any more, and all up to `done` are handled
    /// or kept.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing of it is kept.
    pub fn keep_progress(
        &self,
        done: &BTreeMap<String, i64>,
        kept: &[Delivery],
        finished: &[(String, i64)],
    ) -> Result<(), SqlError> {
        self.working(|connection| {
            for delivery in kept {
                keep(connection, delivery)?;
            }
            for (source, event) in finished {
                connection.execute(REMOVE, (source, event))?;
                connection.execute(FORGET_ONE, (source, event))?;
            }
            for (source, done) in done {
                connection.execute(SET_DONE, (source, done))?;
                connection.execute(FORGET_HANDLED, (source, done))?;
            }
            Ok(())
        })
    }

    /// Forgets that these events were handled.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_handled(&self, source: &str, events: &[Delivery]) -> Result<(), SqlError> {
        self.working(|connection| {
            for delivery in events {
                connection.execute(FORGET_ONE, (source, delivery.event.id))?;
            }
            Ok(())
        })
    }

    /// Whether a handler of this component has kept what it wrote for an event.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_handled(&self, source: &str, event: i64) -> Result<bool, SqlError> {
        self.reading(|connection| {
            Ok(connection
                .host()
                .query_row(IS_HANDLED, (source, event), |row| row.get(0))?)
        })?
    }

    /// The deliveries that are due, or whose time is further away than any may be: the clock
    /// has been set back.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn due(&self, now_ms: i64, latest_ms: i64, limit: u32) -> Result<Vec<Delivery>, SqlError> {
        self.reading(|connection| {
            let mut statement = connection.host().prepare_cached(DUE)?;
            let rows = statement.query_map((now_ms, latest_ms, limit), delivery)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?
    }

    /// When the next delivery is due after this time.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next_due(&self, now_ms: i64) -> Result<Option<i64>, SqlError> {
        self.reading(|connection| {
            Ok(connection
                .host()
                .query_row(NEXT_DUE, [now_ms], |row| row.get(0))?)
        })?
    }

    /// The keys whose events wait for one that could not be handled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn waiting_keys(&self) -> Result<Vec<(String, String)>, SqlError> {
        self.reading(|connection| {
            let mut statement = connection.host().prepare(KEYS)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?
    }

    /// Whether events with this key wait.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn has_waiting(&self, source: &str, key: &str) -> Result<bool, SqlError> {
        self.reading(|connection| {
            Ok(connection
                .host()
                .query_row(HAS_KEY, (source, key), |row| row.get(0))?)
        })?
    }

    /// The deliveries after this one, in the order of their components and numbers: all, or
    /// the dead letters, or the others.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn deliveries(
        &self,
        after: (&str, i64),
        dead: Option<bool>,
        limit: u32,
    ) -> Result<Vec<Delivery>, SqlError> {
        self.reading(|connection| {
            let mut statement = connection.host().prepare(LIST)?;
            let rows = statement.query_map((after.0, after.1, dead, limit), delivery)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?
    }

    /// One delivery.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn delivery(&self, source: &str, event: i64) -> Result<Option<Delivery>, SqlError> {
        self.reading(|connection| {
            let found = connection.host().query_row(ONE, (source, event), delivery);
            Ok(found.optional()?)
        })?
    }

    /// The deliveries that are kept of a component's events.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn backlog(&self, source: &str) -> Result<Backlog, SqlError> {
        self.reading(|connection| {
            Ok(connection.host().query_row(BACKLOG, [source], |row| {
                Ok(Backlog {
                    waiting: row.get(0)?,
                    dead: row.get(1)?,
                })
            })?)
        })?
    }

    /// Work of the host that is kept as a whole, or not at all.
    fn working(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), SqlError>,
    ) -> Result<(), SqlError> {
        self.exclusively(|connection| {
            let connection = connection.host();
            let transaction = connection.unchecked_transaction()?;
            work(&transaction)?;
            Ok(transaction.commit()?)
        })?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::DatabaseOptions;

    fn kept(event: i64, key: &str, due_ms: Option<i64>) -> Delivery {
        Delivery {
            source: "notes".to_owned(),
            event: Event {
                id: event,
                name: "note.created".to_owned(),
                data: "{}".to_owned(),
                created_at: "2026-01-02T03:04:05.678Z".to_owned(),
                cause: None,
            },
            key: key.to_owned(),
            attempts: 1,
            due_ms,
            error: Some("no".to_owned()),
        }
    }

    fn database(folder: &tempfile::TempDir) -> Database {
        Database::open(&folder.path().join("x.db"), &DatabaseOptions::default()).unwrap()
    }

    fn numbers(deliveries: Vec<Delivery>) -> Vec<i64> {
        deliveries.iter().map(|one| one.event.id).collect()
    }

    #[test]
    fn progress_is_kept_with_what_could_not_be_handled() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        assert!(database.progress().unwrap().is_empty());
        database.begin_subscription("notes", 4).unwrap();
        // It has begun.
        database.begin_subscription("notes", 9).unwrap();
        let mut session = database.session(&crate::storage::SessionLimits::default());
        session.handles("notes", 7);
        session.begin().unwrap();
        session.rollback();
        assert!(!database.has_handled("notes", 7).unwrap());
        session.begin().unwrap();
        session.commit().unwrap();
        assert!(database.has_handled("notes", 7).unwrap());
        let known = |done, handled: &[i64]| {
            let handled = handled.to_vec();
            BTreeMap::from([("notes".to_owned(), Progress { done, handled })])
        };
        assert_eq!(database.progress().unwrap(), known(4, &[7]));
        let done = |number| BTreeMap::from([("notes".to_owned(), number)]);
        let failed = [kept(5, "a", Some(100)), kept(6, "a", Some(100))];
        database.keep_progress(&done(6), &failed, &[]).unwrap();
        assert_eq!(database.progress().unwrap(), known(6, &[7]));
        database
            .keep_progress(&done(7), &[], &[("notes".to_owned(), 5)])
            .unwrap();
        assert_eq!(database.progress().unwrap(), known(7, &[]));
        assert_eq!(
            numbers(database.deliveries(("", 0), None, 10).unwrap()),
            [6]
        );
    }

    #[test]
    fn the_first_of_a_key_is_due_and_the_others_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder);
        let deliveries = [
            kept(1, "a", Some(200)),
            kept(2, "a", Some(0)),
            kept(3, "b", Some(100)),
            kept(4, "c", None),
            kept(5, "c", Some(150)),
            kept(6, "d", Some(999_999)),
        ];
        database
            .keep_progress(&BTreeMap::new(), &deliveries, &[])
            .unwrap();
        let due = |now| numbers(database.due(now, 10_000, 10).unwrap());
        assert_eq!(due(99), [6]);
        assert_eq!(due(160), [3, 5, 6]);
        assert_eq!(due(200), [3, 5, 1, 6]);
        assert_eq!(database.next_due(100).unwrap(), Some(150));
        assert_eq!(database.next_due(1_000_000).unwrap(), None);
        assert!(database.has_waiting("notes", "a").unwrap());
        let mut keys = database.waiting_keys().unwrap();
        keys.sort_unstable();
        assert_eq!(
            keys.iter().map(|(_, key)| &**key).collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
        let listed = |after, dead| numbers(database.deliveries(("notes", after), dead, 2).unwrap());
        assert_eq!(listed(0, None), [1, 2]);
        assert_eq!(listed(2, Some(false)), [3, 5]);
        assert_eq!(listed(0, Some(true)), [4]);
        assert_eq!(
            database.backlog("notes").unwrap(),
            Backlog {
                waiting: 5,
                dead: 1
            }
        );
        assert_eq!(
            database.delivery("notes", 4).unwrap(),
            Some(kept(4, "c", None))
        );
        assert_eq!(database.delivery("notes", 9).unwrap(), None);
    }
}
