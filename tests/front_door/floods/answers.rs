//! Answers that clients do not read.

use hyper::Request;
use hyper::body::Bytes;
use serde_json::json;

use super::{Client, STREAMS, grew_by_less, memory, runtime, send, take};
use crate::harness::Shop;

const BUNDLE: &str = "/docs/swagger-ui-bundle.js";

#[test]
fn unread_pages_cost_no_memory_and_end_their_connection() {
    let shop = Shop::with_setting("server.body_timeout_ms=10000");
    let bundle = shop.send("GET", BUNDLE, &[], b"");
    assert!(bundle.status == 200 && bundle.body.len() > 500_000);
    let before = memory(&shop);
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = Client::connect(&shop, 0).await;
            let mut answers = Vec::new();
            for _ in 0..STREAMS {
                let (answer, _) = client.begin(&shop, Request::get("/"), BUNDLE, true).await;
                answers.push(answer);
            }
            let mut bodies = Vec::new();
            for answer in answers {
                let answer = answer.await.unwrap();
                assert_eq!(answer.status(), 200);
                bodies.push(answer);
            }
            clients.push((client, bodies));
        }
        grew_by_less(&shop, before, 64);
        let neighbour = shop.send("GET", BUNDLE, &[], b"");
        assert!(neighbour.status == 200 && neighbour.body == bundle.body);
        for (client, _bodies) in clients {
            client.until_it_ends().await;
        }
    });
    grew_by_less(&shop, before, 64);
}

/// A shop whose list of customers has 2 MB.
fn full_shop(setting: &str) -> Shop {
    let shop = Shop::with_setting(setting);
    let name = "x".repeat(100_000);
    for number in 0..20 {
        let body = json!({"email": format!("{number}@b.co"), "first_name": name});
        assert_eq!(shop.post("/admin/customers", body).status, 200);
    }
    shop
}

const LIST: &str = "/admin/customers?limit=20";

#[test]
fn unread_answers_are_bounded() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let whole = shop.get(LIST).body;
    assert!(whole.len() > 2_000_000);
    let before = memory(&shop);
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 0).await;
        let mut kept = Vec::new();
        let mut refused = 0;
        for _ in 0..STREAMS {
            let answer = client.get(&shop, LIST, &shop.token).await;
            if answer.status() == 200 {
                kept.push(answer);
            } else {
                assert_eq!(answer.status(), 503);
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
        }
        assert!(
            (1..=4).contains(&kept.len()),
            "{} and {refused}",
            kept.len()
        );
        grew_by_less(&shop, before, 64);
        // A small answer has room beside them, and so has a neighbour's large one.
        let health = client.get(&shop, "/health", "").await;
        assert_eq!(health.status(), 200);
        assert_eq!(shop.get(LIST).body, whole);
    });
}

#[test]
fn a_connection_that_reads_its_answers_late_is_served() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let whole = shop.get(LIST).body;
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 65_535).await;
        let mut waiting = Vec::new();
        let last = loop {
            let answer = client.get(&shop, LIST, &shop.token).await;
            if answer.status() == 503 {
                break answer;
            }
            waiting.push(answer);
        };
        for answer in waiting {
            assert_eq!(take(answer).await.unwrap(), whole.as_bytes());
        }
        assert!(
            String::from_utf8(take(last).await.unwrap())
                .unwrap()
                .contains("wait to be taken")
        );
        let again = client.get(&shop, LIST, &shop.token).await;
        assert_eq!(take(again).await.unwrap(), whole.as_bytes());
    });
}

#[test]
fn a_write_whose_answer_has_no_room_is_not_to_be_retried() {
    let shop = full_shop("server.body_timeout_ms=60000");
    let group = shop.group("all");
    let ids: Vec<String> = shop.get("/admin/customers?fields=id").value()["customers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|customer| customer["id"].as_str().unwrap().to_owned())
        .collect();
    let members = json!({"add": ids});
    shop.post(
        &format!("/admin/customer-groups/{group}/customers"),
        members,
    );
    let path = format!("/admin/customer-groups/{group}?fields=name,customers.first_name");
    runtime().block_on(async {
        let mut client = Client::connect(&shop, 0).await;
        let mut waiting = Vec::new();
        for _ in 0..5 {
            waiting.push(client.get(&shop, LIST, &shop.token).await);
        }
        let request = Request::post("/")
            .header("authorization", format!("Bearer {}", shop.token))
            .header("content-type", "application/json");
        let (answer, mut body) = client.begin(&shop, request, &path, false).await;
        send(
            &mut body,
            Bytes::from_static(br#"{"name":"renamed"}"#),
            true,
        )
        .await
        .unwrap();
        // A refusal before it was done, or a stream that breaks off after.
        match answer.await {
            Ok(answer) if answer.status() == 503 => {
                assert!(shop.get(&path).body.contains("all"));
            }
            Ok(answer) => {
                take(answer).await.unwrap_err();
                assert!(shop.get(&path).body.contains("renamed"));
            }
            Err(_) => assert!(shop.get(&path).body.contains("renamed")),
        }
    });
}
