//! The log of one module: its own lines and the host's about it, the last ones and those that
//! follow, within bounds.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::chain::shop;
use crate::harness::{Answer, Server, Shop, data, marked, run, text, wares};

fn log(shop: &Shop, name: &str, query: &str) -> Value {
    let answer = shop.get(&format!("/_wares/modules/{name}/log{query}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.value()
}

/// The lines: their level, their origin, the id of their request, and their text.
fn lines(log: &Value) -> Vec<[String; 4]> {
    let lines = log["lines"].as_array().unwrap().iter();
    let shown = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .map(|line| ["level", "from", "request_id", "text"].map(|key| shown(line, key)))
        .collect()
}

fn texts(log: &Value) -> Vec<String> {
    let lines = lines(log).into_iter();
    lines.map(|[_, _, _, text]| text).collect()
}

fn create(shop: &Shop, email: &str) -> Answer {
    shop.post("/admin/customers", json!({"email": email}))
}

#[test]
fn the_log_of_a_module_has_its_own_lines_and_those_about_it_with_the_ids_of_requests() {
    let shop = Shop::with_hostile(&[]);
    let chat = shop.send("GET", "/hostile/chat", &[], b"");
    assert_eq!(chat.status, 200, "{}", chat.body);
    let trap = shop.send("GET", "/hostile/trap", &[], b"");
    assert_eq!(trap.status, 500, "{}", trap.body);
    let shown = lines(&log(&shop, "hostile", ""));
    let loaded = shown.iter().find(|line| line[3].starts_with("loaded "));
    assert_eq!(loaded.unwrap()[..3], ["info", "host", ""]);
    let own: Vec<_> = shown.iter().filter(|line| line[1] == "component").collect();
    let [chat, trap] = [&chat, &trap].map(|answer| answer.header("x-request-id").to_owned());
    assert!(own.iter().all(|line| line[2] == chat || line[2] == trap));
    assert_eq!(own[0][2], chat);
    assert!(own[0][3].starts_with("line 0 of a chat"), "{own:?}");
    let [level, from, id, text] = shown.last().unwrap();
    assert_eq!((&**level, &**from), ("error", "host"));
    assert_eq!(*id, trap);
    assert!(
        text.starts_with("a call returned no answer error="),
        "{text}"
    );
    // Of the last ones as many as asked for, and of a level.
    assert_eq!(
        texts(&log(&shop, "hostile", "?lines=1")),
        std::slice::from_ref(text)
    );
    assert_eq!(
        texts(&log(&shop, "hostile", "?level=error")),
        std::slice::from_ref(text)
    );
    // Nothing of it stands in the log of another module.
    let other = texts(&log(&shop, "customer", ""));
    assert_eq!(other.len(), 1, "{other:?}");
}

#[test]
fn only_those_who_may_manage_modules_get_a_log_and_only_of_known_ones() {
    let shop = Shop::open();
    let path = "/_wares/modules/customer/log";
    assert_eq!(shop.send("GET", path, &[], b"").status, 401);
    assert_eq!(shop.get(path).status, 200);
    shop.get("/_wares/modules/nope/log")
        .refuses(404, "not_found", "there is no module nope");
    for (query, message) in [
        (
            "level=loud",
            "Expected: 'error, warn, info, debug, trace' for field 'level', but got: 'loud'",
        ),
        (
            "after=x",
            "Field 'after' must be the 'next' of an answer before, got: 'x'",
        ),
        ("wait=31", "Field 'wait' must be at most 30, got: '31'"),
    ] {
        shop.get(&format!("{path}?{query}")).is_invalid(message);
    }
}

#[test]
fn lines_about_an_extension_at_its_hooks_have_the_id_of_the_request() {
    for (does, status, said) in [
        (
            "signs",
            200,
            "an extension changed a value version=1.2.3 hook=\"before-create-customer\" fields=\"company-name\"",
        ),
        (
            "rejects",
            400,
            "an extension rejected a value version=1.2.3 hook=\"before-create-customer\" field=\"email\" \
             code=\"no\" reason=\"alpha says no\"",
        ),
        (
            "traps",
            503,
            "an extension did not answer, and the request is refused version=1.2.3 \
             hook=\"before-create-customer\" reason=\"",
        ),
    ] {
        let (shop, _files) = shop(&[("alpha", does)], &[]);
        let made = create(&shop, "ann@shop.example");
        assert_eq!(made.status, status, "{}", made.body);
        let shown = lines(&log(&shop, "alpha", ""));
        let line = shown.iter().find(|line| line[3].starts_with(said));
        let [_, from, id, text] = line.unwrap_or_else(|| panic!("{shown:?}"));
        assert_eq!((&**from, &**id), ("host", made.header("x-request-id")));
        let printed = shop.run(&["module", "logs", "alpha"]);
        let printed = crate::harness::text(&printed.stdout);
        let level = if does == "traps" { "ERROR" } else { " INFO" };
        let line = format!("Z {level} host: {text} request_id={id}\n");
        assert!(printed.contains(&line), "{printed}");
    }
}

#[test]
fn a_module_has_a_level_of_its_own_for_its_lines() {
    for (settings, has_chat, has_loaded) in [
        (&["modules.hostile.log_level=error"][..], false, true),
        (
            &["log.level=warn", "modules.hostile.log_level=info"],
            true,
            false,
        ),
        (&["log.level=warn"], false, false),
        (
            &[
                "log.level=info,component=off",
                "modules.customer.log_level=info",
            ],
            false,
            true,
        ),
    ] {
        let shop = Shop::with_hostile(settings);
        assert_eq!(shop.send("GET", "/hostile/chat", &[], b"").status, 200);
        let failed = shop.send("GET", "/hostile/trap", &[], b"");
        assert_eq!(failed.status, 500);
        let kept = texts(&log(&shop, "hostile", ""));
        let logged = shop.server.stop_for_log();
        let logged: Vec<String> = logged.lines().map(str::to_owned).collect();
        for lines in [kept, logged] {
            let has = |what: &str| lines.iter().any(|line| line.contains(what));
            assert_eq!(has("line 49 of a chat"), has_chat, "{settings:?} {lines:?}");
            assert_eq!(has("loaded "), has_loaded, "{settings:?} {lines:?}");
            assert!(has("a call returned no answer"), "{settings:?} {lines:?}");
        }
    }
}

#[test]
fn lines_about_the_hooks_of_an_extension_have_its_level() {
    for (settings, has) in [
        (&[][..], [true, true]),
        (&["modules.alpha.log_level=warn"], [false, true]),
        (
            &["log.level=warn", "modules.alpha.log_level=info"],
            [true, false],
        ),
        (&["log.level=info,hooks=warn"], [false, false]),
    ] {
        let (shop, _files) = shop(&[("alpha", "signs"), ("beta", "signs")], settings);
        assert_eq!(create(&shop, "ann@shop.example").status, 200);
        let changed = ["alpha", "beta"].map(|name| {
            let texts = texts(&log(&shop, name, ""));
            texts
                .iter()
                .any(|text| text.starts_with("an extension changed a value"))
        });
        assert_eq!(changed, has, "{settings:?}");
        let log = shop.server.stop_for_log();
        let logged = ["alpha", "beta"].map(|name| {
            log.contains(&format!(
                "hooks: an extension changed a value module=\"{name}\""
            ))
        });
        assert_eq!(logged, has, "{settings:?}");
    }
    // A failure is an error at any of these levels.
    let settings = ["log.level=warn", "modules.alpha.log_level=error"];
    let (shop, _files) = shop(&[("alpha", "traps")], &settings);
    assert_eq!(create(&shop, "ann@shop.example").status, 503);
    let failed = texts(&log(&shop, "alpha", ""));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].starts_with("an extension did not answer"),
        "{failed:?}"
    );
}

