//! The audit: each change of a module that was made or refused is one entry, wherever the
//! fault was found, and one line wherever it is printed.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Shop, data, marked, text, wares};
use crate::loading::not_provided;

const MODULE: &str = "/_wares/modules/marked";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn shop(arguments: &[&str]) -> Shop {
    let data = data();
    fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    Shop::open_on(data, |command| {
        command.args(arguments);
    })
}

/// The audit entries, newest first: action, module, digest, outcome and detail.
fn audit_entries(shop: &Shop, query: &str) -> Vec<Value> {
    let fields = ["action", "module", "digest", "outcome", "detail"];
    shop.audit_fields(query, &fields)
}

fn operator(shop: &Shop, arguments: &[&str]) -> Output {
    let mut command = wares();
    command.current_dir(shop.data.path()).args(arguments);
    command.arg("--data").arg(shop.data.path());
    command.env("USER", "ann").output().unwrap()
}

#[test]
fn a_refusal_by_the_command_itself_is_in_the_audit() {
    let shop = shop(&[]);
    let path = |name: &str| shop.data.path().join(name);
    let small = "compile.component_bytes_max=1024";
    let fine = marked("version=2.0.0");
    fs::write(path("text.wasm"), "text").unwrap();
    fs::write(path("fine.wasm"), &fine).unwrap();
    let nameless = marked("name=No version=2.0.0");
    fs::write(path("nameless.wasm"), &nameless).unwrap();
    let foreign = wat::parse_str(
        r#"(component (import "wasi:http/types@0.2.6" (instance (export "open" (func)))))"#,
    )
    .unwrap();
    fs::write(path("foreign.wasm"), &foreign).unwrap();
    fs::create_dir(path("folder.wasm")).unwrap();
    let length = fine.len();
    for (arguments, module, bytes, reason) in [
        (
            vec!["nowhere.wasm"],
            Value::Null,
            None,
            "cannot read nowhere.wasm: No such file or directory (os error 2)".to_owned(),
        ),
        (
            vec!["folder.wasm"],
            Value::Null,
            None,
            "cannot read folder.wasm: it is a folder, not a file".to_owned(),
        ),
        (
            vec!["fine.wasm", "--set", small],
            Value::Null,
            None,
            format!("fine.wasm: it is {length} bytes, more than 1024 (compile.component_bytes_max)"),
        ),
        (
            vec!["text.wasm"],
            Value::Null,
            Some(&b"text"[..]),
            "text.wasm: it is not a WebAssembly component".to_owned(),
        ),
        (
            vec!["nameless.wasm"],
            Value::Null,
            Some(&nameless),
            "nameless.wasm: it calls itself 'No': a name is 1 to 64 lower-case letters, digits and -".to_owned(),
        ),
        (
            vec!["foreign.wasm"],
            Value::Null,
            Some(&foreign),
            format!("foreign.wasm: {}", not_provided("wasi:http/types@0.2.6")),
        ),
        (
            vec!["fine.wasm", "--signature", "nowhere.minisig"],
            json!("marked"),
            Some(&fine),
            "cannot read nowhere.minisig: No such file or directory (os error 2)".to_owned(),
        ),
        (
            vec!["nowhere.wasm", "--name", "marked"],
            json!("marked"),
            None,
            "cannot read nowhere.wasm: No such file or directory (os error 2)".to_owned(),
        ),
        // A refusal of the host is one entry as well.
        (
            vec!["text.wasm", "--name", "marked"],
            json!("marked"),
            Some(&b"text"[..]),
            "it is not a WebAssembly component".to_owned(),
        ),
    ] {
        let mut all = vec!["module", "install"];
        all.extend(&arguments);
        let before = audit_entries(&shop, "").len();
        let refused = operator(&shop, &all);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert_eq!(text(&refused.stderr), format!("wares: {reason}\n"));
        let after = audit_entries(&shop, "");
        assert_eq!(after.len(), before + 1, "{arguments:?}");
        assert_eq!(
            after[0],
            json!(["install", module, bytes.map(digest), "refused", reason])
        );
    }
    let listed = text(&operator(&shop, &["audit"]).stdout);
    let last = listed.lines().last().unwrap();
    assert!(
        last.ends_with("  operator ann  install  refused: cannot read nowhere.wasm: No such file or directory (os error 2)"),
        "{listed}"
    );
    let nameless = format!(
        "  operator ann  install - {}  refused: nameless.wasm: it calls",
        &digest(&nameless)[..12]
    );
    assert!(listed.contains(&nameless), "{listed}");
}

