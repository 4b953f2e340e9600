//! The `fields` parameter of customers, addresses and groups.

use wares_module_kit::entity::Entity;
use wares_module_kit::http::fields::Selection;

use crate::model::{ADDRESS, CUSTOMER, GROUP};

/// A selection as text: `id email groups(id name)`.
fn show(entity: &'static Entity, selection: &Selection) -> String {
    let columns = selection
        .columns
        .iter()
        .map(|index| entity.columns[*index].name.to_owned());
    let relations = selection.relations.iter().map(|related| {
        let inner = related
            .relation
            .target
            .map(|target| show(target, &related.selection));
        format!("{}({})", related.relation.name, inner.unwrap_or_default())
    });
    columns.chain(relations).collect::<Vec<_>>().join(" ")
}

fn check(entity: &'static Entity, fields: &str, shown: &str) {
    let base = Selection::shown(entity);
    let selection = Selection::parse(entity, Some(fields), &base, &base).unwrap();
    assert_eq!(show(entity, &selection), shown, "{fields}");
}

const CUSTOMER_COLUMNS: &str = "id company_name first_name last_name email phone metadata has_account created_by \
                        created_at updated_at deleted_at";
const GROUPS_SHOWN: &str = "groups(id name metadata created_by created_at updated_at deleted_at)";

#[test]
fn a_name_without_a_sign_replaces_the_fields() {
    check(&CUSTOMER, "email,phone", "email phone id");
    check(&CUSTOMER, "id,email", "id email");
    check(&CUSTOMER, "email , phone ", "email phone id");
    check(&CUSTOMER, "-metadata,email", "metadata email id");
    check(&CUSTOMER, "nope", "id");
    check(&CUSTOMER, "", "id");
    check(&CUSTOMER, ",", "id");
}

#[test]
fn signs_change_the_default_fields() {
    check(
        &GROUP,
        "-metadata",
        "id name created_by created_at updated_at deleted_at",
    );
    check(
        &GROUP,
        "-id",
        "name created_by created_at updated_at deleted_at metadata id",
    );
    check(
        &GROUP,
        "+name,-deleted_at,-nope",
        "id name created_by created_at updated_at metadata",
    );
    check(&CUSTOMER, "*", CUSTOMER_COLUMNS);
    check(
        &CUSTOMER,
        "*groups",
        &format!("{CUSTOMER_COLUMNS} {GROUPS_SHOWN}"),
    );
    check(
        &CUSTOMER,
        "groups.*",
        &format!("{CUSTOMER_COLUMNS} {GROUPS_SHOWN}"),
    );
    check(
        &GROUP,
        " name,-metadata",
        "id name created_by created_at updated_at deleted_at",
    );
    check(
        &CUSTOMER,
        "+*groups",
        &format!("{CUSTOMER_COLUMNS} {GROUPS_SHOWN}"),
    );
}

#[test]
fn relations_come_after_columns() {
    check(
        &CUSTOMER,
        "*groups,email",
        &format!("email id {GROUPS_SHOWN}"),
    );
    check(
        &CUSTOMER,
        "addresses.city,groups.name",
        "id addresses(city) groups(name)",
    );
    check(&CUSTOMER, "groups", "id");
    check(&CUSTOMER, "groups.nope,email", "email id groups()");
    check(&CUSTOMER, "email,*orders", "email id orders()");
    check(
        &GROUP,
        "name,customers.email",
        "name id customers(email id)",
    );
    check(
        &ADDRESS,
        "id,customer.email",
        "id customer_id customer(email id)",
    );
}

#[test]
fn relations_within_relations_end_at_the_third() {
    check(
        &CUSTOMER,
        "email,groups.customers.groups.name,groups.customers.groups.customers.email",
        "email id groups(customers(id groups(name)))",
    );
}

#[test]
fn an_impossible_name_of_a_column_is_refused() {
    let base = Selection::shown(&CUSTOMER);
    for name in ["__proto__", "constructor"] {
        assert_eq!(
            Selection::parse(&CUSTOMER, Some(name), &base, &base),
            Err(format!("column {name} does not exist"))
        );
    }
}
