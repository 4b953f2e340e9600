//! `wares module`: versions of modules, of a host that runs or of a data folder that no host serves.

mod diff;
mod install;
mod logs;
mod order;
mod secrets;
mod status;

use std::io::Write;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{ask, segment, text};
use super::{Common, text_out, write_line};
use crate::components;
use crate::server::client::Ask;
use diff::Diff;
use install::Install;
use logs::Logs;
use order::Order;
use secrets::Secrets;
use status::{List, installed, status};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a component and keep it as a version of its module, also of a new one.
    Install(Install),
    /// Compare an installed version with the one in service: grants, routes, migrations, exports,
    /// size.
    Diff(Diff),
    /// Put an installed version in service, or start it as canary.
    Activate(Activate),
    /// Put the previous version in service.
    Rollback(Named),
    /// End the activation of a version: serve the module from the component that the settings
    /// name, a file in the folder of modules, or the one built in.
    Deactivate(Named),
    /// Take a module out of service: its paths are 404, and its versions and data stay.
    Disable(Named),
    /// Put a disabled module in service again.
    Enable(Named),
    /// Set the order in which extensions are called at an extension point, or show it.
    Order(Order),
    /// Put the canary in service.
    Promote(Named),
    /// End the canary.
    Withdraw(Named),
    /// Remove an installed version, or with --all the module; its data stays.
    Remove(Remove),
    /// List the installed versions of all modules.
    List(List),
    /// Print the last lines of the log about a module, and with --follow all further ones.
    Logs(Logs),
    /// List the secrets that the settings give a module, and where each may go.
    Secrets(Secrets),
    /// Show the state of modules: versions, calls, extensions, canaries.
    Status(List),
}

#[derive(Args, Debug)]
struct Activate {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The version's digest, or its beginning.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    digest: String,
    /// Start it as canary for this share of the requests: 10%.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    canary: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Named {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Remove {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The version's digest, or its beginning.
    #[arg(value_parser = NonEmptyStringValueParser::new(), required_unless_present = "all")]
    digest: Option<String>,
    /// Take the module out of service, and remove all of its versions and what it is granted.
    #[arg(long, conflicts_with = "digest")]
    all: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = text_out();
    match &arguments.command {
        Command::Install(install) => {
            let answer = install.run()?;
            say(&mut out, &answer)
        }
        Command::Activate(activate) => {
            let mut body = json!({"digest": activate.digest});
            if let Some(share) = &activate.canary {
                body["canary"] = share.as_str().into();
            }
            let path = path(&activate.name, "/activate");
            let answer = ask(&activate.common, Ask::post(path, &body))?;
            say(&mut out, &answer)
        }
        Command::Diff(diff) => diff.run(&mut out),
        Command::Rollback(named) => say(&mut out, &named.post("/rollback")?),
        Command::Deactivate(named) => {
            let module = &named.post("/deactivate")?["module"];
            let source = match text(module, "source") {
                "setting" => "from the component that the settings name",
                "folder" => "from the folder of modules",
                _ => "built in",
            };
            Ok(write_line(
                &mut out,
                format_args!(
                    "{} {} {}, {source}",
                    named.name,
                    serves(module),
                    version(module)
                ),
            )?)
        }
        Command::Disable(named) => {
            named.post("/disable")?;
            Ok(write_line(
                &mut out,
                format_args!("{} is disabled", named.name),
            )?)
        }
        Command::Enable(named) => {
            let module = &named.post("/enable")?["module"];
            let does = match module["version"].is_null() {
                true => "is enabled, and not served".to_owned(),
                false => format!("serves {}", version(module)),
            };
            Ok(write_line(&mut out, format_args!("{} {does}", named.name))?)
        }
        Command::Order(order) => order.run(&mut out),
        Command::Promote(named) => {
            let answer = named.post("/promote")?;
            Ok(write_line(
                &mut out,
                format_args!(
                    "{} {} {}",
                    named.name,
                    serves(&answer["module"]),
                    version(&answer["module"])
                ),
            )?)
        }
        Command::Withdraw(named) => {
            let answer = named.post("/withdraw")?;
            Ok(write_line(
                &mut out,
                format_args!(
                    "{} {} {}",
                    named.name,
                    serves(&answer["module"]),
                    version(&answer["module"])
                ),
            )?)
        }
        Command::Remove(remove) => {
            let version = remove.digest.as_deref().map(segment);
            let version = version.map(|digest| format!("/versions/{digest}"));
            let path = path(&remove.name, &version.unwrap_or_default());
            let answer = ask(&remove.common, Ask::delete(path))?;
            if remove.all {
                let name = &remove.name;
                write_line(&mut out, format_args!("{name} is removed; its data stays"))?;
                return Ok(());
            }
            Ok(write_line(
                &mut out,
                format_args!("{} is forgotten", text(&answer, "digest")),
            )?)
        }
        Command::Logs(logs) => logs.run(),
        Command::Secrets(secrets) => secrets.run(&mut out),
        Command::List(list) => list.run(&mut out, installed),
        Command::Status(list) => list.run(&mut out, status),
    }
}

/// A share of requests, as it is written.
fn share(text: &str) -> Result<String, String> {
    match components::share(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("write a share from 0.01% to 100%, like 10%".to_owned()),
    }
}

impl Named {
    fn post(&self, act: &str) -> anyhow::Result<Value> {
        ask(&self.common, Ask::post(path(&self.name, act), &json!({})))
    }
}

/// Says what a version is now.
fn say(out: &mut impl Write, answer: &Value) -> anyhow::Result<()> {
    let one = &answer["version"];
    let name = text(&answer["module"], "name");
    let state = match text(one, "state") {
        "active" => serves(&answer["module"]),
        "canary" => "tries",
        _ => "has",
    };
    Ok(write_line(
        out,
        format_args!("{name} {state} {}", version(one)),
    )?)
}

/// What a version that is in service does: that of a disabled module gets no requests.
fn serves(module: &Value) -> &'static str {
    match module["enabled"] == false {
        true => "is disabled:",
        false => "serves",
    }
}

/// A version for people: what it says of itself, and its digest, which other commands take.
fn version(value: &Value) -> String {
    format!("{} {}", text(value, "version"), text(value, "digest"))
}

fn path(name: &str, rest: &str) -> String {
    format!("/_wares/modules/{}{rest}", segment(name))
}
