//! `/admin/customers`

use serde_json::json;

use crate::harness::{Shop, customer, group};

#[test]
fn a_customer_is_created() {
    let shop = Shop::open();
    let made = shop.post(
        "/admin/customers",
        json!({
            "email": "Ann@Shop.example", "company_name": "Acme", "first_name": "Ann", "last_name": "Lee",
            "phone": "+15550100", "metadata": {"zz": 1.50, "a": {"b": [null]}}, "additional_data": {"x": 1}
        }),
    );
    let id = made.at("/customer/id");
    assert!(id.starts_with("cus_") && id.len() == 30, "{id}");
    made.is(
        200,
        json!({"customer": customer(&id, "Ann@Shop.example", &[
            ("company_name", json!("Acme")), ("first_name", json!("Ann")), ("last_name", json!("Lee")),
            ("phone", json!("+15550100")), ("metadata", json!({"zz": 1.50, "a": {"b": [null]}}))
        ])}),
    );
    let value = made.value();
    assert_eq!(
        value["customer"]["created_at"],
        value["customer"]["updated_at"]
    );
}

#[test]
fn company_is_another_name_of_company_name() {
    let shop = Shop::open();
    let made = shop.post(
        "/admin/customers",
        json!({"email": "a@b.co", "company": "Acme"}),
    );
    let id = made.at("/customer/id");
    made.is(
        200,
        json!({"customer": customer(&id, "a@b.co", &[("company_name", json!("Acme"))])}),
    );
    let changed = shop.post(&format!("/admin/customers/{id}"), json!({"company": null}));
    changed.is(200, json!({"customer": customer(&id, "a@b.co", &[])}));
}

#[test]
fn a_wrong_customer_is_refused_and_nothing_is_written() {
    let shop = Shop::open();
    for (body, message) in [
        (json!({}), "Field 'email' is required"),
        (json!({"email": null}), "Field 'email' is required"),
        (json!({"email": ""}), "Invalid email address"),
        (json!({"email": "ann"}), "Invalid email address"),
        (
            json!({"email": 42}),
            "Expected type: 'string' for field 'email', got: '42'",
        ),
        (
            json!({"email": "a@b.co", "first_name": {"a": 1}}),
            "Expected type: 'string' for field 'first_name', got: '[object Object]'",
        ),
        (
            json!({"email": "a@b.co", "metadata": [1, 2]}),
            "Expected type: 'record' for field 'metadata', got: '1,2'",
        ),
        (
            json!({"email": "a@b.co", "foo": 1, "bar": 2}),
            "Unrecognized fields: 'foo, bar'",
        ),
        (
            json!({"email": "a@b.co", "has_account": true}),
            "Unrecognized fields: 'has_account'",
        ),
        (
            json!({"email": "a@b.co", "phone": "1\u{0}"}),
            "Field 'phone' must not contain a NUL character",
        ),
        (
            json!({"email": 1, "first_name": 2, "last_name": 3, "phone": 4, "foo": 5}),
            "Expected type: 'string' for field 'email', got: '1'; Expected type: 'string' for field 'first_name', \
             got: '2'; Expected type: 'string' for field 'last_name', got: '3'",
        ),
        (json!([]), "Field '' is required"),
    ] {
        shop.post("/admin/customers", body).is_invalid(message);
    }
    let unknown = shop.post("/admin/customers?foo=1", json!({"email": "a@b.co"}));
    unknown.is_invalid("Unrecognized fields: 'foo'");
    shop.get("/admin/customers").is(
        200,
        json!({"customers": [], "count": 0, "offset": 0, "limit": 15}),
    );
}

#[test]
fn an_email_is_taken_once() {
    let shop = Shop::open();
    shop.customer("a@b.co");
    let again = shop.post("/admin/customers", json!({"email": "a@b.co"}));
    again.refuses(
        400,
        "invalid_data",
        "Customer with email: a@b.co, has_account: false, already exists.",
    );
    shop.customer("A@b.co");
}

#[test]
fn a_customer_is_retrieved_with_its_relations() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    let vip = shop.group("VIP");
    shop.post(
        &format!("/admin/customers/{id}/customer-groups"),
        json!({"add": [vip]}),
    );
    let mut shown = customer(&id, "a@b.co", &[]);
    shown["addresses"] = json!([]);
    shown["groups"] = json!([{
        "id": vip, "name": "VIP", "metadata": null, "created_by": "<admin>", "created_at": "<time>",
        "updated_at": "<time>", "deleted_at": null
    }]);
    shown["orders"] = json!([]);
    shop.get(&format!("/admin/customers/{id}"))
        .is(200, json!({"customer": shown}));
    shop.get(&format!("/admin/customers/{id}?fields=email,groups.name"))
        .is(
            200,
            json!({"customer": {"email": "a@b.co", "id": id, "groups": [{"name": "VIP"}]}}),
        );
}

#[test]
fn a_customer_that_is_not_there_is_not_found() {
    let shop = Shop::open();
    shop.get("/admin/customers/cus_no").refuses(
        404,
        "not_found",
        "Customer with id: cus_no not found",
    );
    shop.post("/admin/customers/cus_no", json!({"phone": "1"}))
        .refuses(404, "not_found", "Customer with id \"cus_no\" not found");
    shop.get("/admin/customers/cus_no?limit=1")
        .is_invalid("Unrecognized fields: 'limit'");
    shop.post(
        "/admin/customers/cus_no/customer-groups",
        json!({"add": ["x"]}),
    )
    .refuses(
        404,
        "not_found",
        "You tried to set relationship customer_id: cus_no, but such entity does not exist",
    );
    shop.post("/admin/customers/cus_no/customer-groups", json!({}))
        .refuses(404, "not_found", "Customer with id \"cus_no\" not found");
}

