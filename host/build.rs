//! Builds the components that the binary carries, so that `cargo build` alone
//! builds a host that serves, and never carries a stale module. Lists the files of the
//! projects that `wares new` writes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The packages of this workspace that become bundled components.
const BUNDLED: [&str; 1] = ["customer-component"];

/// The packages that bundled components are built with.
const KITS: [&str; 2] = ["module-kit", "sdk/rust"];

/// The contracts that each kind of project in `templates/` is built against.
const CONTRACTS: [(&str, &[&str]); 2] = [
    (
        "customer",
        &[
            "customer@2.1.0",
            "deps/wasi-config@0.2.0-rc.1",
            "deps/wasi-logging@0.1.0-draft",
            "deps/wasi-random@0.2.0",
            "module@2.1.0",
            "platform@1.2.0",
        ],
    ),
    (
        "module",
        &[
            "deps/wasi-config@0.2.0-rc.1",
            "deps/wasi-logging@0.1.0-draft",
            "deps/wasi-random@0.2.0",
            "module@2.1.0",
            "platform@1.2.0",
        ],
    ),
];

/// The SDK of each language, by its folder in the repository, and its folder in a project.
const SDKS: [(&str, &str, &str); 4] = [
    ("go", "sdk/go", "wares"),
    ("js", "sdk/js/wares", "wares"),
    ("python", "sdk/python/wares", "wares"),
    ("rust", "sdk/rust", "wares-module"),
];

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
    for kit in KITS {
        watch(&workspace.join(kit));
    }
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
    list_projects(&host.join("templates"), &workspace);
}

/// Lists the files of all projects with their texts, contracts and SDKs among them.
fn list_projects(templates: &Path, workspace: &Path) {
    println!("cargo:rerun-if-changed={}", templates.display());
    let mut files = Vec::new();
    list_files(templates, "", &mut files);
    for (language, from, to) in SDKS {
        let from = workspace.join(from);
        let first = files.len();
        list_files(&from, &format!("shared/{language}/{to}/"), &mut files);
        // Not the folder, into which Python writes what it compiled.
        for (_, file) in &files[first..] {
            println!("cargo:rerun-if-changed={file}");
        }
    }
    for (kind, packages) in CONTRACTS {
        for package in packages {
            let folder = match package.strip_prefix("deps/") {
                Some(foreign) => foreign.to_owned(),
                None => format!("wares-{package}"),
            };
            let under = format!("{kind}/wit/deps/{folder}/");
            list_files(&workspace.join("wit").join(package), &under, &mut files);
        }
    }
    files.sort();
    let entries: String = files
        .iter()
        .map(|(path, file)| format!("    ({path:?}, include_str!({file:?})),\n"))
        .collect();
    let code = format!(
        "/// The path of each file below `templates` or beside it, and its text.\npub const FILES: &[(&str, &str)] = &[\n{entries}];\n"
    );
    fs::write(Path::new(&variable("OUT_DIR")).join("projects.rs"), code)
        .expect("OUT_DIR is writable");
}

/// Adds the files of a folder, and of those in it, each with its path below `under`.
fn list_files(folder: &Path, under: &str, files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entries can be read").path();
        let name = path.file_name().expect("an entry has a name");
        let name = format!("{under}{}", name.to_string_lossy());
        // What Python leaves where its tests ran.
        if name.ends_with("/__pycache__") {
            continue;
        }
        if path.is_dir() {
            list_files(&path, &format!("{name}/"), files);
        } else {
            files.push((name, path.display().to_string()));
        }
    }
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
