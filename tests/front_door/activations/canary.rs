//! Canaries that cannot start.

use std::fs;

use serde_json::{Value, json};

use super::{MODULE, close, digest, digests, is_served, put, shop, shop_on};
use crate::harness::{Answer, Shop, marked, run, text};

#[test]
fn a_canary_that_cannot_start_keeps_no_version() {
    let shop = shop("version=1.0.0");
    let (second, third) = (marked("version=2.0.0"), marked("version=3.0.0"));
    put(&shop, "?activate=true&canary=10%25", &second).is_invalid(
        "Fields 'activate' and 'canary' exclude each other: leave out 'activate' to try the version first",
    );
    // The version in service, which is not kept as a version yet.
    let first = marked("version=1.0.0");
    let short = |bytes: &[u8]| digest(bytes)[..12].to_owned();
    put(&shop, "?canary=10%25", &first).refuses(
        409,
        "not_allowed",
        &format!(
            "the version {} of the module marked is in service, and answers all requests: choose another one",
            short(&first)
        ),
    );
    assert_eq!(digests(&shop), [""; 0]);
    for share in [
        "0%25", "0", "10", "-1%25", "100.1%25", "0.001%25", "NaN%25", "10%25%25", "",
    ] {
        let answer = put(&shop, &format!("?canary={share}"), &second);
        assert_eq!(answer.status, 400, "{share}: {}", answer.body);
        assert!(
            answer.body.contains("must be a share from 0.01% to 100%"),
            "{share}: {}",
            answer.body
        );
    }
    put(&shop, "?activate=false&canary=0.01%25", &second);
    assert_eq!(
        shop.get(MODULE).value()["module"]["canary"]["share_percent"],
        json!(0.01)
    );
    let has_canary = format!(
        "the version {} of the module marked is its canary: promote or withdraw it first",
        short(&second)
    );
    for bytes in [&second, &third] {
        put(&shop, "?canary=10%25", bytes).refuses(409, "not_allowed", &has_canary);
    }
    assert_eq!(digests(&shop), [digest(&second)]);
    let body = json!({"digest": digest(&second), "canary": "10%"});
    shop.post(&format!("{MODULE}/activate"), body)
        .refuses(409, "not_allowed", &has_canary);
    put_to(&shop, "nope", "?canary=10%25", &third).refuses(
        409,
        "not_allowed",
        "no version of the module nope is in service that a canary could be compared with: activate one",
    );
    // A canary ends with its activation.
    let withdrawn = shop.ask("POST", &format!("{MODULE}/withdraw"), None);
    assert_eq!(withdrawn.status, 200, "{}", withdrawn.body);
    let promoted = shop.ask("POST", &format!("{MODULE}/promote"), None);
    promoted.refuses(409, "not_allowed", "the module marked has no canary");
}

fn put_to(shop: &Shop, name: &str, query: &str, bytes: &[u8]) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let headers = [("authorization", &*bearer)];
    let path = format!("/_wares/modules/{name}{query}");
    shop.send("PUT", &path, &headers, bytes)
}

#[test]
fn without_a_host_a_canary_is_refused() {
    let shop = shop("version=1.0.0");
    let second = digest(&marked("version=2.0.0"));
    let data = close(shop);
    let folder = data.path().to_str().unwrap().to_owned();
    let modules = format!("data.modules_dir={}", data.path().join("modules").display());
    let file = data.path().join("two.wasm");
    fs::write(&file, marked("version=2.0.0")).unwrap();
    let file = file.to_str().unwrap();
    let wares = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data", &folder, "--set", &modules]);
        let output = run(all);
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    };
    let refused = |message: &str| (1, String::new(), format!("wares: {message}\n"));
    let no_host = "no version of the module marked can be canary, since no host serves this data folder: a canary is \
                   judged by what it answers, and ends with the host. Start `wares serve` first, or put the \
                   version in service at once";
    assert_eq!(
        wares(&["module", "install", file, "--canary", "10%"]),
        refused(no_host)
    );
    // It was not kept.
    assert_eq!(
        wares(&["module", "activate", "marked", &second]),
        refused(&format!("the module marked has no version {second}"))
    );
    assert_eq!(wares(&["module", "install", file]).0, 0);
    assert_eq!(
        wares(&["module", "activate", "marked", &second, "--canary", "10%"]),
        refused(no_host)
    );
    for act in ["promote", "withdraw"] {
        assert_eq!(
            wares(&["module", act, "marked"]),
            refused("the module marked has no canary")
        );
    }
    // What contradicts itself, or is no share, is a wrong command line.
    for (arguments, said) in [
        (
            vec!["module", "install", file, "--activate", "--canary", "10%"],
            "the argument '--activate' cannot be used with '--canary <SHARE>'",
        ),
        (
            vec!["module", "install", file, "--canary", "10"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "activate", "marked", &second, "--canary", "0%"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "activate", "marked", &second, "--canary", "101%"],
            "write a share from 0.01% to 100%, like 10%",
        ),
        (
            vec!["module", "install", file, "--name="],
            "a value is required for '--name <MODULE>' but none was supplied",
        ),
        (
            vec!["module", "status", ""],
            "a value is required for '[NAME]' but none was supplied",
        ),
        (
            vec!["module", "remove", "marked", ""],
            "a value is required for '[DIGEST]' but none was supplied",
        ),
    ] {
        let (code, out, error) = wares(&arguments);
        assert_eq!((code, &*out), (2, ""), "{arguments:?}");
        assert!(error.contains(said), "{arguments:?}: {error}");
    }
    let entries: Value = serde_json::from_str(&wares(&["audit", "--json"]).1).unwrap();
    let told: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|act| {
            (
                act["action"].as_str().unwrap(),
                act["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("canary", "refused"),
            ("install", "done"),
            ("activate", "refused"),
            ("install", "refused"),
        ]
    );
    let shop = shop_on(data, &[]);
    is_served(&shop, "1.0.0", "folder");
    assert_eq!(shop.get(MODULE).value()["module"]["canary"], json!(null));
}
