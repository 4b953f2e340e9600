//! Changes of modules that are stuck, that panic, and many changes at once.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, data, fifo, marked, open_fifo, root, text, wait_until};

const MODULE: &str = "/_wares/modules/marked";
const CUSTOMER: &str = "/_wares/modules/customer";

/// A shop that serves version 1.0.0, with faults that it is to have.
fn shop(faults: &str) -> Shop {
    shop_of(&["marked"], faults)
}

/// A shop that serves version 1.0.0 of these modules, with faults that it is to have.
fn shop_of(modules: &[&str], faults: &str) -> Shop {
    let data = data();
    for name in modules {
        let file = data.path().join(format!("modules/{name}.wasm"));
        fs::write(file, marked(&format!("name={name} version=1.0.0"))).unwrap();
    }
    let faults = faults.replace("FIFO", data.path().join("fifo").to_str().unwrap());
    Shop::open_on(data, |command| {
        command.env("WARES_FAULT", faults);
    })
}

fn put(shop: &Shop, module: &str, query: &str, mark: &str) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let path = format!("/_wares/modules/{module}{query}");
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    shop.send("PUT", &path, &headers, &marked(mark))
}

fn changes(shop: &Shop) -> Value {
    shop.get(MODULE).value()["module"]["changes"].clone()
}

fn serving(shop: &Shop) -> String {
    shop.get("/admin/marked").at("/version")
}

fn last_entry(shop: &Shop) -> Value {
    let entry = shop.get("/_wares/audit?limit=1").value()["entries"][0].clone();
    json!([entry["action"], entry["outcome"], entry["detail"]])
}

#[test]
fn a_stuck_install_is_shown_and_blocks_no_rollback() {
    let shop = shop("verify.begun=wait:FIFO");
    let two = put(&shop, "marked", "?activate=true", "version=2.0.0");
    assert_eq!(two.status, 200, "{}", two.body);
    let wait = shop.data.path().join("fifo");
    fifo(&wait);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| put(&shop, "marked", "?activate=true", "version=3.0.0"));
        wait_until("a change is under way", || changes(&shop) != json!([]));
        let change = changes(&shop)[0].clone();
        assert_eq!(
            (&change["action"], &change["actor"]),
            (&json!("install"), &json!(shop.admin))
        );
        let digest = change["digest"].as_str().unwrap();
        let status = text(&shop.run(&["module", "status", "marked"]).stdout);
        let shown = format!("  under way: install {digest} by {} since ", shop.admin);
        assert!(status.contains(&shown), "{status}");
        // Installed versions are activated and rolled back meanwhile.
        let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
        assert_eq!(back.status, 200, "{}", back.body);
        assert_eq!(serving(&shop), "1.0.0");
        let body = json!({"digest": two.at("/version/digest")});
        assert_eq!(shop.post(&format!("{MODULE}/activate"), body).status, 200);
        assert_eq!(serving(&shop), "2.0.0");
        put(&shop, "marked", "", "version=4.0.0").refuses(
            409,
            "conflict",
            "another change of the module marked is under way: wait for its end, \
             or see `wares module status marked`",
        );
        let _open = open_fifo(&wait);
        assert_eq!(stuck.join().unwrap().status, 200);
    });
    assert_eq!(serving(&shop), "3.0.0");
    assert_eq!(changes(&shop), json!([]));
}

