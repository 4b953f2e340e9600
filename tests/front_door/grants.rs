//! What a component wants, and what its module is granted: said at the installation, asked for
//! at a terminal, kept by the module's name, and decided by the settings where they say it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, data, marked, meddler, text, wares};

fn notes() -> Vec<u8> {
    std::fs::read(env!("NOTES_GUEST")).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Installs a component as a version of a module.
fn put(shop: &Shop, name: &str, query: &str, bytes: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let path = format!("/_wares/modules/{name}{query}");
    shop.send("PUT", &path, &headers, bytes)
}

fn grants(shop: &Shop, name: &str) -> Value {
    shop.get(&format!("/_wares/modules/{name}")).value()["module"]["grants"].clone()
}

fn restarted(shop: Shop, setting: &str) -> Shop {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    Shop::open_on(data, |command| {
        command.args(["--set", setting]);
    })
}

#[test]
fn a_new_module_has_what_it_is_granted_and_no_more() {
    let shop = Shop::open();
    for (query, wants, flags) in [
        ("", "sql and events", "--grant sql --grant events"),
        ("?grant=sql&grant=hooks", "events", "--grant events"),
    ] {
        put(&shop, "notes", query, &notes()).refuses(
            409,
            "not_granted",
            &format!(
                "the component wants {wants}, which the module notes is not granted: install it with {flags}, \
                 or set modules.notes.grants"
            ),
        );
    }
    shop.get("/_wares/modules/notes")
        .refuses(404, "not_found", "there is no module notes");
    put(&shop, "notes", "?grant=files", &notes()).is_invalid(
        "Expected: 'sql, events, http, http-in-hooks, hooks, operations, fields, subscriptions' for field 'grant', but got: 'files'",
    );
    let query = "?grant=events&grant=sql&activate=true";
    let installed = put(&shop, "notes", query, &notes());
    assert_eq!(installed.status, 200, "{}", installed.body);
    assert_eq!(grants(&shop, "notes"), json!(["sql", "events"]));
    let entries = shop.audit_fields("?limit=2", &["action", "module", "outcome", "detail"]);
    assert_eq!(
        json!(entries),
        json!([
            ["activate", "notes", "done", ""],
            ["install", "notes", "done", "granted events, sql"],
        ])
    );
    // They are kept, and the settings go before them.
    let shop = restarted(shop, "log.level=info");
    assert_eq!(grants(&shop, "notes"), json!(["sql", "events"]));
    assert_eq!(shop.get("/admin/notes").status, 200);
    let shop = restarted(shop, "modules.notes.grants=sql");
    assert_eq!(shop.get("/admin/notes").status, 404);
    let failures = shop.get("/_wares/modules").value()["failures"].clone();
    let reason = failures[0]["reason"].as_str().unwrap();
    assert!(
        reason.ends_with(
            "it imports wares:platform/events@1.2.0, which it is not granted: add \"events\" to modules.notes.grants"
        ),
        "{reason}"
    );
}

#[test]
fn an_upgrade_that_wants_more_is_refused_with_the_difference() {
    let shop = Shop::open();
    let first = marked("name=alpha version=1.0.0");
    let installed = put(&shop, "alpha", "?grant=sql", &first);
    assert_eq!(installed.status, 200, "{}", installed.body);
    let second = meddler("alpha");
    put(&shop, "alpha", "", &second).refuses(
        409,
        "not_granted",
        "the component wants hooks=customer and operations=customer, which the module alpha is not granted: \
         install it with --grant hooks=customer --grant operations=customer, or set modules.alpha.grants",
    );
    // What is granted of one package is not granted of another.
    put(&shop, "alpha", "?grant=hooks=orders&grant=operations", &second).refuses(
        409,
        "not_granted",
        "the component wants hooks=customer, which the module alpha is not granted: install it with \
         --grant hooks=customer, or set modules.alpha.grants",
    );
    assert_eq!(grants(&shop, "alpha"), json!(["sql"]));
    let installed = put(
        &shop,
        "alpha",
        "?grant=hooks=customer&grant=operations",
        &second,
    );
    assert_eq!(installed.status, 200, "{}", installed.body);
    assert_eq!(
        grants(&shop, "alpha"),
        json!(["sql", "hooks=customer", "operations"])
    );
    // A further one that wants no more needs no word.
    let third = put(&shop, "alpha", "", &marked("name=alpha version=3.0.0"));
    assert_eq!(third.status, 200, "{}", third.body);
    // With its last version a module that is not in service loses its grants.
    for bytes in [&first, &second, &marked("name=alpha version=3.0.0")] {
        let path = format!("/_wares/modules/alpha/versions/{}", digest(bytes));
        assert_eq!(shop.delete(&path).status, 200);
    }
    assert_eq!(put(&shop, "alpha", "", &first).at("/type"), "not_granted");
}

#[test]
fn the_settings_decide_where_they_say_what_a_module_is_granted() {
    let data = data();
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", "modules.marked.grants=sql"]);
    });
    let second = marked("version=2.0.0");
    put(&shop, "marked", "?grant=events", &second).refuses(
        409,
        "not_allowed",
        "modules.marked.grants says what this module is granted: change it there",
    );
    let installed = put(&shop, "marked", "?grant=sql", &second);
    assert_eq!(installed.status, 200, "{}", installed.body);
    assert_eq!(grants(&shop, "marked"), json!(["sql"]));
    // Without a word in the settings a module that the host found has the capabilities.
    let shop = restarted(shop, "log.level=info");
    assert_eq!(grants(&shop, "marked"), json!(["sql", "events"]));
}

