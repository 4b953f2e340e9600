//! A component's own account of a fault reaches the command or request that loads it:
//! the text of a panic, standard error, the answer to a probe.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Shop, data, marked, meddler_version, run, text};

const TRAP: &str = "wasm trap: wasm `unreachable` instruction executed; it wrote: ";
/// What `bad=panics` panics with, as it may be printed.
const PANIC: &str = ": | as the mark | says \\u{1b}[2J";

fn put(shop: &Shop, bytes: &[u8]) -> Value {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", &*bearer)];
    let answer = shop.send("PUT", "/_wares/modules/marked", &headers, bytes);
    assert_eq!(answer.status, 400, "{}", answer.body);
    answer.value()
}

fn shop() -> Shop {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    fs::write(file, marked("version=1.0.0")).unwrap();
    Shop::open_on(data, |_| {})
}

fn is_printable(said: &str) {
    let unfit = |letter: char| letter.is_control() && letter != '\n';
    assert!(!said.contains(unfit), "{said:?}");
}

/// The one line that a command ends with on its standard error.
fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    is_printable(&said);
    said.lines().last().unwrap().to_owned()
}

#[test]
fn the_text_of_a_panic_is_shown_by_all_that_load_a_component() {
    let shop = shop();
    let bytes = marked("version=2.0.0 bad=panics");
    let file = shop.data.path().join("panics.wasm");
    fs::write(&file, &bytes).unwrap();
    let shows = |said: &str| {
        assert!(said.contains(TRAP) && said.contains(PANIC), "{said}");
    };
    // A host that is sent it.
    let refused = put(&shop, &bytes);
    assert_eq!(refused["type"], "invalid_component");
    shows(refused["message"].as_str().unwrap());
    shows(shop.audit_entries("?limit=1")[0][4].as_str().unwrap());
    // Commands that load it.
    let inspected = run(["inspect".as_ref(), file.as_os_str()]);
    let shown = text(&inspected.stdout);
    is_printable(&shown);
    shows(shown.lines().next().unwrap());
    let inspected = run(["inspect".as_ref(), file.as_os_str(), "--json".as_ref()]);
    let json: Value = serde_json::from_str(&text(&inspected.stdout)).unwrap();
    shows(json["refused"].as_str().unwrap());
    shows(&failed(&shop.run(&["module", "install", "panics.wasm"])));
    let component = format!("modules.marked.component={}", file.display());
    let called = shop.run(&[
        "call",
        "marked",
        "lifecycle.describe()",
        "--set",
        &component,
    ]);
    let said = text(&called.stderr);
    is_printable(&said);
    shows(&said);
    let mut server = shop.server;
    assert!(server.stop().success());
    let data = shop.data;
    let seeded = crate::harness::wares()
        .args(["seed", "--customers=1", "--data"])
        .arg(data.path())
        .args(["--set", &component])
        .output()
        .unwrap();
    let said = text(&seeded.stderr);
    let left_out = said.lines().find(|line| line.contains("left out: "));
    shows(left_out.unwrap_or_else(|| panic!("{said}")));
    // A start of the host.
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", &component]);
    });
    let module = shop.get("/_wares/modules/marked").value();
    shows(module["module"]["failures"][0]["reason"].as_str().unwrap());
}

/// Part of what stands for the text that is left out of a panic's.
const LEFT_OUT: &str = " bytes are left out) …";

#[test]
fn text_of_any_length_is_cut_by_all_that_load_a_component() {
    let shop = shop();
    let bytes = marked("version=2.0.0 bad=panics-at-length");
    let file = shop.data.path().join("panics.wasm");
    fs::write(&file, &bytes).unwrap();
    let is_cut = |said: &str| {
        assert!(
            said.contains("panicked at ") && said.contains(LEFT_OUT),
            "{said}"
        );
        assert!(
            said.ends_with("x says") || said.contains("x says;"),
            "{said}"
        );
        assert!(said.len() < 5_000, "{}", said.len());
    };
    is_cut(put(&shop, &bytes)["message"].as_str().unwrap());
    is_cut(shop.audit_entries("?limit=1")[0][4].as_str().unwrap());
    let inspected = run(["inspect".as_ref(), file.as_os_str()]);
    is_cut(text(&inspected.stdout).lines().next().unwrap());
    is_cut(&failed(&shop.run(&["module", "install", "panics.wasm"])));
    is_cut(shop.audit_entries("?limit=1")[0][4].as_str().unwrap());
    fs::write(&file, marked("version=2.0.0 bad=summary")).unwrap();
    let inspected = run(["inspect".as_ref(), file.as_os_str()]);
    let first = text(&inspected.stdout).lines().next().unwrap().to_owned();
    assert_eq!(first, format!("marked 2.0.0: {}…", "x".repeat(1000)));
}

