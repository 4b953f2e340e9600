//! Extensions in three languages that were built against older contracts,
//! `tests/fixtures/authors-2.0.0`: they serve beside the newest, meet modules whose records have
//! more fields, and give way to a version against the newest and come back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Shop, copy, later_guest, root, text};

fn fixture() -> PathBuf {
    root().join("tests/fixtures/authors-2.0.0")
}

/// Builds a component in JavaScript of the fixture's sources against other contracts, with some
/// of the text of both replaced.
fn built(contracts: &[(&str, &Path)], replaced: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let read = |file: &str| fs::read_to_string(fixture().join(file)).unwrap();
    let changed = |text: String| {
        replaced
            .iter()
            .fold(text, |text, (old, new)| text.replace(old, new))
    };
    let deps = folder.path().join("wit/deps");
    for (name, from) in contracts {
        fs::create_dir_all(deps.join(name)).unwrap();
        copy(from, &deps.join(name));
        for file in fs::read_dir(deps.join(name)).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, changed(text)).unwrap();
        }
    }
    fs::write(
        folder.path().join("wit/world.wit"),
        changed(read("world.wit")),
    )
    .unwrap();
    fs::write(
        folder.path().join("component.js"),
        changed(read("js/component.js")),
    )
    .unwrap();
    let component = folder.path().join("component.wasm");
    let tool = root().join("tests/js/node_modules/.bin/componentize-qjs");
    assert!(
        tool.exists(),
        "componentize-qjs is missing: `just js` installs it"
    );
    let made = Command::new(tool)
        .current_dir(folder.path())
        .args([
            "--sync",
            "--wit",
            "wit",
            "--world",
            "component",
            "--js",
            "component.js",
            "--output",
        ])
        .arg(&component)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (folder, component)
}

/// The same extension against the newest contracts, as version 2.0.0 of this name.
fn newest(name: &str) -> (TempDir, PathBuf) {
    let wit = root().join("wit");
    let contracts = [
        "customer@2.1.0",
        "module@2.1.0",
        "platform@1.2.0",
        "deps/wasi-config@0.2.0-rc.1",
        "deps/wasi-logging@0.1.0-draft",
    ];
    let folders = contracts.map(|package| wit.join(package));
    let contracts: Vec<_> = folders
        .iter()
        .map(|folder| {
            (
                folder.file_name().unwrap().to_str().unwrap(),
                folder.as_path(),
            )
        })
        .collect();
    let replaced = [
        ("@2.0.0", "@2.1.0"),
        ("@1.1.0", "@1.2.0"),
        ("'1.0.0'", "'2.0.0'"),
        ("Kept by ", "Still kept by "),
        ("kept-js", name),
    ];
    built(&contracts, &replaced)
}

fn install(shop: &Shop, component: &Path) {
    let file = component.to_str().unwrap();
    let grants = "--grant=sql,events,hooks=customer";
    let done = shop.run(&["module", "install", file, grants, "--activate"]);
    assert!(done.status.success(), "{done:?}");
}

/// Makes a customer, and returns the last name that extensions gave.
fn create(shop: &Shop, email: &str) -> Value {
    let made = shop.post("/admin/customers?fields=last_name", json!({"email": email}));
    made.value()["customer"]["last_name"].clone()
}

/// A component in a language serves as it did, whatever is newer.
fn serves_as_ever(name: &str, component: &Path) {
    let shop = Shop::open();
    install(&shop, component);
    let emails = |shop: &Shop| shop.get(&format!("/admin/{name}/emails")).value();
    let (kept, still) = (format!("Kept by {name}"), format!("Still kept by {name}"));
    assert_eq!(create(&shop, "ann@shop.example"), json!(kept));
    assert_eq!(emails(&shop), json!({"emails": ["ann@shop.example"]}));
    // A hook at which it does nothing, with what its contract has.
    shop.group("VIP");

    let (_folder, newer) = newest(name);
    install(&shop, &newer);
    assert_eq!(create(&shop, "bob@shop.example"), json!(still));
    let back = shop.run(&["module", "rollback", name]);
    assert!(back.status.success(), "{back:?}");
    assert_eq!(create(&shop, "eve@shop.example"), json!(kept));
    let all = json!({"emails": ["ann@shop.example", "bob@shop.example", "eve@shop.example"]});
    assert_eq!(emails(&shop), all);
    let events = shop.run(&["events", name, "--json"]);
    let told: Vec<Value> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| json!([event["name"], event["data"]["email"]]))
        .collect();
    let event = |email: &str| json!(["kept.email", email]);
    assert_eq!(
        told,
        ["ann@shop.example", "bob@shop.example", "eve@shop.example"].map(event)
    );

    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |command| {
        let later = format!("modules.later.component={}", later_guest().display());
        let refused = format!("modules.{name}.config.refused=no@shop.example");
        command.args(["--set", &later, "--set", &refused]);
    });
    rejects(&shop, name);
    restores_what_it_does_not_know(&shop, &kept);
    assert_eq!(emails(&shop)["emails"].as_array().unwrap().len(), 4);
}

