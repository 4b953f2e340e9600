//! The example `extensions/name-format`: names and phone numbers, in JavaScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::harness::{Shop, customer, root};
use crate::new_projects::{install, passes, tool};

/// Its component, built once.
pub fn component() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let folder = root().join("extensions/name-format");
        let package = fs::read(folder.join("package.json")).unwrap();
        let package: Value = serde_json::from_slice(&package).unwrap();
        let build = package["scripts"]["build"].as_str().unwrap();
        // Beside the sources it would look like a change of them.
        let component = Path::new(env!("CARGO_TARGET_TMPDIR")).join("name-format.wasm");
        let build = build.replace("name-format.wasm", component.to_str().unwrap());
        tool(&folder, "sh", &["-c", &build]);
        component
    })
}

/// A shop in Germany with the extension.
fn shop() -> Shop {
    let shop = Shop::with_setting("modules.name-format.config.country=de");
    install(&shop, component(), &["--grant", "hooks=customer"]);
    shop
}

#[test]
fn its_cases_pass() {
    let cases = root().join("extensions/name-format/cases.toml");
    passes(component(), &cases, 6);
}

#[test]
fn names_and_numbers_of_a_customer_are_written_as_a_person_would() {
    let shop = shop();
    let given = json!({
        "email": "ann@shop.example", "first_name": "  ANN   MARIA ", "last_name": "VAN DER BERG",
        "company_name": " adidas  AG ", "phone": "030 / 12 34 56"
    });
    let made = shop.post("/admin/customers", given);
    let id = made.at("/customer/id");
    let first = [
        ("first_name", json!("Ann Maria")),
        ("last_name", json!("van der Berg")),
        ("company_name", json!("adidas AG")),
        ("phone", json!("+4930123456")),
    ];
    made.is(
        200,
        json!({"customer": customer(&id, "ann@shop.example", &first)}),
    );
    let path = format!("/admin/customers/{id}");
    let changed = shop.post(
        &path,
        json!({"last_name": "o'neil", "company_name": null, "phone": "call me"}),
    );
    let second = [
        ("first_name", json!("Ann Maria")),
        ("last_name", json!("O'Neil")),
        ("phone", json!("call me")),
    ];
    changed.is(
        200,
        json!({"customer": customer(&id, "ann@shop.example", &second)}),
    );
    // What it is not about, and the rules of the module itself.
    let group = shop.group(" STAFF ");
    assert_eq!(
        shop.get(&format!("/admin/customer-groups/{group}"))
            .at("/customer_group/name"),
        " STAFF "
    );
    let refused = shop.post(
        "/admin/customers",
        json!({"email": "ann@shop.example", "first_name": 1}),
    );
    assert_eq!(refused.status, 400, "{}", refused.body);
}

#[test]
fn numbers_of_an_address_are_those_of_its_own_country() {
    let shop = shop();
    let id = shop.customer("ann@shop.example");
    let path = format!("/admin/customers/{id}/addresses");
    let fields = "fields=addresses.id,addresses.last_name,addresses.phone,addresses.company";
    let made = shop.post(
        &format!("{path}?{fields}"),
        json!({"address_1": "1 Rue", "city": "Paris", "postal_code": "75001", "last_name": "DE LA CRUZ", "company": " IBM ", "country_code": "fr", "phone": "01 70 18 99 00"}),
    );
    assert_eq!(made.status, 200, "{}", made.body);
    let address = made.at("/customer/addresses/0/id");
    let shown = |number: &str| {
        json!({"customer": {"id": id, "addresses": [{
            "id": address, "last_name": "de la Cruz", "phone": number, "company": "IBM"
        }]}})
    };
    let change = |body: Value| shop.post(&format!("{path}/{address}?{fields}"), body);
    made.is(200, shown("+33170189900"));
    change(json!({"phone": "01 70 18 99 01"})).is(200, shown("01 70 18 99 01"));
    change(json!({"phone": "+33 1 70 18 99 01"})).is(200, shown("+33170189901"));
    change(json!({"country_code": "de", "phone": "030 123456"})).is(200, shown("+4930123456"));
}

#[test]
fn a_country_whose_numbers_are_not_known_is_a_fault_of_the_settings() {
    let shop = Shop::with_setting("modules.name-format.config.country=xx");
    let file = component().to_str().unwrap();
    let refused = shop.run(&[
        "module",
        "install",
        file,
        "--grant=hooks=customer",
        "--activate",
    ]);
    assert!(!refused.status.success());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("country: 'xx' is none of the countries whose numbers are known: at, au, be"),
        "{said}"
    );
}
