//! A host that is killed between two steps of a change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{MODULE, digest, install, serving, shop};
use crate::harness::{Server, Shop, data, marked, run, text};

/// The version that the data folder comes up on.
fn comes_up_on(data: &Path) -> String {
    let shown = run([
        "module",
        "status",
        "marked",
        "--json",
        "--data",
        data.to_str().unwrap(),
        "--set",
        &format!("data.modules_dir={}", data.join("modules").display()),
    ]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    shown[0]["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_host_killed_in_an_activation_starts_with_one_of_the_two() {
    let mut seen = std::collections::BTreeSet::new();
    let setup = shop(&[]);
    let second = install(&setup, "version=2.0.0 steps=2 needed=1");
    let Shop {
        mut server,
        mut data,
        token,
        ..
    } = setup;
    server.stop();
    let first = digest(&marked("version=1.0.0"));
    for round in 0..50_u32 {
        let shop = Shop::open_on(data, |_| {});
        let digest = if serving(&shop) == "1.0.0" {
            &second
        } else {
            &first
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let body = json!({"digest": digest}).to_string();
                let request = format!(
                    "POST {MODULE}/activate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
                let _ = stream.write_all(request.as_bytes());
                let _ = stream.read(&mut [0; 64]);
            });
            std::thread::sleep(Duration::from_micros(u64::from(round) * 600));
            shop.server.signal("-KILL");
        });
        let Shop {
            server, data: left, ..
        } = shop;
        drop(server);
        data = left;
        seen.insert(comes_up_on(data.path()));
    }
    assert!(
        seen.iter()
            .all(|version| version == "1.0.0" || version == "2.0.0"),
        "{seen:?}"
    );
}

#[test]
fn a_crash_between_any_two_steps_leaves_one_whole_version() {
    for (fault, installed, version) in [
        ("versions.written", false, "1.0.0"),
        ("install.stored", false, "1.0.0"),
        ("install.recorded", true, "1.0.0"),
        ("activate.prepared", true, "1.0.0"),
        ("activate.recorded", true, "2.0.0"),
        ("activate.switched", true, "2.0.0"),
    ] {
        let data = data();
        std::fs::write(
            data.path().join("modules/marked.wasm"),
            marked("version=1.0.0"),
        )
        .unwrap();
        let file = data.path().join("second.wasm");
        std::fs::write(&file, marked("version=2.0.0 steps=2 needed=1")).unwrap();
        let server = Server::start(data.path(), |command| {
            command.env("WARES_FAULT", fault);
        });
        let folder = data.path().to_str().unwrap();
        let modules = format!("data.modules_dir={}", data.path().join("modules").display());
        let arguments =
            |act: &'static str| vec!["module", act, "--data", folder, "--set", &modules];
        let mut crashed = arguments("install");
        crashed.extend([file.to_str().unwrap(), "--activate"]);
        let said = run(&crashed);
        assert_eq!(
            said.status.code(),
            Some(1),
            "{fault}: {}",
            text(&said.stdout)
        );
        drop(server);
        assert_eq!(comes_up_on(data.path()), version, "{fault}");
        let listed = text(&run(arguments("list")).stdout);
        assert_eq!(listed.contains("2.0.0"), installed, "{fault}: {listed}");
        // Nothing is in the way of doing it again.
        if version == "1.0.0" {
            let done = run(&crashed);
            assert!(done.status.success(), "{fault}: {}", text(&done.stderr));
            assert_eq!(comes_up_on(data.path()), "2.0.0", "{fault}");
        }
    }
}
