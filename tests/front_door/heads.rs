//! The rules of HTTP for a request's head, byte by byte; a refusal names the broken rule.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::harness::{JSON, Shop};

/// The answers in what came over a connection: each with its head and its body.
fn answers(text: &str) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    let mut rest = text;
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.parse::<usize>().unwrap())
        });
        let (body, next) = after.split_at(length.unwrap_or(0));
        answers.push((head.to_owned(), body.to_owned()));
        rest = next;
    }
    assert_eq!(rest, "", "{text}");
    answers
}

/// Asserts that there is one answer, a refusal of this status, as every error is, and
/// that the connection ends with it. Returns its message.
#[track_caller]
fn refused(answer: &str, status: u16) -> String {
    let answers = answers(answer);
    let [(head, body)] = &*answers else {
        panic!("{answer}");
    };
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(head.contains("connection: close"), "{head}");
    assert!(head.contains("content-type: application/json; charset=utf-8"));
    assert!(head.contains("x-request-id: "), "{head}");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    assert!(body["type"].is_string());
    body["message"].as_str().unwrap().to_owned()
}

#[track_caller]
fn served(answer: &str) {
    let answers = answers(answer);
    assert_eq!(answers.len(), 1, "{answer}");
    assert!(
        answers[0].0.contains(" 200 OK") && answers[0].1 == "OK",
        "{answer}"
    );
}

