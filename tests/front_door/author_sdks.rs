//! The SDKs of Rust, JavaScript and Python in components of theirs: rows, events, errors, randomness,
//! clocks, and what a failed call leaves in the log.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::{JSON, Shop, root, text};
use crate::new_projects::{built_by_cargo, built_by_componentize_py, built_by_npm, install, new};

/// A language, and how an exception and its place look there.
struct Language {
    name: &'static str,
    source: &'static str,
    target: &'static str,
    exception: &'static str,
    place: &'static str,
    /// What is said of a body with half a surrogate pair, and of one that is nested too deep.
    half: &'static str,
    deep: &'static str,
    /// How deep one may be.
    depth_max: usize,
}

const RUST: Language = Language {
    name: "rust",
    source: "component.rs",
    target: "src/component.rs",
    exception: "panic",
    place: ", at src/component.rs:",
    half: "unexpected end of hex escape at line 1 column 13",
    deep: "recursion limit exceeded at line 1 column 128",
    depth_max: 127,
};

const JAVASCRIPT: Language = Language {
    name: "js",
    source: "component.js",
    target: "src/component.js",
    exception: "RangeError",
    place: "at fail (/src/component.js:",
    half: "the body has half a surrogate pair",
    deep: "the body is nested deeper than 128",
    depth_max: 128,
};

const PYTHON: Language = Language {
    name: "python",
    source: "app.py",
    target: "app.py",
    exception: "ValueError",
    place: "File \"/0/app.py\", line ",
    half: "the body has half a surrogate pair",
    deep: "the body is nested deeper than 128",
    depth_max: 128,
};

/// A shop with the module `probe`, which is a new project with another source.
fn shop(language: &Language) -> Shop {
    let folder = tempfile::TempDir::new().unwrap();
    let made = new(
        folder.path(),
        &["probe", "--lang", language.name, "--module"],
    );
    assert!(made.status.success(), "{made:?}");
    let project = folder.path().join("probe");
    let source = root().join("tests/guests/probe");
    fs::copy(source.join(language.source), project.join(language.target)).unwrap();
    let world = project.join("wit/world.wit");
    if world.exists() {
        // What its README says of one more capability.
        let lines = "world component {
            import wares:platform/sql@1.2.0;
            import wares:platform/events@1.2.0;
            export wares:module/migrations@2.1.0;";
        let text = fs::read_to_string(&world).unwrap();
        fs::write(&world, text.replacen("world component {", lines, 1)).unwrap();
    }
    let component = match language.name {
        "rust" => built_by_cargo(&project, "probe.wasm"),
        "js" => built_by_npm(&project, "probe.wasm"),
        _ => built_by_componentize_py(&project, "probe.wasm"),
    };
    // However busy the machine is: long bodies are part of it.
    let shop = Shop::with_setting("modules.probe.limits.deadline_ms=20000");
    install(&shop, &component, &["--grant", "sql", "--grant", "events"]);
    shop
}

