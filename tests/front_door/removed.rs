//! Whole modules that are removed while the host serves.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Shop, fifo, marked, open_fifo, text, wait_until};

const NOTES: &str = "/_wares/modules/notes";

/// Installs a version of the notes, and puts it in service.
fn add_notes(shop: &Shop) {
    let bearer = format!("Bearer {}", shop.token);
    let bytes = std::fs::read(env!("NOTES_GUEST")).unwrap();
    let path = format!("{NOTES}?activate=true&grant=sql&grant=events");
    let added = shop.send("PUT", &path, &[("authorization", &bearer)], &bytes);
    assert_eq!(added.status, 200, "{}", added.body);
}

fn restarted(shop: Shop) -> Shop {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    Shop::open_on(data, |_| {})
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
            wait_until("enough answers were seen", || {
                count.load(Ordering::Relaxed) >= least || is_lost()
            });
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
        wait_until("a call runs", || shop.get("/metrics").body.contains(runs));
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
    let disabled = shop.ask("POST", &format!("{NOTES}/disable"), None);
    assert_eq!(disabled.status, 200, "{}", disabled.body);
    let removed = shop.run(&["module", "remove", "notes", "--all"]);
    assert!(!removed.status.success());
    shop.server.child.wait().unwrap();
    let shop = Shop::open_on(shop.data, |_| {});
    assert_eq!(shop.get("/admin/notes").status, 404);
    // Its versions are there to be removed, or put in service.
    assert_eq!(shop.get(NOTES).value()["module"]["version"], Value::Null);
    let digest = shop.get(NOTES).at("/module/versions/0/digest");
    let activate = format!("{NOTES}/activate");
    let activated = shop.post(&activate, json!({"digest": digest}));
    assert_eq!(activated.status, 200, "{}", activated.body);
    assert_eq!(shop.get("/admin/notes").status, 200);
    // It is not what was disabled before, in the next start as little.
    let shop = restarted(shop);
    assert_eq!(shop.get("/admin/notes").status, 200);
    assert_eq!(shop.delete(NOTES).status, 200);
    shop.get(NOTES)
        .refuses(404, "not_found", "there is no module notes");
}

const MARKED: &str = "/_wares/modules/marked";

/// Has version 1.0.0 of the module `marked` in service, and version 2.0.0 as its canary.
fn add_canary(shop: &Shop) {
    let bearer = format!("Bearer {}", shop.token);
    for (query, version) in [("activate=true", "1.0.0"), ("canary=50%25", "2.0.0")] {
        let path = format!("{MARKED}?grant=sql&{query}");
        let bytes = marked(&format!("version={version}"));
        let added = shop.send("PUT", &path, &[("authorization", &bearer)], &bytes);
        assert_eq!(added.status, 200, "{}", added.body);
    }
}

/// The files that a host has open of a module's database.
#[cfg(target_os = "linux")]
fn open_files(shop: &Shop, database: &str) -> usize {
    let fds = format!("/proc/{}/fd", shop.server.child.id());
    let files = std::fs::read_dir(fds).unwrap();
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().contains(database))
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_of_a_removed_module_and_its_canary_stays_loaded() {
    let shop = Shop::open();
    add_canary(&shop);
    assert!(open_files(&shop, "modules/marked.db") > 0);
    assert_eq!(shop.delete(MARKED).status, 200);
    // Its versions have the database open until they are dropped.
    let is_closed = || open_files(&shop, "modules/marked.db") == 0;
    wait_until("all versions are dropped", is_closed);
    assert_eq!(shop.get("/admin/customers").status, 200);
}

#[test]
fn a_change_that_began_before_a_removal_leaves_nothing_of_the_module() {
    for change in ["disable", "promote"] {
        let folder = tempfile::tempdir().unwrap();
        let [reached, held] = ["reached", "held"].map(|name| folder.path().join(name));
        let point = format!("{change}.begun.marked");
        let wait = |path: &Path| format!("{point}=wait:{}", path.display());
        let shop = Shop::open_with(|command| {
            command.env("WARES_FAULT", format!("{},{}", wait(&reached), wait(&held)));
        });
        add_canary(&shop);
        fifo(&reached);
        fifo(&held);
        let path = format!("{MARKED}/{change}");
        thread::scope(|scope| {
            let late = scope.spawn(|| shop.ask("POST", &path, None));
            drop(open_fifo(&reached));
            let removed = shop.delete(MARKED);
            let _open = open_fifo(&held);
            assert_eq!(removed.status, 200, "{}", removed.body);
            let late = late.join().unwrap();
            late.refuses(404, "not_found", "there is no module marked");
        });
        let entries = shop.audit_fields("?limit=2", &["action", "outcome"]);
        assert_eq!(
            json!(entries),
            json!([[change, "refused"], ["remove", "done"]])
        );
        let shop = restarted(shop);
        assert_eq!(shop.get("/_wares/modules").value()["failures"], json!([]));
        add_canary(&shop);
        let shop = restarted(shop);
        assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
    }
}

#[test]
fn a_removal_that_leaves_something_behind_has_failed_and_is_told() {
    let shop = Shop::open();
    add_notes(&shop);
    let digest = shop.get(NOTES).at("/module/digest");
    let file = shop.data.path().join(format!("versions/{digest}.wasm"));
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let removed = shop.delete(NOTES);
    assert_eq!(removed.status, 500, "{}", removed.body);
    let said = removed.at("/message");
    let begins =
        "the module notes is out of service, and not all that is kept of it could be removed: ";
    assert!(said.starts_with(begins), "{said}");
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    let entries = shop.audit_fields("?limit=1", &["action", "module", "outcome", "detail"]);
    assert_eq!(json!(entries), json!([["remove", "notes", "failed", said]]));
    // The rest of it is gone, and it can be added again.
    assert_eq!(shop.get("/admin/notes").status, 404);
    shop.get(NOTES)
        .refuses(404, "not_found", "there is no module notes");
    std::fs::remove_dir(&file).unwrap();
    add_notes(&shop);
    assert_eq!(shop.get("/admin/notes").status, 200);
}
