//! The schema of a module, as its versions come and go.

use serde_json::json;

use super::{MODULE, activate, install, shop};
use crate::harness::Shop;

#[test]
fn the_schema_goes_forward_with_the_version_and_not_back() {
    let shop = shop(&[]);
    assert_eq!(shop.post("/admin/marked", json!({"a": 1})).status, 200);
    // Without a word on older versions, the one in service could not go on.
    let strict = install(&shop, "version=2.0.0 steps=2 needed=2");
    activate(&shop, &strict).refuses(
        409,
        "incompatible_schema",
        "the version in service knows 1 migrations, and 2 are needed once this one's have run: \
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
