//! One play of a case with one seed: what is given is put there, the one thing is asked, and
//! what came of it is compared.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cases::{Actor, Body, Case, Given, Outcome, Query, Request, Subject, TableName};
use super::house::{House, Rooms};
use super::pattern::{Difference, Pattern, Rules, shown};
use crate::components::{self, Version, condition, context_of as question_of};
use crate::engine::{CallError, JsonReturned, Nesting, Question, Selecting};
use crate::http::{DirectAnswer, DirectRequest, respond_directly};
use crate::printable::cut;
use crate::storage::{DataFolder, SessionLimits, Value as SqlValue};
use crate::telemetry::{KeptLine, KeptLog};

/// The differences of one case that are shown.
const FINDINGS_MAX: usize = 20;
/// The lines of the log that are shown of one case.
const LINES_MAX: usize = 30;
/// The bytes that are shown of a text.
const SHOWN_BYTES_MAX: usize = 2_000;
/// Events of one case.
const EVENTS_MAX: u32 = 1_000;

/// What is not as a case has it.
pub(super) enum Finding {
    /// A value.
    Differs(Difference),
    /// Anything else.
    Says(String),
}

/// A play.
pub(super) struct Play {
    /// Empty where the case passes.
    pub findings: Vec<Finding>,
    /// The lines of the log, oldest first.
    pub log: Vec<Arc<KeptLine>>,
}

impl Play {
    /// The text of the lines that are shown.
    pub(super) fn log_lines(&self) -> Vec<String> {
        let over = self.log.len().saturating_sub(LINES_MAX);
        let mut lines = Vec::new();
        if over > 0 {
            lines.push(format!("… {over} lines before"));
        }
        for line in &self.log[over..] {
            lines.push(text_of(line));
        }
        lines
    }
}

fn text_of(line: &KeptLine) -> String {
    let text = cut(&line.text, SHOWN_BYTES_MAX);
    match line.is_own {
        true => format!("{} {text}", line.level),
        false => format!("{} host: {text}", line.level),
    }
}

/// What came of what is asked.
enum Got {
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

/// Where the log of each component stood.
struct Mark(Vec<(Arc<KeptLog>, u64)>);

impl Mark {
    fn of(rooms: &Rooms) -> Self {
        let names = rooms.versions.iter().map(|version| version.name());
        let logs = names.filter_map(KeptLog::of);
        Self(
            logs.map(|log| (log.clone(), log.last(0, tracing::Level::ERROR).next))
                .collect(),
        )
    }

    /// The lines since: all of the component under test, and the errors of others.
    fn lines(&self) -> Vec<Arc<KeptLine>> {
        let mut all = Vec::new();
        for (index, (log, number)) in self.0.iter().enumerate() {
            let mut lines = log.since(*number).lines;
            lines.retain(|line| index == 0 || line.level == tracing::Level::ERROR);
            all.extend(lines);
        }
        all.sort_by_key(|line| line.at);
        all
    }

