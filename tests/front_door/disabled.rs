//! Modules that are disabled and enabled while the host serves, and over restarts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Shop, data, marked, meddler, text};

const MODULE: &str = "/_wares/modules/marked";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A shop with the module `marked` beside that of customers.
fn shop() -> Shop {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    std::fs::write(file, marked("version=1.0.0")).unwrap();
    Shop::open_on(data, |_| {})
}

fn post(shop: &Shop, name: &str, change: &str) -> Answer {
    let path = format!("/_wares/modules/{name}/{change}");
    shop.ask("POST", &path, None)
}

#[track_caller]
fn changes(shop: &Shop, name: &str, change: &str) {
    let answer = post(shop, name, change);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn restarted(shop: Shop) -> Shop {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    Shop::open_on(data, |_| {})
}

#[test]
fn a_disabled_module_gets_no_requests_and_keeps_its_data_also_over_a_restart() {
    let shop = shop();
    assert_eq!(shop.post("/admin/marked", json!({})).status, 200);
    post(&shop, "marked", "enable").refuses(
        409,
        "not_allowed",
        "the module marked is not disabled",
    );
    post(&shop, "nope", "disable").refuses(404, "not_found", "there is no module nope");
    let disabled = post(&shop, "marked", "disable");
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    assert_eq!(disabled.value()["module"]["enabled"], json!(false));
    let is_disabled = |shop: &Shop| {
        assert_eq!(shop.get("/admin/marked").status, 404);
        assert_eq!(shop.get("/admin/customers").status, 200);
        let document = shop.get("/openapi.json").value();
        assert_eq!(document["paths"]["/admin/marked"], Value::Null);
        assert_eq!(shop.get(MODULE).value()["module"]["enabled"], json!(false));
    };
    is_disabled(&shop);
    post(&shop, "marked", "disable").refuses(
        409,
        "not_allowed",
        "the module marked is disabled already",
    );
    let shop = restarted(shop);
    is_disabled(&shop);
    changes(&shop, "marked", "enable");
    let things = |shop: &Shop| shop.get("/admin/marked").value()["things"].clone();
    assert_eq!(things(&shop), json!(1));
    let entries = shop.audit_fields("?limit=6", &["action", "module", "outcome"]);
    assert_eq!(
        json!(entries),
        json!([
            ["enable", "marked", "done"],
            ["disable", "marked", "refused"],
            ["disable", "marked", "done"],
            ["disable", "nope", "refused"],
            ["enable", "marked", "refused"],
        ])
    );
    assert_eq!(things(&restarted(shop)), json!(1));
}

#[test]
fn no_request_is_lost_while_a_module_is_disabled_and_enabled() {
    let shop = shop();
    let ends = AtomicBool::new(false);
    let [answered, absent, lost] = [(); 3].map(|()| AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let answer = shop.get("/admin/marked");
                    let counted = match answer.status {
                        200 => &answered,
                        404 => &absent,
                        _ => &lost,
                    };
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    if shop.get("/admin/customers").status != 200 {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let mut all = Vec::new();
        let is_unseen = || {
            [&answered, &absent]
                .iter()
                .any(|seen| seen.load(Ordering::Relaxed) == 0)
        };
        // Until requests were seen on both sides of a change.
        while (all.len() < 40 || is_unseen()) && lost.load(Ordering::Relaxed) == 0 {
            let change = ["disable", "enable"][all.len() % 2];
            all.push(post(&shop, "marked", change).status);
        }
        if all.len() % 2 == 1 {
            all.push(post(&shop, "marked", "enable").status);
        }
        ends.store(true, Ordering::Relaxed);
        assert!(all.iter().all(|status| *status == 200), "{all:?}");
    });
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    assert_eq!(shop.get("/admin/marked").status, 200);
}

#[test]
fn a_module_whose_path_was_taken_meanwhile_is_not_enabled() {
    let shop = Shop::open();
    let add = |name: &str| {
        let bytes = marked(&format!("name={name} version=1.0.0 at=/admin/same"));
        let file = shop.data.path().join("new.wasm");
        std::fs::write(file, &bytes).unwrap();
        let arguments = ["module", "install", "new.wasm", "--activate", "--grant=sql"];
        let done = shop.run(&arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
        digest(&bytes)
    };
    let one = add("one");
    changes(&shop, "one", "disable");
    add("two");
    let collision = "the routes GET /admin/same of the module two and GET /admin/same of the module one match \
         the same paths, and a path belongs to one component: change one of them";
    post(&shop, "one", "enable").refuses(400, "invalid_component", collision);
    // The older data does not go first where its module is disabled.
    let shop = restarted(shop);
    assert_eq!(shop.get("/admin/same").status, 200);
    assert_eq!(shop.get("/_wares/modules").value()["failures"], json!([]));
    changes(&shop, "two", "disable");
    let said = |arguments: &[&str]| {
        let done = shop.run(arguments);
        (text(&done.stdout), text(&done.stderr))
    };
    let calls = "  calls: 0 made, 0 failed, 0 answered 5xx, 0.0 ms on average\n";
    assert_eq!(
        said(&["module", "status", "one"]).0,
        format!("one is disabled: 1.0.0 {one}\n{calls}")
    );
    assert_eq!(
        said(&["module", "enable", "one"]),
        (format!("one serves 1.0.0 {one}\n"), String::new())
    );
    assert_eq!(
        said(&["module", "disable", "one"]),
        ("one is disabled\n".to_owned(), String::new())
    );
    // Another version of it is put in service, and gets no requests either.
    let bytes = marked("name=one version=1.1.0 at=/admin/same");
    std::fs::write(shop.data.path().join("new.wasm"), &bytes).unwrap();
    assert_eq!(
        said(&["module", "install", "new.wasm", "--activate"]),
        (
            format!("one is disabled: 1.1.0 {}\n", digest(&bytes)),
            String::new()
        )
    );
    assert_eq!(shop.get("/admin/same").status, 404);
}

#[test]
fn a_disabled_extension_is_not_called() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alpha.wasm");
    std::fs::write(&file, meddler("alpha")).unwrap();
    let shop = Shop::open_with(|command| {
        for setting in [
            &format!("component={}", file.display()),
            "grants=hooks,operations",
            "config.does=signs",
        ] {
            command.args(["--set", &format!("modules.alpha.{setting}")]);
        }
    });
    for (number, change, signed) in [
        (1, "disable", json!("alpha;")),
        (2, "enable", Value::Null),
        (3, "disable", json!("alpha;")),
    ] {
        let body = json!({"email": format!("{number}@shop.example")});
        let made = shop.post("/admin/customers", body);
        assert_eq!(made.status, 200, "{}", made.body);
        assert_eq!(made.value()["customer"]["company_name"], signed);
        changes(&shop, "alpha", change);
    }
}
