//! The rules as a component: what the host calls.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "component", generate_all });
}

use bindings::exports::wares::module::http::{self, Request, Response, Route};
use bindings::exports::wares::module::lifecycle::{self, Description};
use bindings::wasi::config::store;
use bindings::wasi::logging::logging::{self, Level};
use serde_json::{Value, json};

use crate::rules;

struct Component;

bindings::export!(Component with_types_in bindings);

impl lifecycle::Guest for Component {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: env!("CARGO_PKG_DESCRIPTION").to_owned(),
        }
    }

    fn check_settings() -> Result<(), Vec<String>> {
        let settings = store::get_all().map_err(|error| vec![format!("{error:?}")])?;
        match rules::faults(&settings) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(faults),
        }
    }
}

impl http::Guest for Component {
    /// A request names its route by the place in this list.
    fn routes() -> Vec<Route> {
        vec![Route {
            method: "GET".to_owned(),
            path: concat!("/admin/", env!("CARGO_PKG_NAME"), "/{name}").to_owned(),
            access: "admin".to_owned(),
            headers: Vec::new(),
            operation: operation().to_string(),
        }]
    }

    fn schemas() -> String {
        String::new()
    }

    fn handle(request: Request) -> Response {
        match request.route {
            0 => greet(&request.path_parameters[0]),
            route => unreachable!("the host knows no route {route} of this module"),
        }
    }
}

fn greet(name: &str) -> Response {
    let word = store::get(rules::WORD).expect("settings can be read");
    let greeting = rules::greeting(word.as_deref(), name);
    logging::log(Level::Info, "greet", &greeting);
    Response {
        status: 200,
        headers: Vec::new(),
        body: json!({"greeting": greeting}).to_string().into_bytes(),
    }
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
