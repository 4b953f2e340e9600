//! Request bodies: read within their limit, unpacked, and converted to the one form that
//! modules see: a JSON object or array in UTF-8, or nothing. A body that cannot be read is
//! refused as such, also without credentials; but of a body without an endpoint at most
//! `SCREENED_BYTES_MAX` is kept.

mod decoding;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{EXPECT, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Version};

use super::answer::Refusal;
use super::room::{Hold, Room};
use decoding::decode;
use refusals::{late, malformed};

pub(super) use refusals::{no_room, too_large};

/// The read part of a body that is too large, as a multiple of the limit. A client whose
/// connection closes while it sends may never see the answer.
const DRAIN_FACTOR: usize = 100;

/// The kept part, in bytes, of a body without an endpoint.
pub(super) const SCREENED_BYTES_MAX: usize = 16 * 1024;

/// The size, in bytes, of a body that is not counted if it arrives at once.
const WHOLE_BYTES_MAX: usize = 16 * 1024;

/// The memory of a request, in bytes, while it waits among others of its connection.
pub(super) const WAITING_BYTES: usize = 4 * 1024;
/// The memory of a header beside its name and value, in bytes.
const HEADER_BYTES: usize = 160;
/// The size of a head, alone on its connection, that is not counted, in bytes.
const HEAD_BYTES_FREE: usize = 8 * 1024;

/// Pieces of a body of any size. Each has the same cost, however small it is.
const PIECES_FREE: usize = 1000;
/// The bytes that allow one more piece.
const PIECE_BYTES: usize = 256;

/// The limits of reading a body.
pub(super) struct Bounds<'a> {
    /// The largest body, in bytes, packed and unpacked.
    pub bytes_max: usize,
    /// The kept part, in bytes; a larger one is read, and neither kept nor checked.
    pub kept_bytes_max: usize,
    /// The time within which all of it must arrive.
    pub timeout: Duration,
    /// The room for its kept memory.
    pub room: &'a Arc<Room>,
}

/// A body.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub bytes: Bytes,
    /// Its memory, held while it is in use.
    pub hold: Option<Hold>,
}

/// Reads and checks a body. Of one that is not kept, nothing is returned.
///
/// # Errors
/// The answer to return instead: 400, 408, 413, 415 or 503.
pub(super) async fn read(
    head: &Parts,
    body: Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    if body.is_end_stream() {
        return Ok(Received::default());
    }
    let Received { bytes, mut hold } = read_bytes(head, body, bounds).await?;
    let packed = bytes.len();
    let bytes = decode(&head.headers, bytes, bounds.bytes_max)?;
    let grown = bytes.len().saturating_sub(packed);
    if grown > WHOLE_BYTES_MAX && !hold.get_or_insert_with(|| bounds.room.enter()).grow(grown) {
        return Err(no_room());
    }
    Ok(Received { bytes, hold })
}

/// Checks a whole body.
///
/// # Errors
/// The answer to return instead: 400, 413 or 415.
pub(super) fn checked(
    headers: &HeaderMap,
    bytes: Bytes,
    bytes_max: usize,
) -> Result<Bytes, Refusal> {
    match bytes.len() > bytes_max {
        true => Err(too_large()),
        false => decode(headers, bytes, bytes_max),
    }
}

/// Reads a body of any kind as it is.
///
/// # Errors
/// The answer to return instead: 400, 408, 413 or 503.
pub(super) async fn read_bytes(
    head: &Parts,
    mut body: Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    if body.size_hint().lower() > bounds.bytes_max as u64 && head.headers.contains_key(EXPECT) {
        // The client asks before it sends.
        return Err(too_large());
    }
    match tokio::time::timeout(bounds.timeout, collect(head, &mut body, bounds)).await {
        Ok(done) => done,
        Err(_) => Err(late()),
    }
}

/// Reads a body that is not used, up to a limit, so that its sender sees the answer.
/// Without room for its memory, it is not waited for.
pub(super) async fn discard(
    head: &Parts,
    mut body: Incoming,
    bytes_max: usize,
    timeout: Duration,
    room: &Arc<Room>,
) {
    let mut waiting = room.enter();
    // With `Expect` the client asks before it sends.
    if head.headers.contains_key(EXPECT) || !waiting.grow(waiting_bytes(head)) {
        return;
    }
    let all = async {
        let (mut seen, mut pieces) = (0_usize, 0_usize);
        while let Some(Ok(frame)) = body.frame().await
            && seen <= bytes_max
            && pieces <= pieces_max(seen)
        {
            seen += frame.data_ref().map_or(0, Bytes::len);
            pieces += 1;
        }
    };
    // A slower client has had the time to read the answer.
    let _ = tokio::time::timeout(timeout, all).await;
}

fn pieces_max(seen: usize) -> usize {
    PIECES_FREE + seen / PIECE_BYTES
}

/// The memory of a request while its body is awaited, in bytes. Over HTTP/1 there is one
/// a connection, and their number is bounded.
fn waiting_bytes(head: &Parts) -> usize {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + HEADER_BYTES
    };
    let headers: usize = head.headers.iter().map(bytes).sum();
    if head.version < Version::HTTP_2 {
        headers.saturating_sub(HEAD_BYTES_FREE)
    } else {
        WAITING_BYTES + headers
    }
}

/// The next piece, if it is there; `None` if it must be awaited.
async fn at_once(body: &mut Incoming) -> Option<Option<Result<Frame<Bytes>, hyper::Error>>> {
    tokio::select! {
        biased;
        frame = body.frame() => Some(frame),
        () = std::future::ready(()) => None,
    }
}

async fn collect(
    head: &Parts,
    body: &mut Incoming,
    bounds: &Bounds<'_>,
) -> Result<Received, Refusal> {
    // The head stays as long as the body, also if that is not kept.
    let (mut waiting, mut hold) = (None, bounds.room.enter());
    let mut bytes = BytesMut::new();
    let (mut seen, mut pieces) = (0_usize, 0_usize);
    loop {
        let frame = match at_once(body).await {
            Some(frame) => frame,
            None => {
                if waiting.is_none() {
                    let waiting = waiting.insert(bounds.room.enter());
                    if !waiting.grow(waiting_bytes(head)) {
                        return Err(no_room());
                    }
                }
                body.frame().await
            }
        };
        let Some(frame) = frame else { break };
        let Ok(frame) = frame else {
            return Err(malformed("the body broke off"));
        };
        pieces += 1;
        if pieces > pieces_max(seen) {
            return Err(malformed("the body comes in too many small pieces"));
        }
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let is_first = seen == 0;
        seen += data.len();
        if seen > bounds.kept_bytes_max {
            (bytes, hold) = (BytesMut::new(), bounds.room.enter());
            if seen > bounds.bytes_max.saturating_mul(DRAIN_FACTOR) {
                break;
            }
        } else if is_first && seen <= WHOLE_BYTES_MAX && body.is_end_stream() {
            return Ok(Received {
                bytes: data,
                hold: None,
            });
        } else if hold.grow(data.len()) {
            bytes.extend_from_slice(&data);
        } else {
            return Err(no_room());
        }
    }
    if seen > bounds.bytes_max {
        return Err(too_large());
    }
    Ok(Received {
        bytes: bytes.freeze(),
        hold: Some(hold),
    })
}
