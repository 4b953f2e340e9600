//! Starts that are refused: cheap checks come first, so that a refused start has changed
//! nothing.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::harness::{EMAIL, PASSWORD, Server, Shop, data, marked, text, wares};

/// The error of a start that must fail, with these arguments and this password.
fn refused(data: &Path, arguments: &[&str], password: Option<&str>, code: i32) -> String {
    let mut command = wares();
    let folder = data.parent().unwrap();
    command.current_dir(folder).args(["serve", "--data"]);
    command.arg(data).args(arguments);
    if let Some(password) = password {
        command.env("WARES_ADMIN_PASSWORD", password);
    }
    let ended = command.output().unwrap();
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(code), "{said}");
    assert_eq!(text(&ended.stdout), "");
    said
}

#[test]
fn a_refused_start_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let fine = "--listen=127.0.0.1:0";
    let listen = format!("--listen={address}");
    let email = "--set=admin.email=nobody";
    for (arguments, password, reason) in [
        (
            vec!["--listen=nope"],
            None,
            "cannot listen on nope: write host:port, or :port for every interface".to_owned(),
        ),
        (
            vec![&*listen],
            None,
            format!("cannot listen on {address}: Address already in use (os error 98)"),
        ),
        (
            vec![fine],
            Some("short"),
            "the first admin (admin.email, admin.password): a password needs at least 8 characters"
                .to_owned(),
        ),
        (
            vec![fine, email],
            None,
            "the first admin (admin.email, admin.password): 'nobody' is not an email, like ann@shop.example"
                .to_owned(),
        ),
        (
            vec![fine, "--set=server.listn=1"],
            None,
            "there is no setting server.listn".to_owned(),
        ),
    ] {
        // As a wrong command line.
        let is_setting = reason.starts_with("there is no setting") || reason.contains("write host:port");
        let code = if is_setting { 2 } else { 1 };
        let said = refused(&data, &arguments, password, code);
        assert!(said.contains(&reason), "{arguments:?}: {said}");
        assert!(!data.exists(), "{arguments:?}");
    }
    fs::create_dir(&data).unwrap();
    let mut server = Server::start(&data, |command| {
        command.env("WARES_ADMIN_EMAIL", EMAIL);
        command.env("WARES_ADMIN_PASSWORD", PASSWORD);
    });
    assert!(server.stop().success());
    // The rules are for the first admin alone: there is one, and the setting says nothing.
    let mut server = Server::start(&data, |command| {
        command.env("WARES_ADMIN_PASSWORD", "short");
    });
    assert!(server.stop().success());
}

#[test]
fn a_refused_start_runs_no_migration() {
    let folder = data();
    let file = folder.path().join("modules/marked.wasm");
    fs::write(&file, marked("version=1.0.0")).unwrap();
    let mut server = Server::start(folder.path(), |_| {});
    assert!(server.stop().success());
    fs::write(&file, marked("version=2.0.0 steps=2")).unwrap();
    let modules = format!(
        "--set=data.modules_dir={}",
        folder.path().join("modules").display()
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("--listen={}", taken.local_addr().unwrap());
    let colliding = folder.path().join("zz.wasm");
    fs::write(
        &colliding,
        marked("name=zz version=1.0.0 at=/admin/customers"),
    )
    .unwrap();
    let colliding = format!("--set=modules.zz.component={}", colliding.display());
    let nowhere = "--set=data.modules_dir=nowhere";
    let fine = "--listen=127.0.0.1:0";
    for (arguments, reason) in [
        (
            vec!["--listen=127.0.0.1:port", &*modules],
            "cannot listen on",
        ),
        (vec![&*taken, &*modules], "cannot listen on"),
        (vec![fine, "--watch", nowhere], "there is nothing to watch"),
        (
            vec![fine, "--strict", &*modules, &*colliding],
            "match the same paths",
        ),
    ] {
        let is_setting = arguments.contains(&"--listen=127.0.0.1:port");
        let code = if is_setting { 2 } else { 1 };
        let said = refused(folder.path(), &arguments, None, code);
        assert!(said.contains(reason), "{arguments:?}: {said}");
        assert!(!said.contains("migration applied"), "{said}");
    }
    // Nor does a call that cannot be made: the host below runs it.
    let call = |operation: &str| {
        let mut command = wares();
        command
            .current_dir(folder.path())
            .args(["call", "marked", operation, "--data"]);
        command.arg(folder.path()).output().unwrap()
    };
    for operation in ["nothing", "lifecycle.nothing()", "lifecycle.describe(1)"] {
        assert_eq!(call(operation).status.code(), Some(1), "{operation}");
    }
    // A second host on the folder is told of the first one, whatever becomes of the port.
    let shop = Shop::open_on(folder, |_| {});
    let there = format!("--listen=127.0.0.1:{}", shop.server.port);
    let said = refused(shop.data.path(), &[&there], None, 1);
    assert!(said.contains("is in use by another wares"), "{said}");
    shop.get("/admin/marked")
        .is(200, json!({"version": "2.0.0", "things": 0}));
    let log = shop.server.stop_for_log();
    assert!(log.contains("migration applied"), "{log}");
}
