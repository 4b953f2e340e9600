//! Paths of the host, and routes that no component may have.

use serde_json::json;

use super::{does_not_start, folder, installed, put, shop, the_host_answers, with_settings};
use crate::harness::{EMAIL, JSON, PASSWORD, Shop};

/// Routes that are refused, as the marked guest takes them from its settings, each
/// with the reason.
fn refused_routes() -> Vec<(String, String)> {
    let host = |route: &str, root: &str| {
        let path = route.split(' ').nth(2).unwrap_or_default();
        let method = route.split(' ').next().unwrap_or_default();
        let said =
            format!("its route {method} {path} is refused: {root} and all below it are the host's");
        (route.to_owned(), said)
    };
    let rule = |path: &str, rule: &str| {
        let said = format!("its route GET {path} is refused: {rule}");
        (format!("GET anyone {path}"), said)
    };
    let form = |path: &str, segment: &str| {
        rule(
            path,
            &format!(
                "the segment '{segment}' is neither a literal (letters, digits, - . _ ~) \
                 nor a whole {{name}}"
            ),
        )
    };
    let name = |path: &str, segment: &str| {
        rule(
            path,
            &format!("the parameter '{segment}' needs a name of 1 to 64 letters, digits, _ and -"),
        )
    };
    let not_granted = "it lies below none of the path prefixes that are granted \
                       (/admin, /store, /hooks): add one to modules.marked.path_prefixes";
    let empty = "a path has no empty segment and no slash at its end";
    let parameters: String = ('a'..='z').map(|name| format!("/{{{name}}}")).collect();
    let long = format!("/store/{}", "a/".repeat(400));
    vec![
        host("POST anyone /auth/user/emailpass", "/auth"),
        host("POST anyone /AUTH/user/emailpass", "/auth"),
        host("POST anyone /auth/{way}/emailpass", "/auth"),
        host("GET anyone /_wares/modules", "/_wares"),
        host("GET anyone /_wares/mine", "/_wares"),
        host("GET anyone /docs/index.html", "/docs"),
        host("GET anyone /openapi.json", "/openapi.json"),
        host("GET anyone /health", "/health"),
        host("GET anyone /metrics", "/metrics"),
        host("GET anyone /app/index.html", "/app"),
        host("GET admin /admin/api-keys", "/admin/api-keys"),
        // The host has the path, for other methods.
        host("PUT anyone /admin/api-keys", "/admin/api-keys"),
        host("GET anyone /admin/api-keys/{key}", "/admin/api-keys"),
        host("GET admin /admin/users/me", "/admin/users"),
        host("GET admin /ADMIN/Users", "/admin/users"),
        form("/%61uth/user/emailpass", "%61uth"),
        form("/admin/%61pi-keys", "%61pi-keys"),
        form("/store/a{b}", "a{b}"),
        form("/store/{b", "{b"),
        form("/store/a:b", "a:b"),
        name("/store/{a}{b}", "{a}{b}"),
        name("/store/{*rest}", "{*rest}"),
        name("/store/{}", "{}"),
        rule("/store/{a}/{b}/{a}", "two parameters are named 'a'"),
        rule("/{x}/user/emailpass", not_granted),
        rule("/{x}/{y}", not_granted),
        rule("/shop", not_granted),
        rule("/stores/reviews", not_granted),
        rule("/", empty),
        rule("//", empty),
        rule("/store//reviews", empty),
        rule("/store/reviews/", empty),
        rule("", "a path begins with a slash"),
        rule("store/reviews", "a path begins with a slash"),
        rule("*", "a path begins with a slash"),
        rule(
            "/store/../auth",
            "the segment '..' is resolved by clients and proxies, and never arrives",
        ),
        // As many as once ended the host.
        rule(
            &format!("/store{parameters}"),
            "it has 27 segments, more than 16",
        ),
        (
            format!("GET anyone {long}"),
            format!(
                "its route GET {}… is refused: it has 402 segments, more than 16",
                &long[..300]
            ),
        ),
        (
            "GET anyone /store/a/{b};GET admin /Store/A/{c}".to_owned(),
            "its route GET /Store/A/{c} is refused: another of its routes is the same".to_owned(),
        ),
    ]
}

const LEGITIMATE: &str = "POST anyone /store/reviews;GET admin /admin/reviews/{id};\
                          GET anyone /hooks;POST anyone /admin/{what}/{id}/revoke";

