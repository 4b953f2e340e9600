//! Secret API keys over HTTP.

use serde_json::{Value, json};

use crate::harness::{Answer, JSON, Shop};

const KEYS: &str = "/admin/api-keys";

fn key(shop: &Shop, title: &str) -> (String, String) {
    let made = shop.post(KEYS, json!({"title": title, "type": "secret"}));
    assert_eq!(made.status, 200, "{}", made.body);
    (made.at("/api_key/id"), made.at("/api_key/token"))
}

/// A request with a key.
fn with(shop: &Shop, secret: &str) -> Answer {
    let bearer = format!("Bearer {secret}");
    shop.send(
        "GET",
        "/admin/customers?fields=id",
        &[("authorization", &bearer)],
        b"",
    )
}

/// A key as it is shown.
fn shown(id: &str, secret: &str, title: &str) -> Value {
    let redacted = format!("{}***{}", &secret[..6], &secret[secret.len() - 3..]);
    json!({
        "id": id,
        "title": title,
        "token": "",
        "redacted": redacted,
        "type": "secret",
        "last_used_at": null,
        "updated_at": "<time>",
        "created_at": "<time>",
        "created_by": "<admin>",
        "revoked_at": null,
        "revoked_by": null,
    })
}

#[test]
fn a_key_shows_its_secret_once() {
    let shop = Shop::open();
    let made = shop.post(KEYS, json!({"title": "Web shop", "type": "secret"}));
    let (id, secret) = (made.at("/api_key/id"), made.at("/api_key/token"));
    assert!(id.starts_with("apk_") && id.len() == 30, "{id}");
    assert!(secret.starts_with("sk_") && secret.len() == 67, "{secret}");
    let mut key = shown(&id, &secret, "Web shop");
    key["token"] = json!(secret);
    made.is(200, json!({"api_key": key}));
    key["token"] = json!("");
    shop.get(&format!("{KEYS}/{id}"))
        .is(200, json!({"api_key": key}));
    shop.get(KEYS).is(
        200,
        json!({"api_keys": [key], "count": 1, "offset": 0, "limit": 20}),
    );
    assert_eq!(with(&shop, &secret).status, 200);
    let used = shop.get(&format!("{KEYS}/{id}?fields=last_used_at"));
    used.is(
        200,
        json!({"api_key": {"last_used_at": "<time>", "id": id}}),
    );
}

#[test]
fn a_key_makes_keys_in_its_own_name() {
    let shop = Shop::open();
    let (id, secret) = key(&shop, "First");
    let bearer = format!("Bearer {secret}");
    let made = shop.send(
        "POST",
        KEYS,
        &[("authorization", &bearer), JSON],
        json!({"title": "Second", "type": "secret"})
            .to_string()
            .as_bytes(),
    );
    assert_eq!(made.at("/api_key/created_by"), id);
}

