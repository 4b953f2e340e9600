//! Slows guessing down: after some wrong passwords in a row, each further one doubles the
//! wait. Counted for an email from one peer, and with higher bounds for a peer and for an
//! email alone: a guessing stranger does not lock out the owner of the email, and cannot
//! continue with other emails.
//!
//! An attempt is reserved before its password is checked. Of hundreds sent at once no more
//! are checked than in sequence: as many attempts may be under way as could fail without a
//! wait. The others wait in a queue for their outcome, so that right passwords at once all
//! get in, and wrong ones delay those behind them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Notify;

const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Counts that are kept. Beyond, those without an attempt for the longest time go.
const ENTRIES_MAX: usize = 10_000;
/// Attempts of one peer that may be under way: fewer than half of those that are hashed and
/// wait, so that one peer does not block the others.
const UNDER_WAY_OF_PEER_MAX: u32 = 8;
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

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Both([u8; 32], IpAddr),
    Peer(IpAddr),
    Email([u8; 32]),
}

impl Key {
    /// Wrong attempts without a wait.
    fn free(&self) -> u32 {
        match self {
            Self::Both(..) => 5,
            Self::Peer(_) => 50,
            Self::Email(_) => 100,
        }
    }

    /// Attempts that may be under way after this many failures.
    fn under_way_max(&self, failures: u32) -> u32 {
        let left = self.free().saturating_sub(failures).max(1);
        match self {
            Self::Peer(_) => left.min(UNDER_WAY_OF_PEER_MAX),
            Self::Both(..) | Self::Email(_) => left,
        }
    }
}

struct Count {
    failures: u32,
    under_way: u32,
    last: Instant,
}

impl Count {
    /// The failures that still count: half of them after each longest wait without one.
    fn failures_at(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.last).as_secs();
        let halvings = u32::try_from(passed / WAIT_MAX.as_secs()).unwrap_or(u32::MAX);
        self.failures.checked_shr(halvings).unwrap_or(0)
    }

    fn wait(&self, free: u32) -> Duration {
        match self.failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1u64 << beyond.min(10)).min(WAIT_MAX),
        }
    }
}

/// The key of an attempt: an email of any length, and its peer.
#[derive(Clone)]
struct Who {
    peer: IpAddr,
    keys: [Key; 3],
}

impl Who {
    fn new(email: &str, peer: IpAddr) -> Self {
        let email: [u8; 32] = Sha256::digest(email.to_lowercase()).into();
        let peer = network(peer);
        Self {
            peer,
            keys: [Key::Both(email, peer), Key::Peer(peer), Key::Email(email)],
        }
    }
}

/// The network of one subscriber: a whole IPv4 address, or 64 bits of an IPv6 one.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[derive(Default)]
pub(super) struct Throttle {
    state: Mutex<State>,
    /// Notifies that an attempt has ended.
    ended: Notify,
}

#[derive(Default)]
struct State {
    counts: HashMap<Key, Count>,
    /// The attempts in the queue, by peer.
    in_line: HashMap<IpAddr, usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    NotMade,
    Wrong,
    Right,
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
        let known = |key: &Key| state.counts.get(key);
        let left = who
            .keys
            .iter()
            .filter_map(|key| {
                let count = known(key)?;
                let passed = now.saturating_duration_since(count.last);
                Some(count.wait(key.free()).saturating_sub(passed))
            })
            .max()
            .unwrap_or_default();
        if !left.is_zero() {
            let seconds = left.as_millis().div_ceil(1000);
            return Err(NotYet::TooEarly(seconds.try_into().unwrap_or(u64::MAX)));
        }
        let is_full = |key: &Key| {
            known(key)
                .is_some_and(|count| count.under_way >= key.under_way_max(count.failures_at(now)))
        };
        if who.keys.iter().any(is_full) {
            return Err(NotYet::UnderWay);
        }
        state.make_room(now);
        for key in &who.keys {
            state.count(key, now).under_way += 1;
        }
        drop(state);
        Ok(Attempt {
            throttle: self.clone(),
            who: who.clone(),
            outcome: Outcome::NotMade,
        })
    }

    fn settle(&self, who: &Who, outcome: Outcome, now: Instant) {
        let mut state = self.lock();
        for key in &who.keys {
            let count = state.count(key, now);
            count.under_way = count.under_way.saturating_sub(1);
            match outcome {
                Outcome::NotMade => {}
                Outcome::Wrong => {
                    count.failures = count.failures_at(now).saturating_add(1);
                    count.last = now;
                }
                Outcome::Right if matches!(key, Key::Both(..)) => count.failures = 0,
                Outcome::Right => {}
            }
            if count.failures == 0 && count.under_way == 0 {
                state.counts.remove(key);
            }
        }
        drop(state);
        self.ended.notify_waiters();
    }
}

