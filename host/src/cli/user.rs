//! `wares user`: the people who may sign in. Works while a host is running.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::workplace::Workplace;
use super::{Common, json_out, text_out};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a user who may sign in. Prints the user's id.
    Create(Create),
}

#[derive(Args, Debug)]
#[command(
    after_help = "The password is asked for at a terminal, and read as one line from stdin otherwise."
)]
struct Create {
    /// The user's email.
    #[arg(long)]
    email: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Command::Create(create) = &arguments.command;
    let workplace = Workplace::open(&create.common)?;
    let directory = workplace.directory(&workplace.folder_or_named()?)?;
    let password = password()?;
    let user = directory.create_user(&create.email, &password)?;
    if create.json {
        let view =
            serde_json::json!({"id": user.id, "email": user.email, "created_at": user.created_at});
        writeln!(json_out(), "{view}")?;
    } else {
        writeln!(text_out(), "{}", user.id)?;
    }
    Ok(())
}

fn password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("the password cannot be read");
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .context("the password cannot be read from stdin")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
