//! `wares test`: cases that pass and fail, the forms of their results, seeds, and what is wrong
//! with a file or a component.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;

use crate::harness::{
    bare_guest, chancy_guest, email_policy, hostile_guest, loyalty, meddler_version, orders,
    provider, text, wares,
};

/// Plays cases against a component, and returns the exit code, the output and the errors.
fn play(component: &Path, cases: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("cases.toml"), cases).unwrap();
    let output = run(folder.path(), component, more);
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn run(folder: &Path, component: impl AsRef<OsStr>, more: &[&str]) -> Output {
    let mut command = wares();
    command.current_dir(folder).arg("test").arg(component);
    command.arg("cases.toml").args(more).stdin(Stdio::null());
    // What one test compiles, the others need not.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    command.env("XDG_CACHE_HOME", cache).output().unwrap()
}

/// Cases that all pass.
fn passes(component: &Path, cases: &str, names: &[&str]) {
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("ok      {name}\n"))
        .collect();
    let expected = format!("{}{} passed, 0 failed\n", lines.concat(), names.len());
    let played = play(component, cases, &[]);
    assert_eq!(played, (Some(0), expected, String::new()));
}

/// One case that fails, with these lines.
fn fails(component: &Path, case: &str, lines: &[&str]) {
    let cases = format!("[[case]]\nname = \"it\"\n{case}");
    let (code, out, errors) = play(component, &cases, &[]);
    let begins = "FAILED  it\n        cases.toml:1:1\n";
    let ends = "0 passed, 1 failed\n";
    let inside = out
        .strip_prefix(begins)
        .and_then(|out| out.strip_suffix(ends));
    let inside: Vec<_> = inside
        .unwrap_or(&out)
        .lines()
        .map(str::trim_start)
        .collect();
    assert_eq!((code, &*inside, &*errors), (Some(1), lines, ""), "{case}");
}

/// A component that is no file of the build.
fn component(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("component.wasm");
    fs::write(&file, bytes).unwrap();
    (folder, file)
}

const EMAIL_POLICY: &str = r#"
[[case]]
name = "returns a customer as it was"
hook = "hooks.before-create-customer"
value = { email = "ann@shop.example", metadata = { vip = true } }
unchanged = true
emits = []

[[case]]
name = "rejects a disposable domain"
hook = "before-create-customer"
value = { email = "ann@mailinator.com" }
rejects = { message = "Email addresses of mailinator.com are not accepted", field = "email", code = "disposable_email" }
statements = ["SELECT"]

[[case]]
name = "accepts it by its settings"
settings = { allow = "mailinator.com" }
hook = "before-create-customer"
value = { email = "ann@mailinator.com" }
returns = { email = "<matches ^ann@>" }

[[case]]
name = "refuses settings that it does not know"
settings = { alow = "mailinator.com" }
faults = ["there is no such setting"]

[[case]]
name = "rejects the domain of a row"
rows = { email_domain = [{ id = "edom_1", domain = "spam.example", created_at = "t", updated_at = "t", search_text = "x" }] }
hook = "before-update-customer"
value = { id = "cus_1", changes = [{ email = "ann@spam.example" }] }
rejects = "<matches spam.example>"

[[case]]
name = "refuses the request to the customers module"
before = [{ method = "POST", path = "/admin/email-domains", body = { domain = "spam.example" } }]
request = { method = "POST", path = "/admin/customers", body = { email = "ann@spam.example" } }
response = { status = 400, headers = { content-type = "<text>", etag = "<absent>" }, body = { type = "invalid_data", "<others>" = "<text>" } }
logs = ["an extension rejected a value"]

[[case]]
name = "lets others through"
actor = "api-key"
request = { method = "POST", path = "/admin/customers", body = { email = "ann@shop.example" } }
response = { status = 200, body = '{"customer": {"id": "<id cus_>", "phone": null, "created_at": "<time>", "created_by": "apk_00000000000000000000000001", "<others>": "<any>"}}' }
emits = [{ module = "customer", name = "customer.created", data = { id = "<id cus_>" } }]
after = [{ module = "customer", sql = "select email, phone from customer", rows = [["ann@shop.example", "<null>"]] }]

[[case]]
name = "asks for credentials"
actor = "nobody"
request = { path = "/admin/email-domains", query = "limit=1" }
response = { status = 401, body = { message = "Unauthorized" } }

