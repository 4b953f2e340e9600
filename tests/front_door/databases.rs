//! Databases in trouble: locked by another process, removed, replaced. Which requests are
//! refused and how, how the host reports it, and how it ends.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Answer, JSON, Server, Shop, agent, data, marked, run, text};

const MOVED: &str = "the file of the database was removed or replaced";
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

fn customers(data: &Path) -> PathBuf {
    data.join("modules/customer.db")
}

fn write(shop: &Shop, email: &str) -> Answer {
    shop.post("/admin/customers", json!({"email": email}))
}

fn count(shop: &Shop) -> u64 {
    let list = shop.get("/admin/customers?limit=0");
    assert_eq!(list.status, 200, "{}", list.body);
    list.value()["count"].as_u64().unwrap()
}

fn health(shop: &Shop) -> (u16, String) {
    let health = shop.send("GET", "/health", &[], b"");
    assert_eq!(
        health.header("retry-after"),
        if health.status == 503 { "1" } else { "" }
    );
    (health.status, health.body)
}

fn until_healthy(shop: &Shop) {
    let end = Instant::now() + Duration::from_secs(60);
    while health(shop) != (200, "OK".to_owned()) {
        assert!(Instant::now() < end, "{:?}", health(shop));
    }
}

/// A refusal that says when to come back.
#[track_caller]
fn is_refused(answer: &Answer, message: &str) {
    answer.refuses(503, "unavailable", message);
    assert_eq!(answer.header("retry-after"), "1");
}

fn troubles(shop: &Shop, database: &str, kind: &str) -> u64 {
    shop.metric(&format!(
        "wares_database_troubles_total{{database=\"{database}\",kind=\"{kind}\"}}"
    ))
}

