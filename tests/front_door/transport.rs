//! HTTP itself: headers, methods, versions, connections.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;

use crate::harness::Shop;

#[test]
fn an_answer_has_its_headers() {
    let shop = Shop::open();
    let answer = shop.get("/admin/customers");
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    assert!(
        answer
            .header("etag")
            .starts_with(&format!("W/\"{:x}-", answer.body.len()))
    );
    assert_eq!(answer.header("x-powered-by"), "");
}

#[test]
fn an_unchanged_answer_is_not_sent_again() {
    let shop = Shop::open();
    let tag = shop.get("/admin/customers").header("etag").to_owned();
    let bearer = format!("Bearer {}", shop.token);
    let ask = |tag: &str| {
        shop.send(
            "GET",
            "/admin/customers",
            &[("authorization", &bearer), ("if-none-match", tag)],
            b"",
        )
    };
    let same = ask(&tag);
    assert_eq!(
        (same.status, same.body.as_str(), same.header("content-type")),
        (304, "", "")
    );
    shop.customer("a@b.co");
    assert_eq!(ask(&tag).status, 200);
}

#[test]
fn another_method_gets_the_allowed_ones() {
    let shop = Shop::open();
    let put = shop.ask("PUT", "/admin/customers", Some(&json!({})));
    put.refuses(
        405,
        "not_allowed",
        "/admin/customers takes GET, HEAD, POST, not PUT",
    );
    assert_eq!(put.header("allow"), "GET, HEAD, POST");
    let batch = shop.get("/admin/customer-groups/x/customers");
    assert_eq!((batch.status, batch.header("allow")), (405, "POST, DELETE"));
    shop.get("/admin/nope")
        .refuses(404, "not_found", "There is no GET /admin/nope");
    shop.get("/nope")
        .refuses(404, "not_found", "There is no GET /nope");
}

#[test]
fn head_is_get_without_its_body() {
    let shop = Shop::open();
    let get = shop.get("/admin/customers");
    let head = shop.ask("HEAD", "/admin/customers", None);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-length", "etag", "content-type"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[test]
fn paths_are_forgiving_as_medusas_are() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    for path in [
        "/ADMIN/Customers",
        "/admin/customers/",
        &format!("/Admin/customers/{id}/"),
    ] {
        assert_eq!(shop.get(path).status, 200, "{path}");
    }
    for path in ["/admin//customers", "/admin/%63ustomers"] {
        assert_eq!(shop.get(path).status, 404, "{path}");
    }
    let encoded = format!("/admin/customers/%63{}", &id[1..]);
    assert_eq!(shop.get(&encoded).at("/customer/id"), id);
    assert_eq!(shop.get("/admin/customers/%zz").status, 400);
}

#[test]
fn http_2_is_spoken_without_tls() {
    let shop = Shop::open();
    let (url, bearer) = (
        shop.url("/admin/customers"),
        format!("Bearer {}", shop.token),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (version, status, body) = runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Empty<hyper::body::Bytes>>();
        let request = hyper::Request::get(url)
            .header("authorization", bearer)
            .body(Empty::new())
            .unwrap();
        let answer = client.request(request).await.unwrap();
        let (version, status) = (answer.version(), answer.status());
        (
            version,
            status,
            answer.into_body().collect().await.unwrap().to_bytes(),
        )
    });
    assert_eq!((version, status.as_u16()), (hyper::Version::HTTP_2, 200));
    assert_eq!(
        &body[..],
        br#"{"customers":[],"count":0,"offset":0,"limit":15}"#
    );
}

#[test]
fn a_connection_without_a_first_request_is_closed() {
    let shop = Shop::with_setting("server.head_timeout_ms=200");
    for beginning in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n\r\nSM",
        "GET / HTTP/1.1\r\nHost",
    ] {
        assert_eq!(shop.raw(beginning), "", "{beginning}");
    }
    // One that begins slowly, and then pauses, is served.
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    for byte in "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("OK"),
        "{answer}"
    );
}

#[test]
fn an_idle_connection_is_closed() {
    let shop = Shop::with_setting("server.idle_timeout_ms=300");
    let served = shop.raw("GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(served.ends_with("\r\n\r\nOK"), "{served}");
    // HTTP/2, with settings of its own: none.
    let settings = shop.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    assert!(!settings.is_empty());
    assert_eq!(shop.get("/admin/customers").status, 200);
}

#[test]
fn a_connection_is_kept_longer_than_a_head_may_take() {
    let shop = Shop::with_setting("server.head_timeout_ms=200");
    let mut kept = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    let mut ask = || {
        kept.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nOK") {
            let mut buffer = [0; 1024];
            let read = kept.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
        }
    };
    ask();
    // Three heads after one another that do not come to their ends, each waited for.
    for _ in 0..3 {
        assert_eq!(shop.raw("GET /health HTTP/1.1\r\nHost"), "");
    }
    ask();
    // Its next head has the same time as that of any other.
    kept.write_all(b"GET /health HTTP/1.1\r\nHost").unwrap();
    let mut rest = String::new();
    kept.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn connections_leave_files_for_databases() {
    let shop = Shop::open_with(|command| {
        let mut limited = Command::new("sh");
        limited
            .args(["-c", "ulimit -n 120; exec \"$0\" \"$@\""])
            .arg(command.get_program())
            .args(command.get_args())
            .args(["--set", "server.connections_max=10000"])
            .current_dir(command.get_current_dir().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        *command = limited;
    });
    let connections: Vec<_> = (0..150)
        .map(|_| TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap())
        .collect();
    // One that was taken before is served, by a database that is opened only now.
    shop.get("/admin/customers").is(
        200,
        json!({"customers": [], "count": 0, "offset": 0, "limit": 15}),
    );
    drop(connections);
    let log = shop.server.stop_for_log();
    assert!(
        log.contains("fewer connections than server.connections_max") && !log.contains("ERROR"),
        "{log}"
    );
}

#[test]
fn a_connection_whose_client_reads_nothing_is_closed() {
    let shop = Shop::with_setting("server.body_timeout_ms=300");
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    // Until what was asked for fills what the kernel holds, and more is not read.
    let error = loop {
        let request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
        if let Err(error) = stream.write_all(request) {
            break error;
        }
    };
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
}

#[test]
fn pages_of_listed_origins_may_read() {
    let shop = Shop::with_setting("cors.origins=https://admin.example");
    let bearer = format!("Bearer {}", shop.token);
    let from = |origin: &str| {
        shop.send(
            "GET",
            "/admin/customers",
            &[("authorization", &bearer), ("origin", origin)],
            b"",
        )
    };
    assert_eq!(
        from("https://admin.example").header("access-control-allow-origin"),
        "https://admin.example"
    );
    assert_eq!(
        from("https://evil.example").header("access-control-allow-origin"),
        ""
    );
    let preflight = shop.send(
        "OPTIONS",
        "/admin/customers",
        &[
            ("origin", "https://admin.example"),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ],
        b"",
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        "authorization,content-type"
    );
}

#[test]
fn health_is_for_anyone() {
    let shop = Shop::open();
    let health = shop.send("GET", "/health", &[], b"");
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));
}

#[test]
fn bytes_that_are_no_http_get_400() {
    let shop = Shop::open();
    assert!(shop.raw("NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(shop.raw(&long).starts_with("HTTP/1.1 431 "));
    assert_eq!(shop.get("/health").status, 200);
}