fn get(shop: &Shop, path: &str) -> Value {
    let answer = shop.send("GET", &format!("/store/probe/{path}"), &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.value()
}

/// Rows, events and errors of the database, as the host keeps and answers them.
fn keeps_notes(shop: &Shop) {
    let add = |name: &str| {
        let path = format!("/store/probe/notes/{name}");
        shop.send("POST", &path, &[], b"")
    };
    let made = add("Zo%C3%AB%20%F0%9F%98%80?size=1.5");
    assert_eq!(made.header("location"), "/store/probe/notes/1");
    let first = json!({"id": 1, "name": "Zoë 😀", "size": 1.5});
    made.is(201, first.clone());
    add("Zo%C3%AB%20%F0%9F%98%80?size=2")
        .is(409, json!({"type": "duplicate", "message": "note.name"}));
    add("b?size=2&then=fail").is(
        409,
        json!({"type": "not_allowed", "message": "b is not kept"}),
    );
    assert_eq!(add("c?size=3").status, 201);
    let rows = json!([
        [1, "Zoë 😀", 1.5, 9_007_199_254_740_991_i64],
        [2, "c", 3.0, 9_007_199_254_740_991_i64]
    ]);
    let kept = get(shop, "notes");
    assert_eq!(kept[0], rows[0]);
    assert_eq!((&kept[1][1], kept[1][2].as_f64()), (&rows[1][1], Some(3.0)));
    let events = shop.run(&["events", "probe", "--json"]);
    let events: Vec<Value> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(
        events.iter().any(|event| event["data"] == first),
        "{events:?}"
    );
}

/// Bodies that would end a call, and those that look like them.
fn refuses_bodies_of_no_use(shop: &Shop, language: &Language) {
    let echo = |body: &str| shop.send("POST", "/store/probe/echo", &[JSON], body.as_bytes());
    let refused =
        |why: &str| json!({"type": "invalid_data", "message": format!("Invalid request: {why}")});
    echo("").is(400, refused("a body is missing"));
    echo(r#"{"a":"\ud83d"}"#).is(400, refused(language.half));
    echo(r#"{"a":"\ud83d\ude00"}"#).is(200, json!({"a": "😀"}));
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    echo(&nested(50_000)).is(400, refused(language.deep));
    let deepest = nested(language.depth_max);
    assert_eq!(echo(&deepest).body, deepest);
}

/// Nothing that the build drew or read is repeated.
fn draws_and_tells_the_time_anew(shop: &Shop) {
    let [one, other] = [get(shop, "random"), get(shop, "random")];
    assert_eq!(one[0], other[0], "it was drawn at the build");
    for index in [1, 2] {
        assert_ne!(one[index], other[index]);
    }
    assert_ne!(one[0], one[1]);
    let present = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let clock = get(shop, "clock");
    let away = clock[0].as_f64().unwrap() - present.as_secs_f64() * 1_000.0;
    assert!(away.abs() < 60_000.0, "{away}");
    let elapsed = clock[1].as_f64().unwrap();
    assert!((0.0..1_000.0).contains(&elapsed), "{elapsed}");
}

/// A failed call leaves its text and its place in the log, whatever their length.
fn logs_what_it_threw(shop: &Shop, language: &Language) {
    for (how, message) in [
        ("briefly", "beyond reason".to_owned()),
        ("at%20length", "é".repeat(400)),
    ] {
        let path = format!("/store/probe/fail?how={how}");
        let failed = shop.send("GET", &path, &[], b"");
        assert_eq!(failed.status, 500, "{}", failed.body);
        let id = failed.header("x-request-id");
        let log = text(&shop.run(&["module", "logs", "probe"]).stdout);
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(id)).collect();
        let of_it = lines.join("\n");
        let how = how.replace("%20", " ");
        assert!(
            of_it.contains(&format!("about to fail {{\"how\":\"{how}\"}}")),
            "{of_it}"
        );
        let thrown = format!("ERROR component: {}: {message}", language.exception);
        assert!(of_it.contains(&thrown), "{of_it}");
        assert!(of_it.contains(language.place), "{of_it}");
        assert!(of_it.len() < 20_000, "{}", of_it.len());
    }
}

fn does_what_the_sdk_says(language: &Language) {
    let shop = shop(language);
    keeps_notes(&shop);
    refuses_bodies_of_no_use(&shop, language);
    draws_and_tells_the_time_anew(&shop);
    logs_what_it_threw(&shop, language);
}

#[test]
fn the_sdk_of_rust_does_what_it_says() {
    does_what_the_sdk_says(&RUST);
}

#[test]
fn the_sdk_of_javascript_does_what_it_says() {
    does_what_the_sdk_says(&JAVASCRIPT);
}

#[test]
fn the_sdk_of_python_does_what_it_says() {
    does_what_the_sdk_says(&PYTHON);
}
