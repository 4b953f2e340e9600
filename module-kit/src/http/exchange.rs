//! A request and its answer: what every handler reads and writes alike.

use crate::entity::{Columns, Entity};
use crate::extended::Extended;
use crate::fault::Fault;
use crate::filter::Search;
use crate::records::Records;
use crate::store::{Page, Read, Searches};

use super::body::Body;
use super::budget::Budget;
use super::fields::Selection;
use super::json::{self, Out, Things};
use super::parameters::{self, Filters, List, Paging};

/// A request to one of the routes.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What stood for the `{name}` segments of the path.
    pub path: &'a [String],
    /// All after the `?`.
    pub query: &'a str,
    /// The body, which may be empty.
    pub body: &'a [u8],
    /// The id of who makes it.
    pub actor: Option<&'a str>,
    /// What its answer may take.
    pub budget: Budget,
    /// What other components provide for the things that it shows.
    pub extended: &'a dyn Extended,
}

/// An answer. Its body is JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// What every handler returns: the body of its success.
pub type Answer = Result<Vec<u8>, Fault>;

impl Request<'_> {
    /// The segment of the path at this index.
    pub fn segment(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }

    /// The body, as a reader of bodies takes it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read<T>(&self, read: impl FnOnce(&mut Body) -> T) -> Result<T, Fault> {
        Body::read(self.body, read)
    }

    /// Who makes it, as it is kept.
    pub fn created_by(&self) -> Option<String> {
        self.actor.map(str::to_owned)
    }
}

/// The answer to a request that failed. The second part is for the log.
pub fn failed(fault: Fault) -> (Response, Option<String>) {
    let mut more = Vec::new();
    let (status, kind, message) = match fault {
        Fault::NotFound(text) => (404, "not_found", text),
        Fault::Invalid(text) => (400, "invalid_data", format!("Invalid request: {text}")),
        fault @ Fault::TooMuch(_) => (400, "invalid_data", format!("Invalid request: {fault}")),
        Fault::Duplicate(text) => (400, "invalid_data", text),
        Fault::Rejected(rejection) => {
            more.extend(rejection.field.map(|field| ("field", field)));
            more.extend(rejection.code.map(|code| ("code", code)));
            (400, "invalid_data", rejection.message)
        }
        Fault::Unavailable(text) => (503, "unavailable", text),
        Fault::Internal(text) => {
            let body = br#"{"code":"unknown_error","type":"unknown_error","message":"An unknown error occurred."}"#;
            return (
                Response {
                    status: 500,
                    body: body.to_vec(),
                },
                Some(text),
            );
        }
    };
    let mut body = format!("{{\"type\":\"{kind}\",\"message\":").into_bytes();
    json::write_text(&mut body, &message);
    for (key, value) in more {
        body.extend_from_slice(format!(",\"{key}\":").as_bytes());
        json::write_text(&mut body, &value);
    }
    body.push(b'}');
    (Response { status, body }, None)
}

/// A list: `{"<name>":[…],"count":…,"offset":…,"limit":…}`.
///
/// # Errors
/// When the store cannot serve, or the answer is larger than its budget.
pub fn list(
    reads: &impl Read,
    request: Request<'_>,
    (name, entity): (&str, &'static Entity),
    list: &List,
    search: impl FnOnce(&Search, Columns) -> Result<Page, Fault>,
) -> Answer {
    let budget = request.budget;
    let written = || {
        let page = search(&list.search, list.selection.read())?;
        let mut things = Things::load(reads, budget, (entity, &list.selection), page.records)?;
        things.extend(request.extended, budget, false)?;
        let mut out = Out::new(budget, &format!("{{\"{name}\":"));
        things.write_all(&mut out)?;
        out.end(&format!(
            ",\"count\":{},\"offset\":{},\"limit\":{}}}",
            page.count, list.search.offset, list.search.limit
        ))
    };
    written().map_err(|fault| {
        advise(
            fault,
            "fewer at once with 'limit', or less of each with 'fields'",
        )
    })
}

/// The list that a request asks for, straight from a store: all that its query may say,
/// and what the entity's own routes show where it says nothing.
///
/// # Errors
/// As [`list`], and when a parameter is wrong or not known.
pub fn search(
    store: &impl Searches,
    request: Request<'_>,
    (name, filters): (&str, &Filters),
    paging: Paging,
) -> Answer {
    let entity = filters.entity;
    let shown = Selection::shown(entity);
    let asked = parameters::list(filters, request.query, request.extended, paging, &shown)?;
    list(store, request, (name, entity), &asked, |search, columns| {
        Ok(store.search(entity, search, columns)?)
    })
}

/// One thing that was read: `{"<name>":{…}}`.
///
/// # Errors
/// When the store cannot serve, or the answer is larger than its budget.
pub fn one(
    reads: &(impl Read + ?Sized),
    request: Request<'_>,
    (name, entity): (&str, &'static Entity),
    selection: &Selection,
    record: Records,
) -> Answer {
    let read = || {
        let mut things = Things::load(reads, request.budget, (entity, selection), record)?;
        things.extend(request.extended, request.budget, false)?;
        thing(&things, request.budget, &start_of_one(name))
    };
    read().map_err(advise_on_one)
}

/// One thing that is being written: `{"<name>":{…}}`, to be answered once it is kept.
///
/// # Errors
/// As [`one`].
pub fn prepare<'a>(
    reads: &(impl Read + ?Sized),
    request: Request<'a>,
    (name, entity): (&str, &'static Entity),
    selection: &'a Selection,
    record: Records,
) -> Result<Prepared<'a>, Fault> {
    Prepared::new(
        reads,
        request,
        start_of_one(name),
        (entity, selection),
        record,
    )
}

fn start_of_one(name: &str) -> String {
    format!("{{\"{name}\":")
}

/// A deletion: `{"id":…,"object":…,"deleted":true}`.
pub fn deleted(id: &str, object: &str) -> Vec<u8> {
    (deletion(id, object) + "}").into_bytes()
}

/// A deletion, and what the thing belonged to: `{"id":…,"object":…,"deleted":true,"parent":{…}}`,
/// to be answered once it is kept.
///
/// # Errors
/// When the store cannot serve, or the answer is larger than its budget.
pub fn prepare_deleted_of<'a>(
    reads: &(impl Read + ?Sized),
    request: Request<'a>,
    (id, object): (&str, &str),
    shown: (&'static Entity, &'a Selection),
    record: Records,
) -> Result<Prepared<'a>, Fault> {
    let start = deletion(id, object) + ",\"parent\":";
    Prepared::new(reads, request, start, shown, record)
}

