//! `wares audit`: what was done with versions of modules and with users, by whom, and
//! what came of it.

use std::io::Write;

use clap::Args;

use super::setup::Setup;
use super::{Common, json_out, text_out, write_line};
use crate::digest::SHORT_DIGITS;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// How many to list.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only those before the act with this number.
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let setup = Setup::open(&arguments.common)?;
    let host_database = setup.folder()?.host_database()?;
    let entries = host_database.audit(arguments.before, arguments.limit)?;
    if arguments.json {
        writeln!(json_out(), "{}", serde_json::to_string(&entries)?)?;
        return Ok(());
    }
    let mut out = text_out();
    for entry in entries {
        let digest = entry.digest.as_deref().unwrap_or("-");
        // It may be a text that was sent as one.
        let digest = digest.get(..SHORT_DIGITS).unwrap_or(digest);
        // An action on a user concerns no module, and no component.
        let with = match (&entry.module, &entry.digest) {
            (None, None) => String::new(),
            (None, Some(_)) => format!(" - {digest}"),
            (Some(module), _) => format!(" {module} {digest}"),
        };
        let detail = if entry.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", entry.detail)
        };
        write_line(
            &mut out,
            format_args!(
                "{}  {}  {}  {}{with}  {}{detail}",
                entry.number,
                entry.at,
                entry.actor,
                entry.action,
                entry.outcome.name()
            ),
        )?;
    }
    Ok(())
}
