//! Fields and relations that components provide for entities of other modules: shown by
//! `fields`, filtered by, documented, and what becomes of an answer where one fails.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::{Answer, EMAIL, PASSWORD, Shop, provider, run, text};

/// A component: its name, the names of its fields, what it does, and settings of its own.
type Providing<'a> = (&'a str, &'a str, &'a str);

/// Settings under which these components are served.
fn arguments(folder: &TempDir, components: &[Providing<'_>], settings: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, fields, does) in components {
        let file = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, provider(name)).unwrap();
        for setting in [
            format!("component={}", file.display()),
            "grants=fields".to_owned(),
            "config.entity=customer".to_owned(),
            format!("config.fields={fields}"),
            format!("config.does={does}"),
        ] {
            all.push(format!("modules.{name}.{setting}"));
        }
    }
    all.extend(settings.iter().map(|setting| (*setting).to_owned()));
    all
}

/// A shop with these components.
fn shop(components: &[Providing<'_>], settings: &[&str]) -> (Shop, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(&folder, components, settings);
    let shop = Shop::open_with(|command| {
        for setting in &arguments {
            command.args(["--set", setting]);
        }
    });
    (shop, folder)
}

fn customer(shop: &Shop, name: &str) -> String {
    let email = format!("{name}@shop.example");
    let made = shop.post("/admin/customers", json!({"email": email}));
    assert_eq!(made.status, 200, "{}", made.body);
    made.at("/customer/id")
}

/// The members of a customer that are not its own.
fn others(customer: &Value) -> Value {
    let own = [
        "company_name",
        "first_name",
        "last_name",
        "email",
        "phone",
        "metadata",
        "has_account",
        "created_by",
        "created_at",
        "updated_at",
        "deleted_at",
        "addresses",
        "groups",
        "id",
    ];
    let mut others = customer.clone();
    let members = others.as_object_mut().unwrap();
    members.retain(|name, _| !own.contains(&name.as_str()));
    others
}

fn one(shop: &Shop, id: &str, fields: &str) -> Answer {
    shop.get(&format!("/admin/customers/{id}?fields={fields}"))
}

#[test]
fn fields_are_shown_where_they_are_asked_for_with_one_call_a_page() {
    let (shop, _files) = shop(&[("loyalty", "loyalty.tier loyalty.page", "")], &[]);
    let (ann, bob) = (customer(&shop, "ann"), customer(&shop, "bob"));
    let tier = |id: &str| format!("loyalty.tier of {id}");
    for (fields, shown) in [
        ("%2Bloyalty.tier", json!({"loyalty": {"tier": tier(&ann)}})),
        (
            "id,loyalty",
            json!({"loyalty": {"tier": tier(&ann), "page": 1}}),
        ),
        (
            "%2Bloyalty.*",
            json!({"loyalty": {"tier": tier(&ann), "page": 1}}),
        ),
        (
            "*loyalty",
            json!({"loyalty": {"tier": tier(&ann), "page": 1}}),
        ),
        ("%2Bloyalty.unknown,%2Btier,%2Bloyal", json!({})),
        ("%2Bemail", json!({})),
    ] {
        let answer = one(&shop, &ann, fields);
        assert_eq!(answer.status, 200, "{fields}: {}", answer.body);
        let shown_of_customer = others(&answer.value()["customer"]);
        assert_eq!(shown_of_customer, shown, "{fields}");
    }
    // A list of both is one call.
    let list = shop.get("/admin/customers?fields=id,loyalty.tier,loyalty.page");
    list.is(
        200,
        json!({
            "customers": [
                {"id": ann, "loyalty": {"tier": tier(&ann), "page": 2}},
                {"id": bob, "loyalty": {"tier": tier(&bob), "page": 2}},
            ],
            "count": 2, "offset": 0, "limit": list.value()["limit"],
        }),
    );
    // An empty list asks nobody.
    let none = shop.get("/admin/customers?fields=id,loyalty.tier&email=nobody");
    assert_eq!(none.value()["customers"], json!([]));
    // Groups show it of their customers, each of whom is asked about once.
    for group in ["vip", "new"] {
        let made = shop.post("/admin/customer-groups", json!({"name": group}));
        let path = format!(
            "/admin/customer-groups/{}/customers",
            made.at("/customer_group/id")
        );
        assert_eq!(shop.post(&path, json!({"add": [ann, bob]})).status, 200);
    }
    let path = "/admin/customer-groups?fields=name,customers.id,customers.loyalty.page";
    let groups = shop.get(path).value();
    for group in groups["customer_groups"].as_array().unwrap() {
        let members = group["customers"].as_array().unwrap();
        assert_eq!(members.len(), 2, "{groups}");
        for member in members {
            assert_eq!(member["loyalty"], json!({"page": 2}), "{groups}");
        }
    }
}

#[test]
fn the_answers_to_writes_show_fields_of_what_is_kept() {
    let (shop, _files) = shop(&[("loyalty", "loyalty.tier loyalty.caller", "")], &[]);
    let path = "/admin/customers?fields=email,*loyalty";
    let made = shop.post(path, json!({"email": "ann@shop.example"}));
    let id = made.at("/customer/id");
    let loyalty = json!({"tier": format!("loyalty.tier of {id}"), "caller": "user"});
    made.is(
        200,
        json!({"customer": {"email": "ann@shop.example", "id": id, "loyalty": loyalty}}),
    );
    let path = format!("/admin/customers/{id}?fields=first_name,loyalty.caller");
    let changed = shop.post(&path, json!({"first_name": "Ann"}));
    changed.is(
        200,
        json!({"customer": {"first_name": "Ann", "id": id, "loyalty": {"caller": "user"}}}),
    );
    let path = format!("/admin/customers/{id}/addresses?fields=loyalty.caller");
    let body =
        json!({"address_1": "A 1", "city": "Oslo", "country_code": "no", "postal_code": "0150"});
    let address = shop.post(&path, body);
    address.is(
        200,
        json!({"customer": {"id": id, "loyalty": {"caller": "user"}}}),
    );
}

#[test]
fn a_relation_is_shown_by_default_and_by_its_fields_and_empty_while_nobody_provides_it() {
    let (shop, _files) = shop(&[("orders", "orders", "")], &[]);
    let id = customer(&shop, "ann");
    let orders = |fields: &str| json!([{"id": format!("order_of_{id}"), "fields": fields}]);
    for (fields, expected) in [
        ("", orders("*")),
        ("?fields=*orders", orders("*")),
        (
            "?fields=orders.total,orders.items.id",
            orders("total items.id"),
        ),
    ] {
        let answer = shop.get(&format!("/admin/customers/{id}{fields}"));
        assert_eq!(answer.value()["customer"]["orders"], expected, "{fields}");
    }
    let without = one(&shop, &id, "-orders").value();
    assert_eq!(without["customer"].get("orders"), None);
    let disabled = shop.post("/_wares/modules/orders/disable", json!({}));
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    let answer = shop.get(&format!("/admin/customers/{id}")).value();
    assert_eq!(answer["customer"]["orders"], json!([]));
}

#[test]
fn lists_are_filtered_by_what_a_component_selects() {
    let (shop, _files) = shop(&[("loyalty", "loyalty.tier loyalty.page", "")], &[]);
    let (ann, bob) = (customer(&shop, "ann"), customer(&shop, "bob"));
    let eve = customer(&shop, "eve");
    let tier = |id: &str| format!("loyalty.tier%20of%20{id}");
    let both = format!(
        "loyalty[tier][]={}&loyalty[tier][]={}",
        tier(&ann),
        tier(&bob)
    );
    for (filter, expected) in [
        (format!("loyalty.tier={}", tier(&ann)), vec![&ann]),
        (format!("loyalty[tier]={}", tier(&bob)), vec![&bob]),
        (both.clone(), vec![&ann, &bob]),
        (format!("{both}&email=bob@shop.example"), vec![&bob]),
        (format!("loyalty[tier][$in][]={}", tier(&ann)), vec![&ann]),
        ("loyalty[tier]=none".to_owned(), vec![]),
        (
            format!("loyalty[tier][$nin][]={}", tier(&eve)),
            vec![&ann, &bob],
        ),
        (
            format!("loyalty[tier][$ne]={}", tier(&ann)),
            vec![&bob, &eve],
        ),
        ("loyalty[tier][$ne]=none".to_owned(), vec![&ann, &bob, &eve]),
    ] {
        let found = shop.get(&format!("/admin/customers?fields=id&{filter}"));
        let ids: Vec<Value> = expected.iter().map(|id| json!({"id": id})).collect();
        assert_eq!(found.status, 200, "{filter}: {}", found.body);
        assert_eq!(found.value()["customers"], json!(ids), "{filter}");
        assert_eq!(found.value()["count"], ids.len(), "{filter}");
    }
    for (filter, message) in [
        ("loyalty[page]=1", "Unrecognized fields: 'loyalty'"),
        ("loyalty=1", "Unrecognized fields: 'loyalty'"),
        ("tier=1", "Unrecognized fields: 'tier'"),
        (
            "loyalty[tier][$gt]=1",
            "Field 'loyalty.tier': it has no operator gt",
        ),
        (
            "loyalty[tier][$like]=1",
            "Field 'loyalty.tier' has no operator '$like'",
        ),
        ("tier[$like]=1", "Unrecognized fields: 'tier'"),
    ] {
        let refused = shop.get(&format!("/admin/customers?{filter}"));
        let message = format!("Invalid request: {message}");
        refused.is(400, json!({"type": "invalid_data", "message": message}));
    }
}

#[test]
fn a_filter_that_selects_too_many_is_refused_and_one_that_fails_ends_the_request() {
    let (shop, _files) = shop(
        &[
            ("loyalty", "loyalty.tier", "selects many"),
            ("points", "points.tier", "traps"),
        ],
        &["modules.points.on_failure=skip"],
    );
    let refused = shop.get("/admin/customers?loyalty[tier]=gold");
    refused.is(
        400,
        json!({
            "type": "invalid_data",
            "message": "Invalid request: Field 'loyalty.tier': it takes more than 10000 ids \
                        to tell which have this value: ask for other values",
        }),
    );
    let failed = shop.get("/admin/customers?points[tier]=gold");
    assert_eq!(failed.status, 503, "{}", failed.body);
    assert_eq!(shop.get("/admin/customers").status, 200);
    let log = shop.server.stop_for_log();
    assert!(log.contains("it selects no more"), "{log}");
}

#[test]
fn a_provider_that_fails_leaves_null_or_refuses_as_the_operator_wants_and_harms_no_other() {
    for (does, reason) in [
        ("traps", "it provides no more"),
        ("spins", "limits.deadline_ms"),
        ("says no", "it cannot be read"),
        (
            "returns too few",
            "it returned 0 values of bad.tier for 1 ids",
        ),
        (
            "returns too many fields",
            "it returned the values of 2 fields, and 1 are asked for",
        ),
        ("returns megabytes", "limits.response_bytes_max"),
        (
            "returns no JSON",
            "a value of bad.tier is no JSON: {\\\"a\\\":}",
        ),
        (
            "returns another type",
            "a value of bad.tier is no string: []",
        ),
        ("asks about it itself", "which is none of its own"),
    ] {
        let components = [("bad", "bad.tier", does), ("good", "good.tier", "")];
        let limits = "modules.bad.limits.deadline_ms=1000";
        let (lenient, _files) = shop(&components, &[limits]);
        let id = customer(&lenient, "ann");
        let good = json!({"tier": format!("good.tier of {id}")});
        let answer = one(&lenient, &id, "id,bad.tier,good.tier");
        answer.is(
            200,
            json!({"customer": {"id": id, "bad": {"tier": null}, "good": good}}),
        );
        let log = lenient.server.stop_for_log();
        let said = "a component did not answer for its fields, and they are null module=\"bad\"";
        assert!(log.contains(said), "{does}: {log}");
        assert!(log.contains(reason), "{does}: {log}");

        let settings = [limits, "modules.bad.on_failure=refuse"];
        let (strict, _files) = shop(&components, &settings);
        // What is written is answered all the same.
        let path = "/admin/customers?fields=id,bad.tier,good.tier";
        let made = strict.post(path, json!({"email": "ann@shop.example"}));
        let id = made.at("/customer/id");
        let good = json!({"tier": format!("good.tier of {id}")});
        made.is(
            200,
            json!({"customer": {"id": id, "bad": {"tier": null}, "good": good}}),
        );
        let refused = one(&strict, &id, "id,bad.tier,good.tier");
        assert_eq!(refused.status, 503, "{does}: {}", refused.body);
        assert_eq!(refused.header("retry-after"), "1");
        let other = one(&strict, &id, "id,good.tier");
        assert_eq!(other.status, 200, "{does}: {}", other.body);
    }
}

#[test]
fn null_is_a_value_of_every_field() {
    let (shop, _files) = shop(&[("loyalty", "loyalty.tier", "returns null")], &[]);
    let id = customer(&shop, "ann");
    let answer = one(&shop, &id, "id,loyalty.tier");
    answer.is(
        200,
        json!({"customer": {"id": id, "loyalty": {"tier": null}}}),
    );
    let log = shop.server.stop_for_log();
    assert!(!log.contains("did not answer"), "{log}");
}

#[test]
fn fields_and_filters_stand_in_the_document_while_they_are_provided() {
    let (shop, _files) = shop(
        &[
            ("loyalty", "loyalty.tier loyalty.page", ""),
            ("orders", "orders", ""),
        ],
        &[],
    );
    let filters = |document: &Value| {
        let parameters = &document["paths"]["/admin/customers"]["get"]["parameters"];
        let parameters = parameters.as_array().unwrap().iter();
        let names = parameters.map(|parameter| parameter["name"].clone());
        names
            .filter(|name| name.as_str().unwrap().starts_with("loyalty"))
            .collect::<Vec<_>>()
    };
    let document = shop.get("/openapi.json").value();
    let members = &document["components"]["schemas"]["Customer"]["properties"];
    let or_null = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    assert_eq!(
        members["loyalty"],
        json!({"type": "object", "properties": {
            "tier": or_null(json!({"type": "string"})),
            "page": or_null(json!({"type": "integer"})),
        }})
    );
    let array = json!({"type": "array", "items": {"type": "object"}});
    assert_eq!(members["orders"], or_null(array));
    assert_eq!(filters(&document), ["loyalty[tier]"]);
    let disabled = shop.post("/_wares/modules/loyalty/disable", json!({}));
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    let document = shop.get("/openapi.json").value();
    let members = &document["components"]["schemas"]["Customer"]["properties"];
    assert_eq!(members.get("loyalty"), None);
    assert_eq!(filters(&document), Vec::<Value>::new());
}

#[test]
fn a_component_whose_fields_cannot_be_served_is_refused() {
    for (components, settings, reason) in [
        (
            &[("one", "loyalty.tier", ""), ("two", "loyalty.page", "")][..],
            &[][..],
            "the module two cannot be served: the module one has a field of customer 'loyalty' already",
        ),
        (
            &[("one", "email", "")],
            &[],
            "the module one cannot be served: the module customer has a field of customer 'email' already",
        ),
        (
            &[("one", "loyalty.tier", "")],
            &["modules.one.grants="],
            "fields",
        ),
        (
            &[("one", "Loyalty", "")],
            &[],
            "its field 'Loyalty' cannot be served: a name is one or two parts with a dot between, \
             each 1 to 64 lower-case letters, digits and _, beginning with a letter",
        ),
        (
            &[("one", "a.b.c", "")],
            &[],
            "its field 'a.b.c' cannot be served",
        ),
        (
            &[("one", "a a.b", "")],
            &[],
            "it provides 'a.b' of customer twice",
        ),
        (
            &[("one", "a", "")],
            &["modules.one.config.entity=Customer"],
            "the name of the entity 'Customer' is not 1 to 64 lower-case letters",
        ),
        (
            &[("one", "a", "")],
            &["modules.one.config.schema={\"type\":\"text\"}"],
            "its field 'a' cannot be served: its schema",
        ),
        (
            &[("one", "a", "")],
            &["modules.one.config.schema=[]"],
            "its field 'a' cannot be served: its schema is no JSON Schema",
        ),
        (
            &[("one", "a", "")],
            &["modules.one.config.schema={\"$ref\":\"#/components/schemas/Customer\"}"],
            "which is none of the component's schemas",
        ),
    ] {
        let (shop, _files) = shop(components, settings);
        // The others are served.
        customer(&shop, "ann");
        let log = shop.server.stop_for_log();
        assert!(log.contains(reason), "{reason}: {log}");
    }
}

#[test]
fn a_provider_is_installed_compared_and_removed_while_others_are_answered() {
    let shop = Shop::open();
    let id = customer(&shop, "ann");
    let shown = || one(&shop, &id, "id,loyalty.tier").value()["customer"].clone();
    assert_eq!(shown(), json!({"id": id}));
    let bytes = provider("loyalty");
    let digest = hex::encode(Sha256::digest(&bytes));
    let put = |grants: &str| {
        let bearer = format!("Bearer {}", shop.token);
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/wasm"),
        ];
        let path = format!("/_wares/modules/loyalty{grants}");
        shop.send("PUT", &path, &headers, &bytes)
    };
    let refused = put("");
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.at("/type"), "not_granted");
    let installed = put("?grant=fields");
    assert_eq!(installed.status, 200, "{}", installed.body);
    let difference = shop.get(&format!("/_wares/modules/loyalty/versions/{digest}/diff"));
    assert_eq!(
        difference.value()["difference"]["fields"],
        json!({"added": ["loyalty.tier of customer"], "removed": []})
    );
    let body = json!({"digest": digest});
    let activated = shop.post("/_wares/modules/loyalty/activate", body);
    assert_eq!(activated.status, 200, "{}", activated.body);
    let tier = format!("loyalty.tier of {id}");
    assert_eq!(shown(), json!({"id": id, "loyalty": {"tier": tier}}));
    let removed = shop.delete("/_wares/modules/loyalty");
    assert_eq!(removed.status, 200, "{}", removed.body);
    assert_eq!(shown(), json!({"id": id}));
}