#[test]
fn an_activation_with_a_stuck_load_blocks_no_other_change() {
    for canary in [None, Some("50%")] {
        let shop = shop("load.begun=wait:FIFO-reached,load.begun=wait:FIFO-held");
        let three = put(&shop, "marked", "", "version=3.0.0");
        assert_eq!(three.status, 200, "{}", three.body);
        // The replaced version is kept loaded, and version 3.0.0 is not.
        let two = put(&shop, "marked", "?activate=true", "version=2.0.0");
        assert_eq!(two.status, 200, "{}", two.body);
        let [reached, held] = ["fifo-reached", "fifo-held"].map(|name| shop.data.path().join(name));
        fifo(&reached);
        fifo(&held);
        let mut body = json!({"digest": three.at("/version/digest")});
        if let Some(share) = canary {
            body["canary"] = json!(share);
        }
        std::thread::scope(|scope| {
            let stuck = scope.spawn(|| shop.post(&format!("{MODULE}/activate"), body));
            drop(open_fifo(&reached));
            let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
            assert_eq!(back.status, 200, "{}", back.body);
            assert_eq!(serving(&shop), "1.0.0");
            let _open = open_fifo(&held);
            let answer = stuck.join().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            let state = canary.map_or("active", |_| "canary");
            assert_eq!(answer.at("/version/state"), state);
        });
        assert_eq!(changes(&shop), json!([]));
    }
}

#[test]
fn two_modules_that_change_at_the_same_time_are_both_routed() {
    let point = "activate.prepared.marked";
    let faults = format!("{point}=wait:FIFO-reached,{point}=wait:FIFO-held");
    let shop = shop_of(&["marked", "other"], &faults);
    let fifos = ["fifo-reached", "fifo-held"].map(|name| shop.data.path().join(name));
    let [reached, held] = &fifos;
    fifo(reached);
    fifo(held);
    std::thread::scope(|scope| {
        let query = "?activate=true";
        let first = scope.spawn(|| put(&shop, "marked", query, "version=2.0.0 route=/admin/one"));
        // Once it is there, it waits at the other, for longer.
        drop(open_fifo(reached));
        let mark = "name=other version=2.0.0 route=/admin/two";
        let second = put(&shop, "other", query, mark);
        assert_eq!(second.status, 200, "{}", second.body);
        assert_eq!(shop.get("/admin/two").status, 200);
        let _open = open_fifo(held);
        let first = first.join().unwrap();
        assert_eq!(first.status, 200, "{}", first.body);
    });
    for path in ["/admin/one", "/admin/two"] {
        assert_eq!(shop.get(path).status, 200, "{path}");
    }
    assert_eq!(shop.get("/admin/other").at("/version"), "2.0.0");
}

#[test]
fn a_canary_whose_routes_collide_leaves_the_schema_as_it_was() {
    let shop = shop_of(&["marked", "other"], "");
    let two = put(
        &shop,
        "marked",
        "",
        "version=2.0.0 steps=2 needed=1 route=/admin/extra",
    );
    assert_eq!(two.status, 200, "{}", two.body);
    let strict = put(&shop, "marked", "", "version=3.0.0 steps=2 needed=2");
    assert_eq!(strict.status, 200, "{}", strict.body);
    let mark = "name=other version=2.0.0 route=/admin/extra";
    let other = put(&shop, "other", "?activate=true", mark);
    assert_eq!(other.status, 200, "{}", other.body);
    let activate = format!("{MODULE}/activate");
    let canary = json!({"digest": two.at("/version/digest"), "canary": "50%"});
    let refused = shop.post(&activate, canary);
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert_eq!(refused.at("/type"), "invalid_component");
    // It would be compatible if the second step had run.
    let activated = shop.post(&activate, json!({"digest": strict.at("/version/digest")}));
    assert_eq!(activated.status, 409, "{}", activated.body);
    assert_eq!(activated.at("/type"), "incompatible_schema");
    assert_eq!(serving(&shop), "1.0.0");
}

#[test]
fn a_panic_in_a_change_is_a_500_with_an_audit_entry_and_ends_that_change_alone() {
    for (point, act) in [
        ("load.begun", "install"),
        ("verify.begun", "install"),
        ("install.verified", "install"),
        ("install.recorded", "install"),
        ("activate.prepared", "activate"),
    ] {
        let shop = shop(&format!("{point}=panic"));
        for _ in 0..2 {
            let answer = put(&shop, "marked", "?activate=true", "version=2.0.0");
            let said = format!("a fault of the host: WARES_FAULT names {point}");
            answer.refuses(500, "unexpected_state", &said);
            assert_eq!(last_entry(&shop), json!([act, "failed", said]), "{point}");
            assert_eq!(serving(&shop), "1.0.0");
            assert_eq!(changes(&shop), json!([]));
        }
        // A failed change blocks no other.
        let nothing = shop.ask("POST", &format!("{MODULE}/withdraw"), None);
        nothing.refuses(409, "not_allowed", "the module marked has no canary");
        let log = shop.server.stop_for_log();
        assert!(
            log.contains("a change of a module panicked inside the host"),
            "{log}"
        );
    }
}

