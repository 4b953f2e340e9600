//! The statements against SQLite itself: the schema applies, every search finds
//! what the store in memory finds, and those that have to be fast use an index.

mod any_case;
mod columns;
pub mod native;
mod properties;

use wares_module_kit::entity::{Columns, Entity, Relation};
use wares_module_kit::filter::{BY_ID, Comparison, Filter, Order, Search};
use wares_module_kit::sql::{self, Queries, Spy, search};
use wares_module_kit::store::{Page, Read, Searches, StoreError, Transaction};

use super::*;
use crate::domain::Domain;
use crate::hooks::NoHooks;
use crate::model::{
    ADDRESS, ADDRESSES_OF_CUSTOMER, CUSTOMER, CUSTOMERS_OF_GROUP, ENTITIES, GROUP,
    GROUPS_OF_CUSTOMER,
};
use crate::seed;
use crate::settings::{Compat, EmailCase};
use crate::tests::guest;
use crate::tests::memory::Memory;
use crate::types::{NewAddress, NewCustomer, NewGroup};

use native::Native;

/// Fills a store with unusual records; returns the ids of customers and groups.
fn fill<S: Store>(store: S) -> (Domain<S, NoHooks>, Vec<String>, Vec<String>) {
    let domain = Domain::new(store, NoHooks, Compat::Medusa2);
    let people = [
        ("ann@shop.example", Some("Ann"), Some("Müller"), None),
        ("bob@shop.example", Some("Bob"), Some("100%"), Some("Acme")),
        ("zoe@shop.example", Some("Zoë"), None, Some("acme_two")),
        (
            "o'neil@shop.example",
            Some("\"O'Neil\""),
            Some("*x?[y]"),
            Some("ACME"),
        ),
        ("gone@shop.example", Some("Gone"), None, None),
        (
            "Ismail@shop.example",
            Some("İsmail"),
            Some("Zoe\u{308}lle"),
            Some("Straße ΟΔΟΣ"),
        ),
    ];
    let customers: Vec<String> = people
        .iter()
        .map(|(email, first, last, company)| {
            let text = |text: &Option<&str>| text.map(str::to_owned);
            let mut new = guest(email);
            (new.first_name, new.last_name, new.company_name) =
                (text(first), text(last), text(company));
            new.has_account = *email == "ann@shop.example";
            domain.create_customer(new).unwrap().id
        })
        .collect();
    let groups: Vec<String> = ["VIP", "Press", "Gone"]
        .iter()
        .map(|name| {
            domain
                .create_group(NewGroup {
                    name: (*name).to_owned(),
                    ..NewGroup::default()
                })
                .unwrap()
                .id
        })
        .collect();
    let add = |group: usize, who: &[usize]| {
        let ids = who.iter().map(|index| customers[*index].clone()).collect();
        domain
            .change_members(&groups[group], ids, Vec::new(), None)
            .unwrap();
    };
    add(0, &[1, 0, 4]);
    add(1, &[1]);
    add(2, &[2]);
    for (owner, city) in [(0, "Berlin"), (0, "Paris"), (4, "Rome")] {
        let address = NewAddress {
            customer_id: customers[owner].clone(),
            city: Some(city.to_owned()),
            is_default_shipping: true,
            ..NewAddress::default()
        };
        domain.create_address(address).unwrap();
    }
    domain.delete_customer(&customers[4]).unwrap();
    domain.delete_group(&groups[2]).unwrap();
    (domain, customers, groups)
}

/// A page as emails or names, and the count.
fn shown(page: &Page, column: usize) -> (Vec<String>, u64) {
    let texts =
        (0..page.records.len()).map(|row| page.records.string(row, column).unwrap_or_default());
    (texts.collect(), page.count)
}

