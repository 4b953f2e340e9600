//! The example `extensions/loyalty`: points of customers, and the fields by which customers show
//! them and are filtered.

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, loyalty, run, text};
use crate::openapi::{conforms, document};

const GRANTS: &str = "modules.loyalty.grants=sql,events,operations=customer,fields=customer";

/// A shop with points, and settings.
fn shop(settings: &[&str]) -> Shop {
    Shop::open_with(|command| {
        let component = format!("modules.loyalty.component={}", loyalty().display());
        command.args(["--set", &component, "--set", GRANTS]);
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

fn give(shop: &Shop, customer: &str, points: i64, reason: &str) -> Answer {
    let path = format!("/admin/loyalty/{customer}/entries");
    shop.post(&path, json!({"points": points, "reason": reason}))
}

fn account(shop: &Shop, customer: &str) -> Answer {
    shop.get(&format!("/admin/loyalty/{customer}"))
}

#[test]
fn points_are_given_and_taken_and_are_never_below_0() {
    let shop = shop(&[]);
    let (ann, bob) = (
        shop.customer("ann@shop.example"),
        shop.customer("bob@shop.example"),
    );
    let has =
        |tier: &str, points: i64| json!({"loyalty": {"id": ann, "tier": tier, "points": points}});
    account(&shop, &ann).is(200, has("bronze", 0));
    let given = give(&shop, &ann, 620, "Order 1");
    let entry = |answer: &Answer, points: i64, reason: &str| {
        let id = answer.at("/loyalty_entry/id");
        assert!(id.starts_with("loyent_"), "{id}");
        json!({
            "id": id, "customer_id": ann, "points": points, "reason": reason,
            "created_by": "<admin>", "created_at": "<time>"
        })
    };
    let first = entry(&given, 620, "Order 1");
    given.is(200, json!({"loyalty_entry": first}));
    account(&shop, &ann).is(200, has("silver", 620));
    let taken = give(&shop, &ann, -20, "Voucher");
    let second = entry(&taken, -20, "Voucher");
    taken.is(200, json!({"loyalty_entry": second}));
    give(&shop, &ann, -601, "Voucher").is_invalid(
        "Field 'points': the customer has 600 and would have -1, which must be at least 0",
    );
    account(&shop, &ann).is(200, has("silver", 600));
    give(&shop, &bob, 5, "Order 2");
    let entries = format!("/admin/loyalty/{ann}/entries");
    shop.get(&entries).is(
        200,
        json!({"loyalty_entries": [first, second], "count": 2, "offset": 0, "limit": 50}),
    );
    let found = shop.get(&format!("{entries}?q=vouch&fields=points"));
    assert_eq!(
        found.value()["loyalty_entries"],
        json!([{"points": -20, "id": second["id"]}])
    );
    for (body, message) in [
        (
            json!({}),
            "Field 'points' is required; Field 'reason' is required",
        ),
        (
            json!({"points": 0, "reason": "x"}),
            "Field 'points' must not be 0",
        ),
        (
            json!({"points": 1.5, "reason": "x"}),
            "Expected type: 'number' for field 'points', got: '1.5'",
        ),
    ] {
        shop.post(&entries, body).is_invalid(message);
    }
    let unknown = "Customer with id: cus_nope not found";
    give(&shop, "cus_nope", 5, "x").refuses(404, "not_found", unknown);
    account(&shop, "cus_nope").refuses(404, "not_found", unknown);
    shop.get("/admin/loyalty/cus_nope/entries")
        .refuses(404, "not_found", unknown);
    let document = document(&shop);
    conforms(
        &document,
        "get",
        "/admin/loyalty/{customer_id}",
        &account(&shop, &ann),
    );
    conforms(
        &document,
        "post",
        "/admin/loyalty/{customer_id}/entries",
        &given,
    );
    conforms(
        &document,
        "get",
        "/admin/loyalty/{customer_id}/entries",
        &shop.get(&entries),
    );
    let events = text(&shop.run(&["events", "loyalty", "--json"]).stdout);
    assert_eq!(
        events.matches("\"loyalty-entry.created\"").count(),
        3,
        "{events}"
    );
}

#[test]
fn points_that_are_taken_at_once_are_taken_once() {
    let shop = shop(&[]);
    let ann = shop.customer("ann@shop.example");
    assert_eq!(give(&shop, &ann, 50, "Order 1").status, 200);
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let taking: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| give(&shop, &ann, -10, "Voucher").status))
            .collect();
        let statuses = taking.into_iter().map(|taken| taken.join().unwrap());
        statuses.collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 400, 400, 400]);
    let none = json!({"loyalty": {"id": ann, "tier": "bronze", "points": 0}});
    account(&shop, &ann).is(200, none);
}

