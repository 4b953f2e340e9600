//! What crosses of a request and of an answer.

use super::*;

fn header(name: &str, value: &str) -> components::Header {
    components::Header {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

fn crossed(headers: &[(&str, &str)]) -> Crossed {
    answer_of(components::Response {
        status: 200,
        headers: headers
            .iter()
            .map(|(name, value)| header(name, value))
            .collect(),
        body: b"{}".to_vec(),
    })
    .unwrap()
}

fn text<'a>(crossed: &'a Crossed, name: &str) -> Vec<&'a str> {
    let values = crossed.answer.headers.get_all(name);
    values.iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn a_request_is_seen_as_the_route_asked_and_no_further() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "text/csv"),
        ("x-part", "1"),
        ("x-part", "2"),
        ("x-near", "here"),
        ("connection", "close, X-Near"),
        ("authorization", "Bearer x"),
        ("x-reader", "Gr\u{f6}\u{df}e"),
    ] {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let asked = [
        "accept",
        "x-part",
        "x-near",
        "Authorization",
        "x-reader",
        "x-none",
    ];
    let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
    let seen: Vec<_> = seen(&headers, &asked)
        .into_iter()
        .map(|header| (header.name, header.value))
        .collect();
    let expected = [("accept", "text/csv"), ("x-part", "1"), ("x-part", "2")];
    assert_eq!(
        seen,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn unlisted_headers_are_dropped() {
    let crossed = crossed(&[
        ("Content-Type", "text/csv; charset=utf-8"),
        ("Set-Cookie", "connect.sid=planted"),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Total", "3"),
        ("Link", "</a>; rel=next"),
        ("Link", "</b>; rel=prev"),
    ]);
    assert_eq!(text(&crossed, "content-type"), ["text/csv; charset=utf-8"]);
    assert_eq!(text(&crossed, "x-total"), ["3"]);
    assert_eq!(text(&crossed, "link"), ["</a>; rel=next", "</b>; rel=prev"]);
    assert_eq!(text(&crossed, "x-content-type-options"), ["nosniff"]);
    assert_eq!(text(&crossed, "content-security-policy"), ["sandbox"]);
    assert_eq!(crossed.answer.headers.len(), 6, "{crossed:?}");
    let dropped: Vec<&str> = crossed.dropped.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(dropped, ["set-cookie", "access-control-allow-origin"]);
}

#[test]
fn a_busy_answer_has_the_time_to_retry() {
    let check = |status: u16, headers: &[(&str, &str)], told: &[&str]| {
        let crossed = answer_of(components::Response {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| header(name, value))
                .collect(),
            body: Vec::new(),
        });
        assert_eq!(text(&crossed.unwrap(), "retry-after"), told, "{status}");
    };
    check(503, &[], &["1"]);
    check(503, &[("Retry-After", "30")], &["30"]);
    check(500, &[], &[]);
    check(200, &[], &[]);
}

#[test]
fn an_answer_has_one_content_type() {
    let crossed = crossed(&[
        ("content-type", "application/json"),
        ("Content-Type", "text/html"),
        ("etag", "\"1\""),
        ("etag", "\"2\""),
    ]);
    assert_eq!(text(&crossed, "content-type"), ["application/json"]);
    assert_eq!(text(&crossed, "etag"), ["\"1\""]);
    assert_eq!(crossed.dropped.len(), 2);
}

#[test]
fn only_json_is_not_sandboxed() {
    for (media, sandboxed) in [
        ("application/json", false),
        ("Application/JSON; charset=utf-8", false),
        ("application/problem+json", false),
        ("text/json", true),
        ("text/html", true),
        ("image/svg+xml", true),
        ("image/svg+xml+json", true),
        ("application/xml", true),
        ("text/html; x=\"application/json\"", true),
    ] {
        let crossed = crossed(&[("content-type", media)]);
        assert_eq!(text(&crossed, "content-type"), [media]);
        assert_eq!(
            !text(&crossed, "content-security-policy").is_empty(),
            sandboxed,
            "{media}"
        );
    }
    for media in [
        "",
        "html",
        "text/",
        "text/html; x=application/json",
        "text/html, application/json",
        "application/json, text/html",
        "application/json; x=\",text/html\"",
        "application/json; x=\"\\\"\"",
        "text/ html",
        "multipart/x-mixed-replace; boundary=x",
        "Message/http",
    ] {
        let crossed = crossed(&[("content-type", media)]);
        assert_eq!(
            text(&crossed, "content-type"),
            ["application/json; charset=utf-8"],
            "{media}"
        );
    }
}

#[test]
fn a_location_of_another_owner_is_dropped() {
    let location = |owns: fn(&str) -> bool| {
        let mut crossed = crossed(&[("location", "/store/things/1?x=1")]);
        crossed.keep_within(owns);
        let kept = text(&crossed, "location").len();
        (kept, crossed.dropped.len())
    };
    assert_eq!(location(|path| path == "/store/things/1"), (1, 0));
    assert_eq!(location(|_| false), (0, 1));
}
