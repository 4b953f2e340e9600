//! Failures and attempts under way, counted by email and peer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

pub(super) const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Counts that are kept. Beyond, those without an attempt for the longest time go.
pub(super) const ENTRIES_MAX: usize = 10_000;
/// Attempts of one peer that may be under way: fewer than half of those that are hashed and
/// wait, so that one peer does not block the others.
const UNDER_WAY_OF_PEER_MAX: u32 = 8;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
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

pub(super) struct Count {
    pub(super) failures: u32,
    pub(super) under_way: u32,
    pub(super) last: Instant,
}

impl Count {
    /// The failures that still count: half of them after each longest wait without one.
    pub(super) fn failures_at(&self, now: Instant) -> u32 {
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
pub(super) struct Who {
    pub(super) peer: IpAddr,
    pub(super) keys: [Key; 3],
}

impl Who {
    pub(super) fn new(email: &str, peer: IpAddr) -> Self {
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    NotMade,
    Wrong,
    Right,
}

/// The counts by key.
#[derive(Default)]
pub(super) struct Counts(pub(super) HashMap<Key, Count>);

impl Counts {
    /// How long an attempt has to wait.
    pub(super) fn wait(&self, who: &Who, now: Instant) -> Duration {
        let wait = |key: &Key| {
            let count = self.0.get(key)?;
            let passed = now.saturating_duration_since(count.last);
            Some(count.wait(key.free()).saturating_sub(passed))
        };
        who.keys.iter().filter_map(wait).max().unwrap_or_default()
    }

    /// Whether as many attempts are under way as may be.
    pub(super) fn is_full(&self, who: &Who, now: Instant) -> bool {
        let is_full = |key: &Key| {
            self.0
                .get(key)
                .is_some_and(|count| count.under_way >= key.under_way_max(count.failures_at(now)))
        };
        who.keys.iter().any(is_full)
    }

    /// Counts an attempt as under way, for all of its keys.
    pub(super) fn begin(&mut self, who: &Who, now: Instant) {
        self.make_room(now);
        for key in &who.keys {
            self.count(key, now).under_way += 1;
        }
    }

    /// Counts the outcome of an attempt that was under way.
    pub(super) fn settle(&mut self, who: &Who, outcome: Outcome, now: Instant) {
        for key in &who.keys {
            let count = self.count(key, now);
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
                self.0.remove(key);
            }
        }
    }

    pub(super) fn count(&mut self, key: &Key, now: Instant) -> &mut Count {
        self.0.entry(key.clone()).or_insert(Count {
            failures: 0,
            under_way: 0,
            last: now,
        })
    }

    /// Drops counts if there are too many. Those of attempts under way stay.
    pub(super) fn make_room(&mut self, now: Instant) {
        if self.0.len() + 3 > ENTRIES_MAX {
            self.0.retain(|_, count| {
                count.under_way > 0 || now.saturating_duration_since(count.last) < WAIT_MAX
            });
        }
        if self.0.len() + 3 > ENTRIES_MAX {
            // Those that delay an attempt go last: otherwise attempts at other emails would
            // drop them.
            let is_light = |key: &Key, count: &Count| count.failures < key.free();
            let lights = self.0.iter().filter(|(key, count)| is_light(key, count));
            let lights_go = lights.count() > ENTRIES_MAX / 10;
            let may_go = |key: &Key, count: &Count| {
                count.under_way == 0 && (!lights_go || is_light(key, count))
            };
            // A tenth at once: finding the quietest reads all of them.
            let may_all_go = self.0.iter().filter(|(key, count)| may_go(key, count));
            let mut times: Vec<Instant> = may_all_go.map(|(_, count)| count.last).collect();
            if times.len() > ENTRIES_MAX / 10 {
                let (_, tenth, _) = times.select_nth_unstable(ENTRIES_MAX / 10);
                let until = *tenth;
                self.0
                    .retain(|key, count| !may_go(key, count) || count.last > until);
            }
        }
    }
}
