//! Attacks of a hostile component on its database. Each is refused, and
//! changes nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::memory;
use super::*;

/// Tries a statement in every way that a session offers.
fn refuse(sql: &str) {
    let fixture = fixture();
    insert(&mut fixture.session(), "kept").unwrap();
    let mut session = fixture.session();
    let mut tried = vec![
        session.query(sql, &[]).map(drop),
        session.execute(sql, &[]).map(drop),
    ];
    session.begin().unwrap();
    tried.push(session.transaction_query(sql, &[]).map(drop));
    tried.push(session.transaction_execute(sql, &[]).map(drop));
    session.rollback();
    for refused in tried {
        assert!(
            matches!(refused, Err(SqlError::Invalid(_))),
            "{sql}: {refused:?}"
        );
    }
    assert_eq!(fixture.things(), 1, "{sql}");
    assert_eq!(insert(&mut fixture.session(), "next"), Ok(1), "{sql}");
}

#[test]
fn attach_another_file() {
    refuse("attach 'other.db' as other");
    refuse("attach ':memory:' as other");
    refuse("detach main");
}

#[test]
fn pragmas() {
    for pragma in [
        "journal_mode = delete",
        "journal_mode",
        "writable_schema = on",
        "query_only = off",
        "database_list",
    ] {
        refuse(&format!("pragma {pragma}"));
    }
    refuse("select * from pragma_database_list");
    refuse("select * from pragma_table_info('thing')");
}

#[test]
fn the_hosts_own_tables() {
    refuse("select * from _wares_events");
    refuse("select * from _WARES_migrations");
    refuse("insert into _wares_events (name, data, created_at) values ('x', '{}', '')");
    refuse("update _wares_migrations set digest = ''");
    refuse("delete from _wares_migrations");
    refuse("select count(*) from thing where exists (select 1 from _wares_events)");
    refuse("with x as (select * from _wares_migrations) select * from x");
}

#[test]
fn the_schema() {
    refuse("select sql from sqlite_schema");
    refuse("select * from sqlite_master");
    refuse("select * from sqlite_sequence");
    for within in ["sqlite_schema", "sqlite_master", "sqlite_sequence"] {
        refuse(&format!(
            "with x as (select * from {within}) select * from x"
        ));
        refuse(&format!("select * from (select * from {within}) as thing"));
    }
    refuse("update sqlite_schema set sql = ''");
    refuse("delete from sqlite_sequence");
}

#[test]
fn changes_of_the_schema() {
    for change in [
        "create table other (x)",
        "create temp table other (x)",
        "create index other on thing (size)",
        "create trigger other after insert on thing begin delete from thing; end",
        "create view other as select 1",
        "create virtual table other using fts5 (x)",
        "alter table thing rename to other",
        "drop table thing",
        "reindex",
        "analyze",
    ] {
        refuse(change);
    }
}

#[test]
fn transactions_of_its_own() {
    for statement in [
        "begin",
        "commit",
        "rollback",
        "savepoint x",
        "release x",
        "rollback to x",
        "end",
    ] {
        refuse(statement);
    }
}

#[test]
fn statements_that_the_host_itself_has_run() {
    let fixture = fixture();
    for _ in 0..3 {
        assert_eq!(count(&mut fixture.session()), 0);
    }
    for own in [
        "begin",
        "commit",
        "begin immediate",
        "savepoint member",
        "rollback",
    ] {
        let mut session = fixture.session();
        assert_eq!(count(&mut session), 0);
        let refused = session.query(own, &[]);
        assert!(
            matches!(&refused, Err(SqlError::Invalid(text)) if text.starts_with("not allowed")),
            "{own}: {refused:?}"
        );
    }
}

#[test]
fn files_by_the_back_door() {
    refuse("vacuum");
    refuse("vacuum into 'copy.db'");
    refuse("select load_extension('x')");
    refuse("select readfile('/etc/passwd')");
    refuse("select writefile('x', 'y')");
    refuse("select fts3_tokenizer('simple')");
}

