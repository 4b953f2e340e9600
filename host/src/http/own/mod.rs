//! The host's own endpoints: signing in and out, who one is, and whether the
//! host lives.

mod describe;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::HttpOptions;
use super::docs;
use super::envelope::{Answer, JSON, Refusal};
use super::openapi::Described;
use super::routes::{Endpoint, RouteError, Routes, Target};
use crate::identity::{Actor, ActorKind, Directory, SignInError};
use crate::modules::{self, Access};
use crate::storage::accounts::User;

/// The session cookie's name, the one that Medusa's clients know.
pub(super) const COOKIE_NAME: &str = "connect.sid";
/// The one way to sign in.
const PROVIDER: &str = "emailpass";

/// One of the host's own endpoints.
#[derive(Clone, Copy)]
pub enum Own {
    /// `GET /health`
    Health,
    /// `POST /auth/user/{provider}`
    SignIn,
    /// `POST /auth/token/refresh`
    Refresh,
    /// `POST /auth/session`
    BeginSession,
    /// `DELETE /auth/session`
    EndSession,
    /// `GET /admin/users/me`
    Me,
    /// `GET /openapi.json`
    Document,
    /// `GET /docs`
    Page,
    /// `GET /docs/{file}`
    PagePart,
}

const ENDPOINTS: [(Method, &str, Own, Access); 9] = [
    (Method::GET, "/health", Own::Health, Access::Anyone),
    (
        Method::POST,
        "/auth/user/{provider}",
        Own::SignIn,
        Access::Anyone,
    ),
    (
        Method::POST,
        "/auth/token/refresh",
        Own::Refresh,
        Access::Admin,
    ),
    (
        Method::POST,
        "/auth/session",
        Own::BeginSession,
        Access::Admin,
    ),
    (
        Method::DELETE,
        "/auth/session",
        Own::EndSession,
        Access::Anyone,
    ),
    (Method::GET, "/admin/users/me", Own::Me, Access::Admin),
    (Method::GET, docs::DOCUMENT, Own::Document, Access::Anyone),
    (Method::GET, docs::PAGE, Own::Page, Access::Anyone),
    (Method::GET, "/docs/{file}", Own::PagePart, Access::Anyone),
];

/// The endpoints that the operator wants.
fn endpoints(options: &HttpOptions) -> impl Iterator<Item = (Method, &'static str, Own, Access)> {
    let docs = options.docs;
    ENDPOINTS.into_iter().filter(move |(_, _, own, _)| {
        docs || !matches!(own, Own::Document | Own::Page | Own::PagePart)
    })
}

/// Adds the host's own endpoints.
pub(super) fn add_to(routes: &mut Routes, options: &HttpOptions) -> Result<(), RouteError> {
    for (method, path, own, access) in endpoints(options) {
        let target = Target::Own(own);
        routes.add(method, path, Endpoint { target, access })?;
    }
    Ok(())
}

/// The host's own endpoints as they describe themselves; pages for people do not.
pub(super) fn described(options: &HttpOptions) -> impl Iterator<Item = Described<'_>> {
    endpoints(options).filter_map(|(method, path, own, access)| {
        Some(Described {
            method,
            path,
            access,
            operation: own.operation()?,
        })
    })
}

/// Finds out who a request is from.
pub struct Identity(Arc<Directory>);

impl Identity {
    /// Callers are looked up in this directory.
    pub fn new(directory: Arc<Directory>) -> Self {
        Self(directory)
    }

    /// Who a request is from; `None` where it proves nobody.
    pub(super) fn actor(&self, headers: &HeaderMap) -> Result<Option<Actor>, Refusal> {
        let authorization = headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default());
        self.0
            .authenticate(authorization, session_cookie(headers))
            .map_err(|error| Box::new(failed(&error)))
    }
}

impl From<Actor> for modules::Actor {
    fn from(actor: Actor) -> Self {
        let kind = match actor.kind {
            ActorKind::User => modules::ActorKind::User,
            ActorKind::ApiKey => modules::ActorKind::ApiKey,
        };
        Self { kind, id: actor.id }
    }
}

fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
}

fn failed(error: &dyn std::error::Error) -> Answer {
    tracing::error!(%error, "the host's own database does not answer");
    Answer::unknown_error()
}

/// A request to one of these endpoints.
pub(super) struct Call<'a> {
    pub parts: &'a Parts,
    pub parameters: Vec<String>,
    pub body: Bytes,
    pub actor: Option<Actor>,
    pub peer: IpAddr,
    /// The OpenAPI document.
    pub document: &'a Bytes,
}

