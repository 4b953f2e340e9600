//! Frames of an HTTP/2 connection beside requests and bodies: PING, SETTINGS, PRIORITY and
//! the like, which the HTTP library answers by itself. Reads the frames' heads as they
//! pass, and counts. Never changes or holds a byte.

use crate::http::Bucket;

/// A frame's head: length, type, flags, stream.
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;

/// One frame without work, in tokens; one of `DATA` costs less, the longer it is.
const FRAME: u64 = 256;
/// A read of fewer bytes than any request has, in tokens.
const TINY_READ: u64 = FRAME / 4;
const TINY_READ_BYTES: usize = 16;
/// The bounds on frames without work: at once, and a second.
const FRAMES_MAX: u64 = 1000;
const FRAMES_A_SECOND: u64 = 100;
/// The tokens of a request: its answer is acknowledged, and perhaps measured by a PING.
const EARNED_BY_REQUEST: u64 = 2 * FRAME;
/// The sent bytes that earn a frame: the other side opens its window again.
const SENT_BYTES_A_FRAME: u64 = 4096;
/// Heads that may be on their way to becoming requests.
const UNBORN_MAX: u64 = 200;

/// Counts the frames of one connection.
#[derive(Debug)]
pub(super) struct Traffic {
    budget: Bucket,
    /// The frame that is being read; `None` if the connection does not speak HTTP/2.
    frame: Option<Partial>,
    /// Received heads of requests, and those of them that became requests.
    heads: u64,
    unborn: u64,
}

/// A partly received frame.
#[derive(Debug, Default)]
struct Partial {
    head: [u8; HEAD_BYTES],
    seen: usize,
    /// The missing bytes of the payload.
    payload: usize,
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            budget: Bucket::new(FRAMES_MAX * FRAME, FRAMES_A_SECOND * FRAME),
            frame: None,
            heads: 0,
            unborn: 0,
        }
    }

    /// Starts to count frames.
    pub(super) fn is_http_2(&mut self) {
        self.frame = Some(Partial::default());
    }

    /// Whether the connection has frames.
    pub(super) fn speaks_http_2(&self) -> bool {
        self.frame.is_some()
    }

    /// Counts bytes that were sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.budget.earn(bytes as u64 * FRAME / SENT_BYTES_A_FRAME);
    }

    /// Counts the bytes of one read. `requests` is the number of all requests so far.
    /// Returns `false` after more frames without work than a connection may send.
    pub(super) fn came(&mut self, mut bytes: &[u8], requests: u64) -> bool {
        if bytes.len() < TINY_READ_BYTES && !bytes.is_empty() && !self.budget.spend(TINY_READ) {
            return false;
        }
        let Some(frame) = &mut self.frame else {
            return true;
        };
        while !bytes.is_empty() {
            let skipped = frame.payload.min(bytes.len());
            frame.payload -= skipped;
            bytes = &bytes[skipped..];
            let wanted = (HEAD_BYTES - frame.seen).min(bytes.len());
            if frame.payload > 0 || wanted == 0 {
                continue;
            }
            frame.head[frame.seen..frame.seen + wanted].copy_from_slice(&bytes[..wanted]);
            frame.seen += wanted;
            bytes = &bytes[wanted..];
            if frame.seen < HEAD_BYTES {
                continue;
            }
            frame.seen = 0;
            let [a, b, c, kind, flags, ..] = frame.head;
            frame.payload = u32::from_be_bytes([0, a, b, c]) as usize;
            let cost = match kind {
                HEADERS => {
                    self.heads += 1;
                    self.budget.earn(EARNED_BY_REQUEST);
                    // A head that becomes no request is answered by the HTTP library, if at all.
                    if self.heads > requests + self.unborn + UNBORN_MAX {
                        self.unborn += 1;
                        FRAME + EARNED_BY_REQUEST
                    } else {
                        0
                    }
                }
                DATA if flags & END_STREAM != 0 => 0,
                DATA => FRAME.saturating_sub(frame.payload as u64),
                _ => FRAME,
            };
            if cost > 0 && !self.budget.spend(cost) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD_BYTES + payload, 0xff);
        frame
    }

    fn http_2() -> Traffic {
        let mut traffic = Traffic::new();
        traffic.is_http_2();
        traffic
    }

    /// The number of these frames that a connection may send at once, in reads of any size.
    fn taken(frame: &[u8], piece: usize) -> usize {
        let mut traffic = http_2();
        let all = frame.repeat(2000);
        let pieces = all.chunks(piece);
        let read: usize = pieces
            .take_while(|piece| traffic.came(piece, 0))
            .map(<[u8]>::len)
            .sum();
        read / frame.len()
    }

    #[test]
    fn frames_without_work_are_bounded() {
        let ping = frame(6, 0, 8);
        let around = 990..1200;
        for piece in [ping.len(), 17, 1000, 16] {
            assert!(around.contains(&taken(&ping, piece)), "{piece}");
        }
        for (kind, payload) in [(2, 5), (3, 4), (4, 0), (4, 36), (8, 4), (9, 100), (200, 1)] {
            let frame = frame(kind, 0, payload);
            assert!(around.contains(&taken(&frame, 64)), "{kind}");
        }
        assert!(around.contains(&taken(&frame(DATA, 0, 0), 64)));
    }

    #[test]
    fn bodies_are_free_unless_they_come_in_crumbs() {
        assert_eq!(taken(&frame(DATA, 0, 1000), 700), 2000);
        assert_eq!(taken(&frame(DATA, END_STREAM, 1), 64), 2000);
        assert!(taken(&frame(DATA, 0, 16), 64) < 1300);
    }

    #[test]
    fn requests_and_sent_bytes_earn_frames() {
        let (head, ping) = (frame(HEADERS, 5, 30), frame(6, 0, 8));
        let mut traffic = http_2();
        for requests in 0..10_000 {
            assert!(traffic.came(&head, requests) && traffic.came(&ping, requests + 1));
        }
        let window = frame(8, 0, 4);
        for _ in 0..10_000 {
            traffic.sent(4096);
            assert!(traffic.came(&[window.clone(), head.clone()].concat(), 20_000));
        }
    }

    #[test]
    fn heads_that_become_no_request_are_bounded() {
        let mut traffic = http_2();
        let head = frame(HEADERS, 5, 30);
        let came = (0..5000).take_while(|_| traffic.came(&head, 0)).count();
        assert!((1000..1500).contains(&came), "{came}");
    }

    #[test]
    fn crumbs_of_reads_are_bounded() {
        let mut traffic = Traffic::new();
        assert!((0..3000).all(|_| traffic.came(b"x", 0)));
        assert!(!(0..3000).all(|_| traffic.came(b"x", 0)));
        let mut traffic = Traffic::new();
        assert!((0..100_000).all(|_| traffic.came(b"GET / HTTP/1.1\r\n\r\n", 0)));
    }
}
