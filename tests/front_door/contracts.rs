//! The promises of the parts to each other, held over their sources and contracts.

use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{Resolve, WorldItem};

use crate::harness::{root, run, text};
use crate::wit::resolve;

fn names(
    resolve: &Resolve,
    items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>,
) -> Vec<String> {
    let mut names: Vec<String> = items
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect();
    names.sort();
    names
}

#[test]
fn the_worlds_are_those_of_a_module_and_an_extension() {
    let resolve = resolve();
    let world = |name: &str| {
        let (_, world) = resolve
            .worlds
            .iter()
            .find(|(_, world)| world.name == name)
            .unwrap();
        (
            names(&resolve, &world.imports),
            names(&resolve, &world.exports),
        )
    };
    let capabilities = [
        "wares:platform/events@1.0.0",
        "wares:platform/sql@1.0.0",
        "wasi:config/store@0.2.0-rc.1",
        "wasi:logging/logging@0.1.0-draft",
    ];
    let (imports, exports) = world("customer-module");
    let mut wanted = vec!["wares:customer/hooks@1.0.0", "wares:customer/types@1.0.0"];
    wanted.extend(capabilities);
    assert_eq!(imports, wanted);
    assert_eq!(
        exports,
        [
            "wares:customer/addresses@1.0.0",
            "wares:customer/customers@1.0.0",
            "wares:customer/groups@1.0.0",
            "wares:module/http@1.0.0",
            "wares:module/lifecycle@1.0.0",
            "wares:module/seed@1.0.0",
        ]
    );
    let (imports, exports) = world("customer-extension");
    let mut wanted = vec!["wares:customer/types@1.0.0"];
    wanted.extend(capabilities);
    assert_eq!(imports, wanted);
    assert_eq!(exports, ["wares:customer/hooks@1.0.0"]);
}

