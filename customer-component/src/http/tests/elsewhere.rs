//! What other components provide for customers, addresses and groups, in answers.

use std::cell::RefCell;

use wares_module_kit::extended::{Condition, Extended, Member, Selected, Selection as Found};
use wares_module_kit::http::budget::Budget;
use wares_module_kit::http::exchange::Request;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::route::Method;

use crate::domain::Domain;
use crate::hooks::NoHooks;
use crate::model::{CUSTOMER, GROUP};
use crate::tests::memory::Memory;
use crate::tests::{domain, made};

/// Provides `loyalty` and `orders`, and keeps what it is asked.
#[derive(Default)]
struct Provider {
    asked: RefCell<Vec<(String, String, usize, bool)>>,
    value_bytes: usize,
}

impl Extended for Provider {
    fn is_extended(&self, entity: &str) -> bool {
        entity == "customer"
    }

    fn values(&self, entity: &str, paths: &[String], ids: &[&str], written: bool) -> Vec<Member> {
        let asked = (entity.to_owned(), paths.join(" "), ids.len(), written);
        self.asked.borrow_mut().push(asked);
        let member = |name: &str| Member {
            name: name.to_owned(),
            values: (0..ids.len())
                .map(|place| format!("\"{name}{place}{}\"", "x".repeat(self.value_bytes)))
                .collect(),
        };
        let names = ["loyalty", "orders"].into_iter();
        let named = names.filter(|name| paths.iter().any(|path| path.starts_with(name)));
        named.map(member).collect()
    }

    fn select(&self, _: &str, name: &str, conditions: &[Condition]) -> Selected {
        match (name, conditions) {
            ("loyalty.tier", [condition]) if condition.operator == "in" => {
                Selected::Found(Found::Ids(condition.values.clone()))
            }
            ("loyalty.tier", [condition]) if condition.operator == "nin" => {
                Selected::Found(Found::AllBut(condition.values.clone()))
            }
            ("loyalty.tier", _) => Selected::Refused("not so".to_owned()),
            _ => Selected::Unknown,
        }
    }
}

/// The answer of a route.
fn answer(
    domain: &Domain<Memory, NoHooks>,
    provider: &Provider,
    (method, path): (Method, &str),
    (id, query, body): (&str, &str, &str),
    budget: Budget,
) -> (u16, String) {
    let route = Domain::<Memory, NoHooks>::ROUTES
        .iter()
        .position(|route| route.method == method && route.path == path);
    let request = Request {
        path: &[id.to_owned()],
        query,
        body: body.as_bytes(),
        actor: None,
        budget,
        extended: provider,
    };
    let (response, _) = domain.handle(route.unwrap(), request);
    (response.status, String::from_utf8(response.body).unwrap())
}

const ONE: &str = "/admin/customers/{id}";

#[test]
fn names_that_are_no_fields_of_an_entity_are_paths_to_others() {
    let base = Selection::shown(&CUSTOMER);
    for (fields, paths) in [
        ("+loyalty.tier", "loyalty.tier"),
        ("loyalty", "loyalty"),
        ("*loyalty,+loyalty.*", "loyalty.*"),
        ("*orders", "orders.*"),
        (
            "orders.items.id,orders.total",
            "orders.items.id orders.total",
        ),
        ("+*orders,-orders", ""),
        ("+loyalty.tier,-loyalty", ""),
        ("email,groups.name,addresses,*", ""),
    ] {
        let selection = Selection::parse(&CUSTOMER, Some(fields), &base, &base).unwrap();
        assert_eq!(selection.elsewhere.join(" "), paths, "{fields}");
    }
    let base = Selection::shown(&GROUP);
    let fields = Some("name,customers.loyalty.tier,budget");
    let selection = Selection::parse(&GROUP, fields, &base, &base).unwrap();
    assert_eq!(selection.elsewhere, ["budget"]);
    assert_eq!(selection.relations[0].selection.elsewhere, ["loyalty.tier"]);
}

#[test]
fn one_question_is_asked_for_each_kind_of_thing_in_an_answer() {
    let (domain, provider) = (domain(), Provider::default());
    let ids: Vec<String> = ["ann", "bob", "eve"]
        .map(|name| made(&domain, &format!("{name}@shop.example")).id)
        .to_vec();
    let list = (Method::Get, "/admin/customers");
    let query = "fields=id,loyalty.tier&limit=2";
    let (status, body) = answer(&domain, &provider, list, ("", query, ""), Budget::default());
    assert_eq!(
        (status, body),
        (
            200,
            format!(
                "{{\"customers\":[{{\"id\":\"{}\",\"loyalty\":\"loyalty0\"}},\
                 {{\"id\":\"{}\",\"loyalty\":\"loyalty1\"}}],\"count\":3,\"offset\":0,\"limit\":2}}",
                ids[0], ids[1]
            )
        )
    );
    let asked = provider.asked.take();
    assert_eq!(
        asked,
        [("customer".to_owned(), "loyalty.tier".to_owned(), 2, false)]
    );
    // What nobody provides is not shown, and what is not asked for is asked of nobody.
    let query = "fields=id,budget";
    let (_, body) = answer(
        &domain,
        &provider,
        (Method::Get, ONE),
        (&ids[0], query, ""),
        Budget::default(),
    );
    assert_eq!(body, format!("{{\"customer\":{{\"id\":\"{}\"}}}}", ids[0]));
    assert_eq!(provider.asked.take().len(), 1);
    let query = "fields=id,email&email=ann@shop.example";
    answer(&domain, &provider, list, ("", query, ""), Budget::default());
    assert_eq!(provider.asked.take(), []);
}

