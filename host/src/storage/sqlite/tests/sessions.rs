//! The promises of a session: snapshots, transactions, limits, errors to act on.

use super::super::ConstraintKind;
use super::*;

#[test]
fn rows_come_packed() {
    let fixture = fixture();
    let rows = fixture
        .session()
        .query(
            "select null, -2, 0.5, 'é', x'00ff' union all select $1, $2, $3, $4, $5",
            &[
                Value::Null,
                Value::Integer(7),
                Value::Real(f64::NAN),
                text(""),
                Value::Blob(vec![1]),
            ],
        )
        .unwrap();
    let mut data = vec![0, 1];
    data.extend((-2_i64).to_le_bytes());
    data.push(2);
    data.extend(0.5_f64.to_le_bytes());
    data.extend([3, 2, 0, 0, 0, 0xc3, 0xa9, 4, 2, 0, 0, 0, 0x00, 0xff]);
    data.extend([0, 1]);
    data.extend(7_i64.to_le_bytes());
    data.extend([0, 3, 0, 0, 0, 0, 4, 1, 0, 0, 0, 1]);
    assert_eq!(
        rows,
        Rows {
            columns: 5,
            count: 2,
            data
        }
    );
}

#[test]
fn parameters_are_bound_by_their_number() {
    let fixture = fixture();
    let rows = fixture.session().query(
        "select $2 - $1 + $2",
        &[Value::Integer(1), Value::Integer(10)],
    );
    assert_eq!(integer(&rows.unwrap()), 19);
    for (sql, parameters) in [
        ("select $1", vec![]),
        ("select 1", vec![Value::Null]),
        ("select $2", vec![Value::Null]),
        ("select ?", vec![Value::Null]),
        ("select :a", vec![Value::Null]),
        ("select $0", vec![Value::Null]),
    ] {
        let refused = fixture.session().query(sql, &parameters);
        assert!(
            matches!(refused, Err(SqlError::Invalid(_))),
            "{sql}: {refused:?}"
        );
    }
}

#[test]
fn a_transaction_is_seen_by_others_once_it_commits() {
    let fixture = fixture();
    let mut session = fixture.session();
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    assert_eq!(
        integer(
            &session
                .transaction_query("select count(*) from thing", &[])
                .unwrap()
        ),
        1
    );
    assert_eq!(fixture.things(), 0);
    session.commit().unwrap();
    assert_eq!(fixture.things(), 1);
}

#[test]
fn a_transaction_that_is_not_committed_leaves_nothing() {
    let fixture = fixture();
    let mut session = fixture.session();
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    session.emit("thing.created", "{}", None).unwrap();
    drop(session);
    assert_eq!(fixture.things(), 0);
    assert_eq!(fixture.database.events(0, 10), Ok(Vec::new()));
    let mut session = fixture.session();
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    session.rollback();
    assert_eq!(
        session.commit(),
        Err(SqlError::Invalid("no transaction is open".to_owned()))
    );
    assert_eq!(fixture.things(), 0);
}

#[test]
fn after_an_error_a_transaction_is_as_before_the_statement() {
    let fixture = fixture();
    insert(&mut fixture.session(), "taken").unwrap();
    let mut session = fixture.session();
    session.begin().unwrap();
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    let two = "insert into thing (name) values ('b'), ('taken')";
    assert!(session.transaction_execute(two, &[]).is_err());
    session.commit().unwrap();
    let names = fixture
        .session()
        .query("select name from thing where name = 'b'", &[])
        .unwrap();
    assert_eq!((names.count, fixture.things()), (0, 2));
}

#[test]
fn a_broken_rule_is_told_with_its_kind_and_columns() {
    let fixture = fixture();
    insert(&mut fixture.session(), "taken").unwrap();
    for (sql, kind, columns) in [
        (
            "insert into thing (name) values ('taken')",
            ConstraintKind::Unique,
            vec!["thing.name"],
        ),
        (
            "insert into thing (id, name) values (1, 'x')",
            ConstraintKind::Unique,
            vec!["thing.id"],
        ),
        (
            "insert into thing (name) values (null)",
            ConstraintKind::NotNull,
            vec!["thing.name"],
        ),
        (
            "insert into thing (name, shelf) values ('x', 'no')",
            ConstraintKind::ForeignKey,
            vec![],
        ),
    ] {
        let columns = columns.into_iter().map(str::to_owned).collect();
        assert_eq!(
            fixture.session().execute(sql, &[]),
            Err(SqlError::Constraint { kind, columns }),
            "{sql}"
        );
    }
    let check = fixture
        .session()
        .execute("insert into thing (name, size) values ('x', 0)", &[]);
    assert!(
        matches!(
            check,
            Err(SqlError::Constraint {
                kind: ConstraintKind::Check,
                ..
            })
        ),
        "{check:?}"
    );
    assert_eq!(fixture.things(), 1);
}

#[test]
fn a_session_reads_one_snapshot_until_it_writes() {
    let fixture = fixture();
    let mut session = fixture.session();
    assert_eq!(count(&mut session), 0);
    insert(&mut fixture.session(), "other's").unwrap();
    assert_eq!((count(&mut session), fixture.things()), (0, 1));
    insert(&mut session, "own").unwrap();
    assert_eq!(count(&mut session), 2);
}

