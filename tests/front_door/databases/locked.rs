//! Databases that another process locks.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{count, customers, health, is_in_trouble, is_refused, troubles, until_healthy, write};
use crate::harness::{JSON, Shop, agent, data, marked, run, text};

const BUSY: &str = "Others write to the database, and this had to wait too long for its turn: \
                    nothing was changed, try again";

/// Another process that holds a database for writing, until it is dropped.
struct Holder(Connection);

impl Holder {
    fn of(file: &Path) -> Self {
        let connection = Connection::open(file).unwrap();
        connection.execute_batch("begin immediate").unwrap();
        Self(connection)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.execute_batch("rollback").unwrap();
    }
}

/// Creates that are begun, each on a connection of its own; how they were answered, and
/// after what time.
fn creates(shop: &Shop, number: usize) -> mpsc::Receiver<(u16, Duration)> {
    let (sender, receiver) = mpsc::channel();
    for number in 0..number {
        let (sender, url) = (sender.clone(), shop.url("/admin/customers"));
        let bearer = format!("Bearer {}", shop.token);
        std::thread::spawn(move || {
            let begun = Instant::now();
            let request = agent()
                .post(&url)
                .header("authorization", &bearer)
                .header(JSON.0, JSON.1);
            let body = json!({"email": format!("n{number}@shop.example")}).to_string();
            let status = request
                .send(body)
                .map_or(0, |answer| answer.status().as_u16());
            let _ = sender.send((status, begun.elapsed()));
        });
    }
    receiver
}

#[test]
fn lists_answer_while_many_writes_wait_for_another_process() {
    for calls_max in [1, 2] {
        let shop = Shop::open_with(|command| {
            let calls_max = format!("limits.calls_max={calls_max}");
            command.args(["--set", &calls_max]);
            command.args(["--set", "limits.calls_waiting_max=10"]);
            command.args(["--set", "limits.sql_writer_wait_ms=50000"]);
            command.args(["--set", "limits.call_ms=100000"]);
        });
        let holder = Holder::of(&customers(shop.data.path()));
        let answers = creates(&shop, 10);
        shop.until_running("customer", 2);
        for _ in 0..20 {
            assert_eq!(count(&shop), 0);
        }
        // The host's own reads of a module wait for no writer of the module.
        assert_eq!(shop.get("/_wares/modules/customer").status, 200);
        let events = shop.run(&["events", "customer"]);
        assert!(events.status.success(), "{}", text(&events.stderr));
        assert!(answers.try_recv().is_err(), "no write can have been made");
        drop(holder);
        let statuses: Vec<u16> = answers.iter().map(|(status, _)| status).collect();
        assert_eq!(statuses, [200; 10]);
        assert_eq!(count(&shop), 10);
        assert_eq!(health(&shop), (200, "OK".to_owned()));
    }
}

#[test]
fn a_write_waits_for_a_bounded_time_behind_any_others() {
    let mut shop = Shop::open_with(|command| {
        command.args(["--set", "limits.calls_max=2"]);
        command.args(["--set", "limits.sql_writer_wait_ms=1500"]);
    });
    let before = count(&shop);
    let holder = Holder::of(&customers(shop.data.path()));
    // Many more than may wait in the module, and so before it.
    let waited: Vec<(u16, Duration)> = creates(&shop, 12).iter().collect();
    let least = waited.iter().map(|(_, time)| *time).min().unwrap();
    let most = waited.iter().map(|(_, time)| *time).max().unwrap();
    assert!(
        waited.iter().all(|(status, _)| *status == 503),
        "{waited:?}"
    );
    assert!(least >= Duration::from_millis(1_500), "{waited:?}");
    assert!(most < least * 2, "{waited:?}");
    is_refused(&write(&shop, "a@shop.example"), BUSY);
    assert_eq!(
        health(&shop),
        (
            200,
            "OK\nTrouble with the database of the module customer, which can be read: \
             another process holds the database for writing"
                .to_owned()
        )
    );
    assert_eq!(troubles(&shop, "modules/customer.db", "locked"), 13);
    assert_eq!(is_in_trouble(&shop, "modules/customer.db"), 1);
    let log = shop.server.wait_for_log("is in trouble");
    let line = format!(
        "wares::storage::sqlite::condition: the database of the module customer is in trouble: another process \
         holds it for writing: end that process or its transaction file={} kind=\"locked\"",
        customers(shop.data.path()).display()
    );
    assert_eq!(log.matches("is in trouble").count(), 1, "{log}");
    assert!(log.contains(&line), "{log}");
    assert_eq!(count(&shop), before);
    drop(holder);
    until_healthy(&shop);
    shop.server
        .wait_for_log("the database of the module customer works again");
    assert_eq!(write(&shop, "a@shop.example").status, 200);
    assert!(shop.server.stop().success());
}

