//! Large components, which run in an engine of their own: they are served, within the same
//! limits as small ones, and what has too much of something is refused before it is compiled.
//! Each is a component of the other tests with modules behind it that none of it calls.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, hostile_guest, marked, meddler, run, text};
use crate::loading::refused;

/// A number as binaries have it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id], &*leb(contents.len()), contents].concat()
}

/// The modules that a component defines.
fn modules(component: &[u8]) -> usize {
    let (mut rest, mut count) = (&component[8..], 0);
    while let [id, more @ ..] = rest {
        count += usize::from(*id == 1);
        let end = more.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let digits = more[..=end].iter().rev();
        let length = digits.fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f));
        rest = &more[end + 1 + length..];
    }
    count
}

/// A component with more modules, each instantiated so many times.
fn grown(mut component: Vec<u8>, more: &[(&str, usize)]) -> Vec<u8> {
    for (module, instances) in more {
        let index = modules(&component);
        component.extend(section(1, &wat::parse_str(module).unwrap()));
        let instance = [&[0], &*leb(index), &[0]].concat();
        let all = [leb(*instances), instance.repeat(*instances)].concat();
        component.extend(section(2, &all));
    }
    component
}

/// A module whose memory of so many pages has so many segments, so many bytes apart.
fn segments(pages: usize, count: usize, apart: usize) -> String {
    let all = (0..count).map(|number| format!("(data (i32.const {}) \"x\")", number * apart));
    format!("(module (memory {pages}) {})", all.collect::<String>())
}

/// A component as large as the runtime of a language makes it: 10 MiB of memory, which begin
/// with data, and 40 instances.
fn large(component: Vec<u8>) -> Vec<u8> {
    let snapshot = segments(160, 2_000, 5_000);
    grown(component, &[(&snapshot, 1), ("(module)", 36)])
}

/// A shop beside whose module these components run, with settings.
fn shop(components: &[(&str, Vec<u8>)], settings: &[&str]) -> (Shop, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::open_with(|command| {
        for (name, component) in components {
            let file = folder.path().join(format!("{name}.wasm"));
            std::fs::write(&file, component).unwrap();
            let component = format!("modules.{name}.component={}", file.display());
            command.args(["--set", &component]);
        }
        for setting in settings {
            command.args(["--set", setting]);
        }
    });
    (shop, folder)
}

fn get(shop: &Shop, deed: &str) -> Answer {
    shop.send("GET", &format!("/hostile/{deed}"), &[], b"")
}

