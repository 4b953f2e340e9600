//! All examples of `extensions/` in one host, installed while it serves.

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, customer, email_policy, loyalty, orders};
use crate::openapi::{conforms, document};
use crate::{name_format, tax_id};

/// Installs them as their READMEs say, but for the one in Python, which `tax_id` has in data folders.
fn install(shop: &Shop) {
    for (component, grants) in [
        (email_policy(), "sql,hooks=customer"),
        (orders(), "sql,events,operations=customer,fields=customer"),
        (loyalty(), "sql,events,operations=customer,fields=customer"),
        (name_format::component(), "hooks=customer"),
    ] {
        let grants = format!("--grant={grants}");
        let file = component.to_str().unwrap();
        let done = shop.run(&["module", "install", file, &grants, "--activate"]);
        assert!(done.status.success(), "{done:?}");
    }
}

fn order(shop: &Shop, customer: &str) -> Answer {
    shop.post(
        "/admin/orders?fields=id,total",
        json!({
            "customer_id": customer, "currency_code": "eur",
            "items": [{"title": "Mug", "unit_price": 12.5, "quantity": 2}],
        }),
    )
}

fn give(shop: &Shop, customer: &str, points: u32) -> Answer {
    let path = format!("/admin/loyalty/{customer}/entries");
    shop.post(&path, json!({"points": points, "reason": "Order"}))
}

/// Every reference of a document leads to something.
fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
            }
            members
                .values()
                .for_each(|value| check_references(document, value));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| check_references(document, value)),
        _ => {}
    }
}

/// Asserts what a shop with the order of Ann and her points answers.
fn check(shop: &Shop, [ann, bob]: &[String; 2], order: &Value) {
    let path = format!("/admin/customers/{ann}?fields=%2Bloyalty.tier,%2Bloyalty.points");
    let shown = shop.get(&path);
    let given = [("loyalty", json!({"tier": "gold", "points": 2_000}))];
    shown.is(
        200,
        json!({"customer": customer(ann, "ann@shop.example", &given)}),
    );
    let path = "/admin/customers?fields=%2Bloyalty.tier,*orders,%2Btax_id";
    let all = shop.get(path);
    let of = |id: &str, email: &str, orders: Value, tier: &str, more: [Value; 2]| {
        let [name, tax_id] = more;
        let given = [
            ("orders", orders),
            ("loyalty", json!({"tier": tier})),
            ("last_name", name),
            ("tax_id", tax_id),
        ];
        customer(id, email, &given)
    };
    let of_bob = [json!("van Dyke"), json!("ATU13585627")];
    let whole = &all.value()["customers"][0]["orders"][0];
    assert_eq!((&whole["id"], &whole["total"]), (&order["id"], &json!(25)));
    let settled: Value = serde_json::from_str(&all.settled()).unwrap();
    let orders = settled["customers"][0]["orders"].clone();
    let of_ann = of(
        ann,
        "ann@shop.example",
        orders,
        "gold",
        [json!(null), json!(null)],
    );
    let of_bob = of(bob, "bob@shop.example", json!([]), "bronze", of_bob);
    let page = |customers: &[&Value]| json!({"customers": customers, "count": customers.len(), "offset": 0, "limit": 15});
    all.is(200, page(&[&of_ann, &of_bob]));
    let gold = shop.get(&format!("{path}&loyalty[tier]=gold"));
    gold.is(200, page(&[&of_ann]));
    let silver = shop.get(&format!("{path}&loyalty[tier]=silver"));
    silver.is(200, page(&[]));
    let disposable = shop.post("/admin/customers", json!({"email": "eve@mailinator.com"}));
    assert_eq!(disposable.status, 400, "{}", disposable.body);
    assert_eq!(disposable.value()["code"], "disposable_email");
    let document = document(shop);
    check_references(&document, &document);
    conforms(&document, "get", "/admin/customers", &all);
    conforms(&document, "get", "/admin/customers", &gold);
    let one = shop.get(&format!("/admin/customers/{ann}"));
    assert_eq!(one.value()["customer"]["orders"][0]["id"], order["id"]);
    conforms(&document, "get", "/admin/customers/{id}", &one);
    for (path, filled) in [
        ("/admin/orders", "/admin/orders".to_owned()),
        ("/admin/email-domains", "/admin/email-domains".to_owned()),
        (
            "/admin/loyalty/{customer_id}",
            format!("/admin/loyalty/{ann}"),
        ),
    ] {
        conforms(&document, "get", path, &shop.get(&filled));
    }
}

