//! Starts with a broken component: it is left out, and the others are served.

mod files;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Shop, data, fifo, marked, run, text};

const MODULE: &str = "/_wares/modules/marked";

const OTHER_SERVES: &str = "OK\nThe module marked failed at the start, and another version serves";

const COLLISION: &str = "the routes GET /admin/customers of the module customer and GET /admin/customers \
     of the module marked match the same paths, and a path belongs to one component: change one of them";

const NOT_SERVED: &str = "OK\nThe module marked failed at the start, and is not served";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The data folder of a shop in which version 2.0.0 was activated, with 1.0.0 before it.
fn upgraded() -> tempfile::TempDir {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    fs::write(&file, marked("version=1.0.0")).unwrap();
    let shop = Shop::open_on(data, |_| {});
    let second = shop.data.path().join("second.wasm");
    fs::write(&second, marked("version=2.0.0")).unwrap();
    let done = shop.run(&["module", "install", "second.wasm", "--activate"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    fs::remove_file(second).unwrap();
    data
}

fn open(data: tempfile::TempDir, setting: &str) -> Shop {
    Shop::open_on(data, |command| {
        command.args(["--set", setting]);
    })
}

fn close(shop: Shop) -> tempfile::TempDir {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    data
}

fn health(shop: &Shop) -> String {
    let answer = shop.send("GET", "/health", &[], b"");
    assert_eq!(answer.status, 200);
    answer.body
}

/// The version that answers, beside the other module that still serves.
fn serving(shop: &Shop) -> String {
    assert_eq!(shop.get("/admin/customers").status, 200);
    let answer = shop.get("/admin/marked");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version")
}

/// A reason that begins as it must; what follows is the text of a panic, if there was one.
fn with_panic(told: &Value, reason: &str) -> String {
    let told = told.as_str().unwrap();
    let rest = told.strip_prefix(reason);
    let rest = rest.unwrap_or_else(|| panic!("{told}"));
    let is_panic = rest.starts_with("; it wrote: thread ") && rest.ends_with("as the setting says");
    assert_eq!(is_panic, reason.contains("wasm trap"), "{told}");
    assert!(is_panic || rest.is_empty(), "{told}");
    told.to_owned()
}

/// Starts a host that must not start; returns its last line.
fn refused(data: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["serve", "--listen=127.0.0.1:0", "--data"];
    arguments.push(data.to_str().unwrap());
    arguments.extend(more);
    let mut command = crate::harness::wares();
    let ended = command.current_dir(data).args(arguments).output().unwrap();
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_version_that_fails_later_is_left_out_and_the_one_before_serves() {
    let mut data = upgraded();
    let (first, second) = (marked("version=1.0.0"), marked("version=2.0.0"));
    let origin = format!("version {} of marked", &digest(&second)[..12]);
    for (what, reason) in [
        (
            "check",
            format!(
                "{origin}: it does not start: wasm trap: wasm `unreachable` instruction executed"
            ),
        ),
        (
            "settings",
            format!(
                "{origin}: its settings are not accepted:\n  modules.marked.config.break: it is broken"
            ),
        ),
        (
            "routes",
            format!(
                "{origin}: it does not start: wasm trap: wasm `unreachable` instruction executed"
            ),
        ),
        (
            "steps",
            "the schema of module marked: the migration 0003_broken fails at statement 2: \
             no such table: nowhere"
                .to_owned(),
        ),
        ("collides", COLLISION.to_owned()),
    ] {
        let setting = format!("modules.marked.config.break=2.0.0 {what}");
        let shop = open(data, &setting);
        assert_eq!(serving(&shop), "1.0.0", "{what}");
        assert_eq!(health(&shop), OTHER_SERVES);
        assert_eq!(shop.metric("wares_components_left_out"), 1);
        let module = shop.get(MODULE).value()["module"].clone();
        assert_eq!(module["digest"], digest(&first));
        let reason = with_panic(&module["failures"][0]["reason"], &reason);
        assert_eq!(
            module["failures"],
            json!([{"module": "marked", "origin": origin, "digest": digest(&second), "reason": reason}])
        );
        let status = text(&shop.run(&["module", "status", "marked"]).stdout);
        // On one line, whatever a component says.
        let shown = format!("  failed at the start: {}\n", reason.replace('\n', "\\n"));
        assert!(status.contains(&shown), "{status}");
        let kept = format!(
            "version {} of marked serves: {reason}",
            &digest(&first)[..12]
        );
        assert_eq!(
            shop.audit_entries("?limit=1")[0],
            json!(["host", "fallback", digest(&first), "done", kept])
        );
        let Shop {
            server, data: left, ..
        } = shop;
        let log = server.stop_for_log();
        let said = log
            .lines()
            .find(|line| line.contains("a component failed at the start"));
        assert!(said.is_some_and(|line| line.contains("ERROR")), "{log}");
        data = left;
        let said = refused(data.path(), &["--strict", "--set", &setting]);
        let last = reason.lines().last().unwrap().trim();
        assert!(said.ends_with(last), "{said}");
    }
    // The fault is repaired: the active version serves, and nothing is reported.
    let shop = Shop::open_on(data, |command| {
        command.arg("--strict");
    });
    assert_eq!(serving(&shop), "2.0.0");
    assert_eq!(health(&shop), "OK");
    assert_eq!(shop.metric("wares_components_left_out"), 0);
}

#[test]
fn a_version_whose_file_is_missing_or_damaged_is_left_out() {
    let data = upgraded();
    let second = digest(&marked("version=2.0.0"));
    let file = data.path().join(format!("versions/{second}.wasm"));
    fs::remove_file(&file).unwrap();
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(serving(&shop), "1.0.0");
    let data = close(shop);
    fs::write(&file, marked("version=6.6.6")).unwrap();
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(serving(&shop), "1.0.0");
    assert_eq!(health(&shop), OTHER_SERVES);
    let data = close(shop);
    // Nor is a FIFO at its path waited for.
    fs::remove_file(&file).unwrap();
    fifo(&file);
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(serving(&shop), "1.0.0");
}

#[test]
fn a_fallback_is_repaired_while_the_host_serves() {
    let broken = "modules.marked.config.break=2.0.0 routes";
    let first = digest(&marked("version=1.0.0"));
    // By keeping what serves, and by what goes further.
    for mend in ["activate", "rollback", "install"] {
        let shop = open(upgraded(), broken);
        assert_eq!(health(&shop), OTHER_SERVES);
        let third = shop.data.path().join("third.wasm");
        fs::write(&third, marked("version=3.0.0")).unwrap();
        let (arguments, version) = match mend {
            "activate" => (vec!["module", mend, "marked", &*first], "1.0.0"),
            "rollback" => (vec!["module", mend, "marked"], "1.0.0"),
            _ => (vec!["module", mend, "third.wasm", "--activate"], "3.0.0"),
        };
        let done = shop.run(&arguments);
        assert!(done.status.success(), "{mend}: {}", text(&done.stderr));
        assert_eq!(serving(&shop), version, "{mend}");
        assert_eq!(health(&shop), "OK", "{mend}");
        // Another start has nothing to repair.
        if mend == "activate" {
            let again = shop.run(&arguments);
            assert_eq!(
                text(&again.stderr),
                format!(
                    "wares: the version {} of the module marked is in service already\n",
                    &first[..12]
                )
            );
        }
        let shop = Shop::open_on(close(shop), |command| {
            command.args(["--strict", "--set", broken]);
        });
        assert_eq!(serving(&shop), version, "{mend}");
    }
}

#[test]
fn a_module_without_a_working_component_is_not_served_and_others_are() {
    let data = upgraded();
    fs::remove_file(data.path().join("modules/marked.wasm")).unwrap();
    let setting = "modules.marked.config.break=2.0.0 routes,1.0.0 check";
    let shop = open(data, setting);
    assert_eq!(shop.get("/admin/customers").status, 200);
    assert_eq!(shop.get("/admin/marked").status, 404);
    assert_eq!(health(&shop), NOT_SERVED);
    assert_eq!(shop.metric("wares_components_left_out"), 2);
    let origin = |version: &str| format!("version {} of marked", &digest(&marked(version))[..12]);
    let trap = "it does not start: wasm trap: wasm `unreachable` instruction executed";
    let (second, first) = (origin("version=2.0.0"), origin("version=1.0.0"));
    let listed = shop.get("/_wares/modules").value();
    let reason = |index: usize, origin: &str| {
        with_panic(
            &listed["failures"][index]["reason"],
            &format!("{origin}: {trap}"),
        )
    };
    let (second, first) = (reason(0, &second), reason(1, &first));
    shop.get(MODULE).refuses(
        404,
        "not_found",
        &format!(
            "the module marked is not served, since it failed at the start: {second}. Put a component \
             that works into the folder of modules, or name one with modules.marked.component, and start the host again"
        ),
    );
    let status = text(&shop.run(&["module", "status"]).stdout);
    assert!(
        status.ends_with(&format!(
            "marked is not served\n  failed at the start: {second}\n\
             marked is not served\n  failed at the start: {first}\n"
        )),
        "{status}"
    );
    // A command that needs it says so as well.
    let data = close(shop);
    let folder = data.path().to_str().unwrap();
    let called = run(["call", "marked", "f()", "--data", folder, "--set", setting]);
    assert_eq!(
        (called.status.code(), text(&called.stderr)),
        (
            Some(1),
            format!("wares: the module marked is not served: {second}\n")
        )
    );
    // One in the folder of modules serves instead, and can be kept.
    fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=3.0.0"),
    )
    .unwrap();
    let shop = open(data, setting);
    assert_eq!(serving(&shop), "3.0.0");
    assert_eq!(health(&shop), OTHER_SERVES);
}

#[test]
fn components_that_never_worked_keep_nothing_from_starting() {
    let data = data();
    let folder = data.path().join("modules");
    fs::write(folder.join("a.wasm"), "no component").unwrap();
    fs::write(folder.join("b.wasm"), marked("version=1.0.0 bad=describe")).unwrap();
    fs::write(
        folder.join("c.wasm"),
        marked("version=1.0.0 route=/admin/customers"),
    )
    .unwrap();
    fs::create_dir(folder.join("d.wasm")).unwrap();
    fifo(&folder.join("e.wasm"));
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(shop.get("/admin/customers").status, 200);
    assert_eq!(
        health(&shop),
        "OK\nA component failed at the start, and is not served\
         \nThe module marked failed at the start, and is not served"
    );
    let failures = shop.get("/_wares/modules").value()["failures"].clone();
    let mut reasons: Vec<_> = failures
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["reason"].as_str().unwrap().to_owned())
        .collect();
    reasons.sort();
    let at = |name: &str| format!("modules/{name}");
    assert_eq!(
        reasons,
        [
            format!("cannot read {}: it is a folder, not a file", at("d.wasm")),
            format!("cannot read {}: it is a FIFO, not a file", at("e.wasm")),
            format!("{}: it is not a WebAssembly component", at("a.wasm")),
            format!(
                "{}: it does not start: wasm trap: call stack exhausted (limits.stack_bytes_max)",
                at("b.wasm")
            ),
            COLLISION.to_owned(),
        ]
    );
    // Who was there first keeps its routes at every start.
    let shop = Shop::open_on(close(shop), |_| {});
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
}

#[test]
fn a_module_whose_database_is_damaged_is_not_served_and_the_others_are() {
    let data = upgraded();
    for rest in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.path().join(format!("modules/customer.db{rest}")));
    }
    fs::write(
        data.path().join("modules/customer.db"),
        "this is no database, not at all",
    )
    .unwrap();
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(shop.get("/admin/marked").status, 200);
    assert_eq!(shop.get("/admin/customers").status, 404);
    assert_eq!(
        health(&shop),
        "OK\nThe module customer failed at the start, and is not served"
    );
}

#[test]
fn a_panic_over_one_module_is_reported_and_the_others_serve() {
    let shop = Shop::open_on(upgraded(), |command| {
        command.env("WARES_FAULT", "start.marked=panic");
    });
    assert_eq!(shop.get("/admin/customers").status, 200);
    assert_eq!(shop.get("/admin/marked").status, 404);
    assert_eq!(health(&shop), NOT_SERVED);
    let origin = format!(
        "version {} of marked",
        &digest(&marked("version=2.0.0"))[..12]
    );
    let failures = shop.get("/_wares/modules").value()["failures"].clone();
    assert_eq!(
        failures[0]["reason"],
        format!("{origin}: a fault of the host: WARES_FAULT names start.marked")
    );
}

#[test]
fn seed_reports_what_is_left_out_and_fills_the_others() {
    let data = data();
    fs::write(data.path().join("modules/broken.wasm"), "no component").unwrap();
    let ended = crate::harness::wares()
        .current_dir(data.path())
        .args(["seed", "--customers=3", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    let said = text(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    let line = "wares: left out: modules/broken.wasm: it is not a WebAssembly component\n";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert!(said.contains("Added 3 customers."), "{said}");
}
