//! Settings at the edges of their bounds, and settings without effect.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use wares::cli::Settings;

use crate::harness::{Server, Shop, data, run, text, wares};

/// The lowest and the highest value of each setting that is a number.
fn edges() -> Vec<(String, u64, u64)> {
    let number = |text: &str| {
        let (number, unit) = text.split_once(' ').unwrap_or((text, "B"));
        let power = ["B", "KiB", "MiB", "GiB"]
            .iter()
            .position(|known| *known == unit);
        number.parse::<u64>().unwrap() << (10 * power.unwrap())
    };
    let settings = Settings::reference().into_iter();
    settings
        .filter(|declared| !declared.key.starts_with("modules."))
        .filter_map(|declared| {
            let (_, range) = declared.kind.split_once(" from ")?;
            let (from, to) = range.split(", like").next()?.split_once(" to ")?;
            Some((declared.key, number(from), number(to)))
        })
        .collect()
}

#[test]
fn a_host_serves_with_every_number_at_its_highest() {
    let edges = edges();
    assert!(edges.len() > 30, "{edges:?}");
    let shop = Shop::open_with(|command| {
        for (key, _, highest) in &edges {
            // Threads are made and memory is reserved for as many.
            if key == "limits.calls_max" {
                continue;
            }
            command.arg("--set").arg(format!("{key}={highest}"));
        }
    });
    let id = shop.customer("a@shop.example");
    assert_eq!(shop.get(&format!("/admin/customers/{id}")).status, 200);
    assert_eq!(shop.get("/admin/customers").value()["count"], 1);
    let session = shop.ask("POST", "/auth/session", None);
    assert_eq!(session.status, 200, "{}", session.body);
    let cookie = session
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        shop.send("GET", "/admin/users/me", &[("cookie", &cookie)], b"")
            .status,
        200
    );
    let log = shop.server.stop_for_log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[test]
fn a_host_starts_and_stops_with_every_number_at_its_lowest() {
    let data = data();
    for (key, lowest, _) in edges() {
        // Nothing is compiled within a millisecond. What is compiled is there.
        let mut server = Server::start(data.path(), |command| {
            command.arg("--set").arg(format!("{key}={lowest}"));
        });
        assert!(server.stop().success(), "{key}={lowest}");
    }
}

/// The status line of an answer to a request with a header of so many bytes.
fn status_with_head(server: &Server, bytes: usize) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let head = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: {}\r\n\r\n",
        "x".repeat(bytes)
    );
    // It may be answered before all of it was taken.
    let _ = stream.write_all(head.as_bytes());
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn heads_are_bounded_by_the_setting() {
    let data = data();
    for (setting, fits, too_long) in [
        ("8 KiB", 7 * 1024, 9 * 1024),
        ("64 KiB", 60 * 1024, 70 * 1024),
    ] {
        let server = Server::start(data.path(), |command| {
            command
                .arg("--set")
                .arg(format!("server.head_bytes_max={setting}"));
        });
        assert!(
            status_with_head(&server, fits).starts_with("HTTP/1.1 200"),
            "{setting}"
        );
        assert!(
            status_with_head(&server, too_long).starts_with("HTTP/1.1 431"),
            "{setting}"
        );
    }
}

#[test]
fn variables_that_name_no_setting_keep_the_host_from_starting() {
    let data = data();
    for (variable, said) in [
        ("WARES_FOO", "there is no setting foo"),
        (
            "WARES_SERVER",
            "there is no setting server: server is a section, whose settings are server.…",
        ),
        (
            "WARES_MODULES_CUSTOMER",
            "there is no setting modules_customer: after the module's name, such a variable has _COMPONENT, \
             _GRANTS, _LOG_LEVEL, _ON_FAILURE, _PATH_PREFIXES, _LIMITS_… or _CONFIG_…",
        ),
    ] {
        for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["key", "list"]] {
            let refused = wares()
                .args(command)
                .arg("--data")
                .arg(data.path())
                .env(variable, "1")
                .output()
                .unwrap();
            let got = (refused.status.code(), text(&refused.stderr));
            assert_eq!(got, (Some(2), format!("wares: {variable}: {said}\n")));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn variables_of_others_may_be_any_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let data = data();
    let list = |name: &str| {
        let mut command = wares();
        command.args(["key", "list", "--data"]).arg(data.path());
        command.env(name, OsStr::from_bytes(b"caf\xe9"));
        command.output().unwrap()
    };
    let done = list("OTHER");
    assert!(done.status.success(), "{done:?}");
    let refused = list("WARES_SERVER_LISTEN");
    let got = (refused.status.code(), text(&refused.stderr));
    assert_eq!(
        got,
        (
            Some(1),
            "wares: WARES_SERVER_LISTEN is not UTF-8 text\n".to_owned()
        )
    );
}

#[test]
fn a_missing_folder_of_components_is_reported() {
    let data = data();
    let named = data.path().join("nothere");
    let setting = format!("data.modules_dir={}", named.display());
    let reason = format!(
        "data.modules_dir: there is no folder {}: make it, or leave the setting out",
        named.display()
    );
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", &setting]);
    });
    assert_eq!(shop.get("/admin/customers").status, 200);
    let health = shop.send("GET", "/health", &[], b"").body;
    assert_eq!(
        health,
        "OK\nA component failed at the start, and is not served"
    );
    assert!(shop.server.wait_for_log(&reason).contains("ERROR"));
    let Shop {
        data, mut server, ..
    } = shop;
    server.stop();
    let folder = data.path().to_str().unwrap();
    let strict = [
        "serve",
        "--strict",
        "--listen",
        "127.0.0.1:0",
        "--data",
        folder,
        "--set",
        &setting,
    ];
    let refused = run(strict);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(said.lines().last(), Some(&*format!("wares: {reason}")));
    // One that is there, if there is nothing in it, is not worth a word. Nor is the default.
    fs::create_dir(&named).unwrap();
    for more in [&["--set", &setting][..], &[]] {
        let server = Server::start(data.path(), |command| {
            command.arg("--strict").args(more);
        });
        let log = server.stop_for_log();
        assert!(!log.contains("data.modules_dir"), "{log}");
    }
}

