//! Modules of new names, which are put in service beside others while a host serves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Server, Shop, data, marked, text};

const NOTES: &str = "/_wares/modules/notes";

fn notes() -> Vec<u8> {
    std::fs::read(env!("NOTES_GUEST")).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Installs a component that is granted the capabilities.
fn put(shop: &Shop, path: &str, bytes: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let more = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{more}grant=sql&grant=events");
    shop.send("PUT", &path, &headers, bytes)
}

fn activate(shop: &Shop, name: &str, bytes: &[u8]) -> Answer {
    let path = format!("/_wares/modules/{name}/activate");
    shop.post(&path, json!({"digest": digest(bytes)}))
}

/// The names of the modules that are served or have versions, each with its version in service.
fn modules(shop: &Shop) -> Vec<(String, Value)> {
    let modules = shop.get("/_wares/modules").value();
    let modules = modules["modules"].as_array().unwrap().iter();
    modules
        .map(|module| {
            let name = module["name"].as_str().unwrap().to_owned();
            (name, module["version"].clone())
        })
        .collect()
}

fn has_database(shop: &Shop, name: &str) -> bool {
    shop.data.path().join(format!("modules/{name}.db")).exists()
}

#[test]
fn a_module_of_a_new_name_is_installed_activated_and_served_after_a_restart() {
    let shop = Shop::open();
    let bytes = notes();
    let not_found = |shop: &Shop| assert_eq!(shop.get("/admin/notes").status, 404);
    not_found(&shop);
    shop.get(NOTES)
        .refuses(404, "not_found", "there is no module notes");
    let version = json!({
        "digest": digest(&bytes), "version": "1.0.0", "state": "installed", "size_bytes": bytes.len(),
        "installed_at": "<time>", "installed_by": "<admin>", "signed_by": null
    });
    put(&shop, NOTES, &bytes).is(
        200,
        json!({"version": version, "module": {
            "name": "notes", "version": null, "digest": null, "source": null, "enabled": false, "circuit": "closed",
            "calls": {"made": 0, "failed": 0, "server_errors": 0, "mean_ms": 0.0},
            "canary": null, "grants": ["sql", "events"], "extension_points": [], "fills": [], "on_failure": null, "versions": [version], "changes": [], "failures": []
        }}),
    );
    // It is kept, and nothing is served or made of it.
    not_found(&shop);
    assert!(!has_database(&shop, "notes"));
    assert_eq!(modules(&shop)[1], ("notes".to_owned(), Value::Null));
    let in_service = "no version of the module notes is in service: `wares module activate notes DIGEST` puts one \
         in service, and `wares module list notes` has those that are installed";
    for change in ["rollback", "deactivate", "promote"] {
        shop.ask("POST", &format!("{NOTES}/{change}"), None)
            .refuses(409, "not_allowed", in_service);
    }
    let activated = activate(&shop, "notes", &bytes);
    assert_eq!(activated.status, 200, "{}", activated.body);
    assert_eq!(activated.at("/version/state"), "active");
    assert_eq!(activated.at("/module/source"), "version");
    let made = shop.post("/admin/notes", json!({"title": "Buy milk"}));
    assert_eq!(made.status, 200, "{}", made.body);
    let document = shop.get("/openapi.json").value();
    assert!(document["paths"]["/admin/notes"]["post"].is_object());
    let metrics = shop.get("/metrics").body;
    assert!(
        metrics.contains("wares_module_calls_running{module=\"notes\"} 0"),
        "{metrics}"
    );
    let entries = shop.audit_fields("?limit=4", &["action", "module", "outcome"]);
    assert_eq!(
        json!(entries),
        json!([
            ["activate", "notes", "done"],
            ["deactivate", "notes", "refused"],
            ["rollback", "notes", "refused"],
            ["install", "notes", "done"],
        ])
    );
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(shop.get("/admin/notes").at("/notes/0/title"), "Buy milk");
    assert_eq!(modules(&shop)[1], ("notes".to_owned(), json!("1.0.0")));
}

#[test]
fn an_installed_version_without_service_outlasts_a_restart_and_is_removed() {
    let shop = Shop::open();
    let bytes = notes();
    assert_eq!(put(&shop, NOTES, &bytes).status, 200);
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    // Settings may name it before it is served.
    let setting = "modules.notes.limits.calls_max=3";
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", setting]);
    });
    assert_eq!(modules(&shop)[1], ("notes".to_owned(), Value::Null));
    let version = format!("{NOTES}/versions/{}", digest(&bytes));
    shop.delete(&format!("{NOTES}/versions/abc")).refuses(
        404,
        "not_found",
        "the module notes has no version abc",
    );
    shop.delete(&version).is(
        200,
        json!({"digest": digest(&bytes), "object": "module_version", "deleted": true}),
    );
    shop.delete(&version)
        .refuses(404, "not_found", "there is no module notes");
    let file = format!("versions/{}.wasm", digest(&bytes));
    assert!(!shop.data.path().join(file).exists());
    assert_eq!(modules(&shop).len(), 1);
}

