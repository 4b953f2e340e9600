//! Components that take events of others: each event arrives, in the order of what it is
//! about, once in the database of its subscriber, whatever happens meanwhile.

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Shop, listener, wait_until};

/// Settings under which a subscriber is served that does this.
fn settings(folder: &TempDir, name: &str, own: &[&str]) -> Vec<String> {
    let file = folder.path().join(format!("{name}.wasm"));
    std::fs::write(&file, listener(name)).unwrap();
    let mut all = vec![
        format!("component={}", file.display()),
        "grants=sql,events,http=http://127.0.0.1:1,subscriptions".to_owned(),
    ];
    all.extend(own.iter().map(|setting| (*setting).to_owned()));
    let mut all: Vec<String> = all
        .iter()
        .map(|setting| format!("modules.{name}.{setting}"))
        .collect();
    all.push("events.retry_seconds=0,0".to_owned());
    all
}

fn shop(folder: &TempDir, subscribers: &[(&str, &[&str])]) -> Shop {
    Shop::open_with(|command| {
        for (name, own) in subscribers {
            for setting in settings(folder, name, own) {
                command.args(["--set", &setting]);
            }
        }
    })
}

fn create(shop: &Shop, name: &str) -> String {
    let made = shop.post(
        "/admin/customers",
        json!({"email": format!("{name}@shop.example")}),
    );
    assert_eq!(made.status, 200, "{}", made.body);
    made.at("/customer/id")
}

/// What a subscriber has written: event, name, what it is about, attempt.
fn got(shop: &Shop, name: &str) -> Vec<String> {
    let listed = shop.send("GET", &format!("/store/{name}"), &[], b"");
    assert_eq!(listed.status, 200, "{}", listed.body);
    listed.body.lines().map(str::to_owned).collect()
}

#[test]
fn every_event_arrives_once_and_in_the_order_of_what_it_is_about() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(&folder, &[("ears", &["config.names=customer.*"])]);
    let ann = create(&shop, "ann");
    let path = format!("/admin/customers/{ann}");
    for name in ["Ann", "Anne", "Anna"] {
        shop.post(&path, json!({"first_name": name}));
    }
    let bob = create(&shop, "bob");
    shop.delete(&path);
    wait_until("all have arrived", || got(&shop, "ears").len() == 6);
    let about = |id: &str| -> Vec<String> {
        let got = got(&shop, "ears").into_iter();
        let of_id = got.filter(|line| line.contains(id));
        of_id
            .map(|line| line.split(' ').nth(1).unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        about(&ann),
        [
            "customer.created",
            "customer.updated",
            "customer.updated",
            "customer.updated",
            "customer.deleted"
        ]
    );
    assert_eq!(about(&bob), ["customer.created"]);
    let first = got(&shop, "ears")
        .into_iter()
        .find(|line| line.contains(&bob))
        .unwrap();
    assert!(
        first.ends_with(&format!(" customer.created customer/{bob} 1")),
        "{first}"
    );
}

#[test]
fn an_event_that_is_not_handled_holds_up_those_of_its_own_alone() {
    let folder = tempfile::tempdir().unwrap();
    let own: &[&str] = &["config.does=fails the first time"];
    let shop = shop(&folder, &[("ears", own)]);
    let ann = create(&shop, "ann");
    shop.post(
        &format!("/admin/customers/{ann}"),
        json!({"first_name": "Ann"}),
    );
    wait_until("both have arrived", || got(&shop, "ears").len() == 2);
    let got = got(&shop, "ears");
    let ends = |index: usize, end: &str| assert!(got[index].ends_with(end), "{got:?}");
    ends(0, &format!(" customer.created customer/{ann} 2"));
    ends(1, &format!(" customer.updated customer/{ann} 2"));
}

#[test]
fn what_a_handler_keeps_for_an_event_is_kept_once() {
    let folder = tempfile::tempdir().unwrap();
    let shop = shop(&folder, &[("ears", &["config.does=keeps and fails"])]);
    create(&shop, "ann");
    shop.server.wait_for_log("and counts as handled");
    create(&shop, "bob");
    wait_until("the next one has arrived", || got(&shop, "ears").len() == 2);
    assert!(got(&shop, "ears").iter().all(|line| line.ends_with(" 1")));
}

#[test]
fn events_that_cause_themselves_end() {
    let folder = tempfile::tempdir().unwrap();
    let own: &[&str] = &["config.does=tells", "config.names=customer.created"];
    let shop = shop(&folder, &[("echo", own)]);
    create(&shop, "ann");
    shop.server.wait_for_log("is a dead letter");
    // That of the customers, and the eight that it causes.
    assert_eq!(got(&shop, "echo").len(), 8);
}

#[test]
fn events_arrive_that_happened_while_the_subscriber_was_disabled_or_the_host_was_down() {
    let folder = tempfile::tempdir().unwrap();
    let first = shop(&folder, &[("ears", &[])]);
    create(&first, "ann");
    wait_until("it has arrived", || got(&first, "ears").len() == 1);
    assert!(first.run(&["module", "disable", "ears"]).status.success());
    create(&first, "bob");
    assert!(first.run(&["module", "enable", "ears"]).status.success());
    wait_until("the missed one has arrived", || {
        got(&first, "ears").len() == 2
    });
    assert!(first.run(&["module", "disable", "ears"]).status.success());
    create(&first, "eve");
    let Shop {
        mut server, data, ..
    } = first;
    server.signal("-KILL");
    server.child.wait().unwrap();
    let second = Shop::open_on(data, |command| {
        for setting in settings(&folder, "ears", &[]) {
            command.args(["--set", &setting]);
        }
    });
    assert!(second.run(&["module", "enable", "ears"]).status.success());
    wait_until("the last one has arrived", || {
        got(&second, "ears").len() == 3
    });
}
