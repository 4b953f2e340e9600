//! `wares module logs`: the log of one module, of the host that serves, and with --follow
//! all further lines until Ctrl-C.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use super::{path, segment, text};
use crate::cli::client::{Session, list};
use crate::cli::setup::Setup;
use crate::cli::{Common, json_out, text_out, write_line};
use crate::server::client::{Ask, ClientError};

/// How long the host waits for a line before it answers without one, in seconds.
const WAIT_S: u64 = 20;
/// Between two requests: so many lines come together where many are logged.
const PAUSE: Duration = Duration::from_millis(100);
/// Between two looks for a host that does not answer any more.
const RETRY: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub(super) struct Logs {
    /// The module.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: String,
    /// Print further lines as they are logged, until Ctrl-C.
    #[arg(long)]
    follow: bool,
    /// How many of the last lines to print.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=10_000))]
    lines: u32,
    /// Only lines of this level and worse.
    #[arg(long, value_parser = ["error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

impl Logs {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let setup = Setup::open(&self.common)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.print(&setup))
    }

    async fn print(&self, setup: &Setup) -> anyhow::Result<()> {
        let Some(mut host) = Session::begin(setup).await? else {
            bail!(
                "no host serves the data folder {}: the last lines of a module are in the memory of the host \
                 that serves it. Start `wares serve`",
                setup.settings.data.dir.display()
            );
        };
        let answer = host.ask(self.ask(&format!("lines={}", self.lines))).await?;
        self.write(&answer)?;
        if self.follow {
            self.print_further(setup, host, answer).await?;
        }
        Ok(())
    }

    /// Prints the lines after an answer, until the command is interrupted.
    async fn print_further(
        &self,
        setup: &Setup,
        mut host: Session,
        mut answer: Value,
    ) -> anyhow::Result<()> {
        loop {
            tokio::time::sleep(PAUSE).await;
            let after = segment(text(&answer, "next"));
            let further = format!("after={after}&wait={WAIT_S}");
            answer = match host.ask(self.ask(&further)).await {
                Err(error) if error.is::<ClientError>() => {
                    eprintln!(
                        "wares: the host does not answer: waiting for one that serves the folder"
                    );
                    self.ask_next_host(setup, &mut host, &further).await?
                }
                answer => answer?,
            };
            self.write(&answer)?;
        }
    }

    /// Waits for a host that serves the folder, and asks it.
    async fn ask_next_host(
        &self,
        setup: &Setup,
        host: &mut Session,
        further: &str,
    ) -> anyhow::Result<Value> {
        loop {
            tokio::time::sleep(RETRY).await;
            // It may be starting, or an address of one that was killed.
            if !matches!(host.renew(setup).await, Ok(true)) {
                continue;
            }
            match host.ask(self.ask(further)).await {
                Err(error) if error.is::<ClientError>() => {}
                answer => return answer,
            }
        }
    }

    fn ask(&self, query: &str) -> Ask {
        let level = self.level.as_ref().map(|level| format!("&level={level}"));
        let level = level.unwrap_or_default();
        Ask::get(path(&self.name, &format!("/log?{query}{level}")))
    }

    fn write(&self, answer: &Value) -> std::io::Result<()> {
        if answer["restarted"] == true {
            eprintln!("wares: the host was started again: these are its lines since");
        }
        if let Some(lost) = answer["lost"].as_u64().filter(|lost| *lost > 0) {
            eprintln!("wares: {lost} lines are lost, for which the host has no room");
        }
        for line in list(&answer["lines"]) {
            if self.json {
                writeln!(json_out(), "{line}")?;
            } else {
                write_text(line)?;
            }
        }
        Ok(())
    }
}

fn write_text(line: &Value) -> std::io::Result<()> {
    let id = text(line, "request_id");
    let request = match id {
        "" => String::new(),
        id => format!(" request_id={id}"),
    };
    write_line(
        &mut text_out(),
        format_args!(
            "{} {:>5} {}: {}{request}",
            text(line, "at"),
            text(line, "level").to_uppercase(),
            text(line, "from"),
            text(line, "text"),
        ),
    )
}
