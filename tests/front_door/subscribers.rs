//! Components that take events of others: each event arrives, in the order of what it is
//! about, once in the database of its subscriber, whatever happens meanwhile.

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Shop, listener, text, wait_until};

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
    all.push("events.retry=0s,0s".to_owned());
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

#[test]
fn operators_see_what_failed_and_try_it_again_or_give_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let own: &[&str] = &[
        "config.does=fails",
        "config.names=customer.created",
        "config.of=cus_",
    ];
    let first = shop(&folder, &[("ears", own)]);
    let ann = create(&first, "ann");
    first.server.wait_for_log("is a dead letter");
    create(&first, "bob");
    first.server.wait_for_log("is a dead letter");
    let run = |shop: &Shop, arguments: &[&str]| {
        let output = shop.run(&[&["events"], arguments].concat());
        (
            output.status.code(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (code, failed) = run(&first, &["failed", "ears", "--dead", "--limit", "1"]);
    assert_eq!(code, Some(0), "{failed}");
    let lines: Vec<&str> = failed.lines().collect();
    assert!(
        lines[0].starts_with("customer-1 ")
            && lines[0].ends_with(&format!("customer.created {{\"id\":\"{ann}\"}}")),
        "{failed}"
    );
    assert_eq!(
        lines[1],
        "  a dead letter, tried 3 times: it does not like customer.created"
    );
    assert_eq!(lines[2], "there are more: --after customer-1");
    let (_, lag) = run(&first, &["lag"]);
    let said = "ears takes customer.created; fails: it does not like customer.created\n  customer: 0 behind 2; 0 waiting, 2 dead\n  ears: 0 behind 0; 0 waiting, 0 dead\n";
    assert_eq!(lag, said);
    let listed = first.get("/_wares/subscribers/ears/deliveries?limit=1&state=dead");
    assert_eq!(listed.at("/deliveries/0/event/id"), "customer-1");
    assert_eq!(
        (listed.at("/deliveries/0/state"), listed.at("/next")),
        ("dead".to_owned(), "customer-1".to_owned())
    );
    let metrics = first.get("/metrics").body;
    assert!(
        metrics
            .contains("wares_subscriber_dead_letters{subscriber=\"ears\",module=\"customer\"} 2"),
        "{metrics}"
    );
    // It fails again.
    assert_eq!(
        run(&first, &["retry", "ears", "customer-1"]),
        (Some(0), "1 events of ears are tried again\n".to_owned())
    );
    first.server.wait_for_log("is a dead letter");
    assert_eq!(
        run(&first, &["discard", "ears", "customer-1"]),
        (Some(0), "1 events of ears are given up\n".to_owned())
    );
    for (arguments, said) in [
        (
            &["retry", "ears", "customer-1"][..],
            "wares: ears has handled the event customer-1, or never got it\n",
        ),
        (
            &["retry", "ears", "x"],
            "wares: 'x' is no id of an event: one is like orders-12\n",
        ),
        (
            &["retry", "customer", "customer-1"],
            "wares: the module customer takes no events: it exports no wares:module/subscriber\n",
        ),
        (
            &["discard", "nobody", "--all-dead"],
            "wares: there is no module nobody\n",
        ),
        (
            &["show", "customer-99"],
            "wares: no event has the id customer-99, or it is removed\n",
        ),
        (
            &["replay", "ears", "nobody", "--from", "beginning"],
            "wares: there is no module nobody\n",
        ),
    ] {
        assert_eq!(
            run(&first, arguments),
            (Some(1), said.to_owned()),
            "{arguments:?}"
        );
    }
    // A version that works.
    let Shop {
        mut server, data, ..
    } = first;
    assert!(server.stop().success());
    let second = Shop::open_on(data, |command| {
        for setting in settings(&folder, "ears", &["config.names=customer.created"]) {
            command.args(["--set", &setting]);
        }
    });
    assert!(got(&second, "ears").is_empty());
    assert_eq!(
        run(&second, &["retry", "ears", "--all-dead"]),
        (Some(0), "1 events of ears are tried again\n".to_owned())
    );
    wait_until("it is handled", || got(&second, "ears").len() == 1);
    let (_, shown) = run(&second, &["show", "customer-1"]);
    assert!(shown.ends_with("\n  ears: handled\n"), "{shown}");
    let replayed = run(
        &second,
        &["replay", "ears", "customer", "--from", "beginning"],
    );
    assert_eq!(
        replayed,
        (
            Some(0),
            "2 events are handled by ears once more\n".to_owned()
        )
    );
    wait_until("both are handled", || got(&second, "ears").len() == 3);
    let acts = second.audit_entries("").into_iter();
    let acts: Vec<String> = acts
        .map(|entry| {
            format!(
                "{} {} {}",
                entry[1].as_str().unwrap(),
                entry[3].as_str().unwrap(),
                entry[4].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        acts[0],
        "replay done customer from the oldest to the newest: 2 events"
    );
    assert_eq!(acts[1], "retry done all dead letters: 1 events");
    let events = second.get("/_wares/events?component=customer&name=customer.*&limit=1");
    assert_eq!(
        (
            events.at("/events/0/id"),
            events.at("/events/0/entity"),
            events.at("/next")
        ),
        (
            "customer-1".to_owned(),
            "customer".to_owned(),
            "customer-1".to_owned()
        )
    );
    let events = second.get("/_wares/events?after=customer-1");
    assert_eq!(events.at("/events/0/id"), "customer-2");
    assert_eq!(events.value()["next"], json!(null));
    for (path, status) in [
        ("/_wares/events?name=X", 404),
        ("/_wares/events/nothing", 404),
        ("/_wares/subscribers/ears/deliveries?state=x", 400),
        ("/_wares/events?limit=1001", 400),
    ] {
        assert_eq!(second.get(path).status, status, "{path}");
    }
    let body = json!({});
    assert_eq!(
        second.post("/_wares/subscribers/ears/retry", body).status,
        400
    );
}

#[test]
fn events_of_components_that_are_not_granted_do_not_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Shop::open_with(|command| {
        let file = folder.path().join("ears.wasm");
        std::fs::write(&file, listener("ears")).unwrap();
        for setting in [
            format!("component={}", file.display()),
            "grants=sql,events,http,subscriptions=orders".to_owned(),
        ] {
            command.args(["--set", &format!("modules.ears.{setting}")]);
        }
    });
    create(&refused, "ann");
    let views = refused.get("/_wares/subscribers").value();
    assert_eq!(views["subscribers"][0]["sources"], json!([]));
    assert!(got(&refused, "ears").is_empty());
}

/// The host is killed again and again while it writes, with a subscriber that fails at first
/// for every event.
#[test]
fn no_event_is_lost_or_kept_twice_whenever_the_host_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = |command: &mut std::process::Command| {
        let subscribers: [(&str, &[&str]); 2] = [
            ("ears", &[]),
            ("slow", &["config.does=fails the first time"]),
        ];
        for (name, own) in subscribers {
            for setting in settings(&folder, name, own) {
                command.args(["--set", &setting]);
            }
        }
    };
    let mut shop = Shop::open_with(set_up);
    let mut made = 0;
    for round in 0..6 {
        for number in 0..20 {
            create(&shop, &format!("c{round}-{number}"));
            made += 1;
        }
        let Shop {
            mut server, data, ..
        } = shop;
        server.signal("-KILL");
        server.child.wait().unwrap();
        shop = Shop::open_on(data, set_up);
    }
    for name in ["ears", "slow"] {
        wait_until("all have arrived", || {
            let created = got(&shop, name).into_iter();
            created
                .filter(|line| line.contains(" customer.created "))
                .count()
                >= made
        });
        let mut ids: Vec<String> = got(&shop, name);
        let all = ids.len();
        ids.iter_mut()
            .for_each(|line| line.truncate(line.find(' ').unwrap()));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name} has kept an event twice");
        assert_eq!(all, made);
    }
}
