//! Calls under way while another version takes over.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{activate, digest, install, serving, shop};
use crate::harness::{Answer, Shop, marked};

/// Does nothing but answer: one kept-alive connection, so that activations cost no connection.
struct Client {
    stream: TcpStream,
    bearer: String,
}

impl Client {
    fn of(shop: &Shop) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self {
            stream,
            bearer: shop.token.clone(),
        }
    }

    /// The status, the header `x-version` and the body.
    fn ask(&mut self, method: &str, body: &str) -> (u16, String, Value) {
        // At once: in pieces, each would wait until the one before is acknowledged.
        let request = format!(
            "{method} /admin/marked HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.bearer,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let header = |name: &str| {
                head.lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                    .unwrap_or_default()
                    .to_owned()
            };
            if body.len() == header("content-length").parse::<usize>().unwrap() {
                let status = head[9..12].parse().unwrap();
                return (
                    status,
                    header("x-version"),
                    serde_json::from_str(body).unwrap(),
                );
            }
        }
    }
}

/// Ends what others do until then, however this ends.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Memory of a process that is its own, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_activations_cost_no_answer() {
    // This many calls at once are reached soon, and take no more memory later.
    let shop = shop(&["log.level=error", "modules.marked.limits.calls_max=2"]);
    let second = install(&shop, "version=2.0.0");
    assert_eq!(activate(&shop, &second).status, 200);
    let first = digest(&marked("version=1.0.0"));
    let (end, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut resident = Vec::new();
    std::thread::scope(|scope| {
        let _until = Until(&end);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = Client::of(&shop);
                while !end.load(Ordering::Relaxed) {
                    let (status, version, body) = client.ask("GET", "");
                    // One version answered all of it.
                    assert_eq!((status, &body["version"]), (200, &json!(version)), "{body}");
                }
            });
        }
        // Two writes a swap, so that what is kept does not outgrow what is measured.
        let (swapping, swaps) = std::sync::mpsc::sync_channel::<()>(1);
        let (shop_written, counter) = (&shop, &written);
        scope.spawn(move || {
            let mut client = Client::of(shop_written);
            for () in swaps {
                for _ in 0..2 {
                    let (status, version, body) = client.ask("POST", "{\"x\":1}");
                    assert_eq!((status, &body["version"]), (200, &json!(version)), "{body}");
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        for swap in 0..1_000 {
            let (digest, version) = if swap % 2 == 0 {
                (&first, "1.0.0")
            } else {
                (&second, "2.0.0")
            };
            swapping.send(()).unwrap();
            let answer = activate(&shop, digest);
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(serving(&shop), version);
            if swap == 100 || swap == 999 {
                resident.push(resident_kib(shop.server.child.id()));
            }
        }
        drop(swapping);
    });
    assert_eq!(written.load(Ordering::Relaxed), 2_000);
    let things = shop.get("/admin/marked").value()["things"].clone();
    assert_eq!(things, json!(written.load(Ordering::Relaxed)));
    // The kept log fills up, and threads that a busy machine needs later have heaps of their own.
    // A version that stays loaded takes much more.
    assert!(
        resident[1] * 100 <= resident[0] * 110,
        "memory grew from {} to {} KiB",
        resident[0],
        resident[1]
    );
}

#[test]
fn a_call_ends_on_its_version_or_at_its_deadline() {
    let shop = shop(&[
        "versions.drain_ms=300",
        "modules.marked.limits.deadline_ms=120000",
        "log.level=info",
    ]);
    let second = install(&shop, "version=2.0.0");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| shop.get("/admin/marked/long"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(serving(&shop), "2.0.0");
        assert_eq!(long.join().unwrap().status, 500);
    });
    assert!(began.elapsed() < Duration::from_secs(60));
    let log = shop.server.stop_for_log();
    assert!(
        log.contains("this call had versions.drain_ms to end"),
        "{log}"
    );
}

/// Has the module write and rest for two seconds, before it writes or after.
fn write(shop: &Shop, rests: &str) -> Answer {
    shop.post("/admin/marked", json!({"rests": rests}))
}

fn things(shop: &Shop) -> Value {
    shop.get("/admin/marked").value()["things"].clone()
}

#[test]
fn a_call_that_ends_with_its_version_has_written_nothing() {
    let shop = shop(&[
        "versions.drain_ms=0",
        "modules.marked.limits.deadline_ms=10000",
    ]);
    let second = install(&shop, "version=2.0.0");
    std::thread::scope(|scope| {
        let late = scope.spawn(|| write(&shop, "before"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(late.join().unwrap().status, 500);
    });
    assert_eq!(things(&shop), json!(0));
    let third = install(&shop, "version=3.0.0");
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| write(&shop, "after"));
        while things(&shop) == json!(0) {
            assert!(!kept.is_finished());
        }
        assert_eq!(activate(&shop, &third).status, 200);
        assert_eq!(serving(&shop), "3.0.0");
        let kept = kept.join().unwrap();
        assert_eq!((kept.status, &*kept.at("/version")), (200, "2.0.0"));
    });
    assert_eq!(things(&shop), json!(1));
}

#[test]
fn a_call_that_takes_too_long_has_written_nothing() {
    let shop = shop(&[
        "modules.marked.limits.call_ms=1000",
        "modules.marked.limits.sql_writer_wait_ms=500",
        "modules.marked.limits.deadline_ms=10000",
    ]);
    assert_eq!(write(&shop, "before").status, 500);
    assert_eq!(things(&shop), json!(0));
    let kept = write(&shop, "after");
    assert_eq!((kept.status, &kept.value()["things"]), (200, &json!(1)));
    let log = shop.server.stop_for_log();
    assert_eq!(log.matches("(limits.call_ms)").count(), 1, "{log}");
}

#[test]
fn calls_of_the_version_before_do_not_count_for_the_next() {
    let shop = shop(&[
        "breaker.failures_min=1",
        "breaker.open_ms=60000",
        "versions.drain_ms=60000",
        "modules.marked.limits.deadline_ms=1000",
    ]);
    let second = install(&shop, "version=2.0.0");
    std::thread::scope(|scope| {
        let long = scope.spawn(|| shop.get("/admin/marked/long"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(long.join().unwrap().status, 500);
    });
    assert_eq!(serving(&shop), "2.0.0");
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
}
