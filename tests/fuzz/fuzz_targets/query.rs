//! Any query string of any list: read or refused, and never in a statement's text.

#![no_main]

use customer_component::http::fuzzing::searched;
use customer_component::model::ENTITIES;
use libfuzzer_sys::fuzz_target;
use wares_module_kit::sql;

fuzz_target!(|query: &str| {
    for entity in ENTITIES {
        let Ok(search) = searched(entity, query) else {
            continue;
        };
        for statement in sql::statements(entity, &search).into_iter().flatten() {
            // The statements are ASCII; much of the input is not.
            assert!(statement.is_ascii(), "{statement}");
        }
    }
});
