//! Extensions that failed when the host started: what becomes of requests at their hooks, and
//! how an operator lifts it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, data, marked, meddler, text};

const ALPHA: &str = "/_wares/modules/alpha";

fn restarted(shop: Shop, settings: &[&str]) -> Shop {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    open(data, settings)
}

fn open(data: TempDir, settings: &[&str]) -> Shop {
    Shop::open_on(data, |command| {
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

/// A folder with the extension `alpha`, which signs what it is asked about, in service.
fn with_alpha() -> (TempDir, String) {
    let data = data();
    let file = data.path().join("alpha.wasm");
    fs::write(&file, meddler("alpha")).unwrap();
    let digest = hex::encode(Sha256::digest(meddler("alpha")));
    let run = |arguments: &[&str]| {
        let folder = ["--data", data.path().to_str().unwrap()];
        let done = crate::harness::run(arguments.iter().chain(&folder));
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    let file = file.to_str().unwrap();
    let grant = "--grant=hooks,operations";
    run(&["module", "install", file, grant, "--activate"]);
    (data, digest)
}

fn create(shop: &Shop) -> Answer {
    shop.post("/admin/customers", json!({"email": "ann@shop.example"}))
}

/// Whether creates are refused since the extension has to be asked, and nothing else is.
#[track_caller]
fn refuses(shop: &Shop) {
    let refused = create(shop);
    refused.refuses(
        503,
        "unavailable",
        "alpha has to be asked, and does not answer",
    );
    assert_eq!(refused.header("retry-after"), "1");
    let list = shop.get("/admin/customers");
    assert_eq!((list.status, &list.value()["count"]), (200, &json!(0)));
}

#[track_caller]
fn passes(shop: &Shop) {
    let made = create(shop);
    assert_eq!(made.status, 200, "{}", made.body);
    assert_eq!(made.value()["customer"]["company_name"], Value::Null);
}

fn change(shop: &Shop, change: &str) -> Answer {
    shop.ask("POST", &format!("{ALPHA}/{change}"), None)
}

#[test]
fn a_broken_extension_refuses_its_hooks_until_it_is_disabled() {
    let (data, digest) = with_alpha();
    let file = data.path().join(format!("versions/{digest}.wasm"));
    let whole = fs::read(&file).unwrap();
    fs::write(&file, "damaged").unwrap();
    let shop = open(data, &[]);
    refuses(&shop);
    let module = shop.get(ALPHA).value()["module"].clone();
    assert_eq!(
        json!([module["version"], module["enabled"]]),
        json!([null, true])
    );
    change(&shop, "enable").refuses(409, "not_allowed", "the module alpha is not disabled");
    let disabled = shop.run(&["module", "disable", "alpha"]);
    assert_eq!(
        (text(&disabled.stdout), text(&disabled.stderr)),
        ("alpha is disabled\n".to_owned(), String::new())
    );
    assert_eq!(shop.get(ALPHA).value()["module"]["enabled"], json!(false));
    change(&shop, "disable").refuses(409, "not_allowed", "the module alpha is disabled already");
    passes(&shop);
    // Also over a restart, which says nothing of it then.
    let shop = restarted(shop, &[]);
    let id = shop.get("/admin/customers").at("/customers/0/id");
    assert_eq!(shop.delete(&format!("/admin/customers/{id}")).status, 200);
    passes(&shop);
    let id = shop.get("/admin/customers").at("/customers/0/id");
    assert_eq!(shop.delete(&format!("/admin/customers/{id}")).status, 200);
    let enabled = shop.run(&["module", "enable", "alpha"]);
    assert_eq!(text(&enabled.stdout), "alpha is enabled, and not served\n");
    refuses(&shop);
    let entries = shop.audit_fields("?limit=1", &["action", "module", "outcome"]);
    assert_eq!(json!(entries), json!([["enable", "alpha", "done"]]));
    let log = shop.server.wait_for_log("hook=\"before-create-customer\"");
    assert!(!log.contains("requests at its hooks are"), "{log}");
    fs::write(
        shop.data.path().join(format!("versions/{digest}.wasm")),
        whole,
    )
    .unwrap();
    let shop = restarted(shop, &["modules.alpha.config.does=signs"]);
    assert_eq!(create(&shop).at("/customer/company_name"), "alpha;");
}

#[test]
fn an_extension_that_failed_is_left_out_where_its_policy_says_so() {
    let (data, _) = with_alpha();
    // It is not granted all that it wants, so that it does not load.
    let grants = "modules.alpha.grants=hooks";
    let shop = open(data, &[grants]);
    refuses(&shop);
    let said = "an extension failed at the start: requests at its hooks are refused with 503 until it is \
                mended and the host started again, or until `wares module disable alpha` module=\"alpha\"";
    let log = shop.server.wait_for_log("the request is refused");
    assert!(log.contains(said), "{log}");
    let shop = restarted(shop, &[grants, "modules.alpha.on_failure=skip"]);
    passes(&shop);
    let log = shop.server.wait_for_log("is left out");
    let said = said.replace("refused with 503", "answered without it");
    assert!(log.contains(&said), "{log}");
}

/// A host beside whose module a component fails that the settings name.
fn beside(name: &str, file: &Path, settings: &[&str]) -> Shop {
    let mut all = vec![format!("modules.{name}.component={}", file.display())];
    let settings = settings.iter();
    all.extend(settings.map(|setting| format!("modules.{name}.{setting}")));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    open(data(), &all)
}

#[test]
fn a_failed_component_that_is_no_extension_refuses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [extension, module, missing] =
        ["alpha.wasm", "marked.wasm", "none.wasm"].map(|name| folder.path().join(name));
    fs::write(&extension, meddler("alpha")).unwrap();
    fs::write(&module, marked("version=1.0.0")).unwrap();
    for (name, file, grants) in [
        // It may not be called at hooks, so it may not end requests there.
        ("alpha", &extension, "grants=operations"),
        // It fills no point of another module.
        ("marked", &module, "grants=hooks"),
        ("alpha", &missing, "grants=sql"),
    ] {
        let shop = beside(name, file, &[grants]);
        assert_eq!(shop.metric("wares_components_left_out"), 1);
        passes(&shop);
    }
    // One that cannot be read may fill any point that it is granted.
    refuses(&beside("alpha", &missing, &["grants=hooks"]));
    // So may one that failed before it said who it is.
    let data = data();
    fs::write(data.path().join("modules/some.wasm"), "no component").unwrap();
    let modules = format!("data.modules_dir={}/modules", data.path().display());
    refuses(&open(data, &[&modules, "modules.alpha.grants=hooks"]));
}