#[test]
fn an_unreadable_head_is_refused_with_a_reason() {
    let shop = Shop::with_setting("server.head_bytes_max=16384");
    let invalid = "The request line or a header is not valid HTTP/1.1";
    for request in [
        "NONSENSE\r\n\r\n",
        "GET /\r\nHost: x\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: x\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nx: a\0b\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(refused(&shop.raw(request), 400), invalid, "{request}");
    }
    let long = "The request line and the headers are longer than 16384 bytes (server.head_bytes_max), \
                or more than 100 headers";
    let many: String = (0..101)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    for headers in [format!("x: {}\r\n", "y".repeat(300_000)), many] {
        let answer = shop.raw(&format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        assert_eq!(refused(&answer, 431), long);
    }
    // Answers that came before on the connection stay as they are.
    let both = shop.raw("GET /health HTTP/1.1\r\nHost: x\r\n\r\nNONSENSE\r\n\r\n");
    let both = answers(&both);
    assert_eq!((both.len(), both[0].1.as_str()), (2, "OK"));
    assert!(both[1].1.contains(invalid), "{both:?}");
    // So do the host's own refusals.
    let own = shop.raw("GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(refused(&own, 404), "There is no GET /nope");
}

#[test]
fn a_request_names_one_host() {
    let shop = Shop::open();
    let ask = |version: &str, target: &str, headers: &str| {
        shop.raw(&format!(
            "GET {target} HTTP/{version}\r\n{headers}Connection: close\r\n\r\n"
        ))
    };
    for (headers, said) in [
        ("", "A request of HTTP/1.1 needs a Host header"),
        (
            "Host: x\r\nHost: x\r\n",
            "The request has more than one Host header",
        ),
        (
            "Host: x\r\nhost: y\r\n",
            "The request has more than one Host header",
        ),
        (
            "Host: a b\r\n",
            "The Host header is no host, or host:port: 'a b'",
        ),
        (
            "Host: a/b\r\n",
            "The Host header is no host, or host:port: 'a/b'",
        ),
        (
            "Host: u@a\r\n",
            "The Host header is no host, or host:port: 'u@a'",
        ),
        (
            "Host: a:b\r\n",
            "The Host header is no host, or host:port: 'a:b'",
        ),
    ] {
        assert_eq!(refused(&ask("1.1", "/health", headers), 400), said);
        // A target that is a whole URI does not make up for it.
        let target = "http://x/health";
        assert_eq!(refused(&ask("1.1", target, headers), 400), said);
    }
    for headers in ["Host: x\r\n", "Host: [::1]:9000\r\n", "Host:\r\n"] {
        served(&ask("1.1", "/health", headers));
    }
    // HTTP/1.0 needs none, and no two.
    for headers in ["", "Host: x\r\n"] {
        let answer = ask("1.0", "/health", headers);
        assert!(
            answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("OK"),
            "{answer}"
        );
    }
    let two = ask("1.0", "/health", "Host: x\r\nHost: y\r\n");
    assert!(two.starts_with("HTTP/1.0 400 "), "{two}");
}

#[test]
fn a_target_is_a_path_or_a_uri() {
    let shop = Shop::open();
    let ask = |method: &str, target: &str| {
        shop.raw(&format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        ))
    };
    for target in [
        "/health",
        "http://x/health",
        "http://other:81/health",
        "HTTPS://x/health",
    ] {
        served(&ask("GET", target));
    }
    for (target, said) in [
        ("health", "The target 'health' is neither a path nor a URI"),
        ("x:80", "The target 'x:80' is neither a path nor a URI"),
        (
            "ftp://x/health",
            "The target's scheme is 'ftp', neither http nor https",
        ),
        ("http://u:p@x/health", "A target names no user"),
        ("*", "The target '*' is for OPTIONS alone"),
    ] {
        assert_eq!(refused(&ask("GET", target), 400), said, "{target}");
    }
}

#[test]
fn the_end_of_a_body_is_unambiguous() {
    let shop = Shop::open();
    // A server that reads only the last coding, or the length, would read this as a request.
    const SMUGGLED: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let ask = |framing: &str, body: &str| {
        shop.raw(&format!(
            "POST /auth/user/emailpass HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             {framing}\r\n{body}{SMUGGLED}"
        ))
    };
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    for (framing, status, said) in [
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            501,
            "The transfer coding 'gzip' is not supported: send chunked alone",
        ),
        (
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            501,
            "The transfer coding 'gzip' is not supported: send chunked alone",
        ),
        (
            "Transfer-Encoding: identity, chunked\r\n",
            501,
            "The transfer coding 'identity' is not supported: send chunked alone",
        ),
        (
            "Transfer-Encoding: chunked, chunked\r\n",
            400,
            "In Transfer-Encoding, nothing comes after chunked",
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            400,
            "In Transfer-Encoding, nothing comes after chunked",
        ),
    ] {
        assert_eq!(refused(&ask(framing, chunks), status), said, "{framing}");
    }
    // With both, the chunks count, and nothing is read after them (RFC 9112, section 6.1).
    for framing in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2000\r\n",
    ] {
        let answer = ask(framing, chunks);
        assert_eq!(
            refused(&answer, 401),
            "Password should be a string",
            "{framing}"
        );
    }
    // In one way, the next request is one.
    for (framing, body) in [
        ("Transfer-Encoding: , Chunked\r\n", chunks),
        ("Content-Length: 2\r\n", "{}"),
        ("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
        let request = format!(
            "POST /auth/user/emailpass HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             {framing}\r\n{body}GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut both = String::new();
        stream.read_to_string(&mut both).unwrap();
        let both = answers(&both);
        assert_eq!((both.len(), both[1].1.as_str()), (2, "OK"), "{framing}");
    }
}

#[test]
fn http_2_names_one_host_as_well() {
    let shop = Shop::open();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let port = shop.server.port;
    let ask = |uri: &str, hosts: &[&str]| {
        let mut request = hyper::Request::get(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let request = request.body(()).unwrap();
        runtime.block_on(async move {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            let (requests, connection) = h2::client::handshake(stream.unwrap()).await.unwrap();
            tokio::spawn(connection);
            let mut requests = requests.ready().await.unwrap();
            let (answer, _) = requests.send_request(request, true).unwrap();
            answer.await.map(|answer| answer.status().as_u16())
        })
    };
    let whole = "http://shop.example/health";
    for (uri, hosts, status) in [
        (whole, &[][..], 200),
        (whole, &["shop.example"], 200),
        (whole, &["SHOP.example:80"], 200),
        (whole, &["other.example"], 400),
        (whole, &["shop.example", "shop.example"], 400),
    ] {
        assert_eq!(ask(uri, hosts).unwrap(), status, "{uri} {hosts:?}");
    }
}

#[test]
fn method_and_path_are_decided_before_the_size_of_a_body() {
    let shop = Shop::open();
    let bearer = format!("Bearer {}", shop.token);
    let component = vec![0_u8; 300_000];
    let post = |path: &str, kind: &str, body: &[u8]| {
        let headers = [("authorization", &*bearer), ("content-type", kind)];
        shop.send("POST", path, &headers, body)
    };
    let module = "/_wares/modules/customer";
    for (kind, body) in [
        ("application/wasm", &*component),
        ("application/wasm", b"\0asm"),
        (JSON.1, &component),
    ] {
        let refused = post(module, kind, body);
        let said = format!("{module} takes GET, HEAD, PUT, DELETE, not POST");
        refused.refuses(405, "not_allowed", &said);
        assert_eq!(refused.header("allow"), "GET, HEAD, PUT, DELETE");
        let nowhere = post("/admin/nope", kind, body);
        nowhere.refuses(404, "not_found", "There is no POST /admin/nope");
    }
    // A stranger learns nothing of it, and a route that takes bodies says how large.
    let stranger = shop.send("POST", module, &[JSON], b"{}");
    assert_eq!(stranger.status, 401);
    let large = post("/admin/customers", JSON.1, &component);
    assert_eq!(
        (large.status, large.at("/message").as_str()),
        (413, "request entity too large")
    );
}