#[test]
fn functions_that_take_as_long_as_a_product() {
    refuse("select json_patch('{}', '{}')");
    refuse("select jsonb_patch('{}', '{}')");
    refuse("select unhex('ab', 'x')");
    let fixture = fixture();
    // SQLite's own take the square of a million for each of these.
    for (long, expected) in [
        ("select instr(h, substr(h, 1, 500000) || 'b')", 0),
        (
            "select instr(h, substr(h, 1, 500000) || 'b') + instr('b' || h, 'a')",
            2,
        ),
        (
            "select length(replace(h, substr(h, 1, 500000) || 'b', 'c'))",
            999_999,
        ),
        ("select length(trim(h, s || 'a'))", 0),
        (
            "select length(ltrim(h, s)) + length(rtrim(h, s))",
            1_999_998,
        ),
    ] {
        let with = "with t (h, s) as
            (select printf('%.*c', 999999, 'a'), replace(hex(zeroblob(250000)), '0', 'é'))";
        let mut session = fixture.session_with(|limits| limits.statement_ms = 60_000);
        let got = session.query(&format!("{with} {long} from t"), &[]);
        assert_eq!(got.as_ref().map(integer), Ok(expected), "{long}");
    }
}

#[test]
fn replaced_functions_return_what_sqlite_returns() {
    let fixture = fixture();
    let sqlite = rusqlite::Connection::open_in_memory().unwrap();
    for call in [
        "instr('Größe', 'e')",
        "instr('Größe', '')",
        "instr('', '')",
        "instr('', 'a')",
        "instr(x'c3b65f', x'5f')",
        "instr('ö_', x'5f')",
        "instr(12345, 34)",
        "instr(null, 'a')",
        "instr('a', null)",
        "replace('aaa', 'aa', 'b')",
        "replace('abc', '', 'x')",
        "replace('abc', '', null)",
        "replace('Größe', 'ß', 'ss')",
        "replace(121, 2, '-')",
        "replace('abc', 'b', null)",
        "replace(null, 'a', 'b')",
        "trim('  a b  ')",
        "ltrim('  a  ') || '|'",
        "rtrim('  a  ') || '|'",
        "trim('	 a')",
        "trim('éaéé', 'é')",
        "ltrim('xyxaxy', 'yx')",
        "rtrim('xyxaxy', 'yx')",
        "trim('aaa', 'a') || '|'",
        "trim('abc', '')",
        "trim(null)",
        "trim('a', null)",
        "trim(1001, 1)",
    ] {
        let statement = format!("select quote({call}) || typeof({call})");
        let theirs: Option<String> = sqlite.query_row(&statement, [], |row| row.get(0)).unwrap();
        let ours = fixture.session().query(&statement, &[]).unwrap();
        assert_eq!(&ours.data[5..], theirs.unwrap().as_bytes(), "{call}");
    }
    refuse("select instr('1.5', 1.5)");
    refuse("select trim(cast(x'ff' as text), 'a')");
}

#[test]
fn several_statements_as_one() {
    refuse("select 1; delete from thing");
    refuse("insert into thing (name) values ('x'); delete from thing");
}

#[test]
fn no_statement_at_all() {
    for empty in [
        "",
        " ",
        "-- only a comment",
        "selekt 1",
        "select",
        "\0",
        "select '\0'",
    ] {
        let fixture = fixture();
        let refused = fixture.session().query(empty, &[]);
        assert!(
            refused.is_err() || refused.is_ok_and(|rows| rows.count <= 1),
            "{empty}"
        );
        assert_eq!(fixture.things(), 0);
    }
}

#[test]
fn writing_where_only_reading_is_allowed() {
    let fixture = fixture();
    let sneaky = "insert into thing (name) values ('x') returning id";
    let refused = fixture.session().query(sneaky, &[]);
    assert!(matches!(refused, Err(SqlError::Invalid(_))), "{refused:?}");
    assert_eq!(fixture.things(), 0);
    let mut session = fixture.session();
    session.begin().unwrap();
    assert_eq!(session.transaction_query(sneaky, &[]).unwrap().count, 1);
    session.commit().unwrap();
    assert_eq!(fixture.things(), 1);
}

