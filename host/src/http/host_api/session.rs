//! Signing in and out, and the signed-in user.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, RETRY_AFTER, SET_COOKIE};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::answer::{Answer, Refusal};
use super::super::credentials::{cookie, cookie_name};
use super::super::origin::is_https;
use super::super::{RETRY_AFTER_S, query};
use super::input::{Change, Input, fields, invalid, select};
use super::{HostRequest, Pending, failed};
use crate::identity::User;
use crate::identity::{CHALLENGE_LENGTH, SignInError, is_challenge};

/// The one way to sign in.
pub(super) const PROVIDER: &str = "emailpass";
/// The longest JSON text of a user's metadata, in bytes, as of any record.
const METADATA_BYTES_MAX: usize = 1024 * 1024;

/// `GET /admin/users/me`
pub(super) fn me(request: &HostRequest<'_>) -> Result<Answer, Refusal> {
    let (identity, user) = (
        request.identity,
        request.user().map(|user| user.id.as_str()),
    );
    let fields = fields(request)?;
    let user = user.ok_or_else(no_user)?;
    let found = identity.user(user).map_err(|error| failed(&error))?;
    Ok(shown(&found.ok_or_else(no_user)?, fields.as_deref()))
}

/// `POST /admin/users/me`: a user's own fields, validated as Medusa does for a user
/// by its id.
pub(super) fn update_me(request: &HostRequest<'_>) -> Result<Answer, Refusal> {
    let (identity, user) = (
        request.identity,
        request.user().map(|user| user.id.as_str()),
    );
    let mut input = Input::body(&request.body)?;
    let first_name = input.nullable_text("first_name");
    let last_name = input.nullable_text("last_name");
    let avatar_url = input.nullable_text("avatar_url");
    let metadata = input.nullable_object("metadata");
    input.finish()?;
    let fields = fields(request)?;
    let user = user.ok_or_else(no_user)?;
    let changed = identity
        .change_profile(user, |profile| {
            first_name.apply(&mut profile.first_name);
            last_name.apply(&mut profile.last_name);
            avatar_url.apply(&mut profile.avatar_url);
            merge_metadata(metadata, &mut profile.metadata)
        })
        .map_err(|error| failed(&error))?;
    Ok(shown(&changed.ok_or_else(no_user)??, fields.as_deref()))
}

/// Merges changes of metadata, as Medusa does: a key whose new value is
/// `""` is removed, others are set as a whole.
fn merge_metadata(
    change: Change<Map<String, Value>>,
    metadata: &mut Option<String>,
) -> Result<(), Refusal> {
    let change = match change {
        Change::Keep => return Ok(()),
        Change::Clear => {
            *metadata = None;
            return Ok(());
        }
        Change::Set(change) => change,
    };
    let removes = |value: &Value| value.as_str() == Some("");
    let mut merged = metadata.as_deref().map(metadata_object).unwrap_or_default();
    merged.retain(|key, _| change.get(key).is_none_or(|value| !removes(value)));
    merged.extend(change.into_iter().filter(|(_, value)| !removes(value)));
    let text = Value::Object(merged).to_string();
    if text.len() > METADATA_BYTES_MAX {
        return Err(invalid(&format!(
            "Field 'metadata' would be {} bytes of JSON, more than the {METADATA_BYTES_MAX} that one record may \
             have; remove keys by setting them to \"\"",
            text.len()
        )));
    }
    *metadata = Some(text);
    Ok(())
}

/// A stored JSON object.
fn metadata_object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn shown(user: &User, fields: Option<&str>) -> Answer {
    Answer::json(&Envelope {
        user: select(View::of(user).object(), fields),
    })
}

fn no_user() -> Refusal {
    let message = "Only a user has an answer to this, not a key";
    Box::new(Answer::error(StatusCode::NOT_FOUND, "not_found", message))
}

/// `GET /_wares/host`: proves to a command of the data folder that this is its host.
pub(super) fn prove(request: &HostRequest<'_>) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    struct Proof {
        proof: String,
    }
    let mut input = Input::query(query(&request.parts.uri))?;
    let challenge = input.required_text("challenge").unwrap_or_default();
    if !is_challenge(&challenge) {
        input.issue(format!(
            "Field 'challenge' must be {CHALLENGE_LENGTH} hexadecimal digits"
        ));
    }
    input.finish()?;
    match request.identity.prove(&challenge) {
        Some(proof) => Ok(Answer::json(&Proof { proof })),
        // It answers only this process, as when a command found no host.
        None => Err(Box::new(Answer::busy(
            "The host does not listen yet",
            RETRY_AFTER_S,
        ))),
    }
}

/// `GET /auth/user/providers`
pub(super) fn providers(_: &HostRequest<'_>) -> Answer {
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
    Answer::json(&Providers {
        providers: [Provider {
            id: PROVIDER,
            identifier: PROVIDER,
            display_name: "Email/Password Authentication",
            flow: "credentials",
        }],
    })
}

#[derive(Serialize)]
struct Envelope<T> {
    user: T,
}

/// A user as Medusa shows one.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    email: &'a str,
    avatar_url: Option<&'a str>,
    metadata: Option<Map<String, Value>>,
    created_at: &'a str,
    updated_at: &'a str,
    deleted_at: Option<&'a str>,
}

impl View<'_> {
    /// As a JSON object, field by field.
    fn object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }
}

impl<'a> View<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: &user.id,
            first_name: user.profile.first_name.as_deref(),
            last_name: user.profile.last_name.as_deref(),
            email: &user.email,
            avatar_url: user.profile.avatar_url.as_deref(),
            metadata: user.profile.metadata.as_deref().map(metadata_object),
            created_at: &user.created_at,
            updated_at: &user.updated_at,
            deleted_at: None,
        }
    }
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
    let provider = request.parameters.first().map_or("", String::as_str);
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
pub(super) fn refresh(request: &HostRequest<'_>) -> Answer {
    request.user().map_or_else(Answer::unauthorized, |user| {
        token(&request.identity.issue_token(&user.id, user.generation))
    })
}

/// `POST /auth/session`
pub(super) fn begin(request: &HostRequest<'_>) -> Result<Answer, Refusal> {
    let (identity, parts) = (request.identity, request.parts);
    let user = request
        .user()
        .ok_or_else(|| Box::new(Answer::unauthorized()))?;
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
pub(super) fn end(request: &HostRequest<'_>) -> Result<Answer, Refusal> {
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