#[test]
fn a_customer_is_updated() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    let path = format!("/admin/customers/{id}");
    let before = shop.get(&path).at("/customer/updated_at");
    let changed = shop.post(
        &path,
        json!({"first_name": "Ann", "metadata": {"a": 1, "b": "x"}}),
    );
    changed.is(
        200,
        json!({"customer": customer(&id, "a@b.co", &[
            ("first_name", json!("Ann")), ("metadata", json!({"a": 1, "b": "x"}))
        ])}),
    );
    assert!(changed.at("/customer/updated_at") >= before);
    let merged = shop.post(
        &path,
        json!({"first_name": null, "metadata": {"b": "", "c": null}}),
    );
    merged.is(
        200,
        json!({"customer": customer(&id, "a@b.co", &[("metadata", json!({"a": 1, "c": null}))])}),
    );
    let same = shop.post(&path, json!({"metadata": {}}));
    assert_eq!(same.body, merged.body, "what changes nothing moves no time");
    let cleared = shop.post(&path, json!({"metadata": null, "email": "b@b.co"}));
    cleared.is(200, json!({"customer": customer(&id, "b@b.co", &[])}));
}

#[test]
fn a_wrong_update_changes_nothing() {
    let shop = Shop::open();
    shop.customer("taken@b.co");
    let id = shop.customer("a@b.co");
    let path = format!("/admin/customers/{id}");
    let before = shop.get(&path).body;
    for (body, message) in [
        (json!({"email": null}), "Field 'email' is required"),
        (json!({"email": "x", "phone": "1"}), "Invalid email address"),
        (
            json!({"phone": 1}),
            "Expected type: 'string' for field 'phone', got: '1'",
        ),
        (
            json!({"password": "x", "phone": "1"}),
            "Unrecognized fields: 'password'",
        ),
    ] {
        shop.post(&path, body).is_invalid(message);
    }
    shop.post(&path, json!({"email": "taken@b.co", "phone": "1"}))
        .refuses(
            400,
            "invalid_data",
            "Customer with email: taken@b.co, has_account: false, already exists.",
        );
    assert_eq!(shop.get(&path).body, before);
}

#[test]
fn a_customer_is_deleted_softly() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    let path = format!("/admin/customers/{id}");
    let address = shop.address(&id, "Rome");
    let vip = shop.group("VIP");
    shop.post(
        &format!("/admin/customer-groups/{vip}/customers"),
        json!({"customer_ids": [id]}),
    );
    for _ in 0..2 {
        shop.delete(&path).is(
            200,
            json!({"id": id, "object": "customer", "deleted": true}),
        );
    }
    shop.get(&path).refuses(
        404,
        "not_found",
        &format!("Customer with id: {id} not found"),
    );
    shop.get(&format!("{path}/addresses/{address}")).refuses(
        404,
        "not_found",
        &format!("Customer with id: {id} not found"),
    );
    shop.get("/admin/customers").is(
        200,
        json!({"customers": [], "count": 0, "offset": 0, "limit": 15}),
    );
    shop.get(&format!("/admin/customers?groups={vip}&fields=id"))
        .is(
            200,
            json!({"customers": [], "count": 0, "offset": 0, "limit": 15}),
        );
    shop.get(&format!(
        "/admin/customer-groups/{vip}?fields=name,customers.email"
    ))
    .is(
        200,
        json!({"customer_group": {"name": "VIP", "id": vip, "customers": []}}),
    );
    shop.customer("a@b.co");
    shop.delete("/admin/customers/cus_no").is(
        200,
        json!({"id": "cus_no", "object": "customer", "deleted": true}),
    );
}

#[test]
fn a_customer_joins_and_leaves_groups() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    let (one, two) = (shop.group("One"), shop.group("Two"));
    let path = format!("/admin/customers/{id}/customer-groups");
    let names = || {
        shop.get(&format!("/admin/customers/{id}?fields=groups.name"))
            .value()["customer"]["groups"]
            .clone()
    };
    shop.post(&path, json!({"add": [two, one]}))
        .is(200, json!({"customer": customer(&id, "a@b.co", &[])}));
    assert_eq!(names(), json!([{"name": "Two"}, {"name": "One"}]));
    shop.post(&path, json!({"remove": [two]}))
        .is(200, json!({"customer": customer(&id, "a@b.co", &[])}));
    assert_eq!(names(), json!([{"name": "One"}]));
    shop.post(&path, json!({"add": ["cusgroup_no"], "remove": [one]})).refuses(
        404,
        "not_found",
        "You tried to set relationship customer_group_id: cusgroup_no, but such entity does not exist",
    );
    assert_eq!(names(), json!([{"name": "One"}]));
    shop.post(&path, json!({"add": [1]}))
        .is_invalid("Expected type: 'string' for field 'add, 0', got: '1'");
    shop.get(&format!("/admin/customer-groups/{one}"))
        .is(200, json!({"customer_group": group(&one, "One")}));
}

#[test]
fn medusa_2_has_no_relations_and_needs_no_email() {
    let shop = Shop::with_setting("modules.customer.config.compat=medusa-2");
    let made = shop.post("/admin/customers", json!({}));
    let id = made.at("/customer/id");
    let shown = customer(&id, "", &[("email", json!(null))]);
    made.is(200, json!({"customer": shown}));
    shop.get(&format!("/admin/customers/{id}"))
        .is(200, json!({"customer": shown}));
    shop.get("/admin/customers").is(
        200,
        json!({"customers": [shown], "count": 1, "offset": 0, "limit": 50}),
    );
    let address = shop.post(
        &format!("/admin/customers/{id}/addresses"),
        json!({"country_code": "uS"}),
    );
    address.is(200, json!({"customer": shown}));
}
