//! Signing in and out, and the signed-in user.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, RETRY_AFTER, SET_COOKIE};
use serde::Serialize;
use serde_json::{Map, Value};
use wares_module_kit::change::Change;
use wares_module_kit::entity::{Column, Entity};
use wares_module_kit::fault::Fault;
use wares_module_kit::http::body::Body;
use wares_module_kit::http::fields::Selection;
use wares_module_kit::http::parameters::Parameters;
use wares_module_kit::issue::{Issue, nuls};
use wares_module_kit::metadata::Metadata;

use super::super::RETRY_AFTER_S;
use super::super::answer::{Answer, Refusal};
use super::super::credentials::{cookie, cookie_name};
use super::super::origin::is_https;
use super::{HostRequest, Pending, Result, failed, wire};
use crate::identity::{Actor, CHALLENGE_LENGTH, Profile, SignInError, User, is_challenge};

/// The one way to sign in.
pub(super) const PROVIDER: &str = "emailpass";

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
    Answer::json(&Envelope {
        user: wire::shown(&USER, selection, view(user)),
    })
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

/// `GET /_wares/host`: proves to a command of the data folder that this is its host.
pub(super) fn prove(request: &HostRequest<'_>) -> Result {
    #[derive(Serialize)]
    struct Proof {
        proof: String,
    }
    let challenge = wire::query(request, challenge)?;
    match request.identity.prove(&challenge) {
        Some(proof) => Ok(Answer::json(&Proof { proof })),
        // It answers only this process, as when a command found no host.
        None => Err(Box::new(Answer::busy(
            "The host does not listen yet",
            RETRY_AFTER_S,
        ))),
    }
}

fn challenge(parameters: &mut Parameters) -> String {
    let challenge = parameters.text("challenge");
    let issue = match &challenge {
        None => Some(Issue::required("challenge")),
        Some(challenge) => (!is_challenge(challenge)).then(|| {
            let text = format!("Field 'challenge' must be {CHALLENGE_LENGTH} hexadecimal digits");
            Issue::wrong("challenge", text)
        }),
    };
    parameters.issues().rules(issue.into_iter().collect());
    challenge.unwrap_or_default()
}

/// `GET /auth/user/providers`
pub(super) fn providers(_: &HostRequest<'_>) -> Result {
    #[derive(Serialize)]
    struct Providers {
        providers: [Provider; 1],
    }
    #[derive(Serialize)]
    struct Provider {
        id: &'static str,
        identifier: &'static str,
        display_name: &'static str,
        flow: &'static str,
    }
    Ok(Answer::json(&Providers {
        providers: [Provider {
            id: PROVIDER,
            identifier: PROVIDER,
            display_name: "Email/Password Authentication",
            flow: "credentials",
        }],
    }))
}

#[derive(Serialize)]
struct Envelope<T> {
    user: T,
}

/// The answer with a token.
fn token(token: &str) -> Answer {
    #[derive(Serialize)]
    struct Token<'a> {
        token: &'a str,
    }
    Answer::json(&Token { token })
}

/// `POST /auth/user/{provider}`
/// Waits its turn for the hash of the password.
pub(super) fn sign_in<'a>(request: &'a HostRequest<'a>) -> Pending<'a> {
    Box::pin(try_sign_in(request))
}

async fn try_sign_in(request: &HostRequest<'_>) -> Answer {
    let provider = request.parameter(0);
    if provider != PROVIDER {
        let message =
            format!("The actor type user is not allowed to use the auth provider {provider}");
        return Answer::error(StatusCode::BAD_REQUEST, "not_allowed", &message);
    }
    let body: Map<String, Value> = serde_json::from_slice(&request.body).unwrap_or_default();
    let field = |name: &str| {
        let text = body.get(name).and_then(Value::as_str)?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    let refuse = |message: &str| Answer::error(StatusCode::UNAUTHORIZED, "unauthorized", message);
    let Some(password) = field("password") else {
        return refuse("Password should be a string");
    };
    let Some(email) = field("email") else {
        return refuse("Email should be a string");
    };
    match request
        .identity
        .sign_in(email, password, request.peer)
        .await
    {
        Ok(signed) => token(&signed),
        Err(error @ SignInError::Wrong) => refuse(&error.to_string()),
        Err(error @ SignInError::TooMany(seconds)) => too_many(&error, seconds),
        Err(error @ SignInError::Crowded) => too_many(&error, RETRY_AFTER_S),
        Err(error @ SignInError::Busy) => Answer::busy(&error.to_string(), RETRY_AFTER_S),
        Err(SignInError::Storage(error)) => failed(&error),
    }
}

fn too_many(error: &SignInError, retry_after_s: u64) -> Answer {
    Answer::error(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_requests",
        &error.to_string(),
    )
    .with(RETRY_AFTER, &retry_after_s.to_string())
}

/// `POST /auth/token/refresh`
pub(super) fn refresh(request: &HostRequest<'_>) -> Result {
    let user = signed_in(request)?;
    let issued = request.identity.issue_token(&user.id, user.generation);
    Ok(token(&issued))
}

/// The signed-in user, who alone has a session.
fn signed_in<'a>(request: &'a HostRequest<'_>) -> Result<&'a Actor> {
    let user = request.user();
    user.ok_or_else(|| Box::new(Answer::unauthorized()))
}

/// `POST /auth/session`
pub(super) fn begin(request: &HostRequest<'_>) -> Result {
    let (identity, parts) = (request.identity, request.parts);
    let user = signed_in(request)?;
    let session = match identity.begin_session(&user.id, user.generation) {
        Ok(Some(session)) => session,
        Ok(None) => return Err(Box::new(Answer::unauthorized())),
        Err(error) => return Err(Box::new(failed(&error))),
    };
    let authorization = parts.headers.get(AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let age = identity.session_lifetime().as_secs();
    let https = is_https(&parts.headers, request.options);
    let answer = Answer::json(&Envelope {
        user: identity.auth_context(authorization, &user.id),
    });
    Ok(answer.with(SET_COOKIE, &set_cookie(&session, age, https)))
}

/// `DELETE /auth/session`
pub(super) fn end(request: &HostRequest<'_>) -> Result {
    #[derive(Serialize)]
    struct Success {
        success: bool,
    }
    let headers = &request.parts.headers;
    let https = is_https(headers, request.options);
    let session = cookie(headers, https);
    if let Some(Err(error)) = session.map(|session| request.identity.end_session(session)) {
        return Err(Box::new(failed(&error)));
    }
    Ok(Answer::json(&Success { success: true }).with(SET_COOKIE, &set_cookie("", 0, https)))
}

fn set_cookie(value: &str, age_s: u64, https: bool) -> String {
    let name = cookie_name(https);
    let secure = if https { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}")
}
