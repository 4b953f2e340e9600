//! Foreign text on a terminal and in the log: it neither moves a cursor, changes the
//! direction of writing, hides, nor begins a line of its own.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::harness::{Shop, hostile_guest, root, text, wares};

/// What no terminal should see: a control of C1, a mark of direction, the end of a line
/// in two ways, and an invisible letter.
const EVIL: &str = "a\u{9b}31mb\u{202e}c\u{2028}d\u{200b}e\nf";
/// How a terminal sees it.
const SHOWN: &str = r"a\u{9b}31mb\u{202e}c\u{2028}d\u{200b}e\nf";

/// That nothing of it stands in what was printed, and so many lines do.
#[track_caller]
fn is_printable(printed: &str, lines: usize) {
    for unfit in ['\u{9b}', '\u{202e}', '\u{2028}', '\u{200b}', '\x1b', '\r'] {
        assert!(!printed.contains(unfit), "{unfit:?} in {printed:?}");
    }
    assert_eq!(printed.lines().count(), lines, "{printed}");
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout)
}

fn hostile_shop(set_up: impl FnOnce(&mut Command)) -> Shop {
    Shop::open_with(|command| {
        let component = format!("modules.hostile.component={}", hostile_guest().display());
        command.args(["--set", &component]);
        command.args(["--set", "modules.hostile.path_prefixes=/hostile"]);
        set_up(command);
    })
}

#[test]
fn events_are_printable_and_their_json_keeps_the_value() {
    let shop = hostile_shop(|_| {});
    let told = shop.send("GET", "/hostile/dark-event", &[], b"");
    told.is(200, json!({"sql": "done"}));
    let shown = printed(&shop.run(&["events", "hostile"]));
    is_printable(&shown, 1);
    // The end of a line is an escape within JSON already.
    assert!(
        shown.ends_with(
            " thing.told {\"text\":\"a\\u{9b}31mb\\u{202e}c\\u{2028}d\\u{200b}e\\nf\"}\n"
        ),
        "{shown}"
    );
    let json = printed(&shop.run(&["events", "hostile", "--json"]));
    is_printable(&json, 1);
    let event: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(event["data"], json!({"text": EVIL}));
}

#[test]
fn titles_of_keys_are_printable() {
    let shop = Shop::open();
    let made = shop.run(&["key", "create", "--title", EVIL]);
    assert!(made.status.success(), "{made:?}");
    let shown = printed(&shop.run(&["key", "list"]));
    is_printable(&shown, 1);
    assert!(
        shown.contains(&format!("  {SHOWN}  last used never")),
        "{shown}"
    );
    let json = printed(&shop.run(&["key", "list", "--json"]));
    is_printable(&json, 1);
    let keys: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(keys[0]["title"], EVIL);
}

#[test]
fn the_audit_is_printable() {
    let shop = Shop::open();
    // Whatever it is that is refused, the audit names who asked for it.
    let mut command = wares();
    command
        .current_dir(shop.data.path())
        .args(["module", "activate", "customer", "00000000", "--data"])
        .arg(shop.data.path())
        .env("USER", EVIL);
    let refused = command.output().unwrap();
    assert!(!refused.status.success(), "{refused:?}");
    let entries = shop.run(&["audit"]);
    let shown = printed(&entries);
    assert!(shown.contains(SHOWN), "{shown}");
    is_printable(&shown, 1);
    let json = printed(&shop.run(&["audit", "--json"]));
    is_printable(&json, 1);
    let entries: Value = serde_json::from_str(&json).unwrap();
    assert!(
        entries[0]["actor"].as_str().unwrap().contains(EVIL),
        "{json}"
    );
}

#[test]
fn errors_of_commands_are_printable() {
    let shop = Shop::open();
    let refused = shop.run(&["call", "customer", &format!("customers.{}", EVIL.trim())]);
    assert!(!refused.status.success());
    let shown = text(&refused.stderr);
    for unfit in ['\u{9b}', '\u{202e}', '\u{2028}', '\u{200b}'] {
        assert!(!shown.contains(unfit), "{shown:?}");
    }
    let called = shop.run(&[
        "call",
        "customer",
        &format!(
            "customers.create-customer({{email: \"a@b.co\", last-name: some({:?})}})",
            EVIL
        ),
    ]);
    let shown = text(&called.stdout);
    for unfit in ['\u{9b}', '\u{202e}', '\u{2028}', '\u{200b}'] {
        assert!(!shown.contains(unfit), "{shown:?}");
    }
}

#[test]
fn lines_of_the_log_are_printable_as_text_and_as_json() {
    for format in ["text", "json"] {
        let shop = hostile_shop(|command| {
            command.args(["--set", &format!("log.format={format}")]);
        });
        let told = shop.send("GET", "/hostile/dark-words", &[], b"");
        told.is(200, json!({}));
        let log = shop.server.stop_for_log();
        for unfit in ['\u{9b}', '\u{202e}', '\u{2028}', '\u{200b}', '\x1b'] {
            assert!(!log.contains(unfit), "{format}: {log:?}");
        }
        // Two lines, as the text has: each is one with the component's name.
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("31mb")).collect();
        assert_eq!(lines.len(), 2, "{format}: {log}");
        assert!(
            lines.iter().all(|line| line.contains("hostile")),
            "{lines:?}"
        );
        if format == "json" {
            for line in log.lines() {
                serde_json::from_str::<Value>(line)
                    .unwrap_or_else(|error| panic!("{error}: {line}"));
            }
        }
    }
}

#[test]
fn nothing_reaches_standard_output_but_through_a_printer() {
    let folder = root().join("host/src/cli");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines().filter(|line| line.contains("stdout()")) {
            assert!(line.contains("Printer::"), "{}: {line}", path.display());
        }
        assert!(!source.contains(" println!") && !source.contains(" print!"));
    }
}