#[test]
fn a_key_needs_a_title_and_is_secret() {
    let shop = Shop::open();
    for (body, message) in [
        (
            json!({}),
            "Field 'title' is required; Field 'type' is required",
        ),
        (
            json!({"title": 5, "type": "secret"}),
            "Expected type: 'string' for field 'title', got: '5'",
        ),
        (
            json!({"title": " ", "type": "secret"}),
            "Field 'title' must say what the key is for",
        ),
        (
            json!({"title": "", "type": "secret"}),
            "Field 'title' must say what the key is for",
        ),
        (
            json!({"title": "x", "type": ""}),
            "Expected: 'secret' for field 'type', but got: ''",
        ),
        (
            json!({"title": 1, "type": 2, "a": 3, "b": 4}),
            "Expected type: 'string' for field 'title', got: '1'; \
             Expected type: 'string' for field 'type', got: '2'; Unrecognized fields: 'a, b'",
        ),
        (
            json!({"title": "x", "type": "publishable"}),
            "Expected: 'secret' for field 'type', but got: 'publishable'",
        ),
        (
            json!({"title": "x", "type": "secret", "token": "sk_mine"}),
            "Unrecognized fields: 'token'",
        ),
        (
            json!({"title": "a\0b", "type": "secret"}),
            "Field 'title' must not contain a NUL character",
        ),
        (json!([]), "Field '' is required"),
    ] {
        shop.post(KEYS, body).is_invalid(message);
    }
    let fine = json!({"title": "x", "type": "secret"});
    shop.post(&format!("{KEYS}?limit=1"), fine)
        .is_invalid("Unrecognized fields: 'limit'");
    assert_eq!(shop.get(KEYS).value()["count"], 0);
    shop.send("GET", KEYS, &[], b"")
        .is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn a_key_is_renamed() {
    let shop = Shop::open();
    let (id, secret) = key(&shop, "Old");
    let path = format!("{KEYS}/{id}");
    shop.post(&path, json!({"title": "New"}))
        .is(200, json!({"api_key": shown(&id, &secret, "New")}));
    shop.post(&path, json!({"title": null}))
        .is_invalid("Expected type: 'string' for field 'title', got: 'null'");
    shop.post(&format!("{KEYS}/apk_nope"), json!({"title": "New"}))
        .refuses(404, "not_found", "API Key with id: apk_nope was not found");
}

#[test]
fn a_revoked_key_is_invalid_at_once_and_can_be_deleted() {
    let shop = Shop::open();
    let (id, secret) = key(&shop, "Leaked");
    let path = format!("{KEYS}/{id}");
    shop.delete(&path).refuses(
        400,
        "not_allowed",
        &format!("Cannot delete api keys that are not revoked - {id}"),
    );
    assert_eq!(with(&shop, &secret).status, 200);
    let mut key = shown(&id, &secret, "Leaked");
    key["last_used_at"] = json!("<time>");
    key["revoked_at"] = json!("<time>");
    key["revoked_by"] = json!("<admin>");
    shop.ask("POST", &format!("{path}/revoke"), None)
        .is(200, json!({"api_key": key}));
    with(&shop, &secret).is(401, json!({"message": "Unauthorized"}));
    shop.post(&format!("{path}/revoke"), json!({})).refuses(
        400,
        "invalid_data",
        "There are 1 secret keys that are already revoked.",
    );
    let deleted = json!({"id": id, "object": "api_key", "deleted": true});
    shop.delete(&path).is(200, deleted.clone());
    shop.delete(&path).is(200, deleted);
    shop.get(&path).refuses(
        404,
        "not_found",
        &format!("API Key with id: {id} was not found"),
    );
    shop.post(&format!("{path}/revoke"), json!({})).refuses(
        404,
        "not_found",
        &format!("API Key with id: {id} was not found"),
    );
}

#[test]
fn a_key_with_a_later_revocation_works_until_then() {
    let shop = Shop::open();
    let (id, secret) = key(&shop, "Rotated");
    let path = format!("{KEYS}/{id}/revoke");
    shop.post(&path, json!({"revoke_in": "soon"}))
        .is_invalid("Expected type: 'number' for field 'revoke_in', got: 'soon'");
    shop.post(&path, json!({"revoke_in": "3600"}))
        .is_invalid("Expected type: 'number' for field 'revoke_in', got: '3600'");
    shop.post(&path, json!({"revoke_in": -1}))
        .is_invalid("Field 'revoke_in' must be at least 0, got: '-1'");
    shop.post(&path, json!({"revoke_in": 4_000_000_000_u64}))
        .is_invalid("Field 'revoke_in' must be at most 3162240000, got: '4000000000'");
    let revoked = shop.post(&path, json!({"revoke_in": 3_600}));
    assert!(revoked.at("/api_key/revoked_at") > revoked.at("/api_key/updated_at"));
    assert_eq!(with(&shop, &secret).status, 200);
    let listed = shop.run(&["key", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("  Rotated  ends 20"));
    shop.delete(&format!("{KEYS}/{id}")).refuses(
        400,
        "not_allowed",
        &format!("Cannot delete api keys that are not revoked - {id}"),
    );
}

#[test]
fn a_revocation_moves_earlier_but_not_later() {
    let shop = Shop::open();
    let (id, secret) = key(&shop, "Leaked");
    let path = format!("{KEYS}/{id}/revoke");
    assert_eq!(shop.post(&path, json!({"revoke_in": 3_600})).status, 200);
    shop.post(&path, json!({"revoke_in": 7_200})).refuses(
        400,
        "invalid_data",
        "There are 1 secret keys that are already revoked.",
    );
    assert_eq!(with(&shop, &secret).status, 200);
    assert_eq!(shop.ask("POST", &path, None).status, 200);
    with(&shop, &secret).is(401, json!({"message": "Unauthorized"}));
    let (id, secret) = key(&shop, "Leaked too");
    let path = format!("{KEYS}/{id}/revoke");
    assert_eq!(shop.post(&path, json!({"revoke_in": 3_600})).status, 200);
    assert!(shop.run(&["key", "revoke", &id]).status.success());
    with(&shop, &secret).is(401, json!({"message": "Unauthorized"}));
    assert!(!shop.run(&["key", "revoke", &id]).status.success());
}

#[test]
fn keys_are_listed_by_filters() {
    let shop = Shop::open();
    let ids: Vec<String> = ["Web shop", "Import", "Web import"]
        .iter()
        .map(|title| key(&shop, title).0)
        .collect();
    let titles = |query: &str| {
        let listed = shop.get(&format!("{KEYS}?{query}"));
        assert_eq!(listed.status, 200, "{}", listed.body);
        let listed = listed.value();
        let titles = listed["api_keys"].as_array().unwrap().iter();
        let titles: Vec<String> = titles
            .map(|key| key["title"].as_str().unwrap_or("-").to_owned())
            .collect();
        (titles.join(", "), listed["count"].as_u64().unwrap())
    };
    let check = |query: &str, names: &str, count: u64| {
        assert_eq!(titles(query), (names.to_owned(), count), "{query}");
    };
    check("", "Web shop, Import, Web import", 3);
    check("q=WEB", "Web shop, Web import", 2);
    check("q=web%20import", "Web import", 1);
    check("title=Import", "Import", 1);
    check(
        &format!("id[]={}&id[]={}", ids[0], ids[2]),
        "Web shop, Web import",
        2,
    );
    check("type=secret&limit=1&offset=1", "Import", 3);
    check("type=publishable", "", 0);
    check("title[]=Import,Web%20shop", "Web shop, Import", 2);
    check("title=Import,Web%20shop", "", 0);
    check("limit=0x2", "Web shop, Import", 3);
    check("order=title", "Import, Web import, Web shop", 3);
    check("order=-title&limit=1", "Web shop", 3);
    check("fields=id&limit=1", "-", 3);
    check("fields=-id,%2Btype", "Web shop, Import, Web import", 3);
    for (query, message) in [
        (
            "id[$ne]=a",
            "Expected type: 'string, array' for field 'id', got: '[object Object]'",
        ),
        (
            "order=z&limit=x&offset=y&foo=1",
            "Field 'order' names no field to order by, got: 'z'; \
             Expected type: 'number' for field 'limit', got: 'x'; \
             Expected type: 'number' for field 'offset', got: 'y'",
        ),
        (
            "limit=abc",
            "Expected type: 'number' for field 'limit', got: 'abc'",
        ),
        ("limit=-1", "Field 'limit' must be at least 0, got: '-1'"),
        (
            "limit=1001",
            "Field 'limit' must be at most 1000, got: '1001'",
        ),
        (
            "order=token",
            "Field 'order' names no field to order by, got: 'token'",
        ),
        (
            "q=a&q=b",
            "Expected type: 'string' for field 'q', got: 'a,b'",
        ),
        ("foo=1&bar=2", "Unrecognized fields: 'foo, bar'"),
        (
            "title=%zz",
            "Parameter 'title' has a percent sign that no two hexadecimal digits follow",
        ),
        ("q=a%00", "Parameter 'q' contains a NUL character"),
        ("a.b.c=1", "Key accessor more than 2 levels deep: a.b.c"),
        ("fields=constructor", "column constructor does not exist"),
    ] {
        shop.get(&format!("{KEYS}?{query}")).is_invalid(message);
    }
}
