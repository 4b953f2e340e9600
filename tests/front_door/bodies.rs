//! What may stand in a request's body, and what may not.

use std::io::Write;

use flate2::write::GzEncoder;
use serde_json::json;

use crate::harness::{Answer, JSON, Shop, customer};

fn send(shop: &Shop, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    shop.send("POST", "/admin/customers", &all, body)
}

/// A refusal of the body itself has its message first, as Medusa's has.
fn refuse(answer: &Answer, status: u16, message: &str, kind: &str) {
    answer.is(status, json!({"message": message, "type": kind}));
}

#[test]
fn malformed_json_is_refused() {
    let shop = Shop::open();
    let cut = "the body is not valid JSON: EOF while parsing a string at line 1 column 16";
    refuse(
        &send(&shop, &[JSON], br#"{"email":"a@b.co"#),
        400,
        cut,
        "invalid_data",
    );
    let open = "the body is not valid JSON: EOF while parsing an object at line 1 column 16";
    refuse(
        &send(&shop, &[JSON], br#"{"email":"a@b.c""#),
        400,
        open,
        "invalid_data",
    );
    let scalar = "the JSON text must be an object or an array";
    for body in ["\"x\"", "42", "null", "true"] {
        refuse(
            &send(&shop, &[JSON], body.as_bytes()),
            400,
            scalar,
            "invalid_data",
        );
    }
    let deep = format!(
        "{{\"email\":\"a@b.co\",\"metadata\":{{\"a\":{}1{}}}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(send(&shop, &[JSON], deep.as_bytes()).status, 400);
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
}

#[test]
fn json_of_the_greatest_depth_is_accepted() {
    let shop = Shop::open();
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    let body = format!("{{\"email\":\"a@b.co\",\"metadata\":{{\"a\":{deep}}}}}");
    let made = send(&shop, &[JSON], body.as_bytes());
    assert_eq!(made.status, 200, "{}", made.body);
    assert!(made.body.contains(&deep));
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let shop = Shop::open();
    let body = br#"{"email":"a@b.co"}"#;
    let unsupported =
        |media: &str| format!("unsupported media type \"{media}\": send application/json");
    for media in ["text/plain", "application/xml", "application/vnd.api+json"] {
        refuse(
            &send(&shop, &[("content-type", media)], body),
            415,
            &unsupported(media),
            "invalid_data",
        );
    }
    refuse(
        &send(&shop, &[], body),
        415,
        "a body needs a Content-Type: application/json",
        "invalid_data",
    );
    for charset in ["ISO-8859-1", "US-ASCII"] {
        let other = format!("application/json; charset={}", charset.to_lowercase());
        refuse(
            &send(&shop, &[("content-type", &other)], body),
            415,
            &format!("unsupported charset \"{charset}\""),
            "unknown_error",
        );
    }
    let foo = [JSON, ("content-encoding", "foo")];
    refuse(
        &send(&shop, &foo, body),
        415,
        "unsupported content encoding \"foo\"",
        "unknown_error",
    );
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
}

#[test]
fn a_body_is_at_most_100_kib() {
    let shop = Shop::open();
    let body = |length: usize| {
        let frame = r#"{"email":"a@b.co","first_name":""}"#.len();
        json!({"email": "a@b.co", "first_name": "x".repeat(length - frame)}).to_string()
    };
    let over = send(&shop, &[JSON], body(102_401).as_bytes());
    refuse(&over, 413, "request entity too large", "unknown_error");
    assert_eq!(shop.get("/admin/customers").value()["count"], 0);
    let far_over = send(&shop, &[JSON], body(3_000_000).as_bytes());
    refuse(&far_over, 413, "request entity too large", "unknown_error");
    assert_eq!(body(102_400).len(), 102_400);
    assert_eq!(send(&shop, &[JSON], body(102_400).as_bytes()).status, 200);
}

#[test]
fn a_packed_body_is_bounded_unpacked() {
    let shop = Shop::open();
    let pack = |text: &str| {
        let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let gzip = [JSON, ("content-encoding", "gzip")];
    let made = send(&shop, &gzip, &pack(r#"{"email":"a@b.co"}"#));
    made.is(
        200,
        json!({"customer": customer(&made.at("/customer/id"), "a@b.co", &[])}),
    );
    let bomb = pack(&json!({"email": "b@b.co", "first_name": "x".repeat(50_000_000)}).to_string());
    assert!(bomb.len() < 100_000);
    refuse(
        &send(&shop, &gzip, &bomb),
        413,
        "request entity too large",
        "unknown_error",
    );
    refuse(
        &send(&shop, &gzip, b"plain"),
        400,
        "the body is not valid gzip",
        "invalid_data",
    );
}

#[test]
fn forms_and_marks_are_read() {
    let shop = Shop::open();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let made = send(
        &shop,
        &form,
        b"email=form%40b.co&first_name=A+B&metadata[a]=1",
    );
    made.is(200, {
        let given = [
            ("first_name", json!("A B")),
            ("metadata", json!({"a": "1"})),
        ];
        json!({"customer": customer(&made.at("/customer/id"), "form@b.co", &given)})
    });
    let marked = send(
        &shop,
        &[JSON],
        "\u{feff}{\"email\":\"bom@b.co\"}".as_bytes(),
    );
    marked.is(
        200,
        json!({"customer": customer(&marked.at("/customer/id"), "bom@b.co", &[])}),
    );
}

#[test]
fn a_body_is_refused_before_credentials_are_checked() {
    let shop = Shop::open();
    let anonymous = shop.send("POST", "/admin/customers", &[JSON], b"{");
    assert_eq!(anonymous.status, 400);
    let fine = shop.send("POST", "/admin/customers", &[JSON], b"{}");
    fine.is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn unicode_is_read_in_utf_16_too() {
    let shop = Shop::open();
    let text = "{\"email\":\"a@b.co\",\"first_name\":\"\u{1f600}\"}";
    let marked = format!("\u{feff}{text}");
    let narrow = |text: &str, to: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(to).collect()
    };
    for (charset, body) in [
        ("utf-16", narrow(&marked, u16::to_le_bytes)),
        ("utf-16", narrow(&marked, u16::to_be_bytes)),
        ("UTF-16LE", narrow(text, u16::to_le_bytes)),
        ("utf-16be", narrow(text, u16::to_be_bytes)),
        ("\"utf-16be\"", narrow(text, u16::to_be_bytes)),
    ] {
        let media = format!("application/json; charset={charset}");
        let made = send(&shop, &[("content-type", &media)], &body);
        assert_eq!(made.status, 200, "{charset}: {}", made.body);
        assert_eq!(made.at("/customer/first_name"), "\u{1f600}");
        shop.delete(&format!("/admin/customers/{}", made.at("/customer/id")));
    }
    let utf_16 = [("content-type", "application/json; charset=utf-16le")];
    refuse(
        &send(&shop, &utf_16, &narrow(text, u16::to_le_bytes)[..9]),
        400,
        "the body is not valid utf-16le",
        "invalid_data",
    );
    let utf_32 = [("content-type", "application/json; charset=utf-32le")];
    refuse(
        &send(&shop, &utf_32, b"{\0\0\0}\0\0\0"),
        415,
        "unsupported charset \"UTF-32LE\"",
        "unknown_error",
    );
}

#[test]
fn a_form_keeps_the_order_of_its_names() {
    let shop = Shop::open();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = b"metadata[z]=1&email=a@b.co&metadata[a][y]=2&metadata[a][b]=3&metadata[l][]=4&metadata[l][]=5";
    let made = send(&shop, &form, body);
    let metadata = json!({"z": "1", "a": {"y": "2", "b": "3"}, "l": ["4", "5"]});
    made.is(
        200,
        json!({"customer": customer(&made.at("/customer/id"), "a@b.co", &[("metadata", metadata)])}),
    );
    send(&shop, &form, b"zz=1&email=b@b.co&foo=2").is_invalid("Unrecognized fields: 'zz, foo'");
}