#[test]
fn all_examples_are_installed_into_one_host_and_serve_after_a_restart() {
    let mut shop = Shop::open_on(tax_id::installed(), |_| {});
    // Customers from before, of whom the examples know nothing.
    let ann = shop.customer("ann@shop.example");
    install(&shop);
    let bob = json!({"email": "bob@shop.example", "last_name": "VAN DYKE", "additional_data": {"tax_id": "ATU13585627"}});
    let bob = shop.post("/admin/customers?fields=last_name,tax_id", bob);
    let both = [ann, bob.at("/customer/id")];
    bob.is(
        200,
        json!({"customer": {"last_name": "van Dyke", "id": both[1], "tax_id": "ATU13585627"}}),
    );
    let placed = order(&shop, &both[0]);
    let order = placed.value()["order"].clone();
    placed.is(200, json!({"order": {"id": order["id"], "total": 25}}));
    assert_eq!(give(&shop, &both[0], 2_000).status, 200);
    check(&shop, &both, &order);
    // A component that is gone takes its own with it.
    let disabled = shop.post("/_wares/modules/loyalty/disable", json!({}));
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    let path = format!(
        "/admin/customers/{}?fields=id,loyalty.tier,orders.total",
        both[0]
    );
    let total = json!([{"total": 25, "customer_id": both[0]}]);
    shop.get(&path)
        .is(200, json!({"customer": {"id": both[0], "orders": total}}));
    shop.get("/admin/customers?loyalty[tier]=gold")
        .is_invalid("Unrecognized fields: 'loyalty'");
    let enabled = shop.post("/_wares/modules/loyalty/enable", json!({}));
    assert_eq!(enabled.status, 200, "{}", enabled.body);

    assert!(shop.server.stop().success());
    let shop = Shop::open_on(shop.data, |_| {});
    check(&shop, &both, &order);
}

#[test]
fn a_body_is_nested_as_deep_as_the_customers_module_takes_it() {
    let shop = Shop::open();
    install(&shop);
    let ann = shop.customer("ann@shop.example");
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let put = |path: &str, body: String| {
        let bearer = format!("Bearer {}", shop.token);
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/json"),
        ];
        shop.send("POST", path, &headers, body.as_bytes())
    };
    for levels in [64, 100, 120, 125, 126, 127, 128, 200, 1_000] {
        let deep = deep(levels);
        let order = format!(
            "{{\"customer_id\":\"{ann}\",\"currency_code\":\"eur\",\"metadata\":{{\"deep\":{deep}}},\
             \"items\":[{{\"title\":\"Mug\",\"unit_price\":1,\"quantity\":1}}]}}"
        );
        let taken = put(
            "/admin/customers",
            format!("{{\"email\":\"{levels}@shop.example\",\"metadata\":{{\"deep\":{deep}}}}}"),
        );
        for (path, body, status) in [
            ("/admin/orders".to_owned(), order, taken.status),
            (
                "/admin/email-domains".to_owned(),
                format!("{{\"domain\":{deep}}}"),
                400,
            ),
            (
                format!("/admin/loyalty/{ann}/entries"),
                format!("{{\"points\":1,\"reason\":{deep}}}"),
                400,
            ),
        ] {
            let answer = put(&path, body);
            assert_eq!(answer.status, status, "{path} {levels}: {}", answer.body);
        }
    }
}
