//! An activation is ended, and the next component in the order serves.

use std::fs;

use serde_json::json;

use super::{
    FILE, MODULE, activate, bundled, close, deactivate, digest, digests, is_served, put, shop,
    shop_on, state,
};
use crate::harness::{Shop, marked, run, text};

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
    let too_old = "the schema: this component is too old for its database: it does not know the migration \
                   0002_colour, and knows 1 migrations where 2 are needed";
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
            "the schema: the migration 0003_broken fails at statement 2: no such table: nowhere",
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
