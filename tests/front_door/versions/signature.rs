//! Signatures of components.

use super::{MODULE, put, put_with, serving};
use crate::harness::{Shop, data, marked};

#[test]
fn only_signed_components_where_signatures_are_required() {
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
    let by_none = "no key of versions.public_keys made the signature, or it is for other bytes";
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