impl Own {
    pub(super) async fn answer(
        self,
        identity: Arc<Identity>,
        call: Call<'_>,
        options: &HttpOptions,
    ) -> Answer {
        let directory = &identity.0;
        // Behind `Access::Admin` there is always an actor.
        let user = call
            .actor
            .as_ref()
            .filter(|actor| actor.kind == ActorKind::User)
            .map(|actor| actor.id.as_str());
        match self {
            Self::Health => Answer::bytes(
                StatusCode::OK,
                HeaderValue::from_static("text/html; charset=utf-8"),
                Bytes::from_static(b"OK"),
            ),
            Self::SignIn => sign_in(directory.clone(), &call).await,
            Self::Refresh => user.map_or_else(Answer::unauthorized, |user| {
                token(&directory.issue_token(user))
            }),
            Self::BeginSession => match user {
                // It waits for the disk.
                Some(user) => tokio::task::block_in_place(|| {
                    begin_session(directory, user, call.parts, options)
                }),
                None => Answer::unauthorized(),
            },
            Self::EndSession => {
                tokio::task::block_in_place(|| end_session(directory, &call.parts.headers))
            }
            Self::Document => Answer::bytes(StatusCode::OK, JSON, call.document.clone()),
            Self::Page => docs::page(call.parts.uri.path()),
            Self::PagePart => {
                let file = call.parameters.first().map_or("", String::as_str);
                docs::part(file)
                    .unwrap_or_else(|| Answer::no_route(&Method::GET, call.parts.uri.path()))
            }
            Self::Me => match user.map(|user| directory.user(user)) {
                Some(Ok(Some(user))) => Answer::json(&Envelope {
                    user: View::of(&user),
                }),
                Some(Err(error)) => failed(&error),
                Some(Ok(None)) | None => Answer::error(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "Only a user has an answer to this, not a key",
                ),
            },
        }
    }
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
    metadata: Option<&'a str>,
    created_at: &'a str,
    updated_at: &'a str,
    deleted_at: Option<&'a str>,
}

impl<'a> View<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: &user.id,
            first_name: None,
            last_name: None,
            email: &user.email,
            avatar_url: None,
            metadata: None,
            created_at: &user.created_at,
            updated_at: &user.updated_at,
            deleted_at: None,
        }
    }
}

fn token(token: &str) -> Answer {
    #[derive(Serialize)]
    struct Token<'a> {
        token: &'a str,
    }
    Answer::json(&Token { token })
}

async fn sign_in(directory: Arc<Directory>, call: &Call<'_>) -> Answer {
    let provider = call.parameters.first().map_or("", String::as_str);
    if provider != PROVIDER {
        let message =
            format!("The actor type user is not allowed to use the auth provider {provider}");
        return Answer::error(StatusCode::BAD_REQUEST, "not_allowed", &message);
    }
    let body: Map<String, Value> = serde_json::from_slice(&call.body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let refuse = |message: &str| Answer::error(StatusCode::UNAUTHORIZED, "unauthorized", message);
    let Some(password) = field("password") else {
        return refuse("Password should be a string");
    };
    let Some(email) = field("email") else {
        return refuse("Email should be a string");
    };
    let peer = call.peer;
    let done =
        tokio::task::spawn_blocking(move || directory.sign_in(&email, &password, peer)).await;
    match done {
        Ok(Ok(signed)) => token(&signed),
        Ok(Err(error @ SignInError::Wrong)) => refuse(&error.to_string()),
        Ok(Err(error @ SignInError::TooMany(seconds))) => Answer::error(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            &error.to_string(),
        )
        .with(RETRY_AFTER, &seconds.to_string()),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn begin_session(
    directory: &Directory,
    user: &str,
    parts: &Parts,
    options: &HttpOptions,
) -> Answer {
    let session = match directory.begin_session(user) {
        Ok(session) => session,
        Err(error) => return failed(&error),
    };
    let user = match directory.user(user) {
        Ok(Some(user)) => user,
        Ok(None) => return Answer::unauthorized(),
        Err(error) => return failed(&error),
    };
    let age = directory.session_lifetime().as_secs();
    Answer::json(&Envelope {
        user: View::of(&user),
    })
    .with(SET_COOKIE, &cookie(&session, age, is_https(parts, options)))
}

fn end_session(directory: &Directory, headers: &HeaderMap) -> Answer {
    #[derive(Serialize)]
    struct Success {
        success: bool,
    }
    if let Some(Err(error)) = session_cookie(headers).map(|session| directory.end_session(session))
    {
        return failed(&error);
    }
    Answer::json(&Success { success: true }).with(SET_COOKIE, &cookie("", 0, false))
}

/// The host itself speaks no TLS: only a proxy before it can say that it does.
fn is_https(parts: &Parts, options: &HttpOptions) -> bool {
    options.trust_forwarded
        && parts
            .headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto == "https")
}

fn cookie(value: &str, age_s: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}")
}
