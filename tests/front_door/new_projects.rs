//! `wares new`: the projects that it writes build, pass their own tests, and do what their
//! README says once they are installed. Nothing here needs a network.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use wit_parser::Resolve;

use crate::harness::{Shop, built_by_go, componentize_py, root, text, wares};

/// The contracts of every project, but those in Rust, whose SDK has them; those of an extension
/// also have `CUSTOMER`.
const CONTRACTS: [&str; 17] = [
    "wit/deps/wares-module@2.1.0/entities.wit",
    "wit/deps/wares-module@2.1.0/http.wit",
    "wit/deps/wares-module@2.1.0/lifecycle.wit",
    "wit/deps/wares-module@2.1.0/migrations.wit",
    "wit/deps/wares-module@2.1.0/provider.wit",
    "wit/deps/wares-module@2.1.0/seed.wit",
    "wit/deps/wares-module@2.1.0/world.wit",
    "wit/deps/wares-platform@1.2.0/events.wit",
    "wit/deps/wares-platform@1.2.0/extended.wit",
    "wit/deps/wares-platform@1.2.0/hooks.wit",
    "wit/deps/wares-platform@1.2.0/sql.wit",
    "wit/deps/wares-platform@1.2.0/world.wit",
    "wit/deps/wasi-config@0.2.0-rc.1/store.wit",
    "wit/deps/wasi-config@0.2.0-rc.1/world.wit",
    "wit/deps/wasi-logging@0.1.0-draft/logging.wit",
    "wit/deps/wasi-random@0.2.0/random.wit",
    "wit/world.wit",
];

const CUSTOMER: [&str; 6] = [
    "wit/deps/wares-customer@2.1.0/addresses.wit",
    "wit/deps/wares-customer@2.1.0/customers.wit",
    "wit/deps/wares-customer@2.1.0/groups.wit",
    "wit/deps/wares-customer@2.1.0/hooks.wit",
    "wit/deps/wares-customer@2.1.0/types.wit",
    "wit/deps/wares-customer@2.1.0/world.wit",
];

/// The files of a project in Rust, which also has the SDK.
const RUST: [&str; 9] = [
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "build.rs",
    "rust-toolchain.toml",
    "src/component.rs",
    "src/lib.rs",
    "src/rules.rs",
];

const JAVASCRIPT: [&str; 18] = [
    ".gitignore",
    "README.md",
    "package-lock.json",
    "package.json",
    "src/component.js",
    "src/rules.js",
    "test/rules.test.js",
    "wares/README.md",
    "wares/customer.js",
    "wares/errors.js",
    "wares/events.js",
    "wares/guard.js",
    "wares/http.js",
    "wares/lifecycle.js",
    "wares/package.json",
    "wares/prelude.js",
    "wares/sql.js",
    "wares/text.js",
];

const PYTHON: [&str; 18] = [
    ".gitignore",
    "README.md",
    "app.py",
    "pyproject.toml",
    "requirements.txt",
    "rules.py",
    "test_rules.py",
    "wares/README.md",
    "wares/__init__.py",
    "wares/customer.py",
    "wares/errors.py",
    "wares/events.py",
    "wares/guard.py",
    "wares/http.py",
    "wares/lifecycle.py",
    "wares/log.py",
    "wares/py.typed",
    "wares/sql.py",
];

/// The tool of the projects in Python, as they pin it.
const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";

const GO: [&str; 29] = [
    ".gitignore",
    "README.md",
    "go.mod",
    "main.go",
    "rules/rules.go",
    "rules/rules_test.go",
    "wares/README.md",
    "wares/exports/export_wares_module_lifecycle/lifecycle.go",
    "wares/exports/wit_exports/wit_exports.go",
    "wares/go.mod",
    "wares/imports/wares_module_lifecycle/empty.s",
    "wares/imports/wares_module_lifecycle/wit_bindings.go",
    "wares/imports/wasi_config_store/empty.s",
    "wares/imports/wasi_config_store/wit_bindings.go",
    "wares/imports/wasi_logging_logging/empty.s",
    "wares/imports/wasi_logging_logging/wit_bindings.go",
    "wares/imports/wasi_random_random/empty.s",
    "wares/imports/wasi_random_random/wit_bindings.go",
    "wares/pkg/LICENSE",
    "wares/pkg/go.mod",
    "wares/pkg/wit/runtime/empty.s",
    "wares/pkg/wit/runtime/runtime.go",
    "wares/pkg/wit/types/option.go",
    "wares/pkg/wit/types/result.go",
    "wares/pkg/wit/types/tuple.go",
    "wares/pkg/wit/types/unit.go",
    "wares/rows/rows.go",
    "wares/rows/rows_test.go",
    "wares/wares.go",
];

