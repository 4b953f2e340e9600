//! Versions of modules: installed, activated, tried and rolled back while
//! requests are in flight, and refused without a trace.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Server, Shop, data, marked, run, text};

const MODULE: &str = "/_wares/modules/marked";

/// A shop that serves version 1.0.0 of the module.
fn shop(settings: &[&str]) -> Shop {
    let data = data();
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    Shop::open_on(data, |command| {
        for setting in settings {
            command.args(["--set", setting]);
        }
    })
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn put(shop: &Shop, query: &str, bytes: &[u8]) -> Answer {
    put_with(shop, MODULE, query, &[], bytes)
}

fn put_with(
    shop: &Shop,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    bytes: &[u8],
) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let mut all = vec![
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    all.extend_from_slice(headers);
    shop.send("PUT", &format!("{path}{query}"), &all, bytes)
}

/// Installs a version; gives its digest.
fn install(shop: &Shop, mark: &str) -> String {
    let answer = put(shop, "", &marked(mark));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

fn activate(shop: &Shop, digest: &str) -> Answer {
    shop.post(&format!("{MODULE}/activate"), json!({"digest": digest}))
}

/// The version that answers now.
fn serving(shop: &Shop) -> String {
    let answer = shop.get("/admin/marked");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("x-version"), answer.at("/version"));
    answer.at("/version")
}

/// `(act, outcome)` of all acts, oldest first.
fn acts(shop: &Shop) -> Vec<(String, String)> {
    let mut acts: Vec<_> = shop.get("/_wares/audit?limit=1000").value()["acts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|act| {
            let text = |key: &str| act[key].as_str().unwrap().to_owned();
            (text("act"), text("outcome"))
        })
        .collect();
    acts.reverse();
    acts
}

#[test]
fn a_version_is_installed_activated_rolled_back_and_removed() {
    let shop = shop(&[]);
    let (first, second) = (marked("version=1.0.0"), marked("version=2.0.0"));
    let one = |bytes: &[u8], version: &str, state: &str, by: &str| {
        json!({
            "digest": digest(bytes), "version": version, "state": state, "size_bytes": bytes.len(),
            "installed_at": "<time>", "installed_by": by, "signed_by": null
        })
    };
    let calls = json!({"made": 0, "failed": 0, "server_errors": 0, "mean_ms": 0.0});
    let module = |bytes: &[u8], version: &str, source: &str, versions: Value| {
        json!({
            "name": "marked", "version": version, "digest": digest(bytes), "source": source, "resting": false,
            "calls": calls, "canary": null, "versions": versions, "changes": [], "failures": []
        })
    };
    shop.get(MODULE).is(
        200,
        json!({"module": module(&first, "1.0.0", "folder", json!([]))}),
    );
    put(&shop, "", &second).is(
        200,
        json!({
            "version": one(&second, "2.0.0", "installed", "<admin>"),
            "module": module(&first, "1.0.0", "folder", json!([one(&second, "2.0.0", "installed", "<admin>")])),
        }),
    );
    assert_eq!(serving(&shop), "1.0.0");
    // The beginning of a digest is enough.
    let activated = activate(&shop, &digest(&second)[..8]);
    activated.is(
        200,
        json!({
            "version": one(&second, "2.0.0", "active", "<admin>"),
            "module": module(&second, "2.0.0", "version", json!([
                one(&first, "1.0.0", "installed", "host"), one(&second, "2.0.0", "active", "<admin>"),
            ])),
        }),
    );
    assert_eq!(serving(&shop), "2.0.0");
    let removal = |bytes: &[u8]| format!("{MODULE}/versions/{}", digest(bytes));
    let short = |bytes: &[u8]| digest(bytes)[..12].to_owned();
    shop.delete(&removal(&second)).refuses(
        409,
        "not_allowed",
        &format!(
            "the version {} of the module marked is in use",
            short(&second)
        ),
    );
    let back = shop.ask("POST", &format!("{MODULE}/rollback"), None);
    assert_eq!((back.status, &*back.at("/version/version")), (200, "1.0.0"));
    assert_eq!(serving(&shop), "1.0.0");
    shop.delete(&removal(&second)).refuses(
        409,
        "not_allowed",
        &format!(
            "the version {} of the module marked is the one to roll back to",
            short(&second)
        ),
    );
    let third = install(&shop, "version=3.0.0");
    shop.delete(&format!("{MODULE}/versions/{third}")).is(
        200,
        json!({"digest": third, "object": "module_version", "deleted": true}),
    );
    assert!(
        !shop
            .data
            .path()
            .join(format!("versions/{third}.wasm"))
            .exists()
    );
    let acts = acts(&shop);
    let expected = [
        ("install", "done"),
        ("activate", "done"),
        ("remove", "refused"),
        ("rollback", "done"),
        ("remove", "refused"),
        ("install", "done"),
        ("remove", "done"),
    ];
    assert_eq!(
        acts,
        expected.map(|(act, outcome)| (act.to_owned(), outcome.to_owned()))
    );
}

