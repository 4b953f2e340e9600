//! Signing in and out.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, RETRY_AFTER, SET_COOKIE};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::RETRY_AFTER_S;
use super::super::answer::Answer;
use super::super::credentials::{cookie, cookie_name};
use super::super::origin::is_https;
use super::{HostRequest, Pending, Result, failed};
use crate::identity::{Actor, SignInError};

/// The one way to sign in.
pub(super) const PROVIDER: &str = "emailpass";

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
