//! Components that are broken or hostile before their first call. Each is refused with one
//! line; a host that runs beside serves on.

use serde_json::json;

use crate::harness::{Shop, bare_guest, data, hostile_guest, marked, meddler_version, run, text};

/// Tries to serve a component, with these settings; returns why it is not served.
pub fn refused(component: &[u8], settings: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.wasm");
    std::fs::write(&file, component).unwrap();
    let data = folder.path().join("data");
    let mut arguments = vec![
        "serve".to_owned(),
        "--strict".to_owned(),
        "--listen=127.0.0.1:0".to_owned(),
        format!("--data={}", data.display()),
        format!("--set=modules.broken.component={}", file.display()),
    ];
    arguments.extend(settings.iter().map(|setting| format!("--set={setting}")));
    let output = run(arguments);
    let said = text(&output.stderr);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(1), ""),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");
    let prefix = format!("wares: {}: ", file.display());
    let reason = said.trim_end().strip_prefix(&prefix);
    reason.unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// The names of what a module exports, without what stands behind them.
const EXPORTS: &str = r#"
    (instance $nothing)
    (export "wares:module/lifecycle@1.1.0" (instance $nothing))
    (export "wares:module/http@1.1.0" (instance $nothing))
    (export "wares:module/seed@1.1.0" (instance $nothing))"#;

/// A component that imports one interface with one function.
fn importing(interface: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component (import "{interface}" (instance (export "open" (func)))) {EXPORTS})"#
    ))
}

#[test]
fn an_interface_that_is_not_linked_is_not_imported() {
    for interface in [
        "wasi:filesystem/watches@0.2.6",
        "wasi:sockets/raw@0.2.6",
        "wasi:http/types@0.2.6",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:cli/run@0.2.6",
        "wasi:keyvalue/store@0.2.0",
        "wares:platform/processes@1.0.0",
    ] {
        assert_eq!(refused(&importing(interface), &[]), not_provided(interface));
    }
}

#[test]
fn an_extension_point_takes_no_flags() {
    let point = |ty: &str, value: &str| {
        wat(&format!(
            r#"(component (import "shop:points/point@1.0.0" (instance
                (type $t {ty})
                (export "t" (type $u (eq $t)))
                (export "open" (func (param "value" {value}) (result (result {value} (error string))))))) {EXPORTS})"#
        ))
    };
    for (ty, value) in [
        ("(flags \"a\" \"b\")", "$u"),
        ("(flags \"a\" \"b\")", "(list (option (tuple $u string)))"),
    ] {
        assert_eq!(
            refused(&point(ty, value), &[]),
            "it imports shop:points/point@1.0.0, which this host does not provide"
        );
    }
    assert_eq!(
        refused(&point("(record (field \"a\" string))", "(list $u)"), &[]),
        format!(
            "{NO_MODULE}instance export `wares:module/lifecycle@1.1.0` does not have export `describe`"
        )
    );
}

/// The hostile guest as it were if it had been built against other versions of
/// what it imports and exports: its file with other names of the same length.
fn renamed(names: &[(&str, &str)]) -> Vec<u8> {
    renamed_in(std::fs::read(hostile_guest()).unwrap(), names)
}

fn renamed_in(mut bytes: Vec<u8>, names: &[(&str, &str)]) -> Vec<u8> {
    for (from, to) in names {
        assert_eq!(from.len(), to.len());
        let mut found = 0;
        for at in 0..=bytes.len() - from.len() {
            if &bytes[at..at + from.len()] == from.as_bytes() {
                bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
                found += 1;
            }
        }
        assert!(found > 0, "{from}");
    }
    bytes
}

const NO_MODULE: &str = "it is no module: ";
const NO_LIFECYCLE: &str = "it is no module: it exports no wares:module/lifecycle: every component does, by `export wares:module/lifecycle@2.2.0;` in its world";
const BUILD_AGAINST: &str =
    ": build it against the contracts of this host, which `wares new` writes";

/// What is said of an interface that the host does not have.
pub fn not_provided(interface: &str) -> String {
    let remedy = match interface.starts_with("wasi:http/") {
        true => {
            "; a component makes no HTTP requests by WASI: leave it out of the world, and build with \
             `--disable http --disable fetch-event` if componentize-js adds it"
        }
        false => "",
    };
    format!("it imports {interface}, which this host does not provide{remedy}")
}

