//! Builds the components that the tests load: the hostile guest, and modules
//! against each version of the contracts that there was.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages beside the workspace, as those of third parties, with their components and
/// variables.
const BESIDE: [(&str, &str, &str); 5] = [
    ("tests/guests/notes", "notes_guest", "NOTES_GUEST"),
    ("extensions/email-policy", "email_policy", "EMAIL_POLICY"),
    ("extensions/orders", "orders", "ORDERS"),
    ("extensions/loyalty", "loyalty", "LOYALTY"),
    ("extensions/welcome-mail", "welcome_mail", "WELCOME_MAIL"),
];

/// The packages, and the variables in which the tests find their components.
const PACKAGES: [(&str, &str); 9] = [
    ("hostile-guest", "HOSTILE_GUEST"),
    ("marked-guest", "MARKED_GUEST"),
    ("bare-guest", "BARE_GUEST"),
    ("chancy-guest", "CHANCY_GUEST"),
    ("meddler-guest", "MEDDLER_GUEST"),
    ("provider-guest", "PROVIDER_GUEST"),
    ("later-guest", "LATER_GUEST"),
    ("listener-guest", "LISTENER_GUEST"),
    ("fixture-module-1-0-0", "FIXTURE_MODULE_1_0_0"),
];

/// Components as they are released.
const PROFILE: &str = "component";
/// The same with the lines of their sources.
const WITH_LINES: &str = "component-with-lines";

fn main() {
    println!("cargo:rerun-if-changed=guests");
    println!("cargo:rerun-if-changed=fixtures");
    println!("cargo:rerun-if-changed=../wit");
    println!("cargo:rerun-if-changed=../module-kit");
    println!("cargo:rerun-if-changed=../sdk/rust");
    println!("cargo:rerun-if-changed=../extensions");
    println!("cargo:rerun-if-changed=build.rs");
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    // The same folder as the host's components: what they share is built once.
    let target = workspace.join("target").join("component");
    for (folder, name, variable) in BESIDE {
        let manifest = workspace.join(folder).join("Cargo.toml");
        build(&workspace, &target, PROFILE, |command| {
            command.arg("--locked").arg("--manifest-path").arg(manifest);
        });
        found(&target, PROFILE, name, variable);
    }
    build(&workspace, &target, PROFILE, |command| {
        for (package, _) in PACKAGES {
            command.args(["--package", package]);
        }
    });
    for (package, variable) in PACKAGES {
        found(&target, PROFILE, &package.replace('-', "_"), variable);
    }
    build(&workspace, &target, WITH_LINES, |command| {
        command.args(["--package", "meddler-guest"]);
    });
    found(&target, WITH_LINES, "meddler_guest", "MEDDLER_WITH_LINES");
}

/// Builds components, with the outer build's flags and wrappers left out.
fn build(workspace: &Path, target: &Path, profile: &str, which: impl FnOnce(&mut Command)) {
    let cargo = env::var("CARGO").expect("cargo sets CARGO");
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace)
        .args(["build", "--target", "wasm32-wasip2"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target);
    which(&mut command);
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    assert!(
        command.status().expect("cargo runs").success(),
        "the tests' components do not build"
    );
}

/// Tells the tests where a component is.
fn found(target: &Path, profile: &str, name: &str, variable: &str) {
    let folder = target.join("wasm32-wasip2").join(profile);
    let component = folder.join(format!("{name}.wasm"));
    println!("cargo:rustc-env={variable}={}", component.display());
}
