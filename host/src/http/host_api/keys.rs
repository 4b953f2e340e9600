//! Secret API keys in Medusa's shapes.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, Refusal};
use super::super::query;
use super::input::{Input, fields, select};
use super::operation::{
    Operation, answer, json_content, nullable, object, query as query_parameter, text,
};
use super::{HostRequest, failed};
use crate::casefold::casefold;
use crate::clock;
use crate::identity::ApiKey;
use crate::storage::StorageError;

/// The one type of key: publishable ones are for storefronts.
const SECRET: &str = "secret";

/// The default number of keys in one list.
const LIMIT_DEFAULT: u64 = 20;
/// The largest number of keys in one list.
const LIMIT_MAX: u64 = 1_000;
/// The latest time of a revocation, in seconds: a hundred years.
const REVOKE_IN_MAX_S: u64 = 100 * 366 * 24 * 3_600;

/// The fields of a key, in this order.
const FIELDS: [&str; 11] = [
    "id",
    "title",
    "token",
    "redacted",
    "type",
    "last_used_at",
    "updated_at",
    "created_at",
    "created_by",
    "revoked_at",
    "revoked_by",
];

/// The fields that order keys.
fn orders() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().filter(|name| *name != "token")
}

/// The result of a request for keys.
type Result<T = Answer> = std::result::Result<T, Refusal>;

/// `GET /admin/api-keys`
pub(super) fn list(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let mut input = Input::query(query(&request.parts.uri))?;
    let limit = input.number("limit", LIMIT_MAX).unwrap_or(LIMIT_DEFAULT);
    let offset = input.number("offset", u64::MAX >> 1).unwrap_or(0);
    let words = casefold(&input.text("q").unwrap_or_default());
    let wanted = ["id", "title", "type"].map(|name| (name, input.texts(name)));
    let order = input.text("order").unwrap_or_else(|| "id".to_owned());
    let (order, descending) = order
        .strip_prefix('-')
        .map_or((order.as_str(), false), |name| (name, true));
    if !orders().any(|name| name == order) {
        input.issue(format!(
            "Field 'order' names no field to order by, got: '{order}'"
        ));
    }
    let fields = input.text("fields");
    input.finish()?;
    let mut keys: Vec<Map<String, Value>> = stored(identity.keys())?.iter().map(view).collect();
    keys.retain(|key| {
        let is = |name: &str, texts: &[String]| {
            texts.iter().any(|text| key[name].as_str() == Some(text))
        };
        let searched = [&key["title"], &key["redacted"]]
            .map(|value| casefold(value.as_str().unwrap_or_default()))
            .join("\n");
        words.split_whitespace().all(|word| searched.contains(word))
            && wanted
                .iter()
                .all(|(name, texts)| texts.as_ref().is_none_or(|texts| is(name, texts)))
    });
    // They come in the order of creation; equal ones keep it.
    keys.sort_by(|one, other| {
        let text = |key: &Map<String, Value>| key[order].as_str().map(str::to_owned);
        // Missing values come last in ascending order.
        let by = |key| (text(key).is_none(), text(key));
        let ascending = by(one).cmp(&by(other));
        if descending {
            ascending.reverse()
        } else {
            ascending
        }
    });
    let count = keys.len();
    let page: Vec<Value> = keys
        .into_iter()
        .skip(usize::try_from(offset).unwrap_or(usize::MAX))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|key| select(key, fields.as_deref()))
        .collect();
    Ok(Answer::json(&json!({
        "api_keys": page,
        "count": count,
        "offset": offset,
        "limit": limit,
    })))
}

/// `POST /admin/api-keys`
pub(super) fn create(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let mut input = Input::body(&request.body)?;
    let title = title(&mut input);
    if let Some(kind) = input.required_text("type").filter(|kind| kind != SECRET) {
        input.issue(format!(
            "Expected: '{SECRET}' for field 'type', but got: '{kind}'"
        ));
    }
    input.finish()?;
    // Read and ignored: the secret cannot be shown again.
    fields(request)?;
    let (key, secret) = stored(identity.create_key(&title, actor(request)))?;
    let mut view = view(&key);
    view["token"] = secret.into();
    Ok(Answer::json(&json!({"api_key": view})))
}

/// `GET /admin/api-keys/{id}`
pub(super) fn retrieve(request: &HostRequest<'_>) -> Result {
    let fields = fields(request)?;
    one(request, fields.as_deref())
}

/// `POST /admin/api-keys/{id}`
pub(super) fn rename(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let mut input = Input::body(&request.body)?;
    let title = title(&mut input);
    input.finish()?;
    let fields = fields(request)?;
    if !stored(identity.rename_key(id(request), &title))? {
        return Err(not_found(request));
    }
    one(request, fields.as_deref())
}

/// `POST /admin/api-keys/{id}/revoke`
pub(super) fn revoke(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let mut input = Input::body(&request.body)?;
    let revoke_in = input.json_number("revoke_in", REVOKE_IN_MAX_S).unwrap_or(0);
    input.finish()?;
    let fields = fields(request)?;
    let at = clock::now() + Duration::from_secs(revoke_in);
    if !stored(identity.revoke_key(id(request), actor(request), at))? {
        return Err(match stored(identity.key(id(request)))? {
            Some(_) => Box::new(Answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_data",
                "There are 1 secret keys that are already revoked.",
            )),
            None => not_found(request),
        });
    }
    one(request, fields.as_deref())
}

/// `DELETE /admin/api-keys/{id}`
pub(super) fn delete(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let id = id(request);
    if !stored(identity.delete_key(id))? {
        let message = format!("Cannot delete api keys that are not revoked - {id}");
        return Err(Box::new(Answer::error(
            StatusCode::BAD_REQUEST,
            "not_allowed",
            &message,
        )));
    }
    Ok(Answer::json(
        &json!({"id": id, "object": "api_key", "deleted": true}),
    ))
}