#[test]
fn a_statement_without_end() {
    let fixture = fixture();
    let endless =
        "with recursive n (n) as (select 1 union all select n + 1 from n) select count(*) from n";
    let mut session = fixture.session_with(|limits| limits.statement_ms = 20);
    assert_eq!(session.query(endless, &[]), Err(SqlError::Timeout));
    assert_eq!(count(&mut session), 0);
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    let endless = "insert into thing (name)
        with recursive n (n) as (select 1 union all select n + 1 from n) select 'n' || n from n";
    let ended = session.transaction_execute(endless, &[]);
    assert!(matches!(ended, Err(SqlError::Timeout)), "{ended:?}");
    drop(session);
    insert(&mut fixture.session(), "next").unwrap();
}

#[test]
fn values_without_end() {
    let fixture = fixture();
    for huge in [
        "select zeroblob(1000000000)",
        "select hex(zeroblob(3000000))",
        "select zeroblob(4194305)",
        "select replace(hex(zeroblob(9000)), '0', hex(zeroblob(9000)))",
    ] {
        let refused = fixture.session().query(huge, &[]);
        assert!(
            matches!(refused, Err(SqlError::LimitExceeded(_))),
            "{huge}: {:?}",
            refused.map(|rows| rows.data.len())
        );
    }
    let long = format!("select {}", "1+".repeat(1_000_000));
    assert!(fixture.session().query(&long, &[]).is_err());
    let deep = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(fixture.session().query(&deep, &[]).is_err());
}

#[test]
fn memory_without_end() {
    let fixture = fixture();
    let n = "with recursive n (x) as (select 1 union all select x + 1 from n)";
    for hoard in [
        format!("select {}", vec!["randomblob(4000000)"; 100].join(", ")),
        "with recursive n (x, y) as
            (select 1, zeroblob(1000000) union select x + 1, zeroblob(1000000) from n)
            select count(*) from n"
            .to_owned(),
        format!("{n} select count(distinct randomblob(1000000)) from n"),
        "with recursive n (x) as (select 1 union all select x + 1 from n limit 5000)
            select x from n order by randomblob(100000)"
            .to_owned(),
    ] {
        let mut session = fixture.session_with(|limits| limits.memory_bytes_max = 32 * 1024 * 1024);
        let refused = session.query(&hoard, &[]);
        assert_eq!(
            refused.map(|rows| rows.count),
            Err(SqlError::LimitExceeded(
                "more than 33554432 bytes of memory for one statement (sql_memory_bytes_max)"
                    .to_owned()
            )),
            "{hoard}"
        );
        // Statements within the limit continue, with as much as before.
        assert_eq!(count(&mut session), 0);
        let modest = "with recursive n (x) as (select 1 union all select x + 1 from n limit 50)
            select x from n order by randomblob(100000)";
        assert_eq!(session.query(modest, &[]).unwrap().count, 50);
    }
    // A transaction that it happens in can be gone; the next one is as good as any.
    let mut session = fixture.session_with(|limits| limits.memory_bytes_max = 8 * 1024 * 1024);
    session.begin().unwrap();
    let hoard =
        format!("insert into thing (name) {n} select hex(randomblob(10000)) from n limit 100000");
    assert!(session.transaction_execute(&hoard, &[]).is_err());
    drop(session);
    assert_eq!(fixture.things(), 0);
    assert_eq!(insert(&mut fixture.session(), "next"), Ok(1));
}

#[test]
fn a_row_as_wide_as_the_whole_result() {
    let fixture = fixture();
    let mut session = fixture.session_with(|limits| limits.result_bytes_max = 1_000_000);
    let row = format!("select {}", vec!["zeroblob(900000)"; 50].join(", "));
    assert_eq!(
        session.query(&row, &[]).map(|rows| rows.count),
        Err(SqlError::LimitExceeded(
            "more than 1000000 bytes of rows (sql_result_bytes_max)".to_owned()
        ))
    );
}