#[test]
fn one_transaction_at_a_time() {
    let fixture = fixture();
    let mut session = fixture.session();
    session.begin().unwrap();
    assert_eq!(
        session.begin(),
        Err(SqlError::Invalid(
            "a transaction is open already".to_owned()
        ))
    );
    session.transaction_execute(INSERT, &[text("a")]).unwrap();
    session.commit().unwrap();
    for refused in [
        session.transaction_execute(INSERT, &[text("b")]).map(drop),
        session.transaction_query("select 1", &[]).map(drop),
        session.emit("thing.created", "{}", None),
        session.commit(),
    ] {
        assert_eq!(
            refused,
            Err(SqlError::Invalid("no transaction is open".to_owned()))
        );
    }
    assert_eq!(fixture.things(), 1);
}

#[test]
fn a_session_that_holds_the_writer_too_long_loses_it() {
    let fixture = fixture();
    let mut session = fixture.session_with(|limits| limits.transaction_hold_ms = 0);
    session.begin().unwrap();
    // Some work that takes longer than no time at all.
    while session.query("select 1", &[]).is_ok()
        && session.transaction_query("select 1", &[]).is_ok()
    {}
    let lost = session.commit();
    assert_eq!(
        lost,
        Err(SqlError::Invalid("no transaction is open".to_owned()))
    );
    insert(&mut fixture.session(), "next").unwrap();
}

#[test]
fn a_session_that_waits_too_long_for_the_writer_is_busy() {
    let fixture = fixture();
    let mut holder = fixture.session();
    holder.begin().unwrap();
    let mut waiting = fixture.session_with(|limits| limits.writer_wait_ms = 10);
    assert_eq!(waiting.begin(), Err(SqlError::Busy));
    holder.transaction_execute(INSERT, &[text("a")]).unwrap();
    holder.commit().unwrap();
    insert(&mut waiting, "b").unwrap();
    assert_eq!(fixture.things(), 2);
}

#[test]
fn results_statements_and_parameters_are_bounded() {
    let fixture = fixture();
    let many = "with recursive n (n) as (select 1 union all select n + 1 from n where n < 100) select n from n";
    let mut session = fixture.session_with(|limits| limits.rows_max = 100);
    assert_eq!(session.query(many, &[]).unwrap().count, 100);
    let limited =
        |session: &mut Session, sql: &str| session.query(sql, &[]).unwrap_err().to_string();
    let mut session = fixture.session_with(|limits| limits.rows_max = 99);
    assert_eq!(
        limited(&mut session, many),
        "more than 99 rows (sql_rows_max)"
    );
    let mut session = fixture.session_with(|limits| limits.result_bytes_max = 100);
    assert_eq!(
        limited(&mut session, many),
        "more than 100 bytes of rows (sql_result_bytes_max)"
    );
    let mut session = fixture.session_with(|limits| limits.statements_max = 2);
    assert!(session.query("select 1", &[]).is_ok() && session.query("select 1", &[]).is_ok());
    assert_eq!(
        limited(&mut session, "select 1"),
        "more than 2 statements in one call (sql_statements_max)"
    );
    let long = Value::Blob(vec![0; 5 * 1024 * 1024]);
    let refused = fixture.session().query("select length($1)", &[long]);
    assert!(
        matches!(refused, Err(SqlError::LimitExceeded(_))),
        "{refused:?}"
    );
}

#[test]
fn events_are_kept_with_their_transaction() {
    let fixture = fixture();
    let mut session = fixture.session();
    session.begin().unwrap();
    session.emit("thing.created", "{\"id\":1}", None).unwrap();
    for (name, data) in [
        ("", "{}"),
        ("Thing", "{}"),
        ("thing created", "{}"),
        ("thing.created", "{"),
        ("x", ""),
    ] {
        assert!(
            matches!(session.emit(name, data, None), Err(SqlError::Invalid(_))),
            "{name} {data}"
        );
    }
    let long = format!("\"{}\"", "x".repeat(70_000));
    assert!(matches!(
        session.emit("x", &long, None),
        Err(SqlError::LimitExceeded(_))
    ));
    session.commit().unwrap();
    let events = fixture.database.events(0, 10).unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.id, event.name.as_str(), event.data.as_str()))
        .collect();
    assert_eq!(told, [(1, "thing.created", "{\"id\":1}")]);
    assert_eq!(fixture.database.events(1, 10), Ok(Vec::new()));
}

#[test]
fn texts_are_matched_by_regular_expressions() {
    let fixture = fixture();
    let mut session = fixture.session();
    for name in ["box_1", "box_2", "bag_1"] {
        insert(&mut session, name).unwrap();
    }
    let mut matching = |pattern: &str| {
        session
            .query(
                "select count(*) from thing where name regexp $1",
                &[text(pattern)],
            )
            .map(|rows| integer(&rows))
    };
    assert_eq!(matching("^box_"), Ok(2));
    assert_eq!(matching("_1$"), Ok(2));
    assert_eq!(matching("BOX"), Ok(0));
    for (pattern, reason) in [
        ("[", "unclosed character class"),
        (r"(a)\1", "backreferences are not supported"),
        (
            "a{1000}{1000}",
            "Compiled regex exceeds size limit of 262144 bytes.",
        ),
    ] {
        assert_eq!(
            matching(pattern),
            Err(SqlError::Invalid(format!(
                "the regular expression cannot be read: {reason}"
            ))),
            "{pattern}"
        );
    }
    let none = session.query("select count(*) from thing where shelf regexp 'x'", &[]);
    assert_eq!(none.map(|rows| integer(&rows)), Ok(0));
    assert_eq!(
        session
            .query("select $1 regexp 'x'", &[text(&"x".repeat(5_000))])
            .map(drop),
        Err(SqlError::Invalid(
            "regexp takes a text of at most 4096 bytes".to_owned()
        ))
    );
}