[[case]]
name = "lists domains"
request = { path = "/admin/email-domains?fields=domain&limit=1" }
response = { status = 200, body = { email_domains = [{ domain = "10minutemail.com", id = "<text>" }], count = 13, offset = 0, limit = "<number>" } }
statements = ["select"]

[[case]]
name = "refuses a body that is no JSON"
request = { method = "POST", path = "/admin/email-domains", body = "{\"domain\":" }
response = { status = 400, body = "<matches JSON>" }
"#;

#[test]
fn an_extension_is_tested_alone_and_beside_the_module_that_it_extends() {
    let names: Vec<&str> = EMAIL_POLICY
        .lines()
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    assert_eq!(names.len(), 10);
    passes(email_policy(), EMAIL_POLICY, &names);
}

#[test]
fn fields_and_filters_are_asked_for_as_lists_of_the_module_ask() {
    let account = r#"rows = { loyalty_account = [{ customer_id = "cus_1", points = 5000, updated_at = "t" }] }"#;
    let cases = format!(
        r#"
[[case]]
name = "fields"
{account}
fields = {{ entity = "customer", names = ["loyalty"], ids = ["cus_1", "cus_2"] }}
returns = {{ "loyalty.tier" = ["gold", "bronze"], "loyalty.points" = [5000, 0] }}

[[case]]
name = "filter"
{account}
filter = {{ entity = "customer", field = "loyalty.tier", conditions = [{{ operator = "in", values = ["gold"] }}] }}
returns = {{ ids = ["cus_1"] }}

[[case]]
name = "filter by what others have too"
{account}
filter = {{ entity = "customer", field = "loyalty.tier", conditions = [{{ operator = "in", values = ["bronze"] }}] }}
returns = {{ all-but = ["cus_1"] }}

[[case]]
name = "refused filter"
filter = {{ entity = "customer", field = "loyalty.points", conditions = [{{ operator = "gt", values = ["many"] }}] }}
rejects = "<text>"
"#
    );
    let names = [
        "fields",
        "filter",
        "filter by what others have too",
        "refused filter",
    ];
    passes(loyalty(), &cases, &names);
    let (_folder, trapping) = component(&provider("trapper"));
    let cases = r#"
settings = { does = "traps" }
[[case]]
name = "no values"
fields = { entity = "customer", names = ["trapper.tier"], ids = ["cus_1"] }
fails = "it provides no more"
"#;
    passes(&trapping, cases, &["no values"]);
}

#[test]
fn a_module_in_the_place_of_a_built_in_one_is_tested_by_its_operations() {
    let built = Path::new(env!("EMAIL_POLICY")).with_file_name("customer_component.wasm");
    let cases = r#"
[[case]]
name = "creates"
call = 'customers.create({email: "sam@example.com", has-account: true})'
returns = { id = "<id cus_>", email = "sam@example.com", has-account = true, created-at = "<time>", updated-at = "<time>" }
emits = [{ name = "customer.created" }]
statements = ["select", "insert into customer"]

[[case]]
name = "finds nobody"
call = 'customers.retrieve("cus_nope")'
rejects = { not-found = "Customer with id: cus_nope not found" }
"#;
    passes(&built, cases, &["creates", "finds nobody"]);
}

#[test]
fn other_modules_have_rows_and_settings_and_more_of_them_are_served_beside() {
    let cases = |module: &str| {
        format!(
            r#"
modules.{module} = {{ compat = "medusa-2" }}
beside = ["{}"]
[[case]]
name = "it"
rows = {{ "customer.customer" = [{{ id = "cus_1", email = "ann@shop.example", has_account = true, created_at = "2026-01-01T00:00:00.000Z", updated_at = "2026-01-01T00:00:00.000Z", search_text = "" }}] }}
request = {{ path = "/admin/customers?fields=email,orders" }}
response = {{ status = 200, body = {{ customers = [{{ id = "cus_1", email = "ann@shop.example", orders = [] }}], limit = 50, "<others>" = "<number>" }} }}
"#,
            orders().display()
        )
    };
    passes(email_policy(), &cases("customer"), &["it"]);
    let said = "wares: modules.custmer: there is no such module; there is orders, customer\n";
    let refused = play(email_policy(), &cases("custmer"), &[]);
    assert_eq!(refused, (Some(2), String::new(), said.to_owned()));
}

