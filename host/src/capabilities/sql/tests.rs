//! Statements as a guest has them run, without a guest.

use super::super::Limits;
use super::super::fixture::{Fixture, asking, begin, begun, commit, handed_over, lent, told};
use super::*;

const INSERT: &str = "insert into thing (name) values ($1)";

fn text(text: &str) -> wit::Value {
    wit::Value::Text(text.to_owned())
}

fn query(call: &mut CallState, statement: &str) -> Result<u32, String> {
    let rows = Host::query(&mut view(call), statement.to_owned(), vec![]).unwrap();
    rows.map(|rows| rows.count).map_err(told)
}

fn execute(
    call: &mut CallState,
    statement: &str,
    parameters: Vec<wit::Value>,
) -> Result<u64, String> {
    let changed = Host::execute(&mut view(call), statement.to_owned(), parameters).unwrap();
    changed.map_err(told)
}

/// The number of things, as a new call sees it.
fn things(fixture: &Fixture) -> Result<u32, String> {
    query(&mut fixture.call(), "select 1 from thing")
}

#[test]
fn a_statement_is_answered_or_refused_with_the_rule() {
    let fixture = Fixture::new();
    let mut call = fixture.call();
    let size = "insert into thing (name, size) values ('b', $1)";
    let shelf = "insert into thing (name, shelf) values ('c', $1)";
    for (statement, parameters, answer) in [
        (INSERT, vec![text("a")], Ok(1)),
        (
            INSERT,
            vec![text("a")],
            Err("ConstraintKind::Unique: thing.name"),
        ),
        (
            INSERT,
            vec![wit::Value::Null],
            Err("ConstraintKind::NotNull: thing.name"),
        ),
        (
            size,
            vec![wit::Value::Integer(0)],
            Err("ConstraintKind::Check: size > 0"),
        ),
        (size, vec![wit::Value::Integer(1)], Ok(1)),
        (
            shelf,
            vec![text("none")],
            Err("ConstraintKind::ForeignKey: "),
        ),
        (shelf, vec![wit::Value::Null], Ok(1)),
        (
            INSERT,
            vec![],
            Err("invalid: the statement has 1 parameters, 0 were given"),
        ),
        ("update thing set size = 2", vec![], Ok(3)),
        (
            "select 1",
            vec![],
            Err("invalid: execute returns no rows: use query in a transaction"),
        ),
        (
            "delete from thing; select 1",
            vec![],
            Err("invalid: one statement at a time"),
        ),
        (
            "drop table thing",
            vec![],
            Err("invalid: not allowed: not authorized"),
        ),
        ("delete from thing", vec![], Ok(3)),
    ] {
        let answer = answer.map_err(str::to_owned);
        assert_eq!(
            execute(&mut call, statement, parameters),
            answer,
            "{statement}"
        );
    }
    let reading = "invalid: query only reads: use execute, or a transaction".to_owned();
    assert_eq!(query(&mut call, "delete from thing"), Err(reading));
}

#[test]
fn a_value_of_each_type_comes_back_as_it_was_sent() {
    let fixture = Fixture::new();
    let values = vec![
        wit::Value::Null,
        wit::Value::Integer(-2),
        wit::Value::Real(0.5),
        text("é"),
        wit::Value::Blob(vec![0, 255]),
    ];
    let mut call = fixture.call();
    let statement = "select $1, $2, $3, $4, $5".to_owned();
    let rows = Host::query(&mut view(&mut call), statement, values).unwrap();
    let rows = rows.unwrap();
    let mut packed = vec![0, 1];
    packed.extend((-2_i64).to_le_bytes());
    packed.push(2);
    packed.extend(0.5_f64.to_le_bytes());
    packed.extend([3, 2, 0, 0, 0]);
    packed.extend("é".bytes());
    packed.extend([4, 2, 0, 0, 0, 0, 255]);
    assert_eq!((rows.columns, rows.count, rows.data), (5, 1, packed));
}