fn one(request: &HostRequest<'_>, fields: Option<&str>) -> Result {
    let identity = request.identity;
    let key = stored(identity.key(id(request)))?.ok_or_else(|| not_found(request))?;
    Ok(Answer::json(
        &json!({"api_key": select(view(&key), fields)}),
    ))
}

fn id<'a>(request: &'a HostRequest<'_>) -> &'a str {
    request.parameters.first().map_or("", String::as_str)
}

fn actor<'a>(request: &'a HostRequest<'_>) -> Option<&'a str> {
    request.actor.as_ref().map(|actor| actor.id.as_str())
}

fn title(input: &mut Input) -> String {
    let title = input.required_text("title");
    if title
        .as_ref()
        .is_some_and(|title| title.trim().is_empty() || title.contains('\0'))
    {
        input.issue("Field 'title' must say what the key is for".to_owned());
    }
    title.unwrap_or_default()
}

fn stored<T>(result: std::result::Result<T, StorageError>) -> Result<T> {
    result.map_err(|error| Box::new(failed(&error)))
}

fn not_found(request: &HostRequest<'_>) -> Refusal {
    let message = format!("API Key with id: {} was not found", id(request));
    Box::new(Answer::error(StatusCode::NOT_FOUND, "not_found", &message))
}

/// A key as Medusa shows one. Only the answer to its creation has its secret.
fn view(key: &ApiKey) -> Map<String, Value> {
    let values: [Value; FIELDS.len()] = [
        key.id.as_str().into(),
        key.title.as_str().into(),
        "".into(),
        key.redacted.as_str().into(),
        SECRET.into(),
        key.last_used_at.as_deref().into(),
        key.updated_at.as_str().into(),
        key.created_at.as_str().into(),
        key.created_by.as_deref().into(),
        key.revoked_at.as_deref().into(),
        key.revoked_by.as_deref().into(),
    ];
    FIELDS
        .iter()
        .map(|name| (*name).to_owned())
        .zip(values)
        .collect()
}

pub(super) fn list_operation() -> Operation {
    let several = || json!({"type": "array", "items": text()});
    let orders = orders().collect::<Vec<_>>().join("|");
    Operation::new(
        "Host",
        "ListApiKeys",
        "List secret API keys",
        answer(list_of_keys()),
    )
    .parameters([
        query_parameter(
            "limit",
            json!({
                "type": "integer",
                "minimum": 0,
                "maximum": LIMIT_MAX,
                "default": LIMIT_DEFAULT,
            }),
        ),
        query_parameter(
            "offset",
            json!({"type": "integer", "minimum": 0, "default": 0}),
        ),
        query_parameter(
            "order",
            json!({"type": "string", "pattern": format!("^-?({orders})$")}),
        ),
        query_parameter("q", text()),
        query_parameter("id", several()),
        query_parameter("title", several()),
        query_parameter("type", several()),
        query_parameter("fields", text()),
    ])
}

pub(super) fn create_operation() -> Operation {
    Operation::new(
        "Host",
        "CreateApiKey",
        "Create a secret API key; `token` is shown only now",
        answer(key_schema()),
    )
    .body(
        json_content(object(
            json!({"title": title_schema(), "type": {"const": SECRET}}),
        )),
        true,
    )
}

pub(super) fn retrieve_operation() -> Operation {
    Operation::new(
        "Host",
        "RetrieveApiKey",
        "Retrieve a secret API key",
        one_key(),
    )
    .parameters([query_parameter("fields", text())])
}

pub(super) fn rename_operation() -> Operation {
    Operation::new("Host", "UpdateApiKey", "Rename a secret API key", one_key())
        .parameters([query_parameter("fields", text())])
        .body(json_content(object(json!({"title": title_schema()}))), true)
}

pub(super) fn revoke_operation() -> Operation {
    Operation::new(
        "Host",
        "RevokeApiKey",
        "Make a secret API key void",
        one_key(),
    )
    .parameters([query_parameter("fields", text())])
    .body(
        json_content(json!({
            "type": "object",
            "properties": {"revoke_in": {
                "type": "integer",
                "minimum": 0,
                "maximum": REVOKE_IN_MAX_S,
                "description": "Seconds that it still works",
            }},
            "additionalProperties": false,
        })),
        false,
    )
}

pub(super) fn delete_operation() -> Operation {
    Operation::new(
        "Host",
        "DeleteApiKey",
        "Forget a secret API key that is void",
        answer(object(json!({
            "id": text(),
            "object": {"const": "api_key"},
            "deleted": {"const": true},
        }))),
    )
}

fn title_schema() -> Value {
    json!({"type": "string", "pattern": "\\S"})
}

/// A key, of which `fields` may have left anything out but the id.
fn shown_key() -> Value {
    let kinds: Map<String, Value> = FIELDS
        .iter()
        .map(|name| ((*name).to_owned(), nullable()))
        .collect();
    json!({
        "type": "object",
        "properties": kinds,
        "required": ["id"],
        "additionalProperties": false,
    })
}

fn key_schema() -> Value {
    object(json!({"api_key": shown_key()}))
}

fn one_key() -> Value {
    let mut answers = answer(key_schema());
    answers["404"] = json!({"description": "There is no such key"});
    answers
}

fn list_of_keys() -> Value {
    object(json!({
        "api_keys": {"type": "array", "items": shown_key()},
        "count": {"type": "integer"},
        "offset": {"type": "integer"},
        "limit": {"type": "integer"},
    }))
}
