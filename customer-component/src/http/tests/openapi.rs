//! The descriptions of this module's routes.

use serde_json::{Value, json};

use crate::domain::Domain;
use crate::hooks::NoHooks;
use crate::http::schemas;
use crate::model::{ADDRESS, CUSTOMER, GROUP};
use crate::settings::{Compat, Settings};
use crate::sql::tests::native::Native;
use crate::tests::memory::Memory;

type Api = Domain<Memory, NoHooks>;

fn operations(compat: Compat) -> impl Iterator<Item = String> {
    let settings = Settings {
        compat,
        ..Settings::default()
    };
    (0..Api::ROUTES.len()).map(move |index| Api::operation(index, settings))
}

fn operation_of(id: &str, compat: Compat) -> Value {
    operations(compat)
        .map(|operation| serde_json::from_str::<Value>(&operation).unwrap())
        .find(|operation| operation["operationId"] == id)
        .unwrap()
}

fn body_of(id: &str, compat: Compat) -> Value {
    operation_of(id, compat)["requestBody"]["content"]["application/json"]["schema"].clone()
}

#[test]
fn bodies_are_as_the_setting_has_them() {
    let document = body_of("CreateAddress", Compat::Document);
    assert_eq!(
        document["required"],
        json!(["address_1", "city", "country_code", "postal_code"])
    );
    let countries = document["properties"]["country_code"]["enum"].as_array();
    assert_eq!(countries.map(Vec::len), Some(250));
    let medusa = body_of("CreateAddress", Compat::Medusa2);
    assert_eq!(medusa["required"], Value::Null);
    assert_eq!(
        medusa["properties"]["country_code"],
        json!({"type": ["string", "null"]})
    );
    assert_eq!(
        body_of("RemoveMembers", Compat::Medusa2),
        json!({
            "type": "object",
            "properties": {"customer_ids": {"type": "array", "items": {"type": "string"}}},
            "additionalProperties": false,
            "required": ["customer_ids"],
        })
    );
}

#[test]
fn lists_name_every_parameter_once() {
    for (id, some) in [
        ("ListCustomers", "groups[created_at]"),
        ("ListGroups", "customers[email][$re]"),
        ("ListAddresses", "postal_code"),
    ] {
        let operation = operation_of(id, Compat::Document);
        let mut names: Vec<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&some), "{id}: {names:?}");
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{id}");
    }
}

#[test]
fn links_lead_to_operations() {
    let operation = operation_of("CreateCustomer", Compat::Document);
    let links = operation["responses"]["200"]["links"].as_object().unwrap();
    let names: Vec<&String> = links.keys().collect();
    assert_eq!(
        names,
        [
            "RetrieveCustomer",
            "UpdateCustomer",
            "DeleteCustomer",
            "ChangeGroupsOfCustomer",
            "ListAddresses",
            "CreateAddress",
        ]
    );
    assert_eq!(
        links["RetrieveCustomer"],
        json!({
            "operationId": "RetrieveCustomer",
            "parameters": {"id": "$response.body#/customer/id"},
        })
    );
}

#[test]
fn references_of_operations_exist() {
    let schemas: Value = serde_json::from_str(&schemas()).unwrap();
    let mut seen = 0;
    for text in operations(Compat::Document).chain([schemas.to_string()]) {
        for rest in text.split("#/components/schemas/").skip(1) {
            let name = rest.split('"').next().unwrap();
            assert!(schemas[name].is_object(), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 18);
}

/// The model says of each column whether it may have no value, and so does the schema.
#[test]
fn columns_are_as_nullable_as_those_of_the_tables() {
    let database = Native::new().sqlite;
    for (entity, table) in [
        (&CUSTOMER, "customer"),
        (&ADDRESS, "customer_address"),
        (&GROUP, "customer_group"),
    ] {
        for column in entity.columns {
            let must: bool = database
                .query_row(
                    "select \"notnull\" or pk > 0 from pragma_table_info(?1) where name = ?2",
                    (table, column.name),
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(must, !column.nullable, "{table}.{}", column.name);
        }
    }
}
