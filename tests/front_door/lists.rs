//! Lists: pages, filters, order, search, fields.

use serde_json::{Value, json};

use crate::harness::Shop;

/// A shop with three customers, one of them an account, two of them in groups.
fn shop() -> (Shop, [String; 3], String) {
    let shop = Shop::open();
    let made = |email: &str, first: &str, last: &str| {
        let body = json!({"email": email, "first_name": first, "last_name": last});
        shop.post("/admin/customers", body).at("/customer/id")
    };
    let ids = [
        made("ann@shop.example", "Ann", "Müller"),
        made("bob@shop.example", "Bob", "100%"),
        made("zoe@shop.example", "Zoë", "Lee"),
    ];
    let vip = shop.group("VIP");
    shop.post(
        &format!("/admin/customer-groups/{vip}/customers"),
        json!({"add": [ids[0], ids[1]]}),
    );
    let account =
        "customers.create({email: \"ann@shop.example\", first-name: \"Ann\", has-account: true})";
    let made = shop.run(&["call", "customer", account]);
    assert!(made.status.success(), "{made:?}");
    (shop, ids, vip)
}

/// The emails of a list, and its count.
fn found(shop: &Shop, query: &str) -> (Vec<String>, u64) {
    let answer = shop.get(&format!("/admin/customers?fields=email&{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let value = answer.value();
    let emails = value["customers"].as_array().unwrap().iter();
    let names = emails.map(|one| {
        one["email"]
            .as_str()
            .unwrap()
            .split('@')
            .next()
            .unwrap()
            .to_owned()
    });
    (names.collect(), value["count"].as_u64().unwrap())
}

#[test]
fn a_list_is_cut_into_pages() {
    let (shop, ids, _) = shop();
    let all: Vec<Value> = {
        let page = shop.get("/admin/customers?fields=id").value();
        assert_eq!(page["count"], 4);
        page["customers"].as_array().unwrap().clone()
    };
    let listed: Vec<&str> = all.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert!(listed.is_sorted() && ids.iter().all(|id| listed.contains(&id.as_str())));
    let page = |query: &str| shop.get(&format!("/admin/customers?fields=id&{query}"));
    page("limit=2&offset=1").is(
        200,
        json!({"customers": all[1..3], "count": 4, "offset": 1, "limit": 2}),
    );
    page("limit=0").is(
        200,
        json!({"customers": [], "count": 4, "offset": 0, "limit": 0}),
    );
    page("offset=9").is(
        200,
        json!({"customers": [], "count": 4, "offset": 9, "limit": 15}),
    );
    page("limit=1000").is(
        200,
        json!({"customers": all, "count": 4, "offset": 0, "limit": 1000}),
    );
    page("limit=1001").is_invalid("Field 'limit' must be at most 1000, got: '1001'");
    page("limit=-1").is_invalid("Field 'limit' must be at least 0, got: '-1'");
    page("limit=ten").is_invalid("Expected type: 'number' for field 'limit', got: 'ten'");
}

#[test]
fn a_list_is_filtered() {
    let (shop, ids, vip) = shop();
    for (query, names, count) in [
        ("email=bob@shop.example", vec!["bob"], 1),
        ("email=BOB@shop.example", vec![], 0),
        (
            "email[]=bob@shop.example&email[]=zoe@shop.example&order=email",
            vec!["bob", "zoe"],
            2,
        ),
        ("email=null", vec![], 0),
        ("has_account=true", vec!["ann"], 1),
        (
            "has_account=false&order=-email",
            vec!["zoe", "bob", "ann"],
            3,
        ),
        (
            "has_account=false&order=-email&limit=1&offset=1",
            vec!["bob"],
            3,
        ),
        (&format!("groups={vip}&order=email"), vec!["ann", "bob"], 2),
        (
            &format!("groups[]={vip}&groups[]=other&order=email"),
            vec!["ann", "bob"],
            2,
        ),
        ("groups=cusgroup_no", vec![], 0),
        (
            "groups[name]=VIP&has_account=false&order=email",
            vec!["ann", "bob"],
            2,
        ),
        (&format!("id={}", ids[2]), vec!["zoe"], 1),
        (
            &format!("id[$ne]={}&has_account=false&order=email", ids[0]),
            vec!["bob", "zoe"],
            2,
        ),
        (
            "created_at[gte]=2020-01-01&created_at[lt]=2021-01-01",
            vec![],
            0,
        ),
        (
            "created_at[$gte]=2020-01-01&order=email&limit=1",
            vec!["ann"],
            4,
        ),
        (
            "$or[0][first_name]=Bob&$or[1][first_name]=Zo%C3%AB&order=email",
            vec!["bob", "zoe"],
            2,
        ),
    ] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(found(&shop, query), (names, count), "{query}");
    }
}

#[test]
fn q_finds_every_word_without_regard_to_case() {
    let (shop, ..) = shop();
    for (q, names) in [
        ("ann", vec!["ann", "ann"]),
        ("M%C3%9CLLER%20an", vec!["ann"]),
        ("zo%C3%8B", vec!["zoe"]),
        ("%25", vec!["bob"]),
        ("100%25", vec!["bob"]),
        ("_", vec![]),
        ("bob%20lee", vec![]),
        ("%22", vec![]),
        ("shop.example%20b", vec!["bob"]),
    ] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let count = names.len() as u64;
        assert_eq!(found(&shop, &format!("q={q}")), (names, count), "{q}");
    }
    assert_eq!(found(&shop, "q=").1, 4);
}

