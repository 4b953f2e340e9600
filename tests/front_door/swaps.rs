//! Extensions that are disabled, replaced, removed and tried as canaries while requests call
//! them, and requests that call them a thousand times.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Shop, data, marked, meddler_version, wait_until};

const ALPHA: &str = "/_wares/modules/alpha";
const GRANTS: &str = "grant=hooks&grant=operations";

/// Installs a version of the extension `alpha`.
fn put(shop: &Shop, query: &str, mark: &str) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let path = format!("{ALPHA}?{query}");
    let bytes = meddler_version("alpha", mark);
    shop.send("PUT", &path, &[("authorization", &bearer)], &bytes)
}

#[track_caller]
fn puts(shop: &Shop, query: &str, mark: &str) {
    let added = put(shop, query, mark);
    assert_eq!(added.status, 200, "{}", added.body);
}

fn digest(mark: &str) -> String {
    hex::encode(Sha256::digest(meddler_version("alpha", mark)))
}

/// Makes a customer with these credentials; returns its company, which extensions write.
fn create_as(shop: &Shop, token: &str, email: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
    ];
    let body = json!({"email": email}).to_string();
    let made = shop.send("POST", "/admin/customers", &headers, body.as_bytes());
    let company = match made.status {
        200 => made.value()["customer"]["company_name"].clone(),
        _ => json!(made.body),
    };
    (made.status, company)
}

#[test]
fn no_request_is_lost_while_an_extension_is_disabled_replaced_and_removed() {
    let shop = Shop::open();
    let [one, two] = ["version=1.0.0 does=signs", "version=2.0.0 does=signs"];
    let activate = format!("{GRANTS}&activate=true");
    puts(&shop, &activate, one);
    puts(&shop, GRANTS, two);
    let ends = AtomicBool::new(false);
    let [signed, unsigned] = [(); 2].map(|()| AtomicUsize::new(0));
    let lost = AtomicUsize::new(0);
    thread::scope(|scope| {
        for caller in 0..3 {
            let (shop, ends, lost) = (&shop, &ends, &lost);
            let (signed, unsigned) = (&signed, &unsigned);
            scope.spawn(move || {
                for number in 0.. {
                    let email = format!("{caller}.{number}@shop.example");
                    let seen = match create_as(shop, &shop.token, &email) {
                        (200, Value::Null) => unsigned,
                        (200, company) if company == "alpha;" => signed,
                        _ => lost,
                    };
                    seen.fetch_add(1, Ordering::Relaxed);
                    if ends.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        let change = |method: &str, path: &str, body: Option<Value>| {
            let path = format!("{ALPHA}{path}");
            let answer = shop.ask(method, &path, body.as_ref());
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        };
        let sees = |count: &AtomicUsize| {
            let before = count.load(Ordering::Relaxed);
            wait_until("requests are answered", || {
                count.load(Ordering::Relaxed) > before + 2 || lost.load(Ordering::Relaxed) > 0
            });
        };
        let to = |mark: &str| Some(json!({"digest": digest(mark)}));
        for _ in 0..3 {
            sees(&signed);
            change("POST", "/disable", None);
            sees(&unsigned);
            change("POST", "/enable", None);
            sees(&signed);
            change("POST", "/activate", to(two));
            sees(&signed);
            change("POST", "/rollback", None);
        }
        change("DELETE", "", None);
        sees(&unsigned);
        puts(&shop, &activate, two);
        sees(&signed);
        ends.store(true, Ordering::Relaxed);
    });
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    let made = shop.get("/admin/customers").value()["count"].clone();
    let answered = signed.into_inner() + unsigned.into_inner();
    assert_eq!(made, json!(answered));
}

#[test]
fn a_bad_canary_of_an_extension_is_withdrawn_and_harms_the_version_in_service_and_the_module_not() {
    for policy in ["skip", "refuse"] {
        let shop = Shop::open_with(|command| {
            let policy = format!("modules.alpha.on_failure={policy}");
            command.args(["--set", &policy]);
            command.args(["--set", "breaker.failures_min=1"]);
            command.args(["--set", "canary.calls_min=5"]);
        });
        let keys: Vec<String> = (0..12)
            .map(|number| {
                let body = json!({"title": format!("Key {number}"), "type": "secret"});
                shop.post("/admin/api-keys", body).at("/api_key/token")
            })
            .collect();
        let one = "version=1.0.0 does=signs";
        puts(&shop, &format!("{GRANTS}&activate=true"), one);
        puts(&shop, "canary=50%25", "version=2.0.0 does=traps");
        let bad = match policy {
            "skip" => (200, Value::Null),
            _ => {
                let reason = "alpha has to be asked, and does not answer";
                let body = json!({"type": "unavailable", "message": reason});
                (503, json!(body.to_string()))
            }
        };
        let good = (200, json!("alpha;"));
        let mut number = 0;
        let mut round = || -> Vec<bool> {
            let created = keys.iter().map(|key| {
                number += 1;
                let email = format!("{number}@shop.example");
                let seen = create_as(&shop, key, &email);
                assert!(seen == good || seen == bad, "{policy}: {seen:?}");
                seen == good
            });
            created.collect()
        };
        let first = round();
        // A caller whose calls the version in service answers is not affected.
        assert!(first.contains(&true), "{policy}: {first:?}");
        assert!(first.contains(&false), "{policy}: {first:?}");
        let mut rounds = 0;
        while round().contains(&false) {
            rounds += 1;
            assert!(rounds < 100, "{policy}: it is still the canary");
        }
        let module = shop.get(ALPHA).value()["module"].clone();
        assert_eq!(
            json!([
                module["version"],
                module["canary"],
                module["circuit"],
                module["calls"]["failed"]
            ]),
            json!(["1.0.0", null, "closed", 0])
        );
        let customer = shop.get("/_wares/modules/customer").value()["module"].clone();
        assert_eq!(
            json!([customer["circuit"], customer["calls"]["failed"]]),
            json!(["closed", 0])
        );
        wait_until("the end of the canary is an audit entry", || {
            let last = shop.audit_fields("?limit=1", &["action", "module", "actor"]);
            json!(last) == json!([["withdraw", "alpha", "host"]])
        });
    }
}

#[test]
fn versions_that_want_more_than_was_granted_are_refused_beside_those_that_serve() {
    let data = data();
    let first = marked("name=alpha version=1.0.0 at=/admin/alpha");
    std::fs::write(data.path().join("modules/alpha.wasm"), first).unwrap();
    let shop = Shop::open_on(data, |_| {});
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for path in ["/admin/alpha", "/admin/customers"] {
            let (shop, ends) = (&shop, &ends);
            scope.spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    let answer = shop.get(path);
                    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                }
            });
        }
        let mut refused = Vec::new();
        for number in 0..5 {
            let mark = format!("version=2.0.{number} does=rejects");
            for query in ["", "activate=true", "canary=50%25", "grant=operations"] {
                let answer = put(&shop, query, &mark);
                refused.push((answer.status, answer.at("/type")));
            }
        }
        ends.store(true, Ordering::Relaxed);
        let expected = (409, "not_granted".to_owned());
        assert!(refused.iter().all(|one| *one == expected), "{refused:?}");
    });
    // Nothing of them was kept, and nobody asks them.
    let module = shop.get(ALPHA).value()["module"].clone();
    assert_eq!(
        json!([module["version"], module["versions"], module["grants"]]),
        json!(["1.0.0", [], ["sql", "events"]])
    );
    let made = create_as(&shop, &shop.token, "ann@shop.example");
    assert_eq!(made, (200, Value::Null));
}

