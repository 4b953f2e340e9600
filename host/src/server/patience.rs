//! How long a connection is waited for where the HTTP library does not look at the
//! clock: until its first bytes tell which HTTP it speaks, and while its other
//! side asks for nothing and takes nothing of what it is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What an HTTP/2 connection begins with. Until it is told from HTTP/1, nobody
/// else holds the connection to a time.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is smaller, in bytes, may be no more than a sign of life.
const SIGN_OF_LIFE_BYTES: usize = 64;

/// What goes on on one connection.
pub(super) struct Activity {
    began: Instant,
    /// Requests that the host is at work on.
    requests: AtomicUsize,
    /// When something last was asked, answered or sent, in milliseconds after `began`.
    last_ms: AtomicU64,
}

/// The host is at work on a request as long as this lives.
pub(super) struct AtWork<'a>(&'a Activity);

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            requests: AtomicUsize::new(0),
            last_ms: AtomicU64::new(0),
        }
    }

    pub(super) fn request(&self) -> AtWork<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        AtWork(self)
    }

    fn note(&self) {
        let now = self.began.elapsed().as_millis();
        let now = now.try_into().unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    /// Until nothing has gone on for so long.
    pub(super) async fn rests(&self, time: Duration) {
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let quiet = self.began.elapsed().saturating_sub(last);
            if self.requests.load(Ordering::Relaxed) > 0 {
                sleep(time).await;
            } else if quiet < time {
                sleep(time - quiet).await;
            } else {
                return;
            }
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.note();
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream whose first bytes are not waited for without end.
pub(super) struct Patient<S> {
    stream: S,
    activity: Arc<Activity>,
    /// Ends the wait for the first bytes, until they are there.
    opening: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    seen: usize,
}

impl<S> Patient<S> {
    /// Waits so long for the first bytes, and tells what is sent.
    pub(super) fn new(stream: S, activity: Arc<Activity>, opening: Duration) -> Self {
        Self {
            stream,
            activity,
            opening: Some(Box::pin(sleep(opening))),
            seen: 0,
        }
    }

    /// Looks at what has come first.
    fn see(&mut self, bytes: &[u8]) {
        self.seen += bytes.len();
        let missing = &PREFACE[self.seen - bytes.len()..];
        if bytes.is_empty() || bytes.len() >= missing.len() || !missing.starts_with(bytes) {
            self.opening = None;
        }
    }

    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(bytes)) if bytes >= SIGN_OF_LIFE_BYTES) {
            self.activity.note();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(opening) = &mut this.opening else {
            return read;
        };
        if read.is_ready() {
            this.see(&buffer.filled()[before..]);
            return read;
        }
        opening.as_mut().poll(context).map(|()| {
            let late = "it does not begin";
            Err(io::Error::new(io::ErrorKind::TimedOut, late))
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