#[test]
fn q_follows_changes() {
    let (shop, ids, _) = shop();
    shop.post(
        &format!("/admin/customers/{}", ids[2]),
        json!({"first_name": "Quentin"}),
    );
    assert_eq!(found(&shop, "q=quent"), (vec!["zoe".to_owned()], 1));
    assert_eq!(found(&shop, "q=zo%C3%AB"), (vec![], 0));
    shop.delete(&format!("/admin/customers/{}", ids[2]));
    assert_eq!(found(&shop, "q=quent"), (vec![], 0));
}

#[test]
fn fields_select_what_is_shown() {
    let (shop, ids, vip) = shop();
    let bob = |fields: &str| {
        let answer = shop.get(&format!("/admin/customers?id={}&fields={fields}", ids[1]));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.value()["customers"][0].to_string()
    };
    assert_eq!(
        bob("email,first_name"),
        json!({"email": "bob@shop.example", "first_name": "Bob", "id": ids[1]}).to_string()
    );
    assert_eq!(
        bob("id,groups.name"),
        json!({"id": ids[1], "groups": [{"name": "VIP"}]}).to_string()
    );
    assert_eq!(
        bob("id,*orders"),
        json!({"id": ids[1], "orders": []}).to_string()
    );
    assert_eq!(bob("nope"), json!({"id": ids[1]}).to_string());
    let group = shop.get(&format!(
        "/admin/customer-groups/{vip}?fields=customers.email,customers.groups.name"
    ));
    assert_eq!(
        group.value()["customer_group"]["customers"][1],
        json!({
            "email": "bob@shop.example", "id": ids[1], "groups": [{"name": "VIP"}]
        })
    );
    shop.get("/admin/customers?fields=constructor")
        .is_invalid("column constructor does not exist");
}

#[test]
fn wrong_parameters_are_named() {
    let (shop, ..) = shop();
    for (query, message) in [
        ("foo=1&bar=2", "Unrecognized fields: 'foo, bar'"),
        (
            "order=nope",
            "Field 'order' names no field to order by, got: 'nope'",
        ),
        ("has_account=maybe", "Invalid input"),
        (
            "created_at[gte]=soon",
            "Field 'created_at' must be a date, got: 'soon'",
        ),
        (
            "email[$gt]=a",
            "Expected type: 'string, array' for field 'email', got: '[object Object]'",
        ),
        (
            "q=%zz",
            "Parameter 'q' has a percent sign that no two hexadecimal digits follow",
        ),
        ("q=%00", "Parameter 'q' contains a NUL character"),
        (
            "groups.a.b=1",
            "Key accessor more than 2 levels deep: groups.a.b",
        ),
        ("id[$contains]=x", "Field 'id' has no operator '$contains'"),
        (
            "id[$re]=(",
            "'(' is not a regular expression that can be searched for",
        ),
        (
            "$or[0][groups][created_at][$gte][1][2][3][4][5][6][7][8]=1",
            "Parameter '$or[0][groups][created_at][$gte][1][2][3][4][5][6][7][8]' is nested more than 11 levels deep",
        ),
        ("groups[$nin][]=G", "Field 'groups' has no filter '$nin'"),
        ("$and[0][emial]=x", "Field '$and' has no filter 'emial'"),
        (
            "$and[0][$or][0][$and][0][$or][0][$and][0][email]=x",
            "Field '$and' is nested more than 4 levels deep",
        ),
        (
            "with_deleted=maybe",
            "Expected type: 'boolean' for field 'with_deleted', got: 'maybe'",
        ),
        (
            "has_account[]=true",
            "Expected type: 'boolean' for field 'has_account', got: 'true'",
        ),
        (
            "id=x&id[$ne]=y",
            "Expected type: 'string, array' for field 'id', got: '[object Object]'",
        ),
        (
            "groups[name]x=VIP&created_at[gte=2026-01-01",
            "Unrecognized fields: 'groups[name]x, created_at[gte'",
        ),
        (
            &format!("{}email=x", "limit=1&".repeat(1_000)),
            "Parameter 'email' comes after 1000 others, which are the most that are taken",
        ),
        (
            &format!("id=x{}", "&id=x".repeat(1_000)),
            "Field 'id' must have at most 1000 values, got: '1001'",
        ),
    ] {
        shop.get(&format!("/admin/customers?{query}"))
            .is_invalid(message);
    }
}

