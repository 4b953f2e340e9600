//! Every example of the document that the customers module implements: its requests
//! unchanged, its answers in full.

use serde_json::{Value, json};

use crate::harness::{Shop, customer};

fn john(shop: &Shop) -> (String, String) {
    let body = json!({"email": "john@shop.example", "first_name": "John", "last_name": "Doe", "phone": "+1234567890"});
    let id = shop.post("/admin/customers", body).at("/customer/id");
    let address = json!({
        "first_name": "John", "last_name": "Doe", "address_1": "123 Main St", "address_2": "Apt 4", "city": "New York",
        "province": "NY", "postal_code": "10001", "country_code": "us", "phone": "+1234567890"
    });
    let path = format!("/admin/customers/{id}/addresses?fields=addresses.id");
    let address = shop.post(&path, address).at("/customer/addresses/0/id");
    (id, address)
}

/// John with his address, as a list shows him.
fn shown(id: &str, address: &str) -> Value {
    let mut shown = customer(
        id,
        "john@shop.example",
        &[
            ("first_name", json!("John")),
            ("last_name", json!("Doe")),
            ("phone", json!("+1234567890")),
        ],
    );
    shown["addresses"] = json!([{
        "id": address, "address_name": null, "is_default_shipping": false, "is_default_billing": false,
        "company": null, "first_name": "John", "last_name": "Doe", "address_1": "123 Main St", "address_2": "Apt 4",
        "city": "New York", "country_code": "us", "province": "NY", "postal_code": "10001", "phone": "+1234567890",
        "metadata": null, "customer_id": id, "created_at": "<time>", "updated_at": "<time>", "deleted_at": null
    }]);
    shown["groups"] = json!([]);
    shown
}

#[test]
fn list_customers() {
    let shop = Shop::open();
    let (id, address) = john(&shop);
    shop.customer("jane@shop.example");
    shop.get("/admin/customers?q=john&limit=20").is(
        200,
        json!({"customers": [shown(&id, &address)], "count": 1, "offset": 0, "limit": 20}),
    );
    let plain = shop.get("/admin/customers").value();
    assert_eq!(
        (&plain["limit"], &plain["offset"], &plain["count"]),
        (&json!(15), &json!(0), &json!(2))
    );
}

#[test]
fn create_customer() {
    let shop = Shop::open();
    let made = shop.post(
        "/admin/customers",
        json!({"email": "jane@shop.example", "first_name": "Jane", "last_name": "Smith", "phone": "+1987654321"}),
    );
    let given = [
        ("first_name", json!("Jane")),
        ("last_name", json!("Smith")),
        ("phone", json!("+1987654321")),
    ];
    let id = made.at("/customer/id");
    made.is(
        200,
        json!({"customer": customer(&id, "jane@shop.example", &given)}),
    );
    assert_eq!(made.value()["customer"]["created_by"], shop.admin);
}

#[test]
fn get_customer() {
    let shop = Shop::open();
    let (id, address) = john(&shop);
    let mut shown = shown(&id, &address);
    shown["orders"] = json!([]);
    shop.get(&format!("/admin/customers/{id}"))
        .is(200, json!({"customer": shown}));
}

#[test]
fn update_customer() {
    let shop = Shop::open();
    let id = shop.customer("john@shop.example");
    let body = json!({"phone": "+1555555555", "metadata": {"vip": true}});
    shop.post(&format!("/admin/customers/{id}"), body).is(
        200,
        json!({"customer": customer(&id, "john@shop.example", &[
            ("phone", json!("+1555555555")), ("metadata", json!({"vip": true}))
        ])}),
    );
}

#[test]
fn delete_customer() {
    let shop = Shop::open();
    let id = shop.customer("john@shop.example");
    let deleted = json!({"id": id, "object": "customer", "deleted": true});
    shop.delete(&format!("/admin/customers/{id}"))
        .is(200, deleted);
}

#[test]
fn create_update_and_delete_address() {
    let shop = Shop::open();
    let id = shop.customer("john@shop.example");
    let path = format!("/admin/customers/{id}/addresses");
    let body = json!({"address_1": "456 Oak Ave", "city": "Los Angeles", "postal_code": "90001", "country_code": "us"});
    let shown = customer(&id, "john@shop.example", &[]);
    shop.post(&path, body).is(200, json!({"customer": shown}));
    let address = shop.get(&path).at("/addresses/0/id");
    shop.post(&format!("{path}/{address}"), json!({"city": "San Diego"}))
        .is(200, json!({"customer": shown}));
    assert_eq!(
        shop.get(&format!("{path}/{address}")).at("/address/city"),
        "San Diego"
    );
    shop.delete(&format!("{path}/{address}")).is(
        200,
        json!({"id": address, "object": "customer_address", "deleted": true, "parent": shown}),
    );
}

#[test]
fn add_to_and_remove_from_group() {
    let shop = Shop::open();
    let id = shop.customer("john@shop.example");
    let group = shop.group("VIP");
    let path = format!("/admin/customer-groups/{group}/customers");
    let body = json!({"customer_ids": [id]});
    let members = || {
        let answer = shop
            .get(&format!("/admin/customers?groups={group}&fields=id"))
            .value();
        answer["customers"].clone()
    };
    assert_eq!(shop.post(&path, body.clone()).status, 200);
    assert_eq!(members(), json!([{"id": id}]));
    assert_eq!(shop.ask("DELETE", &path, Some(&body)).status, 200);
    assert_eq!(members(), json!([]));
}
