//! The example `extensions/orders`: orders of customers, and the relation by which customers show
//! them.

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, customer, orders, run, text};
use crate::openapi::{conforms, document};

const GRANTS: &str = "modules.orders.grants=sql,events,operations=customer,fields=customer";

/// A shop with orders, and settings.
fn shop(settings: &[&str]) -> Shop {
    Shop::open_with(|command| {
        let component = format!("modules.orders.component={}", orders().display());
        command.args(["--set", &component, "--set", GRANTS]);
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

/// Two mugs and a cup.
fn items() -> Value {
    json!([
        {"title": "Mug", "variant_sku": "MUG-1", "unit_price": 12.5, "quantity": 2},
        {"title": "Cup", "unit_price": 3.99, "quantity": 1, "metadata": {"gift": true}},
    ])
}

fn place(shop: &Shop, customer: &str) -> Answer {
    shop.post(
        "/admin/orders",
        json!({"customer_id": customer, "currency_code": "EUR", "items": items()}),
    )
}

/// The order of that, without its lines.
fn order(id: &str, number: u32, customer: &str) -> Value {
    json!({
        "id": id, "display_id": number, "status": "pending", "email": "ann@shop.example",
        "currency_code": "eur", "total": 28.99, "metadata": null, "customer_id": customer,
        "created_at": "<time>", "updated_at": "<time>", "canceled_at": null
    })
}

/// The same with its lines, which have these ids.
fn with_lines(mut order: Value, lines: &Value) -> Value {
    let line =
        |index: usize, title: &str, sku: Value, price: Value, quantity: u32, rest: [Value; 2]| {
            let [total, metadata] = rest;
            json!({
                "id": lines[index]["id"], "title": title, "subtitle": null, "variant_sku": sku,
                "unit_price": price, "quantity": quantity, "total": total, "metadata": metadata,
                "order_id": order["id"], "created_at": "<time>", "updated_at": "<time>"
            })
        };
    let lines = json!([
        line(
            0,
            "Mug",
            json!("MUG-1"),
            json!(12.5),
            2,
            [json!(25), Value::Null]
        ),
        line(
            1,
            "Cup",
            Value::Null,
            json!(3.99),
            1,
            [json!(3.99), json!({"gift": true})]
        ),
    ]);
    order["items"] = lines;
    order
}

#[test]
fn an_order_is_placed_read_listed_and_canceled() {
    let shop = shop(&[]);
    let (ann, bob) = (
        shop.customer("ann@shop.example"),
        shop.customer("bob@shop.example"),
    );
    shop.get("/admin/orders").is(
        200,
        json!({"orders": [], "count": 0, "offset": 0, "limit": 15}),
    );
    let placed = place(&shop, &ann);
    let id = placed.at("/order/id");
    assert!(id.starts_with("order_"), "{id}");
    let lines = placed.value()["order"]["items"].clone();
    assert!(lines[0]["id"].as_str().unwrap().starts_with("ordli_"));
    let whole = with_lines(order(&id, 1, &ann), &lines);
    placed.is(200, json!({"order": whole}));
    let path = format!("/admin/orders/{id}");
    shop.get(&path).is(200, json!({"order": whole}));
    assert_eq!(place(&shop, &bob).value()["order"]["display_id"], 2);
    let of_ann = shop.get(&format!("/admin/orders?customer_id={ann}"));
    of_ann.is(
        200,
        json!({"orders": [whole], "count": 1, "offset": 0, "limit": 15}),
    );
    let fields = shop.get(&format!("{path}?fields=total,items.title"));
    let titles = json!([{"title": "Mug"}, {"title": "Cup"}]);
    fields.is(
        200,
        json!({"order": {"total": 28.99, "id": id, "items": titles}}),
    );
    let count = |query: &str| shop.get(&format!("/admin/orders?{query}")).value()["count"].clone();
    assert_eq!(count(&format!("customer_id={ann}&customer_id={bob}")), 2);
    assert_eq!(count("q=mug%20ann"), 1);
    assert_eq!(count("status=canceled"), 0);
    let latest = shop.get("/admin/orders?fields=display_id&order=-created_at&limit=1");
    assert_eq!(latest.value()["orders"][0]["display_id"], 2);

    let cancel = |fields: &str| shop.post(&format!("{path}/cancel{fields}"), json!({}));
    let mut canceled = whole.clone();
    canceled["status"] = json!("canceled");
    canceled["canceled_at"] = json!("<time>");
    cancel("").is(200, json!({"order": canceled}));
    cancel("").is_invalid(&format!("Order {id} is canceled already"));
    assert_eq!(count("status=canceled"), 1);
    let events = shop.run(&["events", "orders", "--json"]);
    let events = String::from_utf8(events.stdout).unwrap();
    let named = |name: &str| events.matches(&format!("\"{name}\"")).count();
    assert_eq!(
        (named("order.placed"), named("order.canceled")),
        (2, 1),
        "{events}"
    );
}

#[test]
fn an_order_that_breaks_a_rule_is_refused_and_nothing_is_kept() {
    let shop = shop(&[]);
    let ann = shop.customer("ann@shop.example");
    let deleted = shop.post("/admin/customers", json!({"email": "x@shop.example"}));
    let deleted = deleted.at("/customer/id");
    assert_eq!(
        shop.delete(&format!("/admin/customers/{deleted}")).status,
        200
    );
    let place = |customer: &str, items: Value| {
        let body = json!({"customer_id": customer, "currency_code": "eur", "items": items});
        shop.post("/admin/orders", body)
    };
    for unknown in ["cus_nope", &deleted] {
        place(unknown, items()).is_invalid(&format!(
            "Field 'customer_id': Customer with id: {unknown} not found"
        ));
    }
    for (items, message) in [
        (json!([]), "Field 'items' is required"),
        (
            json!([{"title": "Mug", "unit_price": 1.00005, "quantity": 1}]),
            "Field 'items, 0, unit_price' must be from 0 to 100000000000 with at most 4 decimals, got: '1.00005'",
        ),
        (
            json!([{"title": "Mug", "unit_price": 100_000_000_000_u64, "quantity": 2}]),
            "Field 'items' must come to at most 100000000000 in total",
        ),
    ] {
        place(&ann, items).is_invalid(message);
    }
    shop.get("/admin/orders/order_nope").refuses(
        404,
        "not_found",
        "Order id not found: order_nope",
    );
    shop.post("/admin/orders/order_nope/cancel", json!({}))
        .refuses(404, "not_found", "Order id not found: order_nope");
    assert_eq!(shop.get("/admin/orders").value()["count"], 0);
    let own = json!({"customer_id": ann, "email": "gift@shop.example", "currency_code": "eur", "items": items()});
    let placed = shop.post("/admin/orders?fields=email", own);
    let id = placed.at("/order/id");
    placed.is(
        200,
        json!({"order": {"email": "gift@shop.example", "id": id}}),
    );
}

#[test]
fn a_customer_shows_its_orders_by_default_and_with_their_fields() {
    let shop = shop(&[]);
    let (ann, bob) = (
        shop.customer("ann@shop.example"),
        shop.customer("bob@shop.example"),
    );
    let placed = place(&shop, &ann);
    let id = placed.at("/order/id");
    let line = placed.at("/order/items/0/id");
    let own = |id: &str, email: &str, orders: Value| {
        let given = [
            ("addresses", json!([])),
            ("groups", json!([])),
            ("orders", orders),
        ];
        json!({"customer": customer(id, email, &given)})
    };
    let shown = own(&ann, "ann@shop.example", json!([order(&id, 1, &ann)]));
    shop.get(&format!("/admin/customers/{ann}")).is(200, shown);
    let none = own(&bob, "bob@shop.example", json!([]));
    shop.get(&format!("/admin/customers/{bob}")).is(200, none);
    // As Medusa answers: the column that ties an order to its customer comes along.
    let path = format!("/admin/customers/{ann}?fields=id,orders.id,orders.status");
    let some = json!([{"id": id, "status": "pending", "customer_id": ann}]);
    shop.get(&path)
        .is(200, json!({"customer": {"id": ann, "orders": some}}));
    let path = "/admin/customers?fields=email,orders.total,orders.items.id";
    let second = place(&shop, &ann);
    let other_lines =
        |answer: &Answer, index: usize| answer.value()["order"]["items"][index]["id"].clone();
    let lines =
        |answer: &Answer| json!([{"id": other_lines(answer, 0)}, {"id": other_lines(answer, 1)}]);
    assert_eq!(lines(&placed)[0]["id"], line);
    let total =
        |answer: &Answer| json!({"total": 28.99, "customer_id": ann, "items": lines(answer)});
    shop.get(path).is(
        200,
        json!({
            "customers": [
                {"email": "ann@shop.example", "id": ann, "orders": [total(&placed), total(&second)]},
                {"email": "bob@shop.example", "id": bob, "orders": []},
            ],
            "count": 2, "offset": 0, "limit": 15
        }),
    );
    let document = document(&shop);
    let list = shop.get(path);
    conforms(&document, "get", "/admin/customers", &list);
    conforms(&document, "post", "/admin/orders", &placed);
    conforms(
        &document,
        "get",
        "/admin/orders",
        &shop.get("/admin/orders"),
    );
    // A customer that is deleted leaves its orders.
    assert_eq!(shop.delete(&format!("/admin/customers/{ann}")).status, 200);
    let left = shop.get(&format!("/admin/orders/{id}?fields=email,customer_id"));
    let left_with = json!({"email": "ann@shop.example", "customer_id": ann, "id": id});
    left.is(200, json!({"order": left_with}));
}

#[test]
fn the_query_of_medusas_page_is_answered_with_what_there_is() {
    let shop = shop(&[]);
    let ann = shop.customer("ann@shop.example");
    let placed = place(&shop, &ann);
    let (id, items) = (
        placed.at("/order/id"),
        placed.value()["order"]["items"].clone(),
    );
    let query = "fields=id,status,display_id,created_at,email,fulfillment_status,payment_status,total,currency_code,\
                 *customer,*items,*sales_channel,*payment_collections,%2Bshipping_address.country_code\
                 &limit=10&offset=0&order=-created_at";
    let page = shop.get(&format!("/admin/orders?customer_id={ann}&{query}"));
    let whole = with_lines(order(&id, 1, &ann), &items);
    let shown = json!({
        "id": id, "status": "pending", "display_id": 1, "created_at": "<time>",
        "email": "ann@shop.example", "total": 28.99, "currency_code": "eur", "items": whole["items"]
    });
    page.is(
        200,
        json!({"orders": [shown], "count": 1, "offset": 0, "limit": 10}),
    );
}

#[test]
fn orders_that_are_placed_at_once_have_numbers_of_their_own() {
    let shop = shop(&[]);
    let ann = shop.customer("ann@shop.example");
    let mut numbers: Vec<u64> = std::thread::scope(|scope| {
        let placing: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| place(&shop, &ann).value()["order"]["display_id"].as_u64()))
            .collect();
        let numbers = placing.into_iter().map(|placed| placed.join().unwrap());
        numbers.map(Option::unwrap).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn orders_need_the_right_to_ask_the_customers_module() {
    let component = orders().to_str().unwrap();
    let grants = GRANTS.replace(",operations=customer", "");
    let inspected = run(["inspect", component, "--set", &grants]);
    assert_eq!(inspected.status.code(), Some(1));
    let said = text(&inspected.stdout);
    assert!(
        said.contains("add \"operations=customer\" to modules.orders.grants"),
        "{said}"
    );
    let inspected = run(["inspect", component, "--set", GRANTS]);
    assert!(inspected.status.success(), "{}", text(&inspected.stdout));
}
