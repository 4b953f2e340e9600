//! Placeholders, and differences and their places.

use serde_json::json;

use super::*;

fn differences(expected: Value, got: Value, rules: Rules) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let pattern = Pattern::new(expected).unwrap();
    pattern.compare(&got, "body", rules, &mut found);
    found
        .into_iter()
        .map(|one| (one.path, one.expected, one.got))
        .collect()
}

fn differs(path: &str, expected: &str, got: &str) -> Vec<(String, String, String)> {
    vec![(path.to_owned(), expected.to_owned(), got.to_owned())]
}

#[test]
fn values_are_equal_but_for_placeholders() {
    let ulid = "01M8FG044PEFGVW29AXPNE58BQ";
    for (expected, got, rules) in [
        (
            json!({"a": [1, "x", true]}),
            json!({"a": [1, "x", true]}),
            Rules::EXACT,
        ),
        (json!({"a": "<any>"}), json!({"a": null}), Rules::EXACT),
        (json!({"a": "<absent>"}), json!({}), Rules::EXACT),
        (json!({"a": "<null>"}), json!({"a": null}), Rules::EXACT),
        (
            json!(["<text>", "<number>"]),
            json!(["", 0.5]),
            Rules::EXACT,
        ),
        (
            json!("<id thing_>"),
            json!(format!("thing_{ulid}")),
            Rules::EXACT,
        ),
        (
            json!("<time>"),
            json!("2026-03-03T10:00:00.000Z"),
            Rules::EXACT,
        ),
        (
            json!("<uuid>"),
            json!("01a21f00-1089-7524-8319-bdf25c4640d2"),
            Rules::EXACT,
        ),
        (json!("<matches ^a.c$>"), json!("abc"), Rules::EXACT),
        (json!("<<any>"), json!("<any>"), Rules::EXACT),
        (
            json!({"a": 1, "<others>": "<any>"}),
            json!({"a": 1, "b": 2}),
            Rules::EXACT,
        ),
        (json!([1, "<others>"]), json!([1, 2, 3]), Rules::EXACT),
        (json!(1.0), json!(1), Rules::EXACT),
        (json!({"a": 1}), json!({"a": 1, "b": null}), Rules::TYPED),
        (
            json!({"a": {"b": "<any>"}}),
            json!({"a": "{\"b\": 1}"}),
            Rules::TYPED,
        ),
    ] {
        assert_eq!(differences(expected, got, rules), []);
    }
}

#[test]
fn a_difference_has_its_place_and_both_values() {
    for (expected, got, found) in [
        (
            json!({"a": {"b": 1}}),
            json!({"a": {"b": 2}}),
            differs("body.a.b", "1", "2"),
        ),
        (
            json!({"a": 1}),
            json!({}),
            differs("body.a", "1", "nothing"),
        ),
        (
            json!({}),
            json!({"a": null}),
            differs("body.a", "nothing", "null"),
        ),
        (
            json!({"a": "<absent>"}),
            json!({"a": 1}),
            differs("body.a", "\"<absent>\"", "1"),
        ),
        (
            json!([1]),
            json!([1, 2]),
            differs("body", "1 item", "2 items: [1,2]"),
        ),
        (
            json!([{"a b": 1}]),
            json!([{"a b": 2}]),
            differs("body[0][\"a b\"]", "1", "2"),
        ),
        (
            json!({"<others>": "<text>"}),
            json!({"a": "x", "b": 2}),
            differs("body.b", "\"<text>\"", "2"),
        ),
        (
            json!("<id thing_>"),
            json!("thing_1"),
            differs("body", "\"<id thing_>\"", "\"thing_1\""),
        ),
        (
            json!({"a": 1}),
            json!("{\"a\": 1}"),
            differs("body", "{\"a\":1}", "\"{\\\"a\\\": 1}\""),
        ),
    ] {
        assert_eq!(differences(expected, got, Rules::EXACT), found);
    }
}

#[test]
fn a_placeholder_that_there_is_not_is_refused_with_the_nearest() {
    for (text, reason) in [
        ("<anny>", "<anny> is no placeholder; did you mean <any>?"),
        (
            "<b>bold</b>",
            "<b>bold</b> is no placeholder; there is <any>",
        ),
        ("<matches (>", "<matches (> has no valid regular expression"),
    ] {
        let refused = Pattern::new(json!({"a": [text]})).unwrap_err();
        assert!(refused.starts_with(reason), "{refused}");
    }
}

#[test]
fn what_is_returned_is_what_was_given_but_for_what_is_named() {
    let given = json!({"email": "<A@b>", "name": "Ann", "phone": null});
    let pattern = Pattern::new(json!({"email": "a@b"})).unwrap().over(&given);
    let check = |got: Value| {
        let mut found = Vec::new();
        pattern.compare(&got, "returns", Rules::TYPED, &mut found);
        found.into_iter().map(|one| one.path).collect::<Vec<_>>()
    };
    assert_eq!(
        check(json!({"email": "a@b", "name": "Ann", "phone": null})),
        [""; 0]
    );
    assert_eq!(
        check(json!({"email": "a@b", "name": "B", "phone": null})),
        ["returns.name"]
    );
    let unchanged = Pattern::equal(&given);
    let mut found = Vec::new();
    unchanged.compare(&given, "returns", Rules::TYPED, &mut found);
    assert_eq!(found, []);
}

#[test]
fn null_and_texts_with_an_angle_can_be_given() {
    let value = json!({"a": "<null>", "b": ["<<null>", "<any>"]});
    assert_eq!(given(value), json!({"a": null, "b": ["<null>", "<any>"]}));
}
