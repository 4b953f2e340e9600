//! Installed versions, and refusals.

use serde_json::{Value, json};

use super::{MODULE, activate, audit_entries, digest, install, put, put_with, serving, shop};
use crate::harness::{Shop, data, marked};

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
            "name": "marked", "version": version, "digest": digest(bytes), "source": source, "enabled": true, "circuit": "closed",
            "calls": calls, "canary": null, "grants": ["sql", "events"], "extension_points": [], "fills": [], "on_failure": "refuse",
             "versions": versions, "changes": [], "failures": []
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
    let entries = audit_entries(&shop);
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
        entries,
        expected.map(|(act, outcome)| (act.to_owned(), outcome.to_owned()))
    );
}

#[test]
fn a_refused_version_is_explained_and_changes_nothing() {
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
            "the schema: the migration 0003_broken fails at statement 2: no such table: nowhere".to_owned(),
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
        400,
        "invalid_component",
        "it is the module 'marked', not 'nope'",
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
        nothing(act).refuses(409, "not_allowed", "the module marked has no canary");
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
fn verification_changes_nothing_and_ends_in_time() {
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
        "the schema: the migration 0003_endless fails at statement 1: \
         the migrations take longer than 200 ms (sql_migration_ms)",
    );
    put(&shop, "", &marked("version=3.0.0 bad=describe")).refuses(
        400,
        "invalid_component",
        "it does not start: wasm trap: call stack exhausted (limits.stack_bytes_max)",
    );
    assert_eq!(serving(&shop), "2.0.0");
}

#[test]
fn a_version_with_too_long_a_description_is_refused_and_nothing_of_it_stays() {
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
        ("steps", "it has 1001 migrations, more than 1000"),
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
    // An existing version stays, whatever the result of installing it again.
    put(&shop, "", &marked("version=1.0.0"));
    assert_eq!(compiled(), before);
}

/// Far more than sockets hold: a host that answers early and hangs up is found out.
#[test]
fn a_component_sent_without_credentials_is_refused() {
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
