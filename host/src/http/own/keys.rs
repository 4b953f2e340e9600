//! Secret API keys in Medusa's shapes.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::super::envelope::{Answer, Refusal};
use super::super::query;
use super::input::{Input, fields, select};
use super::{Call, failed};
use crate::casefold::casefold;
use crate::clock;
use crate::identity::Directory;
use crate::storage::StorageError;
use crate::storage::accounts::ApiKey;

/// The one type of key: publishable ones are for storefronts.
const SECRET: &str = "secret";

/// The default number of keys in one list.
pub(super) const LIMIT_DEFAULT: u64 = 20;
/// The largest number of keys in one list.
pub(super) const LIMIT_MAX: u64 = 1_000;
/// The latest time of a revocation, in seconds: a hundred years.
pub(super) const REVOKE_IN_MAX_S: u64 = 100 * 366 * 24 * 3_600;

/// The fields of a key, in this order.
pub(super) const FIELDS: [&str; 11] = [
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
pub(super) fn orders() -> impl Iterator<Item = &'static str> {
    FIELDS.into_iter().filter(|name| *name != "token")
}

/// The result of a request for keys.
type Result<T = Answer> = std::result::Result<T, Refusal>;

/// `GET /admin/api-keys`
pub(super) fn list(directory: &Directory, call: &Call<'_>) -> Result {
    let mut input = Input::query(query(&call.parts.uri))?;
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
    let mut keys: Vec<Map<String, Value>> = stored(directory.keys())?.iter().map(view).collect();
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
pub(super) fn create(directory: &Directory, call: &Call<'_>) -> Result {
    let mut input = Input::body(&call.body)?;
    let title = title(&mut input);
    if let Some(kind) = input.required_text("type").filter(|kind| kind != SECRET) {
        input.issue(format!(
            "Expected: '{SECRET}' for field 'type', but got: '{kind}'"
        ));
    }
    input.finish()?;
    // Read and ignored: the secret cannot be shown again.
    fields(call)?;
    let (key, secret) = stored(directory.create_key(&title, actor(call)))?;
    let mut view = view(&key);
    view["token"] = secret.into();
    Ok(Answer::json(&json!({"api_key": view})))
}

/// `GET /admin/api-keys/{id}`
pub(super) fn retrieve(directory: &Directory, call: &Call<'_>) -> Result {
    let fields = fields(call)?;
    one(directory, call, fields.as_deref())
}

/// `POST /admin/api-keys/{id}`
pub(super) fn rename(directory: &Directory, call: &Call<'_>) -> Result {
    let mut input = Input::body(&call.body)?;
    let title = title(&mut input);
    input.finish()?;
    let fields = fields(call)?;
    if !stored(directory.rename_key(id(call), &title))? {
        return Err(not_found(call));
    }
    one(directory, call, fields.as_deref())
}

/// `POST /admin/api-keys/{id}/revoke`
pub(super) fn revoke(directory: &Directory, call: &Call<'_>) -> Result {
    let mut input = Input::body(&call.body)?;
    let revoke_in = input.json_number("revoke_in", REVOKE_IN_MAX_S).unwrap_or(0);
    input.finish()?;
    let fields = fields(call)?;
    let at = clock::now() + Duration::from_secs(revoke_in);
    if !stored(directory.revoke_key(id(call), actor(call), at))? {
        return Err(match stored(directory.key(id(call)))? {
            Some(_) => Box::new(Answer::error(
                StatusCode::BAD_REQUEST,
                "invalid_data",
                "There are 1 secret keys that are already revoked.",
            )),
            None => not_found(call),
        });
    }
    one(directory, call, fields.as_deref())
}

/// `DELETE /admin/api-keys/{id}`
pub(super) fn delete(directory: &Directory, call: &Call<'_>) -> Result {
    let id = id(call);
    if !stored(directory.delete_key(id))? {
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

fn one(directory: &Directory, call: &Call<'_>, fields: Option<&str>) -> Result {
    let key = stored(directory.key(id(call)))?.ok_or_else(|| not_found(call))?;
    Ok(Answer::json(
        &json!({"api_key": select(view(&key), fields)}),
    ))
}

fn id<'a>(call: &'a Call<'_>) -> &'a str {
    call.parameters.first().map_or("", String::as_str)
}

fn actor<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.actor.as_ref().map(|actor| actor.id.as_str())
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

fn not_found(call: &Call<'_>) -> Refusal {
    let message = format!("API Key with id: {} was not found", id(call));
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
