//! The order in which extensions are called at a point: set by command while the host serves,
//! kept over restarts, decided by the settings where they have it, and shown.

use serde_json::{Value, json};

use crate::chain::shop;
use crate::harness::{Shop, text};

const POINT: &str = "wares:customer/hooks";
const SIGNING: [(&str, &str); 3] = [("alpha", "signs"), ("beta", "signs"), ("gamma", "signs")];

/// The names that three extensions signed a new customer with, in their order.
fn signed(shop: &Shop, email: &str) -> String {
    let made = shop.post("/admin/customers", json!({"email": email}));
    assert_eq!(made.status, 200, "{}", made.body);
    made.at("/customer/company_name")
}

fn said(shop: &Shop, arguments: &[&str]) -> (i32, String, String) {
    let done = shop.run(arguments);
    let code = done.status.code().unwrap();
    (code, text(&done.stdout), text(&done.stderr))
}

fn order(shop: &Shop, point: &str, names: &[&str]) -> crate::harness::Answer {
    let body = json!({"point": point, "order": names});
    shop.post("/_wares/extension-points/order", body)
}

fn point(ordered_by: &str, names: [&str; 3]) -> Value {
    let extension = |name| {
        json!({
            "name": name, "version": "1.2.3",
            "on_failure": if name == "beta" { "skip" } else { "refuse" }, "enabled": true
        })
    };
    json!({
        "name": POINT, "modules": ["customer"], "ordered_by": ordered_by,
        "extensions": names.map(extension),
    })
}

/// As `wares module` prints a chain.
fn chain(names: [&str; 3]) -> String {
    let line = |(index, name): (usize, &&str)| {
        let policy = if *name == "beta" { "skip" } else { "refuse" };
        format!("    {}. {name} 1.2.3, on failure {policy}\n", index + 1)
    };
    names.iter().enumerate().map(line).collect()
}

#[test]
fn an_order_set_by_command_holds_from_the_next_hook_on_and_over_a_restart() {
    let (shop, files) = shop(&SIGNING, &["modules.beta.on_failure=skip"]);
    assert_eq!(signed(&shop, "1@shop.example"), "alpha;beta;gamma;");
    let by_name = chain(["alpha", "beta", "gamma"]);
    assert_eq!(
        said(&shop, &["module", "order", "customer/hooks"]),
        (
            0,
            format!("{POINT} of customer, by name:\n{by_name}"),
            String::new()
        )
    );
    // As the status shows it, without a version, and without the namespace.
    for (number, name, names, calls) in [
        (
            2,
            "wares:customer/hooks@2.0.0",
            ["gamma", "beta", "alpha"],
            3,
        ),
        (3, "wares:customer/hooks", ["beta", "gamma", "alpha"], 2),
        (4, "customer/hooks", ["gamma", "alpha", "beta"], 1),
    ] {
        // Those that are not named follow by name.
        let mut arguments = vec!["module", "order", name];
        arguments.extend(&names[..calls]);
        let ordered = chain(if calls == 1 {
            ["gamma", "alpha", "beta"]
        } else {
            names
        });
        let by_command = "in the order of `wares module order`";
        assert_eq!(
            said(&shop, &arguments),
            (
                0,
                format!("{POINT} of customer, {by_command}:\n{ordered}"),
                String::new()
            )
        );
        let email = format!("{number}@shop.example");
        assert_eq!(signed(&shop, &email), format!("{};", names.join(";")));
    }
    let entries = shop.audit_fields("?limit=2", &["action", "module", "outcome", "detail"]);
    assert_eq!(
        json!(entries),
        json!([
            ["order", null, "done", "wares:customer/hooks: gamma"],
            ["order", null, "done", "wares:customer/hooks: beta, gamma"],
        ])
    );
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    // Without a host as well, and kept for the next one.
    let folder = data.path().to_str().unwrap().to_owned();
    let settings: Vec<String> = SIGNING
        .iter()
        .flat_map(|(name, _)| {
            let file = files.path().join(format!("{name}.wasm"));
            [
                format!("modules.{name}.component={}", file.display()),
                format!("modules.{name}.grants=hooks,operations"),
                format!("modules.{name}.config.does=signs"),
            ]
        })
        .flat_map(|setting| ["--set".to_owned(), setting])
        .collect();
    let mut arguments = vec![
        "module",
        "order",
        "customer/hooks",
        "beta",
        "--data",
        &folder,
    ];
    arguments.extend(settings.iter().map(String::as_str));
    let done = crate::harness::run(arguments);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let shop = Shop::open_on(data, |command| {
        command.args(&settings);
    });
    assert_eq!(signed(&shop, "5@shop.example"), "beta;alpha;gamma;");
    assert_eq!(said(&shop, &["module", "order", POINT, "--reset"]).0, 0);
    assert_eq!(signed(&shop, "6@shop.example"), "alpha;beta;gamma;");
}