/// What only an extension of the customers module in Go has.
const GO_HOOKS: [&str; 8] = [
    "wares/customer/customer.go",
    "wares/exports/export_wares_customer_hooks/hooks.go",
    "wares/imports/wares_customer_hooks/empty.s",
    "wares/imports/wares_customer_hooks/wit_bindings.go",
    "wares/imports/wares_customer_types/empty.s",
    "wares/imports/wares_customer_types/wit_bindings.go",
    "wares/imports/wares_platform_hooks/empty.s",
    "wares/imports/wares_platform_hooks/wit_bindings.go",
];

/// What only a module in Go has.
const GO_ROUTES: [&str; 4] = [
    "wares/exports/export_wares_module_http/http.go",
    "wares/imports/wares_module_http/empty.s",
    "wares/imports/wares_module_http/wit_bindings.go",
    "wares/routes/routes.go",
];

/// Runs `wares new` in a folder.
pub fn new(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = wares();
    command.current_dir(folder).arg("new").args(arguments);
    command.stdin(Stdio::null()).output().unwrap()
}

/// The files below a folder, each with its text.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(current) = waiting.pop() {
        for entry in fs::read_dir(current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// A new project, whose files are these.
fn project(arguments: &[&str], sources: &[&str], contracts: &[&[&str]]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let made = new(folder.path(), arguments);
    let mut wanted: Vec<&str> = sources.to_vec();
    wanted.extend(contracts.concat());
    wanted.push("cases.toml");
    wanted.sort_unstable();
    let name = arguments[0];
    let said = format!(
        "{name}: {} files; {name}/README.md says how to build, test and install it\n",
        wanted.len()
    );
    assert_eq!(
        (text(&made.stdout), text(&made.stderr)),
        (said, String::new())
    );
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let project = folder.path().join(name);
    let files = files(&project);
    assert_eq!(files.keys().collect::<Vec<_>>(), wanted);
    for (path, text) in &files {
        assert!(
            !text.contains("wares-template") && !text.contains("wares_template"),
            "{path}"
        );
    }
    has_the_contracts_of_the_host(&project, &files);
    (folder, project)
}

/// A new project in Rust, with the SDK of this repository.
fn rust_project(arguments: &[&str]) -> (TempDir, PathBuf) {
    let sdk = files(&root().join("sdk/rust"));
    let copied: Vec<String> = sdk
        .keys()
        .map(|path| format!("wares-module/{path}"))
        .collect();
    let mut sources: Vec<&str> = RUST.to_vec();
    sources.extend(copied.iter().map(String::as_str));
    let (folder, project) = project(arguments, &sources, &[]);
    assert_eq!(files(&project.join("wares-module")), sdk);
    (folder, project)
}

/// That its contracts are those of this repository, in one folder that tools read whole.
fn has_the_contracts_of_the_host(project: &Path, files: &BTreeMap<String, String>) {
    let (folder, world) = match files.contains_key("wit/world.wit") {
        true => ("wit", "component"),
        false => ("wares-module/wit", "host"),
    };
    for (path, text) in files {
        let Some(path) = path.strip_prefix(&format!("{folder}/deps/")) else {
            continue;
        };
        let path = match path.strip_prefix("wares-") {
            Some(own) => format!("wit/{own}"),
            None => format!("wit/deps/{path}"),
        };
        assert_eq!(&fs::read_to_string(root().join(path)).unwrap(), text);
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(project.join(folder)).unwrap();
    assert!(resolve.select_world(&[package], Some(world)).is_ok());
}

/// Runs a tool in a project, where it has to succeed.
pub fn tool(project: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_BUILD_TARGET",
    ] {
        command.env_remove(name);
    }
    // The tools that `just js` installed, as a project finds those of its own.
    let installed = root().join("tests/js/node_modules/.bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(installed).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(folders).unwrap());
    let output = command
        .current_dir(project)
        .env("npm_config_update_notifier", "false")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("`{program}` does not start: {error}"));
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}:\n{said}");
    said
}

