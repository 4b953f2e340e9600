//! Builds the components that the binary carries, so that `cargo build` alone
//! builds a host that serves, and never carries a stale module.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The packages of this workspace that become bundled components.
const BUNDLED: [&str; 1] = ["customer-component"];

/// The package that bundled components are built with.
const KIT: &str = "module-kit";

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

fn main() {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let workspace = host
        .parent()
        .expect("the host crate lies in the workspace")
        .to_owned();
    let target = workspace.join("target").join("component");
    let mut entries = String::new();
    watch(&workspace.join(KIT));
    for package in BUNDLED {
        watch(&workspace.join(package));
        let component = build(&workspace, &target, package);
        entries.push_str(&format!(
            "    ({package:?}, include_bytes!({:?}).as_slice()),\n",
            component.display().to_string()
        ));
    }
    println!("cargo:rerun-if-changed={}", workspace.join("wit").display());
    println!(
        "cargo:rerun-if-changed={}",
        workspace.join("Cargo.toml").display()
    );
    println!(
        "cargo:rerun-if-changed={}",
        workspace.join("Cargo.lock").display()
    );
    println!("cargo:rerun-if-changed=build.rs");
    let code = format!(
        "/// The package's name and the component's bytes.\npub const BUNDLED: &[(&str, &[u8])] = &[\n{entries}];\n"
    );
    fs::write(Path::new(&variable("OUT_DIR")).join("bundled.rs"), code)
        .expect("OUT_DIR is writable");
}

fn watch(package: &Path) {
    for part in ["src", "Cargo.toml", "build.rs"] {
        let path = package.join(part);
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
}

/// Builds one component in a target folder of its own: the outer cargo holds
/// the lock of the usual one.
fn build(workspace: &Path, target: &Path, package: &str) -> PathBuf {
    // A fuzzer needs the host on the nightly toolchain. The component stays on the
    // project's own, which has its target.
    let nightly = env::var("RUSTUP_TOOLCHAIN").is_ok_and(|name| name.starts_with("nightly"));
    let mut command = if nightly {
        let mut command = Command::new("cargo");
        for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC"] {
            command.env_remove(name);
        }
        command
    } else {
        Command::new(variable("CARGO"))
    };
    command
        .current_dir(workspace)
        .args([
            "build",
            "--package",
            package,
            "--target",
            TARGET,
            "--profile",
            PROFILE,
            "--target-dir",
        ])
        .arg(target);
    // The outer build's flags and wrappers (clippy's, a coverage tool's) are not the component's.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    let status = command.status().expect("cargo runs");
    assert!(
        status.success(),
        "{package} does not build for {TARGET}. If the target is missing, `just setup` adds it."
    );
    target
        .join(TARGET)
        .join(PROFILE)
        .join(format!("{}.wasm", package.replace('-', "_")))
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
