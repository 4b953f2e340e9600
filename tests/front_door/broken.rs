//! Modules of the right world whose core no compiler would write: each
//! is a module of nothing but traps, with some words put into its text.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use crate::harness::{Shop, run, text};
use crate::wit::resolve;

/// A component of the world `wares:module/module@1.1.0`. `change` gets the text of its core.
fn module(change: impl FnOnce(String) -> String) -> Vec<u8> {
    let resolve = resolve();
    let package = resolve
        .package_names
        .iter()
        .find(|(name, _)| name.to_string() == "wares:module@1.1.0")
        .map(|(_, package)| *package)
        .unwrap();
    let world = resolve.packages[package].worlds["module"];
    let dummy = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let core = change(wasmprinter::print_bytes(&dummy).unwrap());
    let mut core = wat::parse_str(&core).unwrap_or_else(|error| panic!("{error}\n{core}"));
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&core)
        .unwrap()
        .encode()
        .unwrap()
}

/// The same, with this at the end of its core.
fn with(more: &str) -> Vec<u8> {
    module(|core| {
        let end = core.trim_end().strip_suffix(')').unwrap();
        format!("{end}{more})")
    })
}

/// The same, with this as the body of `describe`, which returns the address of its answer.
fn describing(body: &str, data: &str) -> Vec<u8> {
    module(|core| {
        let core = core.replace("(memory (;0;) 0)", "(memory (;0;) 1)");
        let export = core
            .find("(export \"wares:module/lifecycle@1.1.0#describe\" (func ")
            .unwrap();
        let number: String = core[export..]
            .split("(func ")
            .nth(1)
            .unwrap()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let start = core.find(&format!("(func (;{number};)")).unwrap();
        let trap = start + core[start..].find("unreachable").unwrap();
        let end = core.trim_end().len() - 1;
        format!(
            "{}{body}{}{data})",
            &core[..trap],
            &core[trap + "unreachable".len()..end]
        )
    })
}

/// Why a host does not serve it.
fn refused(component: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.wasm");
    std::fs::write(&file, component).unwrap();
    let output = run([
        "serve",
        "--strict",
        "--listen=127.0.0.1:0",
        &format!("--data={}", folder.path().join("data").display()),
        &format!("--set=modules.broken.component={}", file.display()),
        "--set=limits.deadline_ms=300",
    ]);
    let said = text(&output.stderr);
    assert_eq!(
        (output.status.code(), &*text(&output.stdout)),
        (Some(1), ""),
        "{said}"
    );
    assert!(
        !said.contains("panicked") && said.lines().count() == 1,
        "{said}"
    );
    let prefix = format!("wares: {}: ", file.display());
    said.trim_end()
        .strip_prefix(&prefix)
        .unwrap_or(&said)
        .to_owned()
}

#[test]
fn a_component_that_breaks_before_its_first_call_is_refused_and_others_serve() {
    let shop = Shop::open();
    let mut wrong = Vec::new();
    let many = |count: u32, what: &str| what.repeat(count as usize);
    for (component, reason) in [
        (
            with("(func $s (loop (br 0))) (start $s)"),
            "stopped after running for 300 ms (limits.deadline_ms)",
        ),
        (
            with("(func $s (call $s)) (start $s)"),
            "limits.stack_bytes_max",
        ),
        (with("(func $s unreachable) (start $s)"), "unreachable"),
        (with("(memory 2000)"), "memory"),
        (with("(memory 65536)"), "memory"),
        (with(&many(3, "(memory 400)")), "memory"),
        (with(&many(40, "(memory 1)")), "memor"),
        (with("(table 10000000 funcref)"), "table"),
        (with(&many(40, "(table 1 funcref)")), "table"),
        (
            with(
                "(table $t 1 funcref) (func $s (loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0))) (start $s)",
            ),
            "limits.host_calls_max",
        ),
        (module(|core| core), "unreachable"),
        // Answers that lie nowhere, or are none.
        (describing("i32.const 0x7ffffff0", ""), "out of bounds"),
        (describing("i32.const 1", ""), "not aligned"),
        (
            describing(
                "i32.const 8",
                "(data (i32.const 8) \"\\10\\00\\00\\00\\ff\\ff\\ff\\7f\")",
            ),
            "out of bounds",
        ),
        (
            describing(
                "i32.const 8",
                "(data (i32.const 8) \"\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\ff\")",
            ),
            "out of bounds",
        ),
        (
            describing(
                "i32.const 8",
                "(data (i32.const 8) \"\\30\\00\\00\\00\\04\\00\\00\\00\") (data (i32.const 48) \"\\ff\\fe\\fd\\fc\")",
            ),
            "utf-8",
        ),
        (describing("i32.const 8", ""), "it calls itself ''"),
    ] {
        let said = refused(&component);
        if !said.contains(reason) {
            wrong.push(format!("{reason}: {said}"));
        }
        assert_eq!(shop.get("/admin/customers").status, 200);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
