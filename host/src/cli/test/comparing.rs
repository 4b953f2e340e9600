//! Compares what came of a case with what had to come.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cases::{Body, Case, Outcome, Query};
use super::house::Rooms;
use super::pattern::{Difference, Pattern, Rules, shown};
use super::play::{EVENTS_MAX, SHOWN_BYTES_MAX, session};
use crate::engine::{CallError, JsonReturned};
use crate::http::DirectAnswer;
use crate::printable::cut;
use crate::storage::{Rows, Value as SqlValue};
use crate::telemetry::KeptLine;

/// What is not as a case has it.
pub(super) enum Finding {
    /// A value.
    Differs(Difference),
    /// Anything else.
    Says(String),
}

/// What came of what is asked.
pub(super) enum Got {
    Response(DirectAnswer),
    Returned(JsonReturned),
    /// What a hook returned, and all that it was given.
    Turn(JsonReturned, Value),
    /// No answer.
    Failed(String),
    Faults(Vec<String>),
}

impl From<Result<JsonReturned, CallError>> for Got {
    fn from(returned: Result<JsonReturned, CallError>) -> Self {
        match returned {
            Ok(returned) => Self::Returned(returned),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

pub(super) fn text_of_body(body: &[u8]) -> String {
    cut(&String::from_utf8_lossy(body), SHOWN_BYTES_MAX).into_owned()
}

fn compare(pattern: &Pattern, got: &Value, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    pattern.compare(got, path, rules, &mut found);
    findings.extend(found.into_iter().map(Finding::Differs));
}

pub(super) fn compare_outcome(
    case: &Case,
    got: Got,
    errors: &[Arc<KeptLine>],
    findings: &mut Vec<Finding>,
) {
    match (&case.outcome, got) {
        (Outcome::Fails(expected), got) => compare_failure(expected, &got, errors, findings),
        (Outcome::Faults(expected), Got::Faults(faults)) => {
            compare_faults(expected, &faults, findings);
        }
        (
            Outcome::Response {
                status,
                headers,
                body,
            },
            Got::Response(answer),
        ) => compare_response(*status, headers, body.as_ref(), &answer, findings),
        (_, Got::Failed(reason)) => {
            let reason = cut(&reason, SHOWN_BYTES_MAX);
            findings.push(Finding::Says(format!("it returned no answer: {reason}")));
        }
        (Outcome::Returns(expected), Got::Returned(Ok(value))) => {
            compare(expected, &value, "returns", Rules::TYPED, findings);
        }
        (Outcome::Returns(expected), Got::Turn(Ok(value), given)) => {
            let expected = expected.over(&given);
            compare(&expected, &value, "returns", Rules::TYPED, findings);
        }
        (Outcome::Unchanged, Got::Turn(Ok(value), given)) => {
            let expected = Pattern::equal(&given);
            compare(&expected, &value, "returns", Rules::TYPED, findings);
        }
        (Outcome::Rejects(expected), Got::Returned(Err(value)) | Got::Turn(Err(value), _)) => {
            match (expected.message(), value.get("message")) {
                (Some(message), Some(got)) => {
                    compare(&message, got, "rejects.message", Rules::TYPED, findings);
                }
                _ => compare(expected, &value, "rejects", Rules::TYPED, findings),
            }
        }
        (Outcome::Rejects(expected), Got::Returned(Ok(value)) | Got::Turn(Ok(value), _)) => {
            findings.push(Finding::Differs(Difference {
                path: "it returned a value".to_owned(),
                expected: format!("the rejection {}", expected.shown()),
                got: shown(&value),
            }));
        }
        (_, Got::Returned(Err(value)) | Got::Turn(Err(value), _)) => {
            findings.push(Finding::Says(format!("it rejected: {}", shown(&value))));
        }
        (_, Got::Response(_) | Got::Returned(Ok(_)) | Got::Turn(Ok(_), _) | Got::Faults(_)) => {
            findings.push(Finding::Says("it returned something else".to_owned()));
        }
    }
}

/// No answer, whose reason is that of the call, or in the log where a request asks.
fn compare_failure(
    expected: &Pattern,
    got: &Got,
    errors: &[Arc<KeptLine>],
    findings: &mut Vec<Finding>,
) {
    let reasons: Vec<&str> = match got {
        Got::Failed(reason) => vec![reason],
        Got::Response(answer) if answer.status >= 500 => {
            errors.iter().map(|line| &*line.text).collect()
        }
        _ => Vec::new(),
    };
    if reasons.iter().any(|reason| expected.is_in(reason)) {
        return;
    }
    let got = match (got, reasons.first()) {
        (_, Some(reason)) => cut(reason, SHOWN_BYTES_MAX).into_owned(),
        (Got::Returned(Ok(value)) | Got::Turn(Ok(value), _), None) => {
            format!("an answer: {}", shown(value))
        }
        (Got::Returned(Err(value)) | Got::Turn(Err(value), _), None) => {
            format!("a rejection: {}", shown(value))
        }
        (Got::Response(answer), None) => {
            format!(
                "an answer: {} {}",
                answer.status,
                text_of_body(&answer.body)
            )
        }
        _ => "an answer".to_owned(),
    };
    findings.push(Finding::Differs(Difference {
        path: "fails".to_owned(),
        expected: expected.shown(),
        got,
    }));
}

fn compare_faults(expected: &[Pattern], faults: &[String], findings: &mut Vec<Finding>) {
    for pattern in expected {
        if !faults.iter().any(|fault| pattern.is_in(fault)) {
            findings.push(Finding::Differs(Difference {
                path: "faults".to_owned(),
                expected: pattern.shown(),
                got: shown(&json!(faults)),
            }));
        }
    }
    if faults.len() > expected.len() {
        findings.push(Finding::Differs(Difference {
            path: "faults".to_owned(),
            expected: format!("{} of them", expected.len()),
            got: shown(&json!(faults)),
        }));
    }
}

fn compare_response(
    status: u16,
    headers: &[(String, Pattern)],
    body: Option<&Body>,
    answer: &DirectAnswer,
    findings: &mut Vec<Finding>,
) {
    let text = String::from_utf8_lossy(&answer.body);
    if status != answer.status {
        let path = "response.status".to_owned();
        let body = cut(&text, SHOWN_BYTES_MAX);
        findings.push(Finding::Differs(Difference {
            path,
            expected: status.to_string(),
            got: format!("{} {body}", answer.status),
        }));
        // Of another answer all else differs as well.
        return;
    }
    for (name, expected) in headers {
        let sent = answer.headers.iter().filter(|(header, _)| header == name);
        let values: Vec<&str> = sent.map(|(_, value)| &**value).collect();
        let mut members = Map::new();
        if !values.is_empty() {
            members.insert(name.clone(), values.join(", ").into());
        }
        let expected = expected.as_member(name);
        let got = Value::Object(members);
        compare(&expected, &got, "response.headers", Rules::EXACT, findings);
    }
    match body {
        None => {}
        Some(Body::Text(expected)) => {
            let got = Value::String(text.into_owned());
            compare(expected, &got, "response.body", Rules::EXACT, findings);
        }
        Some(Body::Json(expected)) => match serde_json::from_slice(&answer.body) {
            Ok(got) => compare(expected, &got, "response.body", Rules::EXACT, findings),
            Err(_) => findings.push(Finding::Differs(Difference {
                path: "response.body".to_owned(),
                expected: expected.shown(),
                got: format!("no JSON: {}", text_of_body(&answer.body)),
            })),
        },
    }
}

pub(super) fn compare_log(case: &Case, log: &[Arc<KeptLine>], findings: &mut Vec<Finding>) {
    for expected in &case.logs {
        if !log.iter().any(|line| expected.is_in(&line.text)) {
            findings.push(Finding::Says(format!(
                "no line of the log has {}",
                expected.shown()
            )));
        }
    }
}

/// A statement is allowed that begins as one of these, whatever its white space.
pub(super) fn compare_statements<'a>(
    allowed: &[String],
    ran: impl Iterator<Item = &'a str>,
    findings: &mut Vec<Finding>,
) {
    let plain = |sql: &str| {
        let words: Vec<_> = sql.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let allowed: Vec<_> = allowed.iter().map(|sql| plain(sql)).collect();
    for sql in ran {
        let ran = plain(sql);
        if !allowed.iter().any(|allowed| ran.starts_with(&**allowed)) {
            let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
            let sql = cut(&sql, SHOWN_BYTES_MAX);
            let finding = format!("it ran a statement that the case does not allow: {sql}");
            findings.push(Finding::Says(finding));
        }
    }
}

pub(super) fn compare_events(
    case: &Case,
    rooms: &Rooms,
    before: &[i64],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    let Some(expected) = &case.emits else {
        return Ok(());
    };
    for (version, before) in rooms.versions.iter().zip(before) {
        let is_tested = Arc::ptr_eq(version, &rooms.versions[0]);
        let of = expected.iter().filter(|event| match &event.module {
            None => is_tested,
            Some(module) => module == version.name(),
        });
        let of: Vec<&Pattern> = of.map(|event| &event.event).collect();
        // Of other modules only what the case names.
        if of.is_empty() && !is_tested {
            continue;
        }
        let database = version.database().expect("a database");
        let events = database.events(*before, EVENTS_MAX)?;
        let got = events.iter().map(|event| {
            let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
            json!({"name": event.name, "data": data})
        });
        let path = match is_tested {
            true => "emits".to_owned(),
            false => format!("emits of {}", version.name()),
        };
        let expected = Pattern::list(&of);
        compare(&expected, &got.collect(), &path, Rules::EXACT, findings);
    }
    for event in expected {
        if let Err(reason) = rooms.version(event.module.as_deref()) {
            findings.push(Finding::Says(format!("emits: {reason}")));
        }
    }
    Ok(())
}

pub(super) fn compare_rows(query: &Query, rooms: &Rooms, findings: &mut Vec<Finding>) {
    let rows = rooms.version(query.module.as_deref()).and_then(|version| {
        let rows = session(version).query(&query.sql, &[]);
        rows.map_err(|error| error.to_string())
    });
    let path = cut(&query.sql, SHOWN_BYTES_MAX);
    match rows {
        Err(reason) => findings.push(Finding::Says(format!("after: {path}: {reason}"))),
        Ok(rows) => {
            let got = rows_in_json(&rows);
            compare(&query.rows, &got, &path, Rules::TYPED, findings);
        }
    }
}

/// Rows as lists of lists; a blob is the text of its bytes in hexadecimal.
fn rows_in_json(rows: &Rows) -> Value {
    let cells = rows.cells().map(|cell| match cell {
        SqlValue::Null => Value::Null,
        SqlValue::Integer(integer) => integer.into(),
        SqlValue::Real(real) => serde_json::Number::from_f64(real).into(),
        SqlValue::Text(text) => text.into(),
        SqlValue::Blob(bytes) => hex::encode(bytes).into(),
    });
    let cells: Vec<Value> = cells.collect();
    let columns = (rows.columns as usize).max(1);
    cells
        .chunks(columns)
        .map(|row| Value::Array(row.to_vec()))
        .collect()
}