#[test]
fn what_is_wrong_with_a_version_is_said_and_changes_nothing() {
    let shop = shop(&["compile.component_bytes_max=1 MiB"]);
    let fine = marked("version=2.0.0");
    let wrong = digest(b"other");
    for (query, bytes, status, kind, message) in [
        (
            "",
            b"no component".to_vec(),
            400,
            "invalid_component",
            "it is not a WebAssembly component".to_owned(),
        ),
        (
            "",
            vec![0; (1 << 20) + 1],
            413,
            "unknown_error",
            "request entity too large".to_owned(),
        ),
        (
            &*format!("?digest={wrong}"),
            fine.clone(),
            400,
            "wrong_digest",
            format!("the component has the digest {}, not {wrong}", digest(&fine)),
        ),
        (
            "",
            marked("name=other version=2.0.0"),
            400,
            "invalid_component",
            "it is the module 'other', not 'marked'".to_owned(),
        ),
        (
            "",
            marked("version=two"),
            400,
            "invalid_component",
            "its version 'two' is not semver: unexpected character 't' while parsing major version number".to_owned(),
        ),
        (
            "",
            marked("version=2.0.0 route=/admin/customers"),
            400,
            "invalid_component",
            "the routes GET /admin/customers of the module customer and GET /admin/customers of the \
             module marked match the same paths, and a path belongs to one component: change one of them"
                .to_owned(),
        ),
        (
            "",
            marked("version=2.0.0 steps=3"),
            400,
            "failed_migration",
            "the schema: the step 0003_broken fails at its statement 2: no such table: nowhere".to_owned(),
        ),
    ] {
        let answer = put(&shop, query, &bytes);
        if kind == "unknown_error" {
            answer.is(status, json!({"message": message, "type": kind}));
        } else {
            answer.refuses(status, kind, &message);
        }
    }
    put(&shop, "?activate=perhaps&canary=200%25&foo=1", &fine).is_invalid(
        "Expected: 'true, false' for field 'activate', but got: 'perhaps'; \
         Field 'canary' must be a share from 0.01% to 100%, got: '200%'; Unrecognized fields: 'foo'",
    );
    put_with(&shop, "/_wares/modules/nope", "", &[], &fine).refuses(
        404,
        "not_found",
        "there is no module nope",
    );
    activate(&shop, "abc").refuses(404, "not_found", "the module marked has no version abc");
    activate(&shop, "").refuses(404, "not_found", "the module marked has no version ");
    let nothing = |act: &str| shop.ask("POST", &format!("{MODULE}/{act}"), None);
    nothing("rollback").refuses(
        409,
        "not_allowed",
        "the module marked had no other version before",
    );
    for act in ["promote", "withdraw"] {
        nothing(act).refuses(
            409,
            "not_allowed",
            "the module marked has no version on trial",
        );
    }
    shop.send("PUT", MODULE, &[], &fine)
        .is(401, json!({"message": "Unauthorized"}));
    for path in ["/_wares/modules", "/_wares/audit", "/_wares/nothing"] {
        shop.send("GET", path, &[], b"")
            .is(401, json!({"message": "Unauthorized"}));
    }
    let kept = shop.get(MODULE).value();
    assert_eq!(kept["module"]["versions"], json!([]));
    let versions = std::fs::read_dir(shop.data.path().join("versions"));
    assert!(versions.is_err() || versions.unwrap().next().is_none());
    assert_eq!(serving(&shop), "1.0.0");
}

