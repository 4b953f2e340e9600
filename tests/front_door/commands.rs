//! The `wares` command.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::harness::{EMAIL, Shop, data, hostile_guest, root, run, text, wares};

#[test]
fn every_command_has_help() {
    let help = run(["--help"]);
    assert!(help.status.success());
    for command in [
        "serve", "user", "key", "new", "inspect", "call", "events", "seed",
    ] {
        assert!(
            text(&help.stdout).contains(&format!("\n  {command} ")),
            "{command}"
        );
        let help = run([command, "--help"]);
        assert!(
            help.status.success() && text(&help.stdout).contains("Usage: wares"),
            "{command}"
        );
    }
}

#[test]
fn a_wrong_flag_is_named() {
    let wrong = run(["serve", "--lisen", "x"]);
    assert_eq!(wrong.status.code(), Some(2));
    let said = text(&wrong.stderr);
    assert!(
        said.contains("unexpected argument '--lisen'") && said.contains("'--listen'"),
        "{said}"
    );
}

#[test]
fn a_typed_operation_is_called() {
    let shop = Shop::open();
    let made = shop.run(&[
        "call",
        "customer",
        "customers.create({email: \"a@b.co\", has-account: true})",
    ]);
    assert!(made.status.success(), "{made:?}");
    let list = shop
        .get("/admin/customers?fields=email,has_account")
        .value();
    assert_eq!(list["customers"][0]["has_account"], true);
    let found = shop.run(&["call", "customer", "customers.search({limit: 3})"]);
    let found = text(&found.stdout);
    assert!(
        found.starts_with("{customers: [{id: \"cus_") && found.ends_with("}], count: 1}\n"),
        "{found}"
    );
    let refused = shop.run(&[
        "call",
        "customer",
        "customers.create({email: \"x\", has-account: false})",
    ]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        text(&refused.stderr),
        "wares: invalid(\"Invalid email address\")\n"
    );
    assert_eq!(text(&refused.stdout), "");
    for (call, said) in [
        ("customers.nope()", "nope"),
        ("nope.search({})", "nope"),
        (
            "customers.search({limit: \"x\"})",
            "do not fit customers.search(query)",
        ),
        ("customers.search(", "unexpected end of input"),
        ("customers.search({lim: 1})", "there is no field lim"),
        (
            "customers.update({id: \"x\", changes: [], nope: 1})",
            "there is no field nope",
        ),
        ("customers.search({})", "a record without any field is {:}"),
    ] {
        let wrong = shop.run(&["call", "customer", call]);
        let text = text(&wrong.stderr);
        assert!(
            wrong.status.code() == Some(1) && text.lines().count() == 1 && text.contains(said),
            "{call}: {text}"
        );
    }
    let nobody = shop.run(&["call", "nobody", "a.b()"]);
    assert_eq!(
        text(&nobody.stderr),
        "wares: there is no module nobody; there is customer\n"
    );
}

