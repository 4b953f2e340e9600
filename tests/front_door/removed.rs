//! Whole modules that are removed while the host serves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Shop, fifo, marked, open_fifo, text};

const NOTES: &str = "/_wares/modules/notes";

/// Installs a version of the notes, and puts it in service.
fn add_notes(shop: &Shop) {
    let bearer = format!("Bearer {}", shop.token);
    let bytes = std::fs::read(env!("NOTES_GUEST")).unwrap();
    let path = format!("{NOTES}?activate=true&grant=sql&grant=events");
    let added = shop.send("PUT", &path, &[("authorization", &bearer)], &bytes);
    assert_eq!(added.status, 200, "{}", added.body);
}

#[test]
fn a_removed_module_is_gone_and_its_data_stays() {
    let shop = Shop::open();
    add_notes(&shop);
    let made = shop.post("/admin/notes", json!({"title": "Buy milk"}));
    assert_eq!(made.status, 200, "{}", made.body);
    let removed = || json!({"name": "notes", "object": "module", "deleted": true});
    shop.delete(NOTES).is(200, removed());
    let is_gone = |shop: &Shop| {
        assert_eq!(shop.get("/admin/notes").status, 404);
        shop.get(NOTES)
            .refuses(404, "not_found", "there is no module notes");
        let modules = shop.get("/_wares/modules").value();
        assert_eq!(modules["modules"].as_array().unwrap().len(), 1);
        assert_eq!(modules["failures"], json!([]));
        let running = "wares_module_calls_running{module=\"notes\"}";
        assert!(!shop.get("/metrics").body.contains(running));
        let mut versions = std::fs::read_dir(shop.data.path().join("versions")).unwrap();
        assert!(versions.next().is_none());
    };
    is_gone(&shop);
    shop.delete(NOTES)
        .refuses(404, "not_found", "there is no module notes");
    let entries = shop.audit_fields("?limit=2", &["action", "module", "digest", "outcome"]);
    assert_eq!(
        json!(entries),
        json!([
            ["remove", "notes", null, "refused"],
            ["remove", "notes", null, "done"],
        ])
    );
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    // Its settings are left over, and do no harm.
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", "modules.notes.limits.calls_max=3"]);
    });
    is_gone(&shop);
    // A version that comes later finds the data.
    add_notes(&shop);
    assert_eq!(shop.get("/admin/notes").at("/notes/0/title"), "Buy milk");
    // And it is one of the modules that the host can serve no more than once.
    shop.delete(NOTES).is(200, removed());
    add_notes(&shop);
    assert_eq!(shop.get("/admin/notes").at("/notes/0/title"), "Buy milk");
}

#[test]
fn a_module_that_would_be_served_all_the_same_is_not_removed() {
    let shop = Shop::open();
    shop.delete("/_wares/modules/customer").refuses(
        409,
        "not_allowed",
        "the module customer would be served without versions as well (built in): take that away and start \
         the host again, or use `wares module disable customer`",
    );
    assert_eq!(shop.get("/admin/customers").status, 200);
    // One of which versions are installed alone has nothing to be served from.
    let file = shop.data.path().join("other.wasm");
    std::fs::write(file, marked("name=other version=1.0.0")).unwrap();
    let installed = shop.run(&["module", "install", "other.wasm", "--grant=sql"]);
    assert!(installed.status.success(), "{}", text(&installed.stderr));
    let removed = shop.run(&["module", "remove", "other", "--all"]);
    assert_eq!(
        (text(&removed.stdout), text(&removed.stderr)),
        (
            "other is removed; its data stays\n".to_owned(),
            String::new()
        )
    );
    let unclear = shop.run(&["module", "remove", "other"]);
    assert!(text(&unclear.stderr).contains("<DIGEST>"), "{unclear:?}");
    let names = shop.get("/_wares/modules").value()["modules"].clone();
    assert_eq!(names[1], Value::Null);
}

#[test]
fn no_request_is_lost_while_a_module_is_removed() {
    let shop = Shop::open();
    add_notes(&shop);
    let ends = AtomicBool::new(false);
    let [answered, absent, lost] = [(); 3].map(|()| AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let answer = shop.get("/admin/notes");
                    let counted = match answer.status {
                        200 => &answered,
                        404 => &absent,
                        _ => &lost,
                    };
                    counted.fetch_add(1, Ordering::Relaxed);
                    if shop.get("/admin/customers").status != 200 {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let seen = |count: &AtomicUsize, least: usize| {
            let is_lost = || lost.load(Ordering::Relaxed) > 0;
            while count.load(Ordering::Relaxed) < least && !is_lost() {
                thread::yield_now();
            }
        };
        seen(&answered, 20);
        let removed = shop.delete(NOTES).status;
        seen(&absent, 20);
        ends.store(true, Ordering::Relaxed);
        assert_eq!(removed, 200);
    });
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    assert!(shop.server.stop_for_log().contains("stopped"));
}

#[test]
fn a_request_under_way_is_answered_by_a_module_that_is_disabled_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    fifo(&gate);
    let shop = Shop::open_with(|command| {
        let fault = format!("call.notes=wait:{}", gate.display());
        command.env("WARES_FAULT", fault);
    });
    add_notes(&shop);
    thread::scope(|scope| {
        let under_way = scope.spawn(|| shop.get("/admin/notes"));
        let runs = "wares_module_calls_running{module=\"notes\"} 1";
        while !shop.get("/metrics").body.contains(runs) {
            thread::yield_now();
        }
        let disabled = shop.ask("POST", &format!("{NOTES}/disable"), None);
        let removed = shop.delete(NOTES);
        let after = shop.get("/admin/notes");
        // Whatever these are, the request is let go.
        let _open = open_fifo(&gate);
        assert_eq!(disabled.status, 200, "{}", disabled.body);
        assert_eq!(removed.status, 200, "{}", removed.body);
        assert_eq!(after.status, 404, "{}", after.body);
        under_way.join().unwrap().is(
            200,
            json!({"notes": [], "count": 0, "offset": 0, "limit": 50}),
        );
    });
}

#[test]
fn a_host_killed_while_a_module_is_removed_serves_it_no_more() {
    let mut shop = Shop::open_with(|command| {
        command.env("WARES_FAULT", "remove.recorded");
    });
    add_notes(&shop);
    let removed = shop.run(&["module", "remove", "notes", "--all"]);
    assert!(!removed.status.success());
    shop.server.child.wait().unwrap();
    let shop = Shop::open_on(shop.data, |_| {});
    assert_eq!(shop.get("/admin/notes").status, 404);
    // Its versions are there to be removed, or put in service.
    assert_eq!(shop.get(NOTES).value()["module"]["version"], Value::Null);
    assert_eq!(shop.delete(NOTES).status, 200);
    shop.get(NOTES)
        .refuses(404, "not_found", "there is no module notes");
}
