//! Users by command: listed, given a new password, deleted. A change holds for a running
//! host.

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{EMAIL, JSON, PASSWORD, Shop, data, text, wares};

/// Runs `wares user` on a data folder, with a line on its standard input.
fn user(data: &Path, arguments: &[&str], line: &str) -> Output {
    let mut child = wares()
        .current_dir(data)
        .env("USER", "ada")
        .arg("user")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that is refused may not read it.
    let _ = writeln!(child.stdin.take().unwrap(), "{line}");
    child.wait_with_output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    text(&output.stderr)
}

#[track_caller]
fn refused(output: &Output, said: &str) {
    let got = (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    );
    assert_eq!(got, (Some(1), String::new(), format!("wares: {said}\n")));
}

/// Whether a token is valid for users, for a component and for the host.
fn is_let_in(shop: &Shop, headers: &[(&str, &str)]) -> bool {
    let statuses = [
        "/admin/users/me",
        "/admin/customers",
        "/admin/api-keys",
        "/_wares/modules",
    ]
    .map(|path| shop.send("GET", path, headers, b"").status);
    assert!(statuses == [200; 4] || statuses == [401; 4], "{statuses:?}");
    statuses == [200; 4]
}

/// Begins a session; returns its cookie.
fn session(shop: &Shop, token: &str) -> String {
    let bearer = format!("Bearer {token}");
    let begun = shop.send("POST", "/auth/session", &[("authorization", &bearer)], b"");
    assert_eq!(begun.status, 200, "{}", begun.body);
    begun
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

fn try_sign_in(shop: &Shop, email: &str, password: &str) -> u16 {
    let credentials = json!({"email": email, "password": password}).to_string();
    shop.send(
        "POST",
        "/auth/user/emailpass",
        &[JSON],
        credentials.as_bytes(),
    )
    .status
}

#[test]
fn a_changed_password_ends_tokens_and_sessions_of_that_user_alone_in_a_running_host() {
    let shop = Shop::open();
    let data = shop.data.path();
    done(&user(
        data,
        &["create", "--email", "bob@shop.example"],
        "bob's password",
    ));
    let bob = shop.sign_in("bob@shop.example", "bob's password");
    let bobs = format!("Bearer {bob}");
    let (cookie, admins) = (session(&shop, &bob), session(&shop, &shop.token));
    let made = shop.send(
        "POST",
        "/admin/api-keys",
        &[("authorization", &bobs), JSON],
        br#"{"title":"Bob's till","type":"secret"}"#,
    );
    let (key, secret) = (made.at("/api_key/id"), made.at("/api_key/token"));
    assert!(is_let_in(&shop, &[("authorization", &bobs)]));
    assert!(is_let_in(&shop, &[("cookie", &cookie)]));

    refused(
        &user(data, &["password", "bob@shop.example"], "short"),
        "a password needs at least 8 characters",
    );
    assert!(is_let_in(&shop, &[("authorization", &bobs)]));
    let said = done(&user(
        data,
        &["password", "BOB@shop.example"],
        "another password",
    ));
    assert_eq!(
        said,
        format!(
            "bob@shop.example has another password. Tokens and sessions of before are void.\n\
             The key {key} (Bob's till), which this user made, stays valid: wares key revoke {key}\n"
        )
    );
    assert!(!is_let_in(&shop, &[("authorization", &bobs)]));
    assert!(!is_let_in(&shop, &[("cookie", &cookie)]));
    for path in ["/auth/token/refresh", "/auth/session"] {
        let answer = shop.send("POST", path, &[("authorization", &bobs)], b"");
        answer.is(401, json!({"message": "Unauthorized"}));
    }
    assert_eq!(
        try_sign_in(&shop, "bob@shop.example", "bob's password"),
        401
    );
    let again = format!(
        "Bearer {}",
        shop.sign_in("bob@shop.example", "another password")
    );
    assert!(is_let_in(&shop, &[("authorization", &again)]));
    let fresh = shop.send(
        "POST",
        "/auth/token/refresh",
        &[("authorization", &again)],
        b"",
    );
    let fresh = format!("Bearer {}", fresh.at("/token"));
    assert!(is_let_in(&shop, &[("authorization", &fresh)]));
    // Nothing of the other user ended, and the key is the shop's.
    assert!(is_let_in(
        &shop,
        &[("authorization", &format!("Bearer {}", shop.token))]
    ));
    assert!(is_let_in(&shop, &[("cookie", &admins)]));
    let with_key = shop.send(
        "GET",
        "/admin/customers",
        &[("authorization", &format!("Bearer {secret}"))],
        b"",
    );
    assert_eq!(with_key.status, 200);
}

#[test]
fn a_deleted_user_is_gone_at_once_and_the_last_one_stays() {
    let shop = Shop::open();
    let data = shop.data.path();
    let last = format!("{EMAIL} is the only user: create another one first (wares user create)");
    refused(&user(data, &["delete", EMAIL], ""), &last);
    assert!(is_let_in(
        &shop,
        &[("authorization", &format!("Bearer {}", shop.token))]
    ));
    let made = user(
        data,
        &["create", "--email", "bob@shop.example"],
        "bob's password",
    );
    let id = text(&made.stdout).trim().to_owned();
    let bob = shop.sign_in("bob@shop.example", "bob's password");
    let (bearer, cookie) = (format!("Bearer {bob}"), session(&shop, &bob));
    for act in ["delete", "password"] {
        refused(
            &user(data, &[act, "carl@shop.example"], "long enough"),
            "there is no user with the email carl@shop.example; `wares user list` shows all",
        );
    }
    let said = done(&user(data, &["delete", "Bob@shop.example"], ""));
    assert_eq!(
        said,
        format!("{id} bob@shop.example is deleted. Tokens and sessions are void.\n")
    );
    assert!(!is_let_in(&shop, &[("authorization", &bearer)]));
    assert!(!is_let_in(&shop, &[("cookie", &cookie)]));
    assert_eq!(
        try_sign_in(&shop, "bob@shop.example", "bob's password"),
        401
    );
    // A new user with the email is another user.
    done(&user(
        data,
        &["create", "--email", "bob@shop.example"],
        "bob's password",
    ));
    assert!(!is_let_in(&shop, &[("authorization", &bearer)]));
    done(&user(data, &["delete", "bob@shop.example"], ""));
    refused(&user(data, &["delete", EMAIL], ""), &last);
}

#[test]
fn users_are_listed_and_changes_of_users_audited() {
    let folder = data();
    let data = folder.path();
    let made = user(
        data,
        &["create", "--email", "bob@shop.example"],
        "bob's password",
    );
    let id = text(&made.stdout).trim().to_owned();
    let listed = user(data, &["list", "--json"], "");
    let users: Value = serde_json::from_str(&text(&listed.stdout)).unwrap();
    let shown: Vec<_> = users
        .as_array()
        .unwrap()
        .iter()
        .map(|user| &user["email"])
        .collect();
    assert_eq!(shown, [EMAIL, "bob@shop.example"]);
    assert_eq!(users[1]["id"], id);
    assert!(!text(&listed.stdout).contains("argon2"), "{users}");
    let lines = text(&user(data, &["list"], "").stdout);
    assert!(
        lines.lines().count() == 2
            && lines.contains(&format!("{id}  bob@shop.example  created 20")),
        "{lines}"
    );
    // No host runs.
    done(&user(data, &["password", EMAIL], "a longer password"));
    done(&user(data, &["delete", "bob@shop.example"], ""));
    refused(
        &user(data, &["delete", EMAIL], ""),
        &format!("{EMAIL} is the only user: create another one first (wares user create)"),
    );
    let shop = open_with(folder, "a longer password");
    assert_eq!(try_sign_in(&shop, EMAIL, PASSWORD), 401);
    let admin = shop.get("/admin/users/me").at("/user/id");
    let entries = shop.get("/_wares/audit").value();
    let told: Vec<Value> = entries["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| {
            json!([
                act["actor"],
                act["action"],
                act["module"],
                act["outcome"],
                act["detail"]
            ])
        })
        .collect();
    let bob = format!("{id} bob@shop.example");
    let last = format!("{EMAIL} is the only user: create another one first (wares user create)");
    assert_eq!(
        told,
        [
            json!(["operator ada", "delete-user", null, "refused", last]),
            json!(["operator ada", "delete-user", null, "done", bob]),
            json!([
                "operator ada",
                "change-password",
                null,
                "done",
                format!("{admin} {EMAIL}")
            ]),
            json!(["operator ada", "create-user", null, "done", bob]),
        ]
    );
    let lines = text(&shop.run(&["audit"]).stdout);
    assert!(
        lines.contains(&format!("operator ada  delete-user  done: {bob}\n")),
        "{lines}"
    );
}

