//! The cases of a file: what is given, the one thing that is asked, and what has to come of it.
//! Reads and checks the file alone; what the component has is checked where it is loaded.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::document::{Document, Fault, Node, Place, Table};
use super::pattern::{Pattern, given};
use crate::components::{ActorKind, PathPrefix};

/// The cases of a file.
const CASES_MAX: usize = 10_000;

/// Settings of a component, sorted by their keys.
pub(super) type Settings = Vec<(String, String)>;

/// A file of cases.
pub(super) struct Cases {
    pub settings: Settings,
    /// Where they are.
    pub settings_at: Option<String>,
    /// `None` is all that the component wants.
    pub grants: Option<Grants>,
    /// Settings of other components, by their names.
    pub modules: Vec<(String, Settings)>,
    /// Files of components that are served beside it.
    pub beside: Vec<PathBuf>,
    /// The paths below which its routes may lie, where they are others than usual.
    pub path_prefixes: Option<Vec<PathPrefix>>,
    pub cases: Vec<Case>,
}

/// What the component is granted.
pub(super) struct Grants {
    pub names: Vec<String>,
    pub place: String,
}

/// A case.
pub(super) struct Case {
    pub name: String,
    /// Where it is, with the file.
    pub place: String,
    /// Where it says what it asks.
    pub asked_at: String,
    /// Those of the component, where they are others than those of the file.
    pub settings: Option<Settings>,
    pub given: Vec<Given>,
    pub actor: Actor,
    pub subject: Subject,
    pub outcome: Outcome,
    pub logs: Vec<Pattern>,
    pub emits: Option<Vec<Emitted>>,
    pub after: Vec<Query>,
    /// How the statements begin that the component may run; `None` is any.
    pub statements: Option<Vec<String>>,
}

/// Who makes what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Nobody,
    Is(ActorKind),
}

impl Actor {
    pub(super) const USER: Self = Self::Is(ActorKind::User);
    const NAMES: [(&str, Self); 3] = [
        ("user", Self::USER),
        ("api-key", Self::Is(ActorKind::ApiKey)),
        ("nobody", Self::Nobody),
    ];

    /// The kind and the id.
    pub(super) fn named(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Nobody => None,
            Self::Is(kind) => Some((
                kind.name(),
                match kind {
                    ActorKind::User => "user_00000000000000000000000001",
                    ActorKind::ApiKey => "apk_00000000000000000000000001",
                },
            )),
        }
    }
}

/// What is there before.
pub(super) enum Given {
    /// A row of a table: its columns and their values.
    Row {
        table: TableName,
        columns: Map<String, Value>,
        place: String,
    },
    /// A statement in the component's database.
    Statement { sql: String, place: String },
    /// A request that has to succeed.
    Request { request: Request, place: String },
}

/// A table: the module, where it is another one, and the name.
pub(super) struct TableName {
    pub module: Option<String>,
    pub table: String,
}