#[test]
fn what_is_verified_changes_nothing_and_ends_in_time() {
    let shop = shop(&[
        "limits.stack_bytes_max=4 MiB",
        "modules.marked.limits.sql_migration_ms=200",
    ]);
    // It writes whenever it is read, the first time before it is in service.
    let writing = install(&shop, "version=2.0.0 bad=writes");
    shop.get("/admin/marked")
        .is(200, json!({"version": "1.0.0", "things": 0}));
    assert_eq!(activate(&shop, &writing).status, 200);
    shop.get("/admin/marked")
        .is(200, json!({"version": "2.0.0", "things": 1}));
    put(&shop, "", &marked("version=3.0.0 steps=3 third=endless")).refuses(
        400,
        "failed_migration",
        "the schema: the step 0003_endless fails at its statement 1: \
         the steps take longer than 200 ms (sql_migration_ms)",
    );
    put(&shop, "", &marked("version=3.0.0 bad=describe")).refuses(
        400,
        "invalid_component",
        "it does not start: wasm trap: call stack exhausted (limits.stack_bytes_max)",
    );
    assert_eq!(serving(&shop), "2.0.0");
}

#[test]
fn a_version_that_says_too_much_of_itself_is_refused_and_nothing_of_it_stays() {
    let shop = shop(&[]);
    let compiled = || {
        let folder = std::fs::read_dir(shop.data.path().join("compiled")).unwrap();
        let mut names: Vec<_> = folder.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = compiled();
    for (bad, reason) in [
        ("version", "its version is longer than 300 bytes"),
        ("routes", "it has 1004 routes, more than 1000"),
        (
            "path",
            "it has a route whose path is longer than 1000 bytes",
        ),
        (
            "responses",
            "what it says of the route /admin/marked is no OpenAPI operation: \
             #/responses/500 must be an object, not 3",
        ),
        ("steps", "it has 1001 steps of its schema, more than 1000"),
        (
            "schemas",
            "it says more than 4194304 bytes of itself, its schemas included",
        ),
    ] {
        put(&shop, "", &marked(&format!("version=2.0.0 bad={bad}"))).refuses(
            400,
            "invalid_component",
            reason,
        );
        assert_eq!(compiled(), before, "{bad}");
    }
    assert_eq!(serving(&shop), "1.0.0");
    // What is there from before stays, whatever comes of trying it again.
    put(&shop, "", &marked("version=1.0.0"));
    assert_eq!(compiled(), before);
}

/// Far more than sockets hold: a host that answers early and hangs up is found out.
#[test]
fn a_stranger_who_sends_a_component_is_told_to_sign_in() {
    let shop = shop(&[]);
    let answer = shop.send("PUT", MODULE, &[], &vec![0; 32 << 20]);
    answer.is(401, json!({"message": "Unauthorized"}));
}

#[test]
fn the_component_that_the_settings_name_is_not_replaced() {
    let data = data();
    let file = data.path().join("pinned.wasm");
    std::fs::write(&file, marked("version=1.0.0")).unwrap();
    let setting = format!("modules.marked.component={}", file.display());
    let shop = Shop::open_on(data, |command| {
        command.args(["--set", &setting]);
    });
    put(&shop, "", &marked("version=2.0.0")).refuses(
        409,
        "not_allowed",
        "modules.marked.component names the component of this module: change it there",
    );
    assert_eq!(serving(&shop), "1.0.0");
}

#[test]
fn signed_components_alone_where_that_is_wanted() {
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let public = pair.pk.to_base64();
    let first = marked("version=1.0.0");
    let data = data();
    let file = data.path().join("modules/marked.wasm");
    std::fs::write(&file, &first).unwrap();
    let signature = minisign::sign(None, &pair.sk, first.as_slice(), None, None).unwrap();
    std::fs::write(file.with_extension("wasm.minisig"), signature.into_string()).unwrap();
    let shop = Shop::open_on(data, |command| {
        let keys = format!("versions.public_keys={public}");
        command.args(["--set", "versions.require_signature=true", "--set", &keys]);
    });
    let bytes = marked("version=2.0.0");
    let sign = |secret: &minisign::SecretKey, bytes: &[u8]| {
        let signed = minisign::sign(None, secret, bytes, None, None).unwrap();
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            signed.into_string(),
        )
    };
    let with = |signature: &str| {
        put_with(
            &shop,
            MODULE,
            "?activate=true",
            &[("wares-signature", signature)],
            &bytes,
        )
    };
    put(&shop, "?activate=true", &bytes).refuses(
        400,
        "wrong_signature",
        "it is not signed, and versions.require_signature is set",
    );
    let by_none = "the signature is by none of versions.public_keys, or for other bytes";
    with(&sign(&stranger.sk, &bytes)).refuses(400, "wrong_signature", by_none);
    with(&sign(&pair.sk, b"other bytes")).refuses(400, "wrong_signature", by_none);
    with("rubbish").refuses(
        400,
        "wrong_signature",
        "the signature is not one of minisign's: invalid encoding in minisign data",
    );
    assert_eq!(serving(&shop), "1.0.0");
    let signed = with(&sign(&pair.sk, &bytes));
    assert_eq!(signed.status, 200, "{}", signed.body);
    assert_eq!(signed.at("/version/signed_by"), public);
    assert_eq!(serving(&shop), "2.0.0");
}

