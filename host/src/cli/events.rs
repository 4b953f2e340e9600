//! `wares events`: what modules have told others, as it was kept.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::setup::Setup;
use super::{Common, json_out, text_out, write_line};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The module's name.
    module: String,
    /// Only events after the one with this number.
    #[arg(long, value_name = "ID", default_value_t = 0)]
    after: i64,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let setup = Setup::open(&arguments.common)?;
    let database = setup.folder()?.database(&arguments.module)?;
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