#[test]
fn conditions_are_nested() {
    let (shop, ..) = shop();
    let ann_or_bob = "$and[0][$or][0][first_name]=Ann&$and[0][$or][1][first_name]=Bob";
    assert_eq!(found(&shop, ann_or_bob).1, 3);
    for (query, emails) in [
        (
            format!("{ann_or_bob}&$and[1][last_name]=M%C3%BCller"),
            &["ann"][..],
        ),
        (
            "$or[0][$and][0][$or][0][$and][0][groups][name][]=VIP&$or[0][$and][0][$or][0][$and][0][first_name]=Bob"
                .to_owned(),
            &["bob"],
        ),
        ("groups[name]=null&has_account=false".to_owned(), &["zoe"]),
        ("groups=null&has_account=false".to_owned(), &["zoe"]),
    ] {
        assert_eq!(found(&shop, &query), (emails.iter().map(|name| (*name).to_owned()).collect(), emails.len() as u64), "{query}");
    }
    // As many branches as there may be at every level, each with conditions of its own.
    let mut widest = Vec::new();
    let mut path = String::new();
    for level in 0..4 {
        let name = if level % 2 == 0 { "$or" } else { "$and" };
        let name = if path.is_empty() {
            name.to_owned()
        } else {
            format!("[{name}]")
        };
        for branch in 0..32 {
            widest.push(format!("{path}{name}[{branch}][first_name]=Ann"));
            widest.push(format!("{path}{name}[{branch}][last_name]=M%C3%BCller"));
        }
        path = format!("{path}{name}[31]");
    }
    assert_eq!(found(&shop, &widest.join("&")).1, 1);
}

#[test]
fn ids_take_every_operator() {
    let (shop, ..) = shop();
    let all = found(&shop, "").0;
    let end = |order| shop.get(&format!("/admin/customers?limit=1&order={order}"));
    let (first, last) = (
        &end("id").at("/customers/0/id"),
        &end("-id").at("/customers/0/id"),
    );
    for (query, names) in [
        (format!("id[$eq]={first}"), &all[..1]),
        (format!("id[$ne]={first}"), &all[1..]),
        (format!("id[$gt]={first}"), &all[1..]),
        (format!("id[$gte]={first}"), &all[..]),
        (format!("id[$lt]={last}"), &all[..all.len() - 1]),
        (format!("id[lte]={last}"), &all[..]),
        (
            format!("id[$in][]={first},{last}&id[$nin][]={last}"),
            &all[..1],
        ),
        (format!("id[$like]=%25{}", &first[4..]), &all[..1]),
        (
            format!("id[$ilike]=CUS_%25{}", &first[20..].to_lowercase()),
            &all[..1],
        ),
        (format!("id[$re]={}$", &first[10..]), &all[..1]),
        ("id[$re]=%5Ecus_[0-9A-Z]{26}$".to_owned(), &all[..]),
        ("id[$re]=%5EGUEST".to_owned(), &[][..]),
    ] {
        assert_eq!(found(&shop, &query).0, names, "{query}");
    }
}

