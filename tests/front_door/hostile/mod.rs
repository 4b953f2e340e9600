//! A module that attacks, next to one that works.

mod breaker;

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Answer, Shop, text};

/// The same of another address than all others, where `server.trust_forwarded` is on.
fn get_from(shop: &Shop, peer: u8, attack: &str) -> Answer {
    let from = format!("192.0.2.{peer}");
    shop.send(
        "GET",
        &format!("/hostile/{attack}"),
        &[("x-forwarded-for", &from)],
        b"",
    )
}

fn get(shop: &Shop, attack: &str) -> Answer {
    shop.send("GET", &format!("/hostile/{attack}"), &[], b"")
}

fn is_500(answer: &Answer) {
    answer.is(
        500,
        json!({"code": "unknown_error", "type": "unknown_error", "message": "An unknown error occurred."}),
    );
}

/// The answer that a caller of an attack gets.
enum Gets {
    /// A 500, and this in the log.
    Error(&'static str),
    /// The module's own answer.
    Said(&'static str),
}

/// Every attack that ends by itself or by a limit, with the limits as they are
/// unless the second part says otherwise.
const ATTACKS: [(&str, Gets); 54] = {
    use Gets::{Error, Said};
    [
        ("trap", Error("unreachable")),
        ("abort", Error("unreachable")),
        ("exit", Error("exit")),
        ("spin", Error("limits.deadline_ms")),
        ("sleep", Error("limits.deadline_ms")),
        ("doze", Error("limits.deadline_ms")),
        ("recurse", Error("wasm trap")),
        ("dive", Said(r#"{"depth":10000}"#)),
        ("read-input", Said(r#"{"read":0}"#)),
        ("remember", Said(r#"{"calls":1}"#)),
        ("remember", Said(r#"{"calls":1}"#)),
        ("read-files", Said(r#"{"refused":5}"#)),
        ("connect", Said(r#"{"connect":"Some(PermissionDenied)"}"#)),
        ("send", Said(r#"{"send":"Some(PermissionDenied)"}"#)),
        ("grow", Error("limits.memory_bytes_max")),
        ("storm", Error("limits.host_calls_max")),
        ("flood-log", Said("{}")),
        ("flood-errors", Said("{}")),
        ("long-line", Said("{}")),
        ("long-context", Said("{}")),
        ("dark-line", Said("{}")),
        ("spin-in-allocator", Error("limits.deadline_ms")),
        ("forged-lines", Said("{}")),
        ("heavy-calls", Error("limits.call_ms")),
        ("flood-answer", Error("limits.response_bytes_max")),
        ("bad-status", Error("the status 99")),
        ("huge-status", Error("the status 9999")),
        ("many-headers", Error("more than 100 headers")),
        ("huge-header", Error("more than 65536 bytes of headers")),
        ("half-written", Error("unreachable")),
        ("left-open", Said(r#"{"sql":"done"}"#)),
        ("hold-writer", Error("limits.deadline_ms")),
        ("two-transactions", Said(r#"{"sql":"invalid"}"#)),
        ("many-transactions", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("many-statements", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("endless-statement", Said(r#"{"sql":"timeout"}"#)),
        ("endless-rows", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("endless-bytes", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("cross-join", Said(r#"{"sql":"timeout"}"#)),
        ("huge-blob", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("huge-text", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("huge-pattern", Said(r#"{"sql":"invalid"}"#)),
        ("huge-expression", Said(r#"{"sql":"invalid"}"#)),
        ("long-statement", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("huge-parameter", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("many-parameters", Error("fuel")),
        ("wide-row", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("hoard-rows", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("hoard-values", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("sort-much", Said(r#"{"sql":"limit-exceeded"}"#)),
        ("join-text", Said(r#"{"sql":"timeout"}"#)),
        ("regexp-bomb", Said(r#"{"sql":"invalid"}"#)),
        ("two-statements", Said(r#"{"sql":"invalid"}"#)),
        ("quoted-statement", Said(r#"{"sql":"done"}"#)),
    ]
};

#[test]
fn every_attack_ends_and_a_victim_is_served_meanwhile() {
    let shop = Shop::with_hostile(&[
        "breaker.failures_min=1000",
        "limits.calls_max=2",
        "modules.hostile.limits.deadline_ms=300000",
        "modules.hostile.limits.call_ms=300000",
        "modules.hostile.limits.sql_statement_ms=300000",
        "modules.hostile.limits.sql_rows_max=100",
        "modules.hostile.limits.sql_result_bytes_max=2 MiB",
        "modules.hostile.limits.sql_memory_bytes_max=32 MiB",
        "modules.hostile.limits.sql_statements_max=2000",
    ]);
    // Those that only a deadline ends get a short one, in shops of their own.
    let impatient = Shop::with_hostile(&[
        "breaker.failures_min=1000",
        "modules.hostile.limits.deadline_ms=200",
        "modules.hostile.limits.call_ms=1000",
    ]);
    let hasty = Shop::with_hostile(&[
        "breaker.failures_min=1000",
        "modules.hostile.limits.deadline_ms=300000",
        "modules.hostile.limits.sql_statement_ms=1000",
    ]);
    for (attack, gets) in &ATTACKS {
        let shop = match gets {
            Gets::Error("limits.deadline_ms" | "limits.call_ms") => &impatient,
            Gets::Said(r#"{"sql":"timeout"}"#) => &hasty,
            _ => &shop,
        };
        std::thread::scope(|scope| {
            let hostile = scope.spawn(|| get(shop, attack));
            loop {
                let victim = shop.get("/admin/customers");
                assert_eq!(victim.status, 200, "beside {attack}: {}", victim.body);
                if hostile.is_finished() {
                    break;
                }
            }
            let answer = hostile.join().unwrap();
            match gets {
                Gets::Error(_) => is_500(&answer),
                Gets::Said(body) => {
                    assert_eq!(
                        (answer.status, answer.body.as_str()),
                        (200, *body),
                        "{attack}"
                    );
                }
            }
        });
        get(shop, "things").is(200, json!({"things": 0}));
    }
    let events = shop.run(&["events", "hostile", "--json"]);
    assert_eq!(text(&events.stdout), "");
    let log = shop.server.stop_for_log() + &impatient.server.stop_for_log();
    for (attack, gets) in &ATTACKS {
        if let Gets::Error(reason) = gets {
            assert!(log.contains(reason), "{attack}: {reason}\n{log}");
        }
    }
    assert!(log.lines().count() < 5_000, "{}", log.lines().count());
    assert!(log.len() < 1024 * 1024, "{}", log.len());
    // The output of a component is in a line with its name.
    for forged in ["forged", "gone"] {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(forged)).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines
                .iter()
                .all(|line| line.contains("component=\"hostile\"")),
            "{lines:?}"
        );
    }
    assert!(!log.contains(['\x1b', '\r']), "{log}");
}

#[test]
fn events_are_bounded_and_have_a_form() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.sql_statements_max=1000"]);
    get(&shop, "many-events").is(200, json!({"sql": "limit-exceeded"}));
    get(&shop, "huge-event").is(200, json!({"sql": "limit-exceeded"}));
    get(&shop, "no-event").is(200, json!({"sql": "invalid"}));
    let events = shop.run(&["events", "hostile", "--json"]);
    assert_eq!(text(&events.stdout), "");
}

#[test]
fn a_trap_is_a_500_with_the_request_in_the_log() {
    let shop = Shop::with_hostile(&[]);
    get(&shop, "well").is(200, json!({"well": true}));
    let trapped = shop.send(
        "GET",
        "/hostile/trap",
        &[("x-request-id", "from-outside")],
        b"",
    );
    is_500(&trapped);
    let id = trapped.header("x-request-id").to_owned();
    get(&shop, "well").is(200, json!({"well": true}));
    assert_eq!(shop.get("/admin/customers").status, 200);
    let log = shop.server.stop_for_log();
    let line = log
        .lines()
        .find(|line| line.contains("ERROR") && line.contains("hostile"))
        .expect(&log);
    assert!(
        line.contains("request") && (id.is_empty() || line.contains(&id)),
        "{line}"
    );
    assert!(log.contains("a hostile panic"), "{log}");
}

#[test]
fn a_spinning_call_is_ended_and_delays_no_other() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.deadline_ms=300"]);
    std::thread::scope(|scope| {
        let spinning: Vec<_> = (0..2).map(|_| scope.spawn(|| get(&shop, "spin"))).collect();
        assert_eq!(shop.get("/admin/customers").status, 200);
        for one in spinning {
            is_500(&one.join().unwrap());
        }
    });
}

#[test]
fn long_calls_of_one_caller_delay_no_other_of_the_same_module() {
    for calls_max in [1, 2] {
        let shop = Shop::with_hostile(&[
            "modules.hostile.limits.deadline_ms=3000",
            &format!("limits.calls_max={calls_max}"),
            "server.trust_forwarded=true",
        ]);
        std::thread::scope(|scope| {
            let spin = |_| scope.spawn(|| get_from(&shop, 1, "spin"));
            let spinning: Vec<_> = (0..calls_max + 1).map(spin).collect();
            shop.until_running("hostile", calls_max);
            for _ in 0..20 {
                get_from(&shop, 2, "well").is(200, json!({"well": true}));
            }
            assert!(!spinning.iter().any(|one| one.is_finished()));
            for one in spinning {
                is_500(&one.join().unwrap());
            }
        });
    }
}

#[test]
fn a_sleeping_call_is_ended_and_delays_no_other() {
    let shop = Shop::with_hostile(&[
        "modules.hostile.limits.deadline_ms=300",
        "limits.calls_max=1",
    ]);
    for attack in ["sleep", "doze"] {
        is_500(&get(&shop, attack));
    }
    get(&shop, "well").is(200, json!({"well": true}));
    let log = shop.server.stop_for_log();
    assert_eq!(log.matches("deadline_ms").count(), 2, "{log}");
}

#[test]
fn a_call_beyond_a_limit_is_ended() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.deadline_ms=60000"]);
    for attack in ["recurse", "grow", "flood-answer", "bad-status"] {
        is_500(&get(&shop, attack));
        get(&shop, "well").is(200, json!({"well": true}));
    }
    let log = shop.server.stop_for_log();
    assert_eq!(log.matches("limits.memory_bytes_max").count(), 1, "{log}");
    assert_eq!(log.matches("limits.response_bytes_max").count(), 1, "{log}");
}

#[test]
fn a_flooded_log_is_cut() {
    let shop = Shop::with_hostile(&[]);
    get(&shop, "flood-log");
    let log = shop.server.stop_for_log();
    assert!(log.contains("line 0"), "{log}");
    assert!(log.lines().count() < 5_000, "{}", log.lines().count());
}

#[test]
fn invalid_headers_split_no_answer() {
    let shop = Shop::with_hostile(&[]);
    let answer = get(&shop, "bad-header");
    if answer.status == 200 {
        assert_eq!(
            (answer.header("x-good"), answer.body.as_str()),
            ("yes", "{}")
        );
    } else {
        is_500(&answer);
    }
    assert_eq!(answer.header("x-split"), "");
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
}

#[test]
fn a_trap_leaves_nothing_half_written() {
    let shop = Shop::with_hostile(&[]);
    is_500(&get(&shop, "half-written"));
    get(&shop, "things").is(200, json!({"things": 0}));
    let events = shop.run(&["events", "hostile", "--json"]);
    assert_eq!(text(&events.stdout), "");
}

#[test]
fn a_call_that_holds_the_writer_loses_it() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.deadline_ms=200"]);
    is_500(&get(&shop, "hold-writer"));
    is_500(&get(&shop, "half-written"));
    get(&shop, "things").is(200, json!({"things": 0}));
    shop.customer("a@b.co");
}

#[test]
fn time_in_the_host_is_not_the_guests() {
    let shop = Shop::with_hostile(&[
        "modules.hostile.limits.deadline_ms=100",
        "modules.hostile.limits.sql_statement_ms=300000",
        "modules.hostile.limits.call_ms=300000",
    ]);
    get(&shop, "slow-rows").is(200, json!({"sql": "done"}));
    is_500(&get(&shop, "spin-in-allocator"));
    let log = shop.server.stop_for_log();
    assert!(log.contains("(limits.deadline_ms)"), "{log}");
}

#[test]
fn only_linked_interfaces_are_in_reach() {
    let shop = Shop::with_hostile(&["modules.hostile.config.colour=red"]);
    get(&shop, "attack").is(200, json!({"refused": true}));
    // Its one setting, and two limits of its own.
    get(&shop, "surroundings").is(200, json!({"variables": 0, "settings": 3}));
    assert!(!shop.data.path().join("x.db").exists());
}

#[test]
fn a_module_that_fills_its_queue_fills_no_other() {
    let shop = Shop::with_hostile(&[
        "limits.calls_max=1",
        "limits.calls_waiting_max=1",
        "modules.hostile.limits.deadline_ms=2000",
    ]);
    std::thread::scope(|scope| {
        let flood: Vec<_> = (0..8).map(|_| scope.spawn(|| get(&shop, "spin"))).collect();
        for _ in 0..20 {
            assert_eq!(shop.get("/admin/customers").status, 200);
        }
        let statuses: Vec<u16> = flood
            .into_iter()
            .map(|one| one.join().unwrap().status)
            .collect();
        assert!(statuses.contains(&503), "{statuses:?}");
        assert!(statuses.contains(&500), "{statuses:?}");
    });
}

#[test]
fn a_full_database_refuses_writes_and_is_read() {
    let shop = Shop::with_hostile(&["modules.customer.limits.database_bytes_max=1 MiB"]);
    let long = "x".repeat(60_000);
    let mut made = 0;
    let refused = loop {
        let email = format!("{made}@shop.example");
        let answer = shop.post(
            "/admin/customers",
            json!({"email": email, "company_name": long}),
        );
        if answer.status != 200 {
            break answer;
        }
        made += 1;
        assert!(made < 1_000, "it never fills");
    };
    refused.refuses(503, "unavailable", "the disk or the database is full");
    assert_eq!(
        shop.get("/admin/customers?fields=id").value()["count"],
        made
    );
    // Another module's database is its own.
    get(&shop, "things").is(200, json!({"things": 0}));
}

#[test]
fn a_host_ends_while_an_abandoned_call_spins() {
    let mut shop = Shop::with_hostile(&["limits.deadline_ms=3000"]);
    let mut caller = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    caller
        .write_all(b"GET /hostile/spin HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    // By when this is answered, what was asked before runs.
    assert_eq!(shop.get("/admin/customers").status, 200);
    drop(caller);
    let ended = shop.server.stop_within(Duration::from_secs(30));
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_stack_is_as_deep_as_it_may_be() {
    let shop = Shop::with_hostile(&["limits.stack_bytes_max=64 KiB"]);
    is_500(&get(&shop, "dive"));
    get(&shop, "well").is(200, json!({"well": true}));
    let log = shop.server.stop_for_log();
    assert!(log.contains("(limits.stack_bytes_max)"), "{log}");
}

#[test]
fn a_module_gets_bodies_up_to_its_limit() {
    let shop = Shop::with_hostile(&["modules.customer.limits.request_bytes_max=60"]);
    let body = |name: &str| json!({"email": "a@b.co", "first_name": name});
    shop.post("/admin/customers", body(&"x".repeat(60))).is(
        413,
        json!({"message": "request entity too large", "type": "unknown_error"}),
    );
    assert_eq!(shop.post("/admin/customers", body("x")).status, 200);
    // The host takes more, and so do other modules.
    let title = "x".repeat(60);
    let key = json!({"title": title, "type": "secret"});
    assert_eq!(shop.post("/admin/api-keys", key).status, 200);
}
