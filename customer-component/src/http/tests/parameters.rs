//! The filters of this module's lists, and refusals.

use wares_module_kit::fault::Fault;
use wares_module_kit::filter::{BY_ID, Comparison, Filter, Order, Search};
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::{Filters, list};

use crate::model::{
    ADDRESSES, CUSTOMER, CUSTOMERS, CUSTOMERS_OF_GROUP, GROUPS, GROUPS_OF_CUSTOMER,
};
use crate::settings::Compat;

fn read(filters: &Filters, query: &str) -> Result<Search, Fault> {
    let defaults = Selection::shown(filters.entity);
    list(filters, query, &(), Compat::Document.paging(), &defaults).map(|list| list.search)
}

fn check(query: &str, filter: Filter) {
    let search = Search {
        filter: Filter::All(vec![filter]),
        order: BY_ID,
        offset: 0,
        limit: 15,
    };
    assert_eq!(read(&CUSTOMERS, query), Ok(search), "{query}");
}

fn refuse(filters: &Filters, query: &str, message: &str) {
    assert_eq!(
        read(filters, query),
        Err(Fault::Invalid(message.to_owned())),
        "{query}"
    );
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn compare(column: &str, comparison: Comparison, text: &str) -> Filter {
    Filter::Compare(
        CUSTOMER.index_of(column).unwrap(),
        comparison,
        text.to_owned(),
    )
}

#[test]
fn a_page_is_bounded() {
    let search = read(&CUSTOMERS, "limit=2&offset=7&order=-email").unwrap();
    assert_eq!(
        search,
        Search {
            filter: Filter::all(),
            order: Order {
                through: None,
                column: 4,
                descending: true
            },
            offset: 7,
            limit: 2
        }
    );
    for (query, message) in [
        (
            "limit=abc",
            "Expected type: 'number' for field 'limit', got: 'abc'",
        ),
        (
            "limit=1&limit=2",
            "Expected type: 'number' for field 'limit', got: '1,2'",
        ),
        ("limit=-1", "Field 'limit' must be at least 0, got: '-1'"),
        ("offset=-1", "Field 'offset' must be at least 0, got: '-1'"),
        (
            "limit=1001",
            "Field 'limit' must be at most 1000, got: '1001'",
        ),
        (
            "order=groups.nope",
            "Field 'order' names no field to order by, got: 'groups.nope'",
        ),
        (
            "order=nope",
            "Field 'order' names no field to order by, got: 'nope'",
        ),
        (
            "order=metadata",
            "Field 'order' names no field to order by, got: 'metadata'",
        ),
        (
            "order=",
            "Field 'order' names no field to order by, got: ''",
        ),
    ] {
        refuse(&CUSTOMERS, query, message);
    }
}

#[test]
fn customers_are_filtered() {
    check(
        "email=a@b.co",
        compare("email", Comparison::Equal, "a@b.co"),
    );
    check("email=a,b", compare("email", Comparison::Equal, "a,b"));
    check("email[]=a,b", Filter::In(4, texts(&["a", "b"])));
    check("email=a&email=b,c", Filter::In(4, texts(&["a", "b,c"])));
    check("email=null", Filter::Null(4));
    check("email[]=null&email[]=a", Filter::In(4, texts(&["a"])));
    check("has_account=TRUE", Filter::Flag(7, true));
    check("q=Ann%20LEE", Filter::Words(texts(&["Ann", "LEE"])));
    check(
        "id[$nin][]=a&id[$nin][]=b",
        Filter::All(vec![Filter::NotIn(0, texts(&["a", "b"]))]),
    );
    check("id[$ne]=null", Filter::All(vec![Filter::NotNull(0)]));
    // Nothing is before or after no value.
    for operator in ["gt", "$gte", "lt", "$lte"] {
        for name in ["id", "created_at"] {
            let query = format!("{name}[{operator}]=null");
            check(&query, Filter::All(vec![Filter::Any(Vec::new())]));
        }
    }
    check(
        "id[$re]=^cus_",
        Filter::All(vec![compare("id", Comparison::Matches, "^cus_")]),
    );
}

#[test]
fn times_are_brought_into_the_stored_form() {
    let from = compare(
        "created_at",
        Comparison::GreaterOrEqual,
        "2026-01-01T00:00:00.000Z",
    );
    let to = compare("created_at", Comparison::Less, "2026-02-01T00:00:00.000Z");
    for query in [
        "created_at[gte]=2026-01-01&created_at[lt]=2026-02-01",
        "created_at[$gte]=2026-01-01&created_at[$lt]=2026-02-01",
        "created_at.gte=2026-01-01T01:00:00%2B01:00&created_at.lt=2026-02-01",
    ] {
        check(query, Filter::All(vec![from.clone(), to.clone()]));
    }
    refuse(
        &CUSTOMERS,
        "created_at[gte]=soon",
        "Field 'created_at' must be a date, got: 'soon'",
    );
    refuse(
        &CUSTOMERS,
        "created_at[like]=2026",
        "Field 'created_at' has no operator 'like'",
    );
    refuse(
        &CUSTOMERS,
        "created_at=",
        "Field 'created_at' must be a date, got: ''",
    );
}

#[test]
fn relations_are_filtered() {
    let related = |filter| Filter::Related(GROUPS_OF_CUSTOMER, Box::new(filter));
    check("groups=g1", related(Filter::id("g1")));
    check(
        "groups[]=g1&groups[]=g2",
        related(Filter::In(0, texts(&["g1", "g2"]))),
    );
    check(
        "groups[name]=VIP",
        related(Filter::All(vec![Filter::Compare(
            1,
            Comparison::Equal,
            "VIP".to_owned(),
        )])),
    );
    let none = Filter::Unrelated(GROUPS_OF_CUSTOMER);
    for query in [
        "groups=null",
        "groups[name]=null",
        "groups[created_at]=null",
        "groups[created_at][$eq]=null",
    ] {
        check(query, none.clone());
    }
    check(
        "groups[name]=null&groups[id]=g1",
        Filter::All(vec![none, related(Filter::All(vec![Filter::id("g1")]))]),
    );
    // A column that may lack a value is no sign of a relation that lacks a thing.
    let members = Filter::All(vec![Filter::Null(2)]);
    assert_eq!(
        read(&GROUPS, "customers[first_name]=null").unwrap().filter,
        Filter::All(vec![Filter::Related(CUSTOMERS_OF_GROUP, Box::new(members))])
    );
}

#[test]
fn conditions_that_are_not_known_are_refused_at_any_depth() {
    for (query, below, name) in [
        ("groups[foo]=1", "groups", "foo"),
        ("groups[$nin][]=G", "groups", "$nin"),
        ("groups[$or][0][name]=G", "groups", "$or"),
        ("groups[name]=VIP&groups[nope]=1", "groups", "nope"),
        ("groups[__proto__]=1", "groups", "__proto__"),
        ("$and[0][emial]=x", "$and", "emial"),
        ("$or[0][email]=x&$or[0][limit]=1", "$or", "limit"),
        ("$and[0][$or][0][emial]=x", "$or", "emial"),
        ("$and[0][groups][emial]=x", "groups", "emial"),
        ("groups[0]=G&groups[name]=VIP", "groups", "0"),
    ] {
        let message = format!("Field '{below}' has no filter '{name}'");
        refuse(&CUSTOMERS, query, &message);
    }
    for (query, message) in [
        (
            "id=cus_1&id[$ne]=cus_2",
            "Expected type: 'string, array' for field 'id', got: '[object Object]'",
        ),
        (
            "groups=G&groups[name]=VIP",
            "Expected type: 'string, array' for field 'groups', got: '[object Object]'",
        ),
        (
            "$or[0][email]=x&$or[0]=y",
            "Expected type: 'object' for field '$or', got: 'y,[object Object]'",
        ),
        (
            "groups[name].x=VIP",
            "Unrecognized fields: 'groups[name].x'",
        ),
        (
            "email=x&email[y]=z",
            "Expected type: 'string, array' for field 'email', got: '[object Object]'",
        ),
        ("email[=x", "Unrecognized fields: 'email['"),
        (
            "created_at[gte=2026-01-01",
            "Unrecognized fields: 'created_at[gte'",
        ),
        (
            "limit=1&limit[x]=2",
            "Expected type: 'number' for field 'limit', got: '1,[object Object]'",
        ),
    ] {
        refuse(&CUSTOMERS, query, message);
    }
    for name in ["phone", "nope", "groups", "metadata"] {
        refuse(
            &GROUPS,
            &format!("customers[{name}]=x"),
            &format!("Field 'customers' has no filter '{name}'"),
        );
    }
}

#[test]
fn conditions_are_joined() {
    let ann = Filter::All(vec![compare("first_name", Comparison::Equal, "Ann")]);
    let bob = Filter::All(vec![compare("first_name", Comparison::Equal, "Bob")]);
    check(
        "$or[0][first_name]=Ann&$or[1][first_name]=Bob",
        Filter::Any(vec![ann.clone(), bob]),
    );
    check("$and[0][first_name]=Ann", Filter::All(vec![ann.clone()]));
    check(
        "$and[0][$or][0][first_name]=Ann",
        Filter::All(vec![Filter::All(vec![Filter::Any(vec![ann.clone()])])]),
    );
    check(
        "$or[0][$and][0][$or][0][$and][0][first_name]=Ann",
        Filter::Any(vec![Filter::All(vec![Filter::All(vec![Filter::All(
            vec![Filter::Any(vec![Filter::All(vec![Filter::All(vec![ann])])])],
        )])])]),
    );
    refuse(
        &CUSTOMERS,
        "$or[0][$and][0][$or][0][$and][0][$or][0][first_name]=Ann",
        "Field '$or' is nested more than 4 levels deep",
    );
    refuse(
        &CUSTOMERS,
        "$or=x",
        "Expected type: 'array' for field '$or', got: 'x'",
    );
    refuse(&CUSTOMERS, "$or[0][q]=x", "Field '$or' has no filter 'q'");
    refuse(
        &GROUPS,
        "customers[default_billing_address_id]=x",
        "Field 'customers' has no filter 'default_billing_address_id'",
    );
}

#[test]
fn wrong_parameters_are_named() {
    for (query, message) in [
        ("foo=1&baz=2", "Unrecognized fields: 'foo, baz'"),
        ("phone=1", "Unrecognized fields: 'phone'"),
        (
            "email[$ne]=x",
            "Expected type: 'string, array' for field 'email', got: '[object Object]'",
        ),
        ("has_account=1", "Invalid input"),
        (
            "has_account[]=true",
            "Expected type: 'boolean' for field 'has_account', got: 'true'",
        ),
        (
            "with_deleted=maybe",
            "Expected type: 'boolean' for field 'with_deleted', got: 'maybe'",
        ),
        (
            "q=a&q=b",
            "Expected type: 'string' for field 'q', got: 'a,b'",
        ),
        ("id[$contains]=x", "Field 'id' has no operator '$contains'"),
        (
            "id[$in]=x",
            "Expected type: 'array' for field 'id', got: 'x'",
        ),
        ("q=%00", "Parameter 'q' contains a NUL character"),
    ] {
        refuse(&CUSTOMERS, query, message);
    }
    for query in [
        "first_name=A",
        "id=x",
        "created_at[$gte]=2020-01-01",
        "$or[0][city]=Berlin",
    ] {
        let name = query.split(['=', '[']).next().unwrap();
        refuse(&ADDRESSES, query, &format!("Unrecognized fields: '{name}'"));
    }
}
