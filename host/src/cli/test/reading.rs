//! Reads the cases of a file. Checks the file alone; what the component has is checked where it
//! is loaded.

use std::path::Path;

use serde_json::{Map, Value};

use super::cases::{Actor, Case, Cases, Given, Grants, Request, Settings, Subject, TableName};
use super::document::{Document, Fault, Node, Place, Table};
use super::expected::{read_after, read_emits, read_outcome};
use super::pattern::{Pattern, given};
use crate::components::PathPrefix;

/// The cases of a file.
const CASES_MAX: usize = 10_000;
/// The keys of a file.
const FILE: [&str; 6] = [
    "settings",
    "grants",
    "modules",
    "beside",
    "path_prefixes",
    "case",
];
/// The keys of a case.
const CASE: [&str; 24] = [
    "name",
    "settings",
    "rows",
    "sql",
    "before",
    "actor",
    "request",
    "hook",
    "context",
    "value",
    "fields",
    "filter",
    "call",
    "event",
    "faults",
    "response",
    "returns",
    "unchanged",
    "rejects",
    "fails",
    "logs",
    "emits",
    "after",
    "statements",
];
/// The keys of a case that ask something.
const SUBJECTS: [&str; 6] = ["request", "hook", "fields", "filter", "call", "faults"];

/// Reads a file of cases.
///
/// # Errors
/// With every fault: the file's, or one of each case.
pub(super) fn read(path: &Path) -> Result<Cases, Vec<Fault>> {
    let document = Document::read(path).map_err(|fault| vec![fault])?;
    let folder = path.parent().unwrap_or(Path::new(""));
    document.parse(&FILE, |table| read_file(table, folder))
}

fn read_file(mut file: Table<'_>, folder: &Path) -> Result<Cases, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut cases = Vec::new();
    let add = |node: Node<'_>, cases: &mut Vec<Case>, faults: &mut Vec<Fault>| {
        let read = node.table_of("case", &CASE).and_then(read_case);
        match read {
            Ok(case) if cases.iter().any(|other| other.name == case.name) => {
                let name = case.name.escape_debug();
                faults.push(node.place.fault(format!("there are two cases '{name}'")));
            }
            Ok(case) => cases.push(case),
            Err(fault) => faults.push(fault),
        }
    };
    let place = file.place;
    let listed = file.take("case");
    match listed.map(|node| node.list("case")) {
        None => faults.push(place.fault("the file has no case: write [[case]]")),
        Some(Err(fault)) => faults.push(fault),
        Some(Ok(nodes)) if nodes.len() > CASES_MAX => {
            faults.push(place.fault(format!("the file has more than {CASES_MAX} cases")));
        }
        Some(Ok(nodes)) => {
            for node in nodes {
                add(node, &mut cases, &mut faults);
            }
        }
    }
    match read_head(file, folder) {
        Ok(head) if faults.is_empty() => Ok(Cases { cases, ..head }),
        Ok(_) => Err(faults),
        Err(fault) => {
            faults.insert(0, fault);
            Err(faults)
        }
    }
}

/// All but the cases.
fn read_head(mut file: Table<'_>, folder: &Path) -> Result<Cases, Fault> {
    let settings = file.take("settings");
    let settings_at = settings.map(|node| place_of(node.place));
    let settings = settings.map(read_settings).transpose()?;
    let grants = match file.take("grants") {
        None => None,
        Some(node) => Some(Grants {
            names: node.texts("grants")?,
            place: place_of(node.place),
        }),
    };
    let mut modules = Vec::new();
    if let Some(node) = file.take("modules") {
        for (name, node) in node.table("modules")?.take_all() {
            modules.push((name.to_owned(), read_settings(node)?));
        }
    }
    let beside = match file.take("beside") {
        None => Vec::new(),
        Some(node) => node.texts("beside")?,
    };
    let path_prefixes = file.take("path_prefixes").map(read_prefixes).transpose()?;
    Ok(Cases {
        path_prefixes,
        settings: settings.unwrap_or_default(),
        settings_at,
        grants,
        modules,
        beside: beside.iter().map(|path| folder.join(path)).collect(),
        cases: Vec::new(),
    })
}