impl State {
    fn count(&mut self, key: &Key, now: Instant) -> &mut Count {
        self.counts.entry(key.clone()).or_insert(Count {
            failures: 0,
            under_way: 0,
            last: now,
        })
    }

    /// Drops counts if there are too many. Those of attempts under way stay.
    fn make_room(&mut self, now: Instant) {
        if self.counts.len() + 3 > ENTRIES_MAX {
            self.counts.retain(|_, count| {
                count.under_way > 0 || now.saturating_duration_since(count.last) < WAIT_MAX
            });
        }
        if self.counts.len() + 3 > ENTRIES_MAX {
            // Those that delay an attempt go last: otherwise attempts at other emails would
            // drop them.
            let is_light = |key: &Key, count: &Count| count.failures < key.free();
            let lights = self
                .counts
                .iter()
                .filter(|(key, count)| is_light(key, count));
            let lights_go = lights.count() > ENTRIES_MAX / 10;
            let may_go = |key: &Key, count: &Count| {
                count.under_way == 0 && (!lights_go || is_light(key, count))
            };
            // A tenth at once: finding the quietest reads all of them.
            let may_all_go = self.counts.iter().filter(|(key, count)| may_go(key, count));
            let mut times: Vec<Instant> = may_all_go.map(|(_, count)| count.last).collect();
            if times.len() > ENTRIES_MAX / 10 {
                let (_, tenth, _) = times.select_nth_unstable(ENTRIES_MAX / 10);
                let until = *tenth;
                self.counts
                    .retain(|key, count| !may_go(key, count) || count.last > until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_forgotten_by_halves() {
        let start = Instant::now();
        let count = Count {
            failures: 60,
            under_way: 0,
            last: start,
        };
        let after = |waits: u32| count.failures_at(start + WAIT_MAX * waits);
        assert_eq!([0, 1, 2, 6, 40].map(after), [60, 30, 15, 0, 0]);
    }

    #[test]
    fn tries_at_other_emails_forget_none_that_has_to_wait() {
        let (mut state, now) = (State::default(), Instant::now());
        let owner = Key::Email([255; 32]);
        state.count(&owner, now).failures = 103;
        for number in 0..3 * ENTRIES_MAX as u32 {
            let mut email = [0; 32];
            email[..4].copy_from_slice(&number.to_le_bytes());
            let later = now + Duration::from_millis(u64::from(number));
            state.make_room(later);
            state.count(&Key::Email(email), later).failures = 1;
            assert!(state.counts.len() <= ENTRIES_MAX);
        }
        assert_eq!(state.counts[&owner].failures, 103);
    }

    const ANN: &str = "ann@example.com";

    fn peer(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    fn throttle() -> Arc<Throttle> {
        Arc::default()
    }

    /// Whether an attempt could be made, without making it.
    fn may(
        throttle: &Arc<Throttle>,
        email: &str,
        from: IpAddr,
        now: Instant,
    ) -> Result<(), NotYet> {
        throttle.reserve(&Who::new(email, from), now).map(drop)
    }

    /// An attempt whose password is wrong, or right.
    fn tried(throttle: &Arc<Throttle>, email: &str, from: IpAddr, outcome: Outcome, now: Instant) {
        let who = Who::new(email, from);
        for key in &who.keys {
            throttle.lock().count(key, now).under_way += 1;
        }
        throttle.settle(&who, outcome, now);
    }

    fn wrong(throttle: &Arc<Throttle>, email: &str, from: IpAddr, now: Instant) {
        tried(throttle, email, from, Outcome::Wrong, now);
    }

    #[test]
    fn waits_double_after_five_failures_and_end_at_fifteen_minutes() {
        let throttle = throttle();
        let start = Instant::now();
        for _ in 0..4 {
            wrong(&throttle, ANN, peer(1), start);
            assert_eq!(may(&throttle, ANN, peer(1), start), Ok(()));
        }
        for wait in [1, 2, 4, 8] {
            wrong(&throttle, ANN, peer(1), start);
            assert_eq!(
                may(&throttle, ANN, peer(1), start),
                Err(NotYet::TooEarly(wait))
            );
        }
        assert_eq!(
            may(&throttle, ANN, peer(1), start + Duration::from_secs(8)),
            Ok(())
        );
        for _ in 0..40 {
            wrong(&throttle, ANN, peer(1), start);
        }
        assert_eq!(
            may(&throttle, ANN, peer(1), start),
            Err(NotYet::TooEarly(900))
        );
    }

    #[test]
    fn a_stranger_does_not_lock_out_the_owner() {
        let throttle = throttle();
        let start = Instant::now();
        for _ in 0..20 {
            wrong(&throttle, ANN, peer(1), start);
        }
        assert!(may(&throttle, ANN, peer(1), start).is_err());
        assert_eq!(may(&throttle, ANN, peer(2), start), Ok(()));
    }

    #[test]
    fn one_peer_cannot_continue_with_other_emails() {
        let throttle = throttle();
        let start = Instant::now();
        for number in 0..60 {
            wrong(&throttle, &format!("{number}@example.com"), peer(1), start);
        }
        assert!(may(&throttle, "another@example.com", peer(1), start).is_err());
    }

    #[test]
    fn the_network_of_one_subscriber_is_one_peer() {
        let throttle = throttle();
        let start = Instant::now();
        let home = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 3, 4, 5, last]);
        for number in 0..10 {
            wrong(&throttle, ANN, home(number), start);
        }
        assert!(may(&throttle, ANN, home(99), start).is_err());
        let neighbour = IpAddr::from([0x2001, 0xdb8, 1, 3, 3, 4, 5, 1]);
        assert_eq!(may(&throttle, ANN, neighbour, start), Ok(()));
        for _ in 0..5 {
            wrong(&throttle, ANN, peer(1), start);
        }
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!(may(&throttle, ANN, mapped, start).is_err());
    }

    #[test]
    fn success_forgets() {
        let throttle = throttle();
        let start = Instant::now();
        for _ in 0..10 {
            wrong(&throttle, ANN, peer(1), start);
        }
        assert!(may(&throttle, ANN, peer(1), start).is_err());
        tried(&throttle, ANN, peer(1), Outcome::Right, start);
        assert_eq!(may(&throttle, ANN, peer(1), start), Ok(()));
    }

    #[test]
    fn no_more_are_under_way_than_may_fail_without_a_wait() {
        let throttle = throttle();
        let now = Instant::now();
        let ann = Who::new(ANN, peer(1));
        let mut attempts: Vec<_> = (0..5)
            .map(|_| throttle.reserve(&ann, now).ok().unwrap())
            .collect();
        assert_eq!(may(&throttle, ANN, peer(1), now), Err(NotYet::UnderWay));
        // Of another email, three more of this peer; of another peer, all.
        let bob = Who::new("bob@example.com", peer(1));
        let others: Vec<_> = (0..3)
            .map(|_| throttle.reserve(&bob, now).ok().unwrap())
            .collect();
        assert_eq!(
            may(&throttle, "bob@example.com", peer(1), now),
            Err(NotYet::UnderWay)
        );
        assert_eq!(may(&throttle, ANN, peer(2), now), Ok(()));
        drop(others);
        // One is not made, one succeeds: their reservations are free again.
        attempts.pop();
        let mut right = attempts.pop().unwrap();
        right.begins();
        right.succeeds();
        drop(right);
        for _ in 0..2 {
            attempts.push(throttle.reserve(&ann, now).ok().unwrap());
        }
        assert_eq!(may(&throttle, ANN, peer(1), now), Err(NotYet::UnderWay));
        // All five fail: the next one has to wait, and then it is one at a time.
        for mut attempt in attempts {
            attempt.begins();
        }
        assert_eq!(may(&throttle, ANN, peer(1), now), Err(NotYet::TooEarly(1)));
        let later = Instant::now() + Duration::from_secs(1);
        let alone = throttle.reserve(&ann, later).ok().unwrap();
        assert_eq!(may(&throttle, ANN, peer(1), later), Err(NotYet::UnderWay));
        drop(alone);
    }

    #[test]
    fn ended_attempts_leave_no_state() {
        let throttle = throttle();
        for outcome in [Outcome::Right, Outcome::NotMade] {
            let who = Who::new(ANN, peer(1));
            let mut attempt = throttle.reserve(&who, Instant::now()).ok().unwrap();
            attempt.outcome = outcome;
            drop(attempt);
            assert!(throttle.lock().counts.is_empty());
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn those_in_line_are_let_in_after_right_tries_and_refused_after_wrong_ones() {
        for (outcome, refused) in [
            (Outcome::Right, None),
            (Outcome::NotMade, None),
            (Outcome::Wrong, Some(Refused::TooEarly(1))),
        ] {
            runtime().block_on(async {
                let throttle = throttle();
                let mut under_way = Vec::new();
                for _ in 0..5 {
                    under_way.push(throttle.admit(ANN, peer(1)).await.ok().unwrap());
                }
                let in_line: Vec<_> = (0..20)
                    .map(|_| {
                        let throttle = throttle.clone();
                        tokio::spawn(async move { throttle.admit(ANN, peer(1)).await.map(drop) })
                    })
                    .collect();
                tokio::task::yield_now().await;
                assert_eq!(throttle.lock().in_line[&peer(1)], 20);
                for attempt in &mut under_way {
                    attempt.outcome = outcome;
                }
                drop(under_way);
                for one in in_line {
                    assert_eq!(one.await.unwrap().err(), refused);
                }
                assert!(throttle.lock().in_line.is_empty());
            });
        }
    }

    #[test]
    fn the_queue_is_bounded_for_one_peer_and_for_all_and_callers_that_go_leave_it() {
        let throttle = throttle();
        let of_one: Vec<_> = (0..IN_LINE_OF_PEER_MAX)
            .map(|_| throttle.join_queue(peer(0)).ok().unwrap())
            .collect();
        let refused = |from| throttle.join_queue(from).err();
        assert_eq!(refused(peer(0)), Some(Refused::Crowded));
        assert_eq!(refused(peer(1)), None);
        let of_others: Vec<_> = (IN_LINE_OF_PEER_MAX..IN_LINE_MAX)
            .map(|number| throttle.join_queue(peer(number as u8)).ok().unwrap())
            .collect();
        assert_eq!(refused(peer(0)), Some(Refused::Busy));
        assert_eq!(refused(peer(1)), Some(Refused::Busy));
        drop((of_one, of_others));
        assert!(throttle.lock().in_line.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = throttle();
        let now = Instant::now();
        let kept = throttle.reserve(&Who::new(ANN, peer(251)), now).ok();
        for number in 0..ENTRIES_MAX {
            let who = Who::new(&format!("{number}@example.com"), peer((number % 250) as u8));
            let later = now + Duration::from_millis(number as u64);
            throttle.lock().make_room(later);
            for key in &who.keys {
                throttle.lock().count(key, later).failures += 1;
            }
        }
        let key = kept.as_ref().unwrap().who.keys[0].clone();
        let state = throttle.lock();
        assert!(state.counts.len() <= ENTRIES_MAX);
        assert!(state.counts.contains_key(&key), "it is under way");
        drop(state);
        drop(kept);
    }
}
