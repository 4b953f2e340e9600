//! The rules as a component: what the host calls.

use wares_module::serde_json::{Value, json};
use wares_module::{Component, Error, Http, Request, Response, Route, info, settings};

use crate::rules;

struct Module;

// What it has: each trait is one of the interfaces that the host looks for.
wares_module::export!(Module: Http);

impl Component for Module {
    const SETTINGS: &'static [&'static str] = &[rules::WORD];
}

impl Http for Module {
    fn routes() -> Vec<Route> {
        let path = concat!("/admin/", env!("CARGO_PKG_NAME"), "/{name}");
        vec![Route::get(path, greet).describe(operation)]
    }
}

fn greet(request: &Request) -> Result<Response, Error> {
    let word = settings::get(rules::WORD);
    let greeting = rules::greeting(word.as_deref(), request.parameter("name"));
    info!("{greeting}");
    Ok(Response::json(&json!({"greeting": greeting})))
}

/// The route in the host's OpenAPI document.
fn operation() -> Value {
    let schema = json!({
        "type": "object",
        "required": ["greeting"],
        "properties": {"greeting": {"type": "string"}}
    });
    json!({
        "operationId": concat!(env!("CARGO_PKG_NAME"), "-greet"),
        "summary": "Greet a person",
        "tags": [env!("CARGO_PKG_NAME")],
        "responses": {
            "200": {
                "description": "The greeting",
                "content": {"application/json": {"schema": schema}}
            }
        }
    })
}
