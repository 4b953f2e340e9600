//! `wares seed`: adds plausible data, as much as the command asks for. The modules declare
//! the kinds of records, and each kind is an option of the command.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use indicatif::{ProgressBar, ProgressStyle};

use super::Common;
use super::setup::Setup;
use crate::components::{Candidates, Failure, Version};
use crate::printable::{cut, printable_line};

/// How many a module is asked for at once: the sync of a
/// transaction does not count then, and no call runs long.
const BATCH: u32 = 1_000;
/// The shown part of why a module seeds no more, in bytes.
const REASON_BYTES_MAX: usize = 4_000;

/// How long a batch may take, in milliseconds: no other caller waits for it.
const BATCH_MS_MAX: u64 = 60_000;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
}

/// A kind of records that a module can add.
struct Kind {
    module: usize,
    number: u32,
    name: String,
    summary: String,
}

/// The command line with the modules' kinds as options of `seed`, if it is
/// `seed` that is asked for.
pub(super) fn command(command: Command, arguments: &[OsString]) -> anyhow::Result<Command> {
    if arguments.get(1).is_none_or(|name| name != "seed") {
        return Ok(command);
    }
    // Which modules there are depends on flags that only the full command line
    // can tell; what it does not know yet is passed over.
    let common = command
        .clone()
        .ignore_errors(true)
        .disable_help_flag(true)
        .try_get_matches_from(of_all_commands(arguments))
        .ok()
        .and_then(|matches| Common::from_arg_matches(matches.subcommand_matches("seed")?).ok())
        .unwrap_or_else(|| Common {
            config: None,
            data: None,
            settings: Vec::new(),
        });
    let setup = Setup::open(&common)?;
    let engine = setup.engine(1)?;
    let mut candidates = setup.candidates(&engine, setup.found()?)?;
    // Their kinds will be missed.
    complain(candidates.failures());
    let kinds = kinds(&chosen(&mut candidates, Ok))?;
    Ok(command.mut_subcommand("seed", |seed| {
        kinds
            .into_iter()
            .fold(seed.arg_required_else_help(true), |seed, kind| {
                seed.arg(
                    Arg::new(kind.name.clone())
                        .long(kind.name)
                        .value_name("N")
                        .value_parser(value_parser!(u32))
                        .help(format!("How many: {}", printable_line(&kind.summary))),
                )
            })
    }))
}

/// The arguments that every command has: at one that is not known yet clap would stop.
fn of_all_commands(arguments: &[OsString]) -> Vec<OsString> {
    let mut kept = arguments.get(..2).unwrap_or_default().to_vec();
    let mut rest = arguments.iter().skip(2);
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        let (name, has_value) = match text.split_once('=') {
            Some((name, _)) => (name, true),
            None => (&*text, false),
        };
        if ["--config", "--data", "--set"].contains(&name) {
            kept.push(argument.clone());
            if !has_value {
                kept.extend(rest.next().cloned());
            }
        }
    }
    kept
}

/// All modules, each from the first component that `take` takes.
fn chosen(
    candidates: &mut Candidates<'_>,
    mut take: impl FnMut(Version) -> Result<Version, String>,
) -> Vec<Version> {
    let names = candidates.names();
    names
        .iter()
        .filter_map(|name| candidates.choose(name, &mut take))
        .collect()
}

/// Reports the components that are left out.
fn complain(failures: &[Failure]) {
    for failure in failures {
        eprintln!("wares: left out: {}", printable_line(&failure.reason));
    }
}

