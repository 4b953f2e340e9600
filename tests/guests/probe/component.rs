//! A module that uses all of the SDK: tests/front_door/author_sdks.rs asks it what the host sees.

use std::time::Instant;

use wares_module::serde_json::{Value, json};
use wares_module::sql::Cause;
use wares_module::{Component, Error, Http, Migration, Migrations, Request, Response, Route};
use wares_module::{ids, params, rows, sql, time, warn};

struct Probe;

wares_module::export!(Probe: Http, Migrations);

impl Component for Probe {}

impl Migrations for Probe {
    const MIGRATIONS: &'static [Migration] = &[Migration {
        name: "0001_note",
        statements: "create table note (id integer primary key, name text not null unique, size real);",
    }];
}

impl Http for Probe {
    fn routes() -> Vec<Route> {
        vec![
            Route::get("/store/probe/random", draw).anyone(),
            Route::get("/store/probe/clock", clock).anyone(),
            Route::get("/store/probe/notes", notes).anyone(),
            Route::post("/store/probe/notes/{name}", add).anyone(),
            Route::post("/store/probe/echo", |request| {
                Ok(Response::json(&request.json::<Value>()?))
            })
            .anyone(),
            Route::get("/store/probe/fail", fail).anyone(),
        ]
    }
}

/// Nothing of a component in Rust runs at its build.
fn draw(_: &Request) -> Result<Response, Error> {
    Ok(Response::json(&json!([0, ids::new("a"), ids::new("b")])))
}

fn clock(_: &Request) -> Result<Response, Error> {
    let (start, now) = (Instant::now(), time::unix_ms());
    let elapsed = start.elapsed().as_secs_f64() * 1_000.0;
    Ok(Response::json(&json!([now, elapsed])))
}

fn notes(_: &Request) -> Result<Response, Error> {
    let rows = sql::query(
        "select id, name, size, 9007199254740991 from note order by id",
        &[],
    )?;
    let note = |row: rows::Row<'_>| -> Result<Value, rows::RowError> {
        Ok(json!([
            row.get::<i64>("id")?,
            row.get::<&str>("name")?,
            row.get::<Option<f64>>("size")?,
            row.at::<i64>(3)?
        ]))
    };
    let notes: Result<Vec<Value>, _> = rows.iter().map(note).collect();
    Ok(Response::json(&notes?))
}

fn add(request: &Request) -> Result<Response, Error> {
    let (name, query) = (request.parameter("name"), request.query()?);
    let writes = sql::Transaction::begin()?;
    let insert = "insert into note (name, size) values ($1, $2) returning id, name, size";
    let rows = writes.query(insert, params![name, query.read::<f64>("size")?]);
    let rows = rows.map_err(|error| match error.cause {
        Cause::Constraint(rule) => Error::new(409, "duplicate", rule.columns.join(",")),
        _ => error.into(),
    })?;
    let row = rows.one()?;
    let id: i64 = row.get("id")?;
    let note = json!({"id": id, "name": row.get::<&str>("name")?, "size": row.get::<f64>("size")?});
    writes.emit("note.created", &note)?;
    if query.get("then") == Some("fail") {
        return Err(Error::new(
            409,
            "not_allowed",
            format!("{name} is not kept"),
        ));
    }
    writes.commit()?;
    Ok(Response::json(&note)
        .status(201)
        .header("location", format!("/store/probe/notes/{id}")))
}

fn fail(request: &Request) -> Result<Response, Error> {
    let query = request.query()?;
    let how = query.get("how").unwrap_or_default();
    warn!("about to fail {}", json!({"how": how}));
    match how {
        "at length" => panic!("{}", "é".repeat(10_000_000)),
        _ => panic!("beyond reason"),
    }
}
