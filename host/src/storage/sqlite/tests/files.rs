//! The file itself: its schema, its end, its other users.

use super::super::{MigrationError, SessionLimits, Trouble};
use super::*;
use crate::digest::Digest;

#[test]
fn commits_are_there_when_the_file_is_opened_again() {
    let Fixture { folder, database } = fixture();
    insert(&mut database.session(&SessionLimits::default()), "a").unwrap();
    database.close();
    drop(database);
    let database =
        Database::open(&folder.path().join("x.db"), &DatabaseOptions::default()).unwrap();
    assert_eq!(count(&mut database.session(&SessionLimits::default())), 1);
}

#[test]
fn two_processes_on_one_file_lose_nothing() {
    let fixture = fixture();
    let other = Database::open(
        &fixture.folder.path().join("x.db"),
        &DatabaseOptions::default(),
    )
    .unwrap();
    std::thread::scope(|scope| {
        for (name, database) in [("a", &fixture.database), ("b", &other)] {
            scope.spawn(move || {
                for number in 0..50 {
                    let mut session = database.session(&SessionLimits::default());
                    insert(&mut session, &format!("{name}{number}")).unwrap();
                }
            });
        }
    });
    assert_eq!(fixture.things(), 100);
    assert_eq!(count(&mut other.session(&SessionLimits::default())), 100);
}

#[test]
fn migrations_that_find_no_room_are_told_from_those_that_are_wrong() {
    let fixture = fixture_with(&DatabaseOptions {
        bytes_max: 40 * 4_096,
        ..DatabaseOptions::default()
    });
    let then =
        |statements: &str| schema([migration("0001", THINGS), migration("0002", statements)]);
    let failed = |statements: &str| {
        let error = fixture
            .database
            .activate(&then(statements), &[Some(Digest::of(b"a"))]);
        error.unwrap_err()
    };
    let full = failed("create table box (x); insert into box values (zeroblob(1000000));");
    assert!(full.is_full(), "{full}");
    let wrong = failed("insert into nowhere values (1);");
    assert!(!wrong.is_full(), "{wrong}");
    assert_eq!(fixture.database.activated().unwrap().active, None);
    assert!(!SqlError::Trouble(Trouble::Damaged).is_full());
}

#[test]
fn a_full_disk_is_told_and_nothing_that_was_kept_is_lost() {
    let fixture = fixture_with(&DatabaseOptions {
        bytes_max: 40 * 4_096,
        ..DatabaseOptions::default()
    });
    let long = |number: usize| text(&format!("{number}{}", "x".repeat(2_000)));
    let mut kept = 0;
    let full = loop {
        match fixture.session().execute(INSERT, &[long(kept)]) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, SqlError::Trouble(Trouble::Full));
    assert!(kept > 5);
    assert_eq!(fixture.things(), kept as i64);
    let mut session = fixture.session();
    session.begin().unwrap();
    let failed = session.transaction_execute(INSERT, &[text(&"y".repeat(50_000))]);
    assert!(
        matches!(failed, Err(SqlError::Trouble(Trouble::Full))),
        "{failed:?}"
    );
    assert!(session.commit().is_err() || fixture.things() == kept as i64);
    assert_eq!(fixture.things(), kept as i64);
    fixture.session().execute("delete from thing", &[]).unwrap();
    insert(&mut fixture.session(), "room again").unwrap();
    assert_eq!(fixture.things(), 1);
}

