//! The owners of paths: no component takes a path of the host, and a path belongs to one
//! component; at a start, an installation, an activation, a canary and a reload.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, EMAIL, JSON, PASSWORD, Shop, data, marked, text, wares};

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

/// A data folder with these files of versions in its folder of modules.
fn folder(components: &[(&str, &str)]) -> TempDir {
    let data = data();
    for (file, mark) in components {
        let file = data.path().join("modules").join(file);
        std::fs::write(file, marked(mark)).unwrap();
    }
    data
}

fn with_settings(
    command: &mut Command,
    settings: impl IntoIterator<Item = (String, String)>,
) -> &mut Command {
    for (key, value) in settings {
        command.arg("--set").arg(format!("{key}={value}"));
    }
    command
}

fn shop(data: TempDir, settings: &[(&str, &str)]) -> Shop {
    let settings = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Shop::open_on(data, |command| {
        with_settings(command, settings);
    })
}

/// Why a host that leaves nothing out does not start on this folder.
fn does_not_start(data: &Path, settings: &[(String, String)]) -> String {
    let mut command = wares();
    command
        .current_dir(data)
        .args(["serve", "--strict", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = with_settings(&mut command, settings.iter().cloned())
        .spawn()
        .unwrap();
    let mut greeting = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut greeting).unwrap();
    if !greeting.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), &*greeting), (Some(1), ""), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said.lines()
        .last()
        .and_then(|line| line.strip_prefix("wares: "))
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

fn put(shop: &Shop, module: &str, query: &str, mark: &str) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    let path = format!("/_wares/modules/{module}{query}");
    shop.send("PUT", &path, &headers, &marked(mark))
}

