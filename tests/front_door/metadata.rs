//! The metadata of records: its largest size, and the time of a large change.

use serde_json::{Map, Value, json};

use crate::harness::{Answer, JSON, Shop};

const BYTES_MAX: usize = 1024 * 1024;

/// A shop that takes bodies of more than a record's metadata, so that one request
/// reaches the bound.
fn shop(compat: &str) -> Shop {
    Shop::open_with(|command| {
        let compat = format!("modules.customer.config.compat={compat}");
        command.args(["--set", "server.body_bytes_max=4 MiB", "--set", &compat]);
    })
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// `{"a":"…"}` of so many bytes.
fn object(bytes: usize) -> Value {
    json!({"a": text(bytes - r#"{"a":""}"#.len())})
}

#[test]
fn the_deepest_json_that_is_read_is_kept_and_shown_and_a_deeper_one_is_refused() {
    // The body and its metadata are two levels more.
    const DEPTH_MAX: usize = 125;
    let shop = shop("document");
    let list: fn(Value) -> Value = |value| json!([value]);
    let object: fn(Value) -> Value = |value| json!({"a": value});
    for (wrap, email) in [(list, "ann@shop.example"), (object, "bob@shop.example")] {
        let nested = |depth| (0..depth).fold(json!(1), |value, _| wrap(value));
        let body = |depth| json!({"email": email, "metadata": {"k": nested(depth)}});
        let customers = "/admin/customers";
        let made = shop.post(customers, body(DEPTH_MAX));
        assert_eq!(made.status, 200, "{}", made.body);
        let id = made.body.split('"').find(|part| part.starts_with("cus_"));
        let one = format!("/admin/customers/{}", id.unwrap());
        let shown = format!(r#""metadata":{}"#, json!({"k": nested(DEPTH_MAX)}));
        for answer in [&made, &shop.post(&one, body(DEPTH_MAX)), &shop.get(&one)] {
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert!(answer.body.contains(&shown), "{}", answer.body);
        }
        for path in [customers, &one] {
            let refused = shop.post(path, body(DEPTH_MAX + 1));
            assert_eq!(refused.status, 400, "{}", refused.body);
            assert!(refused.body.contains("recursion limit"), "{}", refused.body);
        }
    }
}

#[track_caller]
fn refuses(answer: &Answer, bytes: usize) {
    answer.is_invalid(&format!(
        "Field 'metadata' would be {bytes} bytes of JSON, more than the 1048576 that one record may have; remove keys \
         by setting them to \"\""
    ));
}

fn are_bounded(shop: &Shop) {
    let customer = shop.customer("ann@shop.example");
    let customers = "/admin/customers".to_owned();
    let one = format!("{customers}/{customer}");
    let addresses = format!("{one}/addresses");
    let groups = "/admin/customer-groups".to_owned();
    let new_customer = |metadata| json!({"email": "bob@shop.example", "metadata": metadata});
    let new_group = |metadata| json!({"name": "Regulars", "metadata": metadata});
    let new_address = |metadata| json!({"address_1": "1 Main St", "city": "Ely", "postal_code": "1", "country_code": "gb", "metadata": metadata});
    type Made<'a> = &'a dyn Fn(Value) -> Value;
    let kinds: [(&String, Made<'_>, &str); 3] = [
        (&customers, &new_customer, "/customer/id"),
        (&groups, &new_group, "/customer_group/id"),
        (&addresses, &new_address, "/customer/addresses/0/id"),
    ];
    for (path, new, id) in kinds {
        refuses(&shop.post(path, new(object(BYTES_MAX + 1))), BYTES_MAX + 1);
        let shown = if path == &addresses {
            "?fields=addresses.id"
        } else {
            ""
        };
        let made = shop.post(&format!("{path}{shown}"), new(object(BYTES_MAX)));
        assert_eq!(made.status, 200, "{path}: {}", made.body);
        let path = format!("{path}/{}", made.at(id));
        let before = shop.get(&path).body;
        let added = shop.post(&path, json!({"metadata": {"b": 1}}));
        refuses(&added, BYTES_MAX + r#","b":1"#.len());
        assert_eq!(shop.get(&path).body, before, "nothing has changed");
        let exchanged = shop.post(&path, json!({"metadata": {"a": "", "b": 1}}));
        assert_eq!(exchanged.status, 200, "{path}: {}", exchanged.body);
        assert!(shop.get(&path).body.contains(r#""metadata":{"b":1}"#));
    }
}

#[test]
fn a_record_has_a_mebibyte_of_metadata_at_most() {
    are_bounded(&shop("document"));
}

#[test]
fn so_it_does_where_the_host_answers_as_medusa_does() {
    are_bounded(&shop("medusa-2"));
}

#[test]
fn updates_that_are_small_each_reach_the_bound_as_well() {
    let shop = Shop::open();
    let path = format!("/admin/customers/{}", shop.customer("ann@shop.example"));
    let piece = text(100_000);
    let refused = (0..20)
        .map(|key| shop.post(&path, json!({"metadata": {format!("k{key}"): &piece}})))
        .position(|answer| answer.status == 400);
    // Ten pieces have a little more than a million bytes, and the eleventh is beyond.
    assert_eq!(refused, Some(10));
    assert_eq!(shop.post(&path, json!({"phone": "1"})).status, 200);
}

#[test]
fn fifty_thousand_keys_are_removed_within_the_time_of_a_call() {
    let shop = shop("document");
    let path = format!("/admin/customers/{}", shop.customer("ann@shop.example"));
    let keys = |value: Value| -> Map<String, Value> {
        (0..50_000)
            .map(|key| (key.to_string(), value.clone()))
            .collect()
    };
    let bearer = format!("Bearer {}", shop.token);
    let post = |metadata: Map<String, Value>| {
        let body = json!({"metadata": metadata}).to_string();
        let headers = [("authorization", bearer.as_str()), JSON];
        shop.send("POST", &path, &headers, body.as_bytes())
    };
    let set = post(keys(json!(1)));
    assert_eq!(set.status, 200, "{}", set.body);
    let mut removal = keys(json!(""));
    removal.insert("last".to_owned(), json!(true));
    let removed = post(removal);
    assert_eq!(removed.status, 200, "{}", removed.body);
    assert_eq!(
        removed.value()["customer"]["metadata"],
        json!({"last": true})
    );
}
