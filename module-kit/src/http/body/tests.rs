//! Bodies as they are read and refused.

use super::*;

fn body(text: &str) -> Body {
    Body::parse(text.as_bytes()).unwrap()
}

fn refuse(body: Body, message: &str) {
    assert_eq!(body.finish(), Err(Fault::Invalid(message.to_owned())));
}

#[test]
fn fields_are_kept_cleared_or_set() {
    let mut read = body(r#"{"a":null,"b":"x","m":{"k":1.50}}"#);
    assert_eq!(read.text("a"), Change::Clear);
    assert_eq!(read.text("b"), Change::Set("x".to_owned()));
    assert_eq!(read.text("c"), Change::Keep);
    assert_eq!(
        read.object("m"),
        Change::Set(Metadata::stored(r#"{"k":1.50}"#))
    );
    assert_eq!(read.finish(), Ok(()));
    assert_eq!(Body::parse(b"").unwrap().finish(), Ok(()));
}

#[test]
fn three_issues_are_named_and_unknown_fields_last() {
    let mut read = body(r#"{"z":1,"d":1,"c":[1,null,"x"],"b":{},"a":true}"#);
    for field in ["a", "b", "c", "d"] {
        assert_eq!(read.text(field), Change::Keep);
    }
    refuse(
        read,
        "Expected type: 'string' for field 'a', got: 'true'; Expected type: 'string' for field 'b', got: \
         '[object Object]'; Expected type: 'string' for field 'c', got: '1,,x'",
    );
    let mut read = body(r#"{"z":1,"a":5,"y":2}"#);
    assert_eq!(read.name("a"), None);
    refuse(
        read,
        "Expected type: 'string' for field 'a', got: '5'; Unrecognized fields: 'z, y'",
    );
}

#[test]
fn ids_are_texts_and_each_counts_once() {
    let mut read = body(r#"{"add":["a","b","a"],"remove":[5,{"id":"x"}]}"#);
    assert_eq!(read.ids("add"), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(read.ids("remove"), Some(Vec::new()));
    refuse(
        read,
        "Expected type: 'string' for field 'remove, 0', got: '5'; Field 'remove, 1' is required",
    );
    // Every missing field is named beside the first three issues.
    let mut read = body(r#"{"add":[{},{},{},{}]}"#);
    assert_eq!(read.ids("add"), Some(Vec::new()));
    let missing = (0..4).map(|index| format!("Field 'add, {index}' is required"));
    refuse(read, &missing.collect::<Vec<_>>().join("; "));
    let mut read = body(r#"{"add":"a"}"#);
    assert_eq!(read.ids("add"), None);
    refuse(read, "Expected type: 'array' for field 'add', got: 'a'");
}

#[test]
fn a_number_is_whole_and_bounded() {
    for (sent, number) in [("0", Some(0)), ("10", Some(10))] {
        let mut read = body(&format!(r#"{{"n":{sent}}}"#));
        assert_eq!(read.number("n", 10), number);
        assert_eq!(read.finish(), Ok(()));
    }
    assert_eq!(body("{}").number("n", 10), None);
    let wrong = |got| format!("Expected type: 'number' for field 'n', got: '{got}'");
    for (sent, message) in [
        ("11", "Field 'n' must be at most 10, got: '11'".to_owned()),
        ("-1", "Field 'n' must be at least 0, got: '-1'".to_owned()),
        ("1.5", wrong("1.5")),
        ("99999999999999999999", wrong("99999999999999999999")),
        (r#""1""#, wrong("1")),
        ("null", wrong("null")),
        ("[1]", wrong("1")),
    ] {
        let mut read = body(&format!(r#"{{"n":{sent}}}"#));
        assert_eq!(read.number("n", 10), None, "{sent}");
        refuse(read, &message);
    }
}

#[test]
fn a_required_text_that_is_of_another_type_is_not_missing() {
    for (sent, message) in [
        ("{}", "Field 'a' is required"),
        (
            r#"{"a":null}"#,
            "Expected type: 'string' for field 'a', got: 'null'",
        ),
    ] {
        let mut read = body(sent);
        assert_eq!(read.required_name("a"), None, "{sent}");
        refuse(read, message);
    }
    let read = Body::read(br#"{"a":""}"#, |body| body.required_name("a"));
    assert_eq!(read, Ok(Some(String::new())));
}

#[test]
fn a_body_is_described_by_its_reader() {
    let field = |name, takes, required| Field {
        name,
        takes,
        required,
    };
    let read = fields(|body| {
        body.email("email");
        body.ids("add");
        body.issues.rules(vec![Issue::required("email")]);
    });
    assert_eq!(
        read,
        [
            field("email", Takes::Email, true),
            field("add", Takes::Ids, false)
        ]
    );
}

#[test]
fn a_body_is_an_object() {
    for text in ["[]", r#"[{"a":1}]"#, "\"x\""] {
        assert_eq!(
            Body::parse(text.as_bytes()).err(),
            Some(Fault::Invalid("Field '' is required".to_owned()))
        );
    }
}

#[test]
fn objects_in_a_list_are_read_like_bodies_and_their_issues_name_the_way_to_them() {
    fn line(body: &mut Body) -> (Option<String>, Option<i64>) {
        let title = body.required_name("title");
        (title, body.amount("price"))
    }
    let mut read = body(r#"{"items":[{"title":"Mug","price":12.50},{"title":"Cup"}]}"#);
    let lines = vec![
        (Some("Mug".to_owned()), Some(125_000)),
        (Some("Cup".to_owned()), None),
    ];
    assert_eq!(read.objects("items", 2, line), Some(lines));
    assert_eq!(read.finish(), Ok(()));
    for (sent, message) in [
        (
            r#"{"items":[{"title":"Mug"},{"price":"x","z":1}]}"#,
            "Field 'items, 1, title' is required; Expected type: 'number' for field 'items, 1, price', \
             got: 'x'; Unrecognized fields: 'z'",
        ),
        (
            r#"{"items":[{"title":"Mug","price":-1}]}"#,
            "Field 'items, 0, price' must be from 0 to 100000000000 with at most 4 decimals, got: '-1'",
        ),
        (
            r#"{"items":[{},{},{}]}"#,
            "Field 'items' must have at most 2 values, got: '3'",
        ),
        (
            r#"{"items":["Mug"]}"#,
            "Expected type: 'object' for field 'items, 0', got: 'Mug'",
        ),
        (
            r#"{"items":{}}"#,
            "Expected type: 'array' for field 'items', got: '[object Object]'",
        ),
    ] {
        let mut read = body(sent);
        read.objects("items", 2, line);
        refuse(read, message);
    }
    let described = fields(|body| drop(body.objects("items", 2, line)));
    let field = |name, takes, required| Field {
        name,
        takes,
        required,
    };
    let inner = vec![
        field("title", Takes::Name, true),
        field("price", Takes::Amount, false),
    ];
    let takes = Takes::Objects {
        max: 2,
        fields: inner,
    };
    assert_eq!(described, [field("items", takes, false)]);
}

#[test]
fn a_whole_number_has_a_range() {
    let mut read = body(r#"{"a":-5,"b":5}"#);
    assert_eq!(read.integer("a", -5..=5), Some(-5));
    assert_eq!(read.integer("b", -5..=5), Some(5));
    assert_eq!(read.integer("c", -5..=5), None);
    assert_eq!(read.finish(), Ok(()));
    let mut read = body(r#"{"a":-6,"b":6,"c":1.5}"#);
    for field in ["a", "b", "c"] {
        assert_eq!(read.integer(field, -5..=5), None);
    }
    refuse(
        read,
        "Field 'a' must be at least -5, got: '-6'; Field 'b' must be at most 5, got: '6'; \
         Expected type: 'number' for field 'c', got: '1.5'",
    );
}