/// A shop on a data folder, with no user signed in yet.
fn open_with(data: tempfile::TempDir, password: &str) -> Shop {
    let server = crate::harness::Server::start(data.path(), |_| {});
    let mut shop = Shop {
        server,
        data,
        agent: crate::harness::agent(),
        token: String::new(),
        admin: String::new(),
    };
    shop.token = shop.sign_in(EMAIL, password);
    shop
}

#[test]
fn users_change_their_own_names_and_metadata() {
    let shop = Shop::open();
    let me = |fields: &str| {
        shop.get(&format!("/admin/users/me?fields={fields}"))
            .value()["user"]
            .clone()
    };
    let names = json!({
        "first_name": "Ada", "last_name": "King", "avatar_url": "https://a.example/a.png",
        "metadata": {"b": 1.50, "a": {"x": [null]}, "c": ""},
    });
    let before = me("id,created_at,updated_at");
    let changed = shop.post("/admin/users/me", names);
    changed.is(
        200,
        json!({"user": {
            "id": "<admin>", "first_name": "Ada", "last_name": "King", "email": EMAIL,
            "avatar_url": "https://a.example/a.png", "metadata": {"b": 1.50, "a": {"x": [null]}},
            "created_at": "<time>", "updated_at": "<time>", "deleted_at": null,
        }}),
    );
    assert_eq!(changed.body, shop.get("/admin/users/me").body);
    assert_eq!(me("created_at")["created_at"], before["created_at"]);
    assert!(me("updated_at")["updated_at"].as_str() > before["updated_at"].as_str());
    // Fields that are not named stay, and null clears.
    let merged = json!({"last_name": null, "metadata": {"b": "", "d": true}});
    shop.post("/admin/users/me?fields=first_name,last_name,metadata", merged).is(
        200,
        json!({"user": {
            "first_name": "Ada", "last_name": null, "metadata": {"a": {"x": [null]}, "d": true}, "id": "<admin>",
        }}),
    );
    let at = me("updated_at");
    assert_eq!(shop.post("/admin/users/me", json!({})).status, 200);
    assert_eq!(
        shop.post("/admin/users/me", json!({"first_name": "Ada"}))
            .status,
        200
    );
    assert_eq!(me("updated_at"), at);
    // An object without keys changes nothing.
    for (metadata, kept) in [
        (json!({}), json!({"a": {"x": [null]}, "d": true})),
        (json!(null), json!(null)),
        (json!({}), json!(null)),
    ] {
        shop.post(
            "/admin/users/me?fields=metadata",
            json!({"metadata": metadata}),
        )
        .is(200, json!({"user": {"metadata": kept, "id": "<admin>"}}));
    }
    let listed = text(&user(shop.data.path(), &["list"], "").stdout);
    assert!(listed.trim_end().ends_with("  Ada"), "{listed}");
}

