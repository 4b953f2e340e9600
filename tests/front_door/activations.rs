//! Activations of versions: ended, so that the next component in the order serves; begun as
//! canary; and logged at the start.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
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

#[test]
fn a_deactivated_module_is_served_from_the_folder_at_once_and_after_a_start() {
    let shop = shop("version=1.0.0");
    let none = "no version of the module marked is active: what serves comes without one (the folder: modules/marked.wasm)";
    deactivate(&shop).refuses(409, "not_allowed", none);
    let second = activate(&shop, "version=2.0.0");
    let first = digest(&marked("version=1.0.0"));
    is_served(&shop, "2.0.0", "version");
    let ended = deactivate(&shop);
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert_eq!(ended.at("/module/source"), "folder");
    is_served(&shop, "1.0.0", "folder");
    deactivate(&shop).refuses(409, "not_allowed", none);
    assert_eq!(
        shop.audit_entries("?limit=3"),
        [
            json!([shop.admin, "deactivate", null, "refused", none]),
            json!([shop.admin, "deactivate", second, "done", ""]),
            json!([shop.admin, "activate", second, "done", ""]),
        ]
    );
    let shop = shop_on(close(shop), &[]);
    is_served(&shop, "1.0.0", "folder");
    // The version that was active before can be rolled back to, and ended once more.
    let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
    assert_eq!(back.at("/version/digest"), second);
    is_served(&shop, "2.0.0", "version");
    // Going back goes to a version, which the one of the folder is by now.
    shop.ask("POST", &format!("{MODULE}/rollback"), None);
    is_served(&shop, "1.0.0", "version");
    // The bytes of the folder may be activated, which counts where the folder has others.
    assert_eq!(deactivate(&shop).status, 200);
    is_served(&shop, "1.0.0", "folder");
    assert_eq!(state(&shop, &first), "installed");
    let body = json!({"digest": first});
    let kept = shop.post(&format!("{MODULE}/activate"), body.clone());
    assert_eq!(kept.at("/version/state"), "active", "{}", kept.body);
    is_served(&shop, "1.0.0", "version");
    shop.post(&format!("{MODULE}/activate"), body).refuses(
        409,
        "not_allowed",
        &format!(
            "the version {} of the module marked is in service already",
            &first[..12]
        ),
    );
    // A newer file in the folder serves once that is ended.
    fs::write(shop.data.path().join(FILE), marked("version=1.1.0")).unwrap();
    let said = shop.run(&["module", "deactivate", "marked"]);
    let newer = digest(&marked("version=1.1.0"));
    assert_eq!(
        (text(&said.stdout), text(&said.stderr)),
        (
            format!("marked serves 1.1.0 {newer}, from the folder of modules\n"),
            String::new()
        )
    );
    is_served(&shop, "1.1.0", "folder");
    // Nothing keeps versions that are not active from being forgotten.
    for version in [&first, &second] {
        let removed = shop.delete(&format!("{MODULE}/versions/{version}"));
        assert_eq!(removed.status, 200, "{}", removed.body);
    }
    assert_eq!(digests(&shop), [""; 0]);
    shop.ask("POST", &format!("{MODULE}/rollback"), None)
        .refuses(
            404,
            "not_found",
            &format!("the module marked has no version {first}"),
        );
    // An activation after that goes back to what it replaced.
    activate(&shop, "version=3.0.0");
    shop.ask("POST", &format!("{MODULE}/rollback"), None);
    is_served(&shop, "1.1.0", "version");
}

