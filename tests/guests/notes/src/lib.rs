//! Notes, as a module of their own: a table, a list with the whole query language, a
//! create, and OpenAPI of both.

#![cfg(target_family = "wasm")]

use std::rc::Rc;

use wares_module_kit::component::export;
use wares_module_kit::prelude::*;

static NOTE: Entity = Entity {
    name: "Note",
    columns: &[
        Column::key("id"),
        Column::key("title"),
        Column::text("body"),
        Column::METADATA,
        Column::text("created_by"),
        Column::time("created_at"),
        Column::time("updated_at"),
        Column::DELETED_AT,
    ],
    shown: 8,
    nested: &[0, 1, 2, 3, 4, 5, 6, 7],
    relations: &[],
    table: Table::plain(
        "note",
        "n",
        "n.id, n.title, n.body, n.metadata, n.created_by, n.created_at, n.updated_at, n.deleted_at",
    ),
};

static FILTERS: Filters = Filters {
    entity: &NOTE,
    parameters: &[
        Parameter::operators("id"),
        Parameter::exact("title"),
        Parameter::times("created_at"),
    ],
    logic: true,
};

const INSERT: &str = "
    insert into note (id, title, body, metadata, created_by, created_at, updated_at, search_text)
    values ($1, $2, $3, $4, $5, $6, $7, casefold($8))";

/// How notes stand in an answer, and what their list may be filtered by.
const LIST: (&str, &Filters) = ("notes", &FILTERS);
const ONE: (&str, &Entity) = ("note", &NOTE);

struct Notes(SqlStore<Database>);

struct NewNote {
    title: String,
    body: Option<String>,
    metadata: Option<Metadata>,
}

fn read(body: &mut Body) -> NewNote {
    let new = NewNote {
        title: body.name("title").unwrap_or_default(),
        body: body.text("body").optional(),
        metadata: body.object("metadata").optional(),
    };
    let mut issues = nuls(&[("title", Some(&new.title)), ("body", new.body.as_deref())]);
    if new.title.is_empty() {
        issues.push(Issue::required("title"));
    }
    issues.extend(new.metadata.as_ref().and_then(Metadata::issue_of_new));
    body.issues.rules(issues);
    new
}

fn list(notes: &Notes, request: Request<'_>) -> Answer {
    exchange::search(&notes.0, request, LIST, Paging::MEDUSA)
}

fn create(notes: &Notes, request: Request<'_>) -> Answer {
    let new = request.read(read)?;
    let shown = parameters::fields(&NOTE, request.query, &Selection::shown(&NOTE))?;
    let (id, now) = (ids::new("note_"), clock::now());
    let row = [
        Cell::Text(&id),
        Cell::Text(&new.title),
        Cell::optional(new.body.as_deref()),
        Cell::optional(new.metadata.as_ref().map(Metadata::text)),
        Cell::optional(request.actor),
        Cell::Text(&now),
        Cell::Text(&now),
        Cell::Null,
    ];
    let words = searched([Some(&new.title), new.body.as_deref()]);
    let transaction = notes.0.begin()?;
    let parameters = [&row[..7], &[Cell::Text(&words)]].concat();
    let taken = || format!("Note with title: {}, already exists.", new.title);
    transaction
        .execute(INSERT, &parameters)
        .map_err(|error| error.or_taken(taken))?;
    transaction.emit("note.created", &id)?;
    let answer = exchange::prepare(
        &transaction,
        request,
        ONE,
        &shown,
        Records::row(&row),
    )?;
    transaction.commit()?;
    Ok(answer.written())
}

impl Module for Notes {
    type Domain = Self;
    type Settings = ();

    const NAME: &'static str = "notes";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "Notes";
    const ENTITIES: &'static [&'static Entity] = &[&NOTE];
    const MIGRATIONS: &'static [Migration] = &[Migration {
        name: "0001_note",
        statements: include_str!("0001_note.sql"),
    }];

    fn routes() -> &'static [Route<Self, ()>] {
        const {
            &[
                Route {
                    method: Method::Get,
                    path: "/admin/notes",
                    id: "ListNotes",
                    handler: list,
                    declaration: Declaration::list("Notes", "List notes", LIST),
                },
                Route {
                    method: Method::Post,
                    path: "/admin/notes",
                    id: "CreateNote",
                    handler: create,
                    declaration: Declaration::one("Notes", "Create a note", ONE)
                        .with_body(|body, ()| drop(read(body))),
                },
            ]
        }
    }

    fn domain((): (), _: Rc<Caller>) -> Self {
        Self(SqlStore(Database))
    }
}

export!(Notes);