/// A request.
pub(super) struct Request {
    pub method: String,
    /// The path with its query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The one thing that a case asks.
pub(super) enum Subject {
    Request(Request),
    Hook {
        name: String,
        context: Map<String, Value>,
        value: Value,
    },
    Fields {
        entity: String,
        names: Vec<String>,
        ids: Vec<String>,
    },
    Filter {
        entity: String,
        field: String,
        conditions: Vec<(String, Vec<String>)>,
    },
    Call(String),
    /// What the component says of its settings.
    Settings,
}

/// What has to come of it.
pub(super) enum Outcome {
    Response {
        status: u16,
        headers: Vec<(String, Pattern)>,
        body: Option<Body>,
    },
    Returns(Pattern),
    Unchanged,
    Rejects(Pattern),
    /// A trap, an exception, an answer that is none.
    Fails(Pattern),
    /// The faults of the settings.
    Faults(Vec<Pattern>),
}

/// The body of a response.
pub(super) enum Body {
    Json(Pattern),
    Text(Pattern),
}

/// An event.
pub(super) struct Emitted {
    /// The module, where it is another one.
    pub module: Option<String>,
    pub event: Pattern,
}

/// A query after the case.
pub(super) struct Query {
    pub module: Option<String>,
    pub sql: String,
    pub rows: Pattern,
}

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

fn pattern(node: Node<'_>) -> Result<Pattern, Fault> {
    Pattern::new(node.json()?).map_err(|reason| node.place.fault(reason))
}

fn patterns(node: Node<'_>, what: &str) -> Result<Vec<Pattern>, Fault> {
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

fn read_outcome(
    case: &mut Table<'_>,
    subject: &Subject,
    asked: Node<'_>,
) -> Result<Outcome, Fault> {
    if let Subject::Settings = subject {
        return Ok(Outcome::Faults(patterns(asked, "faults")?));
    }
    let allowed: &[&'static str] = match subject {
        Subject::Request(_) => &["response", "fails"],
        Subject::Hook { .. } => &["returns", "unchanged", "rejects", "fails"],
        _ => &["returns", "rejects", "fails"],
    };
    let place = case.place;
    let mut said: Vec<(&'static str, Node<'_>)> = Vec::new();
    for key in ["response", "returns", "unchanged", "rejects", "fails"] {
        said.extend(case.take(key).map(|node| (key, node)));
    }
    let (key, node) = match *said {
        [(key, node)] if allowed.contains(&key) => (key, node),
        [(key, node)] => {
            return Err(node.place.fault(format!(
                "what is asked has no {key}: write one of {}",
                allowed.join(", ")
            )));
        }
        [] => {
            return Err(place.fault(format!(
                "the case does not say what comes back: write one of {}",
                allowed.join(", ")
            )));
        }
        [(one, _), (other, node), ..] => {
            return Err(node.place.fault(format!(
                "the case expects two things, {one} and {other}: one of them alone can come back"
            )));
        }
    };
    Ok(match key {
        "response" => read_response(node)?,
        "returns" => Outcome::Returns(pattern(node)?),
        "rejects" => Outcome::Rejects(pattern(node)?),
        "unchanged" => match node.flag("unchanged")? {
            true => Outcome::Unchanged,
            false => {
                return Err(node.place.fault("unchanged is true, or left out"));
            }
        },
        _ => {
            node.text("fails")?;
            Outcome::Fails(pattern(node)?)
        }
    })
}

fn read_response(node: Node<'_>) -> Result<Outcome, Fault> {
    let mut response = node.table_of("response", &["status", "headers", "body"])?;
    let status = response.require("status")?;
    let number = status
        .json()?
        .as_u64()
        .and_then(|number| u16::try_from(number).ok());
    let number = number.filter(|number| (100..600).contains(number));
    let status = number.ok_or_else(|| status.place.fault("status is a number from 100 to 599"))?;
    let mut headers = Vec::new();
    if let Some(node) = response.take("headers") {
        for (name, node) in node.table("table of headers")?.take_all() {
            node.text(name)?;
            headers.push((name.to_ascii_lowercase(), pattern(node)?));
        }
    }
    let body = response.take("body").map(read_body).transpose()?;
    Ok(Outcome::Response {
        status,
        headers,
        body,
    })
}

/// A text that begins as JSON is JSON, in which null and deep values are easier to write.
fn read_body(node: Node<'_>) -> Result<Body, Fault> {
    let value = node.json()?;
    let Value::String(text) = &value else {
        return pattern(node).map(Body::Json);
    };
    if !text.trim_start().starts_with(['{', '[']) {
        return pattern(node).map(Body::Text);
    }
    let read = serde_json::from_str(text).map_err(|error| error.to_string());
    read.and_then(Pattern::new)
        .map(Body::Json)
        .map_err(|reason| node.place.fault(format!("body: {reason}")))
}

fn read_emits(node: Node<'_>) -> Result<Vec<Emitted>, Fault> {
    let nodes = node.list("emits")?.into_iter();
    let events = nodes.map(|node| {
        let mut event = node.table_of("event", &["module", "name", "data"])?;
        let module = event.take("module").map(|node| node.text("module"));
        let name = event.require("name")?.json()?;
        let mut members = Map::from_iter([("name".to_owned(), name)]);
        let data = event.take("data").map(|node| node.json()).transpose()?;
        members.insert("data".to_owned(), data.unwrap_or_else(|| "<any>".into()));
        let event = Pattern::new(Value::Object(members));
        Ok(Emitted {
            module: module.transpose()?,
            event: event.map_err(|reason| node.place.fault(reason))?,
        })
    });
    events.collect()
}

fn read_after(node: Node<'_>) -> Result<Vec<Query>, Fault> {
    let nodes = node.list("after")?.into_iter();
    let queries = nodes.map(|node| {
        let mut query = node.table_of("query", &["module", "sql", "rows"])?;
        let module = query.take("module").map(|node| node.text("module"));
        let sql = query.require("sql")?.text("sql")?;
        let rows = query.require("rows")?;
        for row in rows.list("rows")? {
            row.list("a row")?;
        }
        let rows = pattern(rows)?;
        Ok(Query {
            module: module.transpose()?,
            sql,
            rows,
        })
    });
    queries.collect()
}