#[test]
fn a_write_is_answered_within_its_budget_after_it_is_kept() {
    let domain = domain();
    let id = made(&domain, "ann@shop.example").id;
    let change = |value_bytes: usize, answer_bytes_max: usize, name: &str| {
        let provider = Provider {
            value_bytes,
            ..Provider::default()
        };
        let budget = Budget {
            answer_bytes_max,
            ..Budget::default()
        };
        let body = format!("{{\"first_name\":\"{name}\"}}");
        let request = (&*id, "fields=first_name,loyalty", &*body);
        let answer = answer(&domain, &provider, (Method::Post, ONE), request, budget);
        (answer, provider.asked.take())
    };
    let asked = vec![("customer".to_owned(), "loyalty".to_owned(), 1, true)];
    let kept = |name: &str, more: &str| {
        let body = format!("{{\"customer\":{{\"first_name\":\"{name}\",\"id\":\"{id}\"{more}}}}}");
        (200, body)
    };
    assert_eq!(
        change(0, 1_000, "Ann"),
        (kept("Ann", ",\"loyalty\":\"loyalty0\""), asked.clone())
    );
    // What is kept is answered, without what does not fit.
    assert_eq!(change(1_000, 1_000, "Bob"), (kept("Bob", ""), asked));
    // What cannot be answered is not kept, and nobody is asked.
    let ((status, _), asked) = change(0, 20, "Eve");
    assert_eq!((status, asked), (400, vec![]));
    let read = (&*id, "fields=first_name", "");
    let (_, body) = answer(
        &domain,
        &Provider::default(),
        (Method::Get, ONE),
        read,
        Budget::default(),
    );
    assert!(body.contains("Bob"), "{body}");
}

#[test]
fn a_read_whose_answer_does_not_fit_is_refused() {
    let domain = domain();
    let id = made(&domain, "ann@shop.example").id;
    let provider = Provider {
        value_bytes: 1_000,
        ..Provider::default()
    };
    let budget = Budget {
        answer_bytes_max: 1_000,
        ..Budget::default()
    };
    let read = (&*id, "fields=loyalty", "");
    assert_eq!(
        answer(&domain, &provider, (Method::Get, ONE), read, budget),
        (
            400,
            "{\"type\":\"invalid_data\",\"message\":\"Invalid request: That asks for too much at once: the answer has more than 1000 bytes; \
             ask for less of it with 'fields'\"}"
                .to_owned()
        )
    );
}

#[test]
fn a_filter_of_another_component_selects_ids() {
    let (domain, provider) = (domain(), Provider::default());
    let ann = made(&domain, "ann@shop.example").id;
    let bob = made(&domain, "bob@shop.example").id;
    let refused = |message: &str| {
        format!("{{\"type\":\"invalid_data\",\"message\":\"Invalid request: {message}\"}}")
    };
    for (query, status, expected) in [
        (
            format!("loyalty[tier]={ann}"),
            200,
            format!("[{{\"id\":\"{ann}\"}}]"),
        ),
        (
            format!("loyalty.tier[]={ann}&loyalty.tier[]={bob}&email=bob@shop.example"),
            200,
            format!("[{{\"id\":\"{bob}\"}}]"),
        ),
        (
            format!("loyalty[tier][$eq]={bob}"),
            200,
            format!("[{{\"id\":\"{bob}\"}}]"),
        ),
        (
            format!("loyalty[tier][$ne]={ann}"),
            200,
            format!("[{{\"id\":\"{bob}\"}}]"),
        ),
        (
            "loyalty[tier][$gt]=x".to_owned(),
            400,
            refused("Field 'loyalty.tier': not so"),
        ),
        (
            "loyalty[tier][a]=x".to_owned(),
            400,
            refused("Field 'loyalty.tier' has no operator 'a'"),
        ),
        (
            "loyalty[tier][$gt][]=x".to_owned(),
            400,
            refused("Expected type: 'string' for field 'loyalty.tier', got: 'x'"),
        ),
        (
            "loyalty[points]=1".to_owned(),
            400,
            refused("Unrecognized fields: 'loyalty'"),
        ),
        (
            "budget[$like]=1".to_owned(),
            400,
            refused("Unrecognized fields: 'budget'"),
        ),
        (
            "limit=x&budget=1".to_owned(),
            400,
            refused(
                "Expected type: 'number' for field 'limit', got: 'x'; Unrecognized fields: 'budget'",
            ),
        ),
    ] {
        let query = format!("fields=id&{query}");
        let list = (Method::Get, "/admin/customers");
        let (got, body) = answer(
            &domain,
            &provider,
            list,
            ("", &query, ""),
            Budget::default(),
        );
        assert_eq!(got, status, "{query}: {body}");
        assert!(body.contains(&expected), "{query}: {body}");
    }
}