#[test]
fn a_provider_is_inspected_with_what_it_provides() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = arguments(&folder, &[("loyalty", "loyalty.tier orders", "")], &[]);
    // The file is named by the command.
    all.retain(|setting| !setting.contains(".component="));
    let file = folder.path().join("loyalty.wasm");
    let inspect = |more: &[&str]| {
        let mut command = vec!["inspect", file.to_str().unwrap()];
        command.extend(more);
        for setting in &all {
            command.extend(["--set", setting]);
        }
        let done = run(command);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        text(&done.stdout)
    };
    let shown = inspect(&[]);
    assert!(
        shown.contains("An extension; it has no migrations and uses the grant fields=customer\n"),
        "{shown}"
    );
    let fields = "\nFields and relations that it provides:\n  loyalty.tier of customer, filterable\n  orders of customer\n";
    assert!(shown.contains(fields), "{shown}");
    let report: Value = serde_json::from_str(&inspect(&["--json"])).unwrap();
    assert_eq!(report["module"]["grants"], json!(["fields=customer"]));
    assert_eq!(
        report["module"]["fields"],
        json!([
            {"entity": "customer", "name": "loyalty.tier", "schema": {"type": "string"}, "filterable": true},
            {"entity": "customer", "name": "orders", "schema": {"type": "array", "items": {"type": "object"}}, "filterable": false},
        ])
    );
    assert_eq!(report["module"]["entities"], json!([]));
}