#[test]
fn a_panic_in_an_endpoint_of_the_host_is_a_500_and_costs_no_connection() {
    let shop = shop("endpoint.modules=panic");
    for _ in 0..3 {
        let answer = shop.get("/_wares/modules");
        answer.is(
            500,
            json!({"code": "unknown_error", "type": "unknown_error", "message": "An unknown error occurred."}),
        );
        assert!(!answer.header("x-request-id").is_empty());
        assert_eq!(serving(&shop), "1.0.0");
    }
    // Two requests on one connection: the second is answered after the first panicked.
    let one = format!(
        "GET /_wares/modules HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n",
        shop.token
    );
    let answers = shop.raw(&format!("{one}\r\n{one}connection: close\r\n\r\n"));
    assert_eq!(answers.matches("HTTP/1.1 500 ").count(), 2, "{answers}");
    let log = shop.server.stop_for_log();
    assert_eq!(
        log.matches("a request panicked inside the host").count(),
        5,
        "{log}"
    );
}

#[test]
fn one_component_is_compiled_at_a_time_and_four_wait() {
    let data = data();
    let names = ["one", "two", "three", "four", "five", "six"];
    let mark =
        |name: &str, version: &str| format!("name={name} version={version} at=/admin/{name}");
    for name in names {
        let file = data.path().join(format!("modules/{name}.wasm"));
        fs::write(file, marked(&mark(name, "1.0.0"))).unwrap();
    }
    let wait = data.path().join("fifo");
    let fault = format!("compile.begun=wait:{}", wait.display());
    let shop = Shop::open_on(data, |command| {
        command.env("WARES_FAULT", fault);
    });
    fifo(&wait);
    let (answered, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for name in names {
            let (answered, shop) = (answered.clone(), &shop);
            scope.spawn(move || {
                answered
                    .send(put(shop, name, "", &mark(name, "2.0.0")))
                    .unwrap();
            });
        }
        // One is compiled and four wait: the one that comes last is turned away at once.
        let refused = answers.recv().unwrap();
        refused.refuses(
            503,
            "unavailable",
            "4 components wait to be compiled already: try again in a moment",
        );
        assert_eq!(refused.header("retry-after"), "5");
        // Who only asks is served, and so is what is installed already.
        assert_eq!(shop.get("/admin/one").at("/version"), "1.0.0");
        let _open = open_fifo(&wait);
        for _ in 0..5 {
            let answer = answers.recv().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    });
}

fn activate(shop: &Shop, digest: &str) -> Answer {
    shop.post(&format!("{MODULE}/activate"), json!({"digest": digest}))
}

/// Installs a component that does what the built-in one does; returns its digest.
fn another_customer(shop: &Shop, number: u8) -> String {
    let file = "target/component/wasm32-wasip2/component/customer_component.wasm";
    let mut bytes = fs::read(root().join(file)).unwrap();
    // A custom section makes it another one.
    bytes.extend([0, 4, 1, b'x', 1, number]);
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let put = shop.send("PUT", CUSTOMER, &headers, &bytes);
    assert_eq!(put.status, 200, "{}", put.body);
    put.at("/version/digest")
}