#[track_caller]
fn installed(shop: &Shop, module: &str, query: &str, mark: &str) -> String {
    let answer = put(shop, module, query, mark);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

/// Sign-in and the host's pages answer as they do without any module.
#[track_caller]
fn the_host_answers(shop: &Shop) {
    assert!(shop.sign_in(EMAIL, PASSWORD).len() > 20);
    assert_eq!(shop.get("/admin/users/me").at("/user/email"), EMAIL);
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
    let page = shop.send("GET", "/docs/index.html", &[], b"");
    assert!(page.body.contains("swagger-ui"), "{}", page.body);
    assert_eq!(
        shop.get("/openapi.json").value()["info"]["title"],
        json!("Wares")
    );
    shop.send("PUT", "/admin/api-keys", &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
    let other_method = shop.ask("PUT", "/admin/api-keys", None);
    assert_eq!(
        (other_method.status, other_method.header("allow")),
        (405, "GET, HEAD, POST"),
        "{other_method:?}"
    );
}

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

const OTHER: &str = "name=other version=1.0.0";

fn two(settings: &[(&str, &str)]) -> Shop {
    let components = [("marked.wasm", "version=1.0.0"), ("other.wasm", OTHER)];
    shop(folder(&components), settings)
}

fn overlap(one: &str, other: &str) -> String {
    format!(
        "the routes {one} and {other} match the same paths, and a path belongs to one component: \
         change one of them"
    )
}

#[test]
fn two_components_that_own_one_path_do_not_start() {
    let components = [
        ("marked.wasm", "version=1.0.0 settings=x"),
        ("other.wasm", "name=other version=1.0.0 settings=x"),
    ];
    let data = folder(&components);
    let start = |mine: &str, theirs: &str| {
        [
            ("modules.marked.config.routes-x".to_owned(), mine.to_owned()),
            (
                "modules.other.config.routes-x".to_owned(),
                theirs.to_owned(),
            ),
        ]
    };
    for (mine, theirs) in [
        ("GET admin /store/a", "GET admin /Store/A"),
        // Another method makes no difference.
        ("GET admin /store/a", "POST anyone /store/a"),
        ("GET admin /store/{x}", "GET admin /store/a"),
        ("GET admin /store/a/{x}", "GET admin /store/{y}/b"),
    ] {
        let settings = start(mine, theirs);
        let route = |route: &str, owner: &str| {
            let words: Vec<&str> = route.split(' ').collect();
            format!("{} {} of the module {owner}", words[0], words[2])
        };
        assert_eq!(
            does_not_start(data.path(), &settings),
            overlap(&route(mine, "marked"), &route(theirs, "other"))
        );
    }
    let settings = start("GET admin /store/{x}/a", "GET admin /store/{x}/b");
    let shop = Shop::open_on(data, |command| {
        with_settings(command, settings);
    });
    for path in ["/store/1/a", "/store/1/b"] {
        assert_eq!(shop.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_version_that_takes_anothers_path_is_neither_installed_nor_activated_nor_made_canary() {
    let shop = two(&[
        (
            "modules.marked.config.routes-things",
            "GET admin /store/things/{id}",
        ),
        (
            "modules.marked.config.routes-wide",
            "GET anyone /admin/{a}/{b}",
        ),
        (
            "modules.other.config.routes-one",
            "POST anyone /store/Things/one",
        ),
        ("canary.calls_min", "1000000"),
        ("canary.promote_calls", "0"),
    ]);
    let things = "version=2.0.0 settings=things";
    let one = "name=other version=2.0.0 settings=one";
    put(&shop, "marked", "", "version=2.0.0 settings=wide").refuses(
        400,
        "invalid_component",
        &overlap(
            "GET /admin/customer-groups/{id} of the module customer",
            "GET /admin/{a}/{b} of the module marked",
        ),
    );
    // Both may be installed: neither has the path yet.
    let (things, one) = (
        installed(&shop, "marked", "", things),
        installed(&shop, "other", "", one),
    );
    let post = |module: &str, act: &str, body: Value| {
        shop.post(&format!("/_wares/modules/{module}/{act}"), body)
    };
    let both = overlap(
        "GET /store/things/{id} of the module marked",
        "POST /store/Things/one of the module other",
    );
    assert_eq!(
        post("marked", "activate", json!({"digest": things})).status,
        200
    );
    post("other", "activate", json!({"digest": one})).refuses(400, "invalid_component", &both);
    let as_canary = |digest: &str| json!({"digest": digest, "canary": "50%"});
    post("other", "activate", as_canary(&one)).refuses(400, "invalid_component", &both);
    assert_eq!(shop.get("/admin/other").at("/version"), "1.0.0");

    // Two canaries must not collide either.
    assert_eq!(post("marked", "rollback", json!({})).status, 200);
    assert_eq!(post("marked", "activate", as_canary(&things)).status, 200);
    let trial_last = overlap(
        "POST /store/Things/one of the module other",
        "GET /store/things/{id} of the module marked",
    );
    post("other", "activate", as_canary(&one)).refuses(400, "invalid_component", &both);
    post("other", "activate", json!({"digest": one})).refuses(
        400,
        "invalid_component",
        &trial_last,
    );
    assert_eq!(post("marked", "withdraw", json!({})).status, 200);
    assert_eq!(
        post("other", "activate", json!({"digest": one})).status,
        200
    );
    let answer = shop.send("POST", "/store/things/one", &[], b"");
    assert_eq!(answer.at("/version"), "2.0.0");
    // The version before does not return to a path that another owns.
    post("marked", "activate", json!({"digest": things})).refuses(400, "invalid_component", &both);
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}

#[test]
fn a_file_that_takes_a_path_of_the_host_is_not_reloaded() {
    let data = folder(&[("marked.wasm", "version=1.0.0")]);
    let file = data.path().join("modules/marked.wasm");
    let shop = Shop::open_on(data, |command| {
        command.arg("--watch").args([
            "--set",
            "modules.marked.config.routes-x=POST anyone /auth/user/emailpass",
        ]);
    });
    let beside = file.with_extension("new");
    std::fs::write(&beside, marked("version=2.0.0 settings=x")).unwrap();
    std::fs::rename(beside, &file).unwrap();
    let log = shop.server.wait_for_log("is not served");
    assert!(
        log.contains(
            "its route POST /auth/user/emailpass is refused: \
             /auth and all below it are the host's"
        ),
        "{log}"
    );
    the_host_answers(&shop);
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}

#[test]
fn an_operator_grants_prefixes_and_none_of_the_hosts() {
    let data = folder(&[("marked.wasm", "version=1.0.0 settings=x")]);
    let settings = |prefixes: &str, routes: &str| {
        [
            (
                "modules.marked.path_prefixes".to_owned(),
                prefixes.to_owned(),
            ),
            (
                "modules.marked.config.routes-x".to_owned(),
                routes.to_owned(),
            ),
        ]
    };
    assert_eq!(
        does_not_start(
            data.path(),
            &settings("/admin/marked, /shop/mine", "GET anyone /shop/yours")
        ),
        "modules/marked.wasm: its route GET /shop/yours is refused: it lies below none of the path \
         prefixes that are granted (/admin/marked, /shop/mine): add one to \
         modules.marked.path_prefixes"
    );
    assert_eq!(
        does_not_start(data.path(), &settings("", "")),
        "modules/marked.wasm: its route GET /admin/marked is refused: it lies below none of the \
         path prefixes that are granted (none): add one to modules.marked.path_prefixes"
    );
    assert_eq!(
        does_not_start(data.path(), &settings("/Auth", "")),
        "--set modules.marked.path_prefixes: modules.marked.path_prefixes has '/Auth', \
         which is no path prefix: /auth and all below it are the host's"
    );
    let settings = settings("/admin/marked,/Shop/Mine", "GET anyone /shop/mine/{id}");
    let shop = Shop::open_on(data, |command| {
        with_settings(command, settings);
    });
    assert_eq!(shop.send("GET", "/shop/MINE/1", &[], b"").status, 200);
    the_host_answers(&shop);
}
