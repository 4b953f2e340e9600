//! No answered write is ever lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use serde_json::json;

use crate::harness::{JSON, Server, Shop, agent};

/// How often the host is killed.
const KILLS: usize = 20;
/// Who writes at the same time.
const WRITERS: usize = 3;
/// Answered writes before a kill.
const ANSWERED: usize = 10;

#[test]
fn kill_9_during_writes_loses_no_answered_write() {
    let mut shop = Shop::open();
    let mut answered: Vec<String> = Vec::new();
    for round in 0..KILLS {
        let stop = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (sender, stop, url) = (sender.clone(), &stop, shop.url("/admin/customers"));
                let bearer = format!("Bearer {}", shop.token);
                scope.spawn(move || {
                    let agent = agent();
                    for number in 0.. {
                        let email = format!("r{round}w{writer}n{number}@shop.example");
                        let body = json!({"email": email}).to_string();
                        let request = agent
                            .post(&url)
                            .header("authorization", &bearer)
                            .header(JSON.0, JSON.1);
                        match request.send(body) {
                            Ok(answer) if answer.status() == 200 => sender.send(email).unwrap(),
                            // The host was killed under it.
                            _ => return,
                        }
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            answered.extend(receiver.iter().take(ANSWERED));
            shop.server.child.kill().unwrap();
            shop.server.child.wait().unwrap();
            stop.store(true, Ordering::Relaxed);
            answered.extend(receiver.iter());
        });
        shop.server = Server::start(shop.data.path(), |_| {});
    }
    assert!(answered.len() >= KILLS * ANSWERED);
    let mut kept = std::collections::HashSet::new();
    for offset in (0..).step_by(1_000) {
        let page = shop
            .get(&format!(
                "/admin/customers?fields=email&limit=1000&offset={offset}"
            ))
            .value();
        let customers = page["customers"].as_array().unwrap();
        kept.extend(
            customers
                .iter()
                .map(|one| one["email"].as_str().unwrap().to_owned()),
        );
        if customers.len() < 1_000 {
            assert_eq!(page["count"], kept.len());
            break;
        }
    }
    let lost: Vec<&String> = answered
        .iter()
        .filter(|email| !kept.contains(*email))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    // The index matches the table, after all those kills as well.
    let found = shop.get("/admin/customers?q=shop.example&limit=0").value();
    assert_eq!(found["count"], kept.len());
}

#[test]
fn ctrl_c_lets_open_requests_finish() {
    let mut shop = Shop::open();
    let url = shop.url("/admin/customers");
    let bearer = format!("Bearer {}", shop.token);
    // A request whose body is on its way when the signal comes.
    let (begun, wait) = mpsc::channel::<()>();
    let (go, go_on) = mpsc::channel::<()>();
    let port = shop.server.port;
    let request = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let body = r#"{"email":"last@shop.example"}"#;
        let head = format!(
            "POST /admin/customers HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body.as_bytes()[..5]).unwrap();
        begun.send(()).unwrap();
        go_on.recv().unwrap();
        stream.write_all(&body.as_bytes()[5..]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    wait.recv().unwrap();
    // Another exchange on the way there and back: the first has been accepted by then.
    assert_eq!(shop.get("/health").status, 200);
    shop.server.signal("-INT");
    // It takes no new connections once it stops.
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    let answer = request.join().unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("last@shop.example"),
        "{answer}"
    );
    assert!(shop.server.child.wait().unwrap().success());
    assert!(agent().get(&url).call().is_err());
    shop.server = Server::start(shop.data.path(), |_| {});
    assert_eq!(shop.get("/admin/customers").value()["count"], 1);
}

#[test]
fn written_data_is_there_after_a_restart() {
    let mut shop = Shop::open();
    let id = shop.customer("a@b.co");
    let before = shop.get(&format!("/admin/customers/{id}")).body;
    assert!(shop.server.stop().success());
    shop.server = Server::start(shop.data.path(), |_| {});
    assert_eq!(shop.get(&format!("/admin/customers/{id}")).body, before);
}

#[test]
fn writes_at_the_same_time_are_all_kept() {
    let shop = Shop::open();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let same: Vec<_> = (0..10)
            .map(|number| {
                let shop = &shop;
                scope.spawn(move || {
                    shop.customer(&format!("n{number}@shop.example"));
                    shop.post("/admin/customers", json!({"email": "same@shop.example"}))
                        .status
                })
            })
            .collect();
        same.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 400).count(),
        9,
        "{statuses:?}"
    );
    assert_eq!(shop.get("/admin/customers").value()["count"], 11);
}
