//! Bodies of answers on their way out. They report the bytes that the client reads, so that
//! the waiting bytes of a connection are known.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, SizeHint};

use super::connection::Waiting;

/// The body of a response.
#[derive(Debug)]
pub struct Outgoing {
    held: Option<Held>,
    is_broken: bool,
}

/// An answer without room, whose request must not be retried.
#[derive(Debug, thiserror::Error)]
#[error("the answer found no room beside those that are not taken")]
pub struct NoRoom;

impl Outgoing {
    /// A body that is not counted.
    pub(super) fn empty() -> Self {
        Self {
            held: None,
            is_broken: false,
        }
    }

    /// A body that waits for the client to read it.
    pub(super) fn new(bytes: Bytes, waiting: Waiting) -> Self {
        Self {
            held: Some(Held { bytes, waiting }),
            is_broken: false,
        }
    }

    /// A body that fails before its first byte.
    pub(super) fn broken() -> Self {
        Self {
            held: None,
            is_broken: true,
        }
    }
}

impl Body for Outgoing {
    type Data = Held;
    type Error = NoRoom;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Held>, NoRoom>>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.is_broken) {
            return Poll::Ready(Some(Err(NoRoom)));
        }
        Poll::Ready(this.held.take().map(|held| Ok(Frame::data(held))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && !self.is_broken
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_broken {
            return SizeHint::default();
        }
        let bytes = self.held.as_ref().map_or(0, Held::remaining);
        SizeHint::with_exact(bytes as u64)
    }
}

/// Bytes that wait for the client.
#[derive(Debug)]
pub struct Held {
    bytes: Bytes,
    waiting: Waiting,
}

impl Buf for Held {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.waiting.took(count);
    }
}
