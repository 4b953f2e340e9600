//! The circuit breaker of a module that fails.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{get, get_from, is_500};
use crate::harness::Shop;

#[test]
fn a_failing_module_opens_its_circuit() {
    let shop = Shop::with_hostile(&[
        "server.trust_forwarded=true",
        "breaker.failures_min=3",
        "breaker.open_ms=60000",
    ]);
    get(&shop, "well").is(200, json!({"well": true}));
    for peer in 0..3 {
        is_500(&get_from(&shop, peer, "trap"));
    }
    let turned_away = get(&shop, "well");
    turned_away.refuses(
        503,
        "unavailable",
        "This part of the host keeps failing, and its circuit is open",
    );
    let wait: u64 = turned_away.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(shop.get("/admin/customers").status, 200);
    let health = shop.send("GET", "/health", &[], b"");
    assert_eq!(
        (health.status, health.body.as_str()),
        (
            200,
            "OK\nThe circuit of the module hostile is open, and it answers 503"
        )
    );
    let module = shop.get("/_wares/modules/hostile").value()["module"].take();
    assert_eq!(module["circuit"], "open");
    let metrics = shop.get("/metrics");
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let digest = module["digest"].as_str().unwrap();
    let number = &module["version"];
    let version = format!("version={number},digest=\"{}\"", &digest[..12]);
    for line in [
        "wares_module_circuit_open{module=\"hostile\"} 1",
        "wares_module_circuit_open{module=\"customer\"} 0",
        &format!("wares_module_calls_total{{module=\"hostile\",{version},outcome=\"answered\"}} 1"),
        &format!("wares_module_calls_total{{module=\"hostile\",{version},outcome=\"failed\"}} 3"),
        &format!(
            "wares_module_calls_total{{module=\"hostile\",{version},outcome=\"circuit_open\"}} 1"
        ),
        &format!("wares_module_call_seconds_count{{module=\"hostile\",{version}}} 4"),
        "wares_module_calls_waiting{module=\"hostile\"} 0",
        "wares_module_calls_running{module=\"hostile\"} 0",
    ] {
        assert!(metrics.body.contains(line), "{line}\n{}", metrics.body);
    }
    shop.send("GET", "/metrics", &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn one_callers_bad_requests_open_no_circuit() {
    let shop = Shop::with_hostile(&[
        "server.trust_forwarded=true",
        "breaker.failures_min=3",
        "breaker.open_ms=60000",
    ]);
    for _ in 0..20 {
        for attack in ["trap", "bad-status", "many-headers"] {
            is_500(&get_from(&shop, 1, attack));
        }
    }
    get_from(&shop, 2, "well").is(200, json!({"well": true}));
    get_from(&shop, 1, "well").is(200, json!({"well": true}));
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
}

#[test]
fn a_caller_who_repeats_a_bad_request_does_not_block_others() {
    let shop = Shop::with_hostile(&[
        "server.trust_forwarded=true",
        "breaker.failures_min=3",
        "breaker.open_ms=3000",
    ]);
    let opened = Instant::now();
    for peer in 0..3 {
        is_500(&get_from(&shop, peer, "trap"));
    }
    // The three go on all the time; the first call of another is the one that decides.
    let answer = std::iter::repeat_with(|| {
        for peer in 0..3 {
            assert_eq!(get_from(&shop, peer, "trap").status, 503);
        }
        get_from(&shop, 9, "well")
    })
    .find(|answer| answer.status != 503);
    answer.unwrap().is(200, json!({"well": true}));
    assert!(opened.elapsed() >= Duration::from_secs(3));
}

#[test]
fn a_recovered_module_closes_its_circuit() {
    let shop = Shop::with_hostile(&["breaker.failures_min=1", "breaker.open_ms=1"]);
    is_500(&get(&shop, "trap"));
    // A rest of a millisecond is over when the next request is there; if not, the one after it.
    let answer = (0..100)
        .map(|_| get(&shop, "well"))
        .find(|answer| answer.status != 503);
    answer.unwrap().is(200, json!({"well": true}));
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
}

#[test]
fn an_invalid_answer_is_a_failure() {
    let shop = Shop::with_hostile(&[
        "server.trust_forwarded=true",
        "breaker.failures_min=3",
        "breaker.open_ms=60000",
    ]);
    for (peer, attack) in (0..).zip(["bad-status", "many-headers", "huge-header"]) {
        is_500(&get_from(&shop, peer, attack));
    }
    assert_eq!(get(&shop, "well").status, 503);
    let failed = "wares_module_calls_total{module=\"hostile\",outcome=\"failed\"}";
    assert_eq!(shop.metric(failed), 3);
}

#[test]
fn a_call_counts_also_if_its_client_has_gone() {
    let shop = Shop::with_hostile(&[
        "breaker.failures_min=1",
        "breaker.open_ms=1",
        "modules.hostile.limits.deadline_ms=300",
    ]);
    let count = |outcome: &str| {
        shop.metric(&format!(
            "wares_module_calls_total{{module=\"hostile\",outcome=\"{outcome}\"}}"
        ))
    };
    is_500(&get(&shop, "trap"));
    // The call that is to tell whether the rest is over, and whose caller goes.
    loop {
        let turned_away = count("circuit_open");
        let mut caller = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
        caller
            .write_all(b"GET /hostile/spin HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let runs = || shop.metric("wares_module_calls_running{module=\"hostile\"}") == 1;
        while !runs() && count("circuit_open") == turned_away && count("failed") == 1 {}
        if count("circuit_open") == turned_away {
            break;
        }
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let answer = std::iter::repeat_with(|| get(&shop, "well"))
        .find(|answer| answer.status != 503 || Instant::now() > deadline);
    answer.unwrap().is(200, json!({"well": true}));
    assert_eq!(count("failed"), 2);
}
