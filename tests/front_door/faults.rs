//! Faults that keep a host from starting: one clear line and an exit code, nothing else.

use std::net::TcpListener;
use std::path::Path;

use crate::harness::{Shop, data, fifo, hostile_guest, run, text};

/// Starts a host that must not start; returns what it said.
fn refuse(data: &Path, more: &[&str]) -> String {
    refuse_with(1, data, more)
}

/// The same, by a host whose settings are wrong.
fn refuse_settings(data: &Path, more: &[&str]) -> String {
    refuse_with(2, data, more)
}

fn refuse_with(code: i32, data: &Path, more: &[&str]) -> String {
    let mut arguments = vec![
        "serve",
        "--strict",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    arguments.extend_from_slice(more);
    let refused = run(&arguments);
    let said = text(&refused.stderr);
    assert_eq!(
        (refused.status.code(), text(&refused.stdout).as_str()),
        (Some(code), ""),
        "{said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
    let (before, fault) = said.split_once("wares: ").expect("the fault is named");
    assert!(before.is_empty() || before.ends_with('\n'), "{said}");
    fault.trim_end().to_owned()
}

#[test]
fn a_data_folder_in_use() {
    let shop = Shop::open();
    let said = refuse(shop.data.path(), &[]);
    assert_eq!(
        said,
        format!(
            "the data folder {} is in use by another wares",
            shop.data.path().display()
        )
    );
    assert_eq!(shop.get("/admin/customers").status, 200);
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = data();
    let refused = run([
        "serve",
        "--data",
        folder.path().to_str().unwrap(),
        "--listen",
        &address,
    ]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    let want = format!("wares: cannot listen on {address}: Address already in use (os error 98)");
    assert_eq!(said.lines().last(), Some(want.as_str()));
}

#[test]
fn a_component_that_does_not_fit() {
    let folder = data();
    let file = folder.path().join("other.wasm");
    let setting = format!("modules.customer.component={}", file.display());
    let start = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        refuse(folder.path(), &["--set", &setting])
    };
    let path = file.display();
    assert_eq!(start(b""), format!("{path}: it is empty"));
    assert_eq!(
        start(b"hello"),
        format!("{path}: it is not a WebAssembly component")
    );
    assert_eq!(
        start(b"\0asm\x01\0\0\0"),
        format!(
            "{path}: it is a core WebAssembly module, not a component: build it for the target wasm32-wasip2"
        )
    );
    let nothing = start(b"\0asm\x0d\0\x01\0");
    assert!(
        nothing.starts_with(&format!("{path}: ")) && nothing.contains("wares:module/"),
        "{nothing}"
    );
    let mut cut = std::fs::read(hostile_guest()).unwrap();
    cut.truncate(cut.len() / 2);
    assert!(start(&cut).starts_with(&format!("{path}: ")));
    let other = start(&std::fs::read(hostile_guest()).unwrap());
    assert_eq!(
        other,
        format!("{path}: it is the module 'hostile', but stands under modules.customer")
    );
}

#[test]
fn invalid_settings_are_named_at_once() {
    let folder = data();
    let file = folder.path().join("wares.toml");
    let settings = "[server]\nlisten = 5\n[serfer]\nport = 1\n[limits]\ncalls_max = 0\n";
    std::fs::write(&file, settings).unwrap();
    let refused = run([
        "serve",
        "--data",
        folder.path().to_str().unwrap(),
        "--config",
        file.to_str().unwrap(),
        "--set",
        "modules.customer.limits.deadline_ms=soon",
    ]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    for key in [
        "server.listen",
        "serfer",
        "limits.calls_max",
        "modules.customer.limits.deadline_ms",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
    std::fs::write(&file, "[server\n").unwrap();
    let said = refuse_settings(folder.path(), &["--config", file.to_str().unwrap()]);
    assert!(said.contains("wares.toml"), "{said}");
    let said = refuse_settings(folder.path(), &["--config", "/nowhere/wares.toml"]);
    assert!(said.contains("/nowhere/wares.toml"), "{said}");
    let said = refuse_settings(
        folder.path(),
        &["--set", "cors.origins=https://admin.example/"],
    );
    assert!(
        said.contains("cors.origins must be a list of origins"),
        "{said}"
    );
    let said = refuse_settings(
        folder.path(),
        &["--set", "modules.customer.config.compat=shopify"],
    );
    assert!(
        said.contains("modules.customer.config.compat: 'shopify' is neither"),
        "{said}"
    );
}

#[test]
fn settings_that_make_no_sense() {
    let folder = data();
    for (setting, said) in [
        (
            "log.level=wares=inof",
            "log.level: 'inof' is no level; there are ",
        ),
        (
            "log.level=info, =debug",
            "log.level: '=debug' has no target before its '='",
        ),
        (
            "limits.memory_bytes_max=1KiB",
            "--set limits.memory_bytes_max: limits.memory_bytes_max must be bytes from 1 MiB to 4 GiB",
        ),
        (
            "limits.stack_bytes_max=1GiB",
            "--set limits.stack_bytes_max: limits.stack_bytes_max must be bytes from 64 KiB to 4 MiB",
        ),
        (
            "limits.calls_max=100000000000",
            "--set limits.calls_max: limits.calls_max must be a whole number from 1 to 1024",
        ),
        (
            "server.listen=nope",
            "cannot listen on nope: write host:port, or :port for every interface",
        ),
    ] {
        let mut arguments = vec!["serve", "--data", folder.path().to_str().unwrap()];
        arguments.extend(["--set", setting]);
        let refused = run(&arguments);
        let text = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains(&format!("wares: {said}")), "{text}");
    }
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = data();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = refuse(&file.join("data"), &[]);
    assert!(said.starts_with("cannot make the folder "), "{said}");
}

#[test]
fn a_foreign_file_is_neither_waited_for_nor_emptied() {
    let folder = data();
    let database = folder.path().join("modules/customer.db");
    std::fs::remove_file(&database).unwrap();
    fifo(&database);
    let said = refuse(folder.path(), &[]);
    assert!(said.contains("customer.db: it is not a file"), "{said}");
    let (folder, elsewhere) = (data(), data());
    let theirs = elsewhere.path().join("host.db");
    let _ = std::fs::remove_dir_all(folder.path().join("tmp"));
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("tmp")).unwrap();
    let said = refuse(folder.path(), &[]);
    assert!(said.contains("tmp: it is a link, not a folder"), "{said}");
    assert!(theirs.exists());
    // The host does without its reserve.
    let folder = data();
    let _ = std::fs::remove_file(folder.path().join("reserve"));
    fifo(&folder.path().join("reserve"));
    let shop = Shop::open_on(folder, |_| {});
    assert_eq!(shop.get("/admin/customers").status, 200);
}

#[test]
fn a_file_that_is_no_database() {
    let folder = data();
    std::fs::write(
        folder.path().join("modules/customer.db"),
        "this is no database, not at all",
    )
    .unwrap();
    for rest in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("modules/customer.db{rest}")));
    }
    let said = refuse(folder.path(), &[]);
    assert!(
        said.contains("customer.db: it is no database: stop the host, and replace it by a backup"),
        "{said}"
    );
}