/// The answer to a write, within its budget. It is made before the write is kept: what
/// cannot be answered is not kept. Other components are asked afterwards, while no other
/// writer waits.
pub struct Prepared<'a> {
    /// The answer without what other components provide.
    body: Vec<u8>,
    /// What they are asked about.
    open: Option<Open<'a>>,
}

struct Open<'a> {
    start: String,
    things: Things<'a>,
    request: Request<'a>,
}

impl<'a> Prepared<'a> {
    fn new(
        reads: &(impl Read + ?Sized),
        request: Request<'a>,
        start: String,
        shown: (&'static Entity, &'a Selection),
        record: Records,
    ) -> Result<Self, Fault> {
        let load = || {
            let things = Things::load(reads, request.budget, shown, record)?;
            let body = thing(&things, request.budget, &start)?;
            Ok((things, body))
        };
        let (things, body) = load().map_err(advise_on_one)?;
        let open = things.reaches_others().then_some(Open {
            start,
            things,
            request,
        });
        Ok(Self { body, open })
    }

    /// The answer to what is kept. What other components provide is left out where it is
    /// larger than the budget.
    pub fn written(self) -> Vec<u8> {
        let Some(Open {
            start,
            mut things,
            request,
        }) = self.open
        else {
            return self.body;
        };
        let extended = things.extend(request.extended, request.budget, true);
        extended
            .and_then(|()| thing(&things, request.budget, &start))
            .unwrap_or(self.body)
    }
}

/// A deletion without its end.
fn deletion(id: &str, object: &str) -> String {
    let id = serde_json::Value::from(id);
    format!("{{\"id\":{id},\"object\":\"{object}\",\"deleted\":true")
}

/// One thing as the last part of an object that starts like this.
fn thing(things: &Things<'_>, budget: Budget, start: &str) -> Answer {
    let mut out = Out::new(budget, start);
    things.write(&mut out, 0)?;
    out.end("}")
}

fn advise_on_one(fault: Fault) -> Fault {
    advise(fault, "less of it with 'fields'")
}

/// Names the reduction that makes a request small enough.
fn advise(fault: Fault, what: &str) -> Fault {
    match fault {
        Fault::TooMuch(text) => Fault::TooMuch(format!("{text}; ask for {what}")),
        fault => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::failed;
    use crate::fault::{Fault, Rejection};

    fn check(field: Option<&str>, code: Option<&str>, body: &str) {
        let rejection = Rejection {
            message: "No \"such\" addresses".to_owned(),
            field: field.map(str::to_owned),
            code: code.map(str::to_owned),
        };
        let (response, complaint) = failed(Fault::Rejected(rejection));
        assert_eq!(response.status, 400);
        assert_eq!(String::from_utf8(response.body).unwrap(), body);
        assert_eq!(complaint, None);
    }

    #[test]
    fn a_rejection_is_answered_with_its_field_and_its_code_where_it_has_them() {
        let plain = r#"{"type":"invalid_data","message":"No \"such\" addresses""#;
        check(None, None, &format!("{plain}}}"));
        check(
            Some("email"),
            Some("disposable"),
            &format!(r#"{plain},"field":"email","code":"disposable"}}"#),
        );
        check(None, Some("x"), &format!(r#"{plain},"code":"x"}}"#));
    }
}
