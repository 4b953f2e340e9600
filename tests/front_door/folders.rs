//! Which commands create a data folder, and what the others print without one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::harness::{EMAIL, data, hostile_guest, text, wares};

/// All that lies in a folder, by its path.
fn all_in(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_in(&path));
        }
        found.insert(path);
    }
    found
}

/// Runs a command in a folder, with a password on its standard input.
fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut child = wares()
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is refused may not read it.
    let _ = child.stdin.take().unwrap().write_all(b"long enough\n");
    child.wait_with_output().unwrap()
}

/// The commands that work on a data folder that is there.
fn commands() -> Vec<Vec<&'static str>> {
    vec![
        vec!["user", "create", "--email", "a@shop.example"],
        vec!["user", "list"],
        vec!["user", "password", EMAIL],
        vec!["user", "delete", EMAIL],
        vec!["key", "create", "--title", "x"],
        vec!["key", "list"],
        vec!["key", "revoke", "apk_1"],
        vec!["audit"],
        vec!["events", "customer"],
        vec!["call", "customer", "customers.search({:})"],
        vec!["module", "list"],
        vec!["module", "status"],
        vec![
            "module",
            "install",
            hostile_guest().to_str().unwrap(),
            "--name",
            "hostile",
        ],
        vec!["module", "activate", "customer", "abc"],
        vec!["module", "rollback", "customer"],
        vec!["module", "promote", "customer"],
        vec!["module", "withdraw", "customer"],
        vec!["module", "remove", "customer", "abc"],
    ]
}

#[test]
fn commands_change_nothing_without_a_data_folder() {
    let parent = TempDir::new().unwrap();
    let here = parent.path();
    fs::create_dir(here.join("empty")).unwrap();
    fs::create_dir(here.join("other")).unwrap();
    fs::write(here.join("other/notes.txt"), "mine").unwrap();
    fs::write(here.join("file"), "mine").unwrap();
    let before = all_in(here);
    let no_own =
        |name: &str| format!("the folder {name} is not a data folder, for it has no host.db");
    let cases = [
        (None, "there is no data folder data".to_owned()),
        (
            Some("missing"),
            "there is no data folder missing".to_owned(),
        ),
        (
            Some("missing/deep"),
            "there is no data folder missing/deep".to_owned(),
        ),
        (Some("empty"), no_own("empty")),
        (Some("other"), no_own("other")),
        (Some("file"), "file is a file, not a data folder".to_owned()),
    ];
    for command in commands() {
        for (data, why) in &cases {
            // It is named, so it may make one.
            if command.starts_with(&["user", "create"]) && data.is_some() {
                continue;
            }
            let mut arguments = command.clone();
            if let Some(data) = data {
                arguments.extend(["--data", data]);
            }
            let refused = run_in(here, &arguments);
            let want = format!(
                "wares: {why}: name the data folder with --data DIR (or the setting data.dir), or make one \
                 there with `wares serve`\n"
            );
            let got = (
                refused.status.code(),
                text(&refused.stdout),
                text(&refused.stderr),
            );
            assert_eq!(got, (Some(1), String::new(), want), "{arguments:?}");
        }
    }
    assert_eq!(all_in(here), before);
}

#[test]
fn commands_that_need_no_data_folder_create_none() {
    let parent = TempDir::new().unwrap();
    let here = parent.path();
    let guest = hostile_guest().to_str().unwrap();
    for arguments in [
        &["--help"][..],
        &["seed", "--help"],
        &["serve", "--help"],
        &[
            "inspect",
            guest,
            "--set",
            "modules.hostile.path_prefixes=/hostile",
        ],
    ] {
        let done = run_in(here, arguments);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
    assert!(all_in(here).is_empty(), "{:?}", all_in(here));
}

#[test]
fn commands_work_on_an_existing_data_folder() {
    let folder = data();
    let here = folder.path().parent().unwrap();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    for command in [
        &["user", "list"][..],
        &["key", "list"],
        &["audit"],
        &["events", "customer"],
    ] {
        let done = run_in(here, &[command, &["--data", name]].concat());
        assert!(done.status.success(), "{command:?}: {done:?}");
    }
}

#[test]
fn seed_and_user_create_with_a_named_folder_create_it() {
    let parent = TempDir::new().unwrap();
    let here = parent.path();
    let seeded = run_in(here, &["seed", "--customers", "1"]);
    assert!(seeded.status.success(), "{seeded:?}");
    assert!(here.join("data/modules/customer.db").exists());
    // The default is there by now.
    let made = run_in(here, &["user", "create", "--email", "a@shop.example"]);
    assert!(made.status.success(), "{made:?}");
    for (more, folder) in [
        (vec!["--data", "flag"], "flag"),
        (vec!["--set", "data.dir=setting"], "setting"),
    ] {
        let create = ["user", "create", "--email", "a@shop.example"];
        let made = run_in(here, &[&create[..], &more].concat());
        assert!(made.status.success(), "{made:?}");
        assert!(here.join(folder).join("host.db").exists());
    }
    let made = wares()
        .current_dir(here)
        .env("WARES_DATA_DIR", "variable")
        .args(["seed", "--customers", "1"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    assert!(here.join("variable/modules/customer.db").exists());
}

#[test]
fn a_file_is_refused_as_a_data_folder() {
    let parent = TempDir::new().unwrap();
    let here = parent.path();
    fs::write(here.join("file"), "mine").unwrap();
    let not_made = "cannot make the folder file: File exists (os error 17)";
    // It looks for components before anything else.
    let not_read = "cannot read file/modules: Not a directory (os error 20)";
    for (command, why) in [
        (&["serve", "--listen", "127.0.0.1:0"][..], not_made),
        (&["seed", "--customers", "1"], not_read),
        (&["user", "create", "--email", "a@shop.example"], not_made),
    ] {
        let refused = run_in(here, &[command, &["--data", "file"]].concat());
        let said = text(&refused.stderr);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!(
            (refused.status.code(), last),
            (Some(1), &*format!("wares: {why}")),
            "{command:?}"
        );
    }
    assert_eq!(fs::read_to_string(here.join("file")).unwrap(), "mine");
}
