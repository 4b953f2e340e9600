//! The `wares` command: reads its arguments, does one thing, and says on one
//! line what is wrong. Answers go to stdout, progress and logs to stderr.

mod audit;
mod call;
mod client;
mod ending;
mod events;
mod folder;
mod go;
mod inspect;
mod key;
mod module;
mod new;
mod seed;
mod serve;
mod settings;
mod setup;
mod test;
mod user;

pub use settings::Settings;

use std::fmt::Arguments;
use std::io::{StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::engine::compiler::{self, Task};
use crate::engine::{Size, Target};
use crate::printable::{Printer, printable, printable_line};
use crate::server::ListenError;
use crate::telemetry::LogError;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// A commerce host whose business modules are WebAssembly components.
#[derive(Debug, Parser)]
#[command(
    name = "wares",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Settings come from wares.toml, then the environment (WARES_…), then flags; the later win."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the modules over HTTP until Ctrl-C.
    Serve(serve::Arguments),
    /// Create, list and delete users, and change their passwords.
    User(user::Arguments),
    /// Create, list and revoke secret API keys.
    Key(key::Arguments),
    /// Install, activate, roll back and remove versions of modules.
    Module(module::Arguments),
    /// List the audit entries of modules and users, newest first.
    Audit(audit::Arguments),
    /// Write the project of an extension or a module, which builds and passes its tests.
    New(new::Arguments),
    /// Make bindings and components of projects in Go.
    Go(go::Arguments),
    /// Show what a component imports, exports, may use and serves.
    Inspect(inspect::Arguments),
    /// Play the cases of a file against a component, in a host of its own.
    Test(test::Arguments),
    /// Call a typed operation of a module.
    Call(call::Arguments),
    /// List the events of a module, oldest first.
    Events(events::Arguments),
    /// Fill a data folder with plausible data, for trying things out.
    Seed(seed::Arguments),
    /// Compile the component on standard input, for another process of wares.
    #[command(name = compiler::COMMAND, hide = true)]
    Compile {
        /// The memory that it may take, in bytes.
        memory_bytes_max: u64,
        /// Read its types alone, and write what it imports and exports in JSON.
        #[arg(long)]
        read: bool,
        /// Compile it for the engine of large components.
        #[arg(long, conflicts_with = "read")]
        large: bool,
        /// Compile it for an engine whose components are being developed.
        #[arg(long, conflicts_with = "read")]
        developing: bool,
        /// Keep its functions in this file for the next time.
        #[arg(long, conflicts_with = "read")]
        functions: Option<PathBuf>,
    },
}

/// Where the settings are.
#[derive(Args, Clone, Debug)]
struct Common {
    /// The settings file. Without it, ./wares.toml is read if there is one.
    #[arg(long, value_name = "FILE", env = "WARES_CONFIG")]
    config: Option<PathBuf>,
    /// The data folder [default: ./data]. `serve` and `seed` make it if it is missing, and
    /// `user create` if it is named.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// One setting, as in wares.toml: --set server.drain_ms=5000. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    settings: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let command = match seed::command(Cli::command(), &arguments) {
        Ok(command) => command,
        Err(error) => return fail(&error),
    };
    let matches = command.get_matches_from(arguments);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::User(arguments) => user::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::Module(arguments) => module::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Go(arguments) => go::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Call(arguments) => call::run(&arguments),
        Command::Events(arguments) => events::run(&arguments),
        Command::Seed(arguments) => seed::run(&arguments, matches.subcommand_matches("seed")),
        Command::Compile {
            memory_bytes_max,
            read,
            large,
            developing,
            functions,
        } => {
            let size = if large { Size::Large } else { Size::Small };
            let task = match read {
                true => Task::Read,
                false => Task::Compile {
                    target: Target { size, developing },
                    functions: functions.as_deref(),
                },
            };
            return compile(memory_bytes_max, task);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Standard output, where answers for people go.
fn text_out() -> Printer<StdoutLock<'static>> {
    Printer::of_text(std::io::stdout().lock())
}

/// Standard output, where answers in JSON go.
fn json_out() -> Printer<StdoutLock<'static>> {
    Printer::of_json(std::io::stdout().lock())
}

/// Writes one line, whatever stands in it: no text of others begins another one.
fn write_line(out: &mut dyn Write, line: Arguments<'_>) -> std::io::Result<()> {
    writeln!(out, "{}", printable_line(&line.to_string()))
}

/// An error goes to the process that asked, without more words.
fn compile(memory_bytes_max: u64, task: Task<'_>) -> ExitCode {
    match compiler::run(memory_bytes_max, task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{}", printable(&reason));
            ExitCode::FAILURE
        }
    }
}

/// The exit code of a command that fails.
const FAILED: u8 = 1;
/// That of one whose settings or cases are wrong; of a wrong command line, clap has the same.
const WRONG_SETTINGS: u8 = 2;

/// An error whose reason is said already, in the log or on standard output, with the exit code.
#[derive(Debug, thiserror::Error)]
#[error("the reason is said already")]
struct Logged(u8);

/// The exit code for an error.
fn exit_code(error: &anyhow::Error) -> u8 {
    let is_wrong = error.is::<ConfigError>()
        || error.is::<test::Wrong>()
        || matches!(
            error.downcast_ref(),
            Some(LogError::Level(_) | LogError::Target(_))
        )
        || matches!(error.downcast_ref(), Some(ListenError::Invalid(_)));
    match is_wrong {
        true => WRONG_SETTINGS,
        false => FAILED,
    }
}

/// The one way in which a command fails: its reason on stderr, and an exit code.
fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(Logged(code)) = error.downcast_ref() {
        return ExitCode::from(*code);
    }
    // A reader that went away, as `head` does, is no failure to talk about.
    if error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    eprintln!("wares: {}", printable(&one_line(error)));
    ExitCode::from(exit_code(error))
}

/// The error and its causes, without those that the text before names already.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
