//! What a hostile component may try on its database. Each is refused, and
//! changes nothing.

use super::*;

/// Tries a statement in every way that a session offers.
fn refuse(sql: &str) {
    let place = place();
    insert(&mut place.session(), "kept").unwrap();
    let mut session = place.session();
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
    assert_eq!(place.things(), 1, "{sql}");
    assert_eq!(insert(&mut place.session(), "next"), Ok(1), "{sql}");
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
    let place = place();
    for _ in 0..3 {
        assert_eq!(count(&mut place.session()), 0);
    }
    for own in [
        "begin",
        "commit",
        "begin immediate",
        "savepoint member",
        "rollback",
    ] {
        let mut session = place.session();
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
fn several_statements_as_one() {
    refuse("select 1; delete from thing");
    refuse("insert into thing (name) values ('x'); delete from thing");
}

#[test]
fn no_statement_at_all() {
    for nothing in [
        "",
        " ",
        "-- only a comment",
        "selekt 1",
        "select",
        "\0",
        "select '\0'",
    ] {
        let place = place();
        let refused = place.session().query(nothing, &[]);
        assert!(
            refused.is_err() || refused.is_ok_and(|rows| rows.count <= 1),
            "{nothing}"
        );
        assert_eq!(place.things(), 0);
    }
}

#[test]
fn writing_where_only_reading_is_allowed() {
    let place = place();
    let sneaky = "insert into thing (name) values ('x') returning id";
    let refused = place.session().query(sneaky, &[]);
    assert!(matches!(refused, Err(SqlError::Invalid(_))), "{refused:?}");
    assert_eq!(place.things(), 0);
    let mut session = place.session();
    session.begin().unwrap();
    assert_eq!(session.transaction_query(sneaky, &[]).unwrap().count, 1);
    session.commit().unwrap();
    assert_eq!(place.things(), 1);
}

#[test]
fn a_statement_without_end() {
    let place = place();
    let endless =
        "with recursive n (n) as (select 1 union all select n + 1 from n) select count(*) from n";
    let mut session = place.session_with(|limits| limits.statement_ms = 20);
    assert_eq!(session.query(endless, &[]), Err(SqlError::Timeout));
    assert_eq!(count(&mut session), 0);
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    let endless = "insert into thing (name)
        with recursive n (n) as (select 1 union all select n + 1 from n) select 'n' || n from n";
    let ended = session.transaction_execute(endless, &[]);
    assert!(matches!(ended, Err(SqlError::Timeout)), "{ended:?}");
    drop(session);
    insert(&mut place.session(), "next").unwrap();
}

#[test]
fn values_without_end() {
    let place = place();
    for huge in [
        "select zeroblob(1000000000)",
        "select hex(zeroblob(12000000))",
        "select replace(hex(zeroblob(9000)), '0', hex(zeroblob(9000)))",
    ] {
        let refused = place.session().query(huge, &[]);
        assert!(
            matches!(refused, Err(SqlError::LimitExceeded(_))),
            "{huge}: {:?}",
            refused.map(|rows| rows.data.len())
        );
    }
    let long = format!("select {}", "1+".repeat(1_000_000));
    assert!(place.session().query(&long, &[]).is_err());
    let deep = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(place.session().query(&deep, &[]).is_err());
}

#[test]
fn memory_without_end() {
    let place = place();
    let n = "with recursive n (x) as (select 1 union all select x + 1 from n)";
    for hoard in [
        format!("select {}", vec!["randomblob(16000000)"; 100].join(", ")),
        "with recursive n (x, y) as
            (select 1, zeroblob(1000000) union select x + 1, zeroblob(1000000) from n)
            select count(*) from n"
            .to_owned(),
        format!("{n} select count(distinct randomblob(1000000)) from n"),
        "with recursive n (x) as (select 1 union all select x + 1 from n limit 5000)
            select x from n order by randomblob(100000)"
            .to_owned(),
    ] {
        let mut session = place.session_with(|limits| limits.memory_bytes_max = 32 * 1024 * 1024);
        let refused = session.query(&hoard, &[]);
        assert_eq!(
            refused.map(|rows| rows.count),
            Err(SqlError::LimitExceeded(
                "more than 33554432 bytes of memory for one statement (sql_memory_bytes_max)"
                    .to_owned()
            )),
            "{hoard}"
        );
        // What is within it goes on, with as much as before.
        assert_eq!(count(&mut session), 0);
        let modest = "with recursive n (x) as (select 1 union all select x + 1 from n limit 50)
            select x from n order by randomblob(100000)";
        assert_eq!(session.query(modest, &[]).unwrap().count, 50);
    }
    // A transaction that it happens in can be gone; the next one is as good as any.
    let mut session = place.session_with(|limits| limits.memory_bytes_max = 8 * 1024 * 1024);
    session.begin().unwrap();
    let hoard =
        format!("insert into thing (name) {n} select hex(randomblob(10000)) from n limit 100000");
    assert!(session.transaction_execute(&hoard, &[]).is_err());
    drop(session);
    assert_eq!(place.things(), 0);
    assert_eq!(insert(&mut place.session(), "next"), Ok(1));
}

#[test]
fn a_row_as_wide_as_the_whole_result() {
    let place = place();
    let mut session = place.session_with(|limits| limits.result_bytes_max = 1_000_000);
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
    let place = place();
    let mut rehearsal = place.database.rehearsal(&SessionLimits::default());
    assert_eq!(insert(&mut rehearsal, "tried"), Ok(1));
    rehearsal.begin().unwrap();
    rehearsal
        .transaction_execute(INSERT, &[text("tried too")])
        .unwrap();
    assert_eq!(rehearsal.commit(), Ok(()));
    drop(rehearsal);
    assert_eq!(place.things(), 0);
    assert_eq!(insert(&mut place.session(), "kept"), Ok(1));
    assert_eq!(place.things(), 1);
}
