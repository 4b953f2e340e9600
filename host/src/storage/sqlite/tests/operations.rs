//! Time within one operation of SQLite, where nothing looks at the clock by itself:
//! what a hostile component may ask for, and what its schema may be called.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::super::clock::{Clock, PHRASE_WORDS_MAX, PHRASES_MAX, WORDS_MAX};
use super::super::memory;
use super::*;

const WORDS: &str = "create virtual table words using fts5 (x, tokenize = 'unicode61');";

fn words() -> Fixture {
    let fixture = fixture();
    let migrations = [migration("0001", THINGS), migration("0002", WORDS)];
    fixture.database.migrate(&schema(migrations)).unwrap();
    fixture
}

fn say(fixture: &Fixture, sql: &str, parameters: &[Value]) -> Result<u64, SqlError> {
    fixture.session().execute(sql, parameters)
}

fn find(fixture: &Fixture, query: &str) -> Result<i64, SqlError> {
    let sql = "select count(*) from words where words match $1";
    let mut session = fixture.session();
    Ok(integer(&session.query(sql, &[text(query)])?))
}

fn is_limit<T: std::fmt::Debug>(result: &Result<T, SqlError>, what: &str) {
    assert!(
        matches!(result, Err(SqlError::LimitExceeded(text)) if text.contains("full-text search")),
        "{what}: {result:?}"
    );
}