fn kinds(modules: &[Version]) -> anyhow::Result<Vec<Kind>> {
    let mut kinds: Vec<Kind> = Vec::new();
    for (index, module) in modules.iter().enumerate() {
        for (number, entry) in (0u32..).zip(module.seed_kinds()?) {
            if !is_option(&entry.name) {
                bail!(
                    "the module {} calls what it can be filled with '{}': a name is 1 to 64 lower-case letters, \
                     digits and -, a letter first",
                    module.name(),
                    entry.name
                );
            }
            let taken = OPTIONS.contains(&entry.name.as_str())
                || kinds.iter().any(|kind| kind.name == entry.name);
            let name = if taken {
                format!("{}-{}", module.name(), entry.name)
            } else {
                entry.name
            };
            kinds.push(Kind {
                module: index,
                number,
                name,
                summary: entry.summary,
            });
        }
    }
    Ok(kinds)
}

/// Options that the command has of its own.
const OPTIONS: [&str; 5] = ["config", "data", "set", "help", "version"];

/// Whether what a component calls a kind can be an option's name.
fn is_option(name: &str) -> bool {
    let of_option = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(of_option)
}

pub(super) fn run(arguments: &Arguments, matches: Option<&ArgMatches>) -> anyhow::Result<()> {
    let mut setup = Setup::open(&arguments.common)?;
    for limits in setup.settings.all_limits_mut() {
        limits.call.deadline_ms = BATCH_MS_MAX;
        limits.call.call_ms = BATCH_MS_MAX;
        let sql = &mut limits.call.capabilities.sql;
        sql.transaction_hold_ms = BATCH_MS_MAX;
        sql.writer_wait_ms = BATCH_MS_MAX;
    }
    let engine = setup.engine(1)?;
    let folder = setup.folder_or_new()?;
    let mut candidates = setup.candidates(&engine, setup.found()?)?;
    setup.say_unused_settings(&candidates)?;
    let known = candidates.failures().len();
    let modules = chosen(&mut candidates, |module| folder.opened(module));
    complain(&candidates.failures()[known..]);
    let kinds = kinds(&modules)?;
    let wanted = |kind: &Kind| matches?.get_one::<u32>(&kind.name).copied();
    if kinds.iter().all(|kind| wanted(kind).is_none()) {
        let names: Vec<String> = kinds
            .iter()
            .map(|kind| format!("--{} N", kind.name))
            .collect();
        bail!("say how many of what: {}", names.join(", "));
    }
    for kind in &kinds {
        if let Some(count) = wanted(kind) {
            seed(&modules[kind.module], kind, count)?;
        }
    }
    for module in &modules {
        if let Some(database) = module.database() {
            database.close();
        }
    }
    Ok(())
}

fn seed(module: &Version, kind: &Kind, wanted: u32) -> anyhow::Result<()> {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}")?;
    let bar = ProgressBar::new(wanted.into())
        .with_style(style)
        .with_message(kind.name.clone());
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut added = 0;
    while added < wanted {
        let count = BATCH.min(wanted - added);
        module
            .seed(kind.number, count)?
            .map_err(|reason| anyhow!("{}", cut(&reason, REASON_BYTES_MAX)))
            .with_context(|| format!("after {added} {}", kind.name))?;
        added += count;
        bar.set_position(added.into());
    }
    bar.finish_and_clear();
    eprintln!("Added {added} {}.", kind.name);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{is_option, of_all_commands};

    #[test]
    fn the_arguments_of_all_commands_are_found_wherever_they_stand() {
        let all = "wares seed --things=3 --set a.b=c --other 4 --data=here --set=x.y=z --config f";
        let arguments: Vec<_> = all.split(' ').map(Into::into).collect();
        let kept = of_all_commands(&arguments).join(" ".as_ref());
        assert_eq!(
            kept,
            "wares seed --set a.b=c --data=here --set=x.y=z --config f"
        );
    }

    #[test]
    fn what_a_component_calls_a_kind_is_an_option_or_refused() {
        for name in ["things", "price-lists", "b2b"] {
            assert!(is_option(name), "{name}");
        }
        for name in [
            "",
            "-x",
            "1st",
            "Two",
            "a b",
            "a\u{202e}b",
            "a=b",
            &"x".repeat(65),
        ] {
            assert!(!is_option(name), "{name}");
        }
    }
}
