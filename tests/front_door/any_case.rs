//! Texts and emails in any case: what `q` finds, and the setting `email_case`.

use std::process::Command;
use std::thread;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{self, Answer, Shop};

const IGNORED: &str = "modules.customer.config.email_case=ignored";

/// A shop on data that there is, perhaps with a setting.
fn open(data: TempDir, setting: Option<&str>) -> Shop {
    Shop::open_on(data, |command: &mut Command| {
        if let Some(setting) = setting {
            command.args(["--set", setting]);
        }
    })
}

/// Ends a shop, and keeps its data.
fn close(shop: Shop) -> TempDir {
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    data
}

fn emails(shop: &Shop, query: &str) -> Vec<String> {
    let answer = shop.get(&format!("/admin/customers?fields=email&{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let listed = answer.value();
    let customers = listed["customers"].as_array().unwrap();
    assert_eq!(listed["count"], customers.len(), "{query}");
    let email = |one: &serde_json::Value| one["email"].as_str().unwrap().to_owned();
    customers.iter().map(email).collect()
}

fn create(shop: &Shop, email: &str) -> Answer {
    shop.post("/admin/customers", json!({ "email": email }))
}

fn taken(answer: &Answer, email: &str) {
    answer.refuses(
        400,
        "invalid_data",
        &format!(
            "Customer with email: {email}, has_account: false, already exists. \
             Upper and lower case are the same here."
        ),
    );
}

#[test]
fn q_folds_case_as_unicode_does_and_composes_accents() {
    let shop = Shop::open();
    for (email, first, last) in [
        ("a@b.co", "İsmail", "Straße"),
        ("b@b.co", "ΟΔΥΣΣΕΥΣ", "Zoe\u{308}"),
        ("c@b.co", "Muller", "ırmak"),
        ("d@b.co", "Müller", "ﬁn"),
    ] {
        let body = json!({"email": email, "first_name": first, "last_name": last});
        assert_eq!(shop.post("/admin/customers", body).status, 200);
    }
    let group = shop.group("Großkunden");
    let customer = shop
        .get("/admin/customers?q=%C4%B0smail")
        .at("/customers/0/id");
    shop.address(&customer, "Gießen");
    for (q, found) in [
        ("ismail", vec!["a@b.co"]),
        ("ISMAIL", vec!["a@b.co"]),
        ("%C4%B0SMA%C4%B0L", vec!["a@b.co"]),
        ("i%CC%87smail", vec!["a@b.co"]),
        ("STRASSE", vec!["a@b.co"]),
        ("stra%C3%9Fe", vec!["a@b.co"]),
        ("STRA%E1%BA%9EE", vec!["a@b.co"]),
        // Short words are looked for without the index.
        ("%C3%9F", vec!["a@b.co"]),
        (
            "%CE%BF%CE%B4%CF%85%CF%83%CF%83%CE%B5%CF%85%CF%82",
            vec!["b@b.co"],
        ),
        ("%CF%82", vec!["b@b.co"]),
        ("zo%C3%AB", vec!["b@b.co"]),
        ("ZOE%CC%88", vec!["b@b.co"]),
        ("fin", vec!["d@b.co"]),
        // Accents stay, and so does the i without a dot.
        ("zoe", vec![]),
        ("muller", vec!["c@b.co"]),
        ("M%C3%9CLLER", vec!["d@b.co"]),
        ("irmak", vec![]),
        ("%C4%B1RMAK", vec!["c@b.co"]),
    ] {
        assert_eq!(emails(&shop, &format!("q={q}")), found, "{q}");
    }
    let groups = shop.get("/admin/customer-groups?q=GROSSKUNDEN&fields=id");
    assert_eq!(groups.at("/customer_groups/0/id"), group);
    let addresses = format!("/admin/customers/{customer}/addresses?fields=city&q=GIESSEN");
    assert_eq!(shop.get(&addresses).at("/addresses/0/city"), "Gießen");
    let typed = shop.run(&[
        "call",
        "customer",
        "customers.search({q: some(\"STRASSE\")})",
    ]);
    assert!(harness::text(&typed.stdout).contains("a@b.co"), "{typed:?}");
    let key = json!({"title": "Großmarkt", "type": "secret"});
    assert_eq!(shop.post("/admin/api-keys", key).status, 200);
    for (q, count) in [("GROSSMARKT", 1), ("gro%C3%9F", 1), ("grosz", 0)] {
        let keys = shop.get(&format!("/admin/api-keys?q={q}"));
        assert_eq!(keys.value()["count"], count, "{q}");
    }
}

#[test]
fn emails_are_two_in_two_cases_unless_the_setting_makes_them_one() {
    let shop = Shop::open();
    for email in ["hello@x.nl", "Hello@x.nl", "bob@x.nl"] {
        assert_eq!(create(&shop, email).status, 200);
    }
    assert_eq!(emails(&shop, "email=hello@x.nl"), ["hello@x.nl"]);
    let data = close(shop);

    // Existing customers stay, and no other joins them.
    let shop = open(data, Some(IGNORED));
    taken(&create(&shop, "HELLO@x.nl"), "HELLO@x.nl");
    taken(&create(&shop, "BOB@x.nl"), "BOB@x.nl");
    let both = ["hello@x.nl", "Hello@x.nl"];
    assert_eq!(emails(&shop, "email=HELLO@x.nl"), both);
    assert_eq!(emails(&shop, "email[]=HELLO@x.nl&email[]=no@x.nl"), both);
    let upper = shop.get("/admin/customers?email=Hello@x.nl&fields=id");
    let hello = |shop: &Shop| {
        let found = shop.get("/admin/customers?q=hello&fields=id").value();
        let ids = found["customers"].as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(upper.value()["count"], 2);
    let change = |shop: &Shop, id: &str, body| shop.post(&format!("/admin/customers/{id}"), body);
    for id in hello(&shop) {
        assert_eq!(change(&shop, &id, json!({"phone": "1"})).status, 200);
    }
    let bob = shop
        .get("/admin/customers?email=Bob@x.nl")
        .at("/customers/0/id");
    taken(
        &change(&shop, &bob, json!({"email": "hELLO@x.nl"})),
        "hELLO@x.nl",
    );
    let same = change(&shop, &bob, json!({"email": "Bob@x.nl"}));
    assert_eq!(same.at("/customer/email"), "Bob@x.nl");
    let typed = |shop: &Shop, email: &str, account: bool| {
        let call = format!("customers.create({{email: \"{email}\", has-account: {account}}})");
        shop.run(&["call", "--set", IGNORED, "customer", &call])
    };
    let refused = typed(&shop, "BOB@x.nl", false);
    assert!(!refused.status.success());
    assert!(
        harness::text(&refused.stderr).contains("already exists"),
        "{refused:?}"
    );
    let search = "customers.search({email: \"HELLO@x.nl\"})";
    let found = shop.run(&["call", "--set", IGNORED, "customer", search]);
    assert!(
        harness::text(&found.stdout).contains("count: 2"),
        "{found:?}"
    );
    // One guest and one account.
    assert!(typed(&shop, "BOB@x.nl", true).status.success());
    assert!(!typed(&shop, "bOB@x.nl", true).status.success());
    let group = shop.group("all");
    let members = format!("/admin/customer-groups/{group}/customers");
    shop.post(&members, json!({ "add": [bob] }));
    let of = |filter: &str| {
        let listed = shop.get(&format!("/admin/customer-groups?fields=id&{filter}"));
        listed.value()["count"].clone()
    };
    assert_eq!(of("customers[email]=BOB@X.NL"), 1);
    assert_eq!(of("customers[email][$ne]=BOB@X.NL"), 0);
    let data = close(shop);

    // Back again, two cases are two emails.
    let shop = open(data, None);
    assert_eq!(create(&shop, "BOB@x.nl").status, 200);
    assert_eq!(emails(&shop, "email=HELLO@x.nl"), Vec::<String>::new());
    create(&shop, "BOB@x.nl").refuses(
        400,
        "invalid_data",
        "Customer with email: BOB@x.nl, has_account: false, already exists.",
    );
    let data = close(shop);
    let shop = open(data, Some(IGNORED));
    taken(&create(&shop, "bob@x.nl"), "bob@x.nl");
    assert_eq!(create(&shop, "New@x.nl").status, 200);
}

#[test]
fn of_many_who_take_an_email_at_once_one_has_it() {
    let shop = Shop::with_setting(IGNORED);
    let others: Vec<String> = (0..16)
        .map(|n| shop.customer(&format!("other{n}@x.nl")))
        .collect();
    let outcomes: Vec<u16> = thread::scope(|scope| {
        let asks: Vec<_> = (0..16_u32)
            .map(|n| {
                let shop = &shop;
                let other = format!("/admin/customers/{}", others[n as usize]);
                // Sixteen ways to write four letters.
                let letter = |index: u32, letter: char| match n >> index & 1 {
                    0 => letter,
                    _ => letter.to_ascii_uppercase(),
                };
                let name: String = (0..)
                    .zip("anna".chars())
                    .map(|(p, l)| letter(p, l))
                    .collect();
                let email = format!("{name}@x.nl");
                scope.spawn(move || match n % 2 {
                    0 => create(shop, &email).status,
                    _ => shop.post(&other, json!({ "email": email })).status,
                })
            })
            .collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    let count = |status| outcomes.iter().filter(|one| **one == status).count();
    assert_eq!((count(200), count(400)), (1, 15), "{outcomes:?}");
    assert_eq!(emails(&shop, "email=ANNA@x.nl").len(), 1);
}

#[test]
fn a_user_signs_in_by_an_email_in_any_case() {
    let shop = Shop::open();
    let upper = harness::EMAIL.to_ascii_uppercase();
    let token = shop.sign_in(&upper, harness::PASSWORD);
    assert!(token.contains('.'), "{token}");
    let wrong = json!({"email": format!("{upper}x"), "password": harness::PASSWORD});
    shop.send(
        "POST",
        "/auth/user/emailpass",
        &[harness::JSON],
        wrong.to_string().as_bytes(),
    )
    .refuses(401, "unauthorized", "Invalid email or password");
    // So no other customer can have it.
    let again = shop.run(&["user", "create", "--email", &upper]);
    assert!(!again.status.success());
}

#[test]
fn another_value_of_the_setting_is_refused_at_the_start() {
    let data = harness::data();
    let refused = harness::wares()
        .args(["serve", "--data"])
        .arg(data.path())
        .args([
            "--set",
            "modules.customer.config.email_case=lower",
            "--strict",
        ])
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = harness::text(&refused.stderr);
    assert!(
        said.contains("email_case: 'lower' is neither 'distinct' nor 'ignored'"),
        "{said}"
    );
}
