//! Bounds on the log lines that components and callers make the host write.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::harness::Shop;

/// Calls an attack this many times, over some connections at once, without credentials.
/// Returns how many of the answers had this status.
fn ask_for(shop: &Shop, attack: &str, times: usize, status: &str) -> usize {
    const CONNECTIONS: usize = 4;
    std::thread::scope(|scope| {
        let asking = || {
            let stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(120)))
                .unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut writer = stream;
            let request = format!("GET /hostile/{attack} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            (0..times / CONNECTIONS)
                .filter(|_| {
                    writer.write_all(request.as_bytes()).unwrap();
                    answered(&mut reader).contains(status)
                })
                .count()
        };
        let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(asking)).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

/// Reads one answer, and returns its first line.
fn answered(reader: &mut impl BufRead) -> String {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some(_) => {}
            None => break,
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).unwrap();
    first
}

/// The numbers in the lines that say how many were dropped, added up.
fn dropped(log: &str, what: &str) -> u64 {
    log.lines()
        .filter(|line| line.contains(what))
        .map(|line| {
            let (_, count) = line.split_once(" a second: ").unwrap();
            count.split(' ').next().unwrap().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn the_lines_of_a_component_have_the_ids_of_the_request_and_its_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let shop = Shop::with_hostile(&[]);
    let valid = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let invalid = format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase());
    let sent = [
        (vec![("traceparent", &*valid)], Some(TRACE)),
        (vec![("traceparent", &*invalid)], None),
        (
            vec![("traceparent", &*valid), ("traceparent", &*valid)],
            None,
        ),
        (vec![], None),
    ];
    for (headers, trace) in sent {
        let answer = shop.send("GET", "/hostile/chat", &headers, b"");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let id = answer.header("x-request-id");
        let trace = trace.unwrap_or(id);
        shop.server.wait_for_log(&format!(
            "INFO request{{request_id=\"{id}\" trace_id=\"{trace}\"}}: component: "
        ));
        assert_eq!(answer.header("traceparent"), "");
    }
    // The host's own line on a call that failed has them too.
    let headers = [("traceparent", &*valid)];
    let failed = shop.send("GET", "/hostile/trap", &headers, b"");
    assert_eq!(failed.status, 500, "{}", failed.body);
    let id = failed.header("x-request-id");
    shop.server.wait_for_log(&format!(
        "ERROR request{{request_id=\"{id}\" trace_id=\"{TRACE}\"}}: wares::components::slot: a call returned no answer"
    ));
}

#[test]
fn the_log_of_a_component_is_bounded_over_all_calls_and_dropped_lines_are_counted() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.log_lines_per_s_max=100"]);
    // Fifty lines each, of which two calls have room in a second.
    const CALLS: usize = 400;
    let started = std::time::Instant::now();
    assert_eq!(ask_for(&shop, "chat", CALLS, " 200 "), CALLS);
    // It is said although nothing more is logged.
    let said = "WARN dropped: the component logged more than 100 lines or 262144 bytes a second";
    let mut log = shop.server.wait_for_log(said);
    let counted = shop.metric("wares_module_log_lines_dropped_total{module=\"hostile\"}");
    assert_eq!(
        shop.metric("wares_module_log_lines_dropped_total{module=\"customer\"}"),
        0
    );
    let seconds = started.elapsed().as_secs() as usize + 1;
    log += &shop.server.stop_for_log();
    let written = log
        .lines()
        .filter(|line| line.contains(" of a chat"))
        .count();
    assert!(
        written >= 100 && written <= 100 * (seconds + 1),
        "{written} in {seconds} s"
    );
    assert_eq!(written as u64 + counted, 50 * CALLS as u64);
    assert_eq!(dropped(&log, said), counted, "{log}");
    // One line a second at most, each with the component's name.
    let lines: Vec<_> = log.lines().filter(|line| line.contains(said)).collect();
    assert!(lines.len() <= seconds + 1, "{lines:?}");
    assert!(
        lines
            .iter()
            .all(|line| line.contains("component=\"hostile\""))
    );
}

#[test]
fn text_of_a_log_is_bounded_in_bytes_as_well() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.log_bytes_per_s_max=4 KiB"]);
    let started = std::time::Instant::now();
    assert_eq!(ask_for(&shop, "chat", 100, " 200 "), 100);
    shop.server
        .wait_for_log("1000 lines or 4096 bytes a second");
    let seconds = started.elapsed().as_secs() as usize + 1;
    let again = shop.send("GET", "/hostile/chat", &[], b"");
    again.is(200, json!({}));
    let log = shop.server.stop_for_log();
    assert!(log.len() < 4 * 4096 * (seconds + 1), "{}", log.len());
    assert!(
        log.contains("line 0 of a chat"),
        "the next second has room again"
    );
}

#[test]
fn failed_calls_are_logged_with_a_bound_a_second_and_counted() {
    let shop = Shop::with_hostile(&["breaker.failures_min=1000000"]);
    const CALLS: usize = 2_000;
    let started = std::time::Instant::now();
    assert_eq!(ask_for(&shop, "trap", CALLS, " 500 "), CALLS);
    let seconds = started.elapsed().as_secs() as usize + 1;
    // A neighbour's failure is another one.
    let log = shop.server.stop_for_log();
    let failed = log
        .lines()
        .filter(|line| line.contains("a call returned no answer"))
        .count();
    assert!(
        failed >= 100 && failed <= 100 * (seconds + 1),
        "{failed} in {seconds} s"
    );
    let said = "the host said the same more than 100 times a second";
    assert_eq!(failed as u64 + dropped(&log, said), CALLS as u64, "{log}");
    let line = log.lines().find(|line| line.contains(said)).unwrap();
    assert!(
        line.contains("module=\"hostile\"") && line.contains("slot.rs"),
        "{line}"
    );
}
