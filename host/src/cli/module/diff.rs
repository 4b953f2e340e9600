//! `wares module diff`: what an installed version has more or less than the one in service.

use std::io::Write;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::{path, segment, text, version};
use crate::cli::client::ask;
use crate::cli::{Common, json_out, write_line};
use crate::server::client::Ask;

/// What is compared beside the size.
const KINDS: [&str; 5] = ["grants", "routes", "fields", "migrations", "exports"];

#[derive(Args, Debug)]
pub(super) struct Diff {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The version's digest, or its beginning.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    digest: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Diff {
    pub(super) fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let path = path(
            &self.name,
            &format!("/versions/{}/diff", segment(&self.digest)),
        );
        let answer = ask(&self.common, Ask::get(path))?;
        let difference = &answer["difference"];
        if self.json {
            writeln!(json_out(), "{difference}")?;
            return Ok(());
        }
        show(out, difference)?;
        Ok(())
    }
}

fn show(out: &mut dyn Write, difference: &Value) -> std::io::Result<()> {
    let name = text(difference, "module");
    for (side, sign) in [("from", '-'), ("to", '+')] {
        let side = &difference[side];
        if side.is_null() {
            write_line(out, format_args!("- no version of {name} is in service"))?;
            continue;
        }
        let size = match side["size_bytes"].as_u64() {
            Some(bytes) => format!("{bytes} bytes"),
            None => "of unknown size".to_owned(),
        };
        write_line(out, format_args!("{sign} {name} {}, {size}", version(side)))?;
    }
    for kind in KINDS {
        let entries = &difference[kind];
        let of = |key: &str| entries[key].as_array().cloned().unwrap_or_default();
        let (added, removed) = (of("added"), of("removed"));
        if added.is_empty() && removed.is_empty() {
            write_line(out, format_args!("{kind}: the same"))?;
            continue;
        }
        write_line(out, format_args!("{kind}:"))?;
        for (sign, entries) in [('-', removed), ('+', added)] {
            for entry in entries {
                let entry = entry.as_str().unwrap_or_default();
                write_line(out, format_args!("  {sign} {entry}"))?;
            }
        }
    }
    Ok(())
}
