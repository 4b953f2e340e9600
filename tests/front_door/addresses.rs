//! `/admin/customers/{id}/addresses`

use serde_json::{Value, json};

use crate::harness::{Shop, customer};

/// An address as its own routes show it.
fn shown(id: &str, owner: &str, given: &[(&str, Value)]) -> Value {
    let mut shown = json!({
        "id": id, "address_name": null, "company": null, "customer_id": owner, "first_name": null, "last_name": null,
        "address_1": "1 Main St", "address_2": null, "city": "Rome", "province": null, "postal_code": "1",
        "country_code": "us", "phone": null, "metadata": null, "created_at": "<time>", "updated_at": "<time>"
    });
    for (name, value) in given {
        shown[*name] = value.clone();
    }
    shown
}

#[test]
fn an_address_is_created() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let path = format!("/admin/customers/{owner}/addresses");
    let body = json!({
        "address_name": "Home", "is_default_shipping": true, "company": "Acme", "first_name": "Ann", "last_name": "Lee",
        "address_1": "1 Main St", "address_2": "Apt 4", "city": "Berlin", "country_code": "DE", "province": "BE",
        "postal_code": "10115", "phone": "1", "metadata": {"m": 1}, "additional_data": null
    });
    shop.post(&path, body.clone())
        .is(200, json!({"customer": customer(&owner, "a@b.co", &[])}));
    let again = shop.post(&format!("{path}?fields=id,*addresses"), body);
    let ids = [
        again.at("/customer/addresses/0/id"),
        again.at("/customer/addresses/1/id"),
    ];
    assert!(
        ids[0].starts_with("cuaddr_") && ids[0].len() == 33,
        "{}",
        ids[0]
    );
    let nested = |id: &str, is_default: bool| {
        json!({
            "id": id, "address_name": "Home", "is_default_shipping": is_default, "is_default_billing": false,
            "company": "Acme", "first_name": "Ann", "last_name": "Lee", "address_1": "1 Main St", "address_2": "Apt 4",
            "city": "Berlin", "country_code": "de", "province": "BE", "postal_code": "10115", "phone": "1",
            "metadata": {"m": 1}, "customer_id": owner, "created_at": "<time>", "updated_at": "<time>",
            "deleted_at": null
        })
    };
    again.is(
        200,
        json!({"customer": {"id": owner, "addresses": [nested(&ids[0], false), nested(&ids[1], true)]}}),
    );
}

#[test]
fn a_wrong_address_is_refused() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let path = format!("/admin/customers/{owner}/addresses");
    let full = |name: &str, value: Value| {
        let mut body = json!({"address_1": "1 Main St", "city": "Rome", "postal_code": "1", "country_code": "us"});
        body[name] = value;
        body
    };
    for (body, message) in [
        (
            json!({}),
            "Field 'address_1' is required; Field 'city' is required; Field 'country_code' is required; \
             Field 'postal_code' is required",
        ),
        (full("city", json!(null)), "Field 'city' is required"),
        (
            full("country_code", json!("zz")),
            "Field 'country_code' must be a two-letter ISO 3166-1 code, got: 'zz'",
        ),
        (
            full("country_code", json!("usa")),
            "Field 'country_code' must be a two-letter ISO 3166-1 code, got: 'usa'",
        ),
        (
            full("city", json!(5)),
            "Expected type: 'string' for field 'city', got: '5'",
        ),
        (
            full("is_default_shipping", json!(null)),
            "Expected type: 'boolean' for field 'is_default_shipping', got: 'null'",
        ),
        (
            full("is_default_billing", json!("true")),
            "Expected type: 'boolean' for field 'is_default_billing', got: 'true'",
        ),
        (
            full("metadata", json!([])),
            "Expected type: 'record' for field 'metadata', got: ''",
        ),
        (
            full("customer_id", json!("x")),
            "Unrecognized fields: 'customer_id'",
        ),
    ] {
        shop.post(&path, body).is_invalid(message);
    }
    shop.post(
        "/admin/customers/cus_no/addresses",
        full("city", json!("Rome")),
    )
    .refuses(
        404,
        "not_found",
        "You tried to set relationship customer_id: cus_no, but such entity does not exist",
    );
    shop.get(&path).is(
        200,
        json!({"addresses": [], "count": 0, "offset": 0, "limit": 15}),
    );
}

#[test]
fn addresses_are_listed_and_retrieved() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let path = format!("/admin/customers/{owner}/addresses");
    let mut ids = [shop.address(&owner, "Rome"), shop.address(&owner, "Rome")];
    shop.get(&format!("{path}/{}", ids[0]))
        .is(200, json!({"address": shown(&ids[0], &owner, &[])}));
    shop.get(&format!(
        "{path}/{}?fields=%2Bis_default_shipping,-metadata",
        ids[0]
    ))
    .is(200, {
        let mut address = shown(&ids[0], &owner, &[("is_default_shipping", json!(false))]);
        address.as_object_mut().unwrap().shift_remove("metadata");
        json!({"address": address})
    });
    ids.sort();
    let list: Vec<Value> = ids.iter().map(|id| shown(id, &owner, &[])).collect();
    shop.get(&path).is(
        200,
        json!({"addresses": list, "count": 2, "offset": 0, "limit": 15}),
    );
    let paris = shop.address(&owner, "Paris");
    for query in [
        "city=Paris",
        "q=PAR",
        "city[]=Paris,Bonn",
        "city=Paris&country_code=us",
        "city=Paris&country_code=US",
        "city=Paris&country_code[]=DE,Us",
        "order=city&limit=1",
    ] {
        let found = shop.get(&format!("{path}?{query}&fields=city"));
        assert_eq!(
            found.value()["addresses"],
            json!([{"city": "Paris", "id": paris}]),
            "{query}"
        );
    }
    shop.get(&format!("{path}?id=x"))
        .is_invalid("Unrecognized fields: 'id'");
    let missing = "Customer with id: cus_no not found";
    shop.get("/admin/customers/cus_no/addresses")
        .refuses(404, "not_found", missing);
    shop.get(&format!("{path}/cuaddr_no")).refuses(
        404,
        "not_found",
        "Address with id: cuaddr_no not found",
    );
}

