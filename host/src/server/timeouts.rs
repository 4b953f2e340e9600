//! A connection's bytes as they pass: the first ones, which tell the version of HTTP, have
//! a timeout, and frames that the HTTP library does not count are counted. A refusal that
//! the library writes by itself gets a body here, and time to be read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::frames::Traffic;
use crate::http::{Connection, refusal_with_body};

/// The first bytes of an HTTP/2 connection. Until they distinguish it from HTTP/1, no other
/// timeout applies.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes and time in which a client may still send after a refusal. Closing the
/// connection earlier could discard the refusal.
const LINGER_BYTES_MAX: usize = 1024 * 1024;
const LINGER: Duration = Duration::from_secs(2);
const LINGER_READ_BYTES: usize = 8 * 1024;

/// A stream with a timeout for its first bytes, which ends after too many frames without
/// work.
pub(super) struct TimedStream<S> {
    stream: S,
    connection: Arc<Connection>,
    traffic: Traffic,
    /// The timeout of the first bytes, until they have arrived.
    opening: Option<Pin<Box<Sleep>>>,
    /// The received bytes of the preface.
    seen: usize,
    head_bytes_max: usize,
    /// Earlier writes are with the system: the next bytes begin an answer, or continue the
    /// body of one.
    is_flushed: bool,
    /// The replacement of a refusal without a body, and its written bytes.
    refusal: Option<(Vec<u8>, usize)>,
    lingering: Option<Lingering>,
}

/// The end of a connection on which a request was refused.
struct Lingering {
    over: Pin<Box<Sleep>>,
    bytes_left: usize,
}

impl<S> TimedStream<S> {
    /// Waits this long for the first bytes.
    pub(super) fn new(
        stream: S,
        connection: Arc<Connection>,
        opening: Duration,
        head_bytes_max: usize,
    ) -> Self {
        Self {
            stream,
            connection,
            traffic: Traffic::new(),
            opening: Some(Box::pin(sleep(opening))),
            seen: 0,
            head_bytes_max,
            is_flushed: true,
            refusal: None,
            lingering: None,
        }
    }

    /// Checks the first bytes, and returns the bytes after them.
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
        tracing::debug!(peer = %self.connection.peer(), "too many frames without work");
        Err(io::Error::other("too many frames without work"))
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.traffic.sent(bytes);
            self.is_flushed = false;
        }
        written
    }

    /// Whether these bytes are a refusal by the HTTP library itself, which is then replaced.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if self.refusal.is_some() {
            return true;
        }
        if !self.is_flushed || self.traffic.speaks_http_2() || !self.connection.is_quiet() {
            return false;
        }
        let refusal = refusal_with_body(bytes, self.connection.peer(), self.head_bytes_max);
        self.refusal = refusal.map(|refusal| (refusal, 0));
        self.refusal.is_some()
    }
}

impl<S: AsyncWrite + Unpin> TimedStream<S> {
    /// Writes a refusal instead of this many bytes.
    fn poll_refuse(
        &mut self,
        context: &mut Context<'_>,
        replaced: usize,
    ) -> Poll<io::Result<usize>> {
        while let Some((refusal, written)) = &mut self.refusal
            && *written < refusal.len()
        {
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write(context, &refusal[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => *written += bytes,
            }
        }
        self.refusal = None;
        self.connection.refuse();
        self.is_flushed = false;
        Poll::Ready(Ok(replaced))
    }
}

impl<S: AsyncRead + Unpin> TimedStream<S> {
    /// Reads and drops bytes that a client sends after a refusal.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let lingering = self.lingering.get_or_insert_with(|| Lingering {
            over: Box::pin(sleep(LINGER)),
            bytes_left: LINGER_BYTES_MAX,
        });
        let mut space = [0; LINGER_READ_BYTES];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let left = lingering.bytes_left.checked_sub(buffer.filled().len());
                    match left {
                        Some(left) => lingering.bytes_left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return lingering.over.as_mut().poll(context),
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
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
                let late = "no first bytes within server.head_timeout_ms";
                Err(io::Error::new(io::ErrorKind::TimedOut, late))
            }),
            _ => read,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.replaces(bytes) {
            return this.poll_refuse(context, bytes.len());
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let [first, rest @ ..] = bytes
            && rest.iter().all(|slice| slice.is_empty())
            && this.replaces(first)
        {
            return this.poll_refuse(context, first.len());
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.is_flushed |= flushed.is_ready();
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        if this.connection.is_refused() {
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