#[test]
fn a_request_refused_before_its_component_is_read_is_in_the_audit() {
    let shop = shop(&["--set", "compile.component_bytes_max=1 MiB"]);
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", &*bearer)];
    let put =
        |query: &str, bytes: &[u8]| shop.send("PUT", &format!("{MODULE}{query}"), &headers, bytes);
    assert_eq!(put("", &vec![0; (1 << 20) + 1]).status, 413);
    let fine = marked("version=2.0.0");
    let refused = put("?canary=0%25", &fine);
    assert_eq!(refused.status, 400);
    let unreadable = put("?digest=%zz", &fine);
    unreadable
        .is_invalid("Parameter 'digest' has a percent sign that no two hexadecimal digits follow");
    // Callers without credentials have no entry.
    shop.send("PUT", MODULE, &[], &fine)
        .is(401, json!({"message": "Unauthorized"}));
    assert_eq!(
        audit_entries(&shop, ""),
        [
            json!([
                "install",
                "marked",
                digest(&fine),
                "refused",
                unreadable.at("/message")
            ]),
            json!([
                "install",
                "marked",
                digest(&fine),
                "refused",
                refused.at("/message")
            ]),
            json!([
                "install",
                "marked",
                null,
                "refused",
                "request entity too large"
            ]),
        ]
    );
}

#[test]
fn a_refused_watched_file_is_in_the_audit() {
    let shop = shop(&["--watch", "--set", "compile.component_bytes_max=1 MiB"]);
    let file = |name: &str| shop.data.path().join("modules").join(name);
    let save = |name: &str, bytes: &[u8]| {
        let beside = shop.data.path().join("new");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, file(name)).unwrap();
        shop.server.wait_for_log("ERROR");
    };
    // Of a file that a module is served from it is known which one is meant.
    save("marked.wasm", b"text");
    save("other.wasm", b"text, too");
    save("marked.wasm", &vec![0; (1 << 20) + 1]);
    let panics = marked("version=2.0.0 bad=panics");
    save("marked.wasm", &panics);
    let entries = audit_entries(&shop, "");
    let told: Vec<Value> = entries
        .iter()
        .map(|act| json!([act[0], act[1], act[2], act[3]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["reload", "marked", digest(&panics), "refused"]),
            json!(["reload", "marked", null, "refused"]),
            json!(["reload", null, digest(b"text, too"), "refused"]),
            json!(["reload", "marked", digest(b"text"), "refused"]),
        ]
    );
    assert!(
        entries[0][4].as_str().unwrap().contains("as the mark"),
        "{entries:?}"
    );
    assert_eq!(
        entries[1][4],
        format!(
            "{}: it is 1048577 bytes, more than 1048576 (compile.component_bytes_max)",
            file("marked.wasm").display()
        )
    );
    assert_eq!(entries[3][4], "it is not a WebAssembly component");
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}

#[test]
fn an_entry_is_one_line_wherever_it_is_printed() {
    for format in ["text", "json"] {
        let shop = shop(&[
            "--set",
            &format!("log.format={format}"),
            "--set",
            "modules.marked.config.break=2.0.0 settings",
        ]);
        let bytes = marked("version=2.0.0");
        let bearer = format!("Bearer {}", shop.token);
        let headers = [("authorization", &*bearer)];
        let refused = shop.send("PUT", MODULE, &headers, &bytes);
        let reason = refused.at("/message");
        assert_eq!(
            reason,
            "its settings are not accepted:\n  modules.marked.config.break: it is broken"
        );
        let listed = text(&operator(&shop, &["audit"]).stdout);
        assert_eq!(listed.lines().count(), 1, "{listed}");
        let shown = "refused: its settings are not accepted:\\n  modules.marked.config.break: it is broken\n";
        assert!(listed.ends_with(shown), "{listed}");
        let json = text(&operator(&shop, &["audit", "--json"]).stdout);
        assert_eq!(json.lines().count(), 1, "{json}");
        let told: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(told[0]["detail"], *reason);
        let log = shop.server.stop_for_log();
        let lines: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("it is broken"))
            .collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("audit"), "{log}");
    }
}