#[test]
fn a_flood_of_lines_pushes_out_none_of_another_kind_and_is_told_as_lost() {
    let shop = Shop::with_hostile(&["modules.hostile.limits.log_lines_per_s_max=1000000"]);
    let begun = log(&shop, "hostile", "");
    assert_eq!(shop.send("GET", "/hostile/trap", &[], b"").status, 500);
    const CALLS: usize = 100;
    for _ in 0..CALLS {
        assert_eq!(shop.send("GET", "/hostile/chat", &[], b"").status, 200);
    }
    let next = |log: &Value| log["next"].as_str().unwrap().to_owned();
    let further = log(&shop, "hostile", &format!("?after={}", next(&begun)));
    let shown = texts(&further);
    let bytes: usize = shown.iter().map(String::len).sum();
    assert!(bytes <= 256 * 1024, "{bytes}");
    assert!(
        shown
            .iter()
            .any(|text| text.starts_with("a call returned no answer"))
    );
    // Fifty lines of each call, of which the last ones are there.
    let chatted = shown
        .iter()
        .filter(|text| text.contains(" of a chat"))
        .count() as u64;
    let lost = further["lost"].as_u64().unwrap();
    assert!(
        lost > 0 && chatted + lost == 50 * CALLS as u64,
        "{chatted} and {lost}"
    );
    assert!(shown.last().unwrap().starts_with("line 49 of a chat"));
    let nothing = log(&shop, "hostile", &format!("?after={}", next(&further)));
    assert_eq!((texts(&nothing).len(), &nothing["lost"]), (0, &json!(0)));
}

