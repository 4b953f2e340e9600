//! For developers of a module: `wares serve --watch` reloads a component when its file
//! changes.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Shop, data, marked, meddler_version, meddler_with_lines, run, text};

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

    // A module that was not there at the start, once one of it works.
    let stranger = shop.data.path().join("modules/other.wasm");
    let other = marked("name=other version=1.0.0 steps=3");
    save(&stranger, &other);
    let log = shop.server.wait_for_log("is not served");
    assert!(log.lines().last().unwrap().contains(reason), "{log}");
    assert_eq!(shop.get("/admin/other").status, 404);
    assert!(!shop.data.path().join("modules/other.db").exists());
    let mended = marked("name=other version=1.0.1");
    save(&stranger, &mended);
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(shop.get("/admin/other").at("/version"), "1.0.1");

    // A file that is only touched is not reloaded. Nothing of it is kept as a version.
    save(&file, &second);
    let third = marked("version=4.0.0 steps=2");
    save(&file, &third);
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(serving(&shop), "4.0.0");
    let module = shop.get("/_wares/modules/marked").value();
    assert_eq!(module["module"]["versions"], json!([]));
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
            json!(["host", "reload", digest(&other), "refused", reason]),
            json!(["host", "reload", digest(&mended), "done", ""]),
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
            "wares: there is nothing to watch: name a component, as --watch FILE or with modules.NAME.component, \
             or make the folder {}",
            folder.display()
        ))
    );
}

