//! Projects in Go, built with the Go that `just go` installed. Nothing here needs a network.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{root, text, wares};

/// Where `just go` installs Go, whose version is in the path.
const GO: &str = "target/tools/go-1.27.3/go/bin";

/// Runs a command of Go's tools in a project, where it has to succeed.
pub fn go(project: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let go = root().join(GO).join("go");
    assert!(
        go.exists(),
        "Go is missing: `just go` installs it in target/tools"
    );
    let output = Command::new(go)
        .current_dir(project)
        .env("GOCACHE", root().join("target/tools/go-cache"))
        .env("GOPATH", root().join("target/tools/go-path"))
        // Nothing of this machine's own Go, and nothing from elsewhere.
        .envs([
            ("GOENV", "off"),
            ("GOFLAGS", ""),
            ("GOTOOLCHAIN", "local"),
            ("GOPROXY", "off"),
            ("GOWORK", "off"),
        ])
        .envs(variables.iter().copied())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "go {arguments:?}:\n{said}");
    said
}

/// The files of a project that `gofmt` would change, except the bindings.
fn unformatted(project: &Path) -> String {
    let gofmt = root().join(GO).join("gofmt");
    assert!(
        gofmt.is_file(),
        "target/tools has no Go: `just go` installs it"
    );
    let output = Command::new(gofmt)
        .current_dir(project)
        .args(["-l", "."])
        .output()
        .unwrap();
    let files = text(&output.stdout) + &text(&output.stderr);
    let is_bindings = |file: &&str| {
        ["wares/imports/", "wares/exports/wit_exports/"]
            .iter()
            .any(|folder| file.starts_with(folder))
    };
    files.lines().filter(|file| !is_bindings(file)).collect()
}

/// Tests a project, and builds its component as its README says.
pub fn built_by_go(project: &Path, name: &str) -> PathBuf {
    assert_eq!(unformatted(project), "");
    go(project, &["vet", "./..."], &[]);
    let tested = go(project, &["test", "./..."], &[]);
    assert!(
        tested.lines().any(|line| line.starts_with("ok ")),
        "{tested}"
    );
    let core = format!("{name}.core.wasm");
    go(
        project,
        &[
            "build",
            "-trimpath",
            "-buildmode=c-shared",
            "-ldflags=-checklinkname=0",
            "-o",
            &core,
        ],
        &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
    );
    let mut command = wares();
    command
        .current_dir(project)
        .args(["go", "component", &core]);
    let made = command.output().unwrap();
    let component = project.join(format!("{name}.wasm"));
    assert!(made.status.success(), "{made:?}");
    let bytes = component.metadata().unwrap().len();
    assert_eq!(text(&made.stdout), format!("{name}.wasm: {bytes} bytes\n"));
    component
}
