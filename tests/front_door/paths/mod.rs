//! The owners of paths: no component takes a path of the host, and a path belongs to one
//! component; at a start, an installation, an activation, a canary and a reload.

mod host;
mod owners;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Answer, EMAIL, PASSWORD, Shop, data, marked, text, wares};

/// A data folder with these files of versions in its folder of modules.
fn folder(components: &[(&str, &str)]) -> TempDir {
    let data = data();
    for (file, mark) in components {
        let file = data.path().join("modules").join(file);
        std::fs::write(file, marked(mark)).unwrap();
    }
    data
}

fn with_settings(
    command: &mut Command,
    settings: impl IntoIterator<Item = (String, String)>,
) -> &mut Command {
    for (key, value) in settings {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    command
}

fn shop(data: TempDir, settings: &[(&str, &str)]) -> Shop {
    let settings = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Shop::open_on(data, |command| {
        with_settings(command, settings);
    })
}

/// Why a host that leaves nothing out does not start on this folder.
fn does_not_start(data: &Path, settings: &[(String, String)]) -> String {
    let mut command = wares();
    command
        .current_dir(data)
        .args(["serve", "--strict", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = with_settings(&mut command, settings.iter().cloned())
        .spawn()
        .unwrap();
    let mut greeting = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut greeting).unwrap();
    if !greeting.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    let code = if said.contains("wares: --set ") { 2 } else { 1 };
    assert_eq!(
        (output.status.code(), &*greeting),
        (Some(code), ""),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    said.lines()
        .last()
        .and_then(|line| line.strip_prefix("wares: "))
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

fn put(shop: &Shop, module: &str, query: &str, mark: &str) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let path = format!("/_wares/modules/{module}{query}");
    shop.send("PUT", &path, &headers, &marked(mark))
}

#[track_caller]
fn installed(shop: &Shop, module: &str, query: &str, mark: &str) -> String {
    let answer = put(shop, module, query, mark);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

/// Sign-in and the host's pages answer as they do without any module.
#[track_caller]
fn the_host_answers(shop: &Shop) {
    assert!(shop.sign_in(EMAIL, PASSWORD).len() > 20);
    assert_eq!(shop.get("/admin/users/me").at("/user/email"), EMAIL);
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
    let page = shop.send("GET", "/docs/index.html", &[], b"");
    assert!(page.body.contains("swagger-ui"), "{}", page.body);
    assert_eq!(
        shop.get("/openapi.json").value()["info"]["title"],
        json!("Wares")
    );
    shop.send("PUT", "/admin/api-keys", &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
    let other_method = shop.ask("PUT", "/admin/api-keys", None);
    assert_eq!(
        (other_method.status, other_method.header("allow")),
        (405, "GET, HEAD, POST"),
        "{other_method:?}"
    );
}

#[test]
fn a_file_that_takes_a_path_of_the_host_is_not_reloaded() {
    let data = folder(&[("marked.wasm", "version=1.0.0")]);
    let file = data.path().join("modules/marked.wasm");
    let shop = Shop::open_on(data, |command| {
        command.arg("--watch").args([
            "--set",
            "modules.marked.config.routes-x=POST anyone /auth/user/emailpass",
        ]);
    });
    let beside = file.with_extension("new");
    std::fs::write(&beside, marked("version=2.0.0 settings=x")).unwrap();
    std::fs::rename(beside, &file).unwrap();
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.contains(
            "its route POST /auth/user/emailpass is refused: \
             /auth and all below it are the host's"
        ),
        "{log}"
    );
    the_host_answers(&shop);
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}

#[test]
fn an_operator_grants_prefixes_and_none_of_the_hosts() {
    let data = folder(&[("marked.wasm", "version=1.0.0 settings=x")]);
    let settings = |prefixes: &str, routes: &str| {
        [
            (
                "modules.marked.path_prefixes".to_owned(),
                prefixes.to_owned(),
            ),
            (
                "modules.marked.config.routes-x".to_owned(),
                routes.to_owned(),
            ),
        ]
    };
    assert_eq!(
        does_not_start(
            data.path(),
            &settings("/admin/marked, /shop/mine", "GET anyone /shop/yours")
        ),
        "modules/marked.wasm: its route GET /shop/yours is refused: it lies below none of the path \
         prefixes that are granted (/admin/marked, /shop/mine): add one to \
         modules.marked.path_prefixes"
    );
    assert_eq!(
        does_not_start(data.path(), &settings("", "")),
        "modules/marked.wasm: its route GET /admin/marked is refused: it lies below none of the \
         path prefixes that are granted (none): add one to modules.marked.path_prefixes"
    );
    assert_eq!(
        does_not_start(data.path(), &settings("/Auth", "")),
        "--set modules.marked.path_prefixes: modules.marked.path_prefixes has '/Auth', \
         which is no path prefix: /auth and all below it are the host's"
    );
    let settings = settings("/admin/marked,/Shop/Mine", "GET anyone /shop/mine/{id}");
    let shop = Shop::open_on(data, |command| {
        with_settings(command, settings);
    });
    assert_eq!(shop.send("GET", "/shop/MINE/1", &[], b"").status, 200);
    the_host_answers(&shop);
}