fn is_in_trouble(shop: &Shop, database: &str) -> u64 {
    shop.metric(&format!(
        "wares_database_in_trouble{{database=\"{database}\"}}"
    ))
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
        "WARN wares::storage::condition: the database of the module customer is in trouble: another process \
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
        .wait_for_log("what was done with a module cannot be kept");
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

/// Files that are out of the way, and how they come back.
struct Away(HashMap<PathBuf, PathBuf>);

impl Away {
    fn of(file: &Path) -> Self {
        let mut aside = file.as_os_str().to_owned();
        aside.push(".aside");
        let aside = PathBuf::from(aside);
        fs::rename(file, &aside).unwrap();
        Self([(file.to_owned(), aside)].into())
    }

    fn back(self) {
        for (file, aside) in self.0 {
            if file.is_dir() {
                fs::remove_dir_all(&file).unwrap();
            }
            fs::rename(aside, file).unwrap();
        }
    }
}

#[test]
fn moved_files_of_a_database_are_trouble_until_they_are_back() {
    let shop = Shop::open();
    let modules = shop.data.path().join("modules");
    let mut kept = 0;
    for (name, replaced) in [
        ("modules/customer.db", false),
        ("modules/customer.db", true),
        ("modules/customer.db-wal", false),
        ("modules/customer.db-shm", true),
        ("modules", false),
        ("modules", true),
    ] {
        assert_eq!(write(&shop, &format!("{kept}@shop.example")).status, 200);
        kept += 1;
        let file = shop.data.path().join(name);
        let away = Away::of(&file);
        if replaced && file == modules {
            fs::create_dir(&file).unwrap();
            for one in fs::read_dir(shop.data.path().join("modules.aside")).unwrap() {
                let one = one.unwrap();
                fs::copy(one.path(), file.join(one.file_name())).unwrap();
            }
        } else if replaced {
            fs::copy(away.0[&file].as_path(), &file).unwrap();
        }
        // The first writer notices it, unless no kept data is away.
        if name.ends_with("-shm") {
            assert_eq!(health(&shop).0, 503);
        }
        is_refused(&write(&shop, "lost@shop.example"), MOVED);
        is_refused(&shop.get("/admin/customers"), MOVED);
        let down = format!("Down\nTrouble with the database of the module customer: {MOVED}");
        assert_eq!(health(&shop), (503, down), "{name}");
        assert_eq!(is_in_trouble(&shop, "modules/customer.db"), 1);
        assert_eq!(shop.get("/admin/api-keys").status, 200);
        let log = shop.server.wait_for_log("is in trouble");
        let advice = if name.ends_with(".db") || name == "modules" {
            "it was removed, renamed or replaced: put the same file back".to_owned()
        } else {
            let name = file.file_name().unwrap().display();
            format!("{name} beside it was removed or replaced: put the same file back")
        };
        assert!(log.contains(&advice), "{log}");
        assert!(
            log.contains(&*customers(shop.data.path()).display().to_string()),
            "{log}"
        );
        away.back();
        assert_eq!(health(&shop), (200, "OK".to_owned()), "{name}");
        assert_eq!(count(&shop), kept, "{name}");
    }
    assert!(troubles(&shop, "modules/customer.db", "moved") >= 12);
    let Shop { server, data, .. } = shop;
    let log = server.stop_for_log();
    assert!(!log.contains("ERROR"), "{log}");
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(count(&shop), kept);
}

#[test]
fn a_removed_file_is_noticed_without_a_write() {
    let shop = Shop::open();
    let file = customers(shop.data.path());
    fs::remove_file(&file).unwrap();
    shop.server
        .wait_for_log("the database of the module customer is in trouble");
    is_refused(&shop.get("/admin/customers"), MOVED);
    is_refused(&write(&shop, "lost@shop.example"), MOVED);
    assert!(!file.exists(), "no other file may be created at its path");
}

#[test]
fn writes_in_a_removed_log_are_there_after_a_restart() {
    let mut shop = Shop::open();
    assert_eq!(write(&shop, "kept@shop.example").status, 200);
    let log = shop.data.path().join("modules/customer.db-wal");
    fs::remove_file(&log).unwrap();
    is_refused(&write(&shop, "refused@shop.example"), MOVED);
    assert!(shop.server.stop().success());
    shop.server = Server::start(shop.data.path(), |_| {});
    let found = shop.get("/admin/customers?fields=email").value();
    assert_eq!(found["customers"].as_array().unwrap().len(), 1);
    assert_eq!(found["customers"][0]["email"], "kept@shop.example");
}

#[test]
fn the_moved_database_of_the_host_is_trouble_until_it_is_back() {
    let shop = Shop::open();
    let file = shop.data.path().join("host.db");
    for replaced in [false, true] {
        let away = Away::of(&file);
        if replaced {
            fs::copy(away.0[&file].as_path(), &file).unwrap();
        }
        let down = format!("Down\nTrouble with the host's own database: {MOVED}");
        assert_eq!(health(&shop), (503, down));
        let missed = "The file of the database was removed or replaced: try again";
        is_refused(&shop.get("/admin/customers"), missed);
        is_refused(&shop.post("/auth/session", json!({})), missed);
        let log = shop
            .server
            .wait_for_log("the host's own database is in trouble");
        assert!(log.contains(&*file.display().to_string()), "{log}");
        away.back();
        assert_eq!(health(&shop), (200, "OK".to_owned()));
        assert_eq!(shop.post("/auth/session", json!({})).status, 200);
    }
    // All of them at once.
    let away = Away::of(shop.data.path());
    let (status, said) = health(&shop);
    assert_eq!(
        (status, &*said),
        (
            503,
            &*format!(
                "Down\nTrouble with the host's own database: {MOVED}\n\
                 Trouble with the database of the module customer: {MOVED}"
            )
        )
    );
    assert_eq!(shop.get("/admin/customers").status, 503);
    away.back();
    assert_eq!(health(&shop), (200, "OK".to_owned()));
    // Who writes first notices it as well.
    let away = Away::of(&file);
    let session = shop.post("/auth/session", json!({}));
    assert_eq!(session.status, 503, "{}", session.body);
    away.back();
    assert_eq!(shop.post("/auth/session", json!({})).status, 200);
}

/// How often the file goes away.
const MOVES: usize = 40;

#[test]
fn no_answered_write_is_lost_while_the_file_goes_away_and_comes_back() {
    let shop = Shop::open();
    let file = customers(shop.data.path());
    let stop = AtomicBool::new(false);
    let answers: Vec<(String, u16)> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                let (shop, stop) = (&shop, &stop);
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        let email = format!("w{writer}n{}@shop.example", answers.len());
                        let status = write(shop, &email).status;
                        answers.push((email, status));
                    }
                    answers
                })
            })
            .collect();
        for _ in 0..MOVES {
            let away = Away::of(&file);
            // A writer notices both.
            assert_eq!(write(&shop, "lost@shop.example").status, 503);
            away.back();
            let end = Instant::now() + Duration::from_secs(60);
            while health(&shop).0 != 200 {
                assert!(Instant::now() < end);
            }
        }
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect()
    });
    let Shop {
        mut server, data, ..
    } = shop;
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    drop(server);
    let shop = Shop::open_on(data, |_| {});
    let mut kept = std::collections::HashSet::new();
    let (mut answered, mut refused) = (0, 0);
    for offset in (0..).step_by(1_000) {
        let path = format!("/admin/customers?fields=email&limit=1000&offset={offset}");
        let page = shop.get(&path).value();
        let customers = page["customers"].as_array().unwrap().clone();
        let emails = customers
            .iter()
            .map(|one| one["email"].as_str().unwrap().to_owned());
        kept.extend(emails);
        if customers.len() < 1_000 {
            break;
        }
    }
    for (email, status) in &answers {
        match status {
            200 => {
                answered += 1;
                assert!(kept.contains(email), "{email} was answered, and is lost");
            }
            503 => refused += 1,
            _ => panic!("{status}"),
        }
    }
    assert!(
        answered > 0 && refused > 0,
        "{answered} answered, {refused} refused"
    );
    assert!(!kept.contains("lost@shop.example"));
}
