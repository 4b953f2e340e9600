//! Any query string of any list: read or refused, and never in a statement's text.

#![no_main]

use customer_component::model::Entity;
use customer_component::{http, sql};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    for entity in [Entity::Customer, Entity::Address, Entity::Group] {
        let Ok(search) = http::searched(entity, query) else {
            continue;
        };
        for statement in sql::statements(entity, &search).into_iter().flatten() {
            // Ours are ASCII; much of what is sent is not.
            assert!(statement.is_ascii(), "{statement}");
        }
    }
});