#[test]
fn a_failure_says_where_what_was_expected_and_what_came() {
    let hook = "hook = \"before-create-customer\"\nvalue = { email = \"a@shop.example\", metadata = { n = 1 } }\n";
    let policy = email_policy();
    let differs = |path: &str, expected: &str, got: &str| {
        [
            path.to_owned(),
            format!("expected {expected}"),
            format!("got      {got}"),
        ]
    };
    for (outcome, path, expected, got) in [
        (
            "returns = { email = \"b@shop.example\" }",
            "returns.email",
            "\"b@shop.example\"",
            "\"a@shop.example\"",
        ),
        (
            "returns = { metadata = { n = 2 } }",
            "returns.metadata.n",
            "2",
            "1",
        ),
        (
            "returns = { first-name = \"<text>\" }",
            "returns.first-name",
            "\"<text>\"",
            "null",
        ),
        (
            "fails = \"trap\"",
            "fails",
            "\"trap\"",
            "an answer: {\"email\":\"a@shop.example\",\"company-name\":null,\
         \"first-name\":null,\"last-name\":null,\"phone\":null,\"metadata\":\"{\\\"n\\\":1}\",\"has-account\":false,\
         \"created-by\":null}",
        ),
        (
            "unchanged = true\nafter = [{ sql = \"select count(*) from email_domain\", rows = [[12]] }]",
            "select count(*) from email_domain[0][0]",
            "12",
            "13",
        ),
        (
            "unchanged = true\nemits = [{ name = \"x.y\" }]",
            "emits",
            "1 item",
            "0 items: []",
        ),
    ] {
        let lines = differs(path, expected, got);
        fails(
            policy,
            &format!("{hook}{outcome}"),
            &lines.each_ref().map(|line| &**line),
        );
    }
    let said = "it ran a statement that the case does not allow: ";
    let (code, out, _) = play(
        policy,
        &format!(
            "[[case]]\nname = \"it\"\n{hook}unchanged = true\nstatements = []\nlogs = [\"nothing\"]"
        ),
        &[],
    );
    assert_eq!(code, Some(1));
    assert!(
        out.contains("        no line of the log has \"nothing\"\n"),
        "{out}"
    );
    assert!(out.contains(&format!("        {said}select ")), "{out}");
    fails(
        policy,
        "request = { path = \"/nope\" }\nresponse = { status = 200 }",
        &differs(
            "response.status",
            "200",
            "404 {\"type\":\"not_found\",\"message\":\"There is no GET /nope\"}",
        )
        .each_ref()
        .map(|line| &**line),
    );
    fails(
        policy,
        "before = [{ path = \"/nope\" }]\nrequest = { path = \"/nope\" }\nresponse = { status = 404 }",
        &[
            "cases.toml:3:11: the request before the case is answered with 404: \
           {\"type\":\"not_found\",\"message\":\"There is no GET /nope\"}",
        ],
    );
    fails(
        policy,
        "rows = { nope = [{ a = 1 }] }\nrequest = { path = \"/nope\" }\nresponse = { status = 404 }",
        &["cases.toml:3:18: no such table: nope"],
    );
    fails(
        policy,
        "request = { path = \"/health\" }\nresponse = { status = 200 }",
        &["it returned no answer: /health is a path of the host's own"],
    );
}

#[test]
fn a_trap_is_a_failure_with_its_log_unless_it_is_expected() {
    let cases = |outcome: &str| {
        format!(
            "path_prefixes = [\"/hostile\"]\n[[case]]\nname = \"it\"\nrequest = {{ path = \"/hostile/trap\" }}\n{outcome}"
        )
    };
    let expected = cases("fails = \"a hostile panic\"\nlogs = [\"a hostile panic\"]");
    passes(hostile_guest(), &expected, &["it"]);
    let (code, out, errors) = play(hostile_guest(), &cases("response = { status = 200 }"), &[]);
    let unknown = "{\"code\":\"unknown_error\",\"type\":\"unknown_error\",\"message\":\"An unknown error occurred.\"}";
    assert_eq!((code, &*errors), (Some(1), ""));
    for line in [
        "        response.status\n          expected 200\n",
        &format!("          got      500 {unknown}\n"),
        "        log:\n          WARN ",
        "ERROR host: a call returned no answer error=wasm trap",
        "it wrote: thread '<unnamed>'",
    ] {
        assert!(out.contains(line), "{line}{out}");
    }
    // At a hook.
    let (_folder, meddler) = component(&meddler_version("meddler", "does=traps"));
    let hook = "[[case]]\nname = \"it\"\nhook = \"before-create-customer\"\nvalue = {}\n";
    passes(
        &meddler,
        &format!("{hook}fails = \"<matches wasm trap.*meddler>\""),
        &["it"],
    );
    let (code, out, _) = play(&meddler, &format!("{hook}unchanged = true"), &[]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("        it returned no answer: wasm trap"),
        "{out}"
    );
}

