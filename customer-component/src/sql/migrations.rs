//! The schema, step by step. Tables are named and shaped as Medusa 2's customer
//! module has them; each gets a `number`, which orders rows by when they were made.

use wares_module_kit::sql::Migration;

/// Every step, oldest first.
pub const MIGRATIONS: [Migration; 2] = [
    Migration {
        name: "0001_tables",
        statements: include_str!("0001_tables.sql"),
    },
    Migration {
        name: "0002_any_case",
        statements: include_str!("0002_any_case.sql"),
    },
];

/// How many of the steps a version has to know to work on a database that all
/// of them have run on: older ones that know so many may come back to it. A step
/// that older versions would stumble over makes it the number of all. 0002 they do not:
/// its triggers fold what they write.
pub const STEPS_NEEDED: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_steps_are_needed_than_there_are() {
        assert!((1..=MIGRATIONS.len()).contains(&(STEPS_NEEDED as usize)));
    }
}
