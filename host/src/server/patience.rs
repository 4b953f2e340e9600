//! How long a connection is waited for where the HTTP library does not look at the
//! clock: until its first bytes tell which HTTP it speaks, and while its other
//! side takes nothing of what it is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What an HTTP/2 connection begins with. Until it is told from HTTP/1, nobody
/// else holds the connection to a time.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that is not waited for without end.
pub(super) struct Patient<S> {
    stream: S,
    /// Ends the wait for the first bytes, until they are there.
    opening: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    seen: usize,
    /// Ends a wait for the other side to take something, while there is one.
    stalled: Option<Pin<Box<Sleep>>>,
    stall: Duration,
}

impl<S> Patient<S> {
    /// Waits so long for the first bytes, and `stall` for the other side to take
    /// what it is sent.
    pub(super) fn new(stream: S, opening: Duration, stall: Duration) -> Self {
        Self {
            stream,
            opening: Some(Box::pin(sleep(opening))),
            seen: 0,
            stalled: None,
            stall,
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

    /// Ends a wait for the other side to take something, or goes on with it.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        timed_out(stalled, context, "it takes nothing of an answer")
    }
}

fn timed_out<T>(
    sleep: &mut Pin<Box<Sleep>>,
    context: &mut Context<'_>,
    why: &'static str,
) -> Poll<io::Result<T>> {
    sleep
        .as_mut()
        .poll(context)
        .map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, why)))
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
        timed_out(opening, context, "it does not begin")
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
        this.written(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.written(context, written)
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
