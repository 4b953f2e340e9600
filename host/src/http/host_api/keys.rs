//! Secret API keys in Medusa's shapes.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use wares_module_kit::entity::{Column, Entity};
use wares_module_kit::http::body::Body;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::Parameters;
use wares_module_kit::issue::{Issue, nuls};

use super::super::answer::{Answer, Refusal};
use super::{HostRequest, Result, failed, wire};
use crate::casefold::casefold;
use crate::clock;
use crate::identity::ApiKey;
use crate::storage::StorageError;

/// The one type of key: publishable ones are for storefronts.
pub(super) const SECRET: &str = "secret";

/// The default number of keys in one list.
pub(super) const LIMIT_DEFAULT: u64 = 20;
/// The largest number of keys in one list.
pub(super) const LIMIT_MAX: u64 = 1_000;
/// The latest time of a revocation, in seconds: a hundred years.
pub(super) const REVOKE_IN_MAX_S: u64 = 100 * 366 * 24 * 3_600;

/// The columns of a key, in this order.
pub(super) const COLUMNS: [Column; 11] = [
    Column::key("id"),
    Column::key("title"),
    Column::key("token"),
    Column::key("redacted"),
    Column::key("type"),
    Column::text("last_used_at"),
    Column::time("updated_at"),
    Column::time("created_at"),
    Column::text("created_by"),
    Column::text("revoked_at"),
    Column::text("revoked_by"),
];

/// A key as Medusa shows one.
static KEY: Entity = Entity::elsewhere("ApiKey", &COLUMNS);

/// The fields that order keys.
pub(super) fn orders() -> impl Iterator<Item = &'static str> {
    let names = COLUMNS.iter().map(|column| column.name);
    names.filter(|name| *name != "token")
}

/// The query of a list.
struct Search {
    limit: u64,
    offset: u64,
    /// Words of `q`, case-folded.
    words: String,
    /// The texts that one field may have.
    wanted: [(&'static str, Option<Vec<String>>); 3],
    order: String,
    descending: bool,
    fields: Option<String>,
}

impl Search {
    fn read(parameters: &mut Parameters) -> Self {
        let order = parameters.text("order").unwrap_or_else(|| "id".to_owned());
        let (name, descending) = order
            .strip_prefix('-')
            .map_or((order.as_str(), false), |name| (name, true));
        if !orders().any(|known| known == name) {
            let text = format!("Field 'order' names no field to order by, got: '{order}'");
            parameters.issues().wrong("order", text);
        }
        Self {
            limit: parameters
                .number("limit", LIMIT_MAX)
                .unwrap_or(LIMIT_DEFAULT),
            offset: parameters.number("offset", u64::MAX >> 1).unwrap_or(0),
            words: casefold(&parameters.text("q").unwrap_or_default()),
            wanted: ["id", "title", "type"].map(|name| (name, parameters.texts(name))),
            order: name.to_owned(),
            descending,
            fields: parameters.text("fields"),
        }
    }

    fn finds(&self, key: &Map<String, Value>) -> bool {
        let searched = [&key["title"], &key["redacted"]]
            .map(|value| casefold(value.as_str().unwrap_or_default()))
            .join("\n");
        let mut words = self.words.split_whitespace();
        let is = |name: &str, texts: &[String]| {
            texts.iter().any(|text| key[name].as_str() == Some(text))
        };
        let mut wanted = self.wanted.iter();
        words.all(|word| searched.contains(word))
            && wanted.all(|(name, texts)| texts.as_ref().is_none_or(|texts| is(name, texts)))
    }

    /// Orders keys, which come in the order of creation; equal ones keep it.
    fn sort(&self, keys: &mut [Map<String, Value>]) {
        keys.sort_by(|one, other| {
            let text = |key: &Map<String, Value>| key[&self.order].as_str().map(str::to_owned);
            // Missing values come last in ascending order.
            let by = |key| (text(key).is_none(), text(key));
            let ascending = by(one).cmp(&by(other));
            if self.descending {
                ascending.reverse()
            } else {
                ascending
            }
        });
    }
}

/// `GET /admin/api-keys`
pub(super) fn list(request: &HostRequest<'_>) -> Result {
    let search = wire::query(request, Search::read)?;
    let selection = wire::select(&KEY, search.fields.as_deref())?;
    let mut keys: Vec<_> = stored(request.identity.keys())?.iter().map(view).collect();
    keys.retain(|key| search.finds(key));
    search.sort(&mut keys);
    let count = keys.len();
    let page: Vec<_> = keys
        .into_iter()
        .skip(usize::try_from(search.offset).unwrap_or(usize::MAX))
        .take(usize::try_from(search.limit).unwrap_or(usize::MAX))
        .map(|key| wire::shown(&KEY, &selection, key))
        .collect();
    Ok(Answer::json(&json!({
        "api_keys": page,
        "count": count,
        "offset": search.offset,
        "limit": search.limit,
    })))
}

/// `POST /admin/api-keys`
pub(super) fn create(request: &HostRequest<'_>) -> Result {
    let title = wire::body(request, |body| {
        let title = title(body);
        let kind = body.required_name("type");
        if let Some(kind) = kind.filter(|kind| kind != SECRET) {
            let text = format!("Expected: '{SECRET}' for field 'type', but got: '{kind}'");
            body.issues.wrong("type", text);
        }
        title
    })?;
    // Read and ignored: the secret cannot be shown again.
    wire::fields(request, &KEY)?;
    let created = request.identity.create_key(&title, actor(request));
    let (key, secret) = stored(created)?;
    let mut view = view(&key);
    view["token"] = secret.into();
    Ok(Answer::json(&json!({"api_key": view})))
}

/// `GET /admin/api-keys/{id}`
pub(super) fn retrieve(request: &HostRequest<'_>) -> Result {
    let selection = wire::fields(request, &KEY)?;
    one(request, &selection)
}

/// `POST /admin/api-keys/{id}`
pub(super) fn rename(request: &HostRequest<'_>) -> Result {
    let title = wire::body(request, title)?;
    let selection = wire::fields(request, &KEY)?;
    if !stored(request.identity.rename_key(id(request), &title))? {
        return Err(not_found(request));
    }
    one(request, &selection)
}

/// `POST /admin/api-keys/{id}/revoke`
pub(super) fn revoke(request: &HostRequest<'_>) -> Result {
    let identity = request.identity;
    let revoke_in = wire::body(request, |body| body.number("revoke_in", REVOKE_IN_MAX_S))?;
    let selection = wire::fields(request, &KEY)?;
    let at = clock::now() + Duration::from_secs(revoke_in.unwrap_or(0));
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
    one(request, &selection)
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

fn one(request: &HostRequest<'_>, selection: &Selection) -> Result {
    let found = stored(request.identity.key(id(request)))?;
    let key = view(&found.ok_or_else(|| not_found(request))?);
    let shown = wire::shown(&KEY, selection, key);
    Ok(Answer::json(&json!({"api_key": shown})))
}

fn id<'a>(request: &'a HostRequest<'_>) -> &'a str {
    request.parameter(0)
}

fn actor<'a>(request: &'a HostRequest<'_>) -> Option<&'a str> {
    request.actor.map(|actor| actor.id.as_str())
}

fn title(body: &mut Body) -> String {
    let title = body.required_name("title").unwrap_or_default();
    let mut issues = nuls(&[("title", Some(&title))]);
    if title.trim().is_empty() {
        let text = "Field 'title' must say what the key is for".to_owned();
        issues.push(Issue::wrong("title", text));
    }
    body.issues.rules(issues);
    title
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
    let values = [
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
    wire::thing(&COLUMNS, values)
}
