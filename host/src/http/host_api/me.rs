//! The signed-in user, and what it says of itself.

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use wares_module_kit::change::Change;
use wares_module_kit::entity::{Column, Entity};
use wares_module_kit::fault::Fault;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::issue::nuls;
use wares_module_kit::metadata::Metadata;

use super::super::answer::{Answer, Refusal};
use super::{HostRequest, Result, failed, wire};
use crate::identity::{Profile, User};

/// The columns of a user, in this order.
const COLUMNS: [Column; 9] = [
    Column::key("id"),
    Column::text("first_name"),
    Column::text("last_name"),
    Column::key("email"),
    Column::text("avatar_url"),
    Column::METADATA,
    Column::time("created_at"),
    Column::time("updated_at"),
    Column::DELETED_AT,
];

/// A user as Medusa shows one.
static USER: Entity = Entity::elsewhere("User", &COLUMNS);

/// `GET /admin/users/me`
pub(super) fn me(request: &HostRequest<'_>) -> Result {
    let selection = wire::fields(request, &USER)?;
    let user = request.user().ok_or_else(no_user)?;
    let found = request.identity.user(&user.id);
    let found = found.map_err(|error| failed(&error))?;
    Ok(shown(&found.ok_or_else(no_user)?, &selection))
}

/// `POST /admin/users/me`: a user's own fields, validated as Medusa does for a user
/// by its id.
pub(super) fn update_me(request: &HostRequest<'_>) -> Result {
    let changes = wire::body(request, ProfileChanges::read)?;
    let selection = wire::fields(request, &USER)?;
    let user = request.user().ok_or_else(no_user)?;
    let changed = request
        .identity
        .change_profile(&user.id, |profile| changes.apply(profile))
        .map_err(|error| failed(&error))?;
    let changed = changed.ok_or_else(no_user)?.map_err(wire::refused)?;
    Ok(shown(&changed, &selection))
}

/// Changes of what a user says of itself.
struct ProfileChanges {
    first_name: Change<String>,
    last_name: Change<String>,
    avatar_url: Change<String>,
    metadata: Change<Metadata>,
}

impl ProfileChanges {
    fn read(body: &mut Body) -> Self {
        let changes = Self {
            first_name: body.text("first_name"),
            last_name: body.text("last_name"),
            avatar_url: body.text("avatar_url"),
            metadata: body.object("metadata"),
        };
        let mut issues = nuls(&[
            ("first_name", changes.first_name.value()),
            ("last_name", changes.last_name.value()),
            ("avatar_url", changes.avatar_url.value()),
        ]);
        issues.extend(changes.metadata.as_ref().and_then(Metadata::issue));
        body.issues.rules(issues);
        changes
    }

    /// Makes the changes; metadata is merged.
    fn apply(self, profile: &mut Profile) -> std::result::Result<(), Fault> {
        self.first_name.apply(&mut profile.first_name);
        self.last_name.apply(&mut profile.last_name);
        self.avatar_url.apply(&mut profile.avatar_url);
        let mut metadata = profile.metadata.as_deref().map(Metadata::stored);
        self.metadata.merge(&mut metadata)?;
        profile.metadata = metadata.map(|metadata| metadata.text().to_owned());
        Ok(())
    }
}

fn shown(user: &User, selection: &Selection) -> Answer {
    let shown = wire::shown(&USER, selection, view(user));
    Answer::json(&json!({"user": shown}))
}

fn view(user: &User) -> Map<String, Value> {
    let profile = &user.profile;
    let metadata: Option<Value> = profile
        .metadata
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let values = [
        user.id.as_str().into(),
        profile.first_name.as_deref().into(),
        profile.last_name.as_deref().into(),
        user.email.as_str().into(),
        profile.avatar_url.as_deref().into(),
        metadata.into(),
        user.created_at.as_str().into(),
        user.updated_at.as_str().into(),
        Value::Null,
    ];
    wire::thing(&COLUMNS, values)
}

fn no_user() -> Refusal {
    let message = "Only a user has an answer to this, not a key";
    Box::new(Answer::error(StatusCode::NOT_FOUND, "not_found", message))
}