#[test]
fn an_address_is_updated() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let id = shop.address(&owner, "Rome");
    let path = format!("/admin/customers/{owner}/addresses/{id}");
    let changed = shop.post(
        &path,
        json!({"city": "Oslo", "country_code": "NO", "metadata": {"a": 1}}),
    );
    changed.is(200, json!({"customer": customer(&owner, "a@b.co", &[])}));
    let given = [
        ("city", json!("Oslo")),
        ("country_code", json!("no")),
        ("metadata", json!({"a": 1})),
    ];
    shop.get(&path)
        .is(200, json!({"address": shown(&id, &owner, &given)}));
    shop.post(&path, json!({"city": null}))
        .is_invalid("Field 'city' is required");
    shop.post(&path, json!({"foo": 1}))
        .is_invalid("Unrecognized fields: 'foo'");
    shop.get(&path)
        .is(200, json!({"address": shown(&id, &owner, &given)}));
    let unknown = format!("/admin/customers/{owner}/addresses/cuaddr_no");
    let missing = "Address with id \"cuaddr_no\" not found";
    shop.post(&unknown, json!({"city": "X"}))
        .refuses(404, "not_found", missing);
}

#[test]
fn at_most_one_address_is_the_default() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let ids = [shop.address(&owner, "Rome"), shop.address(&owner, "Oslo")];
    let flags = |index: usize, body: Value| {
        let path = format!("/admin/customers/{owner}/addresses/{}", ids[index]);
        let fields = "addresses.city,addresses.is_default_shipping,addresses.is_default_billing";
        let answer = shop.post(&format!("{path}?fields={fields}"), body).value();
        let flag = |address: &Value, name: &str| address[name].as_bool().unwrap();
        let addresses = answer["customer"]["addresses"].as_array().unwrap().clone();
        addresses
            .iter()
            .map(|address| {
                (
                    flag(address, "is_default_shipping"),
                    flag(address, "is_default_billing"),
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        flags(0, json!({"is_default_shipping": true})),
        [(true, false), (false, false)]
    );
    assert_eq!(
        flags(
            1,
            json!({"is_default_shipping": true, "is_default_billing": true})
        ),
        [(false, false), (true, true)]
    );
    assert_eq!(
        flags(0, json!({"is_default_billing": true})),
        [(false, true), (true, false)]
    );
    assert_eq!(
        flags(1, json!({"is_default_shipping": false})),
        [(false, true), (false, false)]
    );
}

#[test]
fn another_customers_address_is_out_of_reach() {
    let shop = Shop::open();
    let (owner, other) = (shop.customer("a@b.co"), shop.customer("b@b.co"));
    let id = shop.address(&owner, "Rome");
    let path = format!("/admin/customers/{other}/addresses/{id}");
    let missing = format!("Address with id \"{id}\" not found");
    shop.get(&path).refuses(
        404,
        "not_found",
        &format!("Address with id: {id} not found"),
    );
    shop.post(&path, json!({"city": "Stolen"}))
        .refuses(404, "not_found", &missing);
    shop.delete(&path).refuses(404, "not_found", &missing);
    shop.get(&format!("/admin/customers/{owner}/addresses/{id}"))
        .is(200, json!({"address": shown(&id, &owner, &[])}));
}

#[test]
fn an_address_is_deleted() {
    let shop = Shop::open();
    let owner = shop.customer("a@b.co");
    let (id, kept) = (shop.address(&owner, "Rome"), shop.address(&owner, "Oslo"));
    let path = format!("/admin/customers/{owner}/addresses/{id}");
    shop.delete(&format!("{path}?foo=1"))
        .is_invalid("Unrecognized fields: 'foo'");
    let parent = customer(&owner, "a@b.co", &[]);
    let deleted =
        json!({"id": id, "object": "customer_address", "deleted": true, "parent": parent});
    shop.delete(&path).is(200, deleted.clone());
    shop.delete(&path).is(200, deleted);
    shop.get(&path).refuses(
        404,
        "not_found",
        &format!("Address with id: {id} not found"),
    );
    shop.delete(&format!(
        "/admin/customers/{owner}/addresses/cuaddr_no?fields=id,addresses.id"
    ))
    .is(
        200,
        json!({
            "id": "cuaddr_no", "object": "customer_address", "deleted": true,
            "parent": {"id": owner, "addresses": [{"id": kept}]}
        }),
    );
    let missing = "Customer with id \"cus_no\" not found";
    shop.delete(&format!("/admin/customers/cus_no/addresses/{kept}"))
        .refuses(404, "not_found", missing);
}
