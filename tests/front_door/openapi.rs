//! The description of the API, and that answers match it.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Answer, Shop, data, marked};

/// The document, which anybody reads.
pub fn document(shop: &Shop) -> Value {
    let answer = shop.send("GET", "/openapi.json", &[], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    answer.value()
}

#[test]
fn every_endpoint_is_described() {
    let shop = Shop::open();
    let document = document(&shop);
    assert_eq!(document["openapi"], "3.1.0");
    let mut endpoints = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let locked = operation["security"] != json!([]);
            let lock = if locked { "admin" } else { "anyone" };
            let id = operation["operationId"].as_str().unwrap();
            endpoints.push(format!("{method} {path} {lock} {id}"));
        }
    }
    assert_eq!(
        endpoints,
        [
            "get /admin/customers admin ListCustomers",
            "post /admin/customers admin CreateCustomer",
            "get /admin/customers/{id} admin RetrieveCustomer",
            "post /admin/customers/{id} admin UpdateCustomer",
            "delete /admin/customers/{id} admin DeleteCustomer",
            "post /admin/customers/{id}/customer-groups admin ChangeGroupsOfCustomer",
            "get /admin/customers/{id}/addresses admin ListAddresses",
            "post /admin/customers/{id}/addresses admin CreateAddress",
            "get /admin/customers/{id}/addresses/{address_id} admin RetrieveAddress",
            "post /admin/customers/{id}/addresses/{address_id} admin UpdateAddress",
            "delete /admin/customers/{id}/addresses/{address_id} admin DeleteAddress",
            "get /admin/customer-groups admin ListGroups",
            "post /admin/customer-groups admin CreateGroup",
            "get /admin/customer-groups/{id} admin RetrieveGroup",
            "post /admin/customer-groups/{id} admin UpdateGroup",
            "delete /admin/customer-groups/{id} admin DeleteGroup",
            "post /admin/customer-groups/{id}/customers admin ChangeMembers",
            "delete /admin/customer-groups/{id}/customers admin RemoveMembers",
            "get /health anyone Health",
            "get /metrics admin RetrieveMetrics",
            "post /auth/user/{provider} anyone SignIn",
            "get /auth/user/providers anyone ListProviders",
            "post /auth/token/refresh admin RefreshToken",
            "post /auth/session admin BeginSession",
            "delete /auth/session anyone EndSession",
            "get /admin/users/me admin RetrieveMe",
            "post /admin/users/me admin UpdateMe",
            "get /admin/api-keys admin ListApiKeys",
            "post /admin/api-keys admin CreateApiKey",
            "get /admin/api-keys/{id} admin RetrieveApiKey",
            "post /admin/api-keys/{id} admin UpdateApiKey",
            "delete /admin/api-keys/{id} admin DeleteApiKey",
            "post /admin/api-keys/{id}/revoke admin RevokeApiKey",
            "get /_wares/modules admin ListModules",
            "get /_wares/modules/{name} admin RetrieveModule",
            "put /_wares/modules/{name} admin InstallModuleVersion",
            "delete /_wares/modules/{name} admin RemoveModule",
            "post /_wares/modules/{name}/activate admin ActivateModuleVersion",
            "post /_wares/modules/{name}/rollback admin RollBackModule",
            "post /_wares/modules/{name}/deactivate admin DeactivateModule",
            "post /_wares/modules/{name}/promote admin PromoteCanary",
            "post /_wares/modules/{name}/withdraw admin WithdrawCanary",
            "post /_wares/modules/{name}/disable admin DisableModule",
            "post /_wares/modules/{name}/enable admin EnableModule",
            "get /_wares/modules/{name}/log admin RetrieveModuleLog",
            "get /_wares/modules/{name}/versions/{digest}/diff admin CompareModuleVersion",
            "delete /_wares/modules/{name}/versions/{digest} admin RemoveModuleVersion",
            "get /_wares/extension-points admin ListExtensionPoints",
            "post /_wares/extension-points/order admin OrderExtensions",
            "get /_wares/events admin ListEvents",
            "get /_wares/events/{id} admin RetrieveEvent",
            "get /_wares/subscribers admin ListSubscribers",
            "get /_wares/subscribers/{name}/deliveries admin ListDeliveries",
            "post /_wares/subscribers/{name}/retry admin RetryDeliveries",
            "post /_wares/subscribers/{name}/discard admin DiscardDeliveries",
            "post /_wares/subscribers/{name}/replay admin ReplayEvents",
            "get /_wares/audit admin ListAuditEntries",
            "get /openapi.json anyone RetrieveDocument",
        ]
    );
}

/// Asserts that an answer is one that the document has for its operation.
#[track_caller]
pub fn conforms(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    let described = &operation["responses"][answer.status.to_string()];
    let described = match described["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => described,
    };
    let schema = &described["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {path} {}", answer.status);
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(&answer.value())
        .map(|fault| fault.to_string())
        .collect();
    assert_eq!(faults, Vec::<String>::new(), "{}", answer.body);
}

