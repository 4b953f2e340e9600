//! `wares audit`: what was done with versions of modules and with users, by whom, and
//! what came of it.

use std::io::Write;

use clap::Args;
use serde_json::Value;

use super::workplace::Workplace;
use super::{Common, json_out, text_out, write_line};
use crate::storage::Registry;

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
    let workplace = Workplace::open(&arguments.common)?;
    let registry = Registry::open(&workplace.folder()?.file("host.db"))?;
    let acts = registry.acts(arguments.before, arguments.limit)?;
    if arguments.json {
        let acts = acts.iter().map(|act| {
            serde_json::json!({
                "number": act.number,
                "at": act.at,
                "actor": act.actor,
                "act": act.act,
                "module": (!act.module.is_empty()).then_some(&act.module),
                "digest": act.digest,
                "outcome": act.outcome,
                "detail": act.detail,
            })
        });
        writeln!(json_out(), "{}", Value::from_iter(acts))?;
        return Ok(());
    }
    let mut out = text_out();
    for act in acts {
        let digest = act.digest.as_deref().unwrap_or("-");
        let digest = digest.get(..12).unwrap_or(digest);
        // What was done with a user was done with no module, and with no component.
        let with = match (&*act.module, &act.digest) {
            ("", None) => String::new(),
            ("", Some(_)) => format!(" - {digest}"),
            (module, _) => format!(" {module} {digest}"),
        };
        let detail = if act.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", act.detail)
        };
        write_line(
            &mut out,
            format_args!(
                "{}  {}  {}  {}{with}  {}{detail}",
                act.number, act.at, act.actor, act.act, act.outcome
            ),
        )?;
    }
    Ok(())
}
