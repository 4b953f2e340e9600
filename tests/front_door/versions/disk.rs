//! A full disk while versions change, and files that are missing from it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{MODULE, activate, audit_entries, digest, install, put, serving, shop};
use crate::harness::{Shop, data, marked, run, text};

/// A folder becomes a disk of its own, of so many bytes, for this server alone.
fn on_small_disk(command: &mut Command, folder: &Path, bytes: u32) {
    let mut small = Command::new("unshare");
    small.arg("--mount");
    // Who is not root becomes it in a namespace of its own.
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        small.arg("--map-root-user");
    }
    small
        .args(["sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o size={bytes} none \"$0\" && exec \"$@\""
        ))
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    *command = small;
}

#[test]
fn a_full_disk_is_reported_and_changes_nothing() {
    let data = data();
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let versions = data.path().join("versions");
    std::fs::create_dir_all(&versions).unwrap();
    let second = marked("version=2.0.0");
    let shop = Shop::open_on(data, |command| {
        on_small_disk(command, &versions, 32 << 10);
    });
    assert!(second.len() > 32 << 10);
    let compiled = || {
        let folder = std::fs::read_dir(shop.data.path().join("compiled")).unwrap();
        folder.count()
    };
    let before = compiled();
    for query in ["", "?activate=true", "?canary=10%25"] {
        let answer = put(&shop, query, &second);
        answer.refuses(
            507,
            "disk_full",
            &format!(
                "{}/{}.wasm: No space left on device (os error 28)",
                versions.display(),
                digest(&second)
            ),
        );
        assert_eq!(compiled(), before);
    }
    assert_eq!(serving(&shop), "1.0.0");
    let module = shop.get(MODULE).value();
    assert_eq!(module["module"]["versions"], json!([]));
    assert_eq!(module["module"]["canary"], json!(null));
    let refused = ("install".to_owned(), "refused".to_owned());
    assert_eq!(
        audit_entries(&shop),
        [refused.clone(), refused.clone(), refused]
    );
}

#[test]
fn a_start_without_the_active_version_names_the_missing_file() {
    let shop = shop(&[]);
    let second = marked("version=2.0.0");
    let digest = install(&shop, "version=2.0.0");
    assert_eq!(activate(&shop, &digest).status, 200);
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let file = data.path().join(format!("versions/{digest}.wasm"));
    let refused = || {
        let ended = run([
            "serve",
            "--strict",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.path().to_str().unwrap(),
        ]);
        assert_eq!(ended.status.code(), Some(1));
        assert_eq!(text(&ended.stdout), "");
        text(&ended.stderr)
    };
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        refused(),
        format!(
            "wares: version {} of marked: {} is missing: put the component back\n",
            &digest[..12],
            file.display()
        )
    );
    std::fs::write(&file, marked("version=6.6.6")).unwrap();
    assert_eq!(
        refused(),
        format!(
            "wares: version {} of marked: {} is damaged: its SHA-256 is not its name\n",
            &digest[..12],
            file.display()
        )
    );
    // Its machine code is compiled again if it does not fit.
    std::fs::write(&file, &second).unwrap();
    for entry in std::fs::read_dir(data.path().join("compiled")).unwrap() {
        let path = entry.unwrap().path();
        let mut code = std::fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(path, code).unwrap();
    }
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(serving(&shop), "2.0.0");
}