#[test]
fn migrations_run_once_and_in_order() {
    let fixture = fixture();
    let first = migration("0001", THINGS);
    let second = migration(
        "0002",
        "alter table thing add column colour text; create index c on thing (colour);",
    );
    let both = schema([first.clone(), second.clone()]);
    assert_eq!(fixture.database.pending(&both).unwrap(), ["0002"]);
    assert_eq!(fixture.database.migrate(&both).unwrap(), ["0002"]);
    assert_eq!(
        fixture.database.migrate(&both).unwrap(),
        Vec::<String>::new()
    );
    fixture
        .session()
        .query("select colour from thing", &[])
        .unwrap();
    let changed = fixture
        .database
        .migrate(&schema([migration("0001", "select 1;"), second.clone()]));
    assert!(matches!(changed, Err(MigrationError::Changed(name)) if name == "0001"));
    let twice = fixture
        .database
        .migrate(&schema([first.clone(), second.clone(), second]));
    assert!(matches!(twice, Err(MigrationError::Duplicate(name)) if name == "0002"));
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    let fixture = fixture();
    for bad in [
        "create table other (x); insert into nowhere values (1);",
        "create table _wares_other (x);",
        "drop table _wares_events;",
        "insert into _wares_events (name, data, created_at) values ('x', '{}', '');",
        "create table other (x); commit;",
        "attach 'x.db' as x;",
        "pragma journal_mode = delete;",
        "create virtual table other using rtree (id, a, b);",
        "create temp table other (x);",
    ] {
        let failed = fixture
            .database
            .migrate(&schema([migration("0001", THINGS), migration("0002", bad)]));
        assert!(
            matches!(failed, Err(MigrationError::Failed { migration, .. }) if migration == "0002"),
            "{bad}"
        );
        assert!(
            fixture.session().query("select * from other", &[]).is_err(),
            "{bad}"
        );
        assert_eq!(fixture.things(), 0);
    }
}

#[test]
fn full_text_search_works_through_a_session() {
    let fixture = fixture();
    let words = migration(
        "0002",
        "create virtual table words using fts5 (name, content = 'thing', content_rowid = 'id', tokenize = 'trigram');
         create trigger words_insert after insert on thing begin
             insert into words (rowid, name) values (new.id, new.name);
         end;
         create trigger words_delete after delete on thing begin
             insert into words (words, rowid, name) values ('delete', old.id, old.name);
         end;",
    );
    fixture
        .database
        .migrate(&schema([migration("0001", THINGS), words]))
        .unwrap();
    insert(&mut fixture.session(), "a long name").unwrap();
    insert(&mut fixture.session(), "another").unwrap();
    let found = |word: &str| {
        let sql =
            "select count(*) from thing where id in (select rowid from words where words match $1)";
        integer(&fixture.session().query(sql, &[text(word)]).unwrap())
    };
    assert_eq!((found("\"ong n\""), found("\"nothing\"")), (1, 0));
    fixture.session().execute("delete from thing", &[]).unwrap();
    assert_eq!(found("\"ong n\""), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn temporary_files_of_migrations_are_bounded() {
    // More than the cache of the writer, which is as much as is sorted in memory.
    let sort = "create table long as
        with recursive n (x) as (select 1 union all select x + 1 from n limit 1200)
        select hex(randomblob(50000)) as x from n order by 1;
        drop table long;";
    for (temporary_bytes_max, fails) in [(1024 * 1024, true), (1024 * 1024 * 1024, false)] {
        let fixture = fixture_with(&DatabaseOptions {
            temporary_bytes_max,
            ..DatabaseOptions::default()
        });
        let migrations = schema([migration("0001", THINGS), migration("0002", sort)]);
        let failed = fixture.database.migrate(&migrations).err();
        assert_eq!(
            failed.map(|error| error.to_string()),
            fails.then(|| {
                "the migration 0002 fails at statement 1: temporary files need more than 1048576 bytes"
                    .to_owned()
            })
        );
        assert_eq!(insert(&mut fixture.session(), "next"), Ok(1));
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "this is no database at all, it is a text").unwrap();
    let refused = Database::open(&path, &DatabaseOptions::default())
        .err()
        .unwrap()
        .to_string();
    assert!(
        refused.starts_with(&format!("{}: ", path.display())),
        "{refused}"
    );
}

#[test]
fn migrations_without_end_are_ended_and_leave_nothing() {
    let fixture = fixture_with(&DatabaseOptions {
        migration_ms: 50,
        ..DatabaseOptions::default()
    });
    let n = "with recursive n (x) as (select 1 union all select x + 1 from n)";
    let endless =
        format!("create table other (x); insert into other {n} select x from n where x < 0;");
    let failed = fixture.database.migrate(&schema([
        migration("0001", THINGS),
        migration("0002", &endless),
    ]));
    assert_eq!(
        failed.map_err(|error| error.to_string()),
        Err("the migration 0002 fails at statement 2: the migrations take longer than 50 ms (sql_migration_ms)".to_owned())
    );
    let short = schema([
        migration("0001", THINGS),
        migration("0002", "create table other (x);"),
    ]);
    assert_eq!(fixture.database.migrate(&short).unwrap(), ["0002"]);
}