#[test]
fn answers_are_as_described() {
    let shop = Shop::open();
    let document = document(&shop);
    let customer = shop.customer("ann@shop.example");
    let address = shop.address(&customer, "Berlin");
    let group = shop.group("VIP");
    let check = |method: &str, path: &str, body: Option<Value>, status: u16| {
        let (route, query) = path.split_once('?').unwrap_or((path, ""));
        let filled = route
            .replace("/customers/{id}", &format!("/customers/{customer}"))
            .replace(
                "/customer-groups/{id}",
                &format!("/customer-groups/{group}"),
            )
            .replace("{address_id}", &address);
        let answer = shop.ask(
            &method.to_uppercase(),
            &format!("{filled}?{query}"),
            body.as_ref(),
        );
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        conforms(&document, method, route, &answer);
    };
    let members = Some(json!({"customer_ids": [customer]}));
    check(
        "post",
        "/admin/customer-groups/{id}/customers?fields=*customers",
        members.clone(),
        200,
    );
    check("get", "/admin/customers", None, 200);
    check("get", "/admin/customers?limit=x", None, 400);
    check(
        "get",
        "/admin/customers?fields=email,groups.name,addresses.city,*orders",
        None,
        200,
    );
    check("get", "/admin/customers/{id}", None, 200);
    check(
        "get",
        "/admin/customers/{id}?fields=groups.customers.email",
        None,
        200,
    );
    check(
        "post",
        "/admin/customers",
        Some(json!({"email": "ann@shop.example"})),
        400,
    );
    check(
        "post",
        "/admin/customers/{id}",
        Some(json!({"metadata": {"a": [1, null]}})),
        200,
    );
    check(
        "post",
        "/admin/customers/{id}/customer-groups",
        Some(json!({"add": ["nope"]})),
        404,
    );
    check(
        "get",
        "/admin/customers/{id}/addresses?fields=*customer,*",
        None,
        200,
    );
    check(
        "get",
        "/admin/customers/{id}/addresses/{address_id}",
        None,
        200,
    );
    check(
        "post",
        "/admin/customers/{id}/addresses/{address_id}?fields=*addresses",
        Some(json!({"city": "Rome"})),
        200,
    );
    check("get", "/admin/customer-groups?fields=*customers", None, 200);
    check("get", "/admin/customer-groups/{id}", None, 200);
    check(
        "post",
        "/admin/customer-groups/{id}",
        Some(json!({"name": null})),
        400,
    );
    check(
        "delete",
        "/admin/customer-groups/{id}/customers",
        members,
        200,
    );
    check(
        "delete",
        "/admin/customers/{id}/addresses/{address_id}?fields=id,*addresses",
        None,
        200,
    );
    check("delete", "/admin/customer-groups/{id}", None, 200);
    check("delete", "/admin/customers/{id}", None, 200);
    check("get", "/admin/customers/{id}", None, 404);
    check("get", "/admin/users/me", None, 200);
    check("get", "/auth/user/providers", None, 200);
    check("post", "/auth/token/refresh", None, 200);
    check("post", "/auth/session", None, 200);
    check("delete", "/auth/session", None, 200);
    check(
        "post",
        "/admin/api-keys",
        Some(json!({"title": "x", "type": "secret"})),
        200,
    );
    check("get", "/admin/api-keys", None, 200);
    let stranger = shop.send("GET", "/admin/customers", &[], b"");
    conforms(&document, "get", "/admin/customers", &stranger);
}

#[test]
fn the_page_comes_out_of_the_binary() {
    let shop = Shop::open();
    let page = shop.send("GET", "/docs", &[], b"");
    assert_eq!(page.status, 200, "the agent follows the redirect to /docs/");
    assert!(page.body.contains("./swagger-ui-bundle.js"));
    assert_eq!(page.header("content-type"), "text/html");
    let policy = page.header("content-security-policy");
    let nonce = policy
        .strip_prefix("default-src 'none'; script-src 'nonce-")
        .and_then(|rest| rest.split_once('\''))
        .expect(policy)
        .0;
    assert_eq!(page.body.matches("<script ").count(), 3);
    assert_eq!(
        page.body
            .matches(&format!("<script nonce=\"{nonce}\" "))
            .count(),
        3
    );
    let again = shop.send("GET", "/docs/", &[], b"");
    assert_ne!(again.header("content-security-policy"), policy);
    for (file, content_type, has) in [
        ("swagger-ui-bundle.js", "text/javascript", "SwaggerUIBundle"),
        ("swagger-ui.css", "text/css", ".swagger-ui"),
        ("swagger-initializer.js", "text/javascript", "/openapi.json"),
    ] {
        let part = shop.send("GET", &format!("/docs/{file}"), &[], b"");
        assert_eq!(
            (part.status, part.header("content-type")),
            (200, content_type)
        );
        assert!(part.body.contains(has), "{file}");
        let policy = part.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'none';"),
            "{policy}"
        );
    }
    shop.send("GET", "/docs/nope.js", &[], b"").refuses(
        404,
        "not_found",
        "There is no GET /docs/nope.js",
    );
}

