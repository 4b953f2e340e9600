//! `wares test`: plays the cases of a file against a component, in a host of its own that ends
//! with the command. No address, no data and no settings of another host are touched.

mod cache;
mod cases;
mod comparing;
mod document;
mod expected;
mod formats;
mod house;
mod pattern;
mod play;
mod reading;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::{FAILED, Logged, text_out};
use crate::clock;
use crate::engine::stack_bytes_of_calls;
use crate::threads::STACK_BYTES_OF_HOST;
use cases::Case;
use document::Fault;
use formats::Result as CaseResult;
use house::House;

/// The seed of cases that are played once.
const SEED: u64 = 1;
/// Seeds that each case is played with.
const SEEDS_MAX: u64 = 1_000_000;

#[derive(Args, Debug)]
#[command(
    after_help = "A case gives rows and settings, asks one thing (a hook, a request, fields, a filter, a call) and \
                  says what has to come of it; docs/testing.md has the form of the file.\n\n\
                  The seed makes the clocks and the random numbers that the component sees: the same seed, the \
                  same bytes. The exit code is 0 where all cases pass, 1 where one fails, and 2 where the file or \
                  the component is wrong."
)]
pub(super) struct Arguments {
    /// The component.
    component: PathBuf,
    /// The file with the cases.
    cases: PathBuf,
    /// Play the cases alone whose name has this text.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Play each case with the seeds from 1 to N, up to the first that fails.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SEEDS_MAX))]
    seeds: Option<u64>,
    /// Play each case with this seed [default: 1].
    #[arg(long, value_name = "K", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// The form of the results.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// The form of the results.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line a case, and what differs.
    Human,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// JUnit's XML.
    Junit,
}

/// What is wrong with the file, or with the component.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub(super) struct Wrong(Vec<String>);

impl Wrong {
    fn new(reason: impl ToString) -> Self {
        Self(vec![reason.to_string()])
    }
}

impl From<Vec<Fault>> for Wrong {
    fn from(faults: Vec<Fault>) -> Self {
        Self(faults.into_iter().map(|Fault(text)| text).collect())
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    clock::check()?;
    let settings = House::settings();
    // Guests run on this thread, and nested ones within them.
    let stack = stack_bytes_of_calls(settings.stack_bytes_max) + STACK_BYTES_OF_HOST;
    let played = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("test".to_owned())
            .stack_size(stack)
            .spawn_scoped(scope, || test(arguments, settings))?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match played? {
        true => Ok(()),
        false => Err(Logged(FAILED).into()),
    }
}

/// Whether all cases pass.
fn test(arguments: &Arguments, settings: super::Settings) -> anyhow::Result<bool> {
    let file = reading::read(&arguments.cases).map_err(Wrong::from)?;
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let is_wanted = |case: &&Case| case.name.contains(filter);
    if !file.cases.iter().any(|case| is_wanted(&case)) {
        let filter = filter.escape_debug();
        return Err(Wrong::new(format!("no case has '{filter}' in its name")).into());
    }
    let house = House::open(&arguments.component, &file, settings)?;
    let wanted: Vec<_> = file.cases.iter().filter(is_wanted).collect();
    // Whatever is wrong with a case is said before any is played.
    let wrong = wanted.iter().filter_map(|case| {
        let reason = house.check(case).err()?;
        Some(format!("{}: {reason}", case.asked_at))
    });
    let wrong: Vec<_> = wrong.collect();
    if !wrong.is_empty() {
        return Err(Wrong(wrong).into());
    }
    let seeds = match (arguments.seed, arguments.seeds) {
        (Some(seed), _) => seed..=seed,
        (None, Some(seeds)) => 1..=seeds,
        (None, None) => SEED..=SEED,
    };
    let mut report = formats::begin(arguments, &house, wanted.len(), text_out())?;
    let mut all_pass = true;
    for case in wanted {
        let began = Instant::now();
        let mut result = CaseResult {
            case,
            seeds: 0,
            failed: None,
            took: Duration::ZERO,
        };
        for seed in seeds.clone() {
            result.seeds += 1;
            let played = house.play(case, seed)?;
            if !played.findings.is_empty() {
                result.failed = Some((seed, played));
                break;
            }
        }
        result.took = began.elapsed();
        all_pass &= result.failed.is_none();
        report.add(&result)?;
    }
    report.end()?;
    Ok(all_pass)
}
