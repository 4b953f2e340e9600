//! Attacks that cost a client nothing must not cost the host memory or time: answers that
//! are not read, bodies that do not end, frames and requests without work.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use h2::client::SendRequest;
use h2::{PingPong, RecvStream, SendStream};
use hyper::body::Bytes;
use hyper::{Request, Response};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::harness::{JSON, Shop};

/// Streams that the host lets a connection have.
const STREAMS: usize = 100;
const MIB: u64 = 1 << 20;
const BUNDLE: &str = "/docs/swagger-ui-bundle.js";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// An HTTP/2 connection of a client that does what no client should.
struct Client {
    requests: SendRequest<Bytes>,
    pings: PingPong,
}

impl Client {
    /// Connects; of each answer so many bytes are taken.
    async fn connect(shop: &Shop, window: u32) -> Self {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", shop.server.port))
            .await
            .unwrap();
        let (requests, mut connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(1 << 24)
            .handshake(stream)
            .await
            .unwrap();
        let pings = connection.ping_pong().unwrap();
        tokio::spawn(async move {
            // How it ends is what its requests see.
            let _ = connection.await;
        });
        Self { requests, pings }
    }

    /// Begins a request, whose body is to come or not.
    async fn begin(
        &mut self,
        shop: &Shop,
        request: hyper::http::request::Builder,
        path: &str,
        is_whole: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let request: Request<()> = request.uri(shop.url(path)).body(()).unwrap();
        self.requests = self.requests.clone().ready().await.unwrap();
        self.requests.send_request(request, is_whole).unwrap()
    }

    async fn get(&mut self, shop: &Shop, path: &str, token: &str) -> Response<RecvStream> {
        let request = Request::get("/").header("authorization", format!("Bearer {token}"));
        let (answer, _) = self.begin(shop, request, path, true).await;
        answer.await.unwrap()
    }

    /// Sends PINGs until the connection ends.
    async fn until_it_ends(mut self) {
        let pings = async {
            while self.pings.ping(h2::Ping::opaque()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), pings)
            .await
            .expect("the connection ends");
    }
}

/// Sends a part of a body as the windows allow.
async fn send(
    body: &mut SendStream<Bytes>,
    mut data: Bytes,
    is_end: bool,
) -> Result<(), h2::Error> {
    body.reserve_capacity(data.len());
    while !data.is_empty() {
        let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
        let Some(room) = room else { break };
        let part = data.split_to(room?.min(data.len()));
        body.send_data(part, is_end && data.is_empty())?;
    }
    Ok(())
}

/// All of a body, taken as it comes.
async fn take(answer: Response<RecvStream>) -> Result<Vec<u8>, h2::Error> {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The server's memory, in bytes.
fn memory(shop: &Shop) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", shop.server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap();
    kib * 1024
}

#[track_caller]
fn grew_by_less(shop: &Shop, before: u64, mib: u64) {
    let now = memory(shop);
    assert!(
        now < before + mib * MIB,
        "{} MiB before, {} MiB now",
        before / MIB,
        now / MIB
    );
}

#[test]
fn unread_pages_cost_no_memory_and_end_their_connection() {
    let shop = Shop::with_setting("server.body_timeout_ms=10000");
    let bundle = shop.send("GET", BUNDLE, &[], b"");
    assert!(bundle.status == 200 && bundle.body.len() > 500_000);
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = Client::connect(&shop, 0).await;
            let mut answers = Vec::new();
            for _ in 0..STREAMS {
                let (answer, _) = client.begin(&shop, Request::get("/"), BUNDLE, true).await;
                answers.push(answer);
            }
            let mut bodies = Vec::new();
            for answer in answers {
                let answer = answer.await.unwrap();
                assert_eq!(answer.status(), 200);
                bodies.push(answer);
            }
            clients.push((client, bodies));
        }
        grew_by_less(&shop, before, 64);
        let neighbour = shop.send("GET", BUNDLE, &[], b"");
        assert!(neighbour.status == 200 && neighbour.body == bundle.body);
        for (client, _bodies) in clients {
            client.until_it_ends().await;
        }
    });
    grew_by_less(&shop, before, 64);
}

