//! Versions of modules: installed, activated, started as canary and rolled back while
//! requests are in flight, and refused without a trace.

mod canary;
mod commands;
mod crash;
mod difference;
mod disk;
mod drain;
mod install;
mod schema;
mod signature;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Shop, data, marked};

const MODULE: &str = "/_wares/modules/marked";

/// A shop that serves version 1.0.0 of the module.
fn shop(settings: &[&str]) -> Shop {
    let data = data();
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    Shop::open_on(data, |command| {
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn put(shop: &Shop, query: &str, bytes: &[u8]) -> Answer {
    put_with(shop, MODULE, query, &[], bytes)
}

fn put_with(
    shop: &Shop,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    bytes: &[u8],
) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let mut all = vec![
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    all.extend_from_slice(headers);
    shop.send("PUT", &format!("{path}{query}"), &all, bytes)
}

/// Installs a version; returns its digest.
fn install(shop: &Shop, mark: &str) -> String {
    let answer = put(shop, "", &marked(mark));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

fn activate(shop: &Shop, digest: &str) -> Answer {
    shop.post(&format!("{MODULE}/activate"), json!({"digest": digest}))
}

/// The version that answers now.
fn serving(shop: &Shop) -> String {
    let answer = shop.get("/admin/marked");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-version"), answer.at("/version"));
    answer.at("/version")
}

/// `(action, outcome)` of all audit entries, oldest first.
fn audit_entries(shop: &Shop) -> Vec<(String, String)> {
    let mut entries: Vec<_> = shop
        .audit_fields("?limit=1000", &["action", "outcome"])
        .iter()
        .map(|entry| {
            let text = |field: usize| entry[field].as_str().unwrap().to_owned();
            (text(0), text(1))
        })
        .collect();
    entries.reverse();
    entries
}
