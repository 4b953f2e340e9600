//! The other side of a connection: one request, and its answer.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection broke.
    #[error("the host does not answer: {0}")]
    Broken(#[from] hyper::Error),
    /// What is asked is no request.
    #[error("that cannot be asked: {0}")]
    Request(#[from] hyper::http::Error),
}

/// What is asked of a host.
pub struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// That something is forgotten.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// A request with a JSON body.
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self {
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string().into_bytes(),
            ..Self::new(Method::POST, path)
        }
    }

    /// A component, and what minisign wrote of it in base 64.
    pub fn put(path: impl Into<String>, component: Vec<u8>, signature: Option<String>) -> Self {
        let mut headers = vec![("content-type", "application/wasm".to_owned())];
        headers.extend(signature.map(|text| ("wares-signature", text)));
        Self {
            headers,
            body: component,
            ..Self::new(Method::PUT, path)
        }
    }

    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }
}

/// Asks, and gives the status and the body of the answer.
///
/// # Errors
/// When there is no whole answer.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ask: Ask,
    token: &str,
) -> Result<(u16, Vec<u8>), ClientError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(HOST, "localhost")
        .header(AUTHORIZATION, format!("Bearer {token}"));
    for (name, value) in ask.headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(ask.body)))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, body.to_vec()))
}
