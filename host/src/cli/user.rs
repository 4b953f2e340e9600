//! `wares user`: the people who may sign in. Works while a host is running, for which
//! what is changed holds at its next request.

use std::io::{BufRead, IsTerminal, Write};
use std::time::SystemTime;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::operator;
use super::setup::Setup;
use super::{Common, json_out, text_out, write_line};
use crate::identity::IdentityService;
use crate::identity::User;
use crate::storage::timestamp;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a user. Prints the user's id.
    Create(Create),
    /// List all users, oldest first.
    List(List),
    /// Change a user's password. The user's tokens and sessions end at once.
    Password(Named),
    /// Delete a user, unless it is the only one. The user's tokens and sessions end at once.
    Delete(Named),
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

#[derive(Args, Debug)]
struct List {
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
#[command(
    after_help = "A password is asked for at a terminal, and read as one line from stdin otherwise.\n\n\
                  API keys that the user created belong to the shop and stay valid: they are listed, for \
                  `wares key revoke`."
)]
struct Named {
    /// The user's email, in any case.
    email: String,
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Command::Create(create) => create.run(),
        Command::List(list) => list.run(),
        Command::Password(named) => {
            let identity = named.identity()?;
            // Before a person types a password for a user who does not exist.
            let user = identity.user_by_email(&named.email)?;
            identity.change_password(&user, &password()?, &by())?;
            eprintln!(
                "{} has another password. Tokens and sessions of before are void.",
                user.email
            );
            name_keys(&identity, &user)
        }
        Command::Delete(named) => {
            let identity = named.identity()?;
            let user = identity.delete_user(&named.email, &by())?;
            eprintln!(
                "{} {} is deleted. Tokens and sessions are void.",
                user.id, user.email
            );
            name_keys(&identity, &user)
        }
    }
}

impl Create {
    fn run(&self) -> anyhow::Result<()> {
        let setup = Setup::open(&self.common)?;
        let identity = setup.identity(setup.folder_or_named()?.host_database()?)?;
        let user = identity.create_user(&self.email, &password()?, Some(&by()))?;
        if self.json {
            let view = json!({"id": user.id, "email": user.email, "created_at": user.created_at});
            writeln!(json_out(), "{view}")?;
        } else {
            writeln!(text_out(), "{}", user.id)?;
        }
        Ok(())
    }
}

impl List {
    fn run(&self) -> anyhow::Result<()> {
        let setup = Setup::open(&self.common)?;
        let users = setup.identity(setup.folder()?.host_database()?)?.users()?;
        if self.json {
            let view = users.iter().map(|user| {
                json!({
                    "id": user.id,
                    "email": user.email,
                    "first_name": user.profile.first_name,
                    "last_name": user.profile.last_name,
                    "created_at": user.created_at,
                    "updated_at": user.updated_at,
                })
            });
            writeln!(json_out(), "{}", Value::from_iter(view))?;
            return Ok(());
        }
        let mut out = text_out();
        for user in users {
            let names = [user.profile.first_name, user.profile.last_name];
            let name: String = names
                .into_iter()
                .flatten()
                .map(|name| format!("  {name}"))
                .collect();
            write_line(
                &mut out,
                format_args!(
                    "{}  {}  created {}{name}",
                    user.id, user.email, user.created_at
                ),
            )?;
        }
        Ok(())
    }
}

impl Named {
    fn identity(&self) -> anyhow::Result<IdentityService> {
        let setup = Setup::open(&self.common)?;
        setup.identity(setup.folder()?.host_database()?)
    }
}

/// Who does it, as the audit names the operator.
fn by() -> String {
    format!("operator {}", operator())
}

/// Names the keys that a user made and that are still valid.
fn name_keys(identity: &IdentityService, user: &User) -> anyhow::Result<()> {
    let now = timestamp(SystemTime::now());
    for key in identity.keys()? {
        let is_valid = key.revoked_at.as_ref().is_none_or(|at| *at > now);
        if is_valid && key.created_by.as_deref() == Some(&user.id) {
            write_line(
                &mut std::io::stderr().lock(),
                format_args!(
                    "The key {} ({}), which this user made, stays valid: wares key revoke {}",
                    key.id, key.title, key.id
                ),
            )?;
        }
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