#[test]
fn a_deactivated_module_is_served_from_the_binary() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    let built_in = shop.get("/_wares/modules/customer").at("/module/digest");
    let component = shop.data.path().join("other.wasm");
    // Another build of the same module: a custom section more.
    let mut bytes = fs::read(bundled()).unwrap();
    assert_eq!(digest(&bytes), built_in);
    bytes.extend_from_slice(&[0, 5, 4, b'm', b'a', b'r', b'k']);
    fs::write(&component, &bytes).unwrap();
    let did = |arguments: &[&str]| {
        let done = shop.run(arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    did(&["module", "install", "other.wasm", "--activate"]);
    did(&["module", "rollback", "customer"]);
    assert_eq!(
        shop.get("/_wares/modules/customer").at("/module/source"),
        "version"
    );
    let said = did(&["module", "deactivate", "customer"]);
    assert_eq!(
        said,
        format!("customer serves 0.1.0 {built_in}, built in\n")
    );
    assert_eq!(
        shop.get("/_wares/modules/customer").at("/module/source"),
        "built-in"
    );
    assert_eq!(shop.get(&format!("/admin/customers/{id}")).status, 200);
    // Without a host as well.
    did(&["module", "activate", "customer", &digest(&bytes)]);
    let data = close(shop);
    let folder = data.path().to_str().unwrap();
    let ended = run(["module", "deactivate", "customer", "--data", folder]);
    assert_eq!(text(&ended.stdout), said, "{}", text(&ended.stderr));
    let shop = Shop::open_on(data, |_| {});
    let shown = shop.get("/_wares/modules/customer");
    assert_eq!(shown.at("/module/digest"), built_in);
    assert_eq!(shop.get(&format!("/admin/customers/{id}")).status, 200);
}

/// The customers module, as the binary carries it.
fn bundled() -> std::path::PathBuf {
    crate::harness::root().join("target/component/wasm32-wasip2/component/customer_component.wasm")
}

#[test]
fn the_next_component_is_verified_before_an_activation_ends() {
    let shop = shop("version=1.0.0");
    let second = put(&shop, "", &marked("version=2.0.0 steps=2 needed=2"));
    let data = close(shop);
    // The one in service could not go on, so no host may serve it meanwhile.
    let activated = crate::harness::wares()
        .current_dir(data.path())
        .args([
            "module",
            "activate",
            "marked",
            &second.at("/version/digest"),
        ])
        .arg("--data")
        .arg(data.path())
        .output()
        .unwrap();
    assert!(activated.status.success(), "{}", text(&activated.stderr));
    let shop = shop_on(data, &[]);
    let file = shop.data.path().join(FILE);
    is_served(&shop, "2.0.0", "version");
    // Too old for the schema, as `rollback` has it.
    let too_old = "the schema: this component is too old for its database: it does not know the step \
                   0002_colour, and knows 1 steps where 2 are needed";
    let roll_back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
    roll_back.refuses(400, "failed_migration", too_old);
    deactivate(&shop).refuses(400, "failed_migration", too_old);
    for (mark, status, kind, reason) in [
        (
            "version=3.0.0 steps=2 bad=status status=503",
            400,
            "failed_probe",
            "the probe GET /admin/marked failed: it answered 503: {\"why\":\"as the\\u{9b} mark says\"}",
        ),
        (
            "version=3.0.0 steps=2 route=/admin/customers",
            400,
            "invalid_component",
            "the routes GET /admin/customers of the module customer and GET /admin/customers of the \
             module marked match the same paths, and a path belongs to one component: change one of them",
        ),
        (
            "version=3.0.0 steps=3",
            400,
            "failed_migration",
            "the schema: the step 0003_broken fails at its statement 2: no such table: nowhere",
        ),
    ] {
        fs::write(&file, marked(mark)).unwrap();
        deactivate(&shop).refuses(status, kind, reason);
        is_served(&shop, "2.0.0", "version");
    }
    // If no component could serve, the answer names what was tried.
    fs::write(&file, "text").unwrap();
    let folder = "modules";
    let nothing = format!(
        "nothing would serve the module marked without its active version: no setting names a component that \
         works, none in {folder} is that module, and it is not built in"
    );
    deactivate(&shop).refuses(
        409,
        "not_allowed",
        &format!("{nothing}; {folder}/marked.wasm: it is not a WebAssembly component"),
    );
    fs::remove_file(&file).unwrap();
    deactivate(&shop).refuses(409, "not_allowed", &nothing);
    shop.ask("POST", "/_wares/modules/nope/deactivate", None)
        .refuses(404, "not_found", "there is no module nope");
    shop.send("POST", &format!("{MODULE}/deactivate"), &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
    is_served(&shop, "2.0.0", "version");
    let shop = shop_on(close(shop), &[]);
    is_served(&shop, "2.0.0", "version");
    // One that works with the schema serves.
    fs::write(file_of(&shop), marked("version=1.5.0 steps=2 needed=2")).unwrap();
    assert_eq!(deactivate(&shop).status, 200);
    is_served(&shop, "1.5.0", "folder");
}

fn file_of(shop: &Shop) -> std::path::PathBuf {
    shop.data.path().join(FILE)
}

#[test]
fn the_component_from_the_folder_is_activated_and_its_version_removed() {
    let shop = shop("version=1.0.0");
    let first = activate(&shop, "version=1.0.0");
    is_served(&shop, "1.0.0", "version");
    let removal = format!("{MODULE}/versions/{first}");
    let in_use = format!(
        "the version {} of the module marked is in use",
        &first[..12]
    );
    shop.delete(&removal).refuses(409, "not_allowed", &in_use);
    let again = put(&shop, "?activate=true", &marked("version=1.0.0"));
    let already = format!(
        "the version {} of the module marked is in service already",
        &first[..12]
    );
    again.refuses(409, "not_allowed", &already);
    assert_eq!(deactivate(&shop).status, 200);
    assert_eq!(shop.delete(&removal).status, 200);
    is_served(&shop, "1.0.0", "folder");
    assert_eq!(digests(&shop), [""; 0]);
    // Its machine code stays, since it serves.
    let compiled = fs::read_dir(shop.data.path().join("compiled")).unwrap();
    let mut names = compiled.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.any(|name| name.starts_with(&first)));
}

#[test]
fn an_activation_behind_a_setting_is_ended_too() {
    let shop = shop("version=1.0.0");
    activate(&shop, "version=2.0.0");
    let data = close(shop);
    let file = data.path().join("mine.wasm");
    fs::write(&file, marked("version=1.2.0")).unwrap();
    let setting = format!("modules.marked.component={}", file.display());
    let shop = shop_on(data, &[&setting]);
    is_served(&shop, "1.2.0", "setting");
    assert_eq!(deactivate(&shop).status, 200);
    is_served(&shop, "1.2.0", "setting");
    let shop = shop_on(close(shop), &[]);
    is_served(&shop, "1.0.0", "folder");
}

#[test]
fn an_active_version_that_failed_at_the_start_is_ended() {
    let shop = shop("version=1.0.0");
    activate(&shop, "version=2.0.0");
    let broken = "modules.marked.config.break=2.0.0 routes";
    let shop = shop_on(close(shop), &[broken]);
    // The one before, which is a version.
    is_served(&shop, "1.0.0", "version");
    assert!(
        shop.send("GET", "/health", &[], b"")
            .body
            .contains("marked")
    );
    assert_eq!(deactivate(&shop).status, 200);
    is_served(&shop, "1.0.0", "folder");
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
    // Versions of before are not tried at the start, whatever becomes of the file.
    let data = close(shop);
    fs::write(data.path().join(FILE), "text").unwrap();
    let shop = shop_on(data, &[]);
    assert_eq!(shop.get("/admin/marked").status, 404);
}

#[test]
fn a_crash_while_an_activation_is_ended_leaves_one_whole_module() {
    let data = close({
        let shop = shop("version=1.0.0");
        activate(&shop, "version=2.0.0");
        shop
    });
    let mut data = Some(data);
    for (fault, version, source) in [
        ("activate.prepared", "2.0.0", "version"),
        ("activate.recorded", "1.0.0", "folder"),
        ("activate.switched", "1.0.0", "folder"),
    ] {
        let shop = Shop::open_on(data.take().unwrap(), |command| {
            command.env("WARES_FAULT", fault);
        });
        let crashed = shop.run(&["module", "deactivate", "marked"]);
        assert_eq!(crashed.status.code(), Some(1), "{fault}");
        let Shop {
            mut server,
            data: left,
            ..
        } = shop;
        server.child.wait().unwrap();
        let shop = shop_on(left, &[]);
        is_served(&shop, version, source);
        // It can be done again, and undone.
        if source == "version" {
            assert_eq!(deactivate(&shop).status, 200);
        }
        let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
        assert_eq!(back.at("/version/version"), "2.0.0", "{}", back.body);
        data = Some(close(shop));
    }
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
fn a_canary_that_cannot_start_keeps_no_version() {
    let shop = shop("version=1.0.0");
    let (second, third) = (marked("version=2.0.0"), marked("version=3.0.0"));
    put(&shop, "?activate=true&canary=10%25", &second).is_invalid(
        "Fields 'activate' and 'canary' exclude each other: leave out 'activate' to try the version first",
    );
    // The version in service, which is not kept as a version yet.
    let first = marked("version=1.0.0");
    let short = |bytes: &[u8]| digest(bytes)[..12].to_owned();
    put(&shop, "?canary=10%25", &first).refuses(
        409,
        "not_allowed",
        &format!(
            "the version {} of the module marked is in service, and answers all requests: try another one",
            short(&first)
        ),
    );
    assert_eq!(digests(&shop), [""; 0]);
    for share in [
        "0%25", "0", "10", "-1%25", "100.1%25", "0.001%25", "NaN%25", "10%25%25", "",
    ] {
        let answer = put(&shop, &format!("?canary={share}"), &second);
        assert_eq!(answer.status, 400, "{share}: {}", answer.body);
        assert!(
            answer.body.contains("must be a share from 0.01% to 100%"),
            "{share}: {}",
            answer.body
        );
    }
    put(&shop, "?activate=false&canary=0.01%25", &second);
    assert_eq!(
        shop.get(MODULE).value()["module"]["canary"]["share_percent"],
        json!(0.01)
    );
    let has_canary = format!(
        "the version {} of the module marked is on trial: promote or withdraw it first",
        short(&second)
    );
    for bytes in [&second, &third] {
        put(&shop, "?canary=10%25", bytes).refuses(409, "not_allowed", &has_canary);
    }
    assert_eq!(digests(&shop), [digest(&second)]);
    let body = json!({"digest": digest(&second), "canary": "10%"});
    shop.post(&format!("{MODULE}/activate"), body)
        .refuses(409, "not_allowed", &has_canary);
    put_to(&shop, "nope", "?canary=10%25", &third).refuses(
        404,
        "not_found",
        "there is no module nope",
    );
    // A canary ends with its activation.
    let withdrawn = shop.ask("POST", &format!("{MODULE}/withdraw"), None);
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.body);
    let promoted = shop.ask("POST", &format!("{MODULE}/promote"), None);
    promoted.refuses(
        409,
        "not_allowed",
        "the module marked has no version on trial",
    );
}

fn put_to(shop: &Shop, name: &str, query: &str, bytes: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", &*bearer)];
    let path = format!("/_wares/modules/{name}{query}");
    shop.send("PUT", &path, &headers, bytes)
}

#[test]
fn without_a_host_a_canary_is_refused() {
    let shop = shop("version=1.0.0");
    let second = digest(&marked("version=2.0.0"));
    let data = close(shop);
    let folder = data.path().to_str().unwrap().to_owned();
    let modules = format!("data.modules_dir={}", data.path().join("modules").display());
    let file = data.path().join("two.wasm");
    fs::write(&file, marked("version=2.0.0")).unwrap();
    let file = file.to_str().unwrap();
    let wares = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data", &folder, "--set", &modules]);
        let output = run(all);
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    };
    let refused = |message: &str| (1, String::new(), format!("wares: {message}\n"));
    let no_host = "no version of the module marked is tried, since no host serves this data folder: a trial is \
                   judged by what it answers, and ends with the host. Start `wares serve` first, or put the \
                   version in service at once";
    assert_eq!(
        wares(&["module", "install", file, "--canary", "10%"]),
        refused(no_host)
    );
    // It was not kept.
    assert_eq!(
        wares(&["module", "activate", "marked", &second]),
        refused(&format!("the module marked has no version {second}"))
    );
    assert_eq!(wares(&["module", "install", file]).0, 0);
    assert_eq!(
        wares(&["module", "activate", "marked", &second, "--canary", "10%"]),
        refused(no_host)
    );
    for act in ["promote", "withdraw"] {
        assert_eq!(
            wares(&["module", act, "marked"]),
            refused("the module marked has no version on trial")
        );
    }
    // What contradicts itself, or is no share, is a wrong command line.
    for (arguments, said) in [
        (
            vec!["module", "install", file, "--activate", "--canary", "10%"],
            "the argument '--activate' cannot be used with '--canary <SHARE>'",
        ),
        (
            vec!["module", "install", file, "--canary", "10"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "activate", "marked", &second, "--canary", "0%"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "activate", "marked", &second, "--canary", "101%"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "install", file, "--name="],
            "a value is required for '--name <MODULE>' but none was supplied",
        ),
        (
            vec!["module", "status", ""],
            "a value is required for '[NAME]' but none was supplied",
        ),
        (
            vec!["module", "remove", "marked", ""],
            "a value is required for '<DIGEST>' but none was supplied",
        ),
    ] {
        let (code, out, error) = wares(&arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}");
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    let entries: Value = serde_json::from_str(&wares(&["audit", "--json"]).1).unwrap();
    let told: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|act| {
            (
                act["act"].as_str().unwrap(),
                act["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("canary", "refused"),
            ("install", "done"),
            ("activate", "refused"),
            ("install", "refused"),
        ]
    );
    let shop = shop_on(data, &[]);
    is_served(&shop, "1.0.0", "folder");
    assert_eq!(shop.get(MODULE).value()["module"]["canary"], json!(null));
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
