//! Activations of versions: ended, so that the next component in the order serves; begun as
//! canary; and logged at the start.

mod canary;
mod deactivation;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Server, Shop, data, marked, run, text};

const MODULE: &str = "/_wares/modules/marked";

const FILE: &str = "modules/marked.wasm";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn shop_on(data: tempfile::TempDir, settings: &[&str]) -> Shop {
    Shop::open_on(data, |command| {
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

/// A shop that serves this version of the module from the folder.
fn shop(mark: &str) -> Shop {
    let data = data();
    fs::write(data.path().join(FILE), marked(mark)).unwrap();
    shop_on(data, &[])
}

fn close(shop: Shop) -> tempfile::TempDir {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    data
}

fn put(shop: &Shop, query: &str, bytes: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", &*bearer)];
    shop.send("PUT", &format!("{MODULE}{query}"), &headers, bytes)
}

fn deactivate(shop: &Shop) -> Answer {
    shop.ask("POST", &format!("{MODULE}/deactivate"), None)
}

/// Installs a version and puts it in service.
fn activate(shop: &Shop, mark: &str) -> String {
    let answer = put(shop, "?activate=true", &marked(mark));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

/// The version that answers, and where it is from.
fn serving(shop: &Shop) -> (String, String) {
    let answer = shop.get("/admin/marked");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = shop.get(MODULE);
    assert_eq!(answer.at("/version"), shown.at("/module/version"));
    (answer.at("/version"), shown.at("/module/source"))
}

fn is_served(shop: &Shop, version: &str, source: &str) {
    assert_eq!(serving(shop), (version.to_owned(), source.to_owned()));
}

fn state(shop: &Shop, digest: &str) -> String {
    let versions = shop.get(MODULE).value()["module"]["versions"].clone();
    let found = versions.as_array().unwrap().iter();
    let mut found = found.filter(|version| version["digest"] == digest);
    found.next().unwrap()["state"].as_str().unwrap().to_owned()
}

fn digests(shop: &Shop) -> Vec<String> {
    let versions = shop.get(MODULE).value()["module"]["versions"].clone();
    let versions = versions.as_array().unwrap().iter();
    versions
        .map(|version| version["digest"].as_str().unwrap().to_owned())
        .collect()
}

/// The customers module, as the binary carries it.
fn bundled() -> std::path::PathBuf {
    crate::harness::root().join("target/component/wasm32-wasip2/component/customer_component.wasm")
}

#[test]
fn no_request_is_lost_while_activations_begin_and_end() {
    let shop = shop("version=1.0.0");
    let second = put(&shop, "", &marked("version=2.0.0")).at("/version/digest");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut asked = 0;
                    while !over.load(Ordering::Relaxed) {
                        let answer = shop.get("/admin/marked");
                        assert_eq!(answer.status, 200, "{}", answer.body);
                        assert_eq!(answer.header("x-version"), answer.at("/version"));
                        asked += 1;
                    }
                    asked
                })
            })
            .collect();
        for _ in 0..20 {
            let body = json!({"digest": second});
            let begun = shop.post(&format!("{MODULE}/activate"), body);
            assert_eq!(begun.status, 200, "{}", begun.body);
            assert_eq!(deactivate(&shop).status, 200);
        }
        over.store(true, Ordering::Relaxed);
        for asker in askers {
            assert!(asker.join().unwrap() > 20);
        }
    });
    is_served(&shop, "1.0.0", "folder");
}

