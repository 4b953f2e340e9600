//! Where signatures are required, no component is served without one, wherever it comes from.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minisign::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Answer, Shop, data, marked, text};

const MODULE: &str = "/_wares/modules/marked";
const CUSTOMER: &str = "/_wares/modules/customer";
const REQUIRED: &str = "versions.require_signature=true";
const UNSIGNED: &str = "it is not signed, and versions.require_signature is set";
const KEPT_UNSIGNED: &str = "the version was installed without a signature, and versions.require_signature is set: \
                             install it once more with its signature";

fn pair() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn public(pair: &KeyPair) -> String {
    pair.pk.to_base64()
}

fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    minisign::sign(None, &pair.sk, bytes, None, None)
        .unwrap()
        .into_string()
}

/// Puts a component into the folder of modules, with what minisign wrote of it.
fn put_file(data: &Path, bytes: &[u8], signature: Option<&str>) {
    let file = data.join("modules/marked.wasm");
    fs::write(&file, bytes).unwrap();
    let beside = data.join("modules/marked.wasm.minisig");
    match signature {
        Some(signature) => fs::write(beside, signature).unwrap(),
        None => drop(fs::remove_file(beside)),
    }
}

/// A shop on a folder, where signatures by these keys are known, and maybe required.
fn open(data: TempDir, keys: &[String], required: bool) -> Shop {
    Shop::open_on(data, |command| {
        if !keys.is_empty() {
            command.args(["--set", &format!("versions.public_keys={}", keys.join(","))]);
        }
        if required {
            command.args(["--set", REQUIRED]);
        }
    })
}

fn close(mut shop: Shop) -> TempDir {
    assert!(shop.server.stop().success());
    shop.data
}

fn install(shop: &Shop, bytes: &[u8], signature: Option<&str>) -> Answer {
    let bearer = format!("Bearer {}", shop.token);
    let signature = signature.map(|text| STANDARD.encode(text));
    let mut headers = vec![
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
    ];
    headers.extend(signature.as_deref().map(|text| ("wares-signature", text)));
    shop.send("PUT", MODULE, &headers, bytes)
}

/// Installs a version; returns its digest.
fn installed(shop: &Shop, bytes: &[u8], signature: Option<&str>) -> String {
    let answer = install(shop, bytes, signature);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.at("/version/digest")
}

fn act(shop: &Shop, act: &str, body: Value) -> Answer {
    shop.post(&format!("{MODULE}/{act}"), body)
}

/// The version that answers; `None` where the module is not served.
fn serving(shop: &Shop) -> Option<String> {
    let answer = shop.get("/admin/marked");
    (answer.status == 200).then(|| answer.at("/version"))
}

/// Who signed each version that is installed, newest first.
fn signers(shop: &Shop) -> Vec<Value> {
    let module = shop.get(MODULE).value();
    let versions = module["module"]["versions"].as_array().unwrap().clone();
    versions
        .iter()
        .map(|version| version["signed_by"].clone())
        .collect()
}

#[test]
fn a_file_is_served_only_with_a_signature() {
    let (ours, theirs) = (pair(), pair());
    let keys = [public(&ours)];
    let bytes = marked("version=1.0.0");
    let mut folder = data();
    let by_none = "no key of versions.public_keys made the signature, or it is for other bytes";
    for (signature, why) in [
        (None, UNSIGNED),
        (Some(sign(&theirs, &bytes)), by_none),
        (Some(sign(&ours, b"other bytes")), by_none),
    ] {
        put_file(folder.path(), &bytes, signature.as_deref());
        let shop = open(folder, &keys, true);
        assert_eq!(serving(&shop), None, "{why}");
        // A built-in component needs none.
        assert_eq!(shop.get("/admin/customers").status, 200);
        assert!(shop.server.wait_for_log(why).contains("marked.wasm"));
        folder = close(shop);
        // Where none is required, it is served.
        let shop = open(folder, &keys, false);
        assert_eq!(serving(&shop).as_deref(), Some("1.0.0"));
        folder = close(shop);
    }
    put_file(folder.path(), &bytes, Some(&sign(&ours, &bytes)));
    let shop = open(folder, &keys, true);
    assert_eq!(serving(&shop).as_deref(), Some("1.0.0"));
    // The replacement can be rolled back: the file's signature is kept with it.
    let second = marked("version=2.0.0");
    let digest = installed(&shop, &second, Some(&sign(&ours, &second)));
    assert_eq!(
        act(&shop, "activate", json!({"digest": digest})).status,
        200
    );
    assert_eq!(signers(&shop), [json!(keys[0]), json!(keys[0])]);
    let back = act(&shop, "rollback", json!({}));
    assert_eq!(back.status, 200, "{}", back.body);
    assert_eq!(serving(&shop).as_deref(), Some("1.0.0"));
}