#[test]
fn an_answer_that_a_provider_cannot_give_is_no_fault_that_opens_its_circuit() {
    for does in ["says no", "returns megabytes"] {
        let (shop, _files) = shop(
            &[("loyalty", "loyalty.tier", does)],
            &["breaker.failures_min=2"],
        );
        let id = customer(&shop, "ann");
        for _ in 0..10 {
            let answer = one(&shop, &id, "id,loyalty.tier");
            answer.is(
                200,
                json!({"customer": {"id": id, "loyalty": {"tier": null}}}),
            );
        }
        let modules = shop.get("/_wares/modules").value();
        let modules = modules["modules"].as_array().unwrap().iter();
        let mut loyalty = modules.filter(|module| module["name"] == "loyalty");
        let loyalty = loyalty.next().unwrap();
        assert_eq!(
            json!([loyalty["circuit"], loyalty["calls"]["failed"]]),
            json!(["closed", 0]),
            "{does}"
        );
    }
}

#[test]
fn the_owner_of_an_entity_is_served_before_those_that_provide_its_own_fields() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = arguments(&folder, &[("a", "email", "")], &[]);
    // A folder in which no module has any data yet.
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open_on(data, |command| {
        command.env("WARES_ADMIN_EMAIL", EMAIL);
        command.env("WARES_ADMIN_PASSWORD", PASSWORD);
        for setting in &arguments {
            command.args(["--set", setting]);
        }
    });
    customer(&shop, "ann");
    let log = shop.server.stop_for_log();
    let reason = "the module a cannot be served: the module customer has a field of customer 'email' already";
    assert!(log.contains(reason), "{log}");
}

