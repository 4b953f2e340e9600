//! The chain of extensions at a hook: their order, what they change and reject, and what
//! becomes of a request where one fails.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, meddler, text, wait_until};

/// A shop with extensions of these names, each with what it does, and settings.
pub fn shop(extensions: &[(&str, &str)], settings: &[&str]) -> (Shop, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open_with(|command| {
        for (name, does) in extensions {
            let file = folder.path().join(format!("{name}.wasm"));
            std::fs::write(&file, meddler(name)).unwrap();
            let component = format!("modules.{name}.component={}", file.display());
            command.args(["--set", &component]);
            let grants = format!("modules.{name}.grants=hooks,operations");
            command.args(["--set", &grants]);
            let does = format!("modules.{name}.config.does={does}");
            command.args(["--set", &does]);
        }
        for setting in settings {
            command.args(["--set", setting]);
        }
    });
    (shop, folder)
}

fn create(shop: &Shop) -> Answer {
    shop.post("/admin/customers", json!({"email": "ann@shop.example"}))
}

fn count(shop: &Shop) -> Value {
    shop.get("/admin/customers").value()["count"].clone()
}

/// Asks something, while another caller asks on and is served.
fn beside_a_victim(shop: &Shop, ask: impl FnOnce() -> Answer + Send) -> Answer {
    std::thread::scope(|scope| {
        let asking = scope.spawn(ask);
        loop {
            let victim = shop.get("/admin/customers");
            assert_eq!(victim.status, 200, "{}", victim.body);
            if asking.is_finished() {
                break asking.join().unwrap();
            }
        }
    })
}

#[test]
fn each_extension_gets_what_the_one_before_returned_in_the_operators_order() {
    let three = [("alpha", "signs"), ("beta", "signs"), ("gamma", "signs")];
    for (settings, signed) in [
        (&[][..], "alpha;beta;gamma;"),
        (&["extensions.order=gamma,alpha"], "gamma;alpha;beta;"),
    ] {
        let (shop, _files) = shop(&three, settings);
        let made = create(&shop);
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(made.at("/customer/company_name"), signed);
        let log = shop.server.stop_for_log();
        for name in ["alpha", "beta", "gamma"] {
            let said = format!(
                "an extension changed a value module=\"{name}\" version=1.2.3 \
                 hook=\"before-create-customer\" fields=\"company-name\""
            );
            assert!(log.contains(&said), "{log}");
        }
    }
}

#[test]
fn a_rejection_is_the_callers_and_ends_the_chain() {
    let (shop, _files) = shop(&[("alpha", "rejects"), ("beta", "signs")], &[]);
    let body = json!({"email": "ann@shop.example", "additional_data": {"a": 1}});
    let refused = shop.post("/admin/customers", body);
    refused.is(
        400,
        json!({
            "type": "invalid_data", "message": "alpha says no{\"a\":1}",
            "field": "email", "code": "no"
        }),
    );
    assert_eq!(count(&shop), 0);
    // Other hooks, and other modules' requests, are not affected.
    assert_eq!(
        shop.post("/admin/customer-groups", json!({"name": "vip"}))
            .status,
        200
    );
    let log = shop.server.stop_for_log();
    let said = "an extension rejected a value module=\"alpha\" version=1.2.3 \
                hook=\"before-create-customer\" field=\"email\" code=\"no\"";
    assert!(log.contains(said), "{log}");
    assert!(!log.contains("module=\"beta\" version=1.2.3 hook"), "{log}");
}

#[test]
fn what_an_extension_returns_is_held_to_the_modules_rules() {
    for (does, status, message) in [
        (
            "breaks a rule",
            400,
            "Invalid request: Invalid email address",
        ),
        ("makes an account", 500, "An unknown error occurred."),
        ("writes nonsense", 500, "An unknown error occurred."),
    ] {
        let (shop, _files) = shop(&[("alpha", does)], &[]);
        let refused = create(&shop);
        assert_eq!(
            (refused.status, &*refused.at("/message")),
            (status, message),
            "{does}"
        );
        assert_eq!(count(&shop), 0);
    }
}

