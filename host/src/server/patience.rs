//! A connection's bytes as they pass: waited for no longer than a time until the first
//! tell which HTTP it speaks, and counted where the HTTP library does not.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::frames::Traffic;
use crate::http::Connection;

/// What an HTTP/2 connection begins with. Until it is told from HTTP/1, nobody
/// else holds the connection to a time.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose first bytes are not waited for without end, and that ends when it
/// brings too much that is no work.
pub(super) struct Patient<S> {
    stream: S,
    connection: Arc<Connection>,
    traffic: Traffic,
    /// Ends the wait for the first bytes, until they are there.
    opening: Option<Pin<Box<Sleep>>>,
    /// How much of the preface has come.
    seen: usize,
}

impl<S> Patient<S> {
    /// Waits so long for the first bytes.
    pub(super) fn new(stream: S, connection: Arc<Connection>, opening: Duration) -> Self {
        Self {
            stream,
            connection,
            traffic: Traffic::new(),
            opening: Some(Box::pin(sleep(opening))),
            seen: 0,
        }
    }

    /// Looks at what has come first, and returns what comes after it.
    fn see<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let missing = &PREFACE[self.seen..];
        self.seen += bytes.len();
        if bytes.len() >= missing.len() && bytes.starts_with(missing) {
            self.opening = None;
            self.traffic.is_http_2();
            self.connection.awaits_no_head();
            return &bytes[missing.len()..];
        }
        if bytes.is_empty() || !missing.starts_with(bytes) {
            self.opening = None;
        }
        bytes
    }

    fn count(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.traffic.came(bytes, self.connection.requests_ever()) {
            return Ok(());
        }
        tracing::debug!(peer = %self.connection.peer(), "too much comes that is no work");
        Err(io::Error::other("too much comes that is no work"))
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.traffic.sent(bytes);
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
        if let Poll::Ready(Ok(())) = read {
            let mut came = &buffer.filled()[before..];
            if this.opening.is_some() {
                came = this.see(came);
            }
            if !came.is_empty() && !this.traffic.speaks_http_2() {
                this.connection.came();
            }
            return Poll::Ready(this.count(came));
        }
        match &mut this.opening {
            Some(opening) if read.is_pending() => opening.as_mut().poll(context).map(|()| {
                let late = "it does not begin";
                Err(io::Error::new(io::ErrorKind::TimedOut, late))
            }),
            _ => read,
        }
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