/// Tests a project in Rust and builds its component, in the folder where the tests'
/// components are: what they share is built already.
pub fn built_by_cargo(project: &Path, name: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let cargo = |arguments: &[&str]| tool(project, &cargo, arguments);
    cargo(&["fmt", "--check"]);
    let tested = cargo(&["test", "--offline", "--locked"]);
    assert!(!tested.contains(" 0 passed"), "{tested}");
    let target = root().join("target/component");
    // The profile is the one of the project under the name of the shared folder.
    cargo(&[
        "build",
        "--offline",
        "--locked",
        "--target=wasm32-wasip2",
        "--profile=component",
        "--config=profile.component.inherits='release'",
        "--target-dir",
        target.to_str().unwrap(),
    ]);
    let component = target.join("wasm32-wasip2/component").join(name);
    // Another run of the tests may build there.
    let own = project.join(name);
    fs::copy(component, &own).unwrap();
    own
}

/// Tests a project in JavaScript and builds its component.
pub fn built_by_npm(project: &Path, name: &str) -> PathBuf {
    let lock = |folder: &Path| -> Value {
        let text = fs::read(folder.join("package-lock.json")).unwrap();
        let lock: Value = serde_json::from_slice(&text).unwrap();
        lock["packages"]["node_modules/componentize-qjs"]["version"].clone()
    };
    let installed = root().join("tests/js/node_modules/componentize-qjs/package.json");
    let installed = fs::read(installed).unwrap_or_else(|error| {
        panic!("tests/js needs componentize-qjs: `just js` installs it: {error}")
    });
    let installed: Value = serde_json::from_slice(&installed).unwrap();
    assert_eq!(
        (&installed["version"], lock(&root().join("tests/js"))),
        (&lock(project), lock(project)),
        "the tests build with the version of the project"
    );
    let tested = tool(project, "npm", &["test"]);
    // Reporters of Node differ in the sign before it.
    assert!(
        tested.contains(" pass ") && !tested.contains(" pass 0"),
        "{tested}"
    );
    tool(project, "npm", &["run", "build"]);
    project.join(name)
}

/// Tests a project in Python and builds its component.
pub fn built_by_componentize_py(project: &Path, name: &str) -> PathBuf {
    let tested = tool(project, "python3", &["-m", "unittest"]);
    assert!(
        tested.contains("\nOK\n") && !tested.contains("Ran 0"),
        "{tested}"
    );
    let pinned = |file: &str| fs::read_to_string(project.join(file)).unwrap();
    assert!(pinned("pyproject.toml").contains(COMPONENTIZE_PY));
    assert!(pinned("requirements.txt").contains(COMPONENTIZE_PY));
    let built = ["--wit-path", "wit", "--world", "component", "componentize"];
    let componentize_py = componentize_py();
    let componentize_py = componentize_py.to_str().unwrap();
    tool(
        project,
        componentize_py,
        &[&built[..], &["app", "--output", name]].concat(),
    );
    project.join(name)
}

/// Plays the cases of a file against a component: all pass, so many.
pub fn passes(component: &Path, cases: &Path, count: usize) {
    let mut command = wares();
    command.arg("test").args([component, cases]);
    // Components in a language have most of their machine code in common.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let played = command.env("XDG_CACHE_HOME", cache).output().unwrap();
    let said = text(&played.stdout);
    assert!(played.status.success(), "{said}{}", text(&played.stderr));
    assert!(
        said.ends_with(&format!("{count} passed, 0 failed\n")),
        "{said}"
    );
}

/// Installs a component as a README says.
pub fn install(shop: &Shop, component: &Path, grants: &[&str]) {
    let mut arguments = vec![
        "module",
        "install",
        component.to_str().unwrap(),
        "--activate",
    ];
    arguments.extend(grants);
    let installed = shop.run(&arguments);
    assert!(installed.status.success(), "{installed:?}");
}