#[test]
fn customers_show_their_points_and_are_filtered_by_them() {
    let shop = shop(&[]);
    let [ann, bob, eve] =
        ["ann", "bob", "eve"].map(|name| shop.customer(&format!("{name}@shop.example")));
    assert_eq!(give(&shop, &ann, 2_500, "Order 1").status, 200);
    assert_eq!(give(&shop, &bob, 600, "Order 2").status, 200);
    let shown = |id: &str, tier: &str, points: i64| json!({"id": id, "loyalty": {"tier": tier, "points": points}});
    let (gold, silver) = (shown(&ann, "gold", 2_500), shown(&bob, "silver", 600));
    let list = |filter: &str| shop.get(&format!("/admin/customers?fields=id,loyalty{filter}"));
    let page = |customers: &[&Value]| json!({"customers": customers, "count": customers.len(), "offset": 0, "limit": 15});
    let bronze = shown(&eve, "bronze", 0);
    let all = [&gold, &silver, &bronze];
    list("").is(200, page(&all));
    for (filter, found) in [
        ("loyalty[tier]=gold", &[&gold][..]),
        ("loyalty.tier=silver", &[&silver]),
        (
            "loyalty[tier][]=gold&loyalty[tier][]=silver",
            &[&gold, &silver],
        ),
        ("loyalty[tier][$nin][]=bronze", &[&gold, &silver]),
        // Eve has no account.
        ("loyalty[tier]=bronze", &[&bronze]),
        (
            "loyalty[tier][]=bronze&loyalty[tier][]=gold",
            &[&gold, &bronze],
        ),
        ("loyalty[tier][$ne]=gold", &[&silver, &bronze]),
        ("loyalty[points][$lt]=100", &[&bronze]),
        ("loyalty[points][$lte]=600", &[&silver, &bronze]),
        ("loyalty[points]=0", &[&bronze]),
        ("loyalty[points][$gte]=0", &[&gold, &silver, &bronze]),
        ("loyalty[tier]=gold&loyalty[points][$lt]=100", &[]),
        ("loyalty[points][$gt]=0&loyalty[points][$lt]=600", &[]),
        ("loyalty[points]=600", &[&silver]),
        ("loyalty[points][$gt]=600", &[&gold]),
        (
            "loyalty[points][$gte]=600&loyalty[points][$lte]=2500",
            &[&gold, &silver],
        ),
        (
            "loyalty[points][$gte]=600&loyalty[tier]=gold&email=ann@shop.example",
            &[&gold],
        ),
    ] {
        list(&format!("&{filter}")).is(200, page(found));
    }
    for (filter, message) in [
        (
            "loyalty[tier]=platinum",
            "'loyalty.tier': no tier is called 'platinum'; there are bronze, silver, gold",
        ),
        (
            "loyalty[tier][$gt]=gold",
            "'loyalty.tier': it has no operator gt",
        ),
        (
            "loyalty[points]=many",
            "'loyalty.points': 'many' is no whole number",
        ),
    ] {
        list(&format!("&{filter}")).is_invalid(&format!("Field {message}"));
    }
}

#[test]
fn tiers_are_a_setting_that_is_checked() {
    let named = "modules.loyalty.config.tiers=new:0,regular:10";
    let shop = shop(&[named]);
    let ann = shop.customer("ann@shop.example");
    assert_eq!(give(&shop, &ann, 10, "Order 1").status, 200);
    assert_eq!(account(&shop, &ann).at("/loyalty/tier"), "regular");
    let members = &document(&shop)["components"]["schemas"]["Customer"]["properties"];
    let tier = &members["loyalty"]["properties"]["tier"]["anyOf"][0];
    assert_eq!(*tier, json!({"type": "string", "enum": ["new", "regular"]}));
    let component = loyalty().to_str().unwrap();
    for (setting, fault) in [
        (
            "tiers=new:5",
            "modules.loyalty.config.tiers: the lowest tier 'new' must begin at 0 points",
        ),
        (
            "levels=new:0",
            "modules.loyalty.config.levels: there is no such setting; there is tiers",
        ),
    ] {
        let setting = format!("modules.loyalty.config.{setting}");
        let inspected = run(["inspect", component, "--set", GRANTS, "--set", &setting]);
        assert_eq!(inspected.status.code(), Some(1));
        let said = text(&inspected.stdout);
        assert!(said.contains(fault), "{said}");
    }
    let inspected = run(["inspect", component, "--set", GRANTS, "--set", named]);
    assert!(inspected.status.success(), "{}", text(&inspected.stdout));
}
