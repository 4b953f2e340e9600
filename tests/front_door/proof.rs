//! A command sends its token only to the host of its data folder.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Server, Shop, data, fifo, open_fifo, run, text, wares};

/// A data folder that is in use until the returned lock is dropped.
fn lock(data: &Path) -> File {
    let lock = File::options()
        .append(true)
        .open(data.join("lock"))
        .unwrap();
    lock.try_lock().unwrap();
    lock
}

fn say_where(data: &Path, address: SocketAddr) {
    fs::write(data.join("listening"), address.to_string()).unwrap();
}

fn list(data: &Path) -> Output {
    run(["module", "list", "--data", data.to_str().unwrap()])
}

/// Listens as a stranger at the address of an earlier run, does with the first
/// connection what is given, and returns where, and later all that it got.
fn stranger(
    act: impl FnOnce(&mut TcpStream, &mut Vec<u8>) + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut got = Vec::new();
        act(&mut stream, &mut got);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut got);
        tell.send(got).unwrap();
    });
    (address, told)
}

/// Reads the head of a request.
fn head(stream: &mut TcpStream, got: &mut Vec<u8>) {
    let mut byte = [0];
    while !got.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        got.push(byte[0]);
    }
}

/// Answers the first request with this.
fn answers(answer: String) -> impl FnOnce(&mut TcpStream, &mut Vec<u8>) + Send + 'static {
    move |stream, got| {
        head(stream, got);
        let _ = stream.write_all(answer.as_bytes());
    }
}

/// A whole answer.
fn answer(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Asserts that a command got nothing from the listener at this address, and sent it nothing.
#[track_caller]
fn told_nothing(data: &Path, address: SocketAddr, told: &mpsc::Receiver<Vec<u8>>, why: &str) {
    let before = Instant::now();
    let refused = list(data);
    assert!(before.elapsed() < Duration::from_secs(60));
    let said = text(&refused.stderr);
    assert_eq!(
        (refused.status.code(), text(&refused.stdout)),
        (Some(1), String::new()),
        "{said}"
    );
    let want = format!(
        "wares: the program at {address} does not answer as the host that serves the data folder {}: {why}",
        data.display()
    );
    assert!(
        said.starts_with(&want) && said.lines().count() == 1,
        "{said}"
    );
    assert!(
        said.contains("Nothing was sent there but a challenge"),
        "{said}"
    );
    let got = String::from_utf8_lossy(&told.recv().unwrap()).to_lowercase();
    assert!(
        got.is_empty() || got.starts_with("get /_wares/host?challenge="),
        "{got}"
    );
    assert!(got.matches("http/1.1").count() <= 1, "{got}");
    for word in ["authorization", "bearer", "eyj", "modules"] {
        assert!(!got.contains(word), "{got}");
    }
}

#[test]
fn a_stranger_at_the_address_of_an_earlier_run_gets_only_a_challenge() {
    let folder = data();
    let data = folder.path();
    let _lock = lock(data);
    let no_proof = "it does not answer a challenge";
    let wrong = "its proof is not that of this folder at this address";
    let proof = |proof: &str| answer("200 OK", &json!({"proof": proof}).to_string());
    for (sent, why) in [
        (proof(""), wrong),
        (proof(&"A".repeat(43)), wrong),
        (answer("200 OK", r#"{"modules":[]}"#), no_proof),
        (
            answer("401 Unauthorized", r#"{"message":"Unauthorized"}"#),
            no_proof,
        ),
        (answer("200 OK", &"x".repeat(1 << 20)), no_proof),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), "the host does not answer"),
        (String::new(), "the host does not answer"),
    ] {
        let (address, told) = stranger(answers(sent));
        say_where(data, address);
        told_nothing(data, address, &told, why);
    }
    // One who accepts, and says nothing.
    let (address, told) = stranger(|stream, got| {
        head(stream, got);
        let _ = stream.read_to_end(got);
    });
    say_where(data, address);
    told_nothing(data, address, &told, "it proved nothing within 5 s");
}

#[test]
fn a_stranger_that_relays_the_challenge_gets_nothing_else() {
    let shop = Shop::open();
    let data = shop.data.path();
    let host = SocketAddr::from(([127, 0, 0, 1], shop.server.port));
    let listening = data.join("listening");
    assert_eq!(fs::read_to_string(&listening).unwrap(), host.to_string());
    let (address, told) = stranger(move |stream, got| {
        head(stream, got);
        let mut real = TcpStream::connect(host).unwrap();
        real.write_all(got).unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\"}") && real.read(&mut byte).unwrap() == 1 {
            answer.push(byte[0]);
        }
        stream.write_all(&answer).unwrap();
    });
    say_where(data, address);
    told_nothing(
        data,
        address,
        &told,
        "its proof is not that of this folder at this address",
    );
    // The host of another folder cannot prove anything either.
    let folder = tempfile::TempDir::new().unwrap();
    let other = Server::start(folder.path(), |_| {});
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], other.port));
    say_where(data, elsewhere);
    let said = text(&list(data).stderr);
    assert!(
        said.contains("its proof is not that of this folder"),
        "{said}"
    );
    say_where(data, host);
    let listed = list(data);
    assert!(listed.status.success(), "{listed:?}");
    assert!(
        text(&listed.stdout).starts_with("customer serves "),
        "{listed:?}"
    );
}

