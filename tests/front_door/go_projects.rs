//! Projects in Go: the example `extensions/hello-go`, what a panic leaves in the log, and the
//! command `wares go`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Shop, built_by_go, copy, go, root, text, wares};

/// Runs `wares go` in a folder.
fn wares_go(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = wares();
    command.current_dir(folder).arg("go").args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

/// The example as it is in the repository, with its bindings.
fn hello() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let project = folder.path().join("hello-go");
    fs::create_dir(&project).unwrap();
    copy(&root().join("extensions/hello-go"), &project);
    // What somebody built there.
    let _ = fs::remove_dir_all(project.join("wares"));
    let made = wares_go(&project, &["bindings"]);
    assert!(made.status.success(), "{made:?}");
    let count = text(&made.stdout);
    assert_eq!(count, "wares: 40 files\n");
    (folder, project)
}

#[test]
fn the_example_in_go_does_what_it_says() {
    let (_folder, project) = hello();
    // The SDK, all packages of it.
    let wares = project.join("wares");
    let tested = go(&wares, &["test", "./..."], &[]);
    assert!(tested.contains("ok  \twares/rows\t"), "{tested}");
    let component = built_by_go(&project, "hello-go");
    let shop = Shop::open();
    let file = component.to_str().unwrap();
    let installed = shop.run(&[
        "module",
        "install",
        file,
        "--grant=sql,hooks=customer",
        "--activate",
    ]);
    assert!(installed.status.success(), "{installed:?}");
    let greet = |body| shop.post("/admin/hello-go/greetings", body);
    greet(json!({"name": " Zoë "})).is(200, json!({"greeting": "Hello, Zoë!", "times": 1}));
    greet(json!({"name": "Zoë"})).is(200, json!({"greeting": "Hello again, Zoë!", "times": 2}));
    greet(json!({"name": "Ann"})).is(200, json!({"greeting": "Hello, Ann!", "times": 1}));
    greet(json!({"name": "x".repeat(101)})).is(
        400,
        json!({
            "type": "invalid_data",
            "message": "Field 'name' has 101 characters, and at most 100 are allowed"
        }),
    );
    for body in [json!({"name": 1}), json!([])] {
        greet(body).is(
            400,
            json!({"type": "invalid_data", "message": "The body is no object with a name"}),
        );
    }
    let made = shop.post(
        "/admin/customers?fields=email",
        json!({"email": "Ann@Shop.Example"}),
    );
    assert_eq!(made.at("/customer/email"), "Ann@shop.example");
    let path = format!("/admin/customers/{}?fields=email", made.at("/customer/id"));
    let changed = shop.post(&path, json!({"email": "Ann@Other.Example"}));
    assert_eq!(changed.at("/customer/email"), "Ann@other.example");
    let document = shop.get("/openapi.json").value();
    let operation = &document["paths"]["/admin/hello-go/greetings"]["post"];
    assert_eq!(operation["operationId"], "hello-go-greet");
}

#[test]
fn a_panic_in_go_is_in_the_log_with_its_place() {
    let (_folder, project) = hello();
    let greetings = project.join("greetings.go");
    let source = fs::read_to_string(&greetings).unwrap();
    let line = "\tname, err := rules.Name(body.Name)\n";
    let number = 1 + source[..source.find(line).unwrap()].lines().count();
    let source = source.replace(
        line,
        "\tname, err := body.Name, error(nil)\n\tcheck(name)\n",
    );
    let check = "\nfunc check(name string) {\n\tif name == \"Eve\" {\n\t\tpanic(\"nobody greets \" + name)\n\t}\n}\n";
    fs::write(&greetings, source + check).unwrap();
    let component = built_by_go(&project, "hello-go");
    let shop = Shop::open();
    let file = component.to_str().unwrap();
    let grants = "--grant=sql,hooks=customer";
    let installed = shop.run(&["module", "install", file, grants, "--activate"]);
    assert!(installed.status.success(), "{installed:?}");
    let refused = shop.post("/admin/hello-go/greetings", json!({"name": "Eve"}));
    assert_eq!(refused.status, 500, "{}", refused.body);
    let greeted = shop.post("/admin/hello-go/greetings", json!({"name": "Ann"}));
    assert_eq!(greeted.at("/greeting"), "Hello, Ann!");
    let log = shop.run(&["module", "logs", "hello-go"]);
    let log = text(&log.stdout);
    assert!(log.contains("panic: nobody greets Eve"), "{log}");
    let place = format!("example.com/hello-go/greetings.go:{}", number + 1);
    assert!(log.contains(&place), "{place}\n{log}");
}

#[track_caller]
fn refuses(folder: &Path, arguments: &[&str], said: &str) {
    let refused = wares_go(folder, arguments);
    assert_eq!(text(&refused.stdout), "");
    let stderr = text(&refused.stderr);
    assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
}

#[test]
fn bindings_are_made_of_the_contracts_of_a_project_alone() {
    let (_folder, project) = hello();
    let world = project.join("wit/world.wit");
    let text = fs::read_to_string(&world).unwrap();
    let stale = project.join("wares/imports/wares_platform_sql/wit_bindings.go");
    assert!(stale.exists());
    fs::write(
        &world,
        text.replace("    import wares:platform/sql@1.2.0;\n", ""),
    )
    .unwrap();
    let made = wares_go(&project, &["bindings"]);
    assert!(made.status.success(), "{made:?}");
    assert!(!stale.exists());
    fs::write(
        &world,
        text.replace("platform/sql@1.2.0", "platform/sqll@1.2.0"),
    )
    .unwrap();
    refuses(
        &project,
        &["bindings"],
        "wares: no bindings can be made of wit: interface 'sqll' not found in package 'wares:platform@1.2.0'\n     --> wit/world.wit:10:27\n",
    );
    refuses(
        &project.join("rules"),
        &["bindings"],
        "wares: there is no go.mod here: run it in the folder of a project that `wares new NAME --lang go` wrote\n",
    );
}

#[test]
fn what_is_no_core_module_of_the_world_is_no_component() {
    let (_folder, project) = hello();
    let write = |name: &str, bytes: &[u8]| fs::write(project.join(name), bytes).unwrap();
    write("empty.core.wasm", &wat::parse_str("(module)").unwrap());
    write("text.core.wasm", b"package main");
    refuses(
        &project,
        &["component", "empty.core.wasm"],
        "wares: no component can be made of empty.core.wasm: ",
    );
    refuses(
        &project,
        &["component", "empty.core.wasm"],
        "wares:module/lifecycle@2.1.0",
    );
    refuses(
        &project,
        &["component", "text.core.wasm"],
        "wares: no component can be made of text.core.wasm: ",
    );
    refuses(
        &project,
        &["component", "absent.core.wasm"],
        "wares: cannot read absent.core.wasm: ",
    );
    refuses(
        &project,
        &["component", "hello.wasm"],
        "wares: the name of hello.wasm does not end in .core.wasm: name the component to write with --output\n",
    );
    assert!(!project.join("empty.wasm").exists());
}