fn filters(groups: &[String], customers: &[String]) -> Vec<(&'static Entity, Filter)> {
    let (first, last, company, email) = (2, 3, 1, 4);
    let text = |text: &str| text.to_owned();
    let in_groups = |inner| Filter::Related(GROUPS_OF_CUSTOMER, Box::new(inner));
    let with = |inner| Filter::Related(CUSTOMERS_OF_GROUP, Box::new(inner));
    let compare =
        |column, comparison, value: &str| Filter::Compare(column, comparison, value.to_owned());
    let mut all = vec![
        Filter::all(),
        compare(email, Comparison::Equal, "bob@shop.example"),
        compare(email, Comparison::Equal, "BOB@shop.example"),
        Filter::InAnyCase(
            email,
            vec![text("BOB@shop.example"), text("ZOE@SHOP.EXAMPLE")],
        ),
        Filter::InAnyCase(email, Vec::new()),
        Filter::NotInAnyCase(email, vec![text("BOB@shop.example")]),
        Filter::NotInAnyCase(last, Vec::new()),
        compare(first, Comparison::NotEqual, "Bob"),
        compare(last, Comparison::NotEqual, "100%"),
        compare(first, Comparison::Greater, "Bob"),
        compare(first, Comparison::GreaterOrEqual, "Bob"),
        compare(first, Comparison::Less, "Bob"),
        compare(first, Comparison::LessOrEqual, "Bob"),
        compare(company, Comparison::Like, "acme%"),
        compare(company, Comparison::Like, "_CM_"),
        compare(company, Comparison::LikeAnyCase, "acme"),
        compare(last, Comparison::Like, "*x?[y]"),
        compare(last, Comparison::Like, "100\\%"),
        Filter::Flag(7, true),
        Filter::Flag(7, false),
        Filter::Null(last),
        Filter::NotNull(last),
        Filter::In(first, vec![text("Ann"), text("Bob"), text("nobody")]),
        Filter::In(first, Vec::new()),
        Filter::NotIn(last, vec![text("100%")]),
        Filter::NotIn(first, Vec::new()),
        Filter::NotIn(last, Vec::new()),
        in_groups(Filter::id(&groups[0])),
        in_groups(Filter::In(0, groups.to_vec())),
        in_groups(Filter::id(&groups[2])),
        in_groups(compare(1, Comparison::Equal, "VIP")),
        Filter::Unrelated(GROUPS_OF_CUSTOMER),
        Filter::Any(vec![
            compare(first, Comparison::Equal, "Ann"),
            Filter::Null(last),
        ]),
        Filter::Any(Vec::new()),
        Filter::All(vec![
            Filter::All(Vec::new()),
            Filter::Any(vec![Filter::all(), Filter::Null(last)]),
        ]),
    ];
    for q in [
        "ann",
        "ANN MÜLL",
        "shop.example",
        "zoë",
        "ë",
        "n",
        "%",
        "_",
        "100%",
        "\"",
        "o'n",
        "\"o'neil\"",
        "*x?",
        "acme bob",
        "gone",
        "",
        "  ",
        "b a",
        "ann\nmüller",
        "ismail",
        "İSMAİL",
        "i\u{307}smail",
        "STRASSE",
        "straße",
        "ẞe",
        "ß",
        "οδοσ",
        "ος",
        "zoëlle",
        "Zoe\u{308}",
        "e\u{308}",
        "zoelle",
        "-",
        "(",
        "NEAR(a b)",
        "a AND b",
        "x*",
    ] {
        all.push(Filter::words(q));
    }
    // More words, and longer ones, than the index is asked for.
    for (word, count) in [
        ("ann", 20),
        ("ann", 300),
        ("an", 300),
        ("nobodyhasawordthisisaslongas", 1),
    ] {
        all.push(Filter::words(&format!("{word} ").repeat(count)));
    }
    let mut filters: Vec<(&'static Entity, Filter)> =
        all.into_iter().map(|filter| (&CUSTOMER, filter)).collect();
    filters.extend(
        [
            Filter::all(),
            Filter::words("vi"),
            Filter::words("press"),
            with(Filter::id(&customers[1])),
            with(Filter::id(&customers[4])),
            with(compare(email, Comparison::LikeAnyCase, "ANN%")),
            Filter::Unrelated(CUSTOMERS_OF_GROUP),
        ]
        .map(|filter| (&GROUP, filter)),
    );
    filters.extend(
        [
            Filter::words("berl"),
            Filter::words("be"),
            Filter::In(8, vec![text("Paris"), text("Rome")]),
        ]
        .map(|filter| (&ADDRESS, filter)),
    );
    filters
}

/// The name by which a thing is told apart, whatever its id.
fn name_column(entity: &'static Entity) -> usize {
    match entity.name {
        "Customer" => 4,
        "CustomerAddress" => 8,
        _ => 1,
    }
}

#[test]
fn sqlite_finds_the_same_as_the_store_in_memory() {
    let (native, customers, groups) = fill(SqlStore(Native::new()));
    let (memory, memory_customers, memory_groups) = fill(Memory::default());
    let pairs = filters(&groups, &customers)
        .into_iter()
        .zip(filters(&memory_groups, &memory_customers));
    for ((entity, filter), (_, same)) in pairs {
        let column = name_column(entity);
        let by = |column, descending| Order {
            through: None,
            column,
            descending,
        };
        let mut orders = vec![
            BY_ID,
            by(column, false),
            by(column, true),
            by(1, false),
            by(1, true),
        ];
        for relation in entity.relations {
            if let Some(target) = relation.target {
                let through = Some(relation);
                let column = name_column(target);
                orders.extend([false, true].map(|descending| Order {
                    through,
                    column,
                    descending,
                }));
            }
        }
        for order in orders {
            for (offset, limit) in [(0, 15), (1, 2), (0, 0), (7, 3)] {
                let search = |filter: &Filter| Search {
                    filter: filter.clone(),
                    order,
                    offset,
                    limit,
                };
                let read = Columns::of(&[column]);
                let got = native.search(entity, &search(&filter), read).unwrap();
                let want = memory.search(entity, &search(&same), read).unwrap();
                assert_eq!(
                    shown(&got, column),
                    shown(&want, column),
                    "{entity:?} {filter:?} {order:?} {offset} {limit}"
                );
            }
        }
    }
}

#[test]
fn relations_come_in_the_order_in_which_they_were_tied() {
    let (domain, customers, groups) = fill(SqlStore(Native::new()));
    let related = |relation: &'static Relation, ids: &[&String], column: usize| {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let rows = domain
            .reads()
            .related(relation, &ids, Columns::ALL)
            .unwrap();
        (0..rows.len())
            .map(|row| {
                (
                    rows.string(row, 0).unwrap(),
                    rows.string(row, column + 1).unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let pair = |id: &String, name: &str| (id.clone(), name.to_owned());
    assert_eq!(
        related(
            GROUPS_OF_CUSTOMER,
            &[&customers[1], &customers[0], &customers[2]],
            1
        ),
        {
            let mut pairs = vec![
                pair(&customers[0], "VIP"),
                pair(&customers[1], "VIP"),
                pair(&customers[1], "Press"),
            ];
            pairs.sort_by(|left, right| left.0.cmp(&right.0));
            pairs
        }
    );
    assert_eq!(
        related(CUSTOMERS_OF_GROUP, &[&groups[0]], 4),
        [
            pair(&groups[0], "bob@shop.example"),
            pair(&groups[0], "ann@shop.example")
        ]
    );
    assert_eq!(
        related(ADDRESSES_OF_CUSTOMER, &[&customers[0], &customers[4]], 8),
        [pair(&customers[0], "Berlin"), pair(&customers[0], "Paris")]
    );
}

#[test]
fn a_transaction_that_is_dropped_leaves_nothing() {
    let store = SqlStore(Native::new());
    let customer = Customer {
        id: "cus_1".to_owned(),
        ..Customer::default()
    };
    let transaction = store.begin().unwrap();
    transaction
        .insert_customer(&customer, EmailCase::Distinct)
        .unwrap();
    drop(transaction);
    assert!(store.find(&CUSTOMER, "cus_1").unwrap().is_empty());
    let transaction = store.begin().unwrap();
    transaction
        .insert_customer(&customer, EmailCase::Distinct)
        .unwrap();
    transaction.commit().unwrap();
    assert_eq!(store.find(&CUSTOMER, "cus_1"), Ok(customer.record()));
}

#[test]
fn a_membership_needs_both_ends() {
    let store = SqlStore(Native::new());
    let transaction = store.begin().unwrap();
    let membership = Membership {
        id: "cusgc_1".to_owned(),
        customer_id: "cus_no".to_owned(),
        group_id: "cusgroup_no".to_owned(),
        created_by: None,
        created_at: String::new(),
    };
    assert_eq!(
        transaction.insert_membership(&membership),
        Err(StoreError::Missing)
    );
}

#[test]
fn the_seed_makes_plausible_people() {
    let store = SqlStore(Native::new());
    seed::sow_customers(&store, 300, EmailCase::Distinct).unwrap();
    seed::sow_customers(&store, 300, EmailCase::Distinct).unwrap();
    let count = |statement: &str| store.0.query(statement, &[]).unwrap().integer(0, 0);
    assert_eq!(
        count("select live from row_count where table_name = 'customer'"),
        600
    );
    assert_eq!(
        count("select count(*) from customer where deleted_at is null"),
        600
    );
    assert_eq!(count("select count(*) from customer_group"), 12);
    assert!((200..400).contains(&count(
        "select count(*) from customer where has_account = 1"
    )));
    assert!((700..1_100).contains(&count("select count(*) from customer_address")));
    assert!((400..800).contains(&count("select count(*) from customer_group_customer")));
    assert_eq!(
        count(
            "select count(*) from (select 1 from customer_group_customer group by customer_id having count(*) > 2)"
        ),
        0
    );
}

#[test]
fn searches_that_have_to_be_fast_use_an_index() {
    let store = SqlStore(Native::new());
    seed::sow_customers(&store, 500, EmailCase::Distinct).unwrap();
    let statement = |entity: &'static Entity, filter: Filter, order: Order| {
        let spy = Spy::default();
        let search = Search {
            filter,
            order,
            offset: 0,
            limit: 1,
        };
        search::search(&spy, entity, &search, Columns::ALL).unwrap();
        spy.0.into_inner()
    };
    let customers = &CUSTOMER;
    let at = |comparison| Filter::Compare(9, comparison, "2026".to_owned());
    for (filter, index) in [
        (Filter::all(), "customer_list"),
        (
            Filter::Compare(4, Comparison::Equal, "a@b.co".to_owned()),
            "customer_email",
        ),
        (Filter::In(4, vec!["a@b.co".to_owned()]), "customer_email"),
        (
            Filter::InAnyCase(4, vec!["a@b.co".to_owned()]),
            "customer_email_with_capitals",
        ),
        (
            Filter::Compare(3, Comparison::Equal, "Lee".to_owned()),
            "customer_last_name",
        ),
        (
            Filter::Compare(1, Comparison::Equal, "Acme".to_owned()),
            "customer_company_name",
        ),
        (Filter::words("müller"), "VIRTUAL TABLE INDEX"),
        (
            Filter::Related(GROUPS_OF_CUSTOMER, Box::new(Filter::id("g"))),
            "customer_group_customer_pair",
        ),
        (at(Comparison::GreaterOrEqual), "customer_"),
    ] {
        for text in statement(customers, filter.clone(), BY_ID) {
            let plan = store.0.plan(&text);
            assert!(
                plan.contains(index) || text == search::COUNT_ALL || text == "select casefold($1)",
                "{filter:?}\n{text}\n{plan}"
            );
            assert!(
                !plan.lines().any(|line| line == "SCAN c"),
                "{filter:?}\n{text}\n{plan}"
            );
        }
    }
    let by_time = Order {
        through: None,
        column: 9,
        descending: true,
    };
    let plan = store
        .0
        .plan(&statement(customers, Filter::all(), by_time)[0]);
    assert_eq!(
        plan,
        "SCAN c USING INDEX customer_created_at\nUSE TEMP B-TREE FOR LAST TERM OF ORDER BY"
    );
}

#[test]
fn the_columns_of_every_table_are_those_of_its_entity() {
    for entity in ENTITIES {
        let names = entity.columns.iter().map(|column| column.name);
        let listed = search::listed(entity, Columns::ALL);
        let listed = listed.split(", ").map(|name| &name[2..]);
        assert!(names.eq(listed), "{entity:?}");
    }
    assert_eq!(
        search::listed(&GROUP, Columns::of(&[1])),
        "g.id, g.name, null, null, null, null, null"
    );
}
