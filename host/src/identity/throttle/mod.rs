//! Slows guessing down: after some wrong passwords in a row, each further one doubles the
//! wait. Counted for an email from one peer, and with higher bounds for a peer and for an
//! email alone: a guessing stranger does not lock out the owner of the email, and cannot
//! continue with other emails.
//!
//! An attempt is reserved before its password is checked. Of hundreds sent at once no more
//! are checked than in sequence: as many attempts may be under way as could fail without a
//! wait. The others wait in a queue for their outcome, so that right passwords at once all
//! get in, and wrong ones delay those behind them.

mod counts;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use counts::{Counts, Outcome, Who};

/// Attempts that may wait in the queue: of one peer, and of all.
const IN_LINE_OF_PEER_MAX: usize = 32;
const IN_LINE_MAX: usize = 256;
/// How long an attempt waits in the queue. Normally it takes a fraction of a second.
const IN_LINE_FOR_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Earlier attempts failed: this many seconds have to pass.
    TooEarly(u64),
    /// The queue of this peer is full.
    Crowded,
    /// The queue of all peers is full, or this attempt has waited too long.
    Busy,
}

/// Why an attempt cannot be made at this moment.
#[derive(Debug, PartialEq, Eq)]
enum NotYet {
    TooEarly(u64),
    /// Others are under way, and their outcome decides.
    UnderWay,
}

#[derive(Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
    /// Notifies that an attempt has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// The attempts in the queue, by peer.
    in_line: HashMap<IpAddr, usize>,
}

/// A reserved attempt. When dropped before `begins`, it counts as not made; after it, as wrong
/// unless it succeeded.
pub(super) struct Attempt {
    throttle: Arc<Throttle>,
    who: Who,
    outcome: Outcome,
}

impl Attempt {
    /// The password is checked from here on.
    pub(super) fn begins(&mut self) {
        self.outcome = Outcome::Wrong;
    }

    /// The password was right: resets the failures of this email from this peer.
    pub(super) fn succeeds(&mut self) {
        self.outcome = Outcome::Right;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.throttle
            .settle(&self.who, self.outcome, Instant::now());
    }
}

/// A ticket of the queue, until dropped.
struct Ticket<'a> {
    throttle: &'a Throttle,
    peer: IpAddr,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.throttle.lock();
        if let Some(count) = state.in_line.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                state.in_line.remove(&self.peer);
            }
        }
    }
}

impl Throttle {
    /// Reserves an attempt, after those under way if their outcome decides on it.
    ///
    /// # Errors
    /// When it is too early for another attempt, or too many are made at once.
    pub(super) async fn admit(
        self: &Arc<Self>,
        email: &str,
        peer: IpAddr,
    ) -> Result<Attempt, Refused> {
        let who = Who::new(email, peer);
        match self.reserve(&who, Instant::now()) {
            Ok(attempt) => return Ok(attempt),
            Err(NotYet::TooEarly(seconds)) => return Err(Refused::TooEarly(seconds)),
            Err(NotYet::UnderWay) => {}
        }
        let _place = self.join_queue(who.peer)?;
        let turn = async {
            loop {
                let mut ended = std::pin::pin!(self.ended.notified());
                // Before the check, so that no end is missed in between.
                ended.as_mut().enable();
                match self.reserve(&who, Instant::now()) {
                    Ok(attempt) => return Ok(attempt),
                    Err(NotYet::TooEarly(seconds)) => return Err(Refused::TooEarly(seconds)),
                    Err(NotYet::UnderWay) => ended.await,
                }
            }
        };
        tokio::time::timeout(IN_LINE_FOR_MAX, turn)
            .await
            .unwrap_or(Err(Refused::Busy))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join_queue(&self, peer: IpAddr) -> Result<Ticket<'_>, Refused> {
        let mut state = self.lock();
        if state.in_line.values().sum::<usize>() >= IN_LINE_MAX {
            return Err(Refused::Busy);
        }
        let count = state.in_line.entry(peer).or_default();
        if *count >= IN_LINE_OF_PEER_MAX {
            return Err(Refused::Crowded);
        }
        *count += 1;
        Ok(Ticket {
            throttle: self,
            peer,
        })
    }

    /// Counts an attempt as under way, for all of its keys at once.
    fn reserve(self: &Arc<Self>, who: &Who, now: Instant) -> Result<Attempt, NotYet> {
        let mut state = self.lock();
        let wait = state.counts.wait(who, now);
        if !wait.is_zero() {
            let seconds = wait.as_millis().div_ceil(1000);
            return Err(NotYet::TooEarly(seconds.try_into().unwrap_or(u64::MAX)));
        }
        if state.counts.is_full(who, now) {
            return Err(NotYet::UnderWay);
        }
        state.counts.begin(who, now);
        drop(state);
        Ok(Attempt {
            throttle: self.clone(),
            who: who.clone(),
            outcome: Outcome::NotMade,
        })
    }

    fn settle(&self, who: &Who, outcome: Outcome, now: Instant) {
        self.lock().counts.settle(who, outcome, now);
        self.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