#[test]
fn an_extension_that_fails_refuses_the_request_or_is_left_out_and_harms_no_other() {
    for (does, reason) in [
        ("traps", "it meddles no more"),
        ("spins", "limits.deadline_ms"),
        ("hoards", "limits.memory_bytes_max"),
        ("counts without end", "limits.host_calls_max"),
    ] {
        // The deadline is not to come before the other limits on a busy machine.
        let deadline = match does {
            "spins" => "modules.alpha.limits.deadline_ms=200",
            _ => "modules.alpha.limits.deadline_ms=1900",
        };
        let (shop, _files) = shop(
            &[("alpha", does), ("beta", "signs")],
            &[deadline, "modules.alpha.limits.host_calls_max=1500"],
        );
        let refused = beside_a_victim(&shop, || create(&shop));
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(count(&shop), 0);
        let modules = shop.get("/_wares/modules").value();
        let calls = |name: &str| -> Value {
            let modules = modules["modules"].as_array().unwrap();
            let module = modules
                .iter()
                .find(|module| module["name"] == name)
                .unwrap();
            json!([module["calls"]["failed"], module["circuit"]])
        };
        assert_eq!(calls("alpha"), json!([1, "closed"]));
        assert_eq!(calls("customer"), json!([0, "closed"]));
        let log = shop.server.stop_for_log();
        let said = "an extension did not answer, and the request is refused module=\"alpha\"";
        assert!(log.contains(said) && log.contains(reason), "{does}: {log}");
    }
    let (shop, _files) = shop(
        &[("alpha", "traps"), ("beta", "signs")],
        &["modules.alpha.on_failure=skip"],
    );
    let made = create(&shop);
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.at("/customer/company_name"), "beta;");
    let log = shop.server.stop_for_log();
    let said = "an extension did not answer, and is left out module=\"alpha\"";
    assert!(log.contains(said), "{log}");
}

#[test]
fn an_extension_that_keeps_failing_is_not_called_and_the_module_goes_on() {
    let (shop, _files) = shop(
        &[("alpha", "traps")],
        &["modules.alpha.on_failure=skip", "breaker.failures_min=1"],
    );
    for number in 0..3 {
        let email = format!("{number}@shop.example");
        let made = shop.post("/admin/customers", json!({"email": email}));
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let modules = shop.get("/_wares/modules");
    assert_eq!(modules.at("/modules/0/name"), "alpha");
    assert_eq!(modules.at("/modules/0/circuit"), "open");
    assert_eq!(modules.value()["modules"][0]["calls"]["failed"], 1);
    let log = shop.server.stop_for_log();
    assert!(
        log.contains("the circuit of the module alpha is open"),
        "{log}"
    );
}

#[test]
fn an_extension_that_is_not_granted_its_hooks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alpha.wasm");
    std::fs::write(&file, meddler("alpha")).unwrap();
    let component = format!("modules.alpha.component={}", file.display());
    let file = file.to_str().unwrap();
    let grants = "modules.alpha.grants=operations";
    let inspected = crate::harness::run(["inspect", file, "--set", &component, "--set", grants]);
    assert_eq!(inspected.status.code(), Some(1));
    let said = crate::harness::text(&inspected.stdout);
    let refusal = format!(
        "{file}: it fills wares:customer/hooks@2.0.0, which it is not granted: add \"hooks=customer\" to \
         modules.alpha.grants\n"
    );
    assert!(said.contains(&refusal), "{said}");
}

#[test]
fn an_extension_calls_operations_of_a_module_within_its_hook() {
    for (does, company) in [
        ("counts", "0 before"),
        (
            "asks for one that is not there",
            "Error::NotFound(\"Customer with id: cus_none not found\")",
        ),
    ] {
        let (shop, _files) = shop(&[("alpha", does)], &[]);
        shop.customer("first@shop.example");
        let made = create(&shop);
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(made.at("/customer/company_name"), company);
    }
}

#[test]
fn a_loop_of_an_extension_and_a_module_ends_and_nothing_is_written() {
    let (shop, _files) = shop(&[("alpha", "makes another")], &[]);
    let refused = create(&shop);
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(count(&shop), 0);
    let log = shop.server.stop_for_log();
    assert!(
        log.contains("it is called as an extension within a call of its own"),
        "{log}"
    );
}

#[test]
fn a_component_that_is_not_granted_operations_of_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alpha.wasm");
    std::fs::write(&file, meddler("alpha")).unwrap();
    let grants = "modules.alpha.grants=hooks";
    let file = file.to_str().unwrap();
    let inspected = crate::harness::run(["inspect", file, "--set", grants]);
    assert_eq!(inspected.status.code(), Some(1));
    let said = crate::harness::text(&inspected.stdout);
    let refusal = format!(
        "{file}: it imports wares:customer/customers@2.0.0, which it is not granted: add \
         \"operations=customer\" to modules.alpha.grants\n"
    );
    assert!(said.contains(&refusal), "{said}");
}