fn read_prefixes(node: Node<'_>) -> Result<Vec<PathPrefix>, Fault> {
    let texts = node.texts("path_prefixes")?;
    let prefixes = texts.iter().map(|text| PathPrefix::parse(text));
    let prefixes: Result<_, _> = prefixes.collect();
    prefixes.map_err(|error| node.place.fault(format!("path_prefixes: {error}")))
}

fn read_settings(node: Node<'_>) -> Result<Settings, Fault> {
    let entries = node.table("settings")?.take_all().into_iter();
    let entries = entries.map(|(key, node)| Ok((key.to_owned(), node.setting(key)?)));
    let mut settings: Settings = entries.collect::<Result<_, _>>()?;
    settings.sort();
    Ok(settings)
}

fn place_of(place: Place<'_>) -> String {
    // A fault without a reason is a place.
    let place = place.fault("").0;
    place.trim_end_matches([' ', ':']).to_owned()
}

pub(super) fn pattern(node: Node<'_>) -> Result<Pattern, Fault> {
    Pattern::new(node.json()?).map_err(|reason| node.place.fault(reason))
}

pub(super) fn patterns(node: Node<'_>, what: &str) -> Result<Vec<Pattern>, Fault> {
    let items = node.list(what)?.into_iter();
    items
        .map(|item| {
            item.text(what)?;
            pattern(item)
        })
        .collect()
}

fn read_case(mut case: Table<'_>) -> Result<Case, Fault> {
    let place = case.place;
    let name = case.require("name")?.text("name")?;
    if name.trim().is_empty() || name.contains('\n') {
        return Err(place.fault("the name of a case is one line"));
    }
    let settings = case.take("settings").map(read_settings).transpose()?;
    let given = read_given(&mut case)?;
    let actor = read_actor(&mut case)?;
    let (subject, asked) = read_subject(&mut case)?;
    let outcome = read_outcome(&mut case, &subject, asked)?;
    let logs = case.take("logs").map(|node| patterns(node, "logs"));
    let emits = case.take("emits").map(read_emits).transpose()?;
    let after = case.take("after").map(read_after).transpose()?;
    let statements = case.take("statements").map(|node| node.texts("statements"));
    case.end()?;
    Ok(Case {
        name,
        place: place_of(place),
        asked_at: place_of(asked.place),
        settings,
        given,
        actor,
        subject,
        outcome,
        logs: logs.transpose()?.unwrap_or_default(),
        emits,
        after: after.unwrap_or_default(),
        statements: statements.transpose()?,
    })
}

fn read_actor(case: &mut Table<'_>) -> Result<Actor, Fault> {
    let Some(node) = case.take("actor") else {
        return Ok(Actor::USER);
    };
    let name = node.text("actor")?;
    let known = Actor::NAMES.iter().find(|(known, _)| *known == name);
    known.map(|(_, actor)| *actor).ok_or_else(|| {
        let names = Actor::NAMES.map(|(name, _)| name).join(", ");
        node.place.fault(format!(
            "there is no actor {}; there is {names}",
            name.escape_debug()
        ))
    })
}

fn read_given(case: &mut Table<'_>) -> Result<Vec<Given>, Fault> {
    let mut all = Vec::new();
    if let Some(node) = case.take("rows") {
        for (name, node) in node.table("table of rows")?.take_all() {
            for row in node.list(name)? {
                let table = match name.split_once('.') {
                    Some((module, table)) => TableName {
                        module: Some(module.to_owned()),
                        table: table.to_owned(),
                    },
                    None => TableName {
                        module: None,
                        table: name.to_owned(),
                    },
                };
                let Value::Object(columns) = given(row.json()?) else {
                    return Err(row.wrong("a row", "a table of columns"));
                };
                let place = place_of(row.place);
                all.push(Given::Row {
                    table,
                    columns,
                    place,
                });
            }
        }
    }
    if let Some(node) = case.take("sql") {
        for statement in node.list("sql")? {
            all.push(Given::Statement {
                sql: statement.text("a statement")?,
                place: place_of(statement.place),
            });
        }
    }
    if let Some(node) = case.take("before") {
        for node in node.list("before")? {
            all.push(Given::Request {
                request: read_request(node)?,
                place: place_of(node.place),
            });
        }
    }
    Ok(all)
}

