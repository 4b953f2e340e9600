//! Signing in, API keys, sessions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Answer, EMAIL, JSON, PASSWORD, Shop, text};

fn sign_in(shop: &Shop, body: &str) -> Answer {
    shop.send("POST", "/auth/user/emailpass", &[JSON], body.as_bytes())
}

fn with(shop: &Shop, authorization: &str) -> Answer {
    shop.send(
        "GET",
        "/admin/customers?fields=id",
        &[("authorization", authorization)],
        b"",
    )
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(text: &str) -> String {
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let letter = BASE64[(bits >> (18 - 6 * index)) as usize & 63];
            out.push(if index <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

#[test]
fn a_user_signs_in() {
    let shop = Shop::open();
    with(&shop, &format!("Bearer {}", shop.token)).is(
        200,
        json!({"customers": [], "count": 0, "offset": 0, "limit": 15}),
    );
    assert_eq!(with(&shop, &format!("bearer {}", shop.token)).status, 200);
    let me = shop.get("/admin/users/me");
    assert_eq!(me.at("/user/email"), EMAIL);
    assert!(shop.admin.starts_with("user_"));
}

#[test]
fn wrong_credentials_are_refused() {
    let shop = Shop::open();
    let wrong = json!({"type": "unauthorized", "message": "Invalid email or password"});
    sign_in(
        &shop,
        &json!({"email": EMAIL, "password": "guess"}).to_string(),
    )
    .is(401, wrong.clone());
    sign_in(
        &shop,
        &json!({"email": "nobody@b.co", "password": PASSWORD}).to_string(),
    )
    .is(401, wrong);
    let missing = json!({"type": "unauthorized", "message": "Password should be a string"});
    sign_in(&shop, &json!({"email": EMAIL}).to_string()).is(401, missing);
    let unauthorized = json!({"message": "Unauthorized"});
    let (head, rest) = shop.token.split_at(shop.token.len() - 4);
    let forged = format!("{head}{}", if rest == "AAAA" { "BBBB" } else { "AAAA" });
    for authorization in [
        "",
        "Bearer",
        "Bearer x.y.z",
        &shop.token,
        &format!("Bearer {forged}"),
        "Basic c2tfeA==",
    ] {
        with(&shop, authorization).is(401, unauthorized.clone());
    }
    shop.send("GET", "/admin/nope", &[], b"")
        .is(401, unauthorized);
}

#[test]
fn guessing_a_password_is_slowed() {
    let shop = Shop::open();
    let guess = json!({"email": EMAIL, "password": "guess"}).to_string();
    let refused = (0..30)
        .map(|_| sign_in(&shop, &guess))
        .find(|answer| answer.status == 429);
    let refused = refused.expect("somewhen it is too often");
    assert!(
        refused
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds > 0)
    );
    assert_eq!(
        shop.get("/admin/customers").status,
        200,
        "a signed-in user is not affected"
    );
}

#[test]
fn a_secret_key_opens_the_shop_until_it_is_revoked() {
    let shop = Shop::open();
    let made = shop.run(&["key", "create", "--title", "ci"]);
    let secret = text(&made.stdout).trim().to_owned();
    assert!(
        made.status.success() && secret.starts_with("sk_") && secret.len() == 67,
        "{made:?}"
    );
    let ways = [
        format!("Bearer {secret}"),
        format!("Basic {}", base64(&format!("{secret}:"))),
        format!("Basic {}", base64(&secret)),
        format!("Basic {secret}"),
    ];
    for way in &ways {
        assert_eq!(with(&shop, way).status, 200, "{way}");
    }
    assert_eq!(
        with(&shop, &format!("Basic {}", base64(&format!("{secret}:x")))).status,
        401
    );
    let bearer = format!("Bearer {secret}");
    let body = br#"{"email":"a@b.co"}"#;
    let made = shop.send(
        "POST",
        "/admin/customers",
        &[("authorization", &bearer), JSON],
        body,
    );
    let key = made.at("/customer/created_by");
    assert!(key.starts_with("apk_"), "{key}");
    let listed = shop.run(&["key", "list", "--json"]);
    let listed: serde_json::Value =
        serde_json::from_str(text(&listed.stdout).lines().next().unwrap()).unwrap();
    let listed = if listed.is_array() {
        listed[0].clone()
    } else {
        listed
    };
    assert_eq!(
        (&listed["id"], &listed["title"]),
        (&json!(key), &json!("ci"))
    );
    assert!(!listed.to_string().contains(&secret));
    assert!(shop.run(&["key", "revoke", &key]).status.success());
    with(&shop, &bearer).is(401, json!({"message": "Unauthorized"}));
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn a_session_lasts_until_it_is_ended() {
    let shop = Shop::open();
    let bearer = format!("Bearer {}", shop.token);
    let begun = shop.send("POST", "/auth/session", &[("authorization", &bearer)], b"");
    let claims = claims(&shop.token);
    let me = shop.get("/admin/users/me").at("/user/id");
    let context = json!({
        "actor_id": me,
        "actor_type": "user",
        "auth_identity_id": me.replace("user_", "authid_"),
        "auth_provider": "emailpass",
        "mfa_enabled": false,
        "mfa_challenge_completed_at": null,
        "app_metadata": {"user_id": me},
        "user_metadata": {},
        "iat": claims["iat"],
        "exp": claims["iat"].as_i64().unwrap() + 86_400,
    });
    assert_eq!(begun.body, json!({ "user": context }).to_string());
    for (name, value) in context.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
    let cookie = begun.header("set-cookie").to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let me = || shop.send("GET", "/admin/users/me", &[("cookie", &cookie)], b"");
    assert_eq!(me().at("/user/email"), EMAIL);
    let headers = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
    ];
    // A session may begin another one. It has no token, and says the same of the user.
    let again = shop.send("POST", "/auth/session", &headers, b"");
    let mut user = again.value()["user"].clone();
    assert_eq!(
        user["exp"].as_i64().unwrap() - user["iat"].as_i64().unwrap(),
        36_000
    );
    (user["iat"], user["exp"]) = (context["iat"].clone(), context["exp"].clone());
    assert_eq!(user, context);
    let unsigned = format!("{bearer}x");
    for headers in [&[][..], &[("authorization", unsigned.as_str())]] {
        shop.send("POST", "/auth/session", headers, b"")
            .is(401, json!({"message": "Unauthorized"}));
    }
    let ended = shop.send("DELETE", "/auth/session", &headers, b"");
    ended.is(200, json!({"success": true}));
    me().is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn a_token_is_refreshed() {
    let shop = Shop::open();
    let bearer = format!("Bearer {}", shop.token);
    let fresh = shop
        .send(
            "POST",
            "/auth/token/refresh",
            &[("authorization", &bearer)],
            b"",
        )
        .at("/token");
    assert_eq!(with(&shop, &format!("Bearer {fresh}")).status, 200);
    shop.send("POST", "/auth/token/refresh", &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
}
