//! The schema, step by step. Tables are named and shaped as Medusa 2's customer
//! module has them; each gets a `number`, which orders rows by when they were made.

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its name.
    pub name: &'static str,
    /// Statements, each ended by `;`.
    pub statements: &'static str,
}

/// Every step, oldest first.
pub const MIGRATIONS: [Migration; 1] = [Migration {
    name: "0001_tables",
    statements: include_str!("0001_tables.sql"),
}];