#[test]
fn an_invalid_change_of_a_user_changes_nothing() {
    let shop = Shop::open();
    let before = shop.get("/admin/users/me").body;
    for (body, message) in [
        (
            json!({"first_name": 5}),
            "Expected type: 'string' for field 'first_name', got: '5'",
        ),
        (
            json!({"last_name": ["x"]}),
            "Expected type: 'string' for field 'last_name', got: 'x'",
        ),
        (
            json!({"avatar_url": {}}),
            "Expected type: 'string' for field 'avatar_url', got: '[object Object]'",
        ),
        (
            json!({"metadata": "x"}),
            "Expected type: 'record' for field 'metadata', got: 'x'",
        ),
        (
            json!({"metadata": [1, null]}),
            "Expected type: 'record' for field 'metadata', got: '1,'",
        ),
        (
            json!({"first_name": "a\0b"}),
            "Field 'first_name' must not contain a NUL character",
        ),
        (
            json!({"metadata": {"a": [{"b\0": 1}]}}),
            "Field 'metadata' must not contain a NUL character",
        ),
        (
            json!({"email": "x@y.example"}),
            "Unrecognized fields: 'email'",
        ),
        (
            json!({"id": "user_1", "password": "long enough"}),
            "Unrecognized fields: 'id, password'",
        ),
        (
            json!({"first_name": "Ada", "role": "x"}),
            "Unrecognized fields: 'role'",
        ),
    ] {
        shop.post("/admin/users/me", body).is_invalid(message);
    }
    shop.post("/admin/users/me?x=1", json!({"first_name": "Ada"}))
        .is_invalid("Unrecognized fields: 'x'");
    // Merges do not add without end.
    let many = |key: &str| json!({"metadata": {key: "x".repeat(100_000)}});
    for key in 0..10 {
        assert_eq!(
            shop.post("/admin/users/me?fields=id", many(&key.to_string()))
                .status,
            200
        );
    }
    let full = shop.post("/admin/users/me", many("11"));
    assert!(
        full.status == 400
            && full
                .body
                .contains("more than the 1048576 that one record may have"),
        "{}",
        full.body
    );
    assert_eq!(
        shop.post("/admin/users/me", json!({"metadata": null}))
            .status,
        200
    );
    let after = shop.get("/admin/users/me").value()["user"].clone();
    let before: Value = serde_json::from_str(&before).unwrap();
    for name in [
        "id",
        "first_name",
        "last_name",
        "avatar_url",
        "metadata",
        "email",
    ] {
        assert_eq!(after[name], before["user"][name], "{name}");
    }
    // A key has no names, and a request without credentials has none.
    let key = text(&shop.run(&["key", "create", "--title", "x"]).stdout);
    let bearer = format!("Bearer {}", key.trim());
    let body = br#"{"first_name":"Ada"}"#;
    shop.send(
        "POST",
        "/admin/users/me",
        &[("authorization", &bearer), JSON],
        body,
    )
    .refuses(
        404,
        "not_found",
        "Only a user has an answer to this, not a key",
    );
    shop.send("POST", "/admin/users/me", &[JSON], body)
        .is(401, json!({"message": "Unauthorized"}));
}
