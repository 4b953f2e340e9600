//! The example `extensions/tax-id`: VAT numbers in `additional_data`, kept in a database of its
//! own and shown as a field, in Python.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, componentize_py, copy, root};
use crate::new_projects::{install, passes, tool};
use crate::openapi::{conforms, document};

/// A data folder of a test's own in which it is installed: the host compiles it once, for ten seconds.
pub fn installed() -> TempDir {
    static INSTALLED: OnceLock<TempDir> = OnceLock::new();
    let template = INSTALLED.get_or_init(|| {
        let shop = Shop::open();
        let component = shop.data.path().join("tax-id.wasm");
        build(&component);
        let grants = "--grant=sql,hooks=customer,operations=customer,fields=customer";
        install(&shop, &component, &[grants]);
        let Shop {
            mut server, data, ..
        } = shop;
        assert!(server.stop().success());
        data
    });
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    copy(template.path(), folder.path());
    folder
}

/// Builds it by the command of its README.
fn build(component: &Path) {
    let folder = root().join("extensions/tax-id");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let command = readme.split(".venv/bin/componentize-py").nth(1).unwrap();
    let (arguments, _) = command.split_once("tax-id.wasm").unwrap();
    let arguments = arguments.replace('\\', " ");
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(component.to_str().unwrap());
    tool(&folder, componentize_py().to_str().unwrap(), &arguments);
    let lock = fs::read_to_string(folder.join("requirements.txt")).unwrap();
    let installed = root().join("target/python/requirements.txt");
    assert_eq!(lock, fs::read_to_string(installed).unwrap());
}

fn shop() -> Shop {
    Shop::open_on(installed(), |_| {})
}

fn create(shop: &Shop, email: &str, number: Value) -> Answer {
    let body = json!({"email": email, "additional_data": {"tax_id": number}});
    shop.post("/admin/customers?fields=email,tax_id", body)
}

fn change(shop: &Shop, id: &str, body: Value) -> Answer {
    shop.post(&format!("/admin/customers/{id}?fields=email,tax_id"), body)
}

/// Asserts which number a customer has, by the field and by the route.
#[track_caller]
fn has(shop: &Shop, id: &str, number: Option<&str>) {
    let shown = shop.get(&format!("/admin/customers/{id}?fields=id,tax_id"));
    shown.is(200, json!({"customer": {"id": id, "tax_id": number}}));
    let route = shop.get(&format!("/admin/tax-ids/{id}"));
    match number {
        Some(number) => route.is(
            200,
            json!({"tax_id": {"customer_id": id, "number": number, "country": number[..2]}}),
        ),
        None => route.is(
            404,
            json!({"type": "not_found", "message": format!("Customer with id: {id} has no tax id")}),
        ),
    }
}

#[test]
fn its_cases_pass() {
    let cases = root().join("extensions/tax-id/cases.toml");
    passes(&installed().path().join("tax-id.wasm"), &cases, 7);
}

#[test]
fn the_number_of_a_customer_who_is_made_is_kept_and_shown() {
    let mut shop = shop();
    let made = create(&shop, "ann@shop.example", json!("de 136 695 976"));
    let ann = made.at("/customer/id");
    let shown = json!({"email": "ann@shop.example", "id": ann, "tax_id": "DE136695976"});
    made.is(200, json!({"customer": shown}));
    let bob = shop.customer("bob@shop.example");
    let unasked = shop.get(&format!("/admin/customers/{ann}")).value();
    assert_eq!(
        (
            &unasked["customer"]["id"],
            unasked["customer"].get("tax_id")
        ),
        (&json!(ann), None)
    );
    for _ in 0..2 {
        has(&shop, &ann, Some("DE136695976"));
        has(&shop, &bob, None);
        // Each one settles what is left, and the answers stay.
        let eve = create(&shop, "eve@shop.example", json!("ATU13585627"));
        let eve = eve.at("/customer/id");
        has(&shop, &eve, Some("ATU13585627"));
        assert_eq!(shop.delete(&format!("/admin/customers/{eve}")).status, 200);
    }
    let list = shop.get("/admin/customers?fields=email,tax_id&email=ann@shop.example");
    list.is(
        200,
        json!({"customers": [shown], "count": 1, "offset": 0, "limit": 15}),
    );
    let document = document(&shop);
    conforms(&document, "get", "/admin/customers", &list);
    let path = format!("/admin/tax-ids/{ann}");
    conforms(
        &document,
        "get",
        "/admin/tax-ids/{customer_id}",
        &shop.get(&path),
    );
    let stranger = shop.send("GET", &path, &[], b"");
    assert_eq!(stranger.status, 401, "{}", stranger.body);
    shop.get("/admin/customers?tax_id=DE136695976")
        .is_invalid("Unrecognized fields: 'tax_id'");

    assert!(shop.server.stop().success());
    let shop = Shop::open_on(shop.data, |_| {});
    has(&shop, &ann, Some("DE136695976"));
}