/// A shop whose list of customers has 2 MB.
fn full_shop(setting: &str) -> Shop {
    let shop = Shop::with_setting(setting);
    let name = "x".repeat(100_000);
    for number in 0..20 {
        let body = json!({"email": format!("{number}@b.co"), "first_name": name});
        assert_eq!(shop.post("/admin/customers", body).status, 200);
    }
    shop
}

const LIST: &str = "/admin/customers?limit=20";

#[test]
fn unread_answers_are_bounded() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let whole = shop.get(LIST).body;
    assert!(whole.len() > 2_000_000);
    let before = memory(&shop);
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 0).await;
        let mut kept = Vec::new();
        let mut refused = 0;
        for _ in 0..STREAMS {
            let answer = client.get(&shop, LIST, &shop.token).await;
            if answer.status() == 200 {
                kept.push(answer);
            } else {
                assert_eq!(answer.status(), 503);
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
        }
        assert!(
            (1..=4).contains(&kept.len()),
            "{} and {refused}",
            kept.len()
        );
        grew_by_less(&shop, before, 64);
        // A small answer has room beside them, and so has a neighbour's large one.
        let health = client.get(&shop, "/health", "").await;
        assert_eq!(health.status(), 200);
        assert_eq!(shop.get(LIST).body, whole);
    });
}

#[test]
fn a_connection_that_reads_its_answers_late_is_served() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let whole = shop.get(LIST).body;
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 65_535).await;
        let mut waiting = Vec::new();
        let last = loop {
            let answer = client.get(&shop, LIST, &shop.token).await;
            if answer.status() == 503 {
                break answer;
            }
            waiting.push(answer);
        };
        for answer in waiting {
            assert_eq!(take(answer).await.unwrap(), whole.as_bytes());
        }
        assert!(
            String::from_utf8(take(last).await.unwrap())
                .unwrap()
                .contains("wait to be taken")
        );
        let again = client.get(&shop, LIST, &shop.token).await;
        assert_eq!(take(again).await.unwrap(), whole.as_bytes());
    });
}

#[test]
fn a_write_whose_answer_has_no_room_is_not_to_be_retried() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let group = shop.group("all");
    let ids: Vec<String> = shop.get("/admin/customers?fields=id").value()["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|customer| customer["id"].as_str().unwrap().to_owned())
        .collect();
    let members = json!({"add": ids});
    shop.post(
        &format!("/admin/customer-groups/{group}/customers"),
        members,
    );
    let path = format!("/admin/customer-groups/{group}?fields=name,customers.first_name");
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 0).await;
        let mut waiting = Vec::new();
        for _ in 0..5 {
            waiting.push(client.get(&shop, LIST, &shop.token).await);
        }
        let request = Request::post("/")
            .header("authorization", format!("Bearer {}", shop.token))
            .header("content-type", "application/json");
        let (answer, mut body) = client.begin(&shop, request, &path, false).await;
        send(
            &mut body,
            Bytes::from_static(br#"{"name":"renamed"}"#),
            true,
        )
        .await
        .unwrap();
        // A refusal before it was done, or a stream that breaks off after.
        match answer.await {
            Ok(answer) if answer.status() == 503 => {
                assert!(shop.get(&path).body.contains("all"));
            }
            Ok(answer) => {
                take(answer).await.unwrap_err();
                assert!(shop.get(&path).body.contains("renamed"));
            }
            Err(_) => assert!(shop.get(&path).body.contains("renamed")),
        }
    });
}

