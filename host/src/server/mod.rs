//! Connections: accepts them, speaks HTTP/1.1 and HTTP/2 without TLS on them,
//! bounds them, and lets open requests finish when it is told to stop.

pub mod client;
mod frames;
mod listen;
mod settings;
mod timeouts;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::{self, HttpServerConnExec};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

use self::timeouts::TimedStream;
use crate::http::{App, Connection};

pub use self::listen::{Bound, ListenError, Listeners};
pub use self::settings::ServerSettings;

/// Bounds on connections.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections at the same time; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Request line and headers, in bytes.
    pub head_bytes_max: usize,
    /// The time within which a request's head must arrive.
    pub head_timeout: Duration,
    /// How long open requests may take after the signal to stop.
    pub drain: Duration,
}

/// Streams of one HTTP/2 connection at the same time.
const STREAMS_MAX: u32 = 100;
/// The unread bytes of one of them.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// The unread bytes of all of them, on one connection.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// How long open requests may take on a connection that ends for its refused requests.
const SPENT_DRAIN: Duration = Duration::from_secs(1);
/// A pause after a failed accept, for example when no file descriptors are left: an
/// immediate retry would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves one connection to this process itself, until its other side is dropped.
pub async fn serve_one(stream: impl AsyncRead + AsyncWrite + Unpin, app: Arc<App>) {
    let connection = app.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let service = service_fn(move |request| {
        let (app, connection) = (app.clone(), connection.clone());
        async move { Ok::<_, Infallible>(app.respond(&connection, request).await) }
    });
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves until `stop` resolves, then finishes open requests within the drain time.
/// Returns the number of connections that did not finish by then.
pub async fn run(
    mut listeners: Listeners,
    app: Arc<App>,
    limits: ServerLimits,
    stop: impl Future<Output = ()>,
) -> usize {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It would count from the end of the request before. The connection counts from the
        // head's first byte.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes_max.try_into().unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let (stopping, _) = watch::channel(());
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    let housekeeping = tokio::spawn({
        let app = app.clone();
        async move { app.release_memory().await }
    });
    tokio::pin!(stop);
    loop {
        let permit = tokio::select! {
            biased;
            () = &mut stop => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listeners.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Answers are small and written whole: waiting to fill a packet only costs time.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "no TCP_NODELAY");
        }
        let connection = app.connect(peer);
        let stream = TimedStream::new(
            stream,
            connection.clone(),
            limits.head_timeout,
            limits.head_bytes_max,
        );
        let service = service_fn({
            let (app, connection) = (app.clone(), connection.clone());
            move |request| {
                let (app, connection) = (app.clone(), connection.clone());
                async move { Ok::<_, Infallible>(app.respond(&connection, request).await) }
            }
        });
        let serving = builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        let stopped = stopping.subscribe();
        tokio::spawn(async move {
            let ended = attend(serving, &connection, stopped).await;
            tracing::debug!(%peer, reason = %ended, "connection ended");
            drop(permit);
        });
    }
    drop(listeners);
    housekeeping.abort();
    let open = stopping.receiver_count();
    stopping.send_replace(());
    match tokio::time::timeout(limits.drain, stopping.closed()).await {
        Ok(()) => 0,
        Err(_) => open,
    }
}

/// The text of an error with its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Serves a connection to its end, and returns the reason of the end. When the host stops,
/// or the connection has used up its budget, its open requests are finished first.
async fn attend<I, S, B>(
    serving: auto::Connection<'static, I, S, TokioExecutor>,
    connection: &Connection,
    mut stopped: watch::Receiver<()>,
) -> String
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    TokioExecutor: HttpServerConnExec<S::Future, B>,
{
    tokio::pin!(serving);
    let (idle, spent) = (connection.idles(), connection.is_spent());
    tokio::pin!(idle, spent);
    let (mut is_stopping, mut is_spent) = (false, false);
    let over = tokio::time::sleep(SPENT_DRAIN);
    tokio::pin!(over);
    loop {
        tokio::select! {
            ended = &mut serving => return match ended {
                Ok(()) => "the other side closed it".to_owned(),
                Err(error) => causes(&*error),
            },
            () = &mut idle => return "idle timeout".to_owned(),
            () = &mut spent, if !is_spent => {
                is_spent = true;
                over.as_mut().reset(tokio::time::Instant::now() + SPENT_DRAIN);
                serving.as_mut().graceful_shutdown();
            }
            () = &mut over, if is_spent => {
                return "too many refused requests".to_owned();
            }
            _ = stopped.changed(), if !is_stopping => {
                is_stopping = true;
                serving.as_mut().graceful_shutdown();
            }
        }
    }
}