#[test]
fn every_typed_operation_answers() {
    let shop = Shop::open();
    let call = |call: &str| {
        let done = shop.run(&["call", "customer", call]);
        assert!(done.status.success(), "{call}: {}", text(&done.stderr));
        text(&done.stdout).trim().to_owned()
    };
    let id = |shown: &str| shown.split('"').nth(1).unwrap().to_owned();
    let ann = id(&call(
        "customers.create({email: \"ann@b.co\", has-account: false})",
    ));
    let vip = id(&call("groups.create({name: \"VIP\"})"));
    let lines = "address1: \"1 Main St\", city: \"Rome\", postal-code: \"1\", country-code: \"IT\"";
    let flags = "is-default-shipping: true, is-default-billing: false";
    let home = id(&call(&format!(
        "addresses.create({{customer-id: \"{ann}\", {flags}, {lines}}})"
    )));
    assert!(call(&format!("customers.retrieve(\"{ann}\")")).contains("ann@b.co"));
    let changes = "[phone(some(\"1\")), metadata(some(\"{\\\"a\\\":1}\"))]";
    let updated = call(&format!(
        "customers.update({{id: \"{ann}\", changes: {changes}}})"
    ));
    assert!(
        updated.contains("phone: some(\"1\")")
            && updated.contains(r#"metadata: some("{\"a\":1}")"#),
        "{updated}"
    );
    let reference = format!("{{customer-id: \"{ann}\", id: \"{home}\"}}");
    assert!(
        call(&format!("addresses.retrieve({reference})")).contains("country-code: some(\"it\")")
    );
    let moved = call(&format!(
        "addresses.update({{address: {reference}, changes: [city(some(\"Oslo\"))]}})"
    ));
    assert!(moved.contains("Oslo"), "{moved}");
    assert!(
        call(&format!(
            "addresses.search({{customer-id: \"{ann}\", q: \"osl\"}})"
        ))
        .ends_with("count: 1}")
    );
    let change = format!("{{group-id: \"{vip}\", customer-ids: [\"{ann}\"]}}");
    call(&format!("groups.add-members({change}, none)"));
    assert!(call(&format!("groups.search({{customers: [\"{ann}\"]}})")).ends_with("count: 1}"));
    assert!(call(&format!("customers.search({{groups: [\"{vip}\"]}})")).ends_with("count: 1}"));
    call(&format!("groups.remove-members({change})"));
    assert!(call(&format!("customers.search({{groups: [\"{vip}\"]}})")).ends_with("count: 0}"));
    assert!(
        call(&format!(
            "groups.update({{id: \"{vip}\", changes: [name(\"Press\")]}})"
        ))
        .contains("Press")
    );
    assert!(call(&format!("groups.retrieve(\"{vip}\")")).contains("Press"));
    for gone in [
        format!("addresses.delete({reference})"),
        format!("groups.delete(\"{vip}\")"),
        format!("customers.delete(\"{ann}\")"),
    ] {
        call(&gone);
    }
    assert!(call("customers.search({created-from: \"2020-01-01\"})").ends_with("count: 0}"));
}

#[test]
fn a_shop_is_seeded() {
    let shop = Shop::open();
    let seeded = shop.run(&["seed", "--customers", "250"]);
    assert!(seeded.status.success(), "{seeded:?}");
    assert_eq!(text(&seeded.stdout), "", "progress is no answer");
    let list = shop.get("/admin/customers").value();
    assert_eq!(
        (&list["count"], list["customers"].as_array().unwrap().len()),
        (&json!(250), 15)
    );
    let accounts = shop
        .get("/admin/customers?has_account=true&limit=1")
        .value()["count"]
        .as_u64()
        .unwrap();
    assert!((60..190).contains(&accounts), "{accounts}");
    assert_eq!(shop.get("/admin/customer-groups").value()["count"], 12);
    let nothing = shop.run(&["seed"]);
    assert_eq!(
        (nothing.status.code(), text(&nothing.stderr)),
        (
            Some(1),
            "wares: say how many of what: --customers N\n".to_owned()
        )
    );
    assert_eq!(
        shop.run(&["seed", "--customers", "many"]).status.code(),
        Some(2)
    );
}

#[test]
fn events_are_kept_with_their_values() {
    let shop = Shop::open();
    let id = shop.customer("a@b.co");
    shop.post("/admin/customers", json!({"email": "a@b.co"}));
    shop.delete(&format!("/admin/customers/{id}"));
    let events = shop.run(&["events", "customer", "--json"]);
    let events: Vec<Value> = text(&events.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = events
        .iter()
        .map(|event| (event["name"].as_str().unwrap(), event["data"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            ("customer.created", json!({"id": id})),
            ("customer.deleted", json!({"id": id}))
        ]
    );
}

#[test]
fn a_component_is_inspected() {
    let prefixes = Path::new("--set=modules.hostile.path_prefixes=/hostile");
    let inspect = Path::new("inspect");
    let inspected = run([inspect, hostile_guest(), Path::new("--json"), prefixes]);
    assert!(inspected.status.success(), "{inspected:?}");
    let shown: Value = serde_json::from_str(&text(&inspected.stdout)).unwrap();
    let module = &shown["module"];
    assert_eq!(
        (&module["name"], &module["version"]),
        (&json!("hostile"), &json!("1.0.0"))
    );
    assert_eq!(
        shown["size_bytes"],
        std::fs::metadata(hostile_guest()).unwrap().len()
    );
    assert_eq!(
        (&shown["loads"], &module["unused_grants"]),
        (&json!(true), &json!([]))
    );
    // What it was made from, and how large its parts are.
    let tools = shown["tools"].as_array().unwrap();
    assert!(
        tools.iter().any(|tool| tool["name"] == "wit-bindgen-rust"),
        "{tools:?}"
    );
    let core = shown["core_modules"].as_array().unwrap();
    let bytes = core.iter().map(|module| module["bytes"].as_u64().unwrap());
    let (largest, together) = (bytes.clone().max().unwrap(), bytes.sum::<u64>());
    assert!(together < shown["size_bytes"].as_u64().unwrap(), "{core:?}");
    let machine_code = &module["machine_code_bytes"];
    assert!(machine_code.as_u64().unwrap() > largest, "{machine_code}");
    let plain = run([inspect, hostile_guest(), prefixes]);
    assert!(
        text(&plain.stdout).contains("GET    /hostile/well (anyone)"),
        "{plain:?}"
    );
    for line in [
        format!(
            "\n{} bytes, and {machine_code} bytes of machine code\n",
            shown["size_bytes"]
        ),
        "\nMade by: wit-component ".to_owned(),
        format!(": {largest} bytes, "),
    ] {
        assert!(text(&plain.stdout).contains(&line), "{line}: {plain:?}");
    }
    let folder = data();
    let file = folder.path().join("x.wasm");
    std::fs::write(&file, "hello").unwrap();
    let wrong = run([Path::new("inspect"), &file]);
    assert_eq!(wrong.status.code(), Some(1));
    assert_eq!(text(&wrong.stderr).lines().count(), 1);
    let missing = run(["inspect", "/nowhere.wasm"]);
    assert_eq!(
        text(&missing.stderr),
        "wares: cannot read /nowhere.wasm: No such file or directory (os error 2)\n"
    );
}

#[test]
fn a_second_user_is_made_while_a_host_runs() {
    let shop = Shop::open();
    let create = |email: &str, password: &str| {
        let mut command = wares();
        command
            .args(["user", "create", "--email", email, "--data"])
            .arg(shop.data.path());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(format!("{password}\n").as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    for (email, password, said) in [
        (
            EMAIL,
            "long enough",
            format!("there is a user with the email {EMAIL} already"),
        ),
        (
            "second",
            "long enough",
            "'second' is not an email, like ann@shop.example".to_owned(),
        ),
        (
            "second@shop.example",
            "short",
            "a password needs at least 8 characters".to_owned(),
        ),
    ] {
        let refused = create(email, password);
        assert_eq!(
            (refused.status.code(), text(&refused.stderr)),
            (Some(1), format!("wares: {said}\n"))
        );
    }
    let made = create("second@shop.example", "long enough");
    assert!(
        made.status.success() && text(&made.stdout).starts_with("user_"),
        "{made:?}"
    );
    shop.sign_in("second@shop.example", "long enough");
}

#[test]
fn a_component_in_the_modules_folder_is_served() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::copy(hostile_guest(), folder.path().join("mine.wasm")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no component").unwrap();
    let setting = format!("data.modules_dir={}", folder.path().display());
    let prefixes = "modules.hostile.path_prefixes=/hostile";
    let shop = Shop::open_with(|command| {
        command.args(["--set", &setting, "--set", prefixes]);
    });
    let answer = shop.send("GET", "/hostile/well", &[], b"");
    answer.is(200, json!({"well": true}));
    assert_eq!(shop.get("/admin/customers").status, 200);
    // Two files of one module: it is ambiguous which of them to serve.
    std::fs::copy(hostile_guest(), folder.path().join("other.wasm")).unwrap();
    let data = data();
    let data_dir = data.path().to_str().unwrap();
    let refused = run([
        "serve",
        "--strict",
        "--data",
        data_dir,
        "--listen",
        "127.0.0.1:0",
        "--set",
        &setting,
        "--set",
        prefixes,
    ]);
    let said = text(&refused.stderr);
    let (mine, other) = (
        folder.path().join("mine.wasm"),
        folder.path().join("other.wasm"),
    );
    let want = format!(
        "wares: {} and {} are both the module hostile\n",
        mine.display(),
        other.display()
    );
    assert_eq!((refused.status.code(), said), (Some(1), want));
}

#[test]
fn the_built_in_module_is_replaced_by_a_file() {
    let built_in = root().join("target/component/wasm32-wasip2/component/customer_component.wasm");
    let setting = format!("modules.customer.component={}", built_in.display());
    let shop = Shop::with_setting(&setting);
    shop.customer("a@b.co");
    assert_eq!(shop.get("/admin/customers").value()["count"], 1);
}