/// The lines of a log that speak of components at the start.
fn told(log: &str, what: &str) -> Vec<String> {
    let lines = log.lines().filter(|line| line.contains(what));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_start_logs_the_source_of_each_component_and_each_newer_one_it_skips() {
    // The built-in one is passed over by files and versions that are older by their own word.
    let data = tempfile::tempdir().unwrap();
    let modules = data.path().join("modules");
    fs::create_dir(&modules).unwrap();
    let old = |version: &str| marked(&format!("name=customer version={version} at=/admin/old"));
    fs::write(modules.join("customer.wasm"), old("0.0.1")).unwrap();
    let start = |settings: &[&str]| {
        let server = Server::start(data.path(), |command| {
            for setting in settings {
                command.args(["--set", setting]);
            }
        });
        server.stop_for_log()
    };
    let log = start(&[]);
    let loaded = |log: &str| told(log, " loaded module=\"customer\"").concat();
    let passed_over = |log: &str| told(log, "a newer component does not serve, since ");
    assert!(
        loaded(&log).ends_with("from=\"the folder: modules/customer.wasm\""),
        "{log}"
    );
    let said = passed_over(&log);
    assert_eq!(said.len(), 1, "{log}");
    assert!(
        said[0].contains("WARN")
            && said[0].contains(
                "since a file in the folder of modules goes first: replace it, or take it away \
                 module=\"customer\" version=\"0.1.0\""
            )
            && said[0].ends_with("from=\"built in\""),
        "{log}"
    );
    let data_dir = data.path().to_str().unwrap();
    let folder = format!("data.modules_dir={}", modules.display());
    let other = data.path().join("other.wasm");
    fs::write(&other, old("0.0.2")).unwrap();
    let file = other.to_str().unwrap();
    let installed = run([
        "module",
        "install",
        file,
        "--activate",
        "--data",
        data_dir,
        "--set",
        &folder,
    ]);
    assert!(installed.status.success(), "{}", text(&installed.stderr));
    let log = start(&[]);
    assert!(
        loaded(&log).contains("version=0.0.2")
            && loaded(&log).contains("from=\"the activation of 20"),
        "{log}"
    );
    let said = passed_over(&log);
    assert_eq!(said.len(), 1, "{log}");
    assert!(
        said[0].contains(
            "since another version was activated: end that with `wares module deactivate customer`"
        ) && said[0].ends_with("from=\"built in\""),
        "{log}"
    );
    // A file of the same version, with other bytes, that is saved after the activation.
    let same = marked("name=customer version=0.0.2 at=/admin/old mine=1");
    save_later(&modules.join("customer.wasm"), &same);
    let said = passed_over(&start(&[]));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains(&digest(&same))
            && said[0].ends_with("from=\"the folder: modules/customer.wasm\""),
        "{said:?}"
    );
    // The same bytes are not newer, and neither is an older version.
    for bytes in [old("0.0.2"), old("0.0.1")] {
        save_later(&modules.join("customer.wasm"), &bytes);
        assert_eq!(passed_over(&start(&[])).len(), 1);
    }
    // A component that a setting names has precedence over an active version as well.
    let mine = data.path().join("mine.wasm");
    fs::write(&mine, old("0.0.0")).unwrap();
    let setting = format!("modules.customer.component={}", mine.display());
    let log = start(&[&setting]);
    assert!(
        loaded(&log).ends_with(&format!("from=\"the setting: {}\"", mine.display())),
        "{log}"
    );
    let said = passed_over(&log);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said[0].contains("since modules.customer.component names another one: change it there"),
        "{said:?}"
    );
}

/// Saves a file so that it is later than all that was done so far.
fn save_later(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
    let file = fs::File::options().append(true).open(file).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    file.set_modified(later).unwrap();
}

#[test]
fn a_module_with_a_hyphen_in_its_name_is_installed_by_command() {
    let data = data();
    let mark = |version: &str| marked(&format!("name=price-list version={version}"));
    fs::write(data.path().join("modules/price-list.wasm"), mark("1.0.0")).unwrap();
    let shop = shop_on(data, &[]);
    fs::write(shop.data.path().join("new.wasm"), mark("2.0.0")).unwrap();
    let installed = shop.run(&["module", "install", "new.wasm", "--activate"]);
    assert_eq!(text(&installed.stderr), "");
    assert_eq!(installed.status.code(), Some(0));
    let status = shop.get("/_wares/modules/price-list").value();
    assert_eq!(status["module"]["version"], "2.0.0");
    let listed = shop.audit_entries("?limit=1");
    assert_eq!(listed[0][3], "done", "{listed:?}");
}
