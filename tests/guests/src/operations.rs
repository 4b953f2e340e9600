//! Deeds whose time goes by within one operation of the database, or that take its disk.

use crate::component::bindings::wares::platform::sql::{self, Value};
use crate::deeds::{Deed, query, tried};

/// What they need beside the table of the others.
pub const WORDS: &str = "create virtual table words using fts5 (x, tokenize = 'unicode61');";

pub const DEEDS: [Deed; 9] = [
    ("snippet", || {
        query("select snippet(words, 0, '', '', '', 64) from words where words match 'a'")
    }),
    // As the function behind a column.
    ("snippet-by-rank", || {
        let fill = "insert into words (x) values (replace(hex(zeroblob(2000)), '00', 'a '))";
        let rank = "select rank from words where words match 'a'
            and rank match 'snippet(0, ''<'', ''>'', ''-'', 64)'";
        let ranked = sql::execute(fill, &[]).and_then(|_| sql::query(rank, &[]));
        tried(ranked.map(drop))
    }),
    ("near", || {
        query(
            "select x from words where words match
             'NEAR(' || replace(hex(zeroblob(1000)), '00', 'a ') || ', 1000000)'",
        )
    }),
    ("merge-json", || query("select json_patch('{}', '{}')")),
    ("long-like", || {
        let text = Value::Text("a".repeat((4 << 20) - 2048));
        let pattern = Value::Text(format!("%{}b", "a".repeat(1000)));
        tried(sql::query("select $1 like $2", &[text, pattern]).map(drop))
    }),
    ("long-pattern", || {
        let pattern = Value::Text("\\w".repeat(400_000));
        tried(sql::query("select 'a' regexp $1", &[pattern]).map(drop))
    }),
    ("many-patterns", || {
        let patterns: Vec<_> = (0..1860)
            .map(|number| format!("'a' regexp '\\w\\w{number}'"))
            .collect();
        let some: Vec<_> = patterns
            .chunks(40)
            .map(|some| format!("({})", some.join(" or ")))
            .collect();
        query(&format!("select {}", some.join(" or ")))
    }),
    ("database-sizes", || query("select sum(pgsize) from dbstat")),
    ("fill", || {
        let row = "insert into thing (name) values (hex(randomblob(500000)))";
        tried((0..400).try_for_each(|_| sql::execute(row, &[]).map(drop)))
    }),
];
