//! A module that was built against the first version of the contracts, in
//! today's host, beside the bundled one, which was built against the latest.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Shop, data, fixture_module_1_0_0, root, run, text, wares};

/// Its routes lie where nothing lies by default.
const PREFIXES: &str = "--set=modules.notebook.path_prefixes=/notebook";

fn shop() -> Shop {
    let component = fixture_module_1_0_0().display();
    Shop::open_with(|command| {
        command.args([
            &format!("--set=modules.notebook.component={component}"),
            "--set=modules.notebook.config.title=Notes of old",
            PREFIXES,
        ]);
    })
}

fn note(id: i64, body: &Value, parent: Option<i64>) -> Value {
    let length = body.to_string().len();
    // A whole number is written without a fraction, as Rust does.
    let weight = if length.is_multiple_of(2) {
        json!(length / 2)
    } else {
        json!(length as f64 / 2.0)
    };
    json!({"id": id, "body": body, "weight": weight, "seal": [length, 255], "parent": parent})
}

fn made(id: i64, body: &Value, parent: Option<i64>) -> Value {
    json!({"note": note(id, body, parent), "by": {"kind": "user", "id": "<admin>"}})
}

#[test]
fn a_module_against_1_0_0_serves_its_routes() {
    let shop = shop();
    let (first, reply) = (json!({"say": "hello"}), json!({"say": "hello yourself"}));
    let notes = "/notebook/notes";
    let anyone = |path: &str| shop.send("GET", path, &[], b"");
    anyone(notes).is(200, json!({"notes": []}));

    assert_eq!(shop.send("POST", notes, &[], b"").status, 401);
    shop.post(notes, first.clone())
        .is(201, made(1, &first, None));
    shop.post("/notebook/notes/1/replies", reply.clone())
        .is(201, made(2, &reply, Some(1)));
    anyone(notes).is(
        200,
        json!({"notes": [note(1, &first, None), note(2, &reply, Some(1))]}),
    );
    anyone("/notebook/notes/2").is(200, note(2, &reply, Some(1)));
    anyone("/notebook/notes/3").is(404, json!({"error": "missing"}));

    // Refused by the schema.
    shop.post(notes, first.clone())
        .is(409, json!({"error": "unique note.body"}));
    shop.post("/notebook/notes/9/replies", json!({"say": "who?"}))
        .is(409, json!({"error": "foreign-key"}));
    shop.post(notes, json!({"say": "x".repeat(2_000)}))
        .is(409, json!({"error": "check weight < 1000"}));

    // A transaction that is dropped leaves nothing.
    shop.ask("PATCH", "/notebook/notes/1", Some(&json!({"say": "no"})))
        .is(200, json!({"kept": false}));
    let changed = json!({"say": "good bye"});
    shop.ask("PUT", "/notebook/notes/2", Some(&changed))
        .is(200, json!({"changed": 1}));
    assert_eq!(anyone("/notebook/notes/2").value()["body"], changed);
    shop.delete("/notebook/notes/2")
        .is(200, json!({"changed": 1}));
    shop.delete("/notebook/notes/2")
        .is(404, json!({"error": "missing"}));

    let about = shop.send("GET", "/notebook/about?page=1", &[("x-reader", "Ada")], b"");
    about.is(
        200,
        json!({"title": "Notes of old", "made": 2, "reader": "Ada", "query": "page=1"}),
    );
    assert_eq!(about.header("x-notebook"), "1.0.0");

    // The module beside it serves as ever.
    let id = shop.customer("a@b.co");
    assert_eq!(shop.get(&format!("/admin/customers/{id}")).status, 200);

    let events = shop.run(&["events", "notebook", "--json"]);
    let told: Vec<Value> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| json!([event["name"], event["data"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["note.made", note(1, &first, None)]),
            json!(["note.made", note(2, &reply, Some(1))]),
        ]
    );
    let logged = format!("asked for by request {}", about.header("x-request-id"));
    let log = shop.server.stop_for_log();
    assert!(log.contains(&logged), "{log}");
}

#[test]
fn a_module_against_1_0_0_is_in_the_document() {
    let document = shop().get("/openapi.json").value();
    let operation = &document["paths"]["/notebook/notes/{id}"]["put"];
    assert_eq!(operation["summary"], "/notebook/notes/{id}");
    assert_eq!(
        document["components"]["schemas"]["Note"],
        json!({"type": "object"})
    );
}