#[test]
fn megabytes_of_a_panic_are_cut() {
    let cases =
        "[[case]]\nname = \"it\"\nrequest = { path = \"/store/chance/shouts\" }\nfails = \"quiet\"";
    let (code, out, _) = play(chancy_guest(), cases, &[]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("loud loud") && out.len() < 20_000,
        "{}",
        out.len()
    );
}

const CHANCY: &str = r#"
[[case]]
name = "sees"
request = { path = "/store/chance/seen" }
response = { status = 200, body = "nothing" }

[[case]]
name = "answers"
request = { path = "/store/chance/fails" }
response = { status = 200 }
"#;

#[test]
fn a_seed_makes_all_that_a_component_sees_of_time_and_chance() {
    let seen = |seed: &str| {
        let played = play(
            chancy_guest(),
            CHANCY,
            &["--filter", "sees", "--seed", seed],
        );
        assert_eq!((played.0, &*played.2), (Some(1), ""));
        assert!(played.1.contains("\\\"waited\\\":true"), "{}", played.1);
        played.1
    };
    assert_eq!(seen("7"), seen("7"));
    let (one, other) = (seen("7"), seen("8"));
    let parts = |out: &str| -> Vec<String> { out.split(',').map(str::to_owned).collect() };
    let differ = parts(&one)
        .iter()
        .zip(parts(&other))
        .filter(|(one, other)| *one != other)
        .count();
    // The drawn number, the time, how long it took, the row, and the request.
    assert!(differ >= 5, "{one}{other}");
}

#[test]
fn seeds_find_a_fault_that_shows_once_in_a_while_and_say_with_which() {
    let filter = ["--filter", "answers"];
    let once = play(chancy_guest(), CHANCY, &filter);
    let passed = "ok      answers\n1 passed, 0 failed\n".to_owned();
    assert_eq!(once, (Some(0), passed, String::new()));
    let (code, out, _) = play(
        chancy_guest(),
        CHANCY,
        &[filter[0], filter[1], "--seeds", "1000"],
    );
    assert_eq!(code, Some(1));
    assert!(out.starts_with("FAILED  answers (seed 44)\n"), "{out}");
    assert!(out.contains("it drew a zero"), "{out}");
    let (code, again, _) = play(
        chancy_guest(),
        CHANCY,
        &[filter[0], filter[1], "--seed", "44"],
    );
    assert_eq!((code, again), (Some(1), out.replace(" (seed 44)", "")));
    let few = play(
        chancy_guest(),
        CHANCY,
        &[filter[0], filter[1], "--seeds", "43"],
    );
    let passed = "ok      answers (43 seeds)\n1 passed, 0 failed\n".to_owned();
    assert_eq!(few, (Some(0), passed, String::new()));
}

const TWO: &str = r##"
[[case]]
name = "passes & <is> #1"
request = { path = "/nope" }
response = { status = 404 }

[[case]]
name = "fails"
request = { path = "/nope" }
response = { status = 404, body = { type = "<text>", message = "a\u0007<b>" } }
"##;

#[test]
fn results_are_tap() {
    let (code, out, errors) = play(chancy_guest(), TWO, &["--format", "tap"]);
    let expected = r#"TAP version 14
1..2
ok 1 - passes & <is> \#1
not ok 2 - fails
  ---
  seed: 1
  message: |
    cases.toml:7:1
    response.body.message
      expected "a\u0007<b>"
      got      "There is no GET /nope"
  ...
"#;
    assert_eq!((code, &*out, &*errors), (Some(1), expected, ""));
}

