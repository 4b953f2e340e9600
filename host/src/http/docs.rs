//! The page that shows the OpenAPI document to people: Swagger UI, out of the
//! binary, so that it needs nothing from elsewhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use serde_json::Value;
use utoipa_swagger_ui::Config;

use super::answer::{Answer, JSON};
use super::conditional::tagged;
use super::openapi::{self, Described};
use super::{HttpOptions, extended, host_api};
use crate::components::{CurrentRoutes, Version};

/// The OpenAPI document, as it was sent last.
#[derive(Default)]
pub(super) struct CachedDocument(Mutex<Option<(u64, Answer)>>);

impl CachedDocument {
    /// The document of all present endpoints, written where the routes have changed.
    pub(super) fn get(&self, routes: &CurrentRoutes, options: &HttpOptions) -> Answer {
        let generation = routes.present().generation();
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, answer)) = &*cached
            && *of == generation
        {
            return answer.clone();
        }
        let document = Bytes::from(written(routes, options).to_string());
        let answer = tagged(Answer::bytes(StatusCode::OK, JSON, document));
        *cached = Some((generation, answer.clone()));
        answer
    }
}

fn written(routes: &CurrentRoutes, options: &HttpOptions) -> Value {
    let versions = routes.versions();
    let versions: Vec<&Version> = versions.iter().map(|version| &**version).collect();
    let of_modules = versions.iter().flat_map(|version| {
        let routes = version.routes().iter().zip(version.operations());
        let routes = (0..).zip(routes);
        routes.map(|(index, (route, operation))| Described {
            method: route.method,
            path: &route.path,
            access: route.access,
            operation: extended::operation(&versions, version, index, operation),
        })
    });
    let endpoints = of_modules.chain(host_api::described(options)).collect();
    openapi::document(&versions, endpoints)
}

/// Where the document is.
pub(super) const DOCUMENT: &str = "/openapi.json";
/// Where the page is.
pub(super) const PAGE: &str = "/docs";

/// How the page's own scripts begin.
const SCRIPT: &str = "<script ";

/// The page sends requests only to this host, and runs only the scripts that it names itself:
/// components answer below other paths of this host.
fn policy(scripts: &str) -> String {
    format!(
        "default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// The page, when it is asked for by `path`. Its parts are relative to a path with a slash at the end.
pub(super) fn page(path: &str) -> Answer {
    if path.ends_with('/') {
        part("index.html").unwrap_or_else(Answer::unknown_error)
    } else {
        Answer::bytes(
            StatusCode::PERMANENT_REDIRECT,
            HeaderValue::from_static("text/plain; charset=utf-8"),
            Bytes::from_static(b"The page is at /docs/"),
        )
        .with(LOCATION, &format!("{PAGE}/"))
    }
}

/// A part of the page by its file's name. It is made once, and its bytes are shared by
/// all who ask for it, but for those of a page with scripts.
pub(super) fn part(name: &str) -> Option<Answer> {
    let answer = made_part(name)?;
    let is_page = answer
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes().starts_with(b"text/html"));
    Some(if is_page {
        with_named_scripts(answer)
    } else {
        answer
    })
}

fn made_part(name: &str) -> Option<Answer> {
    static PARTS: LazyLock<RwLock<HashMap<String, Answer>>> = LazyLock::new(RwLock::default);
    let made = PARTS.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = made.get(name) {
        return Some(answer.clone());
    }
    drop(made);
    let answer = tagged(make_part(name)?);
    if answer.status == StatusCode::OK {
        let mut made = PARTS.write().unwrap_or_else(PoisonError::into_inner);
        made.insert(name.to_owned(), answer.clone());
    }
    Some(answer)
}

fn make_part(name: &str) -> Option<Answer> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        Arc::new(
            Config::from(DOCUMENT)
                .use_base_layout()
                .try_it_out_enabled(true)
                .persist_authorization(false)
                .filter(true),
        )
    });
    let file = match utoipa_swagger_ui::serve(name, CONFIG.clone()) {
        Ok(file) => file?,
        Err(error) => {
            tracing::error!(%error, name, "a part of the page cannot be made");
            return Some(Answer::unknown_error());
        }
    };
    let content_type = HeaderValue::from_str(&file.content_type).ok()?;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let answer = Answer::bytes(StatusCode::OK, content_type, bytes);
    Some(
        answer
            .with(CONTENT_SECURITY_POLICY, &policy("'none'"))
            .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .with(REFERRER_POLICY, "no-referrer"),
    )
}

/// A page whose scripts have a name that no text of the document can know, so that
/// it cannot bring one of its own.
fn with_named_scripts(mut page: Answer) -> Answer {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let named = format!("{SCRIPT}nonce=\"{nonce}\" ");
    let text = String::from_utf8_lossy(&page.body).replace(SCRIPT, &named);
    page.body = text.into();
    page.headers.remove(ETAG);
    page.with(
        CONTENT_SECURITY_POLICY,
        &policy(&format!("'nonce-{nonce}'")),
    )
    // Kept, it would be shown with the name of another time.
    .with(CACHE_CONTROL, "no-store")
}
