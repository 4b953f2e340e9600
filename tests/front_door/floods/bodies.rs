//! Bodies that do not end, or belong to refused requests.

use hyper::Request;
use hyper::body::Bytes;
use serde_json::json;

use super::{Client, STREAMS, grew_by_less, in_two_pieces, memory, runtime, send, unfinished};
use crate::harness::{JSON, Shop};

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