#[test]
fn an_extension_is_granted_its_hooks_and_called_once_it_is_activated() {
    let data = data();
    let file = data.path().join("alpha.wasm");
    std::fs::write(&file, meddler("alpha")).unwrap();
    let command = |arguments: &[&str]| {
        let mut all = vec!["module", "install", file.to_str().unwrap()];
        all.extend(arguments);
        all.extend(["--data", data.path().to_str().unwrap()]);
        let done = crate::harness::run(all);
        (text(&done.stdout), text(&done.stderr))
    };
    assert_eq!(
        command(&[]),
        (
            String::new(),
            "wares: the component wants hooks=customer and operations=customer, which the module alpha is not \
             granted: install it with --grant hooks=customer --grant operations=customer, or set \
             modules.alpha.grants\n"
                .to_owned()
        )
    );
    let digest = digest(&meddler("alpha"));
    assert_eq!(
        command(&["--grant", "hooks=customer,operations"]),
        (format!("alpha has 1.2.3 {digest}\n"), String::new())
    );
    let setting = "modules.alpha.config.does=signs";
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", setting]);
    });
    let signed = |shop: &Shop, email: &str| {
        let made = shop.post("/admin/customers", json!({"email": email}));
        assert_eq!(made.status, 200, "{}", made.body);
        made.value()["customer"]["company_name"].clone()
    };
    assert_eq!(signed(&shop, "a@shop.example"), Value::Null);
    let body = json!({"digest": digest});
    let activated = shop.post("/_wares/modules/alpha/activate", body);
    assert_eq!(activated.status, 200, "{}", activated.body);
    assert_eq!(signed(&shop, "b@shop.example"), "alpha;");
    let shop = restarted(shop, setting);
    assert_eq!(signed(&shop, "c@shop.example"), "alpha;");
}

/// Runs `wares module install` at a terminal, and types an answer.
fn at_a_terminal(data: &TempDir, typed: &str) -> String {
    let file = data.path().join("notes.wasm");
    std::fs::write(&file, notes()).unwrap();
    let command = format!(
        "'{}' module install '{}' --data '{}'",
        wares().get_program().display(),
        file.display(),
        data.path().display()
    );
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]);
    for (name, value) in wares().get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let mut terminal = terminal
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typing = terminal.stdin.take().unwrap();
    typing.write_all(typed.as_bytes()).unwrap();
    let done = terminal.wait_with_output().unwrap();
    drop(typing);
    text(&done.stdout).replace('\r', "")
}

#[test]
#[cfg(target_os = "linux")]
fn at_a_terminal_the_operator_is_shown_what_a_component_wants_and_asked() {
    let data = data();
    let question = "notes 1.0.0: Notes\n  \
         wants sql: reads and writes its own database\n  \
         wants events: keeps events in the transactions of its own database\n  \
         serves GET /admin/notes\n  \
         serves POST /admin/notes\n\
         Grant sql, events to notes? [y/N] ";
    let refused = at_a_terminal(&data, "n\n");
    assert!(
        refused.ends_with("wares: notes is not granted sql, events, and nothing is installed\n"),
        "{refused}"
    );
    assert!(refused.contains(question), "{refused}");
    let installed = at_a_terminal(&data, "y\n");
    let said = format!("notes has 1.0.0 {}\n", digest(&notes()));
    assert!(installed.ends_with(&said), "{installed}");
    // What is granted is not asked for again.
    let again = at_a_terminal(&data, "");
    assert!(
        !again.contains("Grant") && again.ends_with(&said),
        "{again}"
    );
}