#[test]
fn counts_stay_right_through_deletions() {
    let (shop, ids, _) = shop();
    shop.delete(&format!("/admin/customers/{}", ids[0]));
    shop.delete(&format!("/admin/customers/{}", ids[0]));
    let page = shop.get("/admin/customers?limit=1&fields=id").value();
    assert_eq!(page["count"], 3);
    assert_eq!(found(&shop, "has_account=false&limit=1").1, 2);
}

/// A shop whose module may answer with 64 KiB, with twenty customers whose metadata
/// takes 6,000 bytes each, all of them in one group.
fn tight() -> (Shop, Vec<String>, String) {
    let shop = Shop::open_with(|command| {
        command.args(["--set", "modules.customer.limits.response_bytes_max=65536"]);
    });
    let note = "x".repeat(6_000);
    let made = |number: u32| {
        let body = json!({"email": format!("{number}@shop.example"), "metadata": {"note": note}});
        shop.post("/admin/customers", body).at("/customer/id")
    };
    let ids: Vec<String> = (0..20).map(made).collect();
    let group = shop.group("All");
    let members = format!("/admin/customer-groups/{group}/customers");
    let joined = shop.post(&members, json!({"add": ids}));
    assert_eq!(joined.status, 200, "{}", joined.body);
    (shop, ids, group)
}

const TOO_MUCH: &str =
    "That asks for too much at once: the answer has more than 64512 bytes; ask for";

#[test]
fn an_answer_that_is_too_large_is_refused_with_advice() {
    let (shop, _, group) = tight();
    let fewer = format!("{TOO_MUCH} fewer at once with 'limit', or less of each with 'fields'");
    let less = format!("{TOO_MUCH} less of it with 'fields'");
    // Every time: a caller who asks for too much is no fault of the module's.
    for _ in 0..20 {
        shop.get("/admin/customers").is_invalid(&fewer);
        shop.get("/admin/customer-groups?fields=*customers")
            .is_invalid(&fewer);
        shop.get(&format!("/admin/customer-groups/{group}?fields=*customers"))
            .is_invalid(&less);
    }
    for query in ["limit=9", "fields=-metadata", "fields=email,groups.name"] {
        let answer = shop.get(&format!("/admin/customers?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    }
    let group = shop.get(&format!(
        "/admin/customer-groups/{group}?fields=customers.email"
    ));
    assert_eq!(
        group.value()["customer_group"]["customers"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
}

#[test]
fn a_write_that_cannot_be_answered_is_rolled_back() {
    let (shop, ids, group) = tight();
    let less = format!("{TOO_MUCH} less of it with 'fields'");
    let path = format!("/admin/customer-groups/{group}");
    let names = |shop: &Shop| {
        let group = shop
            .get(&format!("{path}?fields=name,customers.id"))
            .value();
        let members = group["customer_group"]["customers"]
            .as_array()
            .unwrap()
            .len();
        (group["customer_group"]["name"].clone(), members)
    };
    shop.post(
        &format!("{path}?fields=*customers"),
        json!({"name": "Other"}),
    )
    .is_invalid(&less);
    shop.post(
        &format!("{path}/customers?fields=*customers"),
        json!({"remove": [ids[0]]}),
    )
    .is_invalid(&less);
    assert_eq!(names(&shop), (json!("All"), 20));
    let customer = format!("/admin/customers/{}", ids[0]);
    for (path, body) in [
        (customer.clone(), json!({"first_name": "Ann"})),
        (
            format!("{customer}/addresses"),
            json!({"address_1": "1 Main St", "city": "Rome", "postal_code": "1", "country_code": "us"}),
        ),
        (
            format!("{customer}/customer-groups"),
            json!({"add": [group]}),
        ),
    ] {
        shop.post(
            &format!("{path}?fields=*groups,groups.customers.metadata,groups.customers.email"),
            body,
        )
        .is_invalid(&less);
    }
    let kept = shop
        .get(&format!(
            "{customer}?fields=first_name,addresses.id,groups.id"
        ))
        .value();
    assert_eq!(
        kept["customer"],
        json!({"first_name": null, "id": ids[0], "addresses": [], "groups": [{"id": group}]})
    );
    // The same with less to answer is kept.
    let renamed = shop.post(&format!("{path}?fields=name"), json!({"name": "Other"}));
    assert_eq!(renamed.status, 200, "{}", renamed.body);
    assert_eq!(names(&shop), (json!("Other"), 20));
}
