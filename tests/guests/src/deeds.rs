//! What each of the hostile module's routes does, named after it.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::component::bindings::wares::platform::{events, sql};
use crate::component::bindings::wasi::config::store;
use crate::component::bindings::wasi::logging::logging;
use crate::component::{Header, Response};

/// The last segment of a route's path, and what it does.
pub type Deed = (&'static str, fn() -> Response);

/// Numbers without end.
const ENDLESS: &str = "with recursive n (x) as (select 1 union all select x + 1 from n) ";

/// What no terminal should see: a control of C1, a mark of direction, the end of a line
/// in two ways, and a letter that is seen by nobody.
const DARK: &str = "a\u{9b}31mb\u{202e}c\u{2028}d\u{200b}e\nf";

pub const DEEDS: [Deed; 65] = [
    ("well", || answer(200, "{\"well\":true}")),
    // Stopping, or not.
    ("trap", || panic!("a hostile panic")),
    ("abort", || std::process::abort()),
    ("exit", || std::process::exit(0)),
    ("spin", || {
        loop {
            std::hint::black_box(());
        }
    }),
    ("sleep", || {
        std::thread::sleep(std::time::Duration::from_secs(60));
        answer(200, "{}")
    }),
    ("doze", || {
        for _ in 0..10_000 {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        answer(200, "{}")
    }),
    ("recurse", || answer(200, &recurse(0).to_string())),
    ("dive", || {
        answer(200, &format!("{{\"depth\":{}}}", dive(10_000)))
    }),
    ("read-input", || {
        let mut input = String::new();
        let read = std::io::stdin().read_line(&mut input);
        answer(200, &format!("{{\"read\":{}}}", read.unwrap_or(99)))
    }),
    // What the call before left in the memory.
    ("remember", || {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        answer(200, &format!("{{\"calls\":{calls}}}"))
    }),
    // What the standard library reaches by interfaces with nothing behind them.
    ("read-files", || {
        let opened = ["/etc/passwd", "wares.db", "../host.db"].map(std::fs::read);
        let listed = std::fs::read_dir("/").map(|_| ());
        let written = std::fs::write("/tmp/hostile", "x");
        let errors = opened.iter().filter(|opened| opened.is_err()).count()
            + [listed.is_err(), written.is_err()]
                .map(usize::from)
                .iter()
                .sum::<usize>();
        answer(200, &format!("{{\"refused\":{errors}}}"))
    }),
    ("connect", || {
        let said = std::net::TcpStream::connect("127.0.0.1:9000").map_err(|error| error.kind());
        answer(200, &format!("{{\"connect\":\"{:?}\"}}", said.err()))
    }),
    ("send", || {
        let said = std::net::UdpSocket::bind("0.0.0.0:0").map_err(|error| error.kind());
        answer(200, &format!("{{\"send\":\"{:?}\"}}", said.err()))
    }),
    // Taking too much.
    ("grow", || {
        let mut hoard = Vec::new();
        loop {
            hoard.push(vec![1_u8; 1024 * 1024]);
        }
    }),
    ("storm", || {
        loop {
            std::hint::black_box(std::time::Instant::now());
        }
    }),
    ("slow-rows", || {
        query(&format!(
            "{ENDLESS} select 'a text that room is made for', sum(x) from (select x from n limit 1500000)"
        ))
    }),
    // While the host makes room for an answer of its own.
    ("spin-in-allocator", || {
        crate::SPINS.store(true, std::sync::atomic::Ordering::Relaxed);
        query("select 'a text that room is made for'")
    }),
    ("dark-line", || {
        let line = "\u{1}".repeat(10 << 20);
        logging::log(logging::Level::Info, "", &line);
        println!("{line}");
        answer(200, "{}")
    }),
    ("flood-log", || {
        for line in 0..10_000 {
            println!("line {line}");
        }
        answer(200, "{}")
    }),
    ("flood-errors", || {
        for line in 0..10_000 {
            eprintln!("error {line}");
        }
        answer(200, "{}")
    }),
    ("long-line", || {
        println!("{}", "x".repeat(10 * 1024 * 1024));
        answer(200, "{}")
    }),
    ("long-context", || {
        let context = "x".repeat(1024 * 1024);
        for _ in 0..100 {
            logging::log(logging::Level::Info, &context, "short");
        }
        answer(200, "{}")
    }),
    // Half a call's share of the log.
    ("chat", || {
        for line in 0..50 {
            logging::log(logging::Level::Info, "", &format!("line {line} of a chat"));
        }
        answer(200, "{}")
    }),
    ("dark-words", || {
        logging::log(logging::Level::Info, DARK, DARK);
        answer(200, "{}")
    }),
    ("dark-event", || {
        let transaction = sql::Transaction::begin().unwrap();
        let data = format!("{{\"text\":\"{}\"}}", DARK.replace('\n', "\\n"));
        tried(
            events::emit(&transaction, "thing.told", &data)
                .and_then(|()| sql::Transaction::commit(transaction)),
        )
    }),
    ("forged-lines", || {
        let forged = "mine\n2026-01-01T00:00:00Z ERROR wares: forged\n\x1b[2J\rgone";
        logging::log(logging::Level::Info, "", forged);
        println!("{forged}");
        answer(200, "{}")
    }),
    ("heavy-calls", || {
        let context = "x".repeat(16 * 1024 * 1024);
        loop {
            logging::log(logging::Level::Trace, &context, "");
        }
    }),
    ("flood-answer", || Response {
        status: 200,
        headers: Vec::new(),
        body: vec![b' '; 40 * 1024 * 1024],
    }),
    // Answers that are none.
    ("bad-status", || answer(99, "{}")),
    ("huge-status", || answer(9999, "{}")),
    ("many-headers", || Response {
        status: 200,
        headers: (0..40_000)
            .map(|number| header(&format!("x-{number}"), "1"))
            .collect(),
        body: Vec::new(),
    }),
    ("huge-header", || Response {
        status: 200,
        headers: vec![header("x-huge", &"x".repeat(1024 * 1024))],
        body: Vec::new(),
    }),
    ("bad-header", || Response {
        status: 200,
        headers: vec![
            header("x-good", "yes"),
            header("x-bad\r\nx-split", "1"),
            header("x-bad", "1\r\nx-split: 2"),
            header("content-length", "1"),
            header("transfer-encoding", "chunked"),
        ],
        body: b"{}".to_vec(),
    }),
    // Transactions.
    ("half-written", || {
        let transaction = sql::Transaction::begin().unwrap();
        transaction
            .execute("insert into thing (name) values ('half')", &[])
            .unwrap();
        events::emit(&transaction, "thing.created", "{}").unwrap();
        panic!("in the middle of a transaction")
    }),
    ("left-open", || {
        let transaction = sql::Transaction::begin().unwrap();
        let inserted = transaction.execute("insert into thing (name) values ('open')", &[]);
        std::mem::forget(transaction);
        tried(inserted.map(drop))
    }),
    ("hold-writer", || {
        let _transaction = sql::Transaction::begin().unwrap();
        loop {
            std::hint::black_box(());
        }
    }),
    ("two-transactions", || {
        let _first = sql::Transaction::begin().unwrap();
        tried(sql::Transaction::begin().map(drop))
    }),
    ("many-transactions", || {
        tried((0..100_000).try_for_each(|_| sql::Transaction::begin().map(drop)))
    }),
    // Statements.
    ("many-statements", || {
        tried((0..100_000).try_for_each(|_| sql::query("select 1", &[]).map(drop)))
    }),
    ("endless-statement", || {
        query(&format!("{ENDLESS} select count(*) from n"))
    }),
    ("endless-rows", || {
        query(&format!("{ENDLESS} select x from n"))
    }),
    ("endless-bytes", || {
        query(&format!("{ENDLESS} select randomblob(1000000) from n"))
    }),
    ("cross-join", || {
        let some = "n (x) as (select 1 union all select x + 1 from n where x < 1000)";
        query(&format!(
            "with recursive {some} select count(*) from n a, n b, n c, n d where a.x + b.x = c.x * d.x"
        ))
    }),
    ("huge-blob", || query("select length(zeroblob(2000000000))")),
    ("huge-text", || {
        query("select length(printf('%.*c', 2000000000, 'x'))")
    }),
    ("huge-pattern", || {
        query(&format!(
            "select '{}' like '{}b'",
            "a".repeat(500),
            "%a".repeat(1_000)
        ))
    }),
    ("huge-expression", || {
        query(&format!(
            "select {}1{}",
            "(".repeat(5_000),
            ")".repeat(5_000)
        ))
    }),
    ("long-statement", || {
        query(&format!("select '{}'", "x".repeat(2 * 1024 * 1024)))
    }),
    ("huge-parameter", || {
        let text = sql::Value::Text("x".repeat(5 * 1024 * 1024));
        tried(sql::query("select length($1)", &[text]).map(drop))
    }),
    ("many-parameters", || {
        // The same text two thousand times: a gigabyte, once it is copied.
        let text = "x".repeat(1024 * 1024).leak();
        let parameters: Vec<_> = (0..2_000)
            .map(|_| {
                // SAFETY: none; that is the point. It is only read, and never freed.
                let same =
                    unsafe { String::from_raw_parts(text.as_mut_ptr(), text.len(), text.len()) };
                sql::Value::Text(same)
            })
            .collect();
        let said = tried(sql::query("select 1", &parameters).map(drop));
        std::mem::forget(parameters);
        said
    }),
    ("wide-row", || {
        let blobs = vec!["randomblob(16000000)"; 100].join(", ");
        query(&format!("select {blobs}"))
    }),
    ("hoard-rows", || {
        query(
            "with recursive n (x, y) as (select 1, zeroblob(1000000) \
             union select x + 1, zeroblob(1000000) from n) select count(*) from n",
        )
    }),
    ("hoard-values", || {
        query(&format!(
            "{ENDLESS} select count(distinct randomblob(1000000)) from n"
        ))
    }),
    ("sort-much", || {
        query(
            "with recursive n (x) as (select 1 union all select x + 1 from n limit 100000) \
             select x from n order by randomblob(1000000)",
        )
    }),
    ("join-text", || {
        query(&format!(
            "{ENDLESS} select length(group_concat(hex(randomblob(500000)))) from n"
        ))
    }),
    ("regexp-bomb", || {
        query("select 'aaa' regexp '(a{1000}){1000}'")
    }),
    ("two-statements", || {
        query("select 1 /* '; */ ; drop table thing")
    }),
    ("quoted-statement", || {
        let name = sql::Value::Text("'); drop table thing; --".to_owned());
        tried(sql::query("select count(*) from thing where name = $1", &[name]).map(drop))
    }),
    ("many-events", || {
        let transaction = sql::Transaction::begin().unwrap();
        tried((0..100_000).try_for_each(|_| events::emit(&transaction, "thing.told", "{}")))
    }),
    ("huge-event", || {
        let transaction = sql::Transaction::begin().unwrap();
        let data = format!("\"{}\"", "x".repeat(1024 * 1024));
        tried(events::emit(&transaction, "thing.told", &data))
    }),
    ("no-event", || {
        let transaction = sql::Transaction::begin().unwrap();
        tried(events::emit(&transaction, "Thing Told\n", "not json"))
    }),
    ("attack", || {
        let attacks = [
            "attach 'x.db' as x",
            "pragma journal_mode = delete",
            "select * from _wares_events",
            "delete from _wares_migrations",
            "select * from sqlite_schema",
            "drop table thing",
            "create table other (x)",
            "create temp table other (x)",
            "select load_extension('x')",
            "vacuum into 'x.db'",
        ];
        let refused = attacks.iter().all(|attack| {
            matches!(sql::query(attack, &[]), Err(sql::Error::Invalid(_)))
                && matches!(sql::execute(attack, &[]), Err(sql::Error::Invalid(_)))
        });
        answer(200, &format!("{{\"refused\":{refused}}}"))
    }),
    // Looking around.
    ("things", || {
        let rows = sql::query("select count(*) from thing", &[]).unwrap();
        answer(200, &format!("{{\"things\":{}}}", rows.data[1]))
    }),
    ("surroundings", || {
        let variables = std::env::vars().count();
        let settings = store::get_all().map_or(0, |settings| settings.len());
        answer(
            200,
            &format!("{{\"variables\":{variables},\"settings\":{settings}}}"),
        )
    }),
];

fn answer(status: u16, body: &str) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn header(name: &str, value: &str) -> Header {
    Header {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

pub fn query(statement: &str) -> Response {
    tried(sql::query(statement, &[]).map(drop))
}

/// What the database says to something.
pub fn tried(result: Result<(), sql::Error>) -> Response {
    let said = match result {
        Ok(()) => "done",
        Err(sql::Error::Constraint(_)) => "constraint",
        Err(sql::Error::Busy) => "busy",
        Err(sql::Error::Timeout) => "timeout",
        Err(sql::Error::LimitExceeded(_)) => "limit-exceeded",
        Err(sql::Error::Invalid(_)) => "invalid",
        Err(sql::Error::Unavailable(_)) => "unavailable",
    };
    answer(200, &format!("{{\"sql\":\"{said}\"}}"))
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let page = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + page[0]
}

/// Ends, if it is given the stack: some frames of machine code, and little memory.
#[inline(never)]
fn dive(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    1 + std::hint::black_box(dive(depth - 1))
}