/// Returns the error of a migration that fails.
fn fails(statements: &str) -> Option<String> {
    let fixture = fixture();
    let migrations = schema([migration("0001", THINGS), migration("0002", statements)]);
    fixture
        .database
        .migrate(&migrations)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn functions_of_full_text_search_that_take_the_square_of_a_text() {
    let fixture = words();
    say(
        &fixture,
        "insert into words (x) values ('one two three')",
        &[],
    )
    .unwrap();
    let ask = |sql: &str| fixture.session().query(sql, &[]).map(|rows| rows.count);
    for (function, message) in [
        (
            "snippet(words, 0, '<', '>', '…', 5)",
            "not authorized to use function: snippet: it takes as long as the square of a text",
        ),
        (
            "highlight(words, 0, '<', '>')",
            "not authorized to use function: highlight: it takes as long as the square of a text",
        ),
    ] {
        let refused = ask(&format!(
            "select {function} from words where words match 'two'"
        ));
        assert_eq!(refused, Err(SqlError::Invalid(message.to_owned())));
    }
    // As the function that stands behind the column `rank`, for a query or for good.
    let refused = Err(SqlError::Invalid(
        "highlight and snippet take as long as the square of a text: they are refused".to_owned(),
    ));
    let by_rank = "select rank from words where words match 'two' and rank match
        'snippet(0, ''<'', ''>'', ''…'', 5)'";
    assert_eq!(ask(by_rank), refused);
    let for_good = "insert into words (words, rank) values ('rank', 'highlight(0, ''<'', ''>'')')";
    say(&fixture, for_good, &[]).unwrap();
    assert_eq!(
        ask("select rank from words where words match 'two'"),
        refused
    );
    let ranked = "select bm25(words) from words where words match 'two' order by bm25(words)";
    assert_eq!(ask(ranked), Ok(1));
    for statements in [
        "select snippet(words, 0, '<', '>', '…', 5) from words;",
        "create table t as select highlight(words, 0, '<', '>') from words where words match 'two';",
        "create view v as select 1; create trigger i instead of insert on v begin select json_patch('{}', '{}'); end; insert into v values (1);",
    ] {
        let failed = fails(&format!("{WORDS} {statements}")).unwrap();
        assert!(
            failed.contains("not authorized to use function"),
            "{failed}"
        );
    }
}

#[test]
fn queries_of_full_text_search_that_take_as_long_as_a_product() {
    let fixture = words();
    say(&fixture, "insert into words (x) values ('a b a c a')", &[]).unwrap();
    let repeated = |word: &str, count: u32| vec![word; count as usize].join(" ");
    for (near, fits) in [(PHRASES_MAX, true), (PHRASES_MAX + 1, false)] {
        for query in [
            format!("NEAR({}, 1000000)", repeated("a", near)),
            repeated("a", near),
            repeated("\"\"", near),
        ] {
            let found = find(&fixture, &query);
            if fits {
                assert!(found.is_ok(), "{query}: {found:?}");
            } else {
                is_limit(&found, &query);
            }
        }
    }
    let phrase = |count: u32| format!("\"{}\"", repeated("a", count));
    assert_eq!(find(&fixture, &phrase(PHRASE_WORDS_MAX)), Ok(0));
    is_limit(&find(&fixture, &phrase(PHRASE_WORDS_MAX + 1)), "a phrase");
    // One that is computed is a query as any other, and so is one in other words.
    let computed =
        "select count(*) from words where words match replace(hex(zeroblob(100)), '00', 'a ')";
    is_limit(&fixture.session().query(computed, &[]), computed);
    let called = "select count(*) from words(replace(hex(zeroblob(100)), '00', 'a '))";
    is_limit(&fixture.session().query(called, &[]), called);
    assert_eq!(find(&fixture, "a NOT d"), Ok(1));
    // Many queries one after the other are as good as one.
    let many = "with recursive n (x) as (select 1 union all select x + 1 from n limit 2000)
        select count(*) from n, words where words match 'a b c a'";
    assert_eq!(
        fixture.session().query(many, &[]).as_ref().map(integer),
        Ok(2000)
    );
}

#[test]
fn texts_of_full_text_search_that_are_too_long() {
    let fixture = words();
    let insert = "insert into words (x) values (replace(hex(zeroblob($1)), '00', 'a '))";
    let fill = |words: u32| say(&fixture, insert, &[Value::Integer(words.into())]);
    assert_eq!(fill(WORDS_MAX), Ok(1));
    is_limit(&fill(WORDS_MAX + 1), "a text");
    assert_eq!(find(&fixture, "a"), Ok(1));
    // The worst query that is let pass on the longest text, by its time.
    let begun = Instant::now();
    let near = format!(
        "NEAR({}, 1000000)",
        vec!["a"; PHRASES_MAX as usize].join(" ")
    );
    let found = find(&fixture, &near);
    assert!(
        matches!(
            found,
            Ok(1) | Err(SqlError::Timeout | SqlError::LimitExceeded(_))
        ),
        "{found:?}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let mut session = fixture.session_with(|limits| limits.statement_ms = 0);
    let ended = session.execute(insert, &[Value::Integer(100_000)]);
    assert_eq!(ended, Err(SqlError::Timeout));
}

#[test]
fn commands_of_full_text_search_are_ended_by_the_clock() {
    let fixture = words();
    let many = "insert into words (x)
        with recursive n (x) as (select 1 union all select x + 1 from n limit 5000)
        select 'word' || x || ' and w' || (x * 7) from n";
    assert_eq!(say(&fixture, many, &[]), Ok(5000));
    assert_eq!(find(&fixture, "word17"), Ok(1));
    for command in ["rebuild", "integrity-check"] {
        let sql = format!("insert into words (words) values ('{command}')");
        let mut hasty = fixture.session_with(|limits| limits.statement_ms = 0);
        assert_eq!(
            hasty.execute(&sql, &[]),
            Err(SqlError::Timeout),
            "{command}"
        );
        drop(hasty);
        assert_eq!(find(&fixture, "word17"), Ok(1), "{command}");
        assert_eq!(say(&fixture, &sql, &[]).err(), None, "{command}");
        assert_eq!(find(&fixture, "word17"), Ok(1), "{command}");
    }
    assert_eq!(find(&fixture, "word17"), Ok(1));
}

#[test]
fn deleting_all_rows_runs_row_by_row() {
    let fixture = fixture();
    let some = "insert into thing (name)
        with recursive n (x) as (select 1 union all select x + 1 from n limit 1000)
        select 'n' || x from n";
    say(&fixture, some, &[]).unwrap();
    let mut hasty = fixture.session_with(|limits| limits.statement_ms = 0);
    assert_eq!(
        hasty.execute("delete from thing", &[]),
        Err(SqlError::Timeout)
    );
    drop(hasty);
    assert_eq!(fixture.things(), 1000);
    assert_eq!(say(&fixture, "delete from thing", &[]), Ok(1000));
    assert_eq!(fixture.things(), 0);
}

#[test]
fn an_operation_that_reads_no_clock_is_interrupted() {
    memory::count().unwrap();
    let connection = Connection::open_in_memory().unwrap();
    let clock = Clock::new();
    clock.watch(connection.get_interrupt_handle());
    clock.set(20);
    let endless =
        "with recursive n (x) as (select 1 union all select x + 1 from n) select count(*) from n";
    let ended = connection.query_row(endless, [], |_| Ok(())).unwrap_err();
    assert_eq!(
        ended.sqlite_error_code(),
        Some(rusqlite::ErrorCode::OperationInterrupted)
    );
    clock.clear();
    let short = "with recursive n (x) as (select 1 union all select x + 1 from n limit 1000000)
        select count(*) from n";
    let count: i64 = connection.query_row(short, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1_000_000);
}

#[test]
fn like_and_glob_are_sqlites_and_end() {
    let fixture = fixture();
    let sqlite = Connection::open_in_memory().unwrap();
    let texts = [
        "'abc'", "'ABC'", "''", "'a%c'", "'äÖ_'", "'a]b'", "'a-c'", "121", "x'6162'", "null",
    ];
    for text in texts {
        for pattern in [
            "'abc'", "'%'", "''", "'a%'", "'%c'", "'%b%'", "'_b_'", "'___'", "'a%%c'", "'ä%'",
            "'Ä%'", "'1_1'", "121", "'%_%_%'", "'a%bc%'", "null",
        ] {
            for operator in ["like", "not like"] {
                same(&fixture, &sqlite, &format!("{text} {operator} {pattern}"));
            }
        }
        for pattern in ["'a\\%c'", "'\\%'", "'\\'", "'%\\'", "'\\a\\b\\c'", "'\\_%'"] {
            same(
                &fixture,
                &sqlite,
                &format!("{text} like {pattern} escape '\\'"),
            );
        }
        same(&fixture, &sqlite, &format!("{text} like 'a%%c' escape '%'"));
        for pattern in [
            "'abc'",
            "'*'",
            "'a?c'",
            "'[a-c]*'",
            "'[^a]*'",
            "'*[b]*'",
            "'a[]]b'",
            "'a[^]]b'",
            "'a[-]c'",
            "'a[a-]c'",
            "'[a'",
            "'[]'",
            "'[^]'",
            "'a[b-a]c'",
            "'???'",
            "'*c'",
            "'ä*'",
            "'[ä-ö]*'",
            "null",
        ] {
            same(&fixture, &sqlite, &format!("{text} glob {pattern}"));
        }
    }
    let long = [
        Value::Text("a".repeat(4_000_000)),
        text(&format!("%{}b", "a".repeat(1000))),
    ];
    let glob = format!("*{}b", "[a]".repeat(300));
    for (sql, pattern) in [
        ("select $1 like $2", &long[1]),
        ("select $1 glob $2", &text(&glob)),
    ] {
        let mut session = fixture.session_with(|limits| limits.statement_ms = 50);
        let ended = session.query(sql, &[long[0].clone(), pattern.clone()]);
        assert_eq!(ended, Err(SqlError::Timeout), "{sql}");
    }
    let refused = fixture
        .session()
        .query("select 'a' like $1", &[text(&"a".repeat(1025))]);
    assert_eq!(
        refused,
        Err(SqlError::Invalid(
            "like and glob take a pattern of at most 1024 bytes".to_owned()
        ))
    );
}

fn same(fixture: &Fixture, sqlite: &Connection, expression: &str) {
    let statement = format!("select coalesce({expression}, 7)");
    let theirs: i64 = sqlite.query_row(&statement, [], |row| row.get(0)).unwrap();
    let ours = integer(&fixture.session().query(&statement, &[]).unwrap());
    assert_eq!(ours, theirs, "{expression}");
}

#[test]
fn texts_are_folded_without_regard_to_case() {
    let fixture = fixture();
    let value_of = |expression: &str| {
        let rows = fixture
            .session()
            .query(&format!("select {expression}"), &[])?;
        Ok(integer(&rows))
    };
    for (expression, value) in [
        (
            "casefold('STRAẞE İ ΟΔΟΣ Zoe\u{308}') = 'strasse i οδοσ zoë'",
            1,
        ),
        ("casefold(casefold('ŉ ﬃ')) = 'ʼn ffi'", 1),
        ("casefold('') = ''", 1),
        ("casefold(null) is null", 1),
        ("casefold('Zoë') = 'zoe'", 0),
    ] {
        assert_eq!(value_of(expression), Ok(value), "{expression}");
    }
    for argument in ["1", "1.5", "x'41'"] {
        assert_eq!(
            value_of(&format!("casefold({argument})")),
            Err(SqlError::Invalid("casefold needs a text".to_owned())),
            "{argument}"
        );
    }

    let long =
        |letters: usize| format!("length(casefold(replace(hex(zeroblob({letters})), '00', 'ŉ')))");
    assert_eq!(value_of(&long(600_000)), Ok(1_200_000));
    assert!(value_of(&long(1_500_000)).is_err());
}

#[test]
fn a_pattern_is_kept_for_the_rows_of_a_statement_and_no_longer() {
    let fixture = fixture();
    let sqlite = Connection::open_in_memory().unwrap();
    // Another pattern, another escape and null in every row, in turn.
    for expression in [
        "'a_c' like 'a^_c' escape column2",
        "column1 like 'a^_c' escape '^'",
        "'a_c' like column1 escape '^'",
        "'a_c' glob column1",
        "column1 glob 'a[_b]c'",
    ] {
        let rows = "(values ('a^_c', '^'), ('a_c', '!'), (null, '^'), ('abc', null), ('a_c', '^'))";
        let digits = format!("group_concat(coalesce({expression}, 7), '')");
        same(
            &fixture,
            &sqlite,
            &format!("(select cast('1' || {digits} as integer) from {rows})"),
        );
    }
    let ask = |count: usize, pattern: &str| {
        let one = "(name like $1)";
        let sum = vec![vec![one; 40].join(" + "); count / 40];
        let sum = sum.iter().map(|sum| format!("({sum})")).collect::<Vec<_>>();
        let sql = format!("select {} from thing", sum.join(" + "));
        let mut session = fixture.session_with(|limits| limits.memory_bytes_max = 16 << 20);
        session.query(&sql, &[text(pattern)]).map(|rows| rows.count)
    };
    insert(&mut fixture.session(), "one").unwrap();
    insert(&mut fixture.session(), "two").unwrap();
    assert_eq!(ask(80, &"_".repeat(1024)), Ok(2));
    assert_eq!(ask(1200, "%"), Ok(2));
    assert!(matches!(
        ask(1200, &"_".repeat(1024)),
        Err(SqlError::LimitExceeded(_))
    ));
    // Its memory is free again.
    assert_eq!(ask(80, &"_".repeat(1024)), Ok(2));
}

#[test]
fn regular_expressions_take_memory_of_the_statement() {
    let fixture = fixture();
    let megabytes =
        |count: usize| fixture.session_with(|limits| limits.memory_bytes_max = count << 20);
    let ask = |session: &mut Session, pattern: &str| {
        session
            .query("select 'a' regexp $1", &[text(pattern)])
            .map(|rows| integer(&rows))
    };
    assert_eq!(
        ask(&mut megabytes(128), &"\\w".repeat(400_000)),
        Err(SqlError::Invalid(
            "a regular expression has at most 4096 bytes, this one 800000".to_owned()
        ))
    );
    let classes = "\\w".repeat(2000);
    assert_eq!(
        ask(&mut megabytes(16), &classes),
        Err(SqlError::LimitExceeded(
            "more than 16777216 bytes of memory for one statement (sql_memory_bytes_max)"
                .to_owned()
        ))
    );
    assert!(matches!(
        ask(&mut megabytes(128), &classes),
        Err(SqlError::Invalid(_))
    ));
    assert!(matches!(
        ask(&mut megabytes(128), &"(".repeat(2000)),
        Err(SqlError::Invalid(_))
    ));
    assert_eq!(ask(&mut megabytes(16), "^\\w$"), Ok(1));
    // Many patterns in one statement are not all kept.
    let mut patient = fixture.session_with(|limits| limits.statement_ms = 60_000);
    let before = memory::used();
    let many: Vec<String> = (0..300)
        .map(|n| format!("x regexp '\\w{{2}}{n}'"))
        .collect();
    let sql = format!(
        "select count(*) from (select 'a' as x) where {}",
        many.chunks(100)
            .map(|some| format!("not ({})", some.join(" or ")))
            .collect::<Vec<_>>()
            .join(" and ")
    );
    assert_eq!(patient.query(&sql, &[]).as_ref().map(integer), Ok(1));
    let kept = memory::used() - before;
    assert!(kept < 8 << 20, "{kept} bytes are kept");
}

#[test]
fn names_of_sqlite_and_of_pragmas() {
    for statements in [
        "create virtual table pragma_foreign_key_list using fts5 (x, tokenize = 'ascii');",
        "create virtual table \"PRAGMA_foreign_key_list\" using fts5 (x, tokenize = 'ascii');",
        "create table [pragma_table_info] (x);",
        "create table Json_Each (x);",
        "create view json_tree as select 1;",
        "create view \"Dbstat\" as select 1;",
        "create table fts5vocab (x);",
        "create table sqlite_mine (x);",
        "create virtual table v using fts5vocab (words, 'row');",
        "create virtual table v using rtree (id, a, b);",
        "select * from dbstat;",
        "create table t as select * from pragma_function_list;",
        "create view v as select * from pragma_function_list; select * from v;",
    ] {
        let failed = fails(&format!("{WORDS} {statements}"));
        assert!(failed.is_some(), "{statements}");
    }
    for (statements, name) in [
        (
            "create table t (x); alter table t rename to pragma_foreign_key_list;",
            "pragma_foreign_key_list",
        ),
        (
            "create table t (x); alter table t rename to \"DBSTAT\";",
            "DBSTAT",
        ),
        ("alter table words rename to json_each;", "json_each"),
        ("create index pragma_x on thing (size);", "pragma_x"),
        (
            "create trigger json_each after insert on thing begin select 1; end;",
            "json_each",
        ),
    ] {
        let failed = fails(&format!("{WORDS} {statements}")).unwrap();
        assert!(
            failed.ends_with(&format!("'{name}' is a name of SQLite's: choose another")),
            "{failed}"
        );
    }
    // Whatever stands before the pragma, the check asks SQLite itself.
    let failed = fails("create table c (x text references _wares_events (name));").unwrap();
    assert!(
        failed.ends_with("'c' refers to a table of the host's"),
        "{failed}"
    );
    assert_eq!(
        fails("create table pragma (x); create table json (y); create index sq on json (y);"),
        None
    );
}

#[test]
fn tables_of_sqlite_that_a_statement_has_no_use_for() {
    let fixture = words();
    for table in [
        "dbstat",
        "pragma_function_list",
        "pragma_data_version",
        "main.pragma_table_list",
        "fts3tokenize",
    ] {
        let refused = fixture
            .session()
            .query(&format!("select count(*) from {table}"), &[]);
        assert!(
            matches!(refused, Err(SqlError::Invalid(_))),
            "{table}: {refused:?}"
        );
    }
    let each = fixture
        .session()
        .query("select count(*) from json_each('[1, 2]')", &[]);
    assert_eq!(each.as_ref().map(integer), Ok(2));
}

#[test]
fn full_text_tables_whose_words_are_not_counted() {
    for (options, reason) in [
        (
            "x",
            Some(
                "the full-text table 'w' names no tokenizer: write tokenize = 'unicode61', 'ascii', 'porter' or 'trigram'",
            ),
        ),
        ("x, tokenize = 'unicode61 remove_diacritics 2'", None),
        ("x, tokenize = porter", None),
        ("x, tokenize = 'porter ascii'", None),
        ("x, content = '', tokenize = 'trigram'", None),
    ] {
        let failed = fails(&format!("create virtual table w using fts5 ({options});"));
        assert_eq!(
            failed,
            reason.map(|reason| format!("the migration 0002 fails at statement 1: {reason}")),
            "{options}"
        );
    }
    let letters: String = ('\u{4e00}'..).take(2000).collect();
    let failed = fails(&format!(
        "create virtual table w using fts5 (x, tokenize = 'unicode61 tokenchars {letters}');"
    ));
    assert_eq!(
        failed.as_deref(),
        Some(
            "the migration 0002 fails at statement 1: a virtual table is made by at most 4096 bytes"
        )
    );
}

/// SQLite looks at no clock where it jumps nowhere: in one expression of many calls.
#[test]
fn an_expression_ends_with_its_statement_however_long_it_is() {
    let fixture = fixture();
    fixture
        .database
        .migrate(&schema([migration("0001", THINGS)]))
        .unwrap();
    // The texts of all calls stay until the row is there, and are not what ends it.
    let limits = SessionLimits {
        statement_ms: 100,
        memory_bytes_max: 8 << 30,
        ..SessionLimits::default()
    };
    let terms = |term: &str, count: usize| vec![term; count].join("+");
    // The calls would take some seconds, each of them for a text of its own.
    let calls: Vec<String> = (0..180)
        .map(|column| terms(&format!("length(upper($1 || {column}))"), 10))
        .collect();
    let sql = format!("select {}", calls.join(", "));
    let long = text(&"a".repeat(3_000_000));
    for _ in 0..2 {
        let begun = Instant::now();
        let mut session = fixture.database.session(&limits);
        let ended = session
            .query(&sql, std::slice::from_ref(&long))
            .map(|rows| rows.count);
        assert_eq!(ended, Err(SqlError::Timeout));
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        // The connection is what it was.
        let one = session.query("select 1", &[]).unwrap();
        assert_eq!(integer(&one), 1);
    }
}

#[test]
fn nothing_temporary_stands_before_the_hosts_tables() {
    for statements in [
        "create table temp._wares_migrations (number, name, digest, applied_at);",
        "create table temp.x (number, name, digest, applied_at); alter table temp.x rename to _wares_migrations;",
        "create table temp.z as select 1;",
        "create view temp.v as select 1;",
        "create temp table x (y);",
    ] {
        let reason = fails(statements).unwrap_or_else(|| panic!("it runs: {statements}"));
        assert!(
            reason.contains("not authorized") || reason.contains("is a name"),
            "{statements}: {reason}"
        );
    }
    assert_eq!(fails("create table main.x (y);"), None);
}