#[test]
fn a_change_of_a_thousand_groups_is_made_or_refused_and_fails_for_nobody() {
    let shop = Shop::open();
    let id = shop.customer("ann@shop.example");
    let activate = format!("{GRANTS}&activate=true");
    let leave = |count: usize| {
        let groups: Vec<_> = (0..count).map(|number| number.to_string()).collect();
        let path = format!("/admin/customers/{id}/customer-groups");
        shop.post(&path, json!({"remove": groups}))
    };
    let calls = |name: &str| {
        let module = shop.get(&format!("/_wares/modules/{name}")).value();
        let calls = &module["module"]["calls"];
        json!([calls["made"], calls["failed"], calls["server_errors"]])
    };
    puts(&shop, &activate, "does=nothing");
    assert_eq!(leave(1_000).status, 200);
    assert_eq!(calls("alpha"), json!([1_000, 0, 0]));
    leave(1_001).is_invalid(
        "That asks for too much at once: 1001 groups of one customer are to change, and at most 1000 can: change \
         them in parts",
    );
    // An extension that takes its time leaves the module enough of its own.
    puts(&shop, &activate, "does=dawdles");
    let refused = leave(1_000);
    assert_eq!(refused.status, 400, "{}", refused.body);
    let said = refused.at("/message");
    assert!(said.starts_with(
        "Invalid request: That asks for too much at once: extensions were asked about "
    ));
    assert!(said.ends_with(
        " of 1000 groups in 10000 ms, which is as long as they may take: change them in parts"
    ));
    assert_eq!(calls("customer")[1], 0);
    assert_eq!(calls("customer")[2], 0);
    assert_eq!(calls("alpha")[1], 0);
    assert_eq!(leave(10).status, 200);
}