    /// The errors since, of any component.
    fn errors(&self) -> Vec<Arc<KeptLine>> {
        let mut lines = self.lines();
        lines.retain(|line| line.level == tracing::Level::ERROR);
        lines
    }
}

/// The context of a hook: who asks, and what the case says beside.
pub(super) fn context_of(named: &Map<String, Value>, actor: Actor, request_id: &str) -> Value {
    let actor = actor.named();
    let actor = actor.map(|(kind, id)| json!({"kind": kind, "id": id}));
    let mut context = Map::from_iter([
        ("actor".to_owned(), actor.into()),
        ("request-id".to_owned(), request_id.into()),
    ]);
    context.extend(named.clone());
    Value::Object(context)
}

fn nesting_of(actor: Actor) -> Nesting {
    let named = actor.named();
    Nesting {
        caller: named.map_or("", |(_, id)| id).into(),
        actor: named.map(|(kind, _)| kind),
        reaches_others: true,
        ..Nesting::default()
    }
}

impl House {
    /// Plays a case.
    ///
    /// # Errors
    /// When the machine does not let it.
    pub(super) fn play(&self, case: &Case, seed: u64) -> anyhow::Result<Play> {
        let tested = match self.tested(case.settings.as_ref())? {
            Ok(tested) => tested,
            Err(faults) => {
                let mut findings = Vec::new();
                compare_outcome(case, Got::Faults(faults), &[], &mut findings);
                let log = Vec::new();
                return Ok(Play { findings, log });
            }
        };
        let rooms = self.rooms(&tested)?;
        self.trial.begin(seed);
        let mark = Mark::of(&rooms);
        let mut findings = Vec::new();
        if let Err(reason) = self.give(case, &rooms) {
            findings.push(Finding::Says(reason));
            let log = mark.lines();
            return Ok(Play { findings, log });
        }
        let events = rooms.versions.iter().map(|version| last_event(version));
        let events: Vec<i64> = events.collect::<Result<_, _>>()?;
        self.trial.take_statements();
        let mark = Mark::of(&rooms);
        let got = self.ask(case, &rooms);
        let statements = self.trial.take_statements();
        let errors = mark.errors();
        compare_outcome(case, got, &errors, &mut findings);
        let log = mark.lines();
        compare_log(case, &log, &mut findings);
        if let Some(allowed) = &case.statements {
            let own = |database| DataFolder::module_of(database) == Some(&self.name);
            let own = statements.iter().filter(|one| own(&one.database));
            compare_statements(allowed, own.map(|one| &*one.sql), &mut findings);
        }
        compare_events(case, &rooms, &events, &mut findings)?;
        for query in &case.after {
            compare_rows(query, &rooms, &mut findings);
        }
        findings.truncate(FINDINGS_MAX);
        if !self.trial.has_written() && errors.is_empty() {
            self.leave(rooms);
        }
        Ok(Play { findings, log })
    }