#[test]
fn the_hosts_own_database_is_read_while_another_process_writes() {
    let shop = Shop::open();
    let made = shop.post("/admin/api-keys", json!({"title": "x", "type": "secret"}));
    let secret = format!("Bearer {}", made.at("/api_key/token"));
    let holder = Holder::of(&shop.data.path().join("host.db"));
    for credentials in [&*secret, &format!("Bearer {}", shop.token)] {
        let headers = [("authorization", credentials), JSON];
        let list = shop.send("GET", "/admin/customers", &headers, b"");
        assert_eq!(list.status, 200, "{}", list.body);
        let body = json!({"email": format!("{}@shop.example", credentials.len())}).to_string();
        let made = shop.send("POST", "/admin/customers", &headers, body.as_bytes());
        assert_eq!(made.status, 200, "{}", made.body);
    }
    let key_of = |shop: &Shop| shop.get("/admin/api-keys").value()["api_keys"][0].clone();
    assert_eq!(key_of(&shop)["last_used_at"], json!(null));
    // No request was refused, so no trouble is reported.
    assert_eq!(health(&shop), (200, "OK".to_owned()));
    assert_eq!(shop.get("/_wares/modules").status, 200);
    let held = "Another process holds the database for writing: try again";
    is_refused(&shop.post("/auth/session", json!({})), held);
    let key = json!({"title": "y", "type": "secret"});
    is_refused(&shop.post("/admin/api-keys", key.clone()), held);
    let component = shop.post("/_wares/modules/customer/rollback", json!({}));
    assert_ne!(component.status, 500, "{}", component.body);
    let (status, said) = health(&shop);
    assert_eq!(status, 200);
    assert_eq!(
        said,
        "OK\nTrouble with the host's own database, which can be read: another process holds the database for writing"
    );
    assert!(troubles(&shop, "host.db", "locked") >= 2);
    let log = shop
        .server
        .wait_for_log("the host's own database is in trouble");
    assert!(log.contains("host.db"), "{log}");
    drop(holder);
    until_healthy(&shop);
    assert_eq!(shop.post("/auth/session", json!({})).status, 200);
    assert_eq!(shop.post("/admin/api-keys", key).status, 200);
    let list = shop.send(
        "GET",
        "/admin/customers",
        &[("authorization", &secret)],
        b"",
    );
    assert_eq!(list.status, 200);
    assert!(key_of(&shop)["last_used_at"].is_string());
}

#[test]
fn a_change_of_a_module_that_cannot_be_recorded_is_not_made() {
    let folder = data();
    fs::write(
        folder.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let shop = Shop::open_on(folder, |_| {});
    let module = "/_wares/modules/marked";
    let installed = |query: &str, version: &str| {
        let bearer = format!("Bearer {}", shop.token);
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/wasm"),
        ];
        let bytes = marked(&format!("version={version}"));
        let put = shop.send("PUT", &format!("{module}{query}"), &headers, &bytes);
        assert_eq!(put.status, 200, "{}", put.body);
        put.at("/version/digest")
    };
    installed("?activate=true", "2.0.0");
    let third = installed("", "3.0.0");
    let changes = [
        ("rollback", json!({}), "1.0.0"),
        ("activate", json!({"digest": third}), "3.0.0"),
        ("deactivate", json!({}), "1.0.0"),
    ];
    let change = |act: &str, body: &Value| shop.post(&format!("{module}/{act}"), body.clone());
    let serving = || shop.get("/admin/marked").at("/version");
    let before = shop.audit_entries("?limit=100");
    let holder = Holder::of(&shop.data.path().join("host.db"));
    std::thread::scope(|scope| {
        let changes = changes
            .each_ref()
            .map(|(act, body, _)| scope.spawn(|| change(act, body)));
        for answer in changes {
            let held = "Another process holds the database for writing: try again";
            is_refused(&answer.join().unwrap(), held);
        }
    });
    assert_eq!(serving(), "2.0.0");
    assert_eq!(shop.audit_entries("?limit=100"), before);
    let log = shop
        .server
        .wait_for_log("the audit entry cannot be written");
    assert!(log.contains("outcome=\"refused\""), "{log}");
    drop(holder);
    until_healthy(&shop);
    for (act, body, version) in &changes {
        let answer = change(act, body);
        assert_eq!(answer.status, 200, "{act} {}", answer.body);
        assert_eq!(serving(), *version);
    }
    assert_eq!(
        shop.audit_entries("?limit=100").len(),
        before.len() + changes.len()
    );
}

#[test]
fn a_host_starts_while_another_process_holds_its_databases() {
    let folder = data();
    let of_customers = Holder::of(&customers(folder.path()));
    let holder = Holder::of(&folder.path().join("host.db"));
    let shop = Shop::open_on(folder, |_| {});
    assert_eq!(count(&shop), 0);
    drop(of_customers);
    assert_eq!(write(&shop, "a@shop.example").status, 200);
    let listed = run([
        "key".as_ref(),
        "list".as_ref(),
        "--data".as_ref(),
        shop.data.path().as_os_str(),
    ]);
    assert!(listed.status.success(), "{}", text(&listed.stderr));
    let made = shop.run(&["key", "create", "--title", "x"]);
    assert!(!made.status.success());
    let file = shop.data.path().join("host.db");
    assert_eq!(
        text(&made.stderr),
        format!(
            "wares: {}: another process holds it for writing: end that process or its transaction\n",
            file.display()
        )
    );
    drop(holder);
    assert!(
        shop.run(&["key", "create", "--title", "x"])
            .status
            .success()
    );
}