#[test]
fn text_of_any_length_of_an_extension_is_cut() {
    let shop = |does: &str| {
        let data = data();
        let extension = meddler_version("alpha", &format!("does={does}"));
        fs::write(data.path().join("modules/alpha.wasm"), extension).unwrap();
        Shop::open_on(data, |command| {
            command.args(["--set", "modules.alpha.grants=hooks,operations"]);
        })
    };
    let create = |shop: &Shop| shop.post("/admin/customers", json!({"email": "ann@shop.example"}));
    let last = |shop: &Shop, what: &str| {
        let log = shop.server.wait_for_log(what);
        log.lines()
            .rfind(|line| line.contains(what))
            .unwrap()
            .to_owned()
    };

    let trapped = shop("traps_at_length");
    assert_eq!(create(&trapped).status, 503);
    let line = last(&trapped, "an extension did not answer");
    assert!(
        line.contains("it is x") && line.contains("x no more"),
        "{line}"
    );
    assert!(line.contains(LEFT_OUT) && line.len() < 5_000, "{line}");
    let shown = text(&trapped.run(&["module", "logs", "alpha"]).stdout);
    assert!(shown.contains(LEFT_OUT) && shown.len() < 20_000, "{shown}");

    let rejected = shop("rejects_at_length");
    let answer = create(&rejected);
    let message = format!(
        "alpha says {}…",
        "no".repeat((4096 - "alpha says ".len()) / 2)
    );
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(
        answer.at("/message").trim_end_matches("n…"),
        message.trim_end_matches('…')
    );
    assert_eq!(
        (answer.at("/field"), answer.at("/code")),
        ("email".to_owned(), "no".to_owned())
    );
    let line = last(&rejected, "an extension rejected a value");
    assert!(
        line.contains("reason=\"alpha says nono") && line.contains("…"),
        "{line}"
    );
    assert!(line.len() < 1_500, "{line}");
}

#[test]
fn commands_show_what_a_working_component_writes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tells.wasm");
    fs::write(&file, marked("version=1.0.0 bad=tells")).unwrap();
    let inspected = run(["inspect".as_ref(), file.as_os_str()]);
    assert_eq!(inspected.status.code(), Some(0), "{inspected:?}");
    let shown = format!("{}: beware \\u{{9b}}2J\n", file.display());
    assert_eq!(text(&inspected.stderr), shown);
    let data = data();
    let called = run([
        Path::new("call"),
        Path::new("marked"),
        Path::new("lifecycle.describe()"),
        Path::new("--data"),
        data.path(),
        Path::new(&format!(
            "--set=modules.marked.component={}",
            file.display()
        )),
    ]);
    assert_eq!(called.status.code(), Some(0), "{called:?}");
    let said = text(&called.stderr);
    assert!(said.ends_with("\nmarked: beware \\u{9b}2J\n"), "{said}");
}

#[test]
fn an_answer_that_cannot_be_sent_fails_the_probe() {
    let shop = shop();
    let failed = |mark: &str| {
        let refused = put(&shop, &marked(&format!("version=2.0.0 bad={mark}")));
        assert_eq!(refused["type"], "failed_probe");
        let said = refused["message"].as_str().unwrap().to_owned();
        let reason = said.strip_prefix("the probe GET /admin/marked failed: ");
        reason.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let body = "{\"why\":\"as the\\u{9b} mark says\"}";
    for status in [0, 99, 100, 199, 600, 65_535] {
        assert_eq!(
            failed(&format!("status status={status}")),
            format!("the answer has the status {status}; it answered {status}: {body}")
        );
    }
    assert_eq!(
        failed("status status=304"),
        format!(
            "the answer has the status 304, which a request without a condition does not get; \
             it answered 304: {body}"
        )
    );
    assert_eq!(
        failed("answer"),
        "the answer has a value of the header x-version that no header can hold; it answered 200: {}"
    );
    // Faults that it reports itself are shown as well.
    for status in [500, 503, 599] {
        assert_eq!(
            failed(&format!("status status={status}")),
            format!("it answered {status}: {body}")
        );
    }
    let said = failed("probe");
    assert!(
        said.starts_with(TRAP) && said.ends_with(": | as the mark says"),
        "{said}"
    );
    // What can be sent is no fault of the component's.
    let bearer = format!("Bearer {}", shop.token);
    for status in [200, 301, 404] {
        let bytes = marked(&format!("version=2.0.0 bad=status status={status}"));
        let headers = [("authorization", &*bearer)];
        let answer = shop.send("PUT", "/_wares/modules/marked", &headers, &bytes);
        assert_eq!(answer.status, 200, "{status}: {}", answer.body);
    }
}