#[test]
fn a_database_without_a_module_is_reported() {
    let data = data();
    let left = data.path().join("modules/notes.db");
    fs::write(&left, "").unwrap();
    fs::write(data.path().join("modules/notes.db-wal"), "").unwrap();
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(shop.get("/admin/customers").status, 200);
    let log = shop.server.stop_for_log();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains("no component serves"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    for word in ["WARN", "notes", &left.display().to_string()] {
        assert!(lines[0].contains(word), "{log}");
    }
}

/// What is said of a section of settings without a module.
const UNUSED: &str = "the settings under modules.custmer have no effect: no module custmer is installed, and those that are: customer";

#[test]
fn a_section_of_a_module_that_is_not_installed_is_a_remark() {
    let data = data();
    let section = "modules.custmer.config.compat=medusa-2";
    let shop = Shop::open_on(data, |command| {
        command.args(["--strict", "--set", section]);
    });
    assert_eq!(shop.get("/admin/customers").status, 200);
    let Shop { data, server, .. } = shop;
    let log = server.stop_for_log();
    let said = log.lines().find(|line| line.contains(UNUSED));
    assert!(said.is_some_and(|line| line.contains("WARN")), "{log}");
    let folder = data.path().to_str().unwrap();
    let call = |settings: &[&str]| {
        let mut arguments = vec!["call", "customer", "customers.search({limit: 1})"];
        arguments.extend(["--data", folder]);
        settings
            .iter()
            .for_each(|setting| arguments.extend(["--set", setting]));
        let done = run(arguments);
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let found = "{customers: [], count: 0}\n".to_owned();
    let said = format!("wares: {UNUSED}\n");
    assert_eq!(call(&[section]), (Some(0), found.clone(), said));
    let order = "extensions.order=custmer,customer";
    let said = UNUSED.replace(
        "the settings under modules.custmer have",
        "custmer in extensions.order has",
    );
    let said = format!("wares: {said}\n");
    assert_eq!(call(&[order]), (Some(0), found.clone(), said));
    // It may be in a folder that is missing.
    let missing = format!("data.modules_dir={folder}/nothere");
    assert_eq!(
        call(&[section, &missing]),
        (Some(0), found.clone(), String::new())
    );
    // A setting that no module has is a mistake in any section.
    let misspelt = "modules.custmer.limits.cals_max=1";
    let said = "wares: --set modules.custmer.limits.cals_max: there is no setting modules.custmer.limits.cals_max: did you mean \
                modules.custmer.limits.calls_max?\n";
    assert_eq!(call(&[misspelt]), (Some(2), String::new(), said.to_owned()));
}

#[test]
fn wrong_settings_of_a_built_in_module_keep_the_host_from_starting() {
    let data = data();
    let folder = data.path().to_str().unwrap();
    let said = |what: &str, log: &[&str]| {
        let setting = format!("modules.customer.config.{what}");
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--data", folder];
        arguments.extend(["--set", &setting]);
        arguments.extend(log);
        let refused = run(arguments);
        assert_eq!(text(&refused.stdout), "");
        (refused.status.code(), text(&refused.stderr))
    };
    let (code, one) = said("compatt=medusa-2", &[]);
    assert_eq!(
        (code, &*one),
        (
            Some(2),
            "wares: modules.customer.config.compatt: there is no such setting; there are compat and email_case\n"
        )
    );
    let (code, logged) = said("compat=medusa", &["--set", "log.format=json"]);
    assert_eq!(code, Some(2));
    assert!(
        logged.contains("modules.customer.config.compat"),
        "{logged}"
    );
    // The right one is taken.
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", "modules.customer.config.compat=medusa-2"]);
    });
    assert_eq!(shop.get("/admin/customers").status, 200);
}

#[test]
fn settings_that_the_built_in_module_refuses_do_not_matter_where_a_version_takes_them() {
    let data = data();
    fs::write(
        data.path().join("modules/customer.wasm"),
        crate::harness::marked("name=customer version=9.0.0"),
    )
    .unwrap();
    // It knows no schema of customers, so that it does not serve in the end.
    let mut command = wares();
    command.current_dir(data.path());
    command.args(["serve", "--listen=127.0.0.1:0", "--data=."]);
    command.args(["--set", "modules.customer.config.later=yes"]);
    let refused = command.output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(
        last,
        "wares: modules.customer.config.later: there is no such setting; there are compat and email_case"
    );
    fs::remove_file(data.path().join("modules/customer.db")).unwrap();
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", "modules.customer.config.later=yes"]);
    });
    assert_eq!(shop.get("/admin/customer").at("/version"), "9.0.0");
}