/// Begins requests whose bodies do not end, as far as the host takes them.
async fn unfinished(
    shop: &Shop,
    path: &str,
    bytes: usize,
) -> (Client, Vec<(h2::client::ResponseFuture, SendStream<Bytes>)>) {
    let mut client = Client::connect(shop, 65_535).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let request = Request::post("/").header("content-type", "application/json");
        let (answer, mut body) = client.begin(shop, request, path, false).await;
        // One that is refused by now takes no more.
        let _ = send(&mut body, Bytes::from(vec![b' '; bytes]), false).await;
        streams.push((answer, body));
    }
    (client, streams)
}

/// A stranger's body in two pieces that are not there at once.
async fn in_two_pieces(shop: &Shop) -> (u16, Vec<u8>) {
    let mut client = Client::connect(shop, 65_535).await;
    let request = Request::post("/").header("content-type", "application/json");
    let (answer, mut body) = client
        .begin(shop, request, "/auth/user/emailpass", false)
        .await;
    // It is refused meanwhile if the room is used up.
    let beginning = format!("{{{}", " ".repeat(60_000));
    let _ = send(&mut body, beginning.into(), false).await;
    client.pings.ping(h2::Ping::opaque()).await.unwrap();
    let _ = send(&mut body, Bytes::from_static(b"}"), true).await;
    let answer = answer.await.unwrap();
    (answer.status().as_u16(), take(answer).await.unwrap())
}

#[test]
fn bodies_that_do_not_end_are_bounded() {
    let shop = Shop::open();
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(unfinished(&shop, "/auth/user/emailpass", 40_000).await);
        }
        grew_by_less(&shop, before, 64);
        assert_eq!(in_two_pieces(&shop).await.0, 503);
        // Who is known has room of their own, and what comes at once needs none.
        let name = "x".repeat(90_000);
        let body = json!({"email": "a@b.co", "first_name": name});
        assert_eq!(shop.post("/admin/customers", body).status, 200);
        let sign_in = shop.send("POST", "/auth/user/emailpass", &[JSON], b"{}");
        assert_eq!(sign_in.status, 401);
        // The others stay: without them their streams would be reset.
        let (_client, mut streams) = clients.pop().unwrap();
        let (answer, _body) = streams.pop().unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    });
    runtime().block_on(async {
        // All of them are gone with their connections, if not at once.
        while in_two_pieces(&shop).await.0 != 401 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn heads_that_wait_for_their_bodies_are_bounded() {
    let shop = Shop::open();
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = Client::connect(&shop, 65_535).await;
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                let mut request = Request::post("/").header("content-type", "application/json");
                for number in 0..90 {
                    request = request.header(format!("x-{number}"), "x".repeat(100));
                }
                streams.push(
                    client
                        .begin(&shop, request, "/admin/customers", false)
                        .await,
                );
            }
            clients.push((client, streams));
        }
        let (_client, mut streams) = clients.pop().unwrap();
        let (answer, _body) = streams.pop().unwrap();
        assert_eq!(answer.await.unwrap().status(), 503);
        grew_by_less(&shop, before, 96);
        let made = shop.post("/admin/customers", json!({"email": "a@b.co"}));
        assert_eq!(made.status, 200);
        let sign_in = shop.send("POST", "/auth/user/emailpass", &[JSON], b"{}");
        assert_eq!(sign_in.status, 401);
    });
}

#[test]
fn heads_of_components_without_credentials_are_bounded() {
    let shop = Shop::open();
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..40 {
            let mut client = Client::connect(&shop, 65_535).await;
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                let mut request = Request::put("/");
                for number in 0..90 {
                    request = request.header(format!("x-{number}"), "x".repeat(100));
                }
                let path = "/_wares/modules/customer";
                streams.push(client.begin(&shop, request, path, false).await);
            }
            clients.push((client, streams));
        }
        // Where strangers have no room, none is waited for.
        let (_client, mut streams) = clients.pop().unwrap();
        let (answer, _body) = streams.pop().unwrap();
        assert_eq!(answer.await.unwrap().status(), 401);
        grew_by_less(&shop, before, 128);
        let made = shop.post("/admin/customers", json!({"email": "a@b.co"}));
        assert_eq!(made.status, 200);
    });
}