#[test]
fn a_number_that_is_none_is_refused_with_its_field_and_its_reason() {
    let shop = shop();
    let ann = shop.customer("ann@shop.example");
    for (number, code, message) in [
        (
            json!("DE136695977"),
            "invalid_check_digit",
            "'DE136695977' has a wrong check digit",
        ),
        (
            json!("de 12"),
            "invalid_format",
            "'DE12' is not of the form of a tax id of DE",
        ),
        (json!(136_695_976), "invalid_type", "A tax id is a text"),
    ] {
        let refused = json!({
            "type": "invalid_data", "message": message, "field": "additional_data.tax_id", "code": code
        });
        create(&shop, "bob@shop.example", number.clone()).is(400, refused.clone());
        change(
            &shop,
            &ann,
            json!({"email": "new@shop.example", "additional_data": {"tax_id": number}}),
        )
        .is(400, refused);
    }
    let abroad = create(&shop, "bob@shop.example", json!("GB123456789"));
    assert_eq!(
        (abroad.status, &abroad.value()["code"]),
        (400, &json!("unknown_country"))
    );
    let all = shop.get("/admin/customers?fields=email,tax_id");
    let page = json!([{"email": "ann@shop.example", "id": ann, "tax_id": null}]);
    all.is(
        200,
        json!({"customers": page, "count": 1, "offset": 0, "limit": 15}),
    );
}

#[test]
fn the_number_of_a_customer_who_is_changed_is_replaced_and_removed() {
    let shop = shop();
    let ann = create(&shop, "ann@shop.example", json!("DE136695976")).at("/customer/id");
    // By the email alone the number would be lost.
    let renamed = change(&shop, &ann, json!({"email": "ann@new.example"}));
    let shown = |email: &str, number: Value| json!({"customer": {"email": email, "id": ann, "tax_id": number}});
    renamed.is(200, shown("ann@new.example", json!("DE136695976")));
    let set = |number: Value| change(&shop, &ann, json!({"additional_data": {"tax_id": number}}));
    set(json!("FR 40 303265045")).is(200, shown("ann@new.example", json!("FR40303265045")));
    change(&shop, &ann, json!({"first_name": "Ann"}))
        .is(200, shown("ann@new.example", json!("FR40303265045")));
    set(json!("")).is(200, shown("ann@new.example", json!(null)));
    has(&shop, &ann, None);
    // Its id is known, so that it is kept whatever becomes of the rest.
    shop.customer("bob@shop.example");
    let body = json!({"email": "bob@shop.example", "additional_data": {"tax_id": "IT00743110157"}});
    let refused = change(&shop, &ann, body);
    assert_eq!(refused.status, 400, "{}", refused.body);
    has(&shop, &ann, Some("IT00743110157"));
}

#[test]
fn the_number_of_a_customer_who_was_not_made_is_nobodys() {
    let shop = shop();
    let ann = shop.customer("ann@shop.example");
    let twice = create(&shop, "ann@shop.example", json!("DE136695976"));
    assert_eq!(twice.status, 400, "{}", twice.body);
    has(&shop, &ann, None);
    // Others that are made meanwhile have theirs.
    let bob = create(&shop, "bob@shop.example", json!("PL8567346215")).at("/customer/id");
    has(&shop, &bob, Some("PL8567346215"));
    assert_eq!(shop.delete(&format!("/admin/customers/{bob}")).status, 200);
    let other = shop.customer("bob@shop.example");
    has(&shop, &other, None);
    has(&shop, &ann, None);
}

#[test]
fn a_customer_without_an_email_has_no_number() {
    let shop = Shop::open_on(installed(), |command| {
        command.args(["--set", "modules.customer.config.compat=medusa-2"]);
    });
    let create = |number: Value| {
        let body = json!({"first_name": "Ann", "additional_data": {"tax_id": number}});
        shop.post("/admin/customers?fields=first_name,tax_id", body)
    };
    let refused = create(json!("DE136695976"));
    assert_eq!(
        (refused.status, &refused.value()["code"]),
        (400, &json!("email_required"))
    );
    let made = create(json!(null));
    let id = made.at("/customer/id");
    made.is(
        200,
        json!({"customer": {"first_name": "Ann", "id": id, "tax_id": null}}),
    );
}
