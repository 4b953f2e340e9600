//! What crosses between HTTP and a component: the headers of a request that a route asked
//! for and may see, and the headers of an answer that a component may set.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::harness::{Answer, Shop, data, hostile_guest, marked};

fn shop() -> Shop {
    Shop::open_with(|command| {
        let component = format!("modules.hostile.component={}", hostile_guest().display());
        command.args(["--set", &component]);
        command.args(["--set", "modules.hostile.path_prefixes=/hostile"]);
    })
}

fn get(shop: &Shop, page: &str, headers: &[(&str, &str)]) -> Answer {
    shop.send("GET", &format!("/hostile/{page}"), headers, b"")
}

#[test]
fn a_component_sees_what_its_route_asked_for() {
    let shop = shop();
    let bearer = format!("Bearer {}", shop.token);
    let seen = get(
        &shop,
        "seen",
        &[
            ("Authorization", &bearer),
            ("Cookie", "connect.sid=x"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-Unasked", "1"),
            ("user-agent", "a till"),
            ("accept", "text/csv"),
            ("X-READER", "Ada"),
            ("x-reader", "Grace"),
            ("Stripe-Signature", "t=1,v1=ab"),
            ("connection", "keep-alive, X-Hub-Signature-256"),
            ("x-hub-signature-256", "sha256=ab"),
        ],
    );
    seen.is(
        200,
        json!([
            ["accept", "text/csv"],
            ["user-agent", "a till"],
            ["x-reader", "Ada"],
            ["x-reader", "Grace"],
            ["stripe-signature", "t=1,v1=ab"],
        ]),
    );
}

#[test]
fn a_route_that_asks_for_a_credential_does_not_load() {
    let data = data();
    let folder = data.path().join("modules");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("marked.wasm"), marked("version=1.0.0")).unwrap();
    let shop = Shop::open_on(data, |_| {});
    let put = |version: &str, header: &str| {
        let bearer = format!("Bearer {}", shop.token);
        shop.send(
            "PUT",
            "/_wares/modules/marked?activate=false",
            &[
                ("authorization", &bearer),
                ("content-type", "application/wasm"),
            ],
            &marked(&format!("version={version} header={header}")),
        )
    };
    for header in [
        "Authorization",
        "cookie",
        "X-Api-Key",
        "x-forwarded-for",
        "host",
        "not(a)token",
    ] {
        let refused = put("2.0.0", header);
        let message = refused.at("/message");
        let said = format!(
            "its route /admin/marked asks for the header '{}', which no component sees: a route may ask for accept, ",
            header.to_lowercase()
        );
        assert!(message.contains(&said), "{header}: {message}");
        assert_eq!(refused.status, 400, "{message}");
    }
    let taken = put("2.0.0", "X-Reader");
    assert_eq!(taken.status, 200, "{}", taken.body);
}

#[test]
fn an_answer_sets_what_is_listed_and_the_log_says_once_what_is_not() {
    let shop = shop();
    let planted = get(&shop, "planted", &[]);
    let mut set: Vec<(&str, &str)> = planted
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !["date", "x-request-id", "etag"].contains(name))
        .collect();
    set.sort_unstable();
    assert_eq!(
        set,
        [
            ("access-control-allow-credentials", "true"),
            ("cache-control", "max-age=60"),
            ("content-disposition", "inline"),
            ("content-language", "en"),
            ("content-length", "2"),
            ("content-type", "application/json; charset=utf-8"),
            ("last-modified", "Thu, 26 Nov 2026 10:00:00 GMT"),
            ("link", "</store/next>; rel=next"),
            ("retry-after", "7"),
            ("vary", "Origin"),
            ("x-content-type-options", "nosniff"),
            ("x-total", "3"),
        ]
    );
    assert!(
        planted.header("etag").starts_with("W/\"2-"),
        "the tag is the host's, as the component's is none"
    );
    assert_eq!(planted.header("x-request-id").len(), 32);
    get(&shop, "planted", &[]);
    get(&shop, "many-names", &[]);
    get(&shop, "many-names", &[]);
    let log = shop.server.stop_for_log();
    for name in [
        "set-cookie",
        "access-control-allow-origin",
        "clear-site-data",
        "etag",
    ] {
        let told = log
            .lines()
            .filter(|line| {
                line.contains("is left out") && line.contains(&format!("header=\"{name}\""))
            })
            .collect::<Vec<_>>();
        assert_eq!(told.len(), 1, "{name}: {log}");
        assert!(
            told[0].contains("WARN")
                && told[0].contains("module=\"hostile\"")
                && told[0].contains("version=1.0.0"),
            "{}",
            told[0]
        );
    }
    assert_eq!(log.matches("is left out").count(), 64, "{log}");
    assert_eq!(
        log.matches("no further header of this version is told of")
            .count(),
        1,
        "{log}"
    );
}

