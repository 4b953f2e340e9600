//! What a relation ties to things, as texts.

use super::*;
use crate::entity::{Column, Columns, Join, Relation, Table};
use crate::store::Stored;
use std::cell::Cell as Counter;

static THING: Entity = Entity {
    name: "Thing",
    columns: &[
        Column::key("id"),
        Column::key("owner_id"),
        Column::integer("count"),
        Column::amount("price"),
        Column::METADATA,
    ],
    shown: 5,
    nested: &[2, 0, 1, 3, 4],
    relations: &[],
    table: Table::plain("\"thing\"", "t", ""),
};
static THINGS: Relation = Relation::many("things", &THING, Join::Theirs("owner_id"));

/// Things of the owners `a` and `c`; it counts the queries.
#[derive(Default)]
struct Kept(Counter<u32>);

impl Read for Kept {
    fn find(&self, _: &'static Entity, _: &str) -> Stored<Records> {
        Ok(Records::default())
    }

    fn related(&self, _: &'static Relation, _: &[&str], _: Columns) -> Stored<Records> {
        self.0.set(self.0.get() + 1);
        let mut rows = Records::with_columns(6);
        for (owner, id, price) in [("a", "1", 125_000), ("a", "2", 0), ("c", "3", -1)] {
            for cell in [
                Cell::Text(owner),
                Cell::Text(id),
                Cell::Text(owner),
                Cell::Integer(7),
                Cell::Integer(price),
                Cell::Text(r#"{"k":1.50}"#),
            ] {
                rows.push(cell);
            }
        }
        Ok(rows)
    }
}

fn check(fields: &[&str], texts: [&str; 3]) {
    let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    let (kept, ids) = (Kept::default(), ["c", "b", "a"].map(str::to_owned));
    let related = Related::of(&THINGS, &fields);
    let got = tied(&kept, Budget::default(), &related, &ids).unwrap();
    assert_eq!(got, texts);
    assert_eq!(kept.0.get(), 1);
}

#[test]
fn what_is_tied_to_things_is_a_text_for_each_of_them_by_one_query() {
    check(
        &["price"],
        [
            r#"[{"price":-0.0001,"owner_id":"c"}]"#,
            "[]",
            r#"[{"price":12.5,"owner_id":"a"},{"price":0,"owner_id":"a"}]"#,
        ],
    );
    let all = [
        r#"[{"count":7,"id":"3","owner_id":"c","price":-0.0001,"metadata":{"k":1.50}}]"#,
        "[]",
        r#"[{"count":7,"id":"1","owner_id":"a","price":12.5,"metadata":{"k":1.50}},{"count":7,"id":"2","owner_id":"a","price":0,"metadata":{"k":1.50}}]"#,
    ];
    check(&[], all);
    check(&["*"], all);
    check(&["unknown", "owner_id.*"], {
        [
            r#"[{"owner_id":"c"}]"#,
            "[]",
            r#"[{"owner_id":"a"},{"owner_id":"a"}]"#,
        ]
    });
}

#[test]
fn more_than_the_budget_is_refused() {
    let related = Related::of(&THINGS, &[]);
    let ids = ["a".to_owned()];
    for (budget, message) in [
        (
            Budget {
                answer_bytes_max: 20,
                ..Budget::default()
            },
            "the answer has more than 20 bytes",
        ),
        (
            Budget {
                rows_bytes_max: 20,
                ..Budget::default()
            },
            "the rows that it needs do not fit into memory",
        ),
    ] {
        let refused = tied(&Kept::default(), budget, &related, &ids);
        assert_eq!(refused, Err(Fault::TooMuch(message.to_owned())));
    }
}

#[test]
fn the_name_of_an_entity_is_that_of_its_table_without_quotes() {
    assert_eq!(THING.key(), "thing");
}
