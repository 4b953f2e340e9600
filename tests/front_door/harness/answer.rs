//! An answer, and the values that it should have.

use std::collections::HashMap;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
    pub(super) admin: String,
}

impl Answer {
    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// A text in the body, by its JSON pointer.
    pub fn at(&self, pointer: &str) -> String {
        let value = self.value();
        let found = value.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("no text at {pointer} in {}", self.body))
            .to_owned()
    }

    /// The body with each time as `<time>` and the admin as `<admin>`.
    pub fn settled(&self) -> String {
        let mut text = self.body.clone();
        if !self.admin.is_empty() {
            text = text.replace(&self.admin, "<admin>");
        }
        let mut settled = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("\"20") {
            let (before, from) = rest.split_at(at);
            settled.push_str(before);
            // "2026-11-23T09:10:56.951Z" with its quotes
            let length = 26;
            if from.get(..length).is_some_and(is_time) {
                settled.push_str("\"<time>\"");
                rest = &from[length..];
            } else {
                settled.push_str("\"20");
                rest = &from[3..];
            }
        }
        settled + rest
    }

    /// Asserts the status and the whole body, key by key in their order.
    #[track_caller]
    pub fn is(&self, status: u16, body: Value) {
        assert_eq!((self.status, self.settled()), (status, body.to_string()));
    }

    /// Asserts a refusal.
    #[track_caller]
    pub fn refuses(&self, status: u16, kind: &str, message: &str) {
        self.is(
            status,
            serde_json::json!({"type": kind, "message": message}),
        );
    }

    /// Asserts a refusal for what was sent.
    #[track_caller]
    pub fn is_invalid(&self, message: &str) {
        self.refuses(400, "invalid_data", &format!("Invalid request: {message}"));
    }

    /// A header, empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

fn is_time(quoted: &str) -> bool {
    let shape = "\"0000-00-00T00:00:00.000Z\"";
    quoted.len() == shape.len()
        && quoted
            .bytes()
            .zip(shape.bytes())
            .all(|(got, want)| match want {
                b'0' => got.is_ascii_digit(),
                want => got == want,
            })
}

/// A customer as an answer shows it, with these values instead of null.
pub fn customer(id: &str, email: &str, given: &[(&str, Value)]) -> Value {
    let mut shown = serde_json::json!({
        "id": id, "company_name": null, "first_name": null, "last_name": null, "email": email, "phone": null,
        "metadata": null, "has_account": false, "created_by": "<admin>", "created_at": "<time>",
        "updated_at": "<time>", "deleted_at": null
    });
    for (name, value) in given {
        shown[*name] = value.clone();
    }
    shown
}

/// A group as an answer shows it.
pub fn group(id: &str, name: &str) -> Value {
    serde_json::json!({
        "id": id, "name": name, "created_by": "<admin>", "created_at": "<time>", "updated_at": "<time>",
        "deleted_at": null, "metadata": null
    })
}