#[test]
fn what_a_provider_that_failed_at_the_start_may_have_is_null_or_refused() {
    let components = [("loyalty", "orders loyalty.tier", "")];
    let broken = |shop: Shop, folder: &TempDir, policy: &str| {
        let Shop {
            mut server, data, ..
        } = shop;
        assert!(server.stop().success());
        let arguments = arguments(folder, &components, &[]);
        let file = folder.path().join("loyalty.wasm");
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(&file, &bytes[..bytes.len() - 100]).unwrap();
        Shop::open_on(data, |command| {
            for setting in &arguments {
                command.args(["--set", setting]);
            }
            command.args(["--set", &format!("modules.loyalty.on_failure={policy}")]);
        })
    };
    let (first, folder) = shop(&components, &[]);
    let id = customer(&first, "ann");
    let skips = broken(first, &folder, "skip");
    one(&skips, &id, "id,orders,loyalty.tier").is(
        200,
        json!({"customer": {"id": id, "orders": null, "loyalty": null}}),
    );
    let read = skips.get(&format!("/admin/customers/{id}")).value();
    assert_eq!(read["customer"]["orders"], Value::Null);
    // Without the filter, more would be found than was asked for.
    let filtered = skips.get("/admin/customers?loyalty[tier]=gold");
    assert_eq!(filtered.status, 503, "{}", filtered.body);
    let refuses = broken(skips, &folder, "refuse");
    let read = refuses.get(&format!("/admin/customers/{id}"));
    assert_eq!(read.status, 503, "{}", read.body);
    assert_eq!(one(&refuses, &id, "id,email").status, 200);
    let made = refuses.post(
        "/admin/customers?fields=id,loyalty",
        json!({"email": "bob@shop.example"}),
    );
    assert_eq!(
        (made.status, &made.value()["customer"]["loyalty"]),
        (200, &Value::Null)
    );
    let disabled = refuses.ask("POST", "/_wares/modules/loyalty/disable", None);
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    let read = refuses.get(&format!("/admin/customers/{id}")).value();
    assert_eq!(read["customer"]["orders"], json!([]));
}