#[test]
fn a_component_calls_no_other_before_its_grants_are_checked() {
    let shop = Shop::open();
    let bearer = format!("Bearer {}", shop.token);
    let refused = shop.send(
        "PUT",
        "/_wares/modules/early",
        &[("authorization", &bearer)],
        &meddler("early"),
    );
    assert_eq!(refused.status, 400, "{}", refused.body);
    let said = "wares:customer/customers@2.0.0 is of another component, and no other one is called \
                while this one is asked about itself or verified";
    assert!(refused.at("/message").contains(said), "{}", refused.body);
    let modules = shop.get("/_wares/modules").value();
    assert_eq!(modules["modules"][0]["calls"]["made"], 0);
}

#[test]
fn a_rejection_is_an_audit_entry_when_it_begins_and_then_a_number() {
    let (shop, _files) = shop(&[("alpha", "rejects")], &[]);
    let settings = [
        format!(
            "modules.alpha.component={}",
            _files.path().join("alpha.wasm").display()
        ),
        "modules.alpha.grants=hooks,operations".to_owned(),
    ];
    for _ in 0..3 {
        assert_eq!(create(&shop).status, 400);
    }
    let entries = |shop: &Shop| {
        let entries = shop.audit_fields("", &["action", "module", "actor", "detail"]);
        let mut entries = json!(entries);
        for entry in entries.as_array_mut().unwrap() {
            let detail = entry[3].as_str().unwrap();
            let (detail, _) = detail.split_once(" since ").unwrap_or((detail, ""));
            entry[3] = json!(detail);
        }
        entries
    };
    let begins = json!([
        "reject",
        "alpha",
        shop.admin,
        "1.2.3 at before-create-customer, field email, code no: alpha says no"
    ]);
    wait_until("the entry is written", || entries(&shop) == json!([begins]));
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |command| {
        for setting in &settings {
            command.args(["--set", setting]);
        }
    });
    let more = "2 more values at before-create-customer, field email";
    let more = json!(["reject", "alpha", "host", more]);
    assert_eq!(entries(&shop), json!([more, begins]));
    assert_eq!(create(&shop).status, 200);
}

#[test]
fn what_a_nested_call_logs_and_emits_names_its_callers_and_the_actor() {
    let settings = ["modules.alpha.on_failure=skip"];
    let doing = [("alpha", "makes another"), ("beta", "says who it is")];
    let (shop, _files) = shop(&doing, &settings);
    let made = create(&shop);
    assert_eq!(made.status, 200, "{}", made.body);
    let events = shop.run(&["events", "customer", "--json"]);
    let events = text(&events.stdout);
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let made: Vec<_> = events
        .iter()
        .filter(|event| event["name"] == "customer.created")
        .map(|event| &event["cause"])
        .collect();
    let actor = json!({"kind": "user", "id": shop.admin});
    assert_eq!(
        json!(made),
        json!([
            {"actor": actor, "components": ["customer", "alpha"]},
            {"actor": actor, "components": []},
        ])
    );
    let admin = shop.admin.clone();
    let log = shop.server.stop_for_log();
    for by in ["customer > alpha > customer", "customer"] {
        let said = format!(
            "this is beta component=\"beta\" context=\"\" by=\"{by}\" actor=\"user {admin}\""
        );
        assert!(log.contains(&said), "{said}: {log}");
    }
}

#[test]
fn a_loop_of_three_extensions_ends_beside_a_victim_that_is_served() {
    let names = ["alpha", "beta", "gamma"];
    let loops = names.map(|name| (name, "makes another"));
    for (policy, status) in [("refuse", 503), ("skip", 200)] {
        let settings = names.map(|name| format!("modules.{name}.on_failure={policy}"));
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let (shop, _files) = shop(&loops, &settings);
        let made = beside_a_victim(&shop, || create(&shop));
        assert_eq!(made.status, status, "{policy}: {}", made.body);
        let log = shop.server.stop_for_log();
        let ends = match policy {
            "refuse" => "it is called as an extension within a call of its own",
            _ => "calls of components are nested at most 4 deep",
        };
        assert!(log.contains(ends), "{policy}: {log}");
    }
}

#[test]
fn an_extension_that_calls_operations_ten_thousand_times_takes_nothing_from_a_victim() {
    let (shop, _files) = shop(&[("alpha", "counts 10000 times")], &[]);
    let made = beside_a_victim(&shop, || create(&shop));
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.at("/customer/company_name"), "10000 times");
}