#[test]
fn another_world_is_no_module() {
    assert_eq!(refused(&wat("(component)"), &[]), NO_LIFECYCLE);
    // One that was built for a version to come.
    assert_eq!(
        refused(
            &wat(r#"(component
                      (instance $nothing)
                      (export "wares:module/lifecycle@9.0.0" (instance $nothing))
                      (export "wares:module/http@9.0.0" (instance $nothing)))"#),
            &[],
        ),
        format!(
            "{NO_MODULE}it exports wares:module/lifecycle@9.0.0, and this host calls wares:module/lifecycle@2.2.0 or wares:module/lifecycle@1.1.0, or another version compatible with that{BUILD_AGAINST}"
        )
    );
    assert_eq!(
        refused(
            &renamed(&[("wares:module/http@2.0.0", "wares:module/http@1.0.0")]),
            &[]
        ),
        format!(
            "{NO_MODULE}it exports wares:module/http@1.0.0, and this host calls wares:module/http@2.2.0, or another version compatible with that{BUILD_AGAINST}"
        )
    );
    // One of the right name, in another shape.
    let said = refused(&renamed(&[("check-settings", "check-buttings")]), &[]);
    assert_eq!(
        said,
        format!(
            "{NO_MODULE}instance export `wares:module/lifecycle@2.2.0` does not have export `check-settings`"
        )
    );
}

#[test]
fn a_later_version_serves_if_it_has_all_that_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("later.wasm");
    let later = renamed(&[
        (
            "wares:module/lifecycle@2.0.0",
            "wares:module/lifecycle@2.9.0",
        ),
        ("wares:module/http@2.0.0", "wares:module/http@2.9.3"),
        ("wares:platform/sql@1.1.0", "wares:platform/sql@1.9.0"),
    ]);
    std::fs::write(&file, later).unwrap();
    let setting = format!("modules.hostile.component={}", file.display());
    let shop = Shop::open_with(|command| {
        command.args(["--set", &setting]);
        command.args(["--set", "modules.hostile.path_prefixes=/hostile"]);
    });
    let things = shop.send("GET", "/hostile/things", &[], b"");
    assert_eq!(
        (things.status, things.body.as_str()),
        (200, "{\"things\":0}")
    );
}

#[test]
fn hooks_of_a_later_version_are_called_if_it_is_compatible_and_reported_if_not() {
    for (version, company, warns) in [
        ("2.9.0", json!("alpha;"), false),
        ("3.0.0", json!(null), true),
    ] {
        let later = format!("wares:customer/hooks@{version}");
        let names = [("wares:customer/hooks@2.0.0", &*later)];
        let extension = renamed_in(meddler_version("alpha", "does=signs"), &names);
        let data = data();
        std::fs::write(data.path().join("modules/alpha.wasm"), extension).unwrap();
        let shop = Shop::open_on(data, |command| {
            command.args(["--set", "modules.alpha.grants=hooks,operations"]);
        });
        let made = shop.post("/admin/customers", json!({"email": "ann@shop.example"}));
        assert_eq!(
            made.value()["customer"]["company_name"],
            company,
            "{}",
            made.body
        );
        let log = shop.server.stop_for_log();
        let warning = format!(
            "it fills {later}, which is never called: customer calls wares:customer/hooks@2.1.0, or another version \
             compatible with that. Build it against the contracts of this host, which `wares new` writes module=\"alpha\""
        );
        assert_eq!(log.matches(&warning).count(), usize::from(warns), "{log}");
    }
}

#[test]
fn an_asynchronous_component_is_not_compiled() {
    let asynchronous = wat(&format!(
        "(component (core func (canon task.cancel)) {EXPORTS})"
    ));
    assert_eq!(
        refused(&asynchronous, &[]),
        "it is asynchronous, and this host calls synchronous functions alone: build it without `async`; \
         componentize-qjs does with --sync"
    );
}

