//! A second module that is built with the kit: the kit's part works as it does for
//! customers, and both are served side by side.

use serde_json::{Value, json};

use crate::harness::{Answer, Shop};

fn open() -> Shop {
    Shop::with_setting(concat!("modules.notes.component=", env!("NOTES_GUEST")))
}

/// The titles that a list shows.
fn titles(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let notes = answer.value()["notes"].clone();
    let titles = notes
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["title"].clone());
    titles
        .map(|title| title.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_note_is_created_shown_and_refused_by_the_kits_rules() {
    let shop = open();
    let made = shop.post(
        "/admin/notes",
        json!({"title": "Buy milk", "metadata": {"shop": 1.50}}),
    );
    assert_eq!(made.status, 200, "{}", made.body);
    let note = made.value()["note"].clone();
    let id = note["id"].as_str().unwrap();
    assert!(id.starts_with("note_") && id.len() == 31, "{id}");
    assert_eq!(
        note,
        json!({
            "id": id, "title": "Buy milk", "body": null, "metadata": {"shop": 1.50}, "created_by": shop.admin,
            "created_at": note["created_at"], "updated_at": note["created_at"], "deleted_at": null,
        })
    );
    for (body, message) in [
        (json!({}), "Invalid request: Field 'title' is required"),
        (
            json!({"title": "a", "body": 5, "color": "red"}),
            "Invalid request: Expected type: 'string' for field 'body', got: '5'; Unrecognized fields: 'color'",
        ),
        (
            json!({"title": "Buy milk"}),
            "Note with title: Buy milk, already exists.",
        ),
    ] {
        let refused = shop.post("/admin/notes", body);
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.value(),
            json!({"type": "invalid_data", "message": message})
        );
    }
    let narrow = shop.get("/admin/notes?fields=title");
    assert_eq!(
        narrow.value(),
        json!({"notes": [{"title": "Buy milk", "id": id}], "count": 1, "offset": 0, "limit": 50})
    );
}

#[test]
fn its_list_takes_the_whole_query_language() {
    let shop = open();
    for (title, body) in [
        ("Buy milk", Some("two litres")),
        ("Call Zoë", None),
        ("Pay rent", Some("by FRIDAY")),
    ] {
        let made = shop.post("/admin/notes", json!({"title": title, "body": body}));
        assert_eq!(made.status, 200, "{}", made.body);
    }
    for (query, found) in [
        ("order=-title", &["Pay rent", "Call Zoë", "Buy milk"][..]),
        ("order=title&limit=1&offset=1", &["Call Zoë"]),
        ("q=friday", &["Pay rent"]),
        ("q=ZO%C3%8B", &["Call Zoë"]),
        ("title[]=Buy%20milk&title[]=none", &["Buy milk"]),
        (
            "$or[0][title]=Buy%20milk&$or[1][title]=Pay%20rent&order=title",
            &["Buy milk", "Pay rent"],
        ),
        ("created_at[$gt]=2999-01-01", &[]),
        (
            "id[$like]=note_%25&order=title",
            &["Buy milk", "Call Zoë", "Pay rent"],
        ),
    ] {
        assert_eq!(
            titles(&shop.get(&format!("/admin/notes?{query}"))),
            found,
            "{query}"
        );
    }
    for (query, message) in [
        ("titel=x", "Invalid request: Unrecognized fields: 'titel'"),
        (
            "$and[0][titel]=x",
            "Invalid request: Field '$and' has no filter 'titel'",
        ),
        (
            "limit=10001",
            "Invalid request: Field 'limit' must be at most 10000, got: '10001'",
        ),
        (
            "order=metadata",
            "Invalid request: Field 'order' names no field to order by, got: 'metadata'",
        ),
    ] {
        let refused = shop.get(&format!("/admin/notes?{query}"));
        assert_eq!(
            (refused.status, refused.at("/message").as_str()),
            (400, message),
            "{query}"
        );
    }
}

#[test]
fn it_is_described_and_served_beside_the_customers() {
    let shop = open();
    let document = shop.get("/openapi.json").value();
    let ids = |path: &str| -> Vec<Value> {
        let operations = document["paths"][path].as_object().unwrap().values();
        operations
            .map(|operation| operation["operationId"].clone())
            .collect()
    };
    assert_eq!(ids("/admin/notes"), ["ListNotes", "CreateNote"]);
    assert_eq!(ids("/admin/customers"), ["ListCustomers", "CreateCustomer"]);
    let body = &document["paths"]["/admin/notes"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"];
    assert_eq!(body["required"], json!(["title"]));
    let columns: Vec<&String> = document["components"]["schemas"]["Note"]["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(
        columns,
        [
            "id",
            "title",
            "body",
            "metadata",
            "created_by",
            "created_at",
            "updated_at",
            "deleted_at"
        ]
    );
    let customers = shop.get("/admin/customers");
    assert_eq!(customers.value()["count"], 0);
}