#[test]
fn routes_that_no_component_may_have_end_a_start() {
    let data = folder(&[("marked.wasm", "version=1.0.0 settings=x")]);
    let mut wrong = Vec::new();
    for (routes, reason) in refused_routes() {
        let setting = ("modules.marked.config.routes-x".to_owned(), routes);
        let said = does_not_start(data.path(), &[setting]);
        let wanted = format!("modules/marked.wasm: {reason}");
        if said != wanted {
            wrong.push((said, wanted));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // One that leaves out what it cannot serve is what it is without that.
    let taking = "POST anyone /auth/user/emailpass;GET anyone /openapi.json";
    let without = shop(data, &[("modules.marked.config.routes-x", taking)]);
    let credentials = json!({"email": EMAIL, "password": PASSWORD}).to_string();
    let path = "/auth/user/emailpass";
    let signed_in = without.send("POST", path, &[JSON], credentials.as_bytes());
    assert!(signed_in.at("/token").len() > 20);
    assert_eq!(without.get("/admin/marked").status, 404);
    assert_eq!(
        without.get("/openapi.json").value()["info"]["title"],
        json!("Wares")
    );

    let data = folder(&[("marked.wasm", "version=1.0.0 settings=x")]);
    let shop = shop(data, &[("modules.marked.config.routes-x", LEGITIMATE)]);
    the_host_answers(&shop);
    assert_eq!(shop.send("POST", "/Store/Reviews/", &[], b"").status, 200);
}

#[test]
fn routes_that_no_component_may_have_are_not_installed() {
    let refused = refused_routes();
    let mut settings: Vec<(String, String)> = refused
        .iter()
        .enumerate()
        .map(|(number, (routes, _))| {
            let key = format!("modules.marked.config.routes-{number}");
            (key, routes.clone())
        })
        .collect();
    let fine = "modules.marked.config.routes-fine".to_owned();
    settings.push((fine, LEGITIMATE.to_owned()));
    let shop = Shop::open_on(folder(&[("marked.wasm", "version=1.0.0")]), |command| {
        with_settings(command, settings);
    });
    for (number, (_, reason)) in refused.iter().enumerate() {
        let mark = format!("version=2.0.0 settings={number}");
        put(&shop, "marked", "?activate=true", &mark).refuses(400, "invalid_component", reason);
    }
    the_host_answers(&shop);
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");

    installed(
        &shop,
        "marked",
        "?activate=true",
        "version=3.0.0 settings=fine",
    );
    the_host_answers(&shop);
    for (method, path) in [
        ("POST", "/store/reviews"),
        ("GET", "/hooks"),
        ("POST", "/admin/things/1/revoke"),
    ] {
        let answer = shop.send(method, path, &[], b"");
        assert_eq!(
            (answer.status, answer.at("/version")),
            (200, "3.0.0".to_owned()),
            "{method} {path}"
        );
    }
    assert_eq!(
        shop.send("GET", "/admin/reviews/1", &[], b"").status,
        401,
        "{LEGITIMATE}"
    );
    assert_eq!(shop.get("/admin/reviews/1").status, 200);
}

/// A pattern that matches what is the host's is asked for anything else.
#[test]
fn a_path_of_the_host_reaches_no_component_in_any_spelling() {
    let data = folder(&[("marked.wasm", "version=1.0.0 settings=x")]);
    let shop = shop(
        data,
        &[
            ("modules.marked.config.routes-x", LEGITIMATE),
            ("server.head_timeout_ms", "2000"),
        ],
    );
    let ask = |request: &str, body: &str| {
        let length = body.len();
        let token = &shop.token;
        shop.raw(&format!(
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    let mut wrong = Vec::new();
    let mut check = |request: &str, statuses: &[u16], by_module: bool| {
        let answer = ask(request, "");
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse::<u16>().ok())
            .unwrap_or(0);
        if !statuses.contains(&status) || answer.contains("x-version") != by_module {
            wrong.push(format!("{request}: {answer}"));
        }
    };
    for path in [
        "/admin/things/1/revoke",
        "/ADMIN/%61pi-keyz/1/REVOKE/",
        "http://shop.example/admin/things/1/revoke",
        "/admin/%2561pi-keys/1/revoke",
        "/admin/api-keys;a=b/1/revoke",
    ] {
        check(&format!("POST {path}"), &[200], true);
    }
    for path in [
        "/admin/api-keys/1/revoke",
        "/Admin/API-Keys/1/Revoke/",
        "http://shop.example/admin/api-keys/1/revoke",
        "/admin/%61pi-keys/1/revoke",
        "/admin/%41%50%49%2d%4B%45%59%53/1/revoke",
        "/%61dmin/%61pi-keys/1/revoke",
        "/admin/users/1/revoke",
        "/admin/user%73/1/revoke",
        "/admin//1/revoke",
        "//admin/api-keys/1/revoke",
        "/admin/./1/revoke",
        "/admin/%2e%2E/1/revoke",
        "/admin/x/../revoke",
        "/admin/api-keys/1/revoke//",
        "/./admin/api-keys/1/revoke",
    ] {
        check(&format!("POST {path}"), &[404], false);
    }
    check("PATCH /admin/api-keys/1/revoke", &[405], false);
    check("OPTIONS *", &[404], false);
    check("POST /", &[405], false);
    check("POST /auth/user/emailpass", &[400, 401], false);
    check("GET /%61uth/user/providers", &[404], false);
    check("GET /AUTH/user/providers", &[200], false);
    check("GET /openapi%2ejson", &[404], false);
    check("GET http://x/health", &[200], false);
    check("CONNECT x:80", &[400, 404, 405], false);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
