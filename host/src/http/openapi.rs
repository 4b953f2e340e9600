//! The OpenAPI 3.1 document of this host: the operations of its endpoints, and the host's own
//! part of each. Knows no route by name.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::credentials::{COOKIE_NAME, HOST_COOKIE_NAME};
use super::extended;
use crate::components::{Access, HOST_SCHEMA, Method, Version, method_name};

/// The description of an endpoint.
pub(super) struct Described<'a> {
    pub(super) method: Method,
    /// With `{name}` segments.
    pub(super) path: &'a str,
    pub(super) access: Access,
    /// An OpenAPI operation object, perhaps empty.
    pub(super) operation: Map<String, Value>,
}

/// The shared answers of operations.
const RESPONSES: &str = "#/components/responses/";

/// Writes the document.
pub(super) fn document(modules: &[&Version], endpoints: Vec<Described<'_>>) -> Value {
    let mut paths = Map::new();
    let mut written = BTreeMap::new();
    for mut endpoint in endpoints {
        let path = *written
            .entry(without_names(endpoint.path))
            .or_insert(endpoint.path);
        if path != endpoint.path {
            describe_as_another_path(&mut endpoint.operation);
        }
        let item = paths.entry(path).or_insert_with(|| path_item(path));
        let method = method_name(endpoint.method).to_ascii_lowercase();
        item[method] = complete(&endpoint).into();
    }
    let mut schemas = Map::new();
    schemas.insert(HOST_SCHEMA.to_owned(), error());
    for module in modules {
        schemas.extend(module.schemas().clone());
    }
    extended::extend_schemas(modules, &mut schemas);
    let summaries: Vec<String> = modules
        .iter()
        .map(|module| {
            // On one line: the next line is about another module.
            let summary: Vec<&str> = module.summary().split_whitespace().collect();
            format!(
                "* {} {}: {}",
                module.name(),
                module.version(),
                summary.join(" ")
            )
        })
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wares",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("This host serves:\n\n{}", summaries.join("\n")),
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses(),
            "securitySchemes": security_schemes(),
        },
    })
}

/// The ways to show who asks.
fn security_schemes() -> Value {
    json!({
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from `POST /auth/user/emailpass`, or a secret API key",
        },
        "key": {
            "type": "http",
            "scheme": "basic",
            "description": "A secret API key as the user name, without a password",
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": COOKIE_NAME,
            "description": format!(
                "What `POST /auth/session` sets; over https its name is `{HOST_COOKIE_NAME}`. What changes \
                 something needs `Sec-Fetch-Site: same-origin` beside it, or an `Origin` that is the host's \
                 own or listed in `cors.origins`, as browsers send them"
            ),
        },
    })
}

/// The path as it is matched: OpenAPI has one entry for all its spellings.
fn without_names(path: &str) -> String {
    let segment = |segment: &str| match segment.strip_prefix('{') {
        Some(_) => "{}".to_owned(),
        None => segment.to_ascii_lowercase(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Drops parameters that the path in the document may name differently.
fn describe_as_another_path(operation: &mut Map<String, Value>) {
    if let Some(Value::Array(parameters)) = operation.get_mut("parameters") {
        parameters.retain(|parameter| parameter["in"] != "path");
    }
}

fn path_item(path: &str) -> Value {
    let parameters: Vec<Value> = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({
                "name": name,
                "in": "path",
                "required": true,
                "schema": {"type": "string", "minLength": 1},
            })
        })
        .collect();
    if parameters.is_empty() {
        json!({})
    } else {
        json!({"parameters": parameters})
    }
}

/// An operation with the host's own part.
fn complete(endpoint: &Described<'_>) -> Map<String, Value> {
    let mut operation = endpoint.operation.clone();
    let private = endpoint.access == Access::Admin;
    operation.insert(
        "security".to_owned(),
        if private {
            json!([{"token": []}, {"key": []}, {"session": []}])
        } else {
            json!([])
        },
    );
    let mut statuses = vec!["400", "431", "500", "503"];
    if private {
        statuses.push("401");
    }
    if endpoint.method != Method::Get {
        statuses.push("403");
    }
    if let Some(body) = operation.get("requestBody") {
        statuses.extend(["408", "413"]);
        // Bodies of other media types are passed on unchanged.
        if body["content"].get("application/json").is_some() {
            statuses.push("415");
        }
    }
    let mut responses = match operation.remove("responses") {
        Some(Value::Object(responses)) => responses,
        _ => Map::from_iter([("200".to_owned(), json!({"description": "Done"}))]),
    };
    let shared = |status: &str| json!({"$ref": format!("{RESPONSES}{status}")});
    for status in statuses {
        responses.entry(status).or_insert_with(|| shared(status));
    }
    if endpoint.method == Method::Get {
        responses.insert("304".to_owned(), shared("304"));
    }
    for (status, response) in &mut responses {
        if let Value::Object(response) = response
            && status.as_str() >= "400"
            && !response.contains_key("$ref")
        {
            response.entry("content").or_insert_with(error_content);
        }
    }
    operation.insert("responses".to_owned(), responses.into());
    operation
}

/// The one form that every error has.
fn error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "The class of the error; absent without valid credentials"},
            "message": {"type": "string", "description": "For a person"},
            "code": {"type": "string"},
        },
        "required": ["message"],
        "additionalProperties": false,
    })
}

fn error_content() -> Value {
    json!({"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}})
}

fn responses() -> Value {
    let mut responses = json!({
        "304": {"description": "Not changed since the answer with the ETag in If-None-Match"},
    });
    for (status, description) in [
        ("400", "The request breaks a rule; the message names it"),
        ("401", "No valid credentials"),
        (
            "403",
            "A page of an origin that is not listed asks with the session cookie alone",
        ),
        ("408", "The body did not arrive in time"),
        ("413", "The body is too large"),
        (
            "415",
            "The body is neither JSON nor, with an Authorization header, a form",
        ),
        (
            "500",
            "A fault of the host's or the module's; `X-Request-Id` leads to the line in the log",
        ),
        ("431", "The request line and the headers are too long"),
        ("503", "Too busy; try again"),
    ] {
        responses[status] = json!({"description": description, "content": error_content()});
    }
    responses
}