#[test]
fn limits_hold_for_a_large_component_and_each_call_has_an_instance_of_its_own() {
    let hostile = large(std::fs::read(hostile_guest()).unwrap());
    let (shop, _files) = shop(
        &[("hostile", hostile)],
        &[
            "breaker.failures_min=1000",
            "modules.hostile.path_prefixes=/hostile",
            // Long enough for the other limits to be reached first on a busy machine.
            "modules.hostile.limits.deadline_ms=1500",
        ],
    );
    for (deed, body, reason) in [
        ("well", r#"{"well":true}"#, ""),
        ("trap", "", "unreachable"),
        ("exit", "", "exit"),
        ("spin", "", "limits.deadline_ms"),
        ("sleep", "", "limits.deadline_ms"),
        ("recurse", "", "wasm trap"),
        ("dive", r#"{"depth":10000}"#, ""),
        ("grow", "", "limits.memory_bytes_max"),
        ("half-written", "", "unreachable"),
        ("left-open", r#"{"sql":"done"}"#, ""),
        ("read-files", r#"{"refused":5}"#, ""),
        ("connect", r#"{"connect":"Some(PermissionDenied)"}"#, ""),
        ("remember", r#"{"calls":1}"#, ""),
        ("remember", r#"{"calls":1}"#, ""),
    ] {
        let answer = get(&shop, deed);
        let expected = if reason.is_empty() { 200 } else { 500 };
        assert_eq!(answer.status, expected, "{deed}: {}", answer.body);
        if reason.is_empty() {
            assert_eq!(answer.body, body, "{deed}");
        } else {
            let log = shop.server.wait_for_log("a call returned no answer");
            assert!(log.contains(reason), "{deed}: {log}");
        }
        get(&shop, "things").is(200, json!({"things": 0}));
        assert_eq!(shop.get("/admin/customers").status, 200, "beside {deed}");
    }
}

#[test]
fn a_large_extension_and_a_small_module_call_each_other() {
    let extension = large(meddler("meddler"));
    for (does, company) in [("signs", json!("meddler;")), ("counts", json!("0 before"))] {
        let (shop, _files) = shop(
            &[("meddler", extension.clone())],
            &[
                "modules.meddler.grants=hooks,operations",
                &format!("modules.meddler.config.does={does}"),
            ],
        );
        let made = shop.post("/admin/customers", json!({"email": "ann@shop.example"}));
        assert_eq!(made.status, 200, "{does}: {}", made.body);
        assert_eq!(made.value()["customer"]["company_name"], company, "{does}");
    }
}

#[test]
fn a_large_component_is_compiled_once_and_inspected_with_its_size() {
    let component = large(marked("version=1.0.0"));
    let (shop, files) = shop(&[("marked", component)], &[]);
    assert_eq!(shop.get("/admin/marked").status, 200);
    let compiled = || {
        let folder = std::fs::read_dir(shop.data.path().join("compiled")).unwrap();
        let mut sizes: Vec<String> = folder
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| name.split('-').nth(1).unwrap().to_owned())
            .collect();
        sizes.sort();
        sizes
    };
    assert_eq!(compiled(), ["large", "small"]);
    let file = files.path().join("marked.wasm");
    let inspected = run(["inspect", file.to_str().unwrap(), "--json"]);
    let shown: Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(shown["engine"], "large");
    let measures = &shown["measures"];
    let instances = measures["core_instances"].as_u64().unwrap();
    let segments = measures["data_segments"].as_u64().unwrap();
    assert!(instances > 37 && segments > 2_000, "{measures}");
    let inspected = text(&run(["inspect", file.to_str().unwrap()]).stdout);
    let line = format!(
        "\nIt runs in the engine for large components: {instances} core instances with {} bytes \
         in {segments} data segments, and {} bytes of memory before it runs\n",
        measures["data_bytes"], measures["memory_bytes"],
    );
    assert!(inspected.contains(&line), "{inspected}");
}

#[test]
fn what_has_too_much_of_something_is_refused_before_it_is_compiled() {
    let shop = Shop::open();
    let many = |count: usize, what: &str| format!("(module {})", what.repeat(count));
    for (module, instances, reason) in [
        (
            "(module)".to_owned(),
            46,
            "it has 49 core instances, more than 48",
        ),
        (many(4, "(memory 0)"), 1, "it has 5 memories, more than 4"),
        (
            many(1, "(memory 1100)"),
            1,
            "bytes of memory before it runs, more than 67108864 (limits.memory_bytes_max)",
        ),
        (many(16, "(table 0 funcref)"), 1, "tables, more than 16"),
        (
            many(1, "(table 30000 funcref)"),
            1,
            "elements of tables before it runs, more than 20000 (limits.table_elements_max)",
        ),
        (many(60_001, "(data)"), 1, "data segments, more than 60000"),
        (many(200_001, "(func)"), 1, "functions, more than 200000"),
    ] {
        let component = grown(marked("name=broken version=1.0.0"), &[(&module, instances)]);
        let said = refused(&component, &[]);
        assert!(
            said.starts_with("it has ") && said.ends_with(reason),
            "{said}"
        );
        assert_eq!(shop.get("/admin/customers").status, 200);
    }
}

#[test]
fn a_limit_of_a_setting_is_raised_by_it() {
    let much = "(module (memory 1100) (table 30000 funcref))";
    let component = grown(marked("version=1.0.0"), &[(much, 1)]);
    let (shop, _files) = shop(
        &[("marked", component)],
        &[
            "limits.memory_bytes_max=128 MiB",
            "limits.table_elements_max=40000",
        ],
    );
    assert_eq!(shop.get("/admin/marked").status, 200);
}

#[test]
fn thousands_of_data_segments_are_mapped_as_one_image_or_refused() {
    let dense = grown(marked("version=1.0.0"), &[(&segments(16, 33_000, 30), 1)]);
    let (shop, _files) = shop(&[("marked", dense)], &[]);
    assert_eq!(shop.get("/admin/marked").status, 200);
    // So far apart that the image would be mostly empty: each is copied by code of its own.
    let far = segments(300, 33_000, 590);
    let far = grown(marked("name=broken version=1.0.0"), &[(&far, 1)]);
    let said = refused(&far, &[]);
    assert!(
        said.ends_with("data segments that are too far apart to be mapped, more than 10000"),
        "{said}"
    );
    assert_eq!(shop.get("/admin/customers").status, 200);
}