#[test]
fn the_host_proves_itself_only_by_a_challenge() {
    let shop = Shop::open();
    let ask = |query: &str| shop.send("GET", &format!("/_wares/host{query}"), &[], b"");
    let of = |digit: &str| ask(&format!("?challenge={}", digit.repeat(64)));
    assert_eq!(of("a").at("/proof").len(), 43);
    assert_eq!(of("a").body, of("a").body);
    assert_ne!(of("a").body, of("b").body);
    ask("").is_invalid("Field 'challenge' is required");
    ask("?challenge[x]=1")
        .is_invalid("Expected type: 'string' for field 'challenge', got: '[object Object]'");
    ask("?challenge=abc").is_invalid("Field 'challenge' must be 64 hexadecimal digits");
    ask(&format!("?challenge={}&x=1", "a".repeat(64))).is_invalid("Unrecognized fields: 'x'");
    shop.send("GET", "/_wares/hosts", &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn the_address_is_in_the_folder_while_the_host_serves() {
    let mut shop = Shop::open();
    let listening = shop.data.path().join("listening");
    assert!(listening.exists());
    assert!(shop.server.stop().success());
    assert!(!listening.exists());
    // A killed host leaves it. The next holder of the folder removes it.
    let Shop { data, server, .. } = shop;
    drop(server);
    let mut shop = Shop::open_on(data, |_| {});
    shop.server.child.kill().unwrap();
    shop.server.child.wait().unwrap();
    assert!(listening.exists());
    // So are half-written files of a killed host, and no other files.
    let half = shop.data.path().join("listening.partial");
    let other = shop.data.path().join("mine.partial");
    fs::write(&half, "127").unwrap();
    fs::write(&other, "mine").unwrap();
    assert!(shop.run(&["key", "list"]).status.success());
    assert!(!listening.exists() && !half.exists() && other.exists());
}

#[test]
fn a_starting_host_differs_from_none_and_from_a_serving_one() {
    let folder = data();
    let data = folder.path();
    let listening = data.join("listening");
    let stale = TcpListener::bind("127.0.0.1:0").unwrap();
    say_where(data, stale.local_addr().unwrap());
    let (begun, go_on) = (data.join("begun"), data.join("go-on"));
    fifo(&begun);
    fifo(&go_on);
    let fault = format!(
        "start.customer=wait:{},start.customer=wait:{}",
        begun.display(),
        go_on.display()
    );
    let mut host = wares()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.to_str().unwrap(),
        ])
        .current_dir(data)
        .env("WARES_FAULT", fault)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _begun = open_fifo(&begun);
    assert!(!listening.exists());
    let refused = list(data);
    let want = format!(
        "wares: the data folder {} is in use by another wares that does not serve: a host that starts or \
         stops, or a command. Try again in a moment",
        data.display()
    );
    let said = text(&refused.stderr);
    assert!(
        refused.status.code() == Some(1) && said.starts_with(&want),
        "{said}"
    );
    let _go_on = open_fifo(&go_on);
    let mut stdout = io::BufReader::new(host.stdout.take().unwrap());
    io::BufRead::read_line(&mut stdout, &mut String::new()).unwrap();
    let listed = list(data);
    host.kill().unwrap();
    host.wait().unwrap();
    assert!(listed.status.success(), "{listed:?}");
}