/// A shop whose host was started with `--watch FILE`, and settings.
fn developed(file: &Path, settings: &[&str]) -> Shop {
    Shop::open_on(data(), |command| {
        command.arg("--watch").arg(file);
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

/// The lines about turns at hooks: what they say, and of which module.
fn turns(log: &str) -> Vec<String> {
    let turns = log.lines().filter_map(|line| line.split_once(" hooks: "));
    turns
        .map(|(_, line)| line.split(" version=").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_component_of_an_author_has_all_grants_and_what_it_changes_is_shown() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("alpha.wasm");
    save(&file, &meddler_version("alpha", "does=signs"));
    let shop = developed(&file, &[]);
    let log = shop.server.wait_for_log("it has every grant");
    assert!(log.contains("module=\"alpha\""), "{log}");
    let create = |email: &str, company: Value| {
        let customer = json!({"email": email, "company_name": company});
        shop.post("/admin/customers?fields=company_name", customer)
    };
    let made = create("ann@shop.example", json!("\"Acme\"\n"));
    assert_eq!(made.at("/customer/company_name"), "\"Acme\"\nalpha;");
    let log = shop.server.wait_for_log("an extension changed");
    let change =
        r#"an extension changed company-name: "\"Acme\"\n" -> "\"Acme\"\nalpha;" module="alpha""#;
    assert_eq!(
        turns(&log).last().map(String::as_str),
        Some(change),
        "{log}"
    );
    // Long values are cut, and absent ones named.
    create("bob@shop.example", json!("x".repeat(1000)));
    let log = shop.server.wait_for_log("an extension changed");
    let turn = turns(&log).pop().unwrap();
    assert!(turn.contains("xxx… -> \"xxx") && turn.len() < 600, "{turn}");
    create("cid@shop.example", Value::Null);
    let log = shop.server.wait_for_log("an extension changed");
    let change = r#"an extension changed company-name: none -> "alpha;" module="alpha""#;
    assert_eq!(turns(&log).pop().unwrap(), change);

    // One that changes nothing, and one that rejects.
    save(&file, &meddler_version("alpha", "version=2.0.0"));
    let log = shop
        .server
        .wait_for_log("s after it was saved, and was compiled in ");
    assert!(log.contains("version=2.0.0"), "{log}");
    assert_eq!(create("dan@shop.example", Value::Null).status, 200);
    let log = shop.server.wait_for_log("an extension changed");
    let nothing = r#"an extension changed nothing module="alpha""#;
    assert_eq!(turns(&log).pop().unwrap(), nothing);
    save(&file, &meddler_version("alpha", "does=rejects"));
    shop.server.wait_for_log("s after it was saved");
    assert_eq!(create("eve@shop.example", Value::Null).status, 400);
    let log = shop.server.wait_for_log("an extension rejected a value");
    let told = r#"hook="before-create-customer" field="email" code="no" reason="alpha says no""#;
    assert!(log.lines().last().unwrap().contains(told), "{log}");
    let shown = shop.get("/_wares/modules/alpha").value();
    assert_eq!(shown["module"]["source"], "setting");
}

#[test]
fn without_watch_the_log_has_no_values() {
    let data = data();
    save(
        &data.path().join("modules/alpha.wasm"),
        &meddler_version("alpha", "does=signs"),
    );
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", "modules.alpha.grants=hooks=customer,operations"]);
    });
    let customer = json!({"email": "ann@shop.example", "company_name": "Acme"});
    assert_eq!(shop.post("/admin/customers", customer).status, 200);
    let log = shop.server.wait_for_log("an extension changed");
    let line = log.lines().last().unwrap();
    assert!(
        line.contains("fields=\"company-name\"") && !line.contains("Acme"),
        "{line}"
    );
}

#[test]
fn a_trap_is_shown_with_the_lines_of_its_sources() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("alpha.wasm");
    save(&file, &meddler_with_lines("alpha", "does=traps"));
    let shop = developed(&file, &[]);
    let customer = json!({"email": "ann@shop.example"});
    shop.post("/admin/customers", customer.clone()).is(
        503,
        json!({"type": "unavailable", "message": "alpha has to be asked, and does not answer"}),
    );
    let log = shop.server.wait_for_log("an extension did not answer");
    let line = log.lines().last().unwrap();
    let source = include_str!("../guests/meddler/src/lib.rs");
    let traps = |line: &str| line.contains("panic!(\"it meddles no more\")");
    let number = source.lines().position(traps).unwrap() + 1;
    // Where it panics, once as it says itself and once as the host found it.
    let at = format!("guests/meddler/src/lib.rs:{number}:");
    let (_, told) = line.split_once("it wrote: ").unwrap();
    let (panic, place) = told.split_once(" | it meddles no more; in ").unwrap();
    assert!(panic.contains(&at), "{line}");
    let innermost = place.split(" < ").next().unwrap();
    assert!(
        innermost.contains("before_create_customer") && innermost.contains(&at),
        "{line}"
    );
    assert!(!line.contains("panicking"), "{line}");
    // Its author follows the log of the component alone.
    let shown = shop.run(&["module", "logs", "alpha", "--lines", "1"]);
    assert!(text(&shown.stdout).contains(innermost), "{shown:?}");
}

#[test]
fn a_component_that_failed_at_the_start_is_served_once_it_is_mended() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("marked.wasm");
    save(&file, &marked("version=1.0.0"));
    // Its name is known, and all else of it is wrong.
    let shop = developed(
        &file,
        &["modules.marked.config.break=1.0.0 settings,1.0.1 routes"],
    );
    let log = shop.server.wait_for_log("a component failed at the start");
    assert!(
        log.contains("its module is not served: save one that works"),
        "{log}"
    );
    assert_eq!(shop.get("/admin/marked").status, 404);
    save(&file, &marked("version=1.0.1"));
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.lines().last().unwrap().contains("as the setting says"),
        "{log}"
    );
    assert_eq!(
        shop.get("/_wares/modules").value()["failures"][0]["module"],
        "marked"
    );
    save(&file, &marked("version=1.0.2"));
    until_said(&shop, &file, SERVED);
    assert_eq!(serving(&shop), "1.0.2");
    assert_eq!(shop.get("/_wares/modules").value()["failures"], json!([]));
}

#[test]
fn a_file_that_says_no_name_is_not_watched() {
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| elsewhere.path().join(name);
    save(&at("text.wasm"), b"text");
    save(&at("panics.wasm"), &marked("bad=panics"));
    save(&at("marked.wasm"), &marked("version=1.0.0"));
    for (file, settings, said) in [
        (
            "none.wasm",
            "",
            "wares: --watch: build the component first: cannot read ",
        ),
        (
            "text.wasm",
            "",
            "text.wasm: it is not a WebAssembly component",
        ),
        ("panics.wasm", "", "panics.wasm: it does not start: "),
        (
            "marked.wasm",
            "modules.marked.component=other.wasm",
            "marked.wasm: it is the module marked, for which modules.marked.component names other.wasm",
        ),
    ] {
        let data = data();
        let mut arguments: Vec<String> = ["serve", "--listen", "127.0.0.1:0", "--data"]
            .map(str::to_owned)
            .to_vec();
        arguments.push(data.path().display().to_string());
        arguments.extend(["--watch".to_owned(), at(file).display().to_string()]);
        if !settings.is_empty() {
            arguments.extend(["--set".to_owned(), settings.to_owned()]);
        }
        let ended = run(&arguments);
        assert_eq!(ended.status.code(), Some(1), "{file}: {ended:?}");
        let told = text(&ended.stderr);
        assert!(told.lines().last().unwrap().contains(said), "{told}");
    }
}
