//! Time within one operation of the database, and the memory of regular expressions.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Shop, hostile_guest};

fn shop() -> Shop {
    Shop::open_with(|command| {
        let component = format!("modules.hostile.component={}", hostile_guest().display());
        for setting in [
            &*component,
            "modules.hostile.path_prefixes=/hostile",
            "breaker.failures_min=1000",
            "modules.hostile.limits.deadline_ms=60000",
            "modules.hostile.limits.call_ms=60000",
            "modules.hostile.limits.sql_statement_ms=1000",
        ] {
            command.args(["--set", setting]);
        }
    })
}

/// The most memory that the host has had, in bytes.
#[cfg(target_os = "linux")]
fn peak(shop: &Shop) -> u64 {
    let path = format!("/proc/{}/status", shop.server.child.id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

#[test]
fn every_operation_ends_by_itself_or_with_its_statement() {
    let shop = shop();
    for (attack, said) in [
        ("snippet", "invalid"),
        ("snippet-by-rank", "invalid"),
        ("near", "limit-exceeded"),
        ("merge-json", "invalid"),
        ("long-like", "timeout"),
        ("long-pattern", "invalid"),
        ("database-sizes", "invalid"),
    ] {
        let begun = Instant::now();
        let answer = shop.send("GET", &format!("/hostile/{attack}"), &[], b"");
        assert_eq!(
            (answer.status, answer.value()),
            (200, json!({"sql": said})),
            "{attack}"
        );
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{attack}: {took:?}");
        assert_eq!(shop.get("/admin/customers").status, 200, "after {attack}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn regular_expressions_take_little_memory() {
    let shop = shop();
    let well = shop.send("GET", "/hostile/well", &[], b"");
    well.is(200, json!({"well": true}));
    let before = peak(&shop);
    for attack in ["long-pattern", "many-patterns"] {
        let answer = shop.send("GET", &format!("/hostile/{attack}"), &[], b"");
        assert_eq!(answer.status, 200, "{attack}: {}", answer.body);
    }
    let more = peak(&shop) - before;
    assert!(more < 96 << 20, "{more} bytes");
}
