//! Medusa's own JavaScript SDK as a client: the tests in `tests/js`, which Node
//! runs against a shop in each of the two settings. Never skipped: what is
//! missing on the machine is a failure that says what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{EMAIL, PASSWORD, Shop, root, text};

/// Where npm keeps the SDK, from the folder of `package.json`.
const SDK: &str = "node_modules/@medusajs/js-sdk";

fn folder() -> PathBuf {
    root().join("tests/js")
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// The SDK as the lock names it, or one line that says how to get it.
fn assert_installed() {
    let lock = json(&folder().join("package-lock.json")).expect("tests/js/package-lock.json");
    let wanted = lock["packages"][SDK]["version"].as_str().unwrap();
    let installed = json(&folder().join(SDK).join("package.json"));
    let installed = installed.as_ref().and_then(|sdk| sdk["version"].as_str());
    assert!(
        installed == Some(wanted),
        "tests/js needs @medusajs/js-sdk {wanted}, and has {}: `just js` installs it",
        installed.unwrap_or("none"),
    );
}

/// Each file of tests. Named one by one, as Node's search for them differs by version.
fn files() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".test.mjs")).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn works_with(compat: &str) {
    assert_installed();
    let shop = Shop::with_setting(&format!("modules.customer.config.compat={compat}"));
    let key = shop.run(&["key", "create", "--title", "sdk"]);
    assert!(key.status.success(), "{key:?}");
    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec"])
        .args(files())
        .current_dir(folder())
        .env("SHOP_URL", shop.url(""))
        .env("SHOP_COMPAT", compat)
        .env("SHOP_EMAIL", EMAIL)
        .env("SHOP_PASSWORD", PASSWORD)
        .env("SHOP_API_KEY", text(&key.stdout).trim())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| {
            panic!("Node 20 or later is needed to run tests/js, and `node` does not start: {error}")
        });
    assert!(
        output.status.success(),
        "the SDK's tests failed with compat = \"{compat}\"\n{}{}",
        text(&output.stdout),
        text(&output.stderr),
    );
}

#[test]
fn the_sdk_works_with_document() {
    works_with("document");
}

#[test]
fn the_sdk_works_with_medusa_2() {
    works_with("medusa-2");
}