#[test]
fn an_answer_waits_for_a_line_and_a_host_that_stops_does_not_wait_for_it() {
    let mut shop = Shop::with_hostile(&[]);
    let next = |log: &Value| log["next"].as_str().unwrap().to_owned();
    let begun = next(&log(&shop, "hostile", ""));
    let further = std::thread::scope(|scope| {
        let shop = &shop;
        let path = format!("?wait=30&level=error&after={begun}");
        let waiting = scope.spawn(move || log(shop, "hostile", &path));
        // Those of a lower level do not end the wait.
        assert_eq!(shop.send("GET", "/hostile/chat", &[], b"").status, 200);
        assert_eq!(shop.send("GET", "/hostile/trap", &[], b"").status, 500);
        waiting.join().unwrap()
    });
    assert_eq!(texts(&further).len(), 1);
    // Two requests at once: where the first is answered, the host has the second one, which
    // waits.
    let request = |wait: u32| {
        format!(
            "GET /_wares/modules/hostile/log?wait={wait}&after={} HTTP/1.1\r\nhost: x\r\n\
             authorization: Bearer {}\r\n\r\n",
            next(&further),
            shop.token
        )
    };
    let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
    let both = request(0) + &request(30);
    stream.write_all(both.as_bytes()).unwrap();
    let mut answers = BufReader::new(stream);
    let mut first = String::new();
    answers.read_line(&mut first).unwrap();
    assert_eq!(first, "HTTP/1.1 200 OK\r\n");
    assert!(shop.server.stop_within(Duration::from_secs(8)).success());
}

/// `wares module logs` that follows a module, and its lines.
fn follow(
    shop: &Shop,
    name: &str,
) -> (
    Child,
    impl FnMut() -> String + use<>,
    impl FnMut() -> String + use<>,
) {
    let mut command: Command = wares();
    command.args(["module", "logs", name, "--follow", "--data"]);
    command.arg(shop.data.path()).current_dir(shop.data.path());
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    let text = move || {
        let line = out.next().unwrap().unwrap();
        line.split_once("Z ").unwrap().1.to_owned()
    };
    (child, text, move || err.next().unwrap().unwrap())
}

#[test]
fn a_command_follows_what_traps_and_rejects_at_a_hook() {
    let extensions = [("alpha", "traps"), ("omega", "rejects")];
    let (shop, _files) = shop(&extensions, &["modules.alpha.on_failure=skip"]);
    let followed = ["alpha", "omega"].map(|name| follow(&shop, name));
    let answer = create(&shop, "ann@shop.example");
    assert_eq!(answer.status, 400, "{}", answer.body);
    let id = answer.header("x-request-id");
    let told = [
        [
            "ERROR host: an extension did not answer, and is left out version=1.2.3 hook=\"before-create-customer\"",
            "panicked at ",
            "| it meddles no more",
        ],
        [
            " INFO host: an extension rejected a value version=1.2.3 hook=\"before-create-customer\"",
            "field=\"email\" code=\"no\"",
            "reason=\"omega says no\"",
        ],
    ];
    for ((mut child, mut line, _error), [beginning, parts @ ..]) in followed.into_iter().zip(told) {
        let mut next = || Some(line());
        let line = std::iter::from_fn(&mut next).find(|line| line.starts_with(beginning));
        let line = line.unwrap();
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
        assert!(line.ends_with(&format!("request_id={id}")), "{line}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_command_follows_a_module_also_over_a_restart_of_the_host() {
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    std::fs::write(file, marked("version=1.0.0")).unwrap();
    let shop = Shop::open_on(data, |_| {});
    let (mut child, mut line, mut error) = follow(&shop, "marked");
    assert!(line().starts_with(" INFO host: migration applied "));
    assert!(line().starts_with(" INFO host: loaded version=1.0.0 digest="));
    let disabled = shop.ask("POST", "/_wares/modules/marked/disable", None);
    let audited = line();
    let said = " INFO host: action=\"disable\" digest=\"";
    assert!(audited.starts_with(said), "{audited}");
    let id = disabled.header("x-request-id");
    assert!(
        audited.ends_with(&format!("outcome=\"done\" request_id={id}")),
        "{audited}"
    );
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    assert_eq!(
        error(),
        "wares: the host does not answer: waiting for one that serves the folder"
    );
    let server = Server::start(data.path(), |_| {});
    assert_eq!(
        error(),
        "wares: the host was started again: these are its lines since"
    );
    assert!(line().starts_with(" INFO host: loaded version=1.0.0 digest="));
    assert_eq!(line(), " INFO host: it is disabled, and gets no requests");
    let mut interrupt = Command::new("kill");
    interrupt.args(["-INT", &child.id().to_string()]);
    assert!(interrupt.status().unwrap().success());
    let ended = child.wait().unwrap();
    assert_eq!(ended.signal(), Some(2));
    drop(server);
    // Where no host serves, there is no log.
    let folder = data.path().to_str().unwrap();
    let refused = run(["module", "logs", "marked", "--data", folder]);
    assert_eq!(
        (refused.status.code(), text(&refused.stderr)),
        (
            Some(1),
            format!(
                "wares: no host serves the data folder {folder}: the last lines of a module are in the memory \
                 of the host that serves it. Start `wares serve`\n"
            )
        )
    );
}
