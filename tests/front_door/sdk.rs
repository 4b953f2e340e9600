//! Wares through Medusa's JS SDK: the files of `tests/js`, each against a shop
//! of its own, in both settings.

use std::path::Path;
use std::process::Command;

use crate::harness::{EMAIL, PASSWORD, Shop};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js");
const SDK: &str = "@medusajs/js-sdk";

/// The version that a package.json gives for the SDK, or of itself.
fn version(file: &Path, pointer: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(value.pointer(pointer)?.as_str()?.to_owned())
}

fn run(file: &str, compat: &str) {
    let folder = Path::new(FOLDER);
    let wanted = version(
        &folder.join("package.json"),
        "/dependencies/@medusajs~1js-sdk",
    );
    let found = version(
        &folder.join("node_modules").join(SDK).join("package.json"),
        "/version",
    );
    assert_eq!(
        found, wanted,
        "{SDK} is not installed as tests/js/package.json wants it: `just js` installs it"
    );
    let shop = Shop::with_setting(&format!("modules.customer.config.compat={compat}"));
    let output = Command::new("node")
        .current_dir(folder)
        .args(["--test", file])
        .env("WARES_URL", shop.url(""))
        .env("WARES_ADMIN_EMAIL", EMAIL)
        .env("WARES_ADMIN_PASSWORD", PASSWORD)
        .env("WARES_COMPAT", compat)
        .output()
        .expect("Node 20 or later is needed for these tests: install it from nodejs.org or as the package nodejs");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A file without tests succeeds as well.
    assert!(
        told.contains("# pass ") && !told.contains("# pass 0"),
        "{told}"
    );
}

#[test]
fn one_signs_in_by_the_sdk() {
    run("auth.test.mjs", "document");
}

#[test]
fn one_signs_in_by_the_sdk_as_to_a_medusa() {
    run("auth.test.mjs", "medusa-2");
}

#[test]
fn the_sdk_reaches_customers() {
    run("customers.test.mjs", "document");
}

#[test]
fn the_sdk_reaches_customers_as_of_a_medusa() {
    run("customers.test.mjs", "medusa-2");
}

#[test]
fn the_sdk_reaches_groups() {
    run("groups.test.mjs", "document");
}

#[test]
fn the_sdk_reaches_groups_as_of_a_medusa() {
    run("groups.test.mjs", "medusa-2");
}
