//! The changes that a session cookie alone allows, and the pages that may make them.

use serde_json::json;

use crate::harness::{Answer, JSON, Shop};

/// Signs in by a cookie; returns what the browser sends of it from then on.
fn session(shop: &Shop, headers: &[(&str, &str)]) -> (String, String) {
    let bearer = format!("Bearer {}", shop.token);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    let begun = shop.send("POST", "/auth/session", &all, b"");
    assert_eq!(begun.status, 200, "{}", begun.body);
    let set = begun.header("set-cookie").to_owned();
    let cookie = set.split(';').next().unwrap().to_owned();
    (cookie, set)
}

fn refuses(answer: &Answer, fault: &str) {
    let message = format!(
        "A session cookie alone changes something only for a page of this host ('Sec-Fetch-Site: same-origin' \
         or 'Origin' with the host's own origin) or of an origin listed in cors.origins: {fault}"
    );
    answer.refuses(403, "forbidden", &message);
}

#[test]
fn a_cookie_alone_changes_nothing_for_a_page_of_another_origin() {
    let shop = Shop::with_setting("cors.origins=https://admin.example");
    let (cookie, _) = session(&shop, &[]);
    let own = format!("http://127.0.0.1:{}", shop.server.port);
    let sibling = format!(
        "http://127.0.0.1:{}",
        shop.server.port.wrapping_add(1).max(1024)
    );
    let key = shop.post(
        "/admin/api-keys",
        json!({"title": "kept", "type": "secret"}),
    );
    let key = key.at("/api_key/id");
    let requests: [(&str, String, &str); 6] = [
        (
            "POST",
            "/admin/customers".to_owned(),
            r#"{"email":"a@b.co"}"#,
        ),
        (
            "POST",
            "/admin/api-keys".to_owned(),
            r#"{"title":"x","type":"secret"}"#,
        ),
        ("POST", format!("/admin/api-keys/{key}/revoke"), ""),
        ("PUT", "/_wares/modules/customer".to_owned(), "no component"),
        ("POST", "/auth/session".to_owned(), ""),
        ("DELETE", "/auth/session".to_owned(), ""),
    ];
    let send = |(method, path, body): &(&str, String, &str), headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str()), JSON];
        all.extend_from_slice(headers);
        shop.send(method, path, &all, body.as_bytes())
    };
    for request in &requests {
        refuses(
            &send(request, &[]),
            "it has neither 'Sec-Fetch-Site' nor 'Origin', one of which every browser sends; a program sends \
             'Authorization' instead of the cookie",
        );
        let foreign = send(request, &[("origin", &sibling)]);
        refuses(&foreign, &format!("it has 'Origin: {sibling}'"));
        let foreign = send(
            request,
            &[("origin", &own), ("sec-fetch-site", "same-site")],
        );
        refuses(&foreign, "it has 'Sec-Fetch-Site: same-site'");
        refuses(
            &send(request, &[("origin", "null")]),
            "it has 'Origin: null'",
        );
    }
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
    let keys = shop.get("/admin/api-keys").value();
    assert_eq!(
        (&keys["count"], &keys["api_keys"][0]["revoked_at"]),
        (&json!(1), &json!(null))
    );
    // Reading is unchanged, and the session stays valid.
    let read = shop.send(
        "GET",
        "/admin/users/me",
        &[("cookie", &cookie), ("origin", &sibling)],
        b"",
    );
    assert_eq!(read.status, 200);
    assert_eq!(read.header("access-control-allow-origin"), "");

    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("origin", own.as_str())],
        &[
            ("origin", "https://admin.example"),
            ("sec-fetch-site", "cross-site"),
        ],
    ] {
        for request in &requests[..2] {
            let done = send(request, headers);
            assert_eq!(done.status, 200, "{headers:?} {}", done.body);
            if request.1 == "/admin/customers" {
                shop.delete(&format!("/admin/customers/{}", done.at("/customer/id")));
            }
        }
    }
    // A request with a credential of its own needs no origin.
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", bearer.as_str()), ("origin", &sibling)];
    assert_eq!(send(&requests[0], &headers).status, 200);
    // An invalid cookie proves no actor.
    let nobody = shop.send(
        "POST",
        "/admin/customers",
        &[("cookie", "connect.sid=x"), JSON],
        b"{}",
    );
    nobody.is(401, json!({"message": "Unauthorized"}));
    let ended = send(&requests[5], &[("sec-fetch-site", "same-origin")]);
    ended.is(200, json!({"success": true}));
    let after = shop.send("GET", "/admin/users/me", &[("cookie", &cookie)], b"");
    assert_eq!(after.status, 401);
}

#[test]
fn a_form_needs_an_authorization() {
    let shop = Shop::open();
    let (cookie, _) = session(&shop, &[]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let refused = json!({
        "message": "a form is taken with an Authorization header alone: send application/json",
        "type": "invalid_data",
    });
    let origin = ("sec-fetch-site", "same-origin");
    for (path, body, headers) in [
        (
            "/admin/customers",
            "email=a@b.co",
            &[form, ("cookie", cookie.as_str()), origin][..],
        ),
        ("/auth/user/emailpass", "email=a@b.co&password=x", &[form]),
    ] {
        shop.send("POST", path, headers, body.as_bytes())
            .is(415, refused.clone());
    }
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
    let bearer = format!("Bearer {}", shop.token);
    let made = shop.send(
        "POST",
        "/admin/customers",
        &[form, ("authorization", &bearer)],
        b"email=a@b.co",
    );
    assert_eq!(made.status, 200, "{}", made.body);
}

#[test]
fn over_https_the_cookie_is_the_hosts_alone() {
    let shop = Shop::with_setting("server.trust_forwarded=true");
    let https = ("x-forwarded-proto", "https");
    let (cookie, set) = session(&shop, &[https]);
    let value = cookie.strip_prefix("__Host-connect.sid=").expect(&cookie);
    let rest = set.strip_prefix(&cookie).unwrap();
    assert_eq!(
        rest,
        "; Path=/; Max-Age=36000; HttpOnly; SameSite=Lax; Secure"
    );
    let plain = format!("connect.sid={value}");
    let me = |cookie: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", cookie)];
        all.extend_from_slice(headers);
        shop.send("GET", "/admin/users/me", &all, b"").status
    };
    assert_eq!(me(&cookie, &[https]), 200);
    // A cookie that a sibling host or a page without TLS could set proves no actor.
    assert_eq!(me(&plain, &[https]), 401);
    assert_eq!(me(&format!("connect.sid=planted; {cookie}"), &[https]), 200);
    assert_eq!(me(&cookie, &[]), 401);
    assert_eq!(me(&plain, &[]), 200);
    assert_eq!(me(&format!("connect.sid=planted; {plain}"), &[]), 401);

    let post = |origin: &str| {
        let headers = [("cookie", cookie.as_str()), https, JSON, ("origin", origin)];
        let body = br#"{"email":"a@b.co"}"#;
        shop.send("POST", "/admin/customers", &headers, body).status
    };
    assert_eq!(post(&format!("http://127.0.0.1:{}", shop.server.port)), 403);
    assert_eq!(
        post(&format!("https://127.0.0.1:{}", shop.server.port)),
        200
    );

    let ended = shop.send(
        "DELETE",
        "/auth/session",
        &[
            ("cookie", &cookie),
            https,
            ("sec-fetch-site", "same-origin"),
        ],
        b"",
    );
    assert_eq!(
        ended.header("set-cookie"),
        "__Host-connect.sid=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure"
    );
    assert_eq!(me(&cookie, &[https]), 401);
}