#[test]
fn an_installed_version_is_put_in_service_only_with_a_signature() {
    let (ours, old) = (pair(), pair());
    let first = marked("version=1.0.0");
    let folder = data();
    put_file(folder.path(), &first, Some(&sign(&ours, &first)));
    let (second, third) = (marked("version=2.0.0"), marked("version=3.0.0"));
    // Before a signature is required.
    let shop = open(folder, &[public(&ours), public(&old)], false);
    let unsigned = installed(&shop, &second, None);
    let signed_by_old = installed(&shop, &third, Some(&sign(&old, &third)));
    assert_eq!(signers(&shop), [json!(public(&old)), Value::Null]);
    let folder = close(shop);

    let shop = open(folder, &[public(&ours)], true);
    let other_key = format!(
        "the version is signed by {}, which versions.public_keys does not name: install it once more with a \
         signature by one of those",
        public(&old)
    );
    for (digest, why) in [(&unsigned, KEPT_UNSIGNED), (&signed_by_old, &*other_key)] {
        for body in [
            json!({"digest": digest}),
            json!({"digest": digest, "canary": "10%"}),
        ] {
            act(&shop, "activate", body).refuses(400, "wrong_signature", why);
        }
    }
    assert_eq!(serving(&shop).as_deref(), Some("1.0.0"));
    // Installed once more, it has a signature from then on.
    install(&shop, &second, None).refuses(400, "wrong_signature", UNSIGNED);
    let again = install(&shop, &second, Some(&sign(&ours, &second)));
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.at("/version/signed_by"), public(&ours));
    assert_eq!(signers(&shop), [json!(public(&old)), json!(public(&ours))]);
    let canary = json!({"digest": unsigned, "canary": "10%"});
    assert_eq!(act(&shop, "activate", canary).status, 200);
    assert_eq!(act(&shop, "promote", json!({})).status, 200);
    assert_eq!(serving(&shop).as_deref(), Some("2.0.0"));
    let refused: Vec<Value> = shop
        .audit_entries("?limit=20")
        .into_iter()
        .filter(|act| act[3] == "refused")
        .collect();
    assert_eq!(refused.len(), 5, "{refused:?}");
}

#[test]
fn a_signed_version_stays_signed_when_installed_without_a_signature() {
    let (ours, theirs) = (pair(), pair());
    let folder = data();
    put_file(folder.path(), &marked("version=1.0.0"), None);
    let shop = open(folder, &[public(&ours), public(&theirs)], false);
    let bytes = marked("version=2.0.0");
    for (signature, signed_by) in [
        (None, Value::Null),
        (Some(sign(&ours, &bytes)), json!(public(&ours))),
        (None, json!(public(&ours))),
        (Some(sign(&theirs, &bytes)), json!(public(&theirs))),
    ] {
        let answer = install(&shop, &bytes, signature.as_deref());
        assert_eq!(answer.value()["version"]["signed_by"], signed_by);
        assert_eq!(signers(&shop), [signed_by]);
    }
}

#[test]
fn a_start_and_a_rollback_require_signatures() {
    let ours = pair();
    let first = marked("version=1.0.0");
    let folder = data();
    put_file(folder.path(), &first, None);
    let (second, third) = (marked("version=2.0.0"), marked("version=3.0.0"));
    let shop = open(folder, &[public(&ours)], false);
    let digest = installed(&shop, &second, Some(&sign(&ours, &second)));
    assert_eq!(
        act(&shop, "activate", json!({"digest": digest})).status,
        200
    );
    let unsigned = installed(&shop, &third, None);
    assert_eq!(
        act(&shop, "activate", json!({"digest": unsigned})).status,
        200
    );
    let folder = close(shop);
    // The active version is not signed; the one before it is.
    let shop = open(folder, &[public(&ours)], true);
    assert_eq!(serving(&shop).as_deref(), Some("2.0.0"));
    let folder = close(shop);
    // Where nothing is signed, the module is not served, and the host is.
    let unlisted = pair();
    let shop = open(folder, &[public(&unlisted)], true);
    assert_eq!(serving(&shop), None);
    assert_eq!(shop.get("/admin/customers").status, 200);
    let folder = close(shop);
    let shop = open(folder, &[public(&ours)], false);
    assert_eq!(serving(&shop).as_deref(), Some("3.0.0"));
    assert_eq!(
        act(&shop, "activate", json!({"digest": digest})).status,
        200
    );
    let folder = close(shop);
    let shop = open(folder, &[public(&ours)], true);
    assert_eq!(serving(&shop).as_deref(), Some("2.0.0"));
    act(&shop, "rollback", json!({})).refuses(400, "wrong_signature", KEPT_UNSIGNED);
    assert_eq!(serving(&shop).as_deref(), Some("2.0.0"));
}