/// The settings of the operator reach it, and its rejection the caller.
fn rejects(shop: &Shop, name: &str) {
    shop.post("/admin/customers", json!({"email": "no@shop.example"}))
        .is(
            400,
            json!({
                "type": "invalid_data", "message": format!("{name} refuses no@shop.example"),
                "field": "email", "code": "refused"
            }),
        );
}

/// Of a later module it gets what it knows, and the rest comes back as it was.
fn restores_what_it_does_not_know(shop: &Shop, kept: &str) {
    let asked = |path: &str| {
        let answer = shop.get(path);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body.clone()
    };
    assert_eq!(
        asked("/store/later/create/pat@shop.example"),
        format!(
            "NewCustomer {{ email: Some(\"pat@shop.example\"), company-name: None, first-name: Some(\"Ann\"), \
             last-name: Some(\"{kept}\"), phone: None, metadata: None, has-account: false, created-by: None, \
             nickname: Some(\"Annie\"), points: Some(5) }}"
        )
    );
    assert_eq!(
        asked("/store/later/update"),
        "[CustomerChange::FirstName(Some(\"Ann\")), CustomerChange::Phone(None), \
         CustomerChange::Nickname(Some(\"Annie\"))]"
    );
    let refused = shop.get("/store/later/create/no@shop.example");
    assert_eq!(refused.status, 400, "{}", refused.body);
}

#[test]
fn an_extension_in_rust_against_2_0_0_serves_as_ever() {
    serves_as_ever("kept-rust", &fixture().join("rust/component.wasm"));
}

#[test]
fn an_extension_in_javascript_against_2_0_0_serves_as_ever() {
    serves_as_ever("kept-js", &fixture().join("js/component.wasm"));
}

#[test]
fn an_extension_in_python_against_2_0_0_serves_as_ever() {
    let folder = TempDir::new().unwrap();
    let component = folder.path().join("component.wasm");
    let built = Command::new(fixture().join("build.sh"))
        .arg("python")
        .arg(&component)
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    serves_as_ever("kept-python", &component);
}

#[test]
fn an_extension_against_later_contracts_gets_none_for_what_a_module_lacks() {
    let later = root().join("tests/guests/later/wit");
    let wit = fixture().join("wit");
    let (module, platform) = (wit.join("module@2.0.0"), root().join("wit/platform@1.2.0"));
    let (config, logging) = (
        wit.join("deps/wasi-config@0.2.0-rc.1"),
        wit.join("deps/wasi-logging@0.1.0-draft"),
    );
    let older = wit.join("platform@1.1.0");
    let contracts: [(&str, &Path); 6] = [
        ("customer", &later),
        ("module", &module),
        ("platform", &platform),
        ("older-platform", &older),
        ("config", &config),
        ("logging", &logging),
    ];
    // In the contract of the module a change has no such case.
    let case = "        nickname(option<string>),\n";
    let with = |last_name: &str, case: &str| {
        let replaced = [
            ("customer/hooks@2.0.0", "customer/hooks@2.9.0"),
            ("kept-js", "ahead"),
            ("`Kept by ${NAME}`", last_name),
            (case, ""),
        ];
        built(&contracts, &replaced)
    };
    let last_name = "`nickname ${value.nickname ?? 'none'}, points ${value.points ?? 'none'}`";
    let shop = Shop::open();
    let (_folder, component) = with(last_name, "\0");
    let file = component.to_str().unwrap();
    let grants = "--grant=sql,events,hooks=customer";
    let refused = shop.run(&["module", "install", file, grants, "--activate"]);
    assert_eq!(
        text(&refused.stderr),
        "wares: the module ahead cannot be served as an extension of customer: its before-update-customer of \
         wares:customer/hooks@2.1.0 does not fit: value: changes.nickname: one side does not know it\n"
    );
    let (_folder, component) = with(last_name, case);
    install(&shop, &component);
    let seen = create(&shop, "ann@shop.example");
    assert_eq!(seen, json!("nickname none, points none"));
    // What it sets there is left out, and the rest stands.
    let (_folder, component) = with("(value.nickname = 'Annie')", case);
    install(&shop, &component);
    assert_eq!(create(&shop, "bob@shop.example"), json!("Annie"));
    let log = shop.run(&["module", "logs", "ahead"]);
    let log = text(&log.stdout);
    assert!(log.contains("fields=\"last-name\""), "{log}");
}
