//! Reads what has to come of a case.

use serde_json::{Map, Value};

use super::cases::{Body, Emitted, Outcome, Query, Subject};
use super::document::{Fault, Node, Table};
use super::pattern::Pattern;
use super::reading::{pattern, patterns};

pub(super) fn read_outcome(
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

pub(super) fn read_emits(node: Node<'_>) -> Result<Vec<Emitted>, Fault> {
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

pub(super) fn read_after(node: Node<'_>) -> Result<Vec<Query>, Fault> {
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
