//! What goes on on one connection: the requests that are worked on, the answers
//! that wait to be taken, and what was asked of it to no purpose.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::bucket::Bucket;
use super::outgoing::Outgoing;
use super::room::{Hold, Room};

/// Bytes of answers that wait on one connection. One answer may always wait.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;
/// An answer of so many bytes may wait beside any others of its connection.
const MODEST_BYTES: usize = 64 * 1024;
/// One of so many bytes is not worth counting.
const TINY_BYTES: usize = 1024;

/// What must be taken of waiting answers, in bytes a millisecond.
const TAKEN_BYTES_A_MS: usize = 1;
/// Within how many times the patience all that waits must be taken at the least.
const PATIENCES: usize = 20;
/// By how much less patience there is when memory for answers is scarce.
const PRESSED: u32 = 10;

/// Requests that lead nowhere: so many at once, and so many a second.
const IDLE_REQUESTS_MAX: u64 = 1000;
const IDLE_REQUESTS_A_SECOND: u64 = 200;

/// One connection, as its requests and the server share it.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    began: Instant,
    patience: Duration,
    /// Where the memory of waiting answers comes from.
    sending: Arc<Room>,
    /// Requests that the host is at work on.
    requests: AtomicUsize,
    /// Requests that there ever were.
    requests_ever: AtomicU64,
    /// Answers that wait to be taken, and their bytes; those that are shared are not counted.
    answers: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// What was taken since `progress_ms`.
    taken_bytes: AtomicUsize,
    /// When enough of what waits was taken, in milliseconds after `began`.
    progress_ms: AtomicU64,
    /// When something last was asked or taken, in milliseconds after `began`.
    last_ms: AtomicU64,
    idle: Mutex<Bucket>,
    is_spent: AtomicBool,
    spent: Notify,
}

/// The host is at work on a request as long as this lives.
pub(super) struct AtWork<'a>(&'a Connection);

/// An answer that waits to be taken.
#[derive(Debug)]
pub(super) struct Waiting {
    connection: Arc<Connection>,
    bytes: usize,
    _hold: Option<Hold>,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, sending: Arc<Room>, patience: Duration) -> Self {
        Self {
            peer,
            began: Instant::now(),
            patience,
            sending,
            requests: AtomicUsize::new(0),
            requests_ever: AtomicU64::new(0),
            answers: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            taken_bytes: AtomicUsize::new(0),
            progress_ms: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            idle: Mutex::new(Bucket::new(IDLE_REQUESTS_MAX, IDLE_REQUESTS_A_SECOND)),
            is_spent: AtomicBool::new(false),
            spent: Notify::new(),
        }
    }

    /// Who is on the other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Requests that there ever were on it.
    pub fn requests_ever(&self) -> u64 {
        self.requests_ever.load(Relaxed)
    }

    pub(super) fn begin(&self) -> AtWork<'_> {
        self.requests.fetch_add(1, Relaxed);
        self.requests_ever.fetch_add(1, Relaxed);
        AtWork(self)
    }

    /// Returns whether one more answer may be made: others do not wait in masses.
    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes.load(Relaxed) <= WAITING_BYTES_MAX
    }

    /// Has an answer wait until it is taken; `None` where there is no room for it.
    pub(super) fn send(self: &Arc<Self>, bytes: Bytes) -> Option<Outgoing> {
        if bytes.is_empty() {
            return Some(Outgoing::empty());
        }
        let waiting = self.wait_for(&bytes)?;
        Some(Outgoing::new(bytes, waiting))
    }

    fn wait_for(self: &Arc<Self>, bytes: &Bytes) -> Option<Waiting> {
        // What others hold as well takes no memory by waiting.
        let counted = bytes.len() > TINY_BYTES && bytes.is_unique();
        let weight = if counted { bytes.len() } else { 0 };
        let hold = if counted {
            let waiting = self.waiting_bytes.load(Relaxed);
            let may_always = waiting == 0 || weight <= MODEST_BYTES;
            let mut hold = self.sending.enter();
            let fits = if may_always {
                hold.grow(weight)
            } else {
                waiting + weight <= WAITING_BYTES_MAX && hold.grow_within_half(weight)
            };
            if !fits {
                return None;
            }
            Some(hold)
        } else {
            None
        };
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

    /// Counts a request that led nowhere. Returns whether the connection is to end by it.
    pub(super) fn spend(&self) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !idle.spend(1) && !self.is_spent.swap(true, Relaxed) {
            self.spent.notify_one();
        }
        self.is_spent.load(Relaxed)
    }

    /// Until more was asked to no purpose than a connection may.
    pub async fn is_spent(&self) {
        self.spent.notified().await;
    }

    /// Until nothing has gone on for as long as the patience, or hardly anything
    /// was taken of what waits.
    pub async fn rests(&self) {
        loop {
            let now = self.now_ms();
            let since =
                |ms: &AtomicU64| Duration::from_millis(now.saturating_sub(ms.load(Relaxed)));
            let pause = if self.answers.load(Relaxed) > 0 {
                let hurry = self.patience / PRESSED;
                let patience = if self.sending.is_pressed() {
                    hurry
                } else {
                    self.patience
                };
                let left = patience.saturating_sub(since(&self.progress_ms));
                left.min(hurry)
            } else if self.requests.load(Relaxed) > 0 {
                self.patience
            } else {
                self.patience.saturating_sub(since(&self.last_ms))
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

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.note();
        self.0.requests.fetch_sub(1, Relaxed);
    }
}

impl Waiting {
    /// Notes that so many bytes of the answer were taken.
    pub(super) fn took(&self, bytes: usize) {
        let connection = &self.connection;
        let taken = connection.taken_bytes.fetch_add(bytes, Relaxed) + bytes;
        let patience_ms = usize::try_from(connection.patience.as_millis()).unwrap_or(usize::MAX);
        let waiting = connection.waiting_bytes.load(Relaxed);
        let enough = (patience_ms.saturating_mul(TAKEN_BYTES_A_MS)).max(waiting / PATIENCES);
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