#[test]
fn the_schema_goes_forward_with_the_version_and_not_back() {
    let shop = shop(&[]);
    assert_eq!(shop.post("/admin/marked", json!({"a": 1})).status, 200);
    // Without a word on older versions, the one in service could not go on.
    let strict = install(&shop, "version=2.0.0 steps=2 needed=2");
    activate(&shop, &strict).refuses(
        409,
        "incompatible_schema",
        "the version in service knows 1 steps of the schema, and 2 are needed once this one's have run: \
         stop the host, and activate it then",
    );
    let second = install(&shop, "version=2.1.0 steps=2 needed=1");
    assert_eq!(activate(&shop, &second).status, 200);
    shop.get("/admin/marked")
        .is(200, json!({"version": "2.1.0", "things": 1}));
    // The older one fits the newer schema.
    assert_eq!(
        shop.ask("POST", &format!("{MODULE}/rollback"), None).status,
        200
    );
    assert_eq!(shop.post("/admin/marked", json!({"b": 2})).status, 200);
    shop.get("/admin/marked")
        .is(200, json!({"version": "1.0.0", "things": 2}));
    // So it does at the next start.
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let shop = Shop::open_on(data, |_| {});
    shop.get("/admin/marked")
        .is(200, json!({"version": "1.0.0", "things": 2}));
}

/// Does nothing but answer: one kept-alive connection, so that swaps cost nobody their connection.
struct Client {
    stream: TcpStream,
    bearer: String,
}

impl Client {
    fn of(shop: &Shop) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self {
            stream,
            bearer: shop.token.clone(),
        }
    }

    /// The status, the header `x-version` and the body.
    fn ask(&mut self, method: &str, body: &str) -> (u16, String, Value) {
        // At once: in pieces, each would wait until the one before is acknowledged.
        let request = format!(
            "{method} /admin/marked HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.bearer,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let header = |name: &str| {
                head.lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                    .unwrap_or_default()
                    .to_owned()
            };
            if body.len() == header("content-length").parse::<usize>().unwrap() {
                let status = head[9..12].parse().unwrap();
                return (
                    status,
                    header("x-version"),
                    serde_json::from_str(body).unwrap(),
                );
            }
        }
    }
}

