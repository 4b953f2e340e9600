//! A case: what is given, the one thing that is asked, and what has to come of it.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::pattern::Pattern;
use crate::components::{ActorKind, PathPrefix};

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
    /// The words for them.
    pub(super) const NAMES: [(&str, Self); 3] = [
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