    /// Puts there what a case gives.
    fn give(&self, case: &Case, rooms: &Rooms) -> Result<(), String> {
        for given in &case.given {
            match given {
                Given::Row {
                    table,
                    columns,
                    place,
                } => {
                    insert(rooms, table, columns).map_err(|reason| format!("{place}: {reason}"))?
                }
                Given::Statement { sql, place } => {
                    let mut session = session(&rooms.versions[0]);
                    session
                        .execute(sql, &[])
                        .map_err(|error| format!("{place}: {error}"))?;
                }
                Given::Request { request, place } => {
                    let answer = self.request(request, Actor::USER);
                    let answer = answer.map_err(|reason| format!("{place}: {reason}"))?;
                    if answer.status >= 400 {
                        return Err(format!(
                            "{place}: the request before the case is answered with {}: {}",
                            answer.status,
                            text_of_body(&answer.body)
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    fn ask(&self, case: &Case, rooms: &Rooms) -> Got {
        let tested = &rooms.versions[0];
        let nesting = nesting_of(case.actor);
        match &case.subject {
            Subject::Request(request) => match self.request(request, case.actor) {
                Ok(answer) => Got::Response(answer),
                Err(reason) => Got::Failed(reason),
            },
            Subject::Hook {
                name,
                context,
                value,
            } => {
                let context = context_of(context, case.actor, &self.request_id());
                let call = match tested.read_hook(name, &context, value) {
                    Ok(call) => call,
                    Err(reason) => return Got::Failed(reason),
                };
                match tested.hook_in_json(&call, &nesting) {
                    Ok(returned) => Got::Turn(returned, call.value),
                    Err(error) => Got::Failed(error.to_string()),
                }
            }
            Subject::Fields { entity, names, ids } => {
                let context = question_of(case.actor.named(), &self.request_id());
                let question = Question {
                    context: &context,
                    entity,
                    of: (&**names, &**ids),
                };
                tested.fields_in_json(&question, &nesting).into()
            }
            Subject::Filter {
                entity,
                field,
                conditions,
            } => {
                let context = question_of(case.actor.named(), &self.request_id());
                let conditions = conditions.iter().cloned();
                let conditions: Vec<_> = conditions
                    .map(|(operator, values)| condition(operator, values))
                    .collect();
                let question = Question {
                    context: &context,
                    entity,
                    of: Selecting {
                        name: field,
                        conditions: &conditions,
                    },
                };
                tested.filter_in_json(&question, &nesting).into()
            }
            Subject::Call(call) => tested.call_in_json(call, &nesting).into(),
            Subject::Settings => Got::Faults(Vec::new()),
        }
    }

    fn request(&self, request: &Request, actor: Actor) -> Result<DirectAnswer, String> {
        let id = self.request_id();
        let actor = match actor {
            Actor::Nobody => None,
            Actor::Is(kind) => actor.named().map(|(_, id)| components::Actor {
                kind,
                id: id.to_owned(),
            }),
        };
        let request = DirectRequest {
            method: &request.method,
            target: &request.target,
            headers: &request.headers,
            body: request.body.clone(),
            body_bytes_max: self.body_bytes_max,
            actor,
            id: &id,
        };
        let routes = self.stage.routes();
        self.runtime.block_on(respond_directly(routes, request))
    }

    fn request_id(&self) -> String {
        self.trial.uuid().simple().to_string()
    }
}

/// A session of a component on its database, as its own calls have one.
fn session(version: &Version) -> crate::storage::Session {
    // Each version of a play has its database.
    let database = version.database().expect("a database");
    database.session(&SessionLimits::default())
}

fn insert(rooms: &Rooms, table: &TableName, columns: &Map<String, Value>) -> Result<(), String> {
    let version = rooms.version(table.module.as_deref())?;
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let names: Vec<_> = columns.keys().map(|name| quoted(name)).collect();
    let places: Vec<_> = (1..=columns.len())
        .map(|number| format!("${number}"))
        .collect();
    let (table, names, places) = (quoted(&table.table), names.join(", "), places.join(", "));
    let sql = match columns.is_empty() {
        true => format!("insert into {table} default values"),
        false => format!("insert into {table} ({names}) values ({places})"),
    };
    let values: Vec<_> = columns.values().map(sql_value).collect();
    let inserted = session(version).execute(&sql, &values);
    inserted.map(drop).map_err(|error| error.to_string())
}

/// A value of a column: true is 1, and a table or a list is its JSON.
fn sql_value(value: &Value) -> SqlValue {
    match value {
        Value::Null => SqlValue::Null,
        Value::Bool(flag) => SqlValue::Integer((*flag).into()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => SqlValue::Integer(integer),
            None => SqlValue::Real(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => SqlValue::Text(text.clone()),
        value => SqlValue::Text(value.to_string()),
    }
}

fn last_event(version: &Version) -> anyhow::Result<i64> {
    let database = version.database().expect("a database");
    let events = database.events(0, EVENTS_MAX)?;
    Ok(events.last().map_or(0, |event| event.id))
}

fn text_of_body(body: &[u8]) -> String {
    cut(&String::from_utf8_lossy(body), SHOWN_BYTES_MAX).into_owned()
}

fn compare(pattern: &Pattern, got: &Value, path: &str, rules: Rules, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    pattern.compare(got, path, rules, &mut found);
    findings.extend(found.into_iter().map(Finding::Differs));
}

fn compare_outcome(case: &Case, got: Got, errors: &[Arc<KeptLine>], findings: &mut Vec<Finding>) {
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

fn compare_log(case: &Case, log: &[Arc<KeptLine>], findings: &mut Vec<Finding>) {
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
fn compare_statements<'a>(
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

fn compare_events(
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

fn compare_rows(query: &Query, rooms: &Rooms, findings: &mut Vec<Finding>) {
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
fn rows_in_json(rows: &crate::storage::Rows) -> Value {
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
