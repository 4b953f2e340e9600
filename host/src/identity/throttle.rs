//! Slows guessing down: after a few wrong passwords in a row, each further one
//! doubles the wait. Counted for an email from one peer, and more loosely for
//! a peer and for an email alone: a stranger who guesses does not lock out the
//! person whose email it is, and cannot go on from one email to the next.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_secs(15 * 60);
/// Counts that are kept. Beyond, the ones that have been quiet the longest go.
const ENTRIES_MAX: usize = 10_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(String, IpAddr),
    Peer(IpAddr),
    Email(String),
}

impl Key {
    /// Wrong tries that cost nothing.
    fn free(&self) -> u32 {
        match self {
            Self::Both(..) => 5,
            Self::Peer(_) => 50,
            Self::Email(_) => 100,
        }
    }
}

struct Count {
    failures: u32,
    last: Instant,
}

impl Count {
    fn wait(&self, free: u32) -> Duration {
        match self.failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(beyond) => Duration::from_secs(1u64 << beyond.min(10)).min(WAIT_MAX),
        }
    }
}

#[derive(Default)]
pub(super) struct Throttle(Mutex<HashMap<Key, Count>>);

impl Throttle {
    /// # Errors
    /// With the seconds to wait, when it is too early for another try.
    pub(super) fn check(&self, email: &str, peer: IpAddr) -> Result<(), u64> {
        self.check_at(email, peer, Instant::now())
    }

    pub(super) fn failed(&self, email: &str, peer: IpAddr) {
        self.failed_at(email, peer, Instant::now());
    }

    /// Forgets the failures of this email from this peer.
    pub(super) fn succeeded(&self, email: &str, peer: IpAddr) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&Key::Both(email.to_owned(), peer));
    }

    fn check_at(&self, email: &str, peer: IpAddr, now: Instant) -> Result<(), u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = keys(email, peer)
            .iter()
            .filter_map(|key| {
                let count = counts.get(key)?;
                Some(
                    count
                        .wait(key.free())
                        .saturating_sub(now.saturating_duration_since(count.last)),
                )
            })
            .max()
            .unwrap_or_default();
        if left.is_zero() {
            Ok(())
        } else {
            Err(left
                .as_millis()
                .div_ceil(1000)
                .try_into()
                .unwrap_or(u64::MAX))
        }
    }

    fn failed_at(&self, email: &str, peer: IpAddr, now: Instant) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() + 3 > ENTRIES_MAX {
            counts.retain(|_, count| now.saturating_duration_since(count.last) < WAIT_MAX);
        }
        if counts.len() + 3 > ENTRIES_MAX {
            // A tenth at once: finding the quietest means looking at all of them.
            let mut times: Vec<Instant> = counts.values().map(|count| count.last).collect();
            let (_, tenth, _) = times.select_nth_unstable(ENTRIES_MAX / 10);
            let until = *tenth;
            counts.retain(|_, count| count.last > until);
        }
        for key in keys(email, peer) {
            let count = counts.entry(key).or_insert(Count {
                failures: 0,
                last: now,
            });
            count.failures = count.failures.saturating_add(1);
            count.last = now;
        }
    }
}

fn keys(email: &str, peer: IpAddr) -> [Key; 3] {
    [
        Key::Both(email.to_owned(), peer),
        Key::Peer(peer),
        Key::Email(email.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: &str = "ann@example.com";

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn waits_double_after_five_failures_and_end_at_fifteen_minutes() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..4 {
            throttle.failed_at(ANN, peer(1), start);
            assert_eq!(throttle.check_at(ANN, peer(1), start), Ok(()));
        }
        for wait in [1, 2, 4, 8] {
            throttle.failed_at(ANN, peer(1), start);
            assert_eq!(throttle.check_at(ANN, peer(1), start), Err(wait));
        }
        assert_eq!(
            throttle.check_at(ANN, peer(1), start + Duration::from_secs(8)),
            Ok(())
        );
        for _ in 0..40 {
            throttle.failed_at(ANN, peer(1), start);
        }
        assert_eq!(throttle.check_at(ANN, peer(1), start), Err(900));
    }

    #[test]
    fn a_stranger_does_not_lock_out_the_owner() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..20 {
            throttle.failed_at(ANN, peer(1), start);
        }
        assert!(throttle.check_at(ANN, peer(1), start).is_err());
        assert_eq!(throttle.check_at(ANN, peer(2), start), Ok(()));
    }

    #[test]
    fn one_peer_cannot_go_on_from_email_to_email() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for number in 0..60 {
            throttle.failed_at(&format!("{number}@example.com"), peer(1), start);
        }
        assert!(
            throttle
                .check_at("another@example.com", peer(1), start)
                .is_err()
        );
    }

    #[test]
    fn success_forgets() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            throttle.failed(ANN, peer(1));
        }
        assert!(throttle.check(ANN, peer(1)).is_err());
        throttle.succeeded(ANN, peer(1));
        assert_eq!(throttle.check(ANN, peer(1)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..ENTRIES_MAX {
            throttle.failed(&format!("{number}@example.com"), peer((number % 250) as u8));
        }
        assert!(throttle.0.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
