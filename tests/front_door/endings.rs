//! The end of a host: by one signal in bounded time, by two at once, whatever its threads
//! do; and no answered write is lost.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{JSON, Server, Shop, agent, data, fifo, marked};

/// The longest time that the host takes beyond `server.drain_ms`, and that a busy machine may.
const MARGIN: Duration = Duration::from_secs(5 + 20);

/// A shop in which calls of `marked`, or whatever the fault names, never come back.
fn stuck_shop(fault: &str, drain_ms: u32) -> Shop {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    fs::write(file, marked("version=1.0.0")).unwrap();
    let wait = data.path().join("fifo");
    let shop = Shop::open_on(data, |command| {
        command
            .env("WARES_FAULT", format!("{fault}=wait:{}", wait.display()))
            .args(["--set", &format!("server.drain_ms={drain_ms}")]);
    });
    fifo(&wait);
    shop
}

/// Asks for something and waits for no answer.
fn ask_in_vain(shop: &Shop, path: &str) {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        shop.token
    );
    stream.write_all(request.as_bytes()).unwrap();
    // It stays open for as long as the test runs.
    std::mem::forget(stream);
}

/// Runs `end` while others write, and returns the emails of all writes that were answered.
fn while_writing(shop: &mut Shop, end: impl FnOnce(&mut Server)) -> Vec<String> {
    let (answered, answers) = mpsc::channel();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (answered, stop) = (answered.clone(), &stop);
            let url = shop.url("/admin/customers");
            let bearer = format!("Bearer {}", shop.token);
            scope.spawn(move || {
                let agent = agent();
                for number in 0.. {
                    let email = format!("w{writer}n{number}@shop.example");
                    let request = agent
                        .post(&url)
                        .header("authorization", &bearer)
                        .header(JSON.0, JSON.1);
                    let sent = request.send(json!({"email": email}).to_string());
                    match sent {
                        Ok(answer) if answer.status() == 200 => answered.send(email).unwrap(),
                        _ => return,
                    }
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        drop(answered);
        let mut emails: Vec<String> = answers.iter().take(10).collect();
        end(&mut shop.server);
        stop.store(true, Ordering::Relaxed);
        emails.extend(answers.iter());
        emails
    })
}

/// Starts the host again, and holds that all of these were kept.
fn are_kept(shop: &mut Shop, emails: &[String]) {
    shop.server = Server::start(shop.data.path(), |_| {});
    let page = shop.get("/admin/customers?fields=email&limit=1000").value();
    let customers = page["customers"].as_array().unwrap();
    let kept = |email: &&String| customers.iter().any(|one| one["email"] == **email);
    assert!(emails.len() >= 10);
    assert_eq!(emails.iter().filter(kept).count(), emails.len());
}

#[test]
fn a_call_that_never_returns_does_not_keep_the_host_from_ending() {
    let mut shop = stuck_shop("call.marked", 200);
    ask_in_vain(&shop, "/admin/marked");
    shop.until_running("marked", 1);
    let mut ended = None;
    let began = Instant::now();
    let emails = while_writing(&mut shop, |server| {
        server.signal("-TERM");
        ended = Some(server.child.wait().unwrap());
    });
    assert!(began.elapsed() < Duration::from_millis(200) + MARGIN);
    assert_eq!(ended.unwrap().code(), Some(1));
    let log = shop.server.wait_for_log("stopped before this had ended");
    let line = log.lines().last().unwrap();
    assert!(
        line.contains("ERROR") && line.contains("unfinished=\"marked: 1 calls\""),
        "{log}"
    );
    are_kept(&mut shop, &emails);
}

#[test]
fn a_second_signal_ends_the_host_at_once() {
    for (first, second, code) in [("-TERM", "-TERM", 143), ("-TERM", "-INT", 130)] {
        // An hour to end in: only the second signal can be what ends it.
        let mut shop = stuck_shop("call.marked", 3_600_000);
        ask_in_vain(&shop, "/admin/marked");
        shop.until_running("marked", 1);
        let mut ended = None;
        let emails = while_writing(&mut shop, |server| {
            server.signal(first);
            server.wait_for_log("stopping: open requests are finished first");
            server.signal(second);
            ended = Some(server.child.wait().unwrap());
        });
        assert_eq!(ended.unwrap().code(), Some(code));
        are_kept(&mut shop, &emails);
    }
}

#[test]
fn signals_are_heard_where_every_thread_of_the_host_is_stuck() {
    let mut shop = stuck_shop("endpoint.health", 100);
    // More than it has threads to answer with.
    let threads = std::thread::available_parallelism().unwrap().get();
    for _ in 0..threads + 2 {
        ask_in_vain(&shop, "/health");
    }
    let asked = agent()
        .get(shop.url("/admin/customers"))
        .config()
        .timeout_global(Some(Duration::from_secs(2)))
        .build()
        .call();
    assert!(asked.is_err(), "the host still answers");
    let began = Instant::now();
    shop.server.signal("-TERM");
    assert_eq!(shop.server.child.wait().unwrap().code(), Some(1));
    assert!(began.elapsed() < Duration::from_millis(100) + MARGIN);
    let shop = stuck_shop("endpoint.health", 3_600_000);
    for _ in 0..threads + 2 {
        ask_in_vain(&shop, "/health");
    }
    let mut server = shop.server;
    server.signal("-INT");
    server.wait_for_log("stopping");
    server.signal("-TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_stuck_change_is_named_and_does_not_keep_the_host_from_ending() {
    let mut shop = stuck_shop("verify.begun", 100);
    let (url, bearer) = (
        shop.url("/_wares/modules/marked"),
        format!("Bearer {}", shop.token),
    );
    let install = std::thread::spawn(move || {
        let put = agent().put(&url).header("authorization", &bearer);
        put.send(&marked("version=2.0.0")[..]).is_err()
    });
    while shop.get("/_wares/modules/marked").value()["module"]["changes"] == json!([]) {
        std::thread::yield_now();
    }
    shop.server.signal("-TERM");
    assert_eq!(shop.server.child.wait().unwrap().code(), Some(1));
    assert!(install.join().unwrap());
    let log = shop.server.wait_for_log("stopped before this had ended");
    let named = format!("unfinished=\"marked: install by {}\"", shop.admin);
    assert!(log.contains(&named), "{log}");
    shop.server = Server::start(shop.data.path(), |_| {});
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}

/// A server whose standard output and error have no reader once it serves, started by a
/// shell that does this first.
fn unheard(shell: &str, data: &std::path::Path) -> (std::process::Child, std::net::SocketAddr) {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    let wares = crate::harness::wares();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell}; exec \"$0\" \"$@\"")])
        .arg(wares.get_program())
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .current_dir(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    drop(child.stderr.take());
    let address = fs::read_to_string(data.join("listening")).unwrap();
    (child, address.parse().unwrap())
}

fn signal(child: &std::process::Child, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_terminal_that_closes_ends_the_host_as_sigterm_does() {
    use std::io::{Read, Write};
    let data = data();
    let (mut child, address) = unheard(":", data.path());
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = "POST /auth/user/emailpass HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // The request is begun when the host asks for its body.
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    signal(&child, "-HUP");
    // From then on no other client is served.
    let end = Instant::now() + MARGIN;
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < end, "it does not end");
    }
    stream.write_all(b"{}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_hangup_that_the_parent_ignores_stays_ignored() {
    let data = data();
    let (mut child, _) = unheard("trap '' HUP", data.path());
    signal(&child, "-HUP");
    // After one that counts, a second signal would end it at once, with 130.
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