/// What a case asks, and the node that says so.
fn read_subject<'a>(case: &mut Table<'a>) -> Result<(Subject, Node<'a>), Fault> {
    let place = case.place;
    if let Some(node) = case.take("event") {
        return Err(node
            .place
            .fault("a case cannot give a component an event: this host calls no subscribers"));
    }
    let mut asked: Vec<(&'static str, Node<'a>)> = Vec::new();
    for key in SUBJECTS {
        asked.extend(case.take(key).map(|node| (key, node)));
    }
    let (key, node) = match *asked {
        [(key, node)] => (key, node),
        [] => {
            return Err(place.fault(format!(
                "the case asks nothing: write one of {}",
                SUBJECTS.join(", ")
            )));
        }
        [(one, _), (other, node), ..] => {
            return Err(node.place.fault(format!(
                "the case asks two things, {one} and {other}: make two cases of it"
            )));
        }
    };
    let subject = match key {
        "request" => Subject::Request(read_request(node)?),
        "hook" => Subject::Hook {
            name: node.text("hook")?,
            value: given(case.require("value")?.json()?),
            context: match case.take("context").map(|node| (node, node.json())) {
                None => Map::new(),
                Some((_, Ok(Value::Object(fields)))) => match given(Value::Object(fields)) {
                    Value::Object(fields) => fields,
                    _ => Map::new(),
                },
                Some((_, Err(fault))) => return Err(fault),
                Some((node, Ok(_))) => return Err(node.wrong("context", "a table")),
            },
        },
        "fields" => read_fields(node.table_of("table of fields", &["entity", "names", "ids"])?)?,
        "filter" => read_filter(node.table_of("filter", &["entity", "field", "conditions"])?)?,
        "call" => Subject::Call(node.text("call")?),
        _ => Subject::Settings,
    };
    Ok((subject, node))
}

fn read_fields(mut fields: Table<'_>) -> Result<Subject, Fault> {
    let subject = Subject::Fields {
        entity: fields.require("entity")?.text("entity")?,
        names: fields.require("names")?.texts("names")?,
        ids: fields.require("ids")?.texts("ids")?,
    };
    Ok(subject)
}

fn read_filter(mut filter: Table<'_>) -> Result<Subject, Fault> {
    let (entity, field) = (filter.require("entity")?, filter.require("field")?);
    let nodes = filter.require("conditions")?.list("conditions")?;
    let conditions = nodes.into_iter().map(|node| {
        let mut condition = node.table_of("condition", &["operator", "values"])?;
        let read = (
            condition.require("operator")?.text("operator")?,
            condition.require("values")?.texts("values")?,
        );
        Ok(read)
    });
    let subject = Subject::Filter {
        entity: entity.text("entity")?,
        field: field.text("field")?,
        conditions: conditions.collect::<Result<_, _>>()?,
    };
    Ok(subject)
}

fn read_request(node: Node<'_>) -> Result<Request, Fault> {
    let mut request = node.table_of("request", &["method", "path", "query", "headers", "body"])?;
    let method = match request.take("method") {
        Some(node) => node.text("method")?,
        None => "GET".to_owned(),
    };
    let path = request.require("path")?.text("path")?;
    let query = request.take("query").map(|node| node.text("query"));
    let mut headers = Vec::new();
    if let Some(node) = request.take("headers") {
        for (name, node) in node.table("table of headers")?.take_all() {
            headers.push((name.to_ascii_lowercase(), node.text(name)?));
        }
    }
    let body = match request.take("body") {
        None => Vec::new(),
        Some(node) => match node.json()? {
            // As it is, whether or not it is JSON.
            Value::String(text) => text.into_bytes(),
            value => given(value).to_string().into_bytes(),
        },
    };
    let target = match query.transpose()? {
        None => path,
        Some(query) => format!("{path}?{}", query.trim_start_matches('?')),
    };
    Ok(Request {
        method,
        target,
        headers,
        body,
    })
}
