//! For developers of a module: `wares serve --watch` serves a component anew
//! when its file changes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Shop, data, marked, run, text};

const FILE: &str = "modules/marked.wasm";

/// Puts a file in the place of another, as tools that write do.
fn save(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, file).unwrap();
}

fn shop(settings: &[&str]) -> Shop {
    let data = data();
    save(&data.path().join(FILE), &marked("version=1.0.0"));
    Shop::open_on(data, |command| {
        command.arg("--watch");
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

fn serving(shop: &Shop) -> String {
    let answer = shop.get("/admin/marked");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version")
}

/// What was done, oldest first: who did what, to which component, and how it ended.
fn acts(shop: &Shop) -> Vec<Value> {
    let mut acts = shop.acts("");
    acts.reverse();
    acts
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn a_component_is_served_anew_when_its_file_changes() {
    let shop = shop(&[]);
    let file = shop.data.path().join(FILE);
    assert_eq!(serving(&shop), "1.0.0");

    // A new version of the schema need not suit the version before: nobody goes back.
    let second = marked("version=2.0.0 steps=2");
    save(&file, &second);
    let log = shop.server.wait_for_log("s after it was saved");
    let line = log.lines().last().unwrap();
    assert!(
        line.contains(&format!("{} is served ", file.display()))
            && line.contains(&format!("version=2.0.0 digest=\"{}\"", digest(&second))),
        "{log}"
    );
    assert_eq!(serving(&shop), "2.0.0");

    // Written in place, and no component.
    fs::write(&file, "text").unwrap();
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().ends_with(&format!(
            "{} is not served: it is not a WebAssembly component",
            file.display()
        )),
        "{log}"
    );
    // A step of the schema that does not run.
    let broken = marked("version=3.0.0 steps=3");
    save(&file, &broken);
    let reason =
        "the schema: the step 0003_broken fails at its statement 2: no such table: nowhere";
    let log = shop.server.wait_for_log("is not served");
    assert!(log.lines().last().unwrap().contains(reason), "{log}");
    assert_eq!(serving(&shop), "2.0.0");

    // A module that was not there at the start.
    let stranger = shop.data.path().join("modules/other.wasm");
    save(&stranger, &marked("name=other version=1.0.0"));
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().ends_with(
            "is not served: there is no module other yet, which takes a start of the host"
        ),
        "{log}"
    );

    // What is only touched is no news. Nothing of it is a version that is kept.
    save(&file, &second);
    let third = marked("version=4.0.0 steps=2");
    save(&file, &third);
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(serving(&shop), "4.0.0");
    let module = shop.get("/_wares/modules/marked").value();
    assert_eq!(module["module"]["versions"], json!([]));
    let other = marked("name=other version=1.0.0");
    assert_eq!(
        acts(&shop),
        [
            json!(["host", "reload", digest(&second), "done", ""]),
            json!(["host", "reload", digest(&broken), "refused", reason]),
            json!([
                "host",
                "reload",
                digest(&other),
                "refused",
                "there is no module other"
            ]),
            json!(["host", "reload", digest(&third), "done", ""]),
        ]
    );
    // Nor is what was compiled of those that were replaced.
    let compiled: Vec<_> = fs::read_dir(shop.data.path().join("compiled"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let has = |bytes: &[u8]| compiled.iter().any(|name| name.starts_with(&digest(bytes)));
    assert!(
        has(&third) && !has(&second) && !has(&marked("version=1.0.0")),
        "{compiled:?}"
    );
}

#[test]
fn the_file_that_the_settings_name_is_watched_and_no_other_in_its_place() {
    let elsewhere = tempfile::tempdir().unwrap();
    let named = elsewhere.path().join("mine.wasm");
    save(&named, &marked("version=1.1.0"));
    let shop = shop(&[&format!("modules.marked.component={}", named.display())]);
    assert_eq!(serving(&shop), "1.1.0");
    save(&shop.data.path().join(FILE), &marked("version=2.0.0"));
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().ends_with(
            "modules.marked.component names the component of this module: change it there"
        ),
        "{log}"
    );
    save(&named, &marked("version=1.2.0"));
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(serving(&shop), "1.2.0");
    save(&named, &marked("name=other version=1.3.0"));
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines()
            .last()
            .unwrap()
            .ends_with("it is the module 'other', but stands under modules.marked"),
        "{log}"
    );
    assert_eq!(serving(&shop), "1.2.0");
}

#[test]
fn a_version_that_was_activated_goes_before_files() {
    let shop = shop(&[]);
    let bytes = marked("version=2.0.0");
    let component = shop.data.path().join("two.wasm");
    fs::write(&component, &bytes).unwrap();
    let installed = shop.run(&["module", "install", "two.wasm", "--activate"]);
    assert!(installed.status.success(), "{}", text(&installed.stderr));
    save(&shop.data.path().join(FILE), &marked("version=3.0.0"));
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().ends_with(&format!(
            "the version {} of the module marked was activated, and goes before files",
            &digest(&bytes)[..12]
        )),
        "{log}"
    );
    assert_eq!(serving(&shop), "2.0.0");
}

#[test]
fn without_a_file_there_is_nothing_to_watch() {
    let data = data();
    let folder = data.path().join("components");
    let ended = run([
        "serve",
        "--watch",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.path().to_str().unwrap(),
        "--set",
        &format!("data.modules_dir={}", folder.display()),
    ]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(text(&ended.stdout), "");
    assert_eq!(
        text(&ended.stderr).lines().last(),
        Some(&*format!(
            "wares: there is nothing to watch: make the folder {}, or name a component with modules.NAME.component",
            folder.display()
        ))
    );
}
