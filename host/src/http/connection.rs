//! The state of one connection: requests in work, answers that wait for the client to read
//! them, and refused requests.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::Version;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::body::WAITING_BYTES;
use super::bucket::Bucket;
use super::outgoing::Outgoing;
use super::room::{Hold, Room};

/// Bytes of answers that wait on one connection. If hardly any wait, one more of any size
/// may.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
const HARDLY_ANY_BYTES: usize = 1024 * 1024;
/// An answer of at most this many bytes may wait beside any others of its connection.
const MODEST_BYTES: usize = 64 * 1024;
/// The bytes of a smaller answer are not counted.
const TINY_BYTES: usize = 1024;

/// The rate at which waiting answers must be read, in bytes a millisecond.
const TAKEN_BYTES_A_MS: usize = 1;
/// The multiple of the timeout within which all waiting bytes must be read.
const TIMEOUTS: usize = 20;
/// The divisor of the timeout when memory for answers is scarce.
const PRESSED: u32 = 10;

/// Refused requests: at once, and a second.
const FRUITLESS_MAX: u64 = 1000;
const FRUITLESS_A_SECOND: u64 = 200;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// Of a head that has begun to arrive.
    pub head: Duration,
    /// Of reading enough of the waiting answers.
    pub taking: Duration,
    /// Of the next request.
    pub idle: Duration,
}

/// One connection, as its requests and the server share it.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    began: Instant,
    timeouts: Timeouts,
    /// The room for waiting answers.
    sending: Arc<Room>,
    /// Requests in work.
    requests: AtomicUsize,
    /// All requests so far.
    requests_ever: AtomicU64,
    /// Waiting answers, and their bytes.
    answers: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Bytes read since `progress_ms`.
    taken_bytes: AtomicUsize,
    /// When enough waiting bytes had been read, in milliseconds after `began`.
    progress_ms: AtomicU64,
    /// The last request or read, in milliseconds after `began`.
    last_ms: AtomicU64,
    /// When an incomplete head began to arrive, in milliseconds after `began`; 0 without one.
    head_ms: AtomicU64,
    fruitless: Mutex<Bucket>,
    is_spent: AtomicBool,
    spent: Notify,
    /// Whether a request was refused while it still sends.
    is_refused: AtomicBool,
}

/// Marks a request in work, until dropped.
pub(super) struct AtWork<'a>(&'a Connection);

