//! Attempts that are let in, wait or are refused.

use super::counts::{Count, ENTRIES_MAX, Key, WAIT_MAX};
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
    let (mut counts, now) = (Counts::default(), Instant::now());
    let owner = Key::Email([255; 32]);
    counts.count(&owner, now).failures = 103;
    for number in 0..3 * ENTRIES_MAX as u32 {
        let mut email = [0; 32];
        email[..4].copy_from_slice(&number.to_le_bytes());
        let later = now + Duration::from_millis(u64::from(number));
        counts.make_room(later);
        counts.count(&Key::Email(email), later).failures = 1;
        assert!(counts.0.len() <= ENTRIES_MAX);
    }
    assert_eq!(counts.0[&owner].failures, 103);
}

const ANN: &str = "ann@example.com";

fn peer(number: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, number])
}

fn throttle() -> Arc<Throttle> {
    Arc::default()
}

/// Whether an attempt could be made, without making it.
fn may(throttle: &Arc<Throttle>, email: &str, from: IpAddr, now: Instant) -> Result<(), NotYet> {
    throttle.reserve(&Who::new(email, from), now).map(drop)
}

/// An attempt whose password is wrong, or right.
fn tried(throttle: &Arc<Throttle>, email: &str, from: IpAddr, outcome: Outcome, now: Instant) {
    let who = Who::new(email, from);
    for key in &who.keys {
        throttle.lock().counts.count(key, now).under_way += 1;
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
        assert!(throttle.lock().counts.0.is_empty());
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
        throttle.lock().counts.make_room(later);
        for key in &who.keys {
            throttle.lock().counts.count(key, later).failures += 1;
        }
    }
    let key = kept.as_ref().unwrap().who.keys[0].clone();
    let state = throttle.lock();
    assert!(state.counts.0.len() <= ENTRIES_MAX);
    assert!(state.counts.0.contains_key(&key), "it is under way");
    drop(state);
    drop(kept);
}