#[test]
fn an_interface_that_the_host_has_in_another_version_is_named() {
    assert_eq!(
        refused(&importing("wares:platform/sql@2.0.0"), &[]),
        format!(
            "it imports wares:platform/sql@2.0.0, which this host does not provide; it provides wares:platform/sql@1.3.0{BUILD_AGAINST}"
        )
    );
    assert_eq!(
        refused(&importing("wasi:cli/environment@0.3.0"), &[]),
        format!(
            "it imports wasi:cli/environment@0.3.0, which this host does not provide; it provides wasi:cli/environment@0.2.12{BUILD_AGAINST}"
        )
    );
    // A later version that the host would fit, if it had all of its functions.
    assert_eq!(
        refused(&importing("wares:platform/sql@1.9.0"), &[]),
        format!(
            "it imports wares:platform/sql@1.9.0, and this host provides wares:platform/sql@1.3.0, which does not fit: instance export `open` has the wrong type: function implementation is missing{BUILD_AGAINST}"
        )
    );
    // As one that the host has, in another shape.
    assert_eq!(
        refused(
            &wat(&format!(
                r#"(component (import "wares:platform/sql@1.0.0" (instance (export "query" (func)))) {EXPORTS})"#
            )),
            &[]
        ),
        format!(
            "it imports wares:platform/sql@1.0.0, and this host provides wares:platform/sql@1.3.0, which does not fit: instance export `query` has the wrong type: type mismatch with parameters: expected 2-tuple, found 0-tuple{BUILD_AGAINST}"
        )
    );
}

#[test]
fn a_damaged_file_is_refused() {
    let whole = std::fs::read(hostile_guest()).unwrap();
    // A header alone is a component that exports nothing.
    assert_eq!(refused(&whole[..8], &[]), NO_LIFECYCLE);
    for length in [9, 100, whole.len() / 2, whole.len() - 1] {
        let said = refused(&whole[..length], &[]);
        assert!(
            said.starts_with("it does not compile: "),
            "{length}: {said}"
        );
    }
    let mut flipped = whole.clone();
    flipped[8] ^= 0x80;
    let said = refused(&flipped, &[]);
    assert!(said.starts_with("it does not compile: "), "{said}");
}

#[test]
fn a_file_that_is_too_large_is_not_compiled() {
    let mut large = b"\0asm\x0d\0\x01\0".to_vec();
    large.resize(51 * 1024 * 1024, 0);
    assert_eq!(
        refused(&large, &[]),
        "it is 53477376 bytes, more than 52428800 (compile.component_bytes_max)"
    );
}

/// A component with one function that is easy to read and hard to compile, and these
/// imports and exports.
fn bomb(outside: &str) -> Vec<u8> {
    let mut body = String::new();
    for number in 0..60_000 {
        body.push_str(&format!(
            "(local.set {} (i64.mul (local.get {}) (i64.add (local.get {}) (i64.const {number}))))",
            number % 997,
            (number * 7) % 997,
            (number * 13) % 997,
        ));
        if number % 5 == 0 {
            body.push_str("(br_if 0 (i64.eqz (local.get 0)))");
        }
    }
    let locals = "i64 ".repeat(1_000);
    wat(&format!(
        "(component {outside} (core module (func (export \"f\") (local {locals}) (block (loop {body})))))"
    ))
}

#[test]
fn a_compilation_that_explodes_is_killed() {
    let shop = Shop::open();
    let bomb = bomb(EXPORTS);
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| refused(&bomb, &["compile.deadline_ms=100"]));
        // The host that runs serves on.
        while !slow.is_finished() {
            assert_eq!(shop.get("/admin/customers").status, 200);
        }
        assert_eq!(
            slow.join().unwrap(),
            "compiling it takes longer than 100 ms (compile.deadline_ms)"
        );
    });
    assert_eq!(
        refused(&bomb, &["compile.memory_bytes_max=100 MiB"]),
        "compiling it takes more than 104857600 bytes of memory (compile.memory_bytes_max)"
    );
}

