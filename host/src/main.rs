//! The `wares` command.
fn main() {}