/// Ends what others do until then, however this ends.
struct Until<'a>(&'a AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Memory of a process that is its own, in KiB.
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_swaps_cost_no_answer() {
    // So few calls at once are reached soon, and take no more memory later.
    let shop = shop(&["log.level=error", "modules.marked.limits.calls_max=2"]);
    let second = install(&shop, "version=2.0.0");
    assert_eq!(activate(&shop, &second).status, 200);
    let first = digest(&marked("version=1.0.0"));
    let (end, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut resident = Vec::new();
    std::thread::scope(|scope| {
        let _until = Until(&end);
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = Client::of(&shop);
                while !end.load(Ordering::Relaxed) {
                    let (status, version, body) = client.ask("GET", "");
                    // One version answered all of it.
                    assert_eq!((status, &body["version"]), (200, &json!(version)), "{body}");
                }
            });
        }
        // Two writes a swap, so that what is kept does not outgrow what is measured.
        let (swapping, swaps) = std::sync::mpsc::sync_channel::<()>(1);
        let (shop_written, counter) = (&shop, &written);
        scope.spawn(move || {
            let mut client = Client::of(shop_written);
            for () in swaps {
                for _ in 0..2 {
                    let (status, version, body) = client.ask("POST", "{\"x\":1}");
                    assert_eq!((status, &body["version"]), (200, &json!(version)), "{body}");
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        for swap in 0..1_000 {
            let (digest, version) = if swap % 2 == 0 {
                (&first, "1.0.0")
            } else {
                (&second, "2.0.0")
            };
            swapping.send(()).unwrap();
            let answer = activate(&shop, digest);
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(serving(&shop), version);
            if swap == 100 || swap == 999 {
                resident.push(resident_kib(shop.server.child.id()));
            }
        }
        drop(swapping);
    });
    assert_eq!(written.load(Ordering::Relaxed), 2_000);
    let things = shop.get("/admin/marked").value()["things"].clone();
    assert_eq!(things, json!(written.load(Ordering::Relaxed)));
    assert!(
        resident[1] * 100 <= resident[0] * 105,
        "memory grew from {} to {} KiB",
        resident[0],
        resident[1]
    );
}

#[test]
fn a_call_that_began_ends_on_its_version_or_when_it_had_its_time() {
    let shop = shop(&[
        "versions.drain_ms=300",
        "modules.marked.limits.deadline_ms=120000",
        "log.level=info",
    ]);
    let second = install(&shop, "version=2.0.0");
    let began = Instant::now();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| shop.get("/admin/marked/long"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(serving(&shop), "2.0.0");
        assert_eq!(long.join().unwrap().status, 500);
    });
    assert!(began.elapsed() < Duration::from_secs(60));
    let log = shop.server.stop_for_log();
    assert!(
        log.contains("this call had versions.drain_ms to end"),
        "{log}"
    );
}

/// Has the module write and rest for two seconds, before it writes or after.
fn write(shop: &Shop, rests: &str) -> Answer {
    shop.post("/admin/marked", json!({"rests": rests}))
}

fn things(shop: &Shop) -> Value {
    shop.get("/admin/marked").value()["things"].clone()
}

#[test]
fn a_call_that_ends_with_its_version_has_written_nothing() {
    let shop = shop(&[
        "versions.drain_ms=0",
        "modules.marked.limits.deadline_ms=10000",
    ]);
    let second = install(&shop, "version=2.0.0");
    std::thread::scope(|scope| {
        let late = scope.spawn(|| write(&shop, "before"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(late.join().unwrap().status, 500);
    });
    assert_eq!(things(&shop), json!(0));
    let third = install(&shop, "version=3.0.0");
    std::thread::scope(|scope| {
        let kept = scope.spawn(|| write(&shop, "after"));
        while things(&shop) == json!(0) {
            assert!(!kept.is_finished());
        }
        assert_eq!(activate(&shop, &third).status, 200);
        assert_eq!(serving(&shop), "3.0.0");
        let kept = kept.join().unwrap();
        assert_eq!((kept.status, &*kept.at("/version")), (200, "2.0.0"));
    });
    assert_eq!(things(&shop), json!(1));
}

#[test]
fn a_call_that_takes_too_long_has_written_nothing() {
    let shop = shop(&[
        "modules.marked.limits.call_ms=1000",
        "modules.marked.limits.sql_writer_wait_ms=500",
        "modules.marked.limits.deadline_ms=10000",
    ]);
    assert_eq!(write(&shop, "before").status, 500);
    assert_eq!(things(&shop), json!(0));
    let kept = write(&shop, "after");
    assert_eq!((kept.status, &kept.value()["things"]), (200, &json!(1)));
    let log = shop.server.stop_for_log();
    assert_eq!(log.matches("(limits.call_ms)").count(), 1, "{log}");
}

#[test]
fn what_calls_of_the_version_before_come_to_is_not_the_next_ones_fault() {
    let shop = shop(&[
        "breaker.failures_min=1",
        "breaker.rest_ms=60000",
        "versions.drain_ms=60000",
        "modules.marked.limits.deadline_ms=1000",
    ]);
    let second = install(&shop, "version=2.0.0");
    std::thread::scope(|scope| {
        let long = scope.spawn(|| shop.get("/admin/marked/long"));
        shop.until_running("marked", 1);
        assert_eq!(activate(&shop, &second).status, 200);
        assert_eq!(long.join().unwrap().status, 500);
    });
    assert_eq!(serving(&shop), "2.0.0");
    assert_eq!(shop.send("GET", "/health", &[], b"").body, "OK");
}

#[test]
fn a_bad_version_on_trial_is_withdrawn_without_a_person() {
    for bad in ["trap", "500", "header"] {
        let shop = shop(&["breaker.failures_min=1000000"]);
        let answer = put(
            &shop,
            "?canary=100%25",
            &marked(&format!("version=2.0.0 bad={bad}")),
        );
        assert_eq!(answer.at("/version/state"), "canary", "{}", answer.body);
        let mut calls = 0;
        while shop.get("/admin/marked/bad").status == 500 {
            calls += 1;
            assert!(calls <= 200, "it is still on trial");
        }
        assert_eq!(serving(&shop), "1.0.0");
        // What was done is on the disk a moment after it was done.
        let ended = Instant::now() + Duration::from_secs(60);
        let mut last = json!({"act": "canary"});
        while last["act"] == "canary" {
            assert!(Instant::now() < ended, "it is not kept");
            last = shop.get("/_wares/audit?limit=1").value()["acts"][0].clone();
        }
        assert_eq!(
            (&last["act"], &last["actor"]),
            (&json!("withdraw"), &json!("host"))
        );
        let why = last["detail"].as_str().unwrap();
        assert!(
            why.ends_with("calls were bad, 100.0 %, where 5.0 % are let pass"),
            "{why}"
        );
        // It is not in anybody's way: the next one may be tried.
        let next = put(&shop, "?canary=50%25", &marked("version=3.0.0"));
        assert_eq!(next.at("/module/canary/version"), "3.0.0");
    }
}

#[test]
fn a_good_version_on_trial_is_promoted_and_one_caller_sees_one_version() {
    let shop = shop(&[
        "canary.promote_calls=150",
        "canary.latency_percent_max=100000",
    ]);
    let keys: Vec<String> = (0..24)
        .map(|number| {
            let body = json!({"title": format!("Key {number}"), "type": "secret"});
            shop.post("/admin/api-keys", body).at("/api_key/token")
        })
        .collect();
    let answer = put(
        &shop,
        "?canary=50%25",
        &marked("version=2.0.0 route=/admin/new"),
    );
    assert_eq!(answer.at("/module/version"), "1.0.0", "{}", answer.body);
    let seen = |key: &str| {
        let bearer = format!("Bearer {key}");
        let with = [("authorization", &*bearer)];
        let version = shop.send("GET", "/admin/marked", &with, b"").at("/version");
        // So is the route that only the new one has.
        let new = shop.send("GET", "/admin/new", &with, b"").status;
        assert_eq!(new == 200, version == "2.0.0", "{version} {new}");
        version
    };
    let first: Vec<String> = keys.iter().map(|key| seen(key)).collect();
    let tried = first.iter().filter(|version| *version == "2.0.0").count();
    assert!((4..=20).contains(&tried), "{tried} of 24");
    let again: Vec<String> = keys.iter().map(|key| seen(key)).collect();
    assert_eq!(first, again);
    let trial = shop.get(MODULE).value()["module"]["canary"].clone();
    assert_eq!(trial["share_percent"], json!(50.0));
    assert!(trial["calls"]["made"].as_u64().unwrap() > 0);
    let begun = Instant::now();
    while shop.get(MODULE).value()["module"]["version"] == "1.0.0" {
        for key in &keys {
            shop.send(
                "GET",
                "/admin/marked",
                &[("authorization", &format!("Bearer {key}"))],
                b"",
            );
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "it is not promoted"
        );
    }
    assert_eq!(serving(&shop), "2.0.0");
    assert_eq!(
        acts(&shop).last().unwrap(),
        &("promote".to_owned(), "done".to_owned())
    );
}

#[test]
fn one_change_of_a_module_at_a_time() {
    let shop = shop(&[]);
    let versions: Vec<String> = (2..6)
        .map(|major| install(&shop, &format!("version={major}.0.0")))
        .collect();
    std::thread::scope(|scope| {
        let answers: Vec<_> = versions
            .iter()
            .map(|digest| scope.spawn(|| activate(&shop, digest)))
            .collect();
        let mut done = 0;
        for answer in answers {
            let answer = answer.join().unwrap();
            match answer.status {
                200 => done += 1,
                _ => answer.refuses(
                    409,
                    "conflict",
                    "another change of the module marked is under way: wait for its end, \
                     or see `wares module status marked`",
                ),
            }
        }
        assert!(done >= 1);
    });
    let active = shop.get(MODULE).value()["module"]["version"].clone();
    assert_eq!(json!(serving(&shop)), active);
}

/// The version that the data folder comes up on.
fn comes_up_on(data: &Path) -> String {
    let shown = run([
        "module",
        "status",
        "marked",
        "--json",
        "--data",
        data.to_str().unwrap(),
        "--set",
        &format!("data.modules_dir={}", data.join("modules").display()),
    ]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    shown[0]["version"].as_str().unwrap().to_owned()
}

#[test]
fn killed_in_an_activation_it_comes_up_on_one_of_the_two() {
    let mut seen = std::collections::BTreeSet::new();
    let setup = shop(&[]);
    let second = install(&setup, "version=2.0.0 steps=2 needed=1");
    let Shop {
        mut server,
        mut data,
        token,
        ..
    } = setup;
    server.stop();
    let first = digest(&marked("version=1.0.0"));
    for round in 0..50_u32 {
        let shop = Shop::open_on(data, |_| {});
        let digest = if serving(&shop) == "1.0.0" {
            &second
        } else {
            &first
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let body = json!({"digest": digest}).to_string();
                let request = format!(
                    "POST {MODULE}/activate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                let mut stream = TcpStream::connect(("127.0.0.1", shop.server.port)).unwrap();
                let _ = stream.write_all(request.as_bytes());
                let _ = stream.read(&mut [0; 64]);
            });
            std::thread::sleep(Duration::from_micros(u64::from(round) * 600));
            shop.server.signal("-KILL");
        });
        let Shop {
            server, data: left, ..
        } = shop;
        drop(server);
        data = left;
        seen.insert(comes_up_on(data.path()));
    }
    assert!(
        seen.iter()
            .all(|version| version == "1.0.0" || version == "2.0.0"),
        "{seen:?}"
    );
}

#[test]
fn a_crash_between_any_two_steps_leaves_one_whole_version() {
    for (fault, installed, version) in [
        ("versions.written", false, "1.0.0"),
        ("install.stored", false, "1.0.0"),
        ("install.recorded", true, "1.0.0"),
        ("activate.prepared", true, "1.0.0"),
        ("activate.recorded", true, "2.0.0"),
        ("activate.switched", true, "2.0.0"),
    ] {
        let data = data();
        std::fs::write(
            data.path().join("modules/marked.wasm"),
            marked("version=1.0.0"),
        )
        .unwrap();
        let file = data.path().join("second.wasm");
        std::fs::write(&file, marked("version=2.0.0 steps=2 needed=1")).unwrap();
        let server = Server::start(data.path(), |command| {
            command.env("WARES_FAULT", fault);
        });
        let folder = data.path().to_str().unwrap();
        let modules = format!("data.modules_dir={}", data.path().join("modules").display());
        let arguments =
            |act: &'static str| vec!["module", act, "--data", folder, "--set", &modules];
        let mut crashed = arguments("install");
        crashed.extend([file.to_str().unwrap(), "--activate"]);
        let said = run(&crashed);
        assert_eq!(
            said.status.code(),
            Some(1),
            "{fault}: {}",
            text(&said.stdout)
        );
        drop(server);
        assert_eq!(comes_up_on(data.path()), version, "{fault}");
        let listed = text(&run(arguments("list")).stdout);
        assert_eq!(listed.contains("2.0.0"), installed, "{fault}: {listed}");
        // Nothing is in the way of doing it again.
        if version == "1.0.0" {
            let done = run(&crashed);
            assert!(done.status.success(), "{fault}: {}", text(&done.stderr));
            assert_eq!(comes_up_on(data.path()), "2.0.0", "{fault}");
        }
    }
}

#[test]
fn operators_manage_versions_by_commands_with_a_host_and_without() {
    let data = data();
    let folder = data.path().to_str().unwrap().to_owned();
    let modules = format!("data.modules_dir={}", data.path().join("modules").display());
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let (first, second) = (
        digest(&marked("version=1.0.0")),
        digest(&marked("version=2.0.0")),
    );
    let file = data.path().join("second.wasm");
    std::fs::write(&file, marked("version=2.0.0")).unwrap();
    let wares = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--data", &folder, "--set", &modules]);
        let output = run(all);
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    for running in [true, false] {
        let server = running.then(|| Server::start(data.path(), |_| {}));
        let did = |arguments: &[&str], said: &str| {
            assert_eq!(
                wares(arguments),
                (0, format!("{said}\n"), String::new()),
                "{arguments:?}"
            );
        };
        did(
            &["module", "install", file.to_str().unwrap()],
            &format!("marked has 2.0.0 {second}"),
        );
        did(
            &["module", "activate", "marked", &second[..9]],
            &format!("marked serves 2.0.0 {second}"),
        );
        did(
            &["module", "rollback", "marked"],
            &format!("marked serves 1.0.0 {first}"),
        );
        if running {
            did(
                &["module", "activate", "marked", &second, "--canary", "5%"],
                &format!("marked tries 2.0.0 {second}"),
            );
            did(
                &["module", "withdraw", "marked"],
                &format!("marked serves 1.0.0 {first}"),
            );
        }
        let (_, status, _) = wares(&["module", "status", "marked"]);
        assert_eq!(
            status,
            format!(
                "marked serves 1.0.0 {first}\n  calls: 0 made, 0 failed, 0 answered 5xx, 0.0 ms on the average\n"
            )
        );
        assert_eq!(
            wares(&["module", "activate", "marked", "abc"]),
            (
                1,
                String::new(),
                "wares: the module marked has no version abc\n".to_owned()
            )
        );
        drop(server);
    }
    let (_, audit, _) = wares(&["audit", "--limit", "2"]);
    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines.len(), 2, "{audit}");
    assert!(
        lines[0].ends_with("activate marked abc  refused: the module marked has no version abc")
            || lines[0].contains("refused"),
        "{audit}"
    );
    assert!(lines[1].contains("rollback marked"), "{audit}");
}

/// A folder becomes a disk of its own, of so many bytes, for this server alone.
fn on_small_disk(command: &mut Command, folder: &Path, bytes: u32) {
    let mut small = Command::new("unshare");
    small.arg("--mount");
    // Who is not root becomes it in a namespace of its own.
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        small.arg("--map-root-user");
    }
    small
        .args(["sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o size={bytes} none \"$0\" && exec \"$@\""
        ))
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    *command = small;
}

