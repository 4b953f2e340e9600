//! Frames and requests without work.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hyper::Request;

use super::{Client, runtime, take};
use crate::harness::Shop;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![
        0,
        0,
        u8::try_from(payload.len()).unwrap(),
        kind,
        flags,
        0,
        0,
        0,
        stream,
    ];
    frame.extend_from_slice(payload);
    frame
}

/// An HTTP/2 connection as plain bytes.
fn raw_http_2(shop: &Shop) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    stream.write_all(PREFACE).unwrap();
    stream
}

/// Repeats the same frames until the host ends the connection; returns how often.
fn until_it_ends(mut stream: TcpStream, frames: &[u8]) -> usize {
    let mut answers = stream.try_clone().unwrap();
    // Unread answers would stop the host from reading.
    let reading = std::thread::spawn(move || {
        let mut buffer = [0; 16_384];
        while matches!(answers.read(&mut buffer), Ok(1..)) {}
    });
    let mut sent = 0;
    while stream.write_all(frames).is_ok() {
        sent += 1;
        assert!(sent < 10_000_000, "it does not end");
    }
    reading.join().unwrap();
    sent
}

#[test]
fn frames_without_work_end_their_connection() {
    let shop = Shop::open();
    let head = b"\x82\x86\x04\x07/health\x01\x01x";
    let request = frame(1, 5, 1, head);
    for (what, frames) in [
        ("PING", frame(6, 0, 0, b"12345678")),
        ("SETTINGS", frame(4, 0, 0, b"")),
        ("PRIORITY", frame(2, 0, 1, b"\0\0\0\0\x10")),
        ("WINDOW_UPDATE", frame(8, 0, 0, b"\0\0\0\x01")),
        ("unknown", frame(0xee, 0, 0, b"x")),
    ] {
        let mut stream = raw_http_2(&shop);
        stream.write_all(&request).unwrap();
        let sent = until_it_ends(stream, &frames);
        assert!(sent > 900, "{what}: {sent}");
        assert_eq!(shop.get("/health").status, 200);
    }
    let mut stream = raw_http_2(&shop);
    let post = frame(1, 4, 1, b"\x83\x86\x04\x07/health\x01\x01x");
    stream.write_all(&post).unwrap();
    let sent = until_it_ends(stream, &frame(0, 0, 1, b""));
    assert!(sent > 90, "DATA: {sent}");
}

#[test]
fn a_connection_with_some_pings_is_served() {
    let shop = Shop::open();
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 65_535).await;
        for _ in 0..1000 {
            client.pings.ping(h2::Ping::opaque()).await.unwrap();
            client.pings.ping(h2::Ping::opaque()).await.unwrap();
            let answer = client.get(&shop, "/health", "").await;
            assert_eq!(take(answer).await.unwrap(), b"OK");
        }
    });
}

#[test]
fn refused_requests_end_their_connection() {
    let shop = Shop::open();
    for (head, status) in [
        ("GET /nope HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("GET /admin/customers HTTP/1.1\r\nHost: x\r\n\r\n", "401"),
        ("DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
        let (mut answered, mut closing) = (0, false);
        while !closing {
            stream.write_all(head.as_bytes()).unwrap();
            let answer = one_answer(&mut stream);
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{answer}"
            );
            closing = answer.contains("connection: close");
            answered += 1;
            assert!(answered < 100_000, "it does not end");
        }
        assert!(answered > 1000, "{answered}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it is closed");
    }
    // Asking for what is there may go on.
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    for _ in 0..3000 {
        stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let answer = one_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.contains("connection: close"));
    }
}

/// Reads one answer of HTTP/1.
fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "it is closed too early");
        answer.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if length.is_some_and(|length| length.parse::<usize>().unwrap() == body.len()) {
            return text.into_owned();
        }
    }
}

#[test]
fn refused_requests_end_their_http_2_connection() {
    let shop = Shop::open();
    runtime().block_on(async {
        let client = Client::connect(&shop, 65_535).await;
        let mut answered = 0;
        let ended = loop {
            assert!(answered < 100_000, "it does not end");
            let request = Request::get(shop.url("/nope")).body(()).unwrap();
            let Ok(mut requests) = client.requests.clone().ready().await else {
                break true;
            };
            let Ok((answer, _)) = requests.send_request(request, true) else {
                break true;
            };
            match answer.await {
                Ok(answer) => assert_eq!(answer.status(), 404),
                Err(_) => break true,
            }
            answered += 1;
        };
        assert!(ended && answered > 900, "{answered}");
        let mut another = Client::connect(&shop, 65_535).await;
        assert_eq!(another.get(&shop, "/health", "").await.status(), 200);
    });
}
