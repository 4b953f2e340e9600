//! `wares events`: what modules have told others, and what has become of it at those that take
//! it.

mod kept;

use std::io::Write;

use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{ask, list, segment, text};
use super::{Common, json_out, text_out, write_line};
use crate::server::client::Ask;
use kept::Listed;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The module whose events are listed, oldest first.
    #[arg(required = true)]
    module: Option<String>,
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

#[derive(Debug, Subcommand)]
enum Command {
    /// Show one event, and what has become of it at each subscriber.
    Show(Show),
    /// Show the subscribers, and how far each has got.
    Lag(Lag),
    /// List the events that a subscriber has not handled.
    Failed(Failed),
    /// Have events tried again at once that were not handled.
    Retry(Chosen),
    /// Give up events that were not handled.
    Discard(Chosen),
    /// Have a subscriber handle events of a component once more.
    Replay(Replay),
}

#[derive(Args, Debug)]
struct Show {
    /// The id of the event, like orders-12.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Lag {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Failed {
    /// The subscriber.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Only dead letters, which are not tried again.
    #[arg(long)]
    dead: bool,
    /// Only events after this one, as the end of an answer before has it.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=1_000))]
    limit: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Chosen {
    /// The subscriber.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The id of the event, like orders-12.
    #[arg(value_parser = NonEmptyStringValueParser::new(), required_unless_present = "all_dead")]
    event: Option<String>,
    /// All dead letters.
    #[arg(long, conflicts_with = "event")]
    all_dead: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Replay {
    /// The subscriber.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// The component whose events are handled once more.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    component: String,
    /// The number of the first event, or `beginning` for the oldest that is kept.
    #[arg(long, value_name = "NUMBER", value_parser = from)]
    from: From,
    /// The number of the last event [default: the newest that the subscriber has got].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    to: Option<i64>,
    #[command(flatten)]
    common: Common,
}

/// Where a replay begins.
#[derive(Clone, Copy, Debug)]
enum From {
    Beginning,
    Number(i64),
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "beginning" => Ok(From::Beginning),
        text => match text.parse() {
            Ok(number) if number >= 1 => Ok(From::Number(number)),
            _ => Err("write the number of an event, or beginning".to_owned()),
        },
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Some(command) => command.run(),
        None => kept::run(&Listed {
            module: arguments.module.as_deref().unwrap_or_default(),
            after: arguments.after,
            limit: arguments.limit,
            json: arguments.json,
            common: &arguments.common,
        }),
    }
}

impl Command {
    fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Show(show) => show.run(),
            Self::Lag(lag) => lag.run(),
            Self::Failed(failed) => failed.run(),
            Self::Retry(chosen) => chosen.run("retry", "tried again"),
            Self::Discard(chosen) => chosen.run("discard", "given up"),
            Self::Replay(replay) => replay.run(),
        }
    }
}

impl Show {
    fn run(&self) -> anyhow::Result<()> {
        let path = format!("/_wares/events/{}", segment(&self.id));
        let answer = ask(&self.common, Ask::get(path))?;
        if self.json {
            return Ok(writeln!(json_out(), "{answer}")?);
        }
        let mut out = text_out();
        event(&mut out, &answer["event"])?;
        for fate in list(&answer["subscribers"]) {
            let (name, state) = (text(fate, "subscriber"), text(fate, "state"));
            let said = said(fate);
            write_line(&mut out, format_args!("  {name}: {state}{said}"))?;
        }
        Ok(())
    }
}

impl Lag {
    fn run(&self) -> anyhow::Result<()> {
        let answer = ask(&self.common, Ask::get("/_wares/subscribers"))?;
        if self.json {
            return Ok(writeln!(json_out(), "{}", answer["subscribers"])?);
        }
        let mut out = text_out();
        for one in list(&answer["subscribers"]) {
            let takes: Vec<&str> = list(&one["takes"]).filter_map(Value::as_str).collect();
            let (name, state, takes) = (text(one, "name"), text(one, "state"), takes.join(", "));
            let error = match one["error"].as_str() {
                Some(error) => format!(": {error}"),
                None => String::new(),
            };
            write_line(
                &mut out,
                format_args!("{name} takes {takes}; {state}{error}"),
            )?;
            for source in list(&one["sources"]) {
                let oldest = match source["oldest_s"].as_u64() {
                    Some(seconds) => format!(", the oldest for {seconds} s"),
                    None => String::new(),
                };
                write_line(
                    &mut out,
                    format_args!(
                        "  {}: {} behind {}{oldest}; {} waiting, {} dead",
                        text(source, "component"),
                        source["lag"],
                        source["last"],
                        source["waiting"],
                        source["dead"]
                    ),
                )?;
            }
        }
        Ok(())
    }
}

impl Failed {
    fn run(&self) -> anyhow::Result<()> {
        let mut query = format!("?limit={}", self.limit);
        if self.dead {
            query.push_str("&state=dead");
        }
        if let Some(after) = &self.after {
            query = format!("{query}&after={}", segment(after));
        }
        let path = format!(
            "/_wares/subscribers/{}/deliveries{query}",
            segment(&self.name)
        );
        let answer = ask(&self.common, Ask::get(path))?;
        if self.json {
            return Ok(writeln!(json_out(), "{answer}")?);
        }
        let mut out = text_out();
        for delivery in list(&answer["deliveries"]) {
            event(&mut out, &delivery["event"])?;
            let due = match delivery["due"].as_str() {
                Some(due) => format!("tried again {due}"),
                None => "a dead letter".to_owned(),
            };
            let said = said(delivery);
            write_line(&mut out, format_args!("  {due}{said}"))?;
        }
        if let Some(next) = answer["next"].as_str() {
            write_line(&mut out, format_args!("there are more: --after {next}"))?;
        }
        Ok(())
    }
}

impl Chosen {
    fn run(&self, act: &str, done: &str) -> anyhow::Result<()> {
        let body = match &self.event {
            Some(event) => json!({"event": event}),
            None => json!({"all_dead": true}),
        };
        let path = format!("/_wares/subscribers/{}/{act}", segment(&self.name));
        let answer = ask(&self.common, Ask::post(path, &body))?;
        let count = &answer["count"];
        Ok(write_line(
            &mut text_out(),
            format_args!("{count} events of {} are {done}", self.name),
        )?)
    }
}

impl Replay {
    fn run(&self) -> anyhow::Result<()> {
        let mut body = json!({"component": self.component});
        if let From::Number(from) = self.from {
            body["from"] = from.into();
        }
        if let Some(to) = self.to {
            body["to"] = to.into();
        }
        let path = format!("/_wares/subscribers/{}/replay", segment(&self.name));
        let answer = ask(&self.common, Ask::post(path, &body))?;
        let Some(count) = answer["count"].as_u64() else {
            bail!("the host does not say how many");
        };
        let name = &self.name;
        Ok(write_line(
            &mut text_out(),
            format_args!("{count} events are handled by {name} once more"),
        )?)
    }
}

/// One line about an event.
fn event(out: &mut impl Write, event: &Value) -> std::io::Result<()> {
    let (id, time, name) = (text(event, "id"), text(event, "time"), text(event, "name"));
    write_line(out, format_args!("{id} {time} {name} {}", event["data"]))
}

/// How often an event was tried, and what was said of it.
fn said(delivery: &Value) -> String {
    let error = delivery["error"].as_str();
    match (delivery["attempts"].as_u64(), error) {
        (None | Some(0), _) => String::new(),
        (Some(attempts), None) => format!(", tried {attempts} times"),
        (Some(attempts), Some(error)) => format!(", tried {attempts} times: {error}"),
    }
}
