//! Trouble of a database, and not of a statement.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ffi};

use super::super::condition::Condition;
use super::super::error::words;
use super::super::{MigrationError, SessionLimits, StorageError, Trouble};
use super::*;
use crate::digest::Digest;

fn file(fixture: &Fixture) -> PathBuf {
    fixture.folder.path().join("x.db")
}

fn moved<T>() -> Result<T, SqlError> {
    Err(SqlError::Trouble(Trouble::Moved))
}

#[test]
fn each_error_of_sqlite_that_speaks_of_the_database_has_its_words() {
    let check = |code: i32, kind: Option<&str>| {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(Trouble::of(&error).map(Trouble::name), kind, "{code}");
        if kind.is_some() {
            let said = words(&error);
            assert!(!said.contains("rror code"), "{said}");
            let named = StorageError::Database {
                path: "data/x.db".into(),
                fault: error.into(),
            };
            assert_eq!(named.to_string(), format!("data/x.db: {said}"));
            assert!(std::error::Error::source(&named).is_none());
        }
    };
    check(ffi::SQLITE_BUSY, Some("locked"));
    check(ffi::SQLITE_BUSY_RECOVERY, Some("locked"));
    check(ffi::SQLITE_PROTOCOL, Some("locked"));
    check(ffi::SQLITE_FULL, Some("full"));
    check(ffi::SQLITE_IOERR_SHMSIZE, Some("full"));
    check(ffi::SQLITE_IOERR, Some("io"));
    check(ffi::SQLITE_IOERR_FSYNC, Some("io"));
    check(ffi::SQLITE_CANTOPEN, Some("io"));
    check(ffi::SQLITE_READONLY, Some("read_only"));
    check(ffi::SQLITE_READONLY_DBMOVED, Some("moved"));
    check(ffi::SQLITE_CORRUPT, Some("damaged"));
    check(ffi::SQLITE_CORRUPT_VTAB, Some("damaged"));
    check(ffi::SQLITE_NOTADB, Some("damaged"));
    check(ffi::SQLITE_IOERR_NOMEM, None);
    check(ffi::SQLITE_NOMEM, None);
    check(ffi::SQLITE_LOCKED, None);
    check(ffi::SQLITE_CONSTRAINT_UNIQUE, None);
    check(ffi::SQLITE_ERROR, None);
    check(ffi::SQLITE_INTERRUPT, None);
}

#[test]
fn a_transaction_whose_file_is_moved_is_refused_and_leaves_nothing() {
    let fixture = fixture();
    let (file, aside) = (file(&fixture), fixture.folder.path().join("aside"));
    insert(&mut fixture.session(), "kept").unwrap();
    let mut session = fixture.session();
    session.begin().unwrap();
    session
        .transaction_execute(INSERT, &[text("refused")])
        .unwrap();
    fs::rename(&file, &aside).unwrap();
    assert_eq!(session.commit(), moved());
    assert_eq!(fixture.session().begin(), moved());
    assert_eq!(
        fixture.session().query("select 1", &[]).map(|_| ()),
        moved::<()>()
    );
    let none = schema([]);
    assert!(
        fixture
            .database
            .activate(&none, &[Some(Digest::of(b"a"))])
            .is_err()
    );
    assert!(!file.exists());
    fs::rename(&aside, &file).unwrap();
    assert_eq!(fixture.things(), 1);
    insert(&mut fixture.session(), "next").unwrap();
    assert_eq!(fixture.things(), 2);
}

#[test]
fn all_members_of_a_batch_are_refused_where_its_file_is_moved() {
    let fixture = fixture();
    let (file, aside) = (file(&fixture), fixture.folder.path().join("aside"));
    let mut first = fixture.session();
    first.begin().unwrap();
    first.transaction_execute(INSERT, &[text("a")]).unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| insert(&mut fixture.session(), "b"));
        while fixture.database.writer().waiting() < 1 {
            std::thread::yield_now();
        }
        fs::rename(&file, &aside).unwrap();
        assert_eq!(first.commit(), moved());
        assert_eq!(second.join().unwrap(), moved());
    });
    fs::rename(&aside, &file).unwrap();
    assert_eq!(fixture.things(), 0);
}

#[test]
fn a_file_that_replaces_a_moved_log_is_not_touched() {
    let fixture = fixture();
    insert(&mut fixture.session(), "kept").unwrap();
    let log = fixture.folder.path().join("x.db-wal");
    fs::remove_file(&log).unwrap();
    fs::write(&log, "another one's").unwrap();
    assert_eq!(insert(&mut fixture.session(), "refused"), moved());
    fixture.database.close();
    let Fixture { folder, database } = fixture;
    drop(database);
    assert_eq!(fs::read_to_string(&log).unwrap(), "another one's");
    fs::remove_file(&log).unwrap();
    let database =
        Database::open(&folder.path().join("x.db"), &DatabaseOptions::default()).unwrap();
    assert_eq!(count(&mut database.session(&SessionLimits::default())), 1);
}