#[test]
fn a_component_that_is_no_module_is_refused_before_it_is_compiled() {
    let foreign = r#"(import "wasi:http/types@0.2.6" (instance (export "open" (func))))"#;
    let later = r#"(import "wares:platform/list@1.0.0" (instance (export "open" (func))))"#;
    // To compile it takes more memory than it may have.
    let little = "compile.memory_bytes_max=100 MiB";
    for (outside, reason) in [
        (
            format!("{foreign} {EXPORTS}"),
            not_provided("wasi:http/types@0.2.6"),
        ),
        (
            format!("{later} {EXPORTS}"),
            not_provided("wares:platform/list@1.0.0"),
        ),
        (String::new(), NO_LIFECYCLE.to_owned()),
    ] {
        let bomb = bomb(&outside);
        assert_eq!(refused(&bomb, &[little]), reason);
        // As by all who load one: what is inspected, and what a host is sent.
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bomb.wasm");
        std::fs::write(&file, &bomb).unwrap();
        let path = file.to_str().unwrap();
        let inspected = run(["inspect", path, "--set", little]);
        let shown = text(&inspected.stdout);
        let said = format!("This component is refused as a module: {path}: {reason}\n");
        assert!(shown.starts_with(&said), "{shown}");
        let shop = Shop::with_setting(little);
        let bearer = format!("Bearer {}", shop.token);
        shop.send(
            "PUT",
            "/_wares/modules/customer",
            &[("authorization", &bearer)],
            &bomb,
        )
        .refuses(400, "invalid_component", &reason);
    }
    // One that is as hard to compile and no worse is compiled, for which it has too little.
    assert_eq!(
        refused(&bomb(EXPORTS), &[little]),
        "compiling it takes more than 104857600 bytes of memory (compile.memory_bytes_max)"
    );
}

#[test]
fn imports_and_exports_of_a_refused_component_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("extension.wasm");
    let path = file.to_str().unwrap();
    std::fs::write(
        &file,
        wat(
            r#"(component
                  (import "shop:points/flags@1.0.0" (instance
                    (type $t (flags "a" "b"))
                    (export "t" (type $u (eq $t)))
                    (export "open" (func (param "value" $u) (result (result $u (error string)))))))
                  (import "shop:points/texts@1.0.0" (instance
                    (export "open" (func (param "value" string) (result (result string (error string)))))))
                  (import "wasi:cli/stderr@0.2.6" (instance))
                  (import "wasi:sockets/tcp@0.2.0" (instance))
                  (import "bare" (func))
                  (instance $nothing)
                  (export "wares:module/lifecycle@1.0.0" (instance $nothing))
                  (export "wares:module/http@1.0.0" (instance $nothing))
                  (export "wares:module/seed@1.0.0" (instance $nothing)))"#,
        ),
    )
    .unwrap();
    let inspected = run(["inspect", path, "--json"]);
    assert_eq!(inspected.status.code(), Some(1));
    let shown: serde_json::Value = serde_json::from_str(&text(&inspected.stdout)).unwrap();
    assert_eq!(
        shown["refused"],
        format!("{path}: it imports bare, which this host does not provide")
    );
    let kinds: Vec<(&str, &str)> = shown["imports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|import| {
            (
                import["name"].as_str().unwrap(),
                import["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("shop:points/flags@1.0.0", "extension-point"),
            ("shop:points/texts@1.0.0", "extension-point"),
            ("wasi:cli/stderr@0.2.6", "capability"),
            ("wasi:sockets/tcp@0.2.0", "inert"),
            ("bare", "unknown"),
        ]
    );
    assert_eq!(
        shown["exports"][0],
        serde_json::json!({"name": "wares:module/lifecycle@1.0.0", "functions": []})
    );
    // Faults found while linking are shown as well.
    std::fs::write(&file, flags_point()).unwrap();
    let shown = text(&run(["inspect", path]).stdout);
    assert!(
        shown.contains("\nImports that nothing provides:\n  shop:points/point@1.0.0\n"),
        "{shown}"
    );
}

/// A component with an extension point whose hooks take flags.
fn flags_point() -> Vec<u8> {
    wat(&format!(
        r#"(component (import "shop:points/point@1.0.0" (instance
            (type $t (flags "a" "b"))
            (export "t" (type $u (eq $t)))
            (export "open" (func (param "value" $u) (result (result $u (error string))))))) {EXPORTS})"#
    ))
}

