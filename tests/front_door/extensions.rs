//! The examples in `extensions/`, as an operator installs them.

use serde_json::{Value, json};

use crate::harness::{Shop, email_policy, run, text};

/// A shop with the email policy, and settings.
fn shop(settings: &[&str]) -> Shop {
    Shop::open_with(|command| {
        let component = format!(
            "modules.email-policy.component={}",
            email_policy().display()
        );
        command.args(["--set", &component]);
        command.args(["--set", "modules.email-policy.grants=sql,hooks"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

/// The refusal of an address of this domain.
fn refusal(domain: &str) -> Value {
    json!({
        "type": "invalid_data", "message": format!("Email addresses of {domain} are not accepted"),
        "field": "email", "code": "disposable_email"
    })
}

#[test]
fn customers_with_a_disposable_address_are_refused_and_others_are_not() {
    let shop = shop(&[]);
    let create = |email: &str| shop.post("/admin/customers", json!({"email": email}));
    create("ann@mailinator.com").is(400, refusal("mailinator.com"));
    create("ann@eu.MailInator.com").is(400, refusal("mailinator.com"));
    let customer = shop.customer("ann@shop.example");
    let path = format!("/admin/customers/{customer}");
    let update = |email: &str| shop.post(&path, json!({"email": email}));
    update("ann@yopmail.com").is(400, refusal("yopmail.com"));
    assert_eq!(update("bob@shop.example").status, 200);
    assert_eq!(shop.post(&path, json!({"first_name": "Bob"})).status, 200);
    assert_eq!(shop.get(&path).at("/customer/email"), "bob@shop.example");
    assert_eq!(shop.get("/admin/customers").value()["count"], 1);
}

#[test]
fn an_administrator_edits_the_domains() {
    let shop = shop(&[]);
    let domains = "/admin/email-domains";
    let count = |query: &str| shop.get(&format!("{domains}{query}")).value()["count"].clone();
    assert_eq!(count(""), 13);
    let add = |domain: &str| shop.post(domains, json!({"domain": domain}));
    let added = add("Spam.Example.");
    assert_eq!(added.status, 200, "{}", added.body);
    assert_eq!(added.at("/email_domain/domain"), "spam.example");
    assert_eq!(added.at("/email_domain/created_by"), shop.admin);
    add("spam.example").refuses(
        400,
        "invalid_data",
        "Email domain with domain: spam.example, already exists.",
    );
    add("no domain").is_invalid("Field 'domain' must be a domain, like mailinator.com");
    shop.post(domains, json!({}))
        .is_invalid("Field 'domain' is required");
    assert_eq!(count("?domain=spam.example"), 1);
    let refused = shop.post("/admin/customers", json!({"email": "ann@spam.example"}));
    refused.is(400, refusal("spam.example"));
    let id = added.at("/email_domain/id");
    shop.delete(&format!("{domains}/{id}")).is(
        200,
        json!({"id": id, "object": "email_domain", "deleted": true}),
    );
    assert_eq!(count("?domain=spam.example"), 0);
    shop.customer("ann@spam.example");
}

#[test]
fn settings_allow_domains_and_are_checked() {
    let shop = shop(&["modules.email-policy.config.allow=mailinator.com"]);
    shop.customer("ann@mailinator.com");
    let component = email_policy().to_str().unwrap();
    for (setting, fault) in [
        (
            "allow=nope",
            "modules.email-policy.config.allow: 'nope' is no domain",
        ),
        (
            "alow=a.com",
            "modules.email-policy.config.alow: there is no such setting; there is allow",
        ),
    ] {
        let setting = format!("modules.email-policy.config.{setting}");
        let grants = "modules.email-policy.grants=sql,hooks";
        let inspected = run(["inspect", component, "--set", grants, "--set", &setting]);
        assert_eq!(inspected.status.code(), Some(1));
        let said = text(&inspected.stdout);
        assert!(said.contains(fault), "{said}");
    }
}

#[test]
fn it_is_described_beside_the_modules() {
    let document = shop(&[]).get("/openapi.json").value();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/admin/email-domains"));
    assert!(paths.contains_key("/admin/email-domains/{id}"));
    assert!(paths.contains_key("/admin/customers"));
}
