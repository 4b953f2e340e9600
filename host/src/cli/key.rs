//! `wares key`: secret API keys. Works while a host is running.

use std::io::Write;
use std::time::SystemTime;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::setup::Setup;
use super::{Common, json_out, text_out, write_line};
use crate::storage::timestamp;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a key. Prints only its secret to stdout, which is shown only now.
    Create(Create),
    /// List all keys, oldest first.
    List(List),
    /// Revoke a key, also for a running host.
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Create {
    /// The title of the key.
    #[arg(long)]
    title: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct List {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Revoke {
    /// The key's id, apk_…
    id: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let common = match &arguments.command {
        Command::Create(create) => &create.common,
        Command::List(list) => &list.common,
        Command::Revoke(revoke) => &revoke.common,
    };
    let setup = Setup::open(common)?;
    let identity = setup.identity(setup.folder()?.host_database()?)?;
    match &arguments.command {
        Command::Create(create) => {
            if create.title.trim().is_empty() {
                bail!("a key needs a title that says what it is for");
            }
            let (key, secret) = identity.create_key(&create.title, None)?;
            eprintln!("{} is made. Its secret is shown only now:", key.id);
            writeln!(text_out(), "{secret}")?;
        }
        Command::List(list) => {
            let keys = identity.keys()?;
            if list.json {
                let view = keys.iter().map(|key| {
                    json!({
                        "id": key.id,
                        "title": key.title,
                        "redacted": key.redacted,
                        "created_by": key.created_by,
                        "created_at": key.created_at,
                        "updated_at": key.updated_at,
                        "last_used_at": key.last_used_at,
                        "revoked_at": key.revoked_at,
                        "revoked_by": key.revoked_by,
                    })
                });
                writeln!(json_out(), "{}", serde_json::Value::from_iter(view))?;
            } else {
                let mut out = text_out();
                let now = timestamp(SystemTime::now());
                for key in keys {
                    let state = key.revoked_at.map_or_else(
                        || {
                            format!(
                                "last used {}",
                                key.last_used_at.as_deref().unwrap_or("never")
                            )
                        },
                        |at| {
                            let ends = if at > now { "ends" } else { "revoked" };
                            format!("{ends} {at}")
                        },
                    );
                    write_line(
                        &mut out,
                        format_args!("{}  {}  {}  {state}", key.id, key.redacted, key.title),
                    )?;
                }
            }
        }
        Command::Revoke(revoke) => {
            if !identity.revoke_key(&revoke.id, None, SystemTime::now())? {
                bail!("there is no valid key {}", revoke.id);
            }
            eprintln!("{} is revoked.", revoke.id);
        }
    }
    Ok(())
}
