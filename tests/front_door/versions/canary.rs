//! Canaries: promoted or withdrawn by the results of their calls.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{MODULE, audit_entries, put, serving, shop};
use crate::harness::marked;

#[test]
fn a_bad_canary_is_withdrawn_without_a_person() {
    for bad in ["trap", "500", "header"] {
        let shop = shop(&["breaker.failures_min=1000000"]);
        let answer = put(
            &shop,
            "?canary=100%25",
            &marked(&format!("version=2.0.0 bad={bad}")),
        );
        assert_eq!(answer.at("/version/state"), "canary", "{}", answer.body);
        let mut calls = 0;
        while shop.get("/admin/marked/bad").status == 500 {
            calls += 1;
            assert!(calls <= 200, "it is still the canary");
        }
        assert_eq!(serving(&shop), "1.0.0");
        // The entry is on the disk a moment after the change.
        let ended = Instant::now() + Duration::from_secs(60);
        let mut last = json!({"action": "canary"});
        while last["action"] == "canary" {
            assert!(Instant::now() < ended, "it is not kept");
            last = shop.get("/_wares/audit?limit=1").value()["entries"][0].clone();
        }
        assert_eq!(
            (&last["action"], &last["actor"]),
            (&json!("withdraw"), &json!("host"))
        );
        let why = last["detail"].as_str().unwrap();
        assert!(
            why.ends_with("calls failed or were answered 5xx (100.0 %); 5.0 % is the limit"),
            "{why}"
        );
        // It blocks no other: the next canary may start.
        let next = put(&shop, "?canary=50%25", &marked("version=3.0.0"));
        assert_eq!(next.at("/module/canary/version"), "3.0.0");
    }
}

#[test]
fn a_good_canary_is_promoted_and_one_caller_sees_one_version() {
    let shop = shop(&[
        "canary.promote_calls=150",
        "canary.latency_percent_max=100000",
    ]);
    let keys: Vec<String> = (0..24)
        .map(|number| {
            let body = json!({"title": format!("Key {number}"), "type": "secret"});
            shop.post("/admin/api-keys", body).at("/api_key/token")
        })
        .collect();
    let answer = put(
        &shop,
        "?canary=50%25",
        &marked("version=2.0.0 route=/admin/new"),
    );
    assert_eq!(answer.at("/module/version"), "1.0.0", "{}", answer.body);
    let seen = |key: &str| {
        let bearer = format!("Bearer {key}");
        let with = [("authorization", &*bearer)];
        let version = shop.send("GET", "/admin/marked", &with, b"").at("/version");
        // So is the route that only the new one has.
        let new = shop.send("GET", "/admin/new", &with, b"").status;
        assert_eq!(new == 200, version == "2.0.0", "{version} {new}");
        version
    };
    let first: Vec<String> = keys.iter().map(|key| seen(key)).collect();
    let tried = first.iter().filter(|version| *version == "2.0.0").count();
    assert!((4..=20).contains(&tried), "{tried} of 24");
    let again: Vec<String> = keys.iter().map(|key| seen(key)).collect();
    assert_eq!(first, again);
    let canary = shop.get(MODULE).value()["module"]["canary"].clone();
    assert_eq!(canary["share_percent"], json!(50.0));
    assert!(canary["calls"]["made"].as_u64().unwrap() > 0);
    let begun = Instant::now();
    while shop.get(MODULE).value()["module"]["version"] == "1.0.0" {
        for key in &keys {
            shop.send(
                "GET",
                "/admin/marked",
                &[("authorization", &format!("Bearer {key}"))],
                b"",
            );
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it is not promoted"
        );
    }
    assert_eq!(serving(&shop), "2.0.0");
    // A promotion is made by no request: it serves before its audit entry is written.
    let promoted = ("promote".to_owned(), "done".to_owned());
    while audit_entries(&shop).last() != Some(&promoted) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            audit_entries(&shop)
        );
    }
}