#[test]
fn a_module_against_1_0_0_is_inspected() {
    let inspected = run([
        Path::new("inspect"),
        fixture_module_1_0_0(),
        Path::new(PREFIXES),
    ]);
    let shown = text(&inspected.stdout);
    // From its own size on it depends on the compiler; what it exports does not.
    assert!(
        shown.starts_with("notebook 1.0.0: Keeps notes\n"),
        "{shown}"
    );
    let from = shown
        .find("\nExports:\n")
        .unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(
        &shown[from..],
        "
Exports:
  wares:module/lifecycle@1.0.0: describe, check-settings, migrations
  wares:module/http@1.0.0: routes, schemas, handle
  wares:module/seed@1.0.0: kinds, sow

Routes:
  GET    /notebook/notes (anyone)
  POST   /notebook/notes (admin)
  GET    /notebook/notes/{id} (anyone)
  PUT    /notebook/notes/{id} (admin)
  PATCH  /notebook/notes/{id} (admin)
  DELETE /notebook/notes/{id} (admin)
  POST   /notebook/notes/{id}/replies (admin)
  GET    /notebook/about (anyone)
"
    );
    for import in [
        "wares:platform/sql@1.0.0 (by the grant sql)",
        "wares:platform/events@1.0.0 (by the grant events)",
        "wasi:config/store@0.2.0-rc.1",
        "wasi:logging/logging@0.1.0-draft",
    ] {
        assert!(shown.contains(&format!("  {import}\n")), "{import}{shown}");
    }
}

#[test]
fn a_module_against_1_0_0_has_its_settings_checked_and_seeds() {
    let data = tempfile::tempdir().unwrap();
    let seeded = |settings: &[&str]| {
        let mut command = wares();
        command.current_dir(data.path()).args(["seed", "--data"]);
        command.arg(data.path().join("data"));
        let component = fixture_module_1_0_0().display();
        command.arg(format!("--set=modules.notebook.component={component}"));
        command.arg(PREFIXES);
        command.args(settings).arg("--notes=3").output().unwrap()
    };
    let refused = seeded(&["--set=modules.notebook.config.tite=Notes"]);
    let said = text(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("modules.notebook.config.tite: there is no such setting to be 'Notes'"),
        "{said}"
    );
    let done = seeded(&[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let events = wares()
        .args(["events", "notebook", "--data"])
        .arg(data.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(text(&events.stdout).lines().count(), 3);
}

/// The customers module as it was when `wares:module` was at 1.1.0, with the packages that it
/// was built against.
fn customers_1_1_0() -> std::path::PathBuf {
    root().join("tests/fixtures/customers-1.1.0/customers.wasm")
}

#[test]
fn customers_against_1_1_0_answer_as_the_bundled_ones_and_hand_over_their_data() {
    let data = data();
    let older = customers_1_1_0().display().to_string();
    let mut shop = Shop::open_on(data, |command| {
        command.arg(format!("--set=modules.customer.component={older}"));
    });
    let invalid = || json!({"email": "no email"});
    let id = shop.customer("ada@shop.example");
    let address = json!({"address_1": "1 High Street", "city": "York", "postal_code": "YO1", "country_code": "gb"});
    let added = shop.post(&format!("/admin/customers/{id}/addresses"), address);
    assert_eq!(added.status, 200, "{}", added.body);
    shop.post("/admin/customers", invalid())
        .is_invalid("Invalid email address");
    let path = format!("/admin/customers/{id}?fields=*addresses");
    let read = |shop: &Shop| {
        (
            shop.get(&path).value(),
            shop.get("/admin/customers?q=ada").value(),
        )
    };
    let answers = read(&shop);
    assert_eq!(answers.1["count"], 1);
    let call = format!("customers.retrieve(\"{id}\")");
    let set = format!("modules.customer.component={older}");
    let called = shop.run(&["call", "--set", &set, "customer", &call]);
    assert!(
        text(&called.stdout).contains("ada@shop.example"),
        "{called:?}"
    );
    assert!(shop.server.stop().success());

    let shop = Shop::open_on(shop.data, |_| {});
    assert_eq!(read(&shop), answers);
    shop.post("/admin/customers", invalid())
        .is_invalid("Invalid email address");
}