#[test]
fn a_tag_of_the_components_own_is_compared() {
    let shop = shop();
    let tagged = get(&shop, "tagged", &[]);
    assert_eq!((tagged.status, tagged.header("etag")), (200, "\"v1\""));
    let same = get(&shop, "tagged", &[("if-none-match", "\"v1\"")]);
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(
        get(&shop, "tagged", &[("if-none-match", "\"v2\"")]).status,
        200
    );
}

#[test]
fn a_location_leads_to_the_components_own_paths() {
    let shop = shop();
    let location = |to: &str| {
        let answer = shop.raw(&format!(
            "GET /hostile/away?{to} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        answer
            .lines()
            .find_map(|line| line.strip_prefix("location: ").map(str::to_owned))
    };
    for own in ["/hostile/seen", "/HOSTILE/seen?x=1", "/hostile/changed"] {
        assert_eq!(location(own).as_deref(), Some(own));
    }
    for foreign in [
        "https://evil.example/",
        "//evil.example/hostile/seen",
        "/\\evil.example/hostile/seen",
        "/hostile/../admin/customers",
        "/hostile/%2e%2e/admin/customers",
        "/hostile/%252e%252e/admin/customers",
        "/admin/customers",
        "/admin/api-keys",
        "/docs/",
        "/hostile/none",
        "seen",
        "/hostile/%20/x",
    ] {
        assert_eq!(location(foreign), None, "{foreign}");
    }
}

/// The whole of an answer, with all that comes behind it on its connection.
fn whole(shop: &Shop, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn a_status_without_content_has_none() {
    let shop = shop();
    let ask = |method: &str, status: &str, more: &str| {
        whole(
            &shop,
            &format!(
                "{method} /hostile/no-content?{status} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n"
            ),
        )
    };
    let condition = "if-none-match: \"x\"\r\n";
    for method in ["GET", "HEAD"] {
        for (status, length) in [("204", None), ("205", Some("0")), ("304", None)] {
            let (head, body) = ask(method, status, condition);
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
            assert_eq!(body, "", "{method} {status}");
            for name in ["content-type:", "content-language:", "transfer-encoding:"] {
                assert!(!head.contains(name), "{method} {status}: {head}");
            }
            let said = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if method == "GET" {
                assert_eq!(said, length, "{status}: {head}");
            } else {
                assert!(said.is_none_or(|said| said == "0"), "{status}: {head}");
            }
        }
    }
    let (head, body) = ask("GET", "200", "");
    assert!(
        head.contains("content-length: 14") && body == "not to be sent",
        "{head}"
    );
    let (head, body) = ask("HEAD", "200", "");
    assert!(
        head.contains("content-length: 14") && body.is_empty(),
        "{head}"
    );
    // The request has no condition.
    let (head, _) = ask("GET", "304", "");
    assert!(head.starts_with("http/1.1 500 "), "{head}");
    let log = shop.server.stop_for_log();
    assert!(log.contains("the status 304"), "{log}");
}

#[test]
fn only_json_is_not_sandboxed() {
    let shop = shop();
    for (page, sandbox) in [
        ("changed", ""),
        ("disguised", ""),
        ("untyped", ""),
        ("html", "sandbox"),
        ("svg", "sandbox"),
        ("xml", "sandbox"),
        ("script", "sandbox"),
    ] {
        let answer = get(&shop, page, &[]);
        assert_eq!(answer.status, 200, "{page}");
        assert_eq!(answer.header("content-security-policy"), sandbox, "{page}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{page}");
    }
    assert_eq!(
        get(&shop, "untyped", &[]).header("content-type"),
        "application/json; charset=utf-8"
    );
}