#[test]
fn bodies_of_refused_requests_are_not_kept() {
    let shop = Shop::open();
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for path in ["/admin/customers", "/nope", "/admin/nope", "/health"] {
            for _ in 0..3 {
                clients.push(unfinished(&shop, path, 40_000).await);
            }
        }
        // So there is room for others.
        assert_eq!(in_two_pieces(&shop).await.0, 401);
        grew_by_less(&shop, before, 64);
        let (_client, streams) = clients.remove(0);
        for (answer, mut body) in streams {
            send(&mut body, Bytes::from_static(b"{}"), true)
                .await
                .unwrap();
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 401);
        }
    });
}

#[test]
fn a_fault_of_the_body_is_answered_before_one_of_the_credentials() {
    let shop = Shop::open();
    let large = |length: usize| "x".repeat(length).into_bytes();
    let packed = [JSON, ("content-encoding", "gzip")];
    let strange = [("content-type", "application/json; charset=latin1")];
    let text = [("content-type", "text/plain")];
    // The path, and what a body that is fine gets there.
    for (method, path, fine) in [
        ("POST", "/admin/customers", 401),
        ("PUT", "/admin/customers", 401),
        ("POST", "/admin/nope", 401),
        ("POST", "/nope", 404),
        ("POST", "/health", 405),
        ("POST", "/auth/user/emailpass", 401),
    ] {
        let status =
            |headers: &[(&str, &str)], body: &[u8]| shop.send(method, path, headers, body).status;
        assert_eq!(status(&[JSON], b"{}"), fine, "{method} {path}");
        assert_eq!(status(&[JSON], b"{"), 400, "{method} {path}");
        assert_eq!(status(&packed, b"plain"), 400, "{method} {path}");
        assert_eq!(status(&[JSON], &large(16_384)), 400, "{method} {path}");
        // Where a body of another size or type would be refused too, those are not the reason.
        let is_taken = fine == 401;
        let (too_large, unsupported) = if is_taken { (413, 415) } else { (fine, fine) };
        for length in [102_401, 3_000_000] {
            let status = status(&[JSON], &large(length));
            assert_eq!(status, too_large, "{method} {path}");
        }
        for kind in [&strange[..], &text, &[]] {
            assert_eq!(status(kind, b"{}"), unsupported, "{method} {path}");
        }
    }
    // Of what leads nowhere no more than 16 KiB is looked at.
    for (path, status) in [
        ("/admin/customers", 401),
        ("/nope", 404),
        ("/auth/user/emailpass", 400),
    ] {
        for length in [16_385, 102_400] {
            let answer = shop.send("POST", path, &[JSON], &large(length));
            assert_eq!(answer.status, status, "{path}");
        }
    }
    let bearer = format!("Bearer {}", shop.token);
    let known = [JSON, ("authorization", bearer.as_str())];
    for (path, body, status) in [
        ("/admin/customers", large(16_385), 400),
        ("/admin/customers", large(102_401), 413),
        ("/admin/nope", b"{}".to_vec(), 404),
    ] {
        let answer = shop.send("POST", path, &known, &body);
        assert_eq!(answer.status, status, "{path}");
    }
}

#[test]
fn a_body_in_crumbs_is_refused() {
    let shop = Shop::open();
    let chunked = |piece: &str, count: usize| {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        let head = "POST /auth/user/emailpass HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{}2\r\n{{}}\r\n0\r\n\r\n", chunk.repeat(count))
    };
    let crumbs = shop.raw(&chunked(" ", 1500));
    assert!(crumbs.starts_with("HTTP/1.1 400 "), "{crumbs}");
    assert!(crumbs.contains("too many small pieces"), "{crumbs}");
    for (length, count) in [(1, 900), (100, 1000)] {
        let pieces = shop.raw(&chunked(&" ".repeat(length), count));
        assert!(pieces.starts_with("HTTP/1.1 401 "), "{pieces}");
    }
}

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
