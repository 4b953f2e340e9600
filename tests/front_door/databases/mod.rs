//! Databases in trouble: locked by another process, removed, replaced. Which requests are
//! refused and how, how the host reports it, and how it ends.

mod locked;
mod moved;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Answer, Shop};

fn customers(data: &Path) -> PathBuf {
    data.join("modules/customer.db")
}

fn write(shop: &Shop, email: &str) -> Answer {
    shop.post("/admin/customers", json!({"email": email}))
}

fn count(shop: &Shop) -> u64 {
    let list = shop.get("/admin/customers?limit=0");
    assert_eq!(list.status, 200, "{}", list.body);
    list.value()["count"].as_u64().unwrap()
}

fn health(shop: &Shop) -> (u16, String) {
    let health = shop.send("GET", "/health", &[], b"");
    assert_eq!(
        health.header("retry-after"),
        if health.status == 503 { "1" } else { "" }
    );
    (health.status, health.body)
}

fn until_healthy(shop: &Shop) {
    let end = Instant::now() + Duration::from_secs(60);
    while health(shop) != (200, "OK".to_owned()) {
        assert!(Instant::now() < end, "{:?}", health(shop));
    }
}

/// A refusal that says when to come back.
#[track_caller]
fn is_refused(answer: &Answer, message: &str) {
    answer.refuses(503, "unavailable", message);
    assert_eq!(answer.header("retry-after"), "1");
}

fn troubles(shop: &Shop, database: &str, kind: &str) -> u64 {
    shop.metric(&format!(
        "wares_database_troubles_total{{database=\"{database}\",kind=\"{kind}\"}}"
    ))
}

fn is_in_trouble(shop: &Shop, database: &str) -> u64 {
    shop.metric(&format!(
        "wares_database_in_trouble{{database=\"{database}\"}}"
    ))
}