#[test]
fn the_compiler_is_no_public_command() {
    let help = text(&run(["--help"]).stdout);
    assert!(!help.contains("compile-component"), "{help}");
    let nothing = run(["compile-component", "1000000000"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert_eq!(text(&nothing.stdout), "");
}

#[test]
fn an_interface_that_is_not_granted_is_not_linked() {
    let guest = std::fs::read(hostile_guest()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, guest).unwrap();
    let inspect = |grants: &str| {
        let grants = format!("modules.hostile.grants={grants}");
        let path = file.to_str().unwrap();
        let prefixes = "modules.hostile.path_prefixes=/hostile";
        text(&run(["inspect", path, "--set", &grants, "--set", prefixes]).stdout)
    };
    let all = inspect("sql,events");
    assert!(!all.contains("Grants that it does not use"), "{all}");
    assert!(all.starts_with("hostile 1.0.0: "), "{all}");
    for line in [
        "  wares:platform/sql@1.1.0 (by the grant sql)\n",
        "  wares:platform/events@1.1.0 (by the grant events)\n",
        "\nImports that are linked with nothing behind them:\n  wasi:filesystem/types@0.2.",
        "\n  wasi:filesystem/preopens@0.2.",
        "\n  wasi:sockets/tcp-create-socket@0.2.",
    ] {
        assert!(all.contains(line), "{all}");
    }
    let less = inspect("sql");
    assert!(
        less.starts_with(&format!(
            "This component is refused as a module: {}: it imports wares:platform/events@1.1.0, \
             which it is not granted: add \"events\" to modules.hostile.grants\n",
            file.display()
        )),
        "{less}"
    );
    // It says all that it can, and still fails.
    let refused = run([
        "inspect",
        file.to_str().unwrap(),
        "--json",
        "--set",
        "modules.hostile.grants=sql",
    ]);
    assert_eq!(
        (refused.status.code(), text(&refused.stderr)),
        (
            Some(1),
            format!("wares: {}: it is refused, as said above\n", file.display())
        )
    );
    let shown: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(shown["loads"], false);
    assert!(
        shown["refused"]
            .as_str()
            .unwrap()
            .ends_with("add \"events\" to modules.hostile.grants")
    );
    assert!(shown["imports"].as_array().unwrap().len() > 2);
    let wrong = run([
        "inspect",
        file.to_str().unwrap(),
        "--set",
        "modules.hostile.grants=files",
    ]);
    assert_eq!(
        (
            wrong.status.code(),
            text(&wrong.stderr).contains(
                "modules.hostile.grants must be a list of grants: sql, events, http, http-in-hooks, hooks, operations, fields, subscriptions"
            )
        ),
        (Some(2), true),
        "{wrong:?}"
    );
}

#[test]
fn a_method_or_an_access_that_the_host_does_not_know_is_refused_by_name() {
    let methods = "and this host knows GET, POST, PUT, PATCH, DELETE";
    let accesses = "and this host knows anyone, admin";
    for (mark, has) in [
        ("method=TRACE", format!("the method 'TRACE', {methods}")),
        ("method=get", format!("the method 'get', {methods}")),
        (
            "access=everybody",
            format!("the access 'everybody', {accesses}"),
        ),
        ("access=Admin", format!("the access 'Admin', {accesses}")),
    ] {
        let said = refused(&marked(&format!("name=broken version=1.0.0 {mark}")), &[]);
        assert_eq!(said, format!("its route /admin/broken has {has}"));
    }
}

#[test]
fn a_component_that_exports_its_lifecycle_alone_is_served_beside_others() {
    let shop = Shop::open_with(|command| {
        let component = format!("modules.bare.component={}", bare_guest().display());
        command.args(["--set", &component]);
    });
    assert_eq!(shop.get("/admin/customers").status, 200);
    assert_eq!(shop.get("/admin/bare").status, 404);
    let modules = shop.get("/_wares/modules");
    assert_eq!(modules.at("/modules/0/name"), "bare");
    assert_eq!(modules.at("/modules/0/circuit"), "closed");
    let inspected = run(["inspect", bare_guest().to_str().unwrap()]);
    let shown = text(&inspected.stdout);
    let says =
        "bare 1.0.0: Exports its lifecycle\nA component; it has no migrations and uses no grants\n";
    assert!(shown.starts_with(says), "{shown}");
    let exports = "\nExports:\n  wares:module/lifecycle@2.0.0: describe, check-settings\n";
    assert!(shown.ends_with(exports), "{shown}");
}
