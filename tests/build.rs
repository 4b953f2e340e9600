//! Builds the hostile guest as a component.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=guests");
    println!("cargo:rerun-if-changed=../wit");
    println!("cargo:rerun-if-changed=build.rs");
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    // The same folder as the host's components: what they share is built once.
    let target = workspace.join("target").join("component");
    let cargo = env::var("CARGO").expect("cargo sets CARGO");
    let mut command = Command::new(cargo);
    command
        .current_dir(&workspace)
        .args([
            "build",
            "--package",
            "hostile-guest",
            "--target",
            "wasm32-wasip2",
        ])
        .args(["--profile", "component", "--target-dir"])
        .arg(&target);
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
        "the hostile guest does not build"
    );
    let component = target.join("wasm32-wasip2/component/hostile_guest.wasm");
    println!("cargo:rustc-env=HOSTILE_GUEST={}", component.display());
}
