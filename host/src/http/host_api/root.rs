//! `GET /`: the name of the host and its documents, at the address that it prints when it
//! serves. A page for browsers, JSON for all others.

use hyper::StatusCode;
use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use serde_json::json;

use super::super::answer::Answer;
use super::super::docs;
use super::{HostRequest, Result, accepts};

const HEALTH: &str = "/health";

/// The page runs no script and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

const BEFORE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Wares</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 4rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
dt { margin-top: 1rem; }
dd { margin: 0; }
</style>
</head>
<body>
<h1>Wares</h1>
<p>This is a commerce host. Programs speak to it by its API.</p>
<dl>
"#;
const DOCS: &str = r#"<dt><a href="/docs/">/docs</a></dt>
<dd>The API: what there is, and a page to try it</dd>
<dt><a href="/openapi.json">/openapi.json</a></dt>
<dd>The same as an OpenAPI document</dd>
"#;
const AFTER: &str = r#"<dt><a href="/health">/health</a></dt>
<dd>Whether the host and its modules work</dd>
</dl>
</body>
</html>
"#;

/// The answer; `docs` is whether the API is described.
pub(super) fn root(request: &HostRequest<'_>) -> Result {
    let (headers, docs) = (&request.parts.headers, request.options.docs);
    let answer = if accepts::html(headers) {
        page(docs)
    } else {
        links(docs)
    };
    Ok(answer.with(VARY, "Accept"))
}

fn page(docs: bool) -> Answer {
    let text = [BEFORE, if docs { DOCS } else { "" }, AFTER].concat();
    Answer::bytes(
        StatusCode::OK,
        HeaderValue::from_static("text/html; charset=utf-8"),
        text.into(),
    )
    .with(CONTENT_SECURITY_POLICY, POLICY)
    .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
    .with(REFERRER_POLICY, "no-referrer")
}

fn links(docs: bool) -> Answer {
    let mut links = json!({"health": HEALTH});
    if docs {
        links = json!({"docs": docs::PAGE, "openapi": docs::DOCUMENT, "health": HEALTH});
    }
    Answer::json(&json!({"name": "Wares", "links": links}))
}