#[test]
fn an_operator_may_disable_the_description() {
    let shop = Shop::with_setting("server.docs=false");
    for path in ["/openapi.json", "/docs", "/docs/swagger-ui.css"] {
        shop.send("GET", path, &[], b"").refuses(
            404,
            "not_found",
            &format!("There is no GET {path}"),
        );
    }
}

#[test]
fn the_description_follows_the_setting() {
    let limit = |shop: &Shop| {
        let list = &document(shop)["paths"]["/admin/customers"]["get"]["parameters"][0];
        (
            list["schema"]["default"].clone(),
            list["schema"]["maximum"].clone(),
        )
    };
    assert_eq!(limit(&Shop::open()), (json!(15), json!(1_000)));
    let medusa = Shop::with_setting("modules.customer.config.compat=medusa-2");
    assert_eq!(limit(&medusa), (json!(50), json!(10_000)));
}

/// The operators' endpoints answer as described, and name the credentials that they want.
#[test]
fn endpoints_of_operators_are_as_described() {
    let data = data();
    fs::write(
        data.path().join("modules/marked.wasm"),
        marked("version=1.0.0"),
    )
    .unwrap();
    let shop = Shop::open_on(data, |_| {});
    let document = document(&shop);
    let module = "/_wares/modules/{name}";
    let (two, three) = (marked("version=2.0.0"), marked("version=3.0.0"));
    let bearer = format!("Bearer {}", shop.token);
    let install = |query: &str, bytes: &[u8]| {
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/wasm"),
        ];
        shop.send(
            "PUT",
            &format!("/_wares/modules/marked{query}"),
            &headers,
            bytes,
        )
    };
    let check = |method: &str, path: &str, answer: &Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.body);
        conforms(&document, method, path, answer);
        let security = &document["paths"][path][method]["security"];
        assert_eq!(
            *security,
            json!([{"token": []}, {"key": []}, {"session": []}])
        );
    };
    let installed = install("?activate=true", &two);
    check("put", module, &installed, 200);
    check("put", module, &install("", b"text"), 400);
    check("put", module, &install("?digest=00", &two), 400);
    let canary = install("?canary=10%25", &three);
    check("put", module, &canary, 200);
    let shown = shop.get("/_wares/modules/marked");
    check("get", module, &shown, 200);
    assert!(shown.value()["module"]["canary"].is_object());
    check("get", module, &shop.get("/_wares/modules/none"), 404);
    check("get", "/_wares/modules", &shop.get("/_wares/modules"), 200);
    let ask = |what: &str, body: Value| shop.post(&format!("/_wares/modules/marked/{what}"), body);
    let path = |what: &str| format!("{module}/{what}");
    let digest = canary.at("/version/digest");
    let withdrawn = ask("withdraw", json!({}));
    check("post", &path("withdraw"), &withdrawn, 200);
    check("post", &path("promote"), &ask("promote", json!({})), 409);
    let activated = ask("activate", json!({"digest": digest}));
    check("post", &path("activate"), &activated, 200);
    check("post", &path("activate"), &ask("activate", json!({})), 400);
    check("post", &path("rollback"), &ask("rollback", json!({})), 200);
    let versions = path("versions/{digest}");
    let active = installed.at("/version/digest");
    let remove = |digest: &str| shop.delete(&format!("/_wares/modules/marked/versions/{digest}"));
    check("delete", &versions, &remove(&active), 409);
    check("delete", &versions, &remove("00"), 404);
    let log = |query: &str| shop.get(&format!("/_wares/modules/marked/log{query}"));
    check("get", &path("log"), &log(""), 200);
    check("get", &path("log"), &log("?level=loud"), 400);
    let points = "/_wares/extension-points";
    check("get", points, &shop.get(points), 200);
    let unknown = shop.get(&format!("{points}?point=none"));
    check("get", points, &unknown, 404);
    let order = |names: &[&str]| {
        let body = json!({"point": "customer/hooks", "order": names});
        shop.post("/_wares/extension-points/order", body)
    };
    let path = "/_wares/extension-points/order";
    check("post", path, &order(&[]), 200);
    check("post", path, &order(&["none"]), 400);
    check(
        "get",
        "/_wares/audit",
        &shop.get("/_wares/audit?limit=5"),
        200,
    );
    check(
        "get",
        "/_wares/audit",
        &shop.get("/_wares/audit?limit=x"),
        400,
    );
    let stranger = shop.send("GET", "/_wares/audit", &[], b"");
    check("get", "/_wares/audit", &stranger, 401);
}
