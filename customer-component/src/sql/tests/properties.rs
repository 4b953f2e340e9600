//! Properties of every possible query string.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

use super::native::Native;
use super::*;
use crate::http::fuzzing::searched;

/// The statements of a search.
fn statements(entity: &'static Entity, search: &Search) -> Vec<String> {
    sql::statements(entity, search).unwrap()
}

/// The same filter with other texts. Words keep what decides between the index
/// and looking for them: whether they are long enough, and not too long; and what decides
/// about folding them: whether they are ASCII.
fn plain(filter: &Filter) -> Filter {
    let all = |filters: &[Filter]| filters.iter().map(plain).collect();
    let text = || "plain".to_owned();
    match filter {
        Filter::All(filters) => Filter::All(all(filters)),
        Filter::Any(filters) => Filter::Any(all(filters)),
        Filter::Compare(column, comparison, _) => Filter::Compare(*column, *comparison, text()),
        Filter::In(column, _) => Filter::In(*column, vec![text()]),
        Filter::NotIn(column, texts) => {
            // None at all is a condition of its own.
            Filter::NotIn(*column, texts.first().map(|_| text()).into_iter().collect())
        }
        Filter::InAnyCase(column, _) => Filter::InAnyCase(*column, vec![text()]),
        Filter::NotInAnyCase(column, _) => Filter::NotInAnyCase(*column, vec![text()]),
        Filter::Related(relation, inner) => Filter::Related(relation, Box::new(plain(inner))),
        Filter::Words(words) => Filter::Words(
            words
                .iter()
                .map(|word| {
                    let letter = if word.is_ascii() { "x" } else { "ж" };
                    letter.repeat(word.chars().count().min(26))
                })
                .collect(),
        ),
        Filter::Flag(..) | Filter::Null(_) | Filter::NotNull(_) | Filter::Unrelated(..) => {
            filter.clone()
        }
    }
}

const EXACT: [&str; 9] = [
    "id",
    "email",
    "first_name",
    "last_name",
    "company_name",
    "created_by",
    "name",
    "city",
    "groups",
];
const BRACKETS: [&str; 4] = ["", "[]", "[0]", "[7]"];
const OPERATED: [&str; 3] = ["id", "customers[email]", "customers.email"];
const OPERATORS: [&str; 14] = [
    "[eq]",
    "[$eq]",
    "[$ne]",
    "[gt]",
    "[$gte]",
    "[lt]",
    "[$lte]",
    "[$like]",
    "[ilike]",
    "[$re]",
    "[$in][]",
    "[$nin][0]",
    "[$in]",
    "[$contains]",
];
const TIMES: [&str; 4] = [
    "created_at",
    "updated_at",
    "deleted_at",
    "groups[created_at]",
];
const RELATED: [&str; 6] = [
    "groups",
    "groups[id]",
    "groups[name]",
    "customers",
    "customers[first_name]",
    "customers[nope]",
];
const DATES: [&str; 5] = [
    "null",
    "2026-01-01",
    "2026-11-23T09:10:56.951Z",
    "soon",
    "'",
];
const ORDERS: [&str; 8] = [
    "id",
    "-email",
    "created_at",
    "-name",
    "groups.name",
    "-customers.email",
    "nope",
    "metadata",
];
const NASTY: [&str; 18] = [
    "null",
    "true",
    "1",
    "'",
    "\"",
    "' or 1=1 --",
    "; drop table customer",
    "$1",
    "?1",
    ":a",
    "@b",
    "%_*[?",
    "\\",
    ")",
    "\u{2028}",
    "/*",
    "ann lee",
    "(",
];

fn one(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => one(&NASTY),
        1 => any::<String>(),
        1 => "[a-z]{1,6}( [a-z]{1,4}){0,3}",
    ]
}

/// A filter that some list may understand.
fn filter() -> impl Strategy<Value = (String, String)> {
    let join = |(name, rest): (String, String)| name + &rest;
    prop_oneof![
        ((one(&EXACT), one(&BRACKETS)).prop_map(join), text()),
        ((one(&OPERATED), one(&OPERATORS)).prop_map(join), text()),
        ((one(&TIMES), one(&OPERATORS)).prop_map(join), one(&DATES)),
        ((one(&RELATED), one(&BRACKETS)).prop_map(join), text()),
        (one(&["has_account"]), one(&["true", "FALSE", "1"])),
    ]
}

/// Anything that some list may understand, and some that none does.
fn pair() -> impl Strategy<Value = (String, String)> {
    let nested = (
        one(&["$or[0]", "$or[1]", "$and[0]", "$or[0][$or][0]"]),
        filter(),
    )
        .prop_map(|(logic, (name, value))| {
            let (first, rest) = name.split_at(name.find(['[', '.']).unwrap_or(name.len()));
            (format!("{logic}[{first}]{rest}"), value)
        });
    prop_oneof![
        6 => filter(),
        3 => nested,
        1 => (one(&["q"]), text()),
        1 => (one(&["order"]), one(&ORDERS)),
        1 => (one(&["limit", "offset"]), one(&["0", "1", "7abc", "x"])),
        1 => (one(&["fields"]), text()),
        1 => (any::<String>(), text()),
    ]
}

fn query() -> impl Strategy<Value = String> {
    vec(pair(), 1..4).prop_map(|pairs| {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let pairs = pairs
            .iter()
            .map(|(key, text)| encode(key) + "=" + &encode(text));
        pairs.collect::<Vec<_>>().join("&")
    })
}

thread_local! {
    static DATABASE: SqlStore<Native> = SqlStore(Native::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sent_never_becomes_part_of_a_statement(query in query()) {
        for entity in ENTITIES {
            // A refused query makes no statement.
            let Ok(search) = searched(entity, &query) else { continue };
            let other = Search { filter: plain(&search.filter), ..search.clone() };
            prop_assert_eq!(statements(entity, &search), statements(entity, &other));
        }
    }

    #[test]
    fn every_statement_is_one_that_the_database_takes(query in query()) {
        for entity in ENTITIES {
            let Ok(search) = searched(entity, &query) else { continue };
            let found = DATABASE.with(|database| database.search(entity, &search, Columns::ALL));
            prop_assert!(
                matches!(found, Ok(_) | Err(StoreError::Pattern(_))),
                "{}: {:?}", query, found
            );
        }
    }

    #[test]
    fn any_text_can_be_read_as_a_query(query in any::<String>()) {
        for entity in ENTITIES {
            drop(searched(entity, &query));
        }
    }
}

/// That the properties are tried on more than refusals.
#[test]
fn queries_of_the_generator_are_understood() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let understood = (0..1_000)
        .filter(|_| {
            let query = query().new_tree(&mut runner).unwrap().current();
            ENTITIES
                .iter()
                .any(|entity| searched(entity, &query).is_ok_and(|search| !search.filter.is_all()))
        })
        .count();
    assert!(understood > 300, "{understood} of 1000");
}