#[test]
fn another_process_is_waited_for_so_long_and_a_wait_before_counts() {
    let fixture = fixture();
    let other = Connection::open(file(&fixture)).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let waits = |before_ms: u64| {
        let session = fixture.session_with(|limits| limits.writer_wait_ms = 600);
        let mut session = session.after(Duration::from_millis(before_ms));
        let begun = Instant::now();
        assert_eq!(session.begin(), Err(SqlError::Busy));
        begun.elapsed()
    };
    let (whole, rest, none) = (waits(0), waits(400), waits(10_000));
    assert!(whole >= Duration::from_millis(600), "{whole:?}");
    assert!(
        rest >= Duration::from_millis(200) && rest < whole,
        "{rest:?}"
    );
    assert!(none < rest, "{none:?}");
    let mut reader = fixture.session();
    assert_eq!(count(&mut reader), 0);
    other.execute_batch("commit").unwrap();
    // It is free, so what was waited for before does not matter.
    let mut session = fixture.session().after(Duration::from_secs(10));
    insert(&mut session, "next").unwrap();
}

#[test]
fn a_log_that_others_read_is_waited_for_no_longer_than_the_writer_is() {
    let fixture = fixture_with(&DatabaseOptions {
        log_bytes_max: 1,
        other_process_wait_ms: 30_000,
        ..DatabaseOptions::default()
    });
    let other = Connection::open(file(&fixture)).unwrap();
    other
        .execute_batch("begin; select count(*) from thing;")
        .unwrap();
    let begun = Instant::now();
    let mut session = fixture.session_with(|limits| limits.writer_wait_ms = 100);
    for name in ["a", "b", "c"] {
        insert(&mut session, name).unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(fixture.things(), 3);
}

#[test]
fn a_damaged_file_is_told_from_a_wrong_statement() {
    let fixture = fixture();
    for number in 0..500 {
        insert(&mut fixture.session(), &format!("{number:0200}")).unwrap();
    }
    fixture.database.close();
    let mut written = fs::OpenOptions::new()
        .write(true)
        .open(file(&fixture))
        .unwrap();
    let length = written.metadata().unwrap().len();
    // All but the page that says what there is.
    written.seek(SeekFrom::Start(4_096)).unwrap();
    let rest = usize::try_from(length).unwrap() - 4_096;
    written.write_all(&vec![0xa5; rest]).unwrap();
    let condition = fixture.database.condition();
    assert_eq!(condition.trouble(), None);
    let read = fixture
        .session()
        .query("select sum(length(name)) from thing", &[]);
    assert_eq!(read.err(), Some(SqlError::Trouble(Trouble::Damaged)));
    assert_eq!(condition.trouble(), Some(Trouble::Damaged));
    // Its first page can still be read and written.
    condition.look();
    assert_eq!(condition.trouble(), Some(Trouble::Damaged));
    let wrong = fixture.session().query("select x from thing", &[]);
    assert!(matches!(wrong, Err(SqlError::Invalid(_))), "{wrong:?}");
}

#[test]
fn a_database_in_trouble_has_the_name_that_operators_know() {
    let check = |path: &str, said: &str| {
        let condition = Condition::new(path.as_ref(), 0, false);
        assert_eq!(condition.title(), said);
    };
    check("data/modules/notes.db", "the database of the module notes");
    check("data/host.db", "the host's own database");
    check("data/modules/host.db", "the database of the module host");
    check("x.db", "the database x.db");
}

#[test]
fn trouble_lasts_until_its_cause_ends() {
    let fixture = fixture_with(&DatabaseOptions {
        bytes_max: 100 * 4_096,
        other_process_wait_ms: 50,
        ..DatabaseOptions::default()
    });
    let condition = fixture.database.condition();
    let after_a_look = || {
        condition.look();
        condition.trouble()
    };
    let long = text(&"x".repeat(20_000));
    let fill = |name: usize| {
        let name = text(&format!("{name}"));
        let sql = "insert into thing (name) values ($1 || $2)";
        fixture.session().execute(sql, &[name, long.clone()])
    };
    let full = (0..).find_map(|name| fill(name).err());
    assert_eq!(full, Some(SqlError::Trouble(Trouble::Full)));
    // A small write finds room, and a large one none.
    insert(&mut fixture.session(), "small").unwrap();
    assert_eq!(after_a_look(), Some(Trouble::Full));
    fixture.session().execute("delete from thing", &[]).unwrap();
    assert_eq!(after_a_look(), None);

    let other = Connection::open(file(&fixture)).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let mut hasty = fixture.session_with(|limits| limits.writer_wait_ms = 0);
    assert_eq!(hasty.begin(), Err(SqlError::Busy));
    assert_eq!(after_a_look(), Some(Trouble::Locked));
    other.execute_batch("rollback").unwrap();
    assert_eq!(after_a_look(), None);
    other.execute_batch("begin immediate").unwrap();
    let migrations = schema([migration("0001", THINGS)]);
    let refused = fixture
        .database
        .activate(&migrations, &[Some(Digest::of(b"a"))]);
    assert!(
        matches!(refused, Err(MigrationError::Sql(SqlError::Busy))),
        "{refused:?}"
    );
    assert_eq!(after_a_look(), Some(Trouble::Locked));
    other.execute_batch("rollback").unwrap();
    fixture
        .database
        .activate(&migrations, &[Some(Digest::of(b"a"))])
        .unwrap();
    assert_eq!(after_a_look(), None);

    let aside = fixture.folder.path().join("aside");
    fs::rename(file(&fixture), &aside).unwrap();
    assert_eq!(after_a_look(), Some(Trouble::Moved));
    // Another file of the same name is another one.
    fs::copy(&aside, file(&fixture)).unwrap();
    assert_eq!(after_a_look(), Some(Trouble::Moved));
    fs::rename(&aside, file(&fixture)).unwrap();
    assert_eq!(after_a_look(), None);
}