#[test]
fn results_are_junit() {
    let (code, out, errors) = play(chancy_guest(), TWO, &["--format", "junit"]);
    // Times are the machine's.
    let without_times: String = out
        .split(" time=\"")
        .map(|part| match part.split_once('"') {
            Some((time, rest)) if time.parse::<f64>().is_ok() => rest,
            _ => part,
        })
        .collect();
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="2" failures="1" errors="0">
  <testsuite name="cases.toml" tests="2" failures="1" errors="0">
    <testcase classname="chancy" name="passes &amp; &lt;is&gt; #1"/>
    <testcase classname="chancy" name="fails">
      <failure message="seed 1">cases.toml:7:1
response.body.message
  expected &quot;a\u0007&lt;b&gt;&quot;
  got      &quot;There is no GET /nope&quot;</failure>
    </testcase>
  </testsuite>
</testsuites>
"#;
    assert_eq!((code, &*without_times, &*errors), (Some(1), expected, ""));
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_place() {
    let hook = "hook = \"before-create-customer\"\n";
    let named = "[[case]]\nname = \"a\"\n";
    let unchanged = "unchanged = true\n";
    for (cases, reason) in [
        (
            "x = ".to_owned(),
            "1:5: string values must be quoted, expected literal string",
        ),
        (String::new(), "1:1: the file has no case: write [[case]]"),
        (
            format!("setings = {{}}\n{named}{hook}value = {{}}\n{unchanged}"),
            "1:1: a file has no key setings; did you mean settings?",
        ),
        (
            format!("{named}hok = 1"),
            "3:1: a case has no key hok; did you mean hook?",
        ),
        ("[[case]]\n".to_owned(), "1:1: the case has no name"),
        (
            named.to_owned(),
            "1:1: the case asks nothing: write one of request, hook, fields, filter, call, faults",
        ),
        (
            format!("{named}{hook}value = {{}}\nrequest = {{ path = \"/\" }}\n{unchanged}"),
            "3:1: the case asks two things, request and hook: make two cases of it",
        ),
        (
            format!("{named}event = {{}}"),
            "3:1: a case cannot give a component an event: this host calls no subscribers",
        ),
        (
            format!("{named}{hook}value = {{}}"),
            "1:1: the case does not say what comes back: write one of returns, unchanged, rejects, fails",
        ),
        (
            format!("{named}{hook}value = {{}}\nresponse = {{ status = 200 }}"),
            "5:1: what is asked has no response: write one of returns, unchanged, rejects, fails",
        ),
        (
            format!("{named}{hook}value = {{}}\n{unchanged}fails = \"x\""),
            "6:1: the case expects two things, unchanged and fails: one of them alone can come back",
        ),
        (
            format!(
                "{named}request = {{ path = \"/\" }}\nvalue = 1\nresponse = {{ status = 200 }}"
            ),
            "4:1: value has no meaning beside what the case asks",
        ),
        (
            format!("{named}{hook}value = {{}}\nreturns = {{ email = \"<anny>\" }}"),
            "5:1: <anny> is no placeholder; did you mean <any>? A text that begins with < is written with <<",
        ),
        (
            format!("{named}request = {{ methd = \"GET\" }}"),
            "3:13: a request has no key methd; did you mean method?",
        ),
        (
            format!("{named}request = {{ path = \"/\" }}\nresponse = {{ status = 99 }}"),
            "4:14: status is a number from 100 to 599",
        ),
        (
            format!("{named}actor = \"admin\"\n{hook}value = {{}}\n{unchanged}"),
            "3:1: there is no actor admin; there is user, api-key, nobody",
        ),
        (
            format!("{named}{hook}value = {{}}\n{unchanged}{named}{hook}value = {{}}\n{unchanged}"),
            "6:1: there are two cases 'a'",
        ),
        (
            format!("{named}hook = \"before-create-custmer\"\nvalue = {{}}\n{unchanged}"),
            "3:1: there is no hook before-create-custmer; did you mean before-create-customer?",
        ),
        (
            format!("{named}{hook}value = {{ emial = \"x\" }}\n{unchanged}"),
            "3:1: value: there is no field emial; did you mean email?",
        ),
        (
            format!("{named}{hook}value = {{ email = 5 }}\n{unchanged}"),
            "3:1: value.email: a text is expected, not a number",
        ),
        (
            format!("{named}{hook}context = {{ local = \"de\" }}\nvalue = {{}}\n{unchanged}"),
            "3:1: context: there is no field local; did you mean locale?",
        ),
        (
            format!(
                "{named}fields = {{ entity = \"customer\", names = [\"tier\"], ids = [] }}\nreturns = 1"
            ),
            "3:1: the component provides no fields of 'customer'",
        ),
        (
            format!("{named}settings = {{ alow = \"x\" }}\n{hook}value = {{}}\n{unchanged}"),
            "4:1: the component refuses the settings: modules.email-policy.config.alow: there is no such setting; \
             there is allow; if it is to refuse them, ask with faults",
        ),
        (
            format!("settings = {{ alow = \"x\" }}\n{named}{hook}value = {{}}\n{unchanged}"),
            "1:1: the component refuses the settings: modules.email-policy.config.alow: there is no such setting; \
             there is allow",
        ),
        (
            format!("grants = [\"sqll\"]\n{named}{hook}value = {{}}\n{unchanged}"),
            "1:1: grants is a list of sql, events, http, http-in-hooks, hooks, operations, fields, subscriptions",
        ),
        (
            format!("grants = [\"sql\"]\n{named}{hook}value = {{}}\n{unchanged}"),
            "1:1: the component fills wares:customer/hooks@2.1.0, which the cases do not grant: add \
             \"hooks=customer\" to grants, or leave grants out to grant all that it wants",
        ),
    ] {
        let played = play(email_policy(), &cases, &[]);
        let said = format!("wares: cases.toml:{reason}\n");
        assert_eq!(played, (Some(2), String::new(), said), "{cases}");
    }
}

#[test]
fn every_wrong_case_is_said_at_once() {
    let cases = "[[case]]\nname = \"a\"\n[[case]]\nnme = \"b\"\n";
    let (code, _, errors) = play(email_policy(), cases, &[]);
    let said = "wares: cases.toml:1:1: the case asks nothing: write one of request, hook, fields, filter, call, faults\n\
                cases.toml:4:1: a case has no key nme; did you mean name?\n";
    assert_eq!((code, &*errors), (Some(2), said));
}

#[test]
fn a_component_that_cannot_be_tested_is_said_why() {
    let cases = "[[case]]\nname = \"a\"\nhook = \"x\"\nvalue = {}\nunchanged = true";
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("cases.toml"), cases).unwrap();
    let newer = fs::read(bare_guest()).unwrap();
    let newer = replaced(&newer, b"lifecycle@2.0.0", b"lifecycle@9.0.0");
    for (bytes, reason) in [
        (
            &b"\0asm\x0d\0\x01\0"[..],
            "it is no module: it exports no wares:module/lifecycle: every component does, by \
             `export wares:module/lifecycle@2.2.0;` in its world",
        ),
        (
            b"\0asm\x01\0\0\0",
            "it is a core WebAssembly module, not a component: build it for the target wasm32-wasip2",
        ),
        (b"text", "it is not a WebAssembly component"),
        (
            &newer,
            "it is no module: it exports wares:module/lifecycle@9.0.0, and this host calls \
             wares:module/lifecycle@2.2.0 or wares:module/lifecycle@1.1.0, or another version compatible with that: \
             build it against the contracts of this host, which `wares new` writes",
        ),
    ] {
        fs::write(folder.path().join("it.wasm"), bytes).unwrap();
        let output = run(folder.path(), "it.wasm", &[]);
        let said = format!("wares: it.wasm: {reason}\n");
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(2), said)
        );
        assert_eq!(text(&output.stdout), "");
    }
    let output = run(folder.path(), "none.wasm", &[]);
    let said = "wares: cannot read none.wasm: No such file or directory (os error 2)\n";
    assert_eq!(
        (output.status.code(), &*text(&output.stderr)),
        (Some(2), said)
    );
    let output = run(folder.path(), bare_guest(), &[]);
    let said = "wares: cases.toml:3:1: the component exports no hook: its world has to export the interface \
                `hooks` of a module\n";
    assert_eq!(
        (output.status.code(), &*text(&output.stderr)),
        (Some(2), said)
    );
    let output = run(folder.path(), bare_guest(), &["--filter", "zzz"]);
    let said = "wares: no case has 'zzz' in its name\n";
    assert_eq!(
        (output.status.code(), &*text(&output.stderr)),
        (Some(2), said)
    );
    fs::remove_file(folder.path().join("cases.toml")).unwrap();
    let output = run(folder.path(), bare_guest(), &[]);
    let said = "wares: cannot read cases.toml: No such file or directory (os error 2)\n";
    assert_eq!(
        (output.status.code(), &*text(&output.stderr)),
        (Some(2), said)
    );
}

/// The bytes with another text of the same length wherever the first one stands.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|place| bytes[*place..].starts_with(from))
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to);
    }
    bytes
}