/// An answer that waits for the client to read it.
#[derive(Debug)]
pub(super) struct Waiting {
    connection: Arc<Connection>,
    bytes: usize,
    _hold: Option<Hold>,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, sending: Arc<Room>, timeouts: Timeouts) -> Self {
        Self {
            peer,
            began: Instant::now(),
            timeouts,
            sending,
            requests: AtomicUsize::new(0),
            requests_ever: AtomicU64::new(0),
            answers: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            taken_bytes: AtomicUsize::new(0),
            progress_ms: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            head_ms: AtomicU64::new(0),
            fruitless: Mutex::new(Bucket::new(FRUITLESS_MAX, FRUITLESS_A_SECOND)),
            is_spent: AtomicBool::new(false),
            spent: Notify::new(),
            is_refused: AtomicBool::new(false),
        }
    }

    /// The peer.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// All requests on it so far.
    pub fn requests_ever(&self) -> u64 {
        self.requests_ever.load(Relaxed)
    }

    pub(super) fn begin(&self) -> AtWork<'_> {
        self.requests.fetch_add(1, Relaxed);
        self.requests_ever.fetch_add(1, Relaxed);
        self.awaits_no_head();
        AtWork(self)
    }

    /// The received bytes are no head of HTTP/1.
    pub fn awaits_no_head(&self) {
        self.head_ms.store(0, Relaxed);
    }

    /// Records bytes over HTTP/1: those of a head, if no request is in work.
    pub fn came(&self) {
        if self.requests.load(Relaxed) == 0 && self.head_ms.load(Relaxed) == 0 {
            self.head_ms.store(self.now_ms().max(1), Relaxed);
        }
    }

    /// Records the refusal of a request that may still send.
    pub fn refuse(&self) {
        self.is_refused.store(true, Relaxed);
    }

    /// Whether a request was refused that may still send.
    pub fn is_refused(&self) -> bool {
        self.is_refused.load(Relaxed)
    }

    /// Whether no request is in work, and no byte of an answer's body waits.
    pub fn is_quiet(&self) -> bool {
        self.requests.load(Relaxed) == 0 && self.answers.load(Relaxed) == 0
    }

    /// Returns whether one more answer may be made, since few others wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes.load(Relaxed) <= WAITING_BYTES_MAX
    }

    /// Lets an answer wait until it is read; `None` without room for it.
    pub(super) fn send(self: &Arc<Self>, bytes: Bytes, version: Version) -> Option<Outgoing> {
        if bytes.is_empty() {
            return Some(Outgoing::empty());
        }
        let waiting = self.wait_for(weight(&bytes, version))?;
        Some(Outgoing::new(bytes, waiting))
    }

    fn wait_for(self: &Arc<Self>, weight: usize) -> Option<Waiting> {
        let waiting = self.waiting_bytes.load(Relaxed);
        let mut hold = (weight > 0).then(|| self.sending.enter());
        let fits = match &mut hold {
            None => true,
            Some(hold)
                if waiting == 0
                    || waiting + weight <= MODEST_BYTES
                    || (weight > WAITING_BYTES && waiting <= HARDLY_ANY_BYTES) =>
            {
                hold.grow(weight)
            }
            // So that connections with many waiting answers leave room to others.
            Some(hold) => {
                (weight <= MODEST_BYTES || waiting + weight <= WAITING_BYTES_MAX)
                    && hold.grow_within_half(weight)
            }
        };
        if !fits {
            return None;
        }
        self.waiting_bytes.fetch_add(weight, Relaxed);
        if self.answers.fetch_add(1, Relaxed) == 0 {
            self.taken_bytes.store(0, Relaxed);
            self.progress_ms.store(self.now_ms(), Relaxed);
        }
        Some(Waiting {
            connection: self.clone(),
            bytes: weight,
            _hold: hold,
        })
    }

    /// Counts a refused request. Returns whether the connection must end.
    pub(super) fn spend(&self) -> bool {
        let mut fruitless = self
            .fruitless
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !fruitless.spend(1) && !self.is_spent.swap(true, Relaxed) {
            self.spent.notify_one();
        }
        self.is_spent.load(Relaxed)
    }

    /// Resolves after too many refused requests.
    pub async fn is_spent(&self) {
        self.spent.notified().await;
    }

    /// Resolves when the connection is idle, a head is incomplete, or waiting answers are not
    /// read, for longer than the timeout.
    pub async fn idles(&self) {
        loop {
            let now = self.now_ms();
            let since =
                |ms: &AtomicU64| Duration::from_millis(now.saturating_sub(ms.load(Relaxed)));
            let pause = if self.answers.load(Relaxed) > 0 {
                let hurry = self.timeouts.taking / PRESSED;
                let timeout = if self.sending.is_pressed() {
                    hurry
                } else {
                    self.timeouts.taking
                };
                let left = timeout.saturating_sub(since(&self.progress_ms));
                left.min(hurry)
            } else if self.requests.load(Relaxed) > 0 {
                self.timeouts.taking
            } else if self.head_ms.load(Relaxed) > 0 {
                self.timeouts.head.saturating_sub(since(&self.head_ms))
            } else {
                let left = self.timeouts.idle.saturating_sub(since(&self.last_ms));
                // A head may begin meanwhile.
                left.min(self.timeouts.head)
            };
            if pause.is_zero() {
                return;
            }
            sleep(pause).await;
        }
    }

    fn now_ms(&self) -> u64 {
        let now = self.began.elapsed().as_millis();
        now.try_into().unwrap_or(u64::MAX)
    }

    fn note(&self) {
        self.last_ms.store(self.now_ms(), Relaxed);
    }
}

