//! Tests of the breaker: what opens it, which call closes it, and what it counts.

use super::*;

const OPEN: Duration = Duration::from_secs(5);

fn breaker() -> (Arc<Breaker>, Instant) {
    let options = BreakerOptions {
        failures_min: 3,
        window: Duration::from_secs(10),
        open: OPEN,
    };
    (Arc::new(Breaker::new(options)), Instant::now())
}

/// A caller who has not called before.
const STRANGER: Caller = 1_000;

fn call(breaker: &Arc<Breaker>, caller: Caller, failed: bool, now: Instant) -> bool {
    let call = breaker.admit(caller, 0, now);
    call.ok().unwrap().ended(failed, now)
}

/// Three callers meet failures, and it opens by the last.
fn open(breaker: &Arc<Breaker>, now: Instant) {
    let opened = [0, 1, 2].map(|caller| call(breaker, caller, true, now));
    assert_eq!(opened, [false, false, true]);
}

/// Returns the time for which it refuses calls of a caller.
fn refusal(breaker: &Arc<Breaker>, caller: Caller, now: Instant) -> Option<Duration> {
    breaker.admit(caller, 0, now).err()
}

#[test]
fn failures_of_several_callers_open_it_until_a_call_succeeds() {
    let (breaker, now) = breaker();
    open(&breaker, now);
    assert_eq!(refusal(&breaker, STRANGER, now), Some(OPEN));
    assert_eq!(breaker.circuit(), Circuit::Open);
    let later = now + OPEN;
    let one = breaker.admit(STRANGER, 0, later).ok().unwrap();
    assert_eq!(
        refusal(&breaker, STRANGER, later),
        Some(OPEN),
        "one call at a time"
    );
    assert!(one.ended(true, later));
    assert_eq!(refusal(&breaker, STRANGER + 1, later), Some(OPEN));
    let later = later + OPEN;
    assert!(!call(&breaker, STRANGER + 1, false, later));
    assert_eq!(breaker.circuit(), Circuit::Closed);
    assert!(
        !call(&breaker, 0, true, later),
        "it counts from the beginning"
    );
}

#[test]
fn one_caller_does_not_open_it() {
    let (breaker, now) = breaker();
    for route in 0..1_000 {
        let call = breaker.admit(0, route % 20, now);
        assert!(!call.ok().unwrap().ended(true, now));
    }
    // Neither do two, by one request each.
    let (breaker, now) = self::breaker();
    for _ in 0..1_000 {
        assert!(!call(&breaker, 0, true, now));
        assert!(!call(&breaker, 1, true, now));
    }
}

#[test]
fn a_caller_with_failures_decides_only_if_no_other_does() {
    let (breaker, now) = breaker();
    open(&breaker, now);
    let later = now + OPEN;
    assert_eq!(refusal(&breaker, 0, later), Some(OPEN));
    assert!(!call(&breaker, STRANGER, false, later));
    assert_eq!(breaker.circuit(), Circuit::Closed);
    let (breaker, now) = self::breaker();
    open(&breaker, now);
    assert!(!call(&breaker, 0, false, now + 2 * OPEN));
    assert_eq!(breaker.circuit(), Circuit::Closed);
}

#[test]
fn the_first_failure_opens_it_where_the_operator_wants_that() {
    let options = BreakerOptions {
        failures_min: 1,
        ..breaker().0.options
    };
    let breaker = Arc::new(Breaker::new(options));
    assert!(call(&breaker, 0, true, Instant::now()));
}

#[test]
fn a_call_that_was_not_made_leaves_the_decision_to_the_next() {
    let (breaker, now) = breaker();
    open(&breaker, now);
    let later = now + OPEN;
    drop(breaker.admit(STRANGER, 0, later).ok().unwrap());
    assert_eq!(breaker.circuit(), Circuit::Open);
    assert!(!call(&breaker, STRANGER, false, later));
    assert_eq!(breaker.circuit(), Circuit::Closed);
}

#[test]
fn only_the_call_that_is_made_half_open_decides() {
    let (breaker, now) = breaker();
    let early: Vec<_> = (0..2)
        .map(|_| breaker.admit(STRANGER, 0, now).ok().unwrap())
        .collect();
    open(&breaker, now);
    let later = now + OPEN;
    let one = breaker.admit(STRANGER, 0, later).ok().unwrap();
    for call in early {
        assert!(!call.ended(false, later));
    }
    assert_eq!(breaker.circuit(), Circuit::HalfOpen);
    assert!(!one.ended(false, later));
    assert_eq!(breaker.circuit(), Circuit::Closed);
}

#[test]
fn a_call_from_before_a_reset_does_not_count() {
    let (breaker, now) = breaker();
    let early: Vec<_> = (0..9)
        .map(|caller| breaker.admit(caller, 0, now).ok().unwrap())
        .collect();
    open(&breaker, now);
    let one = breaker.admit(STRANGER, 0, now + OPEN).ok().unwrap();
    breaker.reset();
    for call in early {
        assert!(!call.ended(true, now));
    }
    drop(one);
    assert_eq!(breaker.circuit(), Circuit::Closed);
}

#[test]
fn failures_among_twice_as_many_pairs_that_work_leave_it_closed() {
    let (breaker, now) = breaker();
    for caller in 0..100 {
        assert!(!call(&breaker, caller, caller % 3 == 2, now));
    }
}

#[test]
fn old_failures_do_not_count() {
    let (breaker, mut now) = breaker();
    for caller in 0..10 {
        assert!(!call(&breaker, caller, true, now));
        now += Duration::from_secs(11);
    }
}

#[test]
fn the_pairs_of_a_window_are_bounded() {
    let (breaker, now) = breaker();
    for caller in 0..2 * PAIRS_MAX as Caller {
        call(&breaker, caller, false, now);
    }
    assert_eq!(breaker.lock().pairs.len(), PAIRS_MAX);
}