#[test]
fn every_interface_is_documented() {
    let resolve = resolve();
    let own = |package: Option<wit_parser::PackageId>| {
        package.is_some_and(|package| resolve.packages[package].name.namespace == "wares")
    };
    for (_, interface) in resolve
        .interfaces
        .iter()
        .filter(|(_, interface)| own(interface.package))
    {
        let name = interface.name.as_deref().unwrap();
        assert!(interface.docs.contents.is_some(), "{name}");
    }
    for (_, world) in resolve
        .worlds
        .iter()
        .filter(|(_, world)| own(world.package))
    {
        assert!(world.docs.contents.is_some(), "{}", world.name);
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of the source files in a folder that hold one of these words.
fn lines_with(folder: &str, words: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    sources(&root().join(folder), &mut files);
    assert!(!files.is_empty());
    let mut lines = Vec::new();
    for file in files {
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let lower = line.to_lowercase();
            if words.iter().any(|word| lower.contains(word)) {
                lines.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }
    lines
}

/// Words of the domain. Others, as address and group, are also words of networks and SQL.
const WORDS_OF_COMMERCE: [&str; 3] = ["cus", "postal", "storefront"];

/// Whether one of the words of a line, in any case and of any identifier, is of the domain.
fn speaks_of_commerce(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower
        .split(|letter: char| !letter.is_ascii_alphabetic())
        .any(|word| word.contains("customer") || WORDS_OF_COMMERCE.contains(&word))
}

#[test]
fn the_host_knows_no_commerce() {
    for line in [
        "a Customer",
        "cus_01",
        "GET /admin/customer-groups",
        "NewCustomer",
    ] {
        assert!(speaks_of_commerce(line), "{line}");
    }
    for line in ["its focus_on", "a socket address", "group_concat"] {
        assert!(!speaks_of_commerce(line), "{line}");
    }
    let mut found = lines_with("host/src", &["cus", "postal", "storefront"]);
    found.retain(|line| speaks_of_commerce(line.split_once(": ").map_or(line, |(_, text)| text)));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_kit_of_modules_knows_no_noun_of_any() {
    let found = lines_with("module-kit/src", &["customer", "cus_"]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn each_library_stays_in_its_part_of_the_host() {
    let outside = |library: &str, parts: &[&str]| {
        let lines = lines_with("host/src", &[library]);
        let inside = |line: &String| {
            parts
                .iter()
                .any(|part| line.contains(&format!("host/src/{part}")))
        };
        lines
            .into_iter()
            .filter(|line| !inside(line))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        outside("hyper::", &["server/", "http/"]),
        Vec::<String>::new()
    );
    assert_eq!(
        outside("rusqlite", &["storage/sqlite/", "storage/host/"]),
        Vec::<String>::new()
    );
    assert_eq!(
        outside(
            "wasmtime::",
            &["engine/", "capabilities/", "components/contract/"]
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        outside("wares_module_kit::", &["http/", "components/routing/"]),
        Vec::<String>::new()
    );
}

#[test]
fn one_file_of_the_host_knows_the_layout_of_the_data_folder() {
    for name in ["host.db", "compiled", "listening", "reserve", "rehearsal-"] {
        let mut lines = lines_with("host/src", &[&format!("\"{name}\"")]);
        // The tests of a file stand below it; `wares serve` prints a key of that name.
        lines.retain(|line| !line.contains("folder.path().join"));
        lines.retain(|line| !line.contains("\"listening\": "));
        let knows = |line: &String| line.contains("storage/data_folder.rs");
        assert!(!lines.is_empty() && lines.iter().all(knows), "{lines:?}");
    }
}

/// The folders of the host, from the ground up, and those that each may name. What stands
/// in a file beside them is for all.
const LAYERS: [(&str, &[&str]); 11] = [
    ("config", &[]),
    ("telemetry", &["config"]),
    ("threads", &[]),
    ("storage", &["threads"]),
    ("identity", &["config", "storage"]),
    (
        "capabilities",
        &["config", "storage", "telemetry", "threads"],
    ),
    (
        "engine",
        &["capabilities", "config", "storage", "telemetry", "threads"],
    ),
    (
        "components",
        &["config", "engine", "storage", "telemetry", "threads"],
    ),
    (
        "http",
        &["components", "config", "identity", "storage", "telemetry"],
    ),
    ("server", &["config", "http"]),
    (
        "cli",
        &[
            "components",
            "config",
            "engine",
            "http",
            "identity",
            "server",
            "storage",
            "telemetry",
            "threads",
        ],
    ),
];

#[test]
fn dependencies_of_the_host_point_one_way() {
    let named = |line: &str| -> Vec<String> {
        let rest = line.split("crate::").skip(1);
        let name = |rest: &str| {
            rest.split(|letter: char| !letter.is_ascii_lowercase())
                .next()
                .map(str::to_owned)
        };
        rest.filter_map(name).collect()
    };
    for (folder, may) in LAYERS {
        let against = |line: &String| {
            named(line).iter().any(|other| {
                let is_layer = LAYERS.iter().any(|(layer, _)| layer == other);
                is_layer && other != folder && !may.contains(&other.as_str())
            })
        };
        let mut lines = lines_with(&format!("host/src/{folder}"), &["crate::"]);
        assert!(!lines.is_empty(), "{folder}");
        lines.retain(against);
        assert_eq!(lines, Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn the_rules_know_neither_http_nor_sql_nor_generated_types() {
    for file in [
        "customers.rs",
        "addresses.rs",
        "groups.rs",
        "domain.rs",
        "store.rs",
    ] {
        let text = fs::read_to_string(root().join("customer-component/src").join(file)).unwrap();
        for word in ["crate::http", "crate::sql", "bindings", "serde_json"] {
            assert!(!text.contains(word), "{file}: {word}");
        }
    }
}

#[test]
fn the_bundled_module_exports_its_world() {
    let component = root().join("target/component/wasm32-wasip2/component/customer_component.wasm");
    let inspected = run([Path::new("inspect"), &component]);
    let shown = text(&inspected.stdout);
    for line in [
        "  wares:customer/hooks@2.1.0\n",
        "  wares:customer/customers@2.1.0: search, retrieve, create, update, delete\n",
        "  wares:module/http@2.1.0: routes, schemas, handle\n",
        "  wares:module/migrations@2.1.0: every, count-required\n",
        "  wares:module/entities@2.1.0: every\n",
        "  POST   /admin/customer-groups/{id}/customers (admin)\n",
    ] {
        assert!(shown.contains(line), "{line}{shown}");
    }
}
