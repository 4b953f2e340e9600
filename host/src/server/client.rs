//! A client of a host: requests, and their answers.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;

/// The largest answer to a challenge, in bytes.
const PROOF_BYTES_MAX: usize = 4 * 1024;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the host does not answer: {0}")]
    Broken(#[from] hyper::Error),
    #[error("that cannot be asked: {0}")]
    Request(#[from] hyper::http::Error),
    /// The other end does not answer a challenge.
    #[error("it does not answer a challenge")]
    NoProof,
}

/// A request to a host.
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

    /// A component, and its minisign signature in base 64.
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

/// One connection to a host, for requests one after another.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    /// Begins to speak HTTP on a stream.
    pub async fn begin(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, ClientError> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        Ok(Self { sender, driver })
    }

    /// Sends a request as the actor of the token, and returns the status and the body of the
    /// answer.
    pub async fn ask(&mut self, ask: Ask, token: &str) -> Result<(u16, Vec<u8>), ClientError> {
        let (status, body) = self.send(ask, Some(token)).await?;
        Ok((status, body.collect().await?.to_bytes().to_vec()))
    }

    /// Asks the other end to prove that it is the host of a data folder, and returns its
    /// answer. Sends only the challenge.
    ///
    /// # Errors
    /// When it has no such answer.
    pub async fn challenge(&mut self, challenge: &str) -> Result<String, ClientError> {
        let ask = Ask::get(format!("/_wares/host?challenge={challenge}"));
        let (status, body) = self.send(ask, None).await?;
        let body = Limited::new(body, PROOF_BYTES_MAX).collect().await;
        let body = body.map_err(|_| ClientError::NoProof)?.to_bytes();
        let answer: Value = serde_json::from_slice(&body).map_err(|_| ClientError::NoProof)?;
        match answer["proof"].as_str() {
            Some(proof) if status == 200 => Ok(proof.to_owned()),
            _ => Err(ClientError::NoProof),
        }
    }

    async fn send(
        &mut self,
        ask: Ask,
        token: Option<&str>,
    ) -> Result<(u16, Incoming), ClientError> {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(ask.path)
            .header(HOST, "localhost");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(ask.body)))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