/// The counted bytes of an answer while it waits. Shared bytes do not count; over HTTP/1
/// there is one answer a connection, and their number is bounded.
fn weight(bytes: &Bytes, version: Version) -> usize {
    let own = if bytes.len() > TINY_BYTES && bytes.is_unique() {
        bytes.len()
    } else {
        0
    };
    if version < Version::HTTP_2 {
        own
    } else {
        own + WAITING_BYTES
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.note();
        self.0.requests.fetch_sub(1, Relaxed);
    }
}

impl Waiting {
    /// Records that this many bytes of the answer were read.
    pub(super) fn took(&self, bytes: usize) {
        let connection = &self.connection;
        let taken = connection.taken_bytes.fetch_add(bytes, Relaxed) + bytes;
        let timeout_ms =
            usize::try_from(connection.timeouts.taking.as_millis()).unwrap_or(usize::MAX);
        let waiting = connection.waiting_bytes.load(Relaxed);
        let enough = (timeout_ms.saturating_mul(TAKEN_BYTES_A_MS)).max(waiting / TIMEOUTS);
        if taken >= enough {
            connection.taken_bytes.store(0, Relaxed);
            connection.progress_ms.store(connection.now_ms(), Relaxed);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.connection.note();
        self.connection.waiting_bytes.fetch_sub(self.bytes, Relaxed);
        self.connection.answers.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    fn connection(room: &Arc<Room>) -> Arc<Connection> {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let timeouts = Timeouts {
            head: Duration::from_secs(10),
            taking: Duration::from_secs(30),
            idle: Duration::from_secs(75),
        };
        Arc::new(Connection::new(peer, room.clone(), timeouts))
    }

    fn own(bytes: usize) -> Bytes {
        vec![0; bytes].into()
    }

    /// The number of such answers that may wait at once.
    fn waiting(connection: &Arc<Connection>, answer: fn() -> Bytes, version: Version) -> usize {
        let answers: Vec<_> = (0..1000)
            .map_while(|_| connection.send(answer(), version))
            .collect();
        answers.len()
    }

    #[test]
    fn answers_that_wait_are_bounded() {
        let large = Room::new(256 * KIB * KIB);
        let one = connection(&large);
        assert_eq!(waiting(&one, || own(2000 * KIB), Version::HTTP_2), 4);
        assert_eq!(waiting(&one, || own(20_000 * KIB), Version::HTTP_2), 1);
        assert_eq!(waiting(&one, || own(60 * KIB), Version::HTTP_2), 1000);
        // All were returned.
        assert_eq!(one.waiting_bytes.load(Relaxed), 0);
        assert!(large.enter().grow(256 * KIB * KIB));
        // A large one beside some small ones.
        let small: Vec<_> = (0..100)
            .map(|_| one.send(own(10), Version::HTTP_2).unwrap())
            .collect();
        let whole = one.send(own(7000 * KIB), Version::HTTP_2).unwrap();
        assert!(one.has_room() && one.send(own(2000 * KIB), Version::HTTP_2).is_none());
        drop((small, whole));
        let (_over, _health) = (
            one.send(own(9000 * KIB), Version::HTTP_2).unwrap(),
            one.send(own(2), Version::HTTP_2).unwrap(),
        );
        assert!(!one.has_room());
    }

    #[test]
    fn connections_with_many_answers_leave_room_to_others() {
        let room = Room::new(200 * KIB);
        let (many, another) = (connection(&room), connection(&room));
        let shared = Bytes::from_static(&[0; 200 * KIB]);
        let waiting: Vec<_> = (0..1000)
            .map_while(|_| many.send(shared.clone(), Version::HTTP_2))
            .collect();
        assert_eq!(waiting.len(), 25);
        assert!(room.is_pressed());
        assert!(another.send(own(40 * KIB), Version::HTTP_2).is_some());
        assert!(another.send(own(120 * KIB), Version::HTTP_2).is_none());
        // Over HTTP/1 there is one a connection.
        assert!(many.send(shared, Version::HTTP_11).is_some());
        assert!(many.send(own(110 * KIB), Version::HTTP_11).is_none());
        assert!(many.send(Bytes::new(), Version::HTTP_2).is_some());
    }
}