#[test]
fn names_of_no_point_and_of_no_extension_are_refused_with_those_that_there_are() {
    let (shop, _files) = shop(&SIGNING, &["modules.beta.on_failure=skip"]);
    for name in ["nope", "customer"] {
        order(&shop, POINT, &["gamma", name]).refuses(
            400,
            "invalid_data",
            &format!(
                "no extension in service that fills wares:customer/hooks has the name {name}: the extensions \
                 are alpha, beta, gamma"
            ),
        );
    }
    for point in ["hooks", "wares:customer/hooks@1.0.0", "wares:order/hooks"] {
        order(&shop, point, &["gamma"]).refuses(
            404,
            "not_found",
            &format!(
                "no module in service has the extension point {point}: the points are wares:customer/hooks"
            ),
        );
    }
    let path = "/_wares/extension-points/order";
    shop.post(path, json!({"point": POINT}))
        .is_invalid("Field 'order' is required");
    assert_eq!(signed(&shop, "1@shop.example"), "alpha;beta;gamma;");
    let ordered = point("command", ["gamma", "alpha", "beta"]);
    order(&shop, POINT, &["gamma"]).is(200, json!({"extension_point": ordered}));
    assert_eq!(signed(&shop, "2@shop.example"), "gamma;alpha;beta;");
    let entries = shop.audit_fields("?limit=3", &["action", "outcome"]);
    assert_eq!(
        json!(entries),
        json!([
            ["order", "done"],
            ["order", "refused"],
            ["order", "refused"]
        ])
    );
    let bearer = [("content-type", "application/json")];
    assert_eq!(shop.send("POST", path, &bearer, b"{}").status, 401);
}

#[test]
fn the_settings_go_before_the_command() {
    let (shop, _files) = shop(
        &SIGNING,
        &["extensions.order=gamma", "modules.beta.on_failure=skip"],
    );
    let refusal = "extensions.order has the order in which extensions are called: change it there";
    order(&shop, POINT, &["beta"]).refuses(409, "not_allowed", refusal);
    order(&shop, POINT, &[]).refuses(409, "not_allowed", refusal);
    assert_eq!(signed(&shop, "1@shop.example"), "gamma;alpha;beta;");
    let shown = point("setting", ["gamma", "alpha", "beta"]);
    shop.get("/_wares/extension-points?point=customer/hooks")
        .is(200, json!({"extension_points": [shown]}));
}

#[test]
fn the_status_shows_each_chain_and_what_each_extension_fills() {
    let (shop, _files) = shop(&SIGNING, &["modules.beta.on_failure=skip"]);
    order(&shop, POINT, &["gamma"]);
    let path = "/_wares/modules/alpha/disable";
    assert_eq!(shop.ask("POST", path, None).status, 200);
    let modules = shop.get("/_wares/modules").value()["modules"].clone();
    let of = |name: &str| {
        let modules = modules.as_array().unwrap();
        let module = modules
            .iter()
            .find(|module| module["name"] == name)
            .unwrap();
        json!([
            module["extension_points"],
            module["fills"],
            module["on_failure"]
        ])
    };
    let mut at = point("command", ["gamma", "alpha", "beta"]);
    at.as_object_mut().unwrap().shift_remove("modules");
    at["name"] = json!("wares:customer/hooks@2.1.0");
    at["extensions"][1]["enabled"] = json!(false);
    assert_eq!(of("customer"), json!([[at], [], "refuse"]));
    assert_eq!(
        of("beta"),
        json!([[], ["wares:customer/hooks@2.0.0"], "skip"])
    );
    let (_, shown, _) = said(&shop, &["module", "status", "customer"]);
    let (_, chain) = shown.split_once("on average\n").unwrap();
    assert_eq!(
        chain,
        "  at wares:customer/hooks@2.1.0, in the order of `wares module order`:\n    \
         1. gamma 1.2.3, on failure refuse\n    2. alpha 1.2.3, disabled\n    \
         3. beta 1.2.3, on failure skip\n"
    );
    let (_, shown, _) = said(&shop, &["module", "status", "beta"]);
    assert!(
        shown.ends_with("on average\n  fills wares:customer/hooks@2.0.0, on failure skip\n"),
        "{shown}"
    );
    let (_, shown, _) = said(&shop, &["module", "order", "--json"]);
    let points: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(points[0]["extensions"], at["extensions"]);
}

#[test]
fn a_point_without_extensions_is_shown_by_its_name() {
    let shop = Shop::open();
    let (_, shown, _) = said(&shop, &["module", "status"]);
    assert!(
        shown.ends_with("  at wares:customer/hooks@2.1.0: no extension\n"),
        "{shown}"
    );
    assert_eq!(
        said(&shop, &["module", "order"]),
        (
            0,
            format!("{POINT} of customer: no extension\n"),
            String::new()
        )
    );
    let (code, _, error) = said(&shop, &["module", "order", POINT, "alpha"]);
    assert_eq!(
        (code, &*error),
        (
            1,
            "wares: no extension in service that fills wares:customer/hooks has the name alpha: there are no \
             such extensions\n"
        )
    );
}

#[test]
fn an_extension_that_failed_at_the_start_has_its_turn_and_its_log() {
    // It wants operations too.
    let grants = "modules.beta.grants=hooks";
    let (shop, _files) = shop(&SIGNING, &[grants, "modules.beta.on_failure=skip"]);
    let ordered = order(&shop, POINT, &["gamma", "beta"]);
    let mut wanted = point("command", ["gamma", "beta", "alpha"]);
    wanted["extensions"][1]["version"] = Value::Null;
    ordered.is(200, json!({"extension_point": wanted}));
    assert_eq!(signed(&shop, "1@shop.example"), "gamma;alpha;");
    let (_, shown, _) = said(&shop, &["module", "status", "customer"]);
    let line = "    2. beta failed at the start, on failure skip\n";
    assert!(shown.contains(line), "{shown}");
    let (code, shown, error) = said(&shop, &["module", "logs", "beta"]);
    assert_eq!((code, &*error), (0, ""));
    let lines: Vec<&str> = shown.lines().collect();
    let has = |what: &str| lines.iter().any(|line| line.contains(what));
    assert!(
        has("ERROR host: a component failed at the start"),
        "{shown}"
    );
    assert!(
        has("ERROR host: an extension failed at the start, and is left out"),
        "{shown}"
    );
}