#[test]
fn a_new_module_that_cannot_be_served_is_refused_and_leaves_nothing() {
    let shop = Shop::open();
    let path = |query: &str| format!("/_wares/modules/other{query}");
    let collision = |first: &str, second: &str| {
        format!(
            "the routes {first} and {second} match the same paths, and a path belongs to one component: \
             change one of them"
        )
    };
    for (query, mark, status, kind, message) in [
        (
            "?activate=true",
            "name=other version=1.0.0 route=/admin/customers",
            400,
            "invalid_component",
            collision(
                "GET /admin/customers of the module customer",
                "GET /admin/customers of the module other",
            ),
        ),
        (
            "",
            "version=1.0.0",
            400,
            "invalid_component",
            "it is the module 'marked', not 'other'".to_owned(),
        ),
        (
            "?activate=true",
            "name=other version=1.0.0 steps=3",
            400,
            "failed_migration",
            "the schema: the migration 0003_broken fails at statement 2: no such table: nowhere".to_owned(),
        ),
        (
            "?canary=10%25",
            "name=other version=1.0.0",
            409,
            "not_allowed",
            "no version of the module other is in service that a canary could be compared with: activate one"
                .to_owned(),
        ),
    ] {
        put(&shop, &path(query), &marked(mark)).refuses(status, kind, &message);
        shop.get(&path(""))
            .refuses(404, "not_found", "there is no module other");
        assert!(!has_database(&shop, "other"));
    }
    let versions = std::fs::read_dir(shop.data.path().join("versions"));
    assert!(versions.is_err() || versions.unwrap().next().is_none());
    // Two that collide with one another are installed, and one of them is served.
    let [one, two] = ["one", "two"].map(|name| {
        let bytes = marked(&format!("name={name} version=1.0.0 at=/admin/same"));
        let installed = put(&shop, &format!("/_wares/modules/{name}"), &bytes);
        assert_eq!(installed.status, 200, "{}", installed.body);
        bytes
    });
    assert_eq!(activate(&shop, "one", &one).status, 200);
    activate(&shop, "two", &two).refuses(
        400,
        "invalid_component",
        &collision(
            "GET /admin/same of the module one",
            "GET /admin/same of the module two",
        ),
    );
    assert!(has_database(&shop, "one") && !has_database(&shop, "two"));
    assert_eq!(shop.get("/admin/same").status, 200);
    let entries = shop.audit_fields("?limit=1", &["action", "module", "outcome"]);
    assert_eq!(json!(entries), json!([["activate", "two", "refused"]]));
}

#[test]
fn a_host_takes_eight_new_modules_and_after_a_restart_more() {
    let shop = Shop::open();
    let add = |shop: &Shop, number: usize| {
        let bytes = marked(&format!("name=m{number} version=1.0.0"));
        let path = format!("/_wares/modules/m{number}?activate=true");
        put(shop, &path, &bytes)
    };
    for number in 1..=8 {
        let added = add(&shop, number);
        assert_eq!(added.status, 200, "{}", added.body);
    }
    add(&shop, 9).refuses(
        409,
        "not_allowed",
        "9 modules are served, and the host has instances for the calls of no more: start it again, which makes \
         room for more",
    );
    assert!(!has_database(&shop, "m9"));
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |_| {});
    let added = add(&shop, 9);
    assert_eq!(added.status, 200, "{}", added.body);
    for number in 1..=9 {
        assert_eq!(shop.get(&format!("/admin/m{number}")).status, 200);
    }
}

#[test]
fn no_request_to_others_is_lost_while_a_module_is_added() {
    let shop = Shop::open();
    let (ends, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let list = shop.get("/admin/customers");
                    assert_eq!(list.status, 200, "{}", list.body);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let added = put(&shop, &format!("{NOTES}?activate=true"), &notes());
        ends.store(true, Ordering::Relaxed);
        assert_eq!(added.status, 200, "{}", added.body);
    });
    assert_eq!(shop.get("/admin/notes").status, 200);
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_host_killed_while_a_module_is_added_starts_with_it_or_without() {
    for (point, status) in [("activate.prepared", 404), ("activate.recorded", 200)] {
        let mut shop = Shop::open_with(|command| {
            command.env("WARES_FAULT", point);
        });
        let file = shop.data.path().join("notes.wasm");
        std::fs::write(&file, notes()).unwrap();
        let added = shop.run(&[
            "module",
            "install",
            "notes.wasm",
            "--activate",
            "--grant=sql,events",
        ]);
        assert!(!added.status.success());
        shop.server.child.wait().unwrap();
        let shop = Shop::open_on(shop.data, |_| {});
        assert_eq!(shop.get("/admin/notes").status, status, "{point}");
        // The version was kept before.
        assert_eq!(modules(&shop)[1].0, "notes", "{point}");
    }
}

#[test]
fn commands_add_a_module_with_a_host_and_without() {
    let data = data();
    for running in [true, false] {
        let server = running.then(|| Server::start(data.path(), |_| {}));
        let (name, bytes) = match running {
            true => ("notes", notes()),
            false => ("other", marked("name=other version=1.0.0")),
        };
        let digest = digest(&bytes);
        let file = data.path().join("new.wasm");
        std::fs::write(&file, bytes).unwrap();
        let did = |arguments: &[&str], said: &str| {
            let mut all = arguments.to_vec();
            all.extend(["--data", data.path().to_str().unwrap()]);
            let done = crate::harness::run(all);
            assert_eq!(
                (text(&done.stdout), text(&done.stderr)),
                (said.to_owned(), String::new()),
                "{arguments:?}"
            );
        };
        did(
            &[
                "module",
                "install",
                file.to_str().unwrap(),
                "--grant",
                "sql",
                "--grant",
                "events",
            ],
            &format!("{name} has 1.0.0 {digest}\n"),
        );
        did(
            &["module", "status", name],
            &format!("{name} is not served\n"),
        );
        did(
            &["module", "activate", name, &digest],
            &format!("{name} serves 1.0.0 {digest}\n"),
        );
        drop(server);
    }
    let shop = Shop::open_on(data, |_| {});
    for path in ["/admin/notes", "/admin/other"] {
        assert_eq!(shop.get(path).status, 200, "{path}");
    }
}