/// That an extension does what its README says.
fn extends_the_customers(component: &Path, name: &str) {
    passes(component, &component.with_file_name("cases.toml"), 5);
    let shop = Shop::open();
    let create = |shop: &Shop, email: &str, given: &str| {
        let body = json!({"email": email, "first_name": given});
        shop.post("/admin/customers", body)
    };
    let made = create(&shop, "ann@spam.example", " Ann  Maria ");
    assert_eq!(made.at("/customer/first_name"), " Ann  Maria ");
    install(&shop, component, &["--grant", "hooks=customer"]);
    let made = create(&shop, "bob@spam.example", " Bob  Lee ");
    assert_eq!(made.at("/customer/first_name"), "Bob Lee");
    let path = format!("/admin/customers/{}", made.at("/customer/id"));
    let changed = shop.post(&path, json!({"last_name": "\tDoe ", "phone": " 1 "}));
    assert_eq!(changed.at("/customer/last_name"), "Doe");
    assert_eq!(changed.at("/customer/phone"), " 1 ");
    // A hook at which it does nothing.
    shop.group("VIP");
    let log = shop.run(&["module", "logs", name]);
    let log = text(&log.stdout);
    assert!(log.contains("fields=\"first-name\""), "{log}");
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |command| {
        let setting = format!("modules.{name}.config.refused_domain=spam.example");
        command.args(["--set", &setting]);
    });
    create(&shop, "eve@Spam.Example", "Eve").is(
        400,
        json!({
            "type": "invalid_data", "message": "Email addresses of spam.example are not accepted",
            "field": "email", "code": "refused_domain"
        }),
    );
    let refused = shop.post(&path, json!({"email": "bob@spam.example"}));
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert_eq!(create(&shop, "eve@shop.example", "Eve").status, 200);
    let log = shop.run(&["module", "logs", name]);
    let log = text(&log.stdout);
    assert!(log.contains("refuses an address of spam.example"), "{log}");
}

/// That a module does what its README says.
fn greets(component: &Path, name: &str) {
    passes(component, &component.with_file_name("cases.toml"), 4);
    let shop = Shop::open();
    install(&shop, component, &[]);
    let path = format!("/admin/{name}/%20Zo%C3%AB%20%F0%9F%98%80");
    shop.get(&path)
        .is(200, json!({"greeting": "Hello, Zoë 😀!"}));
    let stranger = shop.send("GET", &path, &[], b"");
    assert_eq!(stranger.status, 401, "{}", stranger.body);
    let document = shop.get("/openapi.json").value();
    let operation = &document["paths"][format!("/admin/{name}/{{name}}")]["get"];
    assert_eq!(operation["operationId"], format!("{name}-greet"));
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", &format!("modules.{name}.config.word=Ciao")]);
    });
    let path = format!("/admin/{name}/Ann");
    shop.get(&path).is(200, json!({"greeting": "Ciao, Ann!"}));
}

#[test]
fn an_extension_in_rust_builds_and_does_what_it_says() {
    let (_folder, project) = rust_project(&["tidy-names", "--lang", "rust"]);
    let component = built_by_cargo(&project, "tidy_names.wasm");
    extends_the_customers(&component, "tidy-names");
}

#[test]
fn a_module_in_rust_builds_and_does_what_it_says() {
    let (_folder, project) = rust_project(&["greeter", "--lang", "rust", "--module"]);
    let component = built_by_cargo(&project, "greeter.wasm");
    greets(&component, "greeter");
}

#[test]
fn an_extension_in_javascript_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["tidy-names-js", "--lang", "js", "--extends", "customer"],
        &JAVASCRIPT,
        &[&CONTRACTS, &CUSTOMER],
    );
    let component = built_by_npm(&project, "tidy-names-js.wasm");
    extends_the_customers(&component, "tidy-names-js");
}

#[test]
fn a_module_in_javascript_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["greeter-js", "--lang", "js", "--module"],
        &JAVASCRIPT,
        &[&CONTRACTS],
    );
    let component = built_by_npm(&project, "greeter-js.wasm");
    greets(&component, "greeter-js");
}

