//! Connections: accepts them, speaks HTTP/1.1 and HTTP/2 without TLS on them,
//! bounds them, and lets open requests finish when it is told to stop.

pub mod client;
mod patience;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::patience::{Activity, Patient};
use crate::http::App;

/// Bounds on connections.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// Connections at the same time; further ones wait in the kernel's queue.
    pub connections_max: usize,
    /// Request line and headers, in bytes.
    pub head_bytes_max: usize,
    /// Until a request's head must have arrived.
    pub head_timeout: Duration,
    /// How long the other side may ask for nothing and take nothing of what it is sent.
    pub idle_timeout: Duration,
    /// How long open requests may take after the signal to stop.
    pub drain: Duration,
}

/// Streams of one HTTP/2 connection at the same time.
const STREAMS_MAX: u32 = 200;
/// A pause after a failed accept, for example because there are no file
/// descriptors left: trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves one connection to this process itself, until its other side is dropped.
pub async fn serve_one(stream: impl AsyncRead + AsyncWrite + Unpin, app: Arc<App>) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(app.respond(peer, request).await) }
    });
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// Serves until `stop` resolves, then finishes what is open, no longer than the
/// drain time. Gives the number of connections that did not finish by then.
pub async fn run(
    listener: TcpListener,
    app: Arc<App>,
    limits: ServerLimits,
    stop: impl Future<Output = ()>,
) -> usize {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes_max.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes_max.try_into().unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections_max));
    tokio::pin!(stop);
    loop {
        let place = tokio::select! {
            biased;
            () = &mut stop => break,
            place = places.clone().acquire_owned() => place,
        };
        let (stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
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
        let activity = Arc::new(Activity::new());
        let stream = Patient::new(stream, activity.clone(), limits.head_timeout);
        let service = service_fn({
            let (app, activity) = (app.clone(), activity.clone());
            move |request| {
                let (app, activity) = (app.clone(), activity.clone());
                async move {
                    let _at_work = activity.request();
                    Ok::<_, Infallible>(app.respond(peer, request).await)
                }
            }
        });
        let connection = graceful.watch(
            builder
                .serve_connection(TokioIo::new(stream), service)
                .into_owned(),
        );
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "connection ended");
                    }
                }
                () = activity.rests(limits.idle_timeout) => {
                    tracing::debug!(%peer, "connection ended: nothing goes on");
                }
            }
            drop(place);
        });
    }
    drop(listener);
    let open = graceful.count();
    match tokio::time::timeout(limits.drain, graceful.shutdown()).await {
        Ok(()) => 0,
        Err(_) => open,
    }
}