#[test]
fn a_limit_is_named_by_what_goes_beyond_it() {
    type Change = fn(&mut SessionLimits);
    let fixture = Fixture::new();
    let cases: [(Change, &str, &str, &str); 5] = [
        (
            |limits| limits.statements_max = 1,
            "select 1",
            "select 1",
            "limit exceeded: more than 1 statements in one call (sql_statements_max)",
        ),
        (
            |limits| limits.rows_max = 2,
            "values (1), (2)",
            "values (1), (2), (3)",
            "limit exceeded: more than 2 rows (sql_rows_max)",
        ),
        (
            // An integer takes nine.
            |limits| limits.result_bytes_max = 9,
            "select 1",
            "select 1, 2",
            "limit exceeded: more than 9 bytes of rows (sql_result_bytes_max)",
        ),
        (
            |limits| limits.memory_bytes_max = 1 << 20,
            "select length(hex(zeroblob(10)))",
            "select length(hex(zeroblob(4000000)))",
            "limit exceeded: more than 1048576 bytes of memory for one statement \
             (sql_memory_bytes_max)",
        ),
        (
            |limits| limits.statement_ms = 200,
            "select 1",
            "with recursive n (n) as (select 1 union all select n + 1 from n) \
             select count(*) from n",
            "timeout",
        ),
    ];
    for (change, within, beyond, refusal) in cases {
        let change = |limits: &mut Limits| change(&mut limits.capabilities.sql);
        let mut call = fixture.call_with(change);
        assert!(query(&mut call, within).is_ok(), "{refusal}");
        assert_eq!(query(&mut call, beyond), Err(refusal.to_owned()));
    }
}

#[test]
fn a_transaction_is_kept_once_it_is_committed_and_not_if_it_is_dropped() {
    let fixture = Fixture::new();
    for (commits, kept) in [(false, 0), (true, 1)] {
        let mut call = fixture.call();
        let handle = begin(&mut view(&mut call));
        let insert = INSERT.to_owned();
        let changed =
            HostTransaction::execute(&mut view(&mut call), lent(handle), insert, vec![text("a")]);
        assert_eq!(changed.unwrap().map_err(told), Ok(1));
        let count = "select 1 from thing".to_owned();
        let seen = HostTransaction::query(&mut view(&mut call), lent(handle), count, vec![]);
        assert_eq!(seen.unwrap().map(|rows| rows.count).map_err(told), Ok(1));
        assert_eq!(things(&fixture), Ok(0));
        if commits {
            assert_eq!(commit(&mut call, handle).map_err(told), Ok(()));
        } else {
            HostTransaction::drop(&mut view(&mut call), handed_over(handle)).unwrap();
        }
        assert_eq!((things(&fixture), call.has_kept()), (Ok(kept), commits));
        // The handle belongs to the call from here on.
        let mut view = view(&mut call);
        assert!(HostTransaction::query(&mut view, lent(handle), String::new(), vec![]).is_err());
        assert!(HostTransaction::commit(&mut view, handed_over(handle)).is_err());
    }
}

#[test]
fn one_transaction_is_open_at_a_time() {
    let fixture = Fixture::new();
    let mut first = fixture.call();
    let mut second = fixture.call_with(|limits| limits.capabilities.sql.writer_wait_ms = 0);
    let handle = begin(&mut view(&mut first));
    // In a call, and in all of them.
    for (call, refusal) in [
        (&mut first, "invalid: a transaction is open already"),
        (&mut second, "busy"),
    ] {
        let refused = begun(&mut view(call)).map(|_| ()).map_err(told);
        assert_eq!(refused, Err(refusal.to_owned()));
    }
    assert_eq!(commit(&mut first, handle).map_err(told), Ok(()));
    begin(&mut view(&mut second));
}

#[test]
fn a_transaction_that_is_open_for_too_long_ends() {
    let fixture = Fixture::new();
    for (hold_ms, answer) in [
        (2_000, Ok(())),
        (
            0,
            Err(
                "limit exceeded: the transaction was open for more than 0 ms \
                 (sql_transaction_hold_ms)",
            ),
        ),
    ] {
        let mut call =
            fixture.call_with(|limits| limits.capabilities.sql.transaction_hold_ms = hold_ms);
        let handle = begin(&mut view(&mut call));
        let committed = commit(&mut call, handle).map_err(told);
        assert_eq!(committed, answer.map_err(str::to_owned));
    }
}

#[test]
fn a_component_that_describes_itself_has_no_database() {
    let mut call = asking(|_| ());
    let unavailable = "unavailable: there is no database while a component describes itself";
    assert_eq!(query(&mut call, "select 1"), Err(unavailable.to_owned()));
    assert_eq!(
        execute(&mut call, INSERT, vec![]),
        Err(unavailable.to_owned())
    );
    let begun = begun(&mut view(&mut call)).map(|_| ()).map_err(told);
    assert_eq!(begun, Err(unavailable.to_owned()));
    assert!(!call.has_kept());
    assert_eq!(view(&mut call).dialect().unwrap(), "sqlite");
}
