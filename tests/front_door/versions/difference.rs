//! An installed version compared with the one in service.

use serde_json::{Value, json};

use super::{MODULE, activate, digest, install, put_with, serving, shop};
use crate::harness::{marked, text};

#[test]
fn a_version_is_compared_with_the_one_in_service() {
    let shop = shop(&[]);
    let mark = "version=2.0.0 steps=2 needed=1 route=/admin/more";
    let (first, second) = (marked("version=1.0.0"), install(&shop, mark));
    let same = || json!({"added": [], "removed": []});
    let expected = json!({
        "module": "marked",
        "from": {"version": "1.0.0", "digest": digest(&first), "size_bytes": first.len()},
        "to": {"version": "2.0.0", "digest": second, "size_bytes": first.len()},
        "grants": same(),
        "routes": {"added": ["GET /admin/more (admin)"], "removed": []},
        "fields": same(),
        "migrations": {"added": ["0002_colour"], "removed": []},
        "exports": same(),
    });
    let diff = |digest: &str| shop.get(&format!("{MODULE}/versions/{digest}/diff"));
    diff(&second[..9]).is(200, json!({"difference": expected}));
    diff("abc").refuses(404, "not_found", "the module marked has no version abc");
    shop.get("/_wares/modules/nope/versions/abc/diff").refuses(
        404,
        "not_found",
        "there is no module nope",
    );
    let said = |arguments: &[&str]| {
        let done = shop.run(arguments);
        (text(&done.stdout), text(&done.stderr))
    };
    let bytes = first.len();
    let (shown, error) = said(&["module", "diff", "marked", &second]);
    assert_eq!(
        (shown, &*error),
        (
            format!(
                "- marked 1.0.0 {}, {bytes} bytes\n+ marked 2.0.0 {second}, {bytes} bytes\n\
                 grants: the same\nroutes:\n  + GET /admin/more (admin)\nfields: the same\nmigrations:\n  + 0002_colour\n\
                 exports: the same\n",
                digest(&first)
            ),
            ""
        )
    );
    let (printed, _) = said(&["module", "diff", "marked", &second, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
    // It is read, and nothing is changed by it.
    assert_eq!(serving(&shop), "1.0.0");
    // From the other side the same is less.
    assert_eq!(activate(&shop, &second).status, 200);
    let back = diff(&digest(&first)).value()["difference"].clone();
    let removed = |entry: &str| json!({"added": [], "removed": [entry]});
    assert_eq!(back["routes"], removed("GET /admin/more (admin)"));
    assert_eq!(back["migrations"], removed("0002_colour"));
}

#[test]
fn what_a_first_version_wants_is_all_more() {
    let shop = shop(&[]);
    let bytes = crate::harness::meddler("alpha");
    let query = "?grant=hooks&grant=operations";
    let installed = put_with(&shop, "/_wares/modules/alpha", query, &[], &bytes);
    assert_eq!(installed.status, 200, "{}", installed.body);
    let path = format!("/_wares/modules/alpha/versions/{}/diff", digest(&bytes));
    let difference = shop.get(&path).value()["difference"].clone();
    assert_eq!(difference["from"], Value::Null);
    assert_eq!(
        difference["grants"],
        json!({"added": ["hooks=customer", "operations=customer"], "removed": []})
    );
    let exports = difference["exports"]["added"].as_array().unwrap();
    assert!(exports.contains(&json!("wares:customer/hooks@2.0.0")));
}