#[test]
fn a_full_disk_is_said_and_changes_nothing() {
    let data = data();
    std::fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let versions = data.path().join("versions");
    std::fs::create_dir_all(&versions).unwrap();
    let second = marked("version=2.0.0");
    let shop = Shop::open_on(data, |command| {
        on_small_disk(command, &versions, 32 << 10);
    });
    assert!(second.len() > 32 << 10);
    let compiled = || {
        let folder = std::fs::read_dir(shop.data.path().join("compiled")).unwrap();
        folder.count()
    };
    let before = compiled();
    for query in ["", "?activate=true", "?canary=10%25"] {
        let answer = put(&shop, query, &second);
        answer.refuses(
            507,
            "disk_full",
            &format!(
                "{}/{}.wasm: No space left on device (os error 28)",
                versions.display(),
                digest(&second)
            ),
        );
        assert_eq!(compiled(), before);
    }
    assert_eq!(serving(&shop), "1.0.0");
    let module = shop.get(MODULE).value();
    assert_eq!(module["module"]["versions"], json!([]));
    assert_eq!(module["module"]["canary"], json!(null));
    let refused = ("install".to_owned(), "refused".to_owned());
    assert_eq!(acts(&shop), [refused.clone(), refused.clone(), refused]);
}

#[test]
fn a_start_without_the_active_version_says_what_is_missing() {
    let shop = shop(&[]);
    let second = marked("version=2.0.0");
    let digest = install(&shop, "version=2.0.0");
    assert_eq!(activate(&shop, &digest).status, 200);
    let Shop {
        mut server, data, ..
    } = shop;
    assert!(server.stop().success());
    let file = data.path().join(format!("versions/{digest}.wasm"));
    let refused = || {
        let ended = run([
            "serve",
            "--strict",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data.path().to_str().unwrap(),
        ]);
        assert_eq!(ended.status.code(), Some(1));
        assert_eq!(text(&ended.stdout), "");
        text(&ended.stderr)
    };
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        refused(),
        format!(
            "wares: version {} of marked: there is no {}: put the component back\n",
            &digest[..12],
            file.display()
        )
    );
    std::fs::write(&file, marked("version=6.6.6")).unwrap();
    assert_eq!(
        refused(),
        format!(
            "wares: version {} of marked: {} is damaged: its SHA-256 is not its name\n",
            &digest[..12],
            file.display()
        )
    );
    // What was compiled of it is made anew where it does not fit.
    std::fs::write(&file, &second).unwrap();
    for entry in std::fs::read_dir(data.path().join("compiled")).unwrap() {
        let path = entry.unwrap().path();
        let mut code = std::fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(path, code).unwrap();
    }
    let shop = Shop::open_on(data, |_| {});
    assert_eq!(serving(&shop), "2.0.0");
}