#[test]
fn a_rehearsal_keeps_nothing() {
    let fixture = fixture();
    let mut rehearsal = fixture.database.rehearsal(&SessionLimits::default());
    assert_eq!(insert(&mut rehearsal, "tried"), Ok(1));
    rehearsal.begin().unwrap();
    rehearsal
        .transaction_execute(INSERT, &[text("tried too")])
        .unwrap();
    assert_eq!(rehearsal.commit(), Ok(()));
    drop(rehearsal);
    assert_eq!(fixture.things(), 0);
    assert_eq!(insert(&mut fixture.session(), "kept"), Ok(1));
    assert_eq!(fixture.things(), 1);
}

#[test]
fn migrations_that_touch_tables_of_the_host() {
    for (statements, reason) in [
        (
            "create table c (x text references _wares_events (name)) strict;",
            "'c' refers to a table of the host's",
        ),
        (
            "create table c (x text references _WARES_activations (digest) deferrable initially deferred);",
            "'c' refers to a table of the host's",
        ),
        (
            "create table c (x); alter table c rename to _wares_c;",
            "'_wares_c' is a name of the host's",
        ),
        (
            "create virtual table _wares_words using fts5 (x);",
            "not authorized",
        ),
        ("create view _Wares_view as select 1;", "not authorized"),
        (
            "update sqlite_sequence set seq = 9223372036854775807 where name = '_wares_events';",
            "it changes the numbers of events",
        ),
        (
            "delete from sqlite_sequence;",
            "it changes the numbers of events",
        ),
        (
            "create trigger t after insert on _wares_events begin select 1; end;",
            "not authorized",
        ),
        ("create index i on _wares_events (name);", "not authorized"),
        ("alter table _wares_events add column x;", "not authorized"),
    ] {
        let fixture = fixture();
        let mut session = fixture.session();
        session.begin().unwrap();
        session.emit("thing.made", "{}", None).unwrap();
        session.commit().unwrap();
        drop(session);
        let bad = schema([
            migration("0001", THINGS),
            migration("0002", &format!("create table fine (x); {statements}")),
        ]);
        let refused = fixture.database.migrate(&bad).unwrap_err().to_string();
        assert!(refused.contains(reason), "{statements}: {refused}");
        // All is as it was, and opens again.
        let path = fixture.folder.path().join("x.db");
        let database = Database::open(&path, &DatabaseOptions::default()).unwrap();
        assert_eq!(database.events(0, 10).unwrap()[0].id, 1);
        let good = schema([
            migration("0001", THINGS),
            migration(
                "0002",
                "create table fine (id integer primary key autoincrement);",
            ),
            migration(
                "0003",
                "alter table fine rename to better; insert into better default values;",
            ),
        ]);
        assert_eq!(database.migrate(&good).unwrap(), ["0002", "0003"]);
    }
}

#[test]
fn statements_that_take_memory_to_be_kept() {
    let fixture = fixture();
    let mut session = fixture.session_with(|limits| {
        limits.memory_bytes_max = 64 * 1024 * 1024;
        limits.statement_ms = 60_000;
    });
    let before = memory::used();
    for number in 0..10 {
        let rows = "(1),".repeat(60_000);
        let heavy = format!("with x (n) as (values {rows} ({number})) select count(*) from x");
        assert_eq!(session.query(&heavy, &[]).unwrap().count, 1, "{number}");
    }
    let kept = memory::used() - before;
    assert!(kept < 16 * 1024 * 1024, "{kept} bytes are kept");
}

#[test]
fn readers_that_keep_the_log_from_beginning_anew() {
    let fixture = fixture_with(&DatabaseOptions {
        log_bytes_max: 256 * 1024,
        ..DatabaseOptions::default()
    });
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Each snapshot overlaps with the next.
                let mut sessions = VecDeque::new();
                while !done.load(Ordering::Relaxed) {
                    let mut session = fixture.session();
                    count(&mut session);
                    sessions.push_back(session);
                    if sessions.len() > 1 {
                        sessions.pop_front();
                    }
                }
            });
        }
        for number in 0..60 {
            let name = format!("{number}").repeat(100_000);
            insert(&mut fixture.session(), &name).unwrap();
            let log = fixture.folder.path().join("x.db-wal");
            let bytes = std::fs::metadata(log).unwrap().len();
            assert!(bytes < 6 * 1024 * 1024, "the log has {bytes} bytes");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fixture.things(), 60);
}
