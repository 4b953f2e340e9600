//! `/admin/customer-groups`

use serde_json::{Value, json};

use crate::harness::{Shop, group};

fn members(shop: &Shop, id: &str) -> Value {
    let answer = shop
        .get(&format!(
            "/admin/customer-groups/{id}?fields=customers.email"
        ))
        .value();
    let emails = answer["customer_group"]["customers"]
        .as_array()
        .unwrap()
        .clone();
    emails
        .iter()
        .map(|member| member["email"].clone())
        .collect()
}

#[test]
fn a_group_is_created_and_retrieved() {
    let shop = Shop::open();
    let made = shop.post(
        "/admin/customer-groups",
        json!({"name": "VIP", "metadata": {"a": 1}}),
    );
    let id = made.at("/customer_group/id");
    assert!(id.starts_with("cusgroup_") && id.len() == 35, "{id}");
    let mut shown = group(&id, "VIP");
    shown["metadata"] = json!({"a": 1});
    made.is(200, json!({"customer_group": shown}));
    shop.get(&format!("/admin/customer-groups/{id}"))
        .is(200, json!({"customer_group": shown}));
    shop.get("/admin/customer-groups").is(
        200,
        json!({"customer_groups": [shown], "count": 1, "offset": 0, "limit": 15}),
    );
    shop.get("/admin/customer-groups/cusgroup_no").refuses(
        404,
        "not_found",
        "Customer group with id: cusgroup_no not found",
    );
}

#[test]
fn a_wrong_group_is_refused() {
    let shop = Shop::open();
    shop.group("VIP");
    for (body, message) in [
        (json!({}), "Field 'name' is required"),
        (
            json!({"name": null}),
            "Expected type: 'string' for field 'name', got: 'null'",
        ),
        (
            json!({"name": 1}),
            "Expected type: 'string' for field 'name', got: '1'",
        ),
        (
            json!({"name": "x", "metadata": "y"}),
            "Expected type: 'record' for field 'metadata', got: 'y'",
        ),
        (
            json!({"name": "x", "additional_data": {}}),
            "Unrecognized fields: 'additional_data'",
        ),
    ] {
        shop.post("/admin/customer-groups", body)
            .is_invalid(message);
    }
    let taken = "Customer group with name: VIP, already exists.";
    shop.post("/admin/customer-groups", json!({"name": "VIP"}))
        .refuses(400, "invalid_data", taken);
    assert_eq!(shop.get("/admin/customer-groups").value()["count"], 1);
}

#[test]
fn a_group_is_updated_and_deleted() {
    let shop = Shop::open();
    shop.group("Taken");
    let id = shop.group("VIP");
    let path = format!("/admin/customer-groups/{id}");
    shop.post(&path, json!({"name": "Größe, (1)"}))
        .is(200, json!({"customer_group": group(&id, "Größe, (1)")}));
    let taken = "Customer group with name: Taken, already exists.";
    shop.post(&path, json!({"name": "Taken"}))
        .refuses(400, "invalid_data", taken);
    shop.post(&path, json!({"name": null}))
        .is_invalid("Expected type: 'string' for field 'name', got: 'null'");
    for _ in 0..2 {
        shop.delete(&path).is(
            200,
            json!({"id": id, "object": "customer_group", "deleted": true}),
        );
    }
    shop.post(&path, json!({"name": "x"})).refuses(
        404,
        "not_found",
        &format!("Customer group with id \"{id}\" not found"),
    );
    shop.group("Größe, (1)");
}

#[test]
fn members_join_and_leave_as_medusa_has_it() {
    let shop = Shop::open();
    let id = shop.group("VIP");
    let path = format!("/admin/customer-groups/{id}/customers");
    let (ann, bob) = (shop.customer("ann@b.co"), shop.customer("bob@b.co"));
    let same = json!({"customer_group": group(&id, "VIP")});
    shop.post(&path, json!({"add": [bob, ann]}))
        .is(200, same.clone());
    shop.post(&path, json!({"add": [ann]}))
        .is(200, same.clone());
    assert_eq!(members(&shop, &id), json!(["bob@b.co", "ann@b.co"]));
    shop.post(&path, json!({"remove": [bob, "cus_no"]}))
        .is(200, same.clone());
    assert_eq!(members(&shop, &id), json!(["ann@b.co"]));
    shop.post(&path, json!({})).is(200, same);
    shop.post(&path, json!({"add": [{"id": ann}]}))
        .is_invalid("Field 'add, 0' is required");
    shop.post(&path, json!({"add": ann})).is_invalid(&format!(
        "Expected type: 'array' for field 'add', got: '{ann}'"
    ));
}

#[test]
fn members_join_and_leave_as_the_document_has_it() {
    let shop = Shop::open();
    let id = shop.group("VIP");
    let path = format!("/admin/customer-groups/{id}/customers");
    let (ann, bob) = (shop.customer("ann@b.co"), shop.customer("bob@b.co"));
    let same = json!({"customer_group": group(&id, "VIP")});
    shop.post(&path, json!({"customer_ids": [ann, bob]}))
        .is(200, same.clone());
    assert_eq!(members(&shop, &id), json!(["ann@b.co", "bob@b.co"]));
    shop.ask("DELETE", &path, Some(&json!({"customer_ids": [ann]})))
        .is(200, same);
    assert_eq!(members(&shop, &id), json!(["bob@b.co"]));
    shop.delete(&path)
        .is_invalid("Field 'customer_ids' is required");
    assert_eq!(members(&shop, &id), json!(["bob@b.co"]));
}

#[test]
fn all_join_or_none() {
    let shop = Shop::open();
    let id = shop.group("VIP");
    let path = format!("/admin/customer-groups/{id}/customers");
    let (ann, gone) = (shop.customer("ann@b.co"), shop.customer("gone@b.co"));
    shop.delete(&format!("/admin/customers/{gone}"));
    for missing in ["cus_no", &gone] {
        shop.post(&path, json!({"add": [ann, missing]})).refuses(
            404,
            "not_found",
            &format!("You tried to set relationship customer_id: {missing}, but such entity does not exist"),
        );
    }
    assert_eq!(members(&shop, &id), json!([]));
    shop.post("/admin/customer-groups/cusgroup_no/customers", json!({"add": [ann]})).refuses(
        404,
        "not_found",
        "You tried to set relationship customer_group_id: cusgroup_no, but such entity does not exist",
    );
    shop.post(
        "/admin/customer-groups/cusgroup_no/customers",
        json!({"remove": [ann]}),
    )
    .refuses(
        404,
        "not_found",
        "Customer group with id \"cusgroup_no\" not found",
    );
}
