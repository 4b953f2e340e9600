//! One play of a case with one seed: what is given is put there, and the one thing is asked.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cases::{Actor, Case, Given, Request, Subject, TableName};
use super::comparing::{
    Finding, Got, compare_events, compare_log, compare_outcome, compare_rows, compare_statements,
    text_of_body,
};
use super::house::{House, Rooms};
use crate::components::{self, Version, condition, context_of as question_of};
use crate::engine::{Nesting, Question, Selecting};
use crate::http::{DirectAnswer, DirectRequest, respond_directly};
use crate::printable::cut;
use crate::storage::{DataFolder, Session, SessionLimits, Value as SqlValue};
use crate::telemetry::{KeptLine, KeptLog};

/// The differences of one case that are shown.
const FINDINGS_MAX: usize = 20;
/// The lines of the log that are shown of one case.
const LINES_MAX: usize = 30;
/// The bytes that are shown of a text.
pub(super) const SHOWN_BYTES_MAX: usize = 2_000;
/// Events of one case.
pub(super) const EVENTS_MAX: u32 = 1_000;

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
pub(super) fn session(version: &Version) -> Session {
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
