//! `wares events MODULE`: what a module has told others, as it was kept.

use std::io::Write;

use serde_json::{Value, json};

use crate::cli::setup::Setup;
use crate::cli::{Common, json_out, text_out, write_line};

/// Which events are listed, and how.
pub(super) struct Listed<'a> {
    pub(super) module: &'a str,
    pub(super) after: i64,
    pub(super) limit: u32,
    pub(super) json: bool,
    pub(super) common: &'a Common,
}

pub(super) fn run(arguments: &Listed<'_>) -> anyhow::Result<()> {
    let setup = Setup::open(arguments.common)?;
    let database = setup.folder()?.database(arguments.module)?;
    let mut out = if arguments.json {
        json_out()
    } else {
        text_out()
    };
    for event in database.events(arguments.after, arguments.limit)? {
        if arguments.json {
            let data: Value = serde_json::from_str(&event.data)?;
            let cause = event.cause.as_deref().map(serde_json::from_str::<Value>);
            let line = json!({
                "id": event.id, "name": event.name, "data": data, "created_at": event.created_at,
                "cause": cause.transpose()?,
            });
            writeln!(out, "{line}")?;
        } else {
            write_line(
                &mut out,
                format_args!(
                    "{} {} {} {}",
                    event.id, event.created_at, event.name, event.data
                ),
            )?;
        }
    }
    Ok(())
}