#[test]
fn an_extension_in_python_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["tidy-names-py", "--lang", "python", "--extends", "customer"],
        &PYTHON,
        &[&CONTRACTS, &CUSTOMER],
    );
    let component = built_by_componentize_py(&project, "tidy-names-py.wasm");
    extends_the_customers(&component, "tidy-names-py");
}

#[test]
fn a_module_in_python_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["greeter-py", "--lang", "python", "--module"],
        &PYTHON,
        &[&CONTRACTS],
    );
    let component = built_by_componentize_py(&project, "greeter-py.wasm");
    greets(&component, "greeter-py");
}

#[test]
fn an_extension_in_go_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["tidy-names-go", "--lang", "go"],
        &GO,
        &[&GO_HOOKS, &CONTRACTS, &CUSTOMER],
    );
    let component = built_by_go(&project, "tidy-names-go");
    extends_the_customers(&component, "tidy-names-go");
}

#[test]
fn a_module_in_go_builds_and_does_what_it_says() {
    let (_folder, project) = project(
        &["greeter-go", "--lang", "go", "--module"],
        &GO,
        &[&GO_ROUTES, &CONTRACTS],
    );
    let component = built_by_go(&project, "greeter-go");
    greets(&component, "greeter-go");
}

/// That nothing is written, and this is said.
#[track_caller]
fn refuses(folder: &Path, arguments: &[&str], code: i32, said: &str) {
    let before = files(folder);
    let refused = new(folder, arguments);
    assert_eq!(text(&refused.stdout), "");
    let stderr = text(&refused.stderr);
    assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    assert_eq!(refused.status.code(), Some(code), "{arguments:?}");
    assert_eq!(files(folder), before);
    let hidden = fs::read_dir(folder).unwrap().any(|entry| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert!(!hidden, "{arguments:?}");
}

#[test]
fn names_that_host_cargo_or_npm_do_not_take_are_refused() {
    let folder = TempDir::new().unwrap();
    let long = "a".repeat(65);
    for name in [
        "",
        "Tidy",
        "tidy_names",
        "tidy.names",
        "../tidy",
        "3d",
        &long,
    ] {
        let said = format!(
            "wares: a project cannot have the name '{name}': a name is at most 64 lower-case letters, digits \
             and '-', and its first is a letter\n"
        );
        refuses(folder.path(), &[name, "--lang", "rust"], 1, &said);
    }
    // It would replace the module that it extends.
    let said =
        "wares: a project cannot have the name 'customer', which is that of a module of this host";
    refuses(folder.path(), &["customer", "--lang", "rust"], 1, said);
    let made = new(folder.path(), &[&long[1..], "--lang", "rust"]);
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_folder_with_something_in_it_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let tidy = folder.path().join("tidy");
    let arguments = ["tidy", "--lang", "js"];
    fs::write(&tidy, "a file").unwrap();
    let said = "wares: tidy is there already, and it is no folder: nothing was written\n";
    refuses(folder.path(), &arguments, 1, said);
    fs::remove_file(&tidy).unwrap();
    fs::create_dir(&tidy).unwrap();
    fs::write(tidy.join("notes.txt"), "mine").unwrap();
    let said =
        "wares: the folder tidy is there already, and it is not empty: nothing was written\n";
    refuses(folder.path(), &arguments, 1, said);
    fs::remove_file(tidy.join("notes.txt")).unwrap();
    let made = new(folder.path(), &arguments);
    assert!(made.status.success(), "{made:?}");
    assert!(tidy.join("README.md").exists());
}

#[test]
fn languages_and_modules_that_there_are_no_projects_for_are_named() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    refuses(
        folder,
        &["tidy"],
        1,
        "wares: say in which language: --lang go or --lang js or --lang python or --lang rust\n",
    );
    refuses(
        folder,
        &["tidy", "--lang", "ruby"],
        2,
        "invalid value 'ruby' for '--lang <LANG>'\n  [possible values: go, js, python, rust]",
    );
    refuses(
        folder,
        &["tidy", "--lang", "js", "--extends", "orders"],
        2,
        "invalid value 'orders' for '--extends <MODULE>'\n  [possible values: customer]",
    );
    refuses(
        folder,
        &["tidy", "--lang", "js", "--extends", "customer", "--module"],
        2,
        "'--extends <MODULE>' cannot be used with '--module'",
    );
}
