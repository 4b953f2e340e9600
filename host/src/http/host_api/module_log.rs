//! The log of one module: its last lines, and further ones for whoever follows it. A client
//! asks again with the cursor of the answer before, which survives a lost connection; while
//! there is nothing new, an answer waits, and holds no thread.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tracing::Level;
use wares_module_kit::http::parameters::Parameters;

use super::super::answer::Answer;
use super::operation::{Operation, answer, at_least, nullable, query, text};
use super::version_operations::{array, count, time, with};
use super::versions::changed;
use super::{HostRequest, Pending, Result, wire};
use crate::storage::timestamp;
use crate::telemetry::{self, KeptLine, KeptLines, KeptLog};

/// Lines of an answer without a cursor, if nothing else is said, and at most.
const LINES: (u64, u64) = (100, 10_000);
/// The longest that an answer waits for a line, in seconds: less than proxies do.
const WAIT_S_MAX: u64 = 30;
/// The levels by name, the least first.
const LEVELS: [(&str, Level); 5] = [
    ("error", Level::ERROR),
    ("warn", Level::WARN),
    ("info", Level::INFO),
    ("debug", Level::DEBUG),
    ("trace", Level::TRACE),
];

/// What is asked for.
struct Wanted {
    lines: usize,
    level: Level,
    after: Option<Cursor>,
    wait: Duration,
}

/// The end of the answer before: a line of a run of the host.
struct Cursor {
    run: String,
    number: u64,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (run, number) = text.split_once('-')?;
        Some(Self {
            run: run.to_owned(),
            number: number.parse().ok()?,
        })
    }
}

/// `GET /_wares/modules/{name}/log`
pub(super) fn log<'a>(request: &'a HostRequest<'a>) -> Pending<'a> {
    Box::pin(async move { read(request).await.unwrap_or_else(|refusal| *refusal) })
}

async fn read(request: &HostRequest<'_>) -> Result {
    let wanted = wire::query(request, wanted)?;
    let Some(log) = log_of(request)? else {
        // Installed, and not loaded since the host started.
        return Ok(shown(&KeptLines::default(), false));
    };
    let Some(after) = wanted.after else {
        return Ok(shown(&log.last(wanted.lines, wanted.level), false));
    };
    let is_restarted = after.run != telemetry::run();
    let number = if is_restarted { 0 } else { after.number };
    let lines = log.after(number, wanted.level, wanted.wait).await;
    Ok(shown(&lines, is_restarted))
}

/// The log of the module; `None` of one that was not loaded.
fn log_of(request: &HostRequest<'_>) -> Result<Option<Arc<KeptLog>>> {
    let name = request.parameter(0);
    if let Some(log) = KeptLog::of(name) {
        return Ok(Some(log));
    }
    let manager = &request.about.manager;
    changed(tokio::task::block_in_place(|| manager.installed(name)))?;
    Ok(None)
}

fn wanted(parameters: &mut Parameters) -> Wanted {
    let lines = parameters.number("lines", LINES.1).unwrap_or(LINES.0);
    let wait = parameters.number("wait", WAIT_S_MAX).unwrap_or(0);
    let (level, after) = (parameters.text("level"), parameters.text("after"));
    let issues = parameters.issues();
    let level = level.map_or(Level::TRACE, |text| {
        let known = LEVELS.iter().find(|(name, _)| *name == text);
        known.map_or_else(
            || {
                let names = LEVELS.map(|(name, _)| name).join(", ");
                let text = format!("Expected: '{names}' for field 'level', but got: '{text}'");
                issues.wrong("level", text);
                Level::TRACE
            },
            |(_, level)| *level,
        )
    });
    let after = after.and_then(|text| {
        let cursor = Cursor::parse(&text);
        if cursor.is_none() {
            let text =
                format!("Field 'after' must be the 'next' of an answer before, got: '{text}'");
            issues.wrong("after", text);
        }
        cursor
    });
    Wanted {
        lines: lines.try_into().unwrap_or(usize::MAX),
        level,
        after,
        wait: Duration::from_secs(wait),
    }
}

fn shown(kept: &KeptLines, is_restarted: bool) -> Answer {
    let lines: Vec<Value> = kept.lines.iter().map(|line| one(line)).collect();
    Answer::json(&json!({
        "lines": lines,
        "next": format!("{}-{}", telemetry::run(), kept.next),
        "lost": kept.lost,
        "restarted": is_restarted,
    }))
}

fn one(line: &KeptLine) -> Value {
    let level = LEVELS.iter().find(|(_, level)| *level == line.level);
    json!({
        "number": line.number,
        "at": timestamp(line.at),
        "level": level.map(|(name, _)| name),
        "from": if line.is_own { "component" } else { "host" },
        "request_id": line.request_id,
        "text": line.text,
    })
}

pub(super) fn operation() -> Operation {
    let line = at_least(json!({
        "number": count(),
        "at": time(),
        "level": {"enum": LEVELS.map(|(name, _)| name)},
        "from": {"enum": ["component", "host"]},
        "request_id": nullable(),
        "text": text(),
    }));
    Operation::new(
        "Extensions",
        "RetrieveModuleLog",
        "Retrieve the last lines of the log about a module, or those after an answer before",
        with(
            answer(at_least(json!({
                "lines": array(line),
                "next": {"type": "string", "description": "What `after` of the next request is"},
                "lost": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Lines since `after` that the host has no room for",
                },
                "restarted": {
                    "type": "boolean",
                    "description": "Whether the host was started again since `after`",
                },
            }))),
            &[("404", "There is no such module")],
        ),
    )
    .parameters([
        query(
            "lines",
            json!({"type": "integer", "minimum": 0, "maximum": LINES.1, "default": LINES.0}),
        ),
        query(
            "level",
            json!({"enum": LEVELS.map(|(name, _)| name), "description": "This level and worse"}),
        ),
        query(
            "after",
            json!({
                "type": "string",
                "description": "The `next` of an answer before: all lines after it, instead of the last",
            }),
        ),
        query(
            "wait",
            json!({
                "type": "integer",
                "minimum": 0,
                "maximum": WAIT_S_MAX,
                "default": 0,
                "description": "Seconds to wait for a line after it, if there is none yet",
            }),
        ),
    ])
}
