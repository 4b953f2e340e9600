//! Versions managed by commands, with a host and without one.

use super::digest;
use crate::harness::{Server, data, marked, run, text};

#[test]
fn operators_manage_versions_by_commands_with_a_host_and_without() {
    let data = data();
    let folder = data.path().to_str().unwrap().to_owned();
    let modules = format!("data.modules_dir={}", data.path().join("modules").display());
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let (first, second) = (
        digest(&marked("version=1.0.0")),
        digest(&marked("version=2.0.0")),
    );
    let file = data.path().join("second.wasm");
    std::fs::write(&file, marked("version=2.0.0")).unwrap();
    let wares = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data", &folder, "--set", &modules]);
        let output = run(all);
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    for running in [true, false] {
        let server = running.then(|| Server::start(data.path(), |_| {}));
        let did = |arguments: &[&str], said: &str| {
            assert_eq!(
                wares(arguments),
                (0, format!("{said}\n"), String::new()),
                "{arguments:?}"
            );
        };
        did(
            &["module", "install", file.to_str().unwrap()],
            &format!("marked has 2.0.0 {second}"),
        );
        did(
            &["module", "activate", "marked", &second[..9]],
            &format!("marked serves 2.0.0 {second}"),
        );
        did(
            &["module", "rollback", "marked"],
            &format!("marked serves 1.0.0 {first}"),
        );
        if running {
            did(
                &["module", "activate", "marked", &second, "--canary", "5%"],
                &format!("marked tries 2.0.0 {second}"),
            );
            did(
                &["module", "withdraw", "marked"],
                &format!("marked serves 1.0.0 {first}"),
            );
        }
        let (_, status, _) = wares(&["module", "status", "marked"]);
        assert_eq!(
            status,
            format!(
                "marked serves 1.0.0 {first}\n  calls: 0 made, 0 failed, 0 answered 5xx, 0.0 ms on average\n"
            )
        );
        assert_eq!(
            wares(&["module", "activate", "marked", "abc"]),
            (
                1,
                String::new(),
                "wares: the module marked has no version abc\n".to_owned()
            )
        );
        drop(server);
    }
    let (_, audit, _) = wares(&["audit", "--limit", "2"]);
    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines.len(), 2, "{audit}");
    assert!(
        lines[0].ends_with("activate marked abc  refused: the module marked has no version abc")
            || lines[0].contains("refused"),
        "{audit}"
    );
    assert!(lines[1].contains("rollback marked"), "{audit}");
}