#[test]
fn many_changes_at_once_take_no_instance_from_a_request() {
    let shop = Shop::open();
    let digests = [1, 2].map(|number| another_customer(&shop, number));
    let activate =
        |digest: &str| shop.post(&format!("{CUSTOMER}/activate"), json!({"digest": digest}));
    let deactivate = || shop.ask("POST", &format!("{CUSTOMER}/deactivate"), None);
    let end = AtomicBool::new(false);
    let reading = || {
        let mut failed = Vec::new();
        while !end.load(Ordering::Relaxed) {
            let list = shop.get("/admin/customers");
            failed.extend((list.status != 200).then_some(list.body));
        }
        failed
    };
    let answers = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4).map(|_| scope.spawn(reading)).collect();
        let mut answers = Vec::new();
        for digest in &digests {
            answers.push(activate(digest));
            let changes: Vec<_> = (0..32)
                .map(|number| match number % 8 {
                    0 => scope.spawn(|| activate(digest)),
                    _ => scope.spawn(deactivate),
                })
                .collect();
            answers.extend(changes.into_iter().map(|one| one.join().unwrap()));
        }
        end.store(true, Ordering::Relaxed);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), [""; 0]);
        }
        answers
    });
    for answer in answers {
        let (status, body) = (answer.status, &answer.body);
        assert!(matches!(status, 200 | 409 | 503), "{status} {body}");
        assert!(!body.contains("nothing would serve"), "{body}");
        let later = if status == 503 { "5" } else { "" };
        assert_eq!(answer.header("retry-after"), later);
    }
}

#[test]
fn stuck_loads_refuse_others_and_block_no_rollback() {
    let shop = shop("load.begun=wait:FIFO");
    let three = put(&shop, "marked", "", "version=3.0.0");
    assert_eq!(three.status, 200, "{}", three.body);
    let digest = three.at("/version/digest");
    // The replaced version is kept loaded, and version 3.0.0 is not.
    let two = put(&shop, "marked", "?activate=true", "version=2.0.0");
    assert_eq!(two.status, 200, "{}", two.body);
    let wait = shop.data.path().join("fifo");
    fifo(&wait);
    let (answered, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..9 {
            let (answered, shop, digest) = (answered.clone(), &shop, &digest);
            scope.spawn(move || answered.send(activate(shop, digest)).unwrap());
        }
        // Eight are loaded: the one that comes last is turned away at once.
        let refused = answers.recv().unwrap();
        refused.refuses(
            503,
            "unavailable",
            "8 components are loaded or verified already: try again in a moment",
        );
        assert_eq!(refused.header("retry-after"), "5");
        let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
        assert_eq!(back.status, 200, "{}", back.body);
        assert_eq!(serving(&shop), "1.0.0");
        let _open = open_fifo(&wait);
        let statuses: Vec<u16> = (0..8).map(|_| answers.recv().unwrap().status).collect();
        let is_expected = |status: &u16| matches!(status, 200 | 409);
        assert!(statuses.contains(&200), "{statuses:?}");
        assert!(statuses.iter().all(is_expected), "{statuses:?}");
    });
    assert_eq!(serving(&shop), "3.0.0");
}

#[test]
fn one_deactivation_is_verified_at_a_time_and_blocks_no_rollback() {
    let shop = shop("verify.begun=wait:FIFO-reached,verify.begun=wait:FIFO-held");
    let two = put(&shop, "marked", "?activate=true", "version=2.0.0");
    assert_eq!(two.status, 200, "{}", two.body);
    let [reached, held] = ["fifo-reached", "fifo-held"].map(|name| shop.data.path().join(name));
    fifo(&reached);
    fifo(&held);
    let deactivate = || shop.ask("POST", &format!("{MODULE}/deactivate"), None);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(deactivate);
        // What it compares with what serves is not to change before that.
        drop(open_fifo(&reached));
        deactivate().refuses(
            409,
            "conflict",
            "another change of the module marked is under way: wait for its end, \
             or see `wares module status marked`",
        );
        let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
        assert_eq!(back.status, 200, "{}", back.body);
        let again = activate(&shop, &two.at("/version/digest"));
        assert_eq!(again.status, 200, "{}", again.body);
        let _open = open_fifo(&held);
        let ended = stuck.join().unwrap();
        assert_eq!(ended.status, 200, "{}", ended.body);
    });
    assert_eq!(serving(&shop), "1.0.0");
}