/// Puts a component in service that does what the built-in one does and is another one;
/// returns its digest.
fn replace_built_in(shop: &Shop, key: &KeyPair) -> String {
    let built_in = crate::harness::root()
        .join("target/component/wasm32-wasip2/component/customer_component.wasm");
    let mut other = fs::read(built_in).unwrap();
    // A custom section makes it another one.
    other.extend([0, 4, 1, b'x', 1, 2]);
    let bearer = format!("Bearer {}", shop.token);
    let signature = STANDARD.encode(sign(key, &other));
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/wasm"),
        ("wares-signature", &*signature),
    ];
    let path = format!("{CUSTOMER}?activate=true");
    let put = shop.send("PUT", &path, &headers, &other);
    assert_eq!(put.status, 200, "{}", put.body);
    put.at("/version/digest")
}

#[test]
fn the_built_in_component_can_be_rolled_back_to() {
    let ours = pair();
    let shop = open(data(), &[public(&ours)], true);
    replace_built_in(&shop, &ours);
    let back = shop.post(&format!("{CUSTOMER}/rollback"), json!({}));
    assert_eq!(back.status, 200, "{}", back.body);
    assert_eq!(back.at("/version/signed_by"), "built-in");
    assert_eq!(shop.get("/admin/customers").status, 200);
    let folder = close(shop);
    let shop = open(folder, &[public(&ours)], true);
    assert_eq!(shop.get("/admin/customers").status, 200);
    assert!(
        !shop
            .send("GET", "/health", &[], b"")
            .body
            .contains("failed")
    );
}

/// A version that is kept as one that was built in, and is not built into this program,
/// is as one of an earlier program.
#[test]
fn a_component_built_into_an_earlier_program_serves_without_a_key() {
    let (ours, unlisted) = (pair(), pair());
    let shop = open(data(), &[public(&ours)], true);
    let built_in = shop.get(CUSTOMER).at("/module/digest");
    let other = replace_built_in(&shop, &ours);
    let mut folder = close(shop);
    for (signed_by, serves) in [
        (Some(public(&ours)), &built_in),
        (Some("built-in".to_owned()), &other),
        (None, &built_in),
    ] {
        let database = rusqlite::Connection::open(folder.path().join("host.db")).unwrap();
        database
            .execute(
                "update module_version set signed_by = ?1 where digest = ?2",
                (&signed_by, &other),
            )
            .unwrap();
        drop(database);
        let shop = open(folder, &[public(&unlisted)], true);
        let module = shop.get(CUSTOMER);
        assert_eq!(module.at("/module/digest"), *serves, "{signed_by:?}");
        folder = close(shop);
    }
}

#[test]
fn a_watched_file_is_reloaded_only_with_a_signature() {
    let ours = pair();
    let first = marked("version=1.0.0");
    let folder = data();
    put_file(folder.path(), &first, Some(&sign(&ours, &first)));
    let shop = Shop::open_on(folder, |command| {
        let keys = format!("versions.public_keys={}", public(&ours));
        command.args(["--watch", "--set", &keys, "--set", REQUIRED]);
    });
    let second = marked("version=2.0.0");
    // The signature of before is for other bytes.
    fs::write(shop.data.path().join("modules/marked.wasm"), &second).unwrap();
    let log = shop
        .server
        .wait_for_log("is not served: no key of versions.public_keys made the signature");
    assert!(log.contains("marked.wasm"), "{log}");
    assert_eq!(serving(&shop).as_deref(), Some("1.0.0"));
    // The signature comes first, so that it is there when the component is.
    let third = marked("version=3.0.0");
    fs::write(
        shop.data.path().join("modules/marked.wasm.minisig"),
        sign(&ours, &third),
    )
    .unwrap();
    fs::write(shop.data.path().join("modules/marked.wasm"), &third).unwrap();
    shop.server.wait_for_log("version=3.0.0");
    assert_eq!(serving(&shop).as_deref(), Some("3.0.0"));
}

#[test]
fn the_command_signs_an_installed_version() {
    let ours = pair();
    let folder = data();
    put_file(folder.path(), &marked("version=1.0.0"), None);
    let shop = open(folder, &[public(&ours)], false);
    let file = shop.data.path().join("new.wasm");
    let bytes = marked("version=2.0.0");
    fs::write(&file, &bytes).unwrap();
    let install = || {
        let done = shop.run(&[
            "module",
            "install",
            file.to_str().unwrap(),
            "--name",
            "marked",
        ]);
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    install();
    assert_eq!(signers(&shop), [Value::Null]);
    fs::write(
        shop.data.path().join("new.wasm.minisig"),
        sign(&ours, &bytes),
    )
    .unwrap();
    install();
    assert_eq!(signers(&shop), [json!(public(&ours))]);
}
