//! For developers of a module: `wares serve --watch` reloads a component when its file
//! changes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Shop, data, marked, run, text};

const FILE: &str = "modules/marked.wasm";

/// Replaces a file by another, as tools that write do.
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

/// The audit entries, oldest first: actor, action, component and outcome.
fn audit_entries(shop: &Shop) -> Vec<Value> {
    let mut entries = shop.audit_entries("");
    entries.reverse();
    entries
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[test]
fn a_component_is_reloaded_when_its_file_changes() {
    let shop = shop(&[]);
    let file = shop.data.path().join(FILE);
    assert_eq!(serving(&shop), "1.0.0");

    // A new version of the schema need not suit the version before: a reload is not rolled back.
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

    // Written to the watched file itself, and no component.
    fs::write(&file, "text").unwrap();
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().ends_with(&format!(
            "{} is not served: it is not a WebAssembly component",
            file.display()
        )),
        "{log}"
    );
    // A migration that fails.
    let broken = marked("version=3.0.0 steps=3");
    save(&file, &broken);
    let reason =
        "the schema: the migration 0003_broken fails at statement 2: no such table: nowhere";
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

    // A file that is only touched is not reloaded. Nothing of it is kept as a version.
    save(&file, &second);
    let third = marked("version=4.0.0 steps=2");
    save(&file, &third);
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(serving(&shop), "4.0.0");
    let module = shop.get("/_wares/modules/marked").value();
    assert_eq!(module["module"]["versions"], json!([]));
    let other = marked("name=other version=1.0.0");
    assert_eq!(
        audit_entries(&shop),
        [
            json!(["host", "reload", digest(&second), "done", ""]),
            json!([
                "host",
                "reload",
                digest(b"text"),
                "refused",
                "it is not a WebAssembly component"
            ]),
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
fn only_the_file_that_the_settings_name_is_watched() {
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

/// Replaces a link by another.
fn link(to: &Path, link: &Path) {
    let beside = link.with_extension("new");
    std::os::unix::fs::symlink(to, &beside).unwrap();
    fs::rename(beside, link).unwrap();
}

/// Waits until a file is served anew, or said to be gone.
fn until_said(shop: &Shop, file: &Path, what: &str) {
    let log = shop.server.wait_for_log(what);
    let line = log.lines().rfind(|line| line.contains(what)).unwrap();
    assert!(line.contains(&file.display().to_string()), "{log}");
}

const SERVED: &str = "s after it was saved";
const IS_GONE: &str = "is missing: the loaded component serves until a file is there again";

#[test]
fn a_folder_that_is_removed_and_created_again_is_watched() {
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("components");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("marked.wasm");
    save(&file, &marked("version=1.0.0"));
    let shop = shop(&[&format!("data.modules_dir={}", folder.display())]);
    assert_eq!(serving(&shop), "1.0.0");
    fs::remove_dir_all(&folder).unwrap();
    until_said(&shop, &file, IS_GONE);
    assert_eq!(serving(&shop), "1.0.0");
    fs::create_dir(&folder).unwrap();
    save(&file, &marked("version=1.1.0"));
    until_said(&shop, &file, SERVED);
    assert_eq!(serving(&shop), "1.1.0");
    // As a whole folder that replaces another; and a later file in it.
    let other = elsewhere.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("marked.wasm"), marked("version=1.2.0")).unwrap();
    fs::rename(&folder, elsewhere.path().join("before")).unwrap();
    fs::rename(&other, &folder).unwrap();
    until_said(&shop, &file, SERVED);
    assert_eq!(serving(&shop), "1.2.0");
    save(&file, &marked("version=1.3.0"));
    until_said(&shop, &file, SERVED);
    assert_eq!(serving(&shop), "1.3.0");
    // A file alone that is gone, and comes back as it was.
    fs::remove_file(&file).unwrap();
    until_said(&shop, &file, IS_GONE);
    save(&file, &marked("version=1.3.0"));
    until_said(&shop, &file, "is there, and is what is served already");
    assert_eq!(serving(&shop), "1.3.0");
}

#[test]
fn the_target_of_a_link_is_served() {
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    // The second was built before the first: its time says nothing.
    for (name, version) in [("two", "2.0.0"), ("one", "1.1.0")] {
        fs::create_dir(at(name)).unwrap();
        let component = marked(&format!("version={version}"));
        fs::write(at(name).join("marked.wasm"), component).unwrap();
    }
    // A link to a component.
    let named = at("named.wasm");
    link(&at("one/marked.wasm"), &named);
    let shop_of_link = shop(&[&format!("modules.marked.component={}", named.display())]);
    assert_eq!(serving(&shop_of_link), "1.1.0");
    link(&at("two/marked.wasm"), &named);
    until_said(&shop_of_link, &named, SERVED);
    assert_eq!(serving(&shop_of_link), "2.0.0");
    save(&at("two/marked.wasm"), &marked("version=2.1.0"));
    until_said(&shop_of_link, &named, SERVED);
    assert_eq!(serving(&shop_of_link), "2.1.0");
    link(&at("nowhere.wasm"), &named);
    until_said(&shop_of_link, &named, IS_GONE);
    link(&at("one/marked.wasm"), &named);
    until_said(&shop_of_link, &named, SERVED);
    assert_eq!(serving(&shop_of_link), "1.1.0");
    drop(shop_of_link);
    // A link to a folder of components, and to one of a component that is named.
    for setting in [
        "data.modules_dir=current",
        "modules.marked.component=current/marked.wasm",
    ] {
        let current = at("current");
        link(&at("one"), &current);
        let setting = setting.replace("current", current.to_str().unwrap());
        let shop = shop(&[&setting]);
        assert_eq!(serving(&shop), "1.1.0");
        link(&at("two"), &current);
        until_said(&shop, &current.join("marked.wasm"), SERVED);
        assert_eq!(serving(&shop), "2.1.0");
    }
}

#[test]
fn an_active_version_has_precedence_over_files() {
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
            "the version {} of the module marked was activated, and goes before files: end that with \
             `wares module deactivate marked`",
            &digest(&bytes)[..12]
        )),
        "{log}"
    );
    assert_eq!(serving(&shop), "2.0.0");
    // Which serves the file as it is by now, and then each that is saved.
    let ended = shop.run(&["module", "deactivate", "marked"]);
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert_eq!(serving(&shop), "3.0.0");
    save(&shop.data.path().join(FILE), &marked("version=4.0.0"));
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(serving(&shop), "4.0.0");
}

#[test]
fn without_a_file_watch_is_refused() {
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
