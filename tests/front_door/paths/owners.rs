//! Paths that two components declare.

use serde_json::{Value, json};

use super::{does_not_start, folder, installed, put, shop, with_settings};
use crate::harness::Shop;

const OTHER: &str = "name=other version=1.0.0";

fn two(settings: &[(&str, &str)]) -> Shop {
    let components = [("marked.wasm", "version=1.0.0"), ("other.wasm", OTHER)];
    shop(folder(&components), settings)
}

fn overlap(one: &str, other: &str) -> String {
    format!(
        "the routes {one} and {other} match the same paths, and a path belongs to one component: \
         change one of them"
    )
}

#[test]
fn two_components_that_own_one_path_do_not_start() {
    let components = [
        ("marked.wasm", "version=1.0.0 settings=x"),
        ("other.wasm", "name=other version=1.0.0 settings=x"),
    ];
    let data = folder(&components);
    let start = |mine: &str, theirs: &str| {
        [
            ("modules.marked.config.routes-x".to_owned(), mine.to_owned()),
            (
                "modules.other.config.routes-x".to_owned(),
                theirs.to_owned(),
            ),
        ]
    };
    for (mine, theirs) in [
        ("GET admin /store/a", "GET admin /Store/A"),
        // Another method makes no difference.
        ("GET admin /store/a", "POST anyone /store/a"),
        ("GET admin /store/{x}", "GET admin /store/a"),
        ("GET admin /store/a/{x}", "GET admin /store/{y}/b"),
    ] {
        let settings = start(mine, theirs);
        let route = |route: &str, owner: &str| {
            let words: Vec<&str> = route.split(' ').collect();
            format!("{} {} of the module {owner}", words[0], words[2])
        };
        assert_eq!(
            does_not_start(data.path(), &settings),
            overlap(&route(mine, "marked"), &route(theirs, "other"))
        );
    }
    let settings = start("GET admin /store/{x}/a", "GET admin /store/{x}/b");
    let shop = Shop::open_on(data, |command| {
        with_settings(command, settings);
    });
    for path in ["/store/1/a", "/store/1/b"] {
        assert_eq!(shop.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_version_that_takes_anothers_path_is_neither_installed_nor_activated_nor_made_canary() {
    let shop = two(&[
        (
            "modules.marked.config.routes-things",
            "GET admin /store/things/{id}",
        ),
        (
            "modules.marked.config.routes-wide",
            "GET anyone /admin/{a}/{b}",
        ),
        (
            "modules.other.config.routes-one",
            "POST anyone /store/Things/one",
        ),
        ("canary.calls_min", "1000000"),
        ("canary.promote_calls", "0"),
    ]);
    let things = "version=2.0.0 settings=things";
    let one = "name=other version=2.0.0 settings=one";
    put(&shop, "marked", "", "version=2.0.0 settings=wide").refuses(
        400,
        "invalid_component",
        &overlap(
            "GET /admin/customer-groups/{id} of the module customer",
            "GET /admin/{a}/{b} of the module marked",
        ),
    );
    // Both may be installed: neither has the path yet.
    let (things, one) = (
        installed(&shop, "marked", "", things),
        installed(&shop, "other", "", one),
    );
    let post = |module: &str, act: &str, body: Value| {
        shop.post(&format!("/_wares/modules/{module}/{act}"), body)
    };
    let both = overlap(
        "GET /store/things/{id} of the module marked",
        "POST /store/Things/one of the module other",
    );
    assert_eq!(
        post("marked", "activate", json!({"digest": things})).status,
        200
    );
    post("other", "activate", json!({"digest": one})).refuses(400, "invalid_component", &both);
    let as_canary = |digest: &str| json!({"digest": digest, "canary": "50%"});
    post("other", "activate", as_canary(&one)).refuses(400, "invalid_component", &both);
    assert_eq!(shop.get("/admin/other").at("/version"), "1.0.0");

    // Two canaries must not collide either.
    assert_eq!(post("marked", "rollback", json!({})).status, 200);
    assert_eq!(post("marked", "activate", as_canary(&things)).status, 200);
    let trial_last = overlap(
        "POST /store/Things/one of the module other",
        "GET /store/things/{id} of the module marked",
    );
    post("other", "activate", as_canary(&one)).refuses(400, "invalid_component", &both);
    post("other", "activate", json!({"digest": one})).refuses(
        400,
        "invalid_component",
        &trial_last,
    );
    assert_eq!(post("marked", "withdraw", json!({})).status, 200);
    assert_eq!(
        post("other", "activate", json!({"digest": one})).status,
        200
    );
    let answer = shop.send("POST", "/store/things/one", &[], b"");
    assert_eq!(answer.at("/version"), "2.0.0");
    // The version before does not return to a path that another owns.
    post("marked", "activate", json!({"digest": things})).refuses(400, "invalid_component", &both);
    assert_eq!(shop.get("/admin/marked").at("/version"), "1.0.0");
}
