//! The clock, the environment and the standard streams, without a guest.

use wasmtime_wasi::cli::WasiCliCtxView;

use super::super::fixture::{asking, tried};
use super::*;

#[test]
fn a_guest_waits_for_as_long_as_it_may_run_and_no_longer() {
    const MS: u64 = 1_000_000;
    for (waits, last_fits) in [
        (&[1_000 * MS][..], true),
        (&[1_000 * MS + 1], false),
        (&[400 * MS, 600 * MS], true),
        (&[400 * MS, 600 * MS, 0], true),
        (&[400 * MS, 600 * MS, 1], false),
        (&[u64::MAX], false),
    ] {
        let mut call = asking(|limits| limits.deadline_ms = 1_000);
        let mut clock = clock(&mut call);
        let (last, before) = waits.split_last().unwrap();
        for wait in before {
            monotonic_clock::Host::subscribe_duration(&mut clock, *wait).unwrap();
        }
        match monotonic_clock::Host::subscribe_duration(&mut clock, *last) {
            Ok(_) => assert!(last_fits, "{waits:?}"),
            Err(error) => assert!(!last_fits && error.is::<SleepsTooLong>(), "{waits:?}"),
        }
    }
}

#[test]
fn a_guest_waits_until_an_instant_that_is_near_or_past() {
    for (until, fits) in [(0, true), (u64::MAX, false)] {
        let mut call = asking(|limits| limits.deadline_ms = 1_000);
        let mut clock = clock(&mut call);
        match monotonic_clock::Host::subscribe_instant(&mut clock, until) {
            Ok(_) => assert!(fits, "{until}"),
            Err(error) => assert!(!fits && error.is::<SleepsTooLong>(), "{until}"),
        }
        // Waiting for the past takes nothing.
        assert_eq!(*clock.left, Duration::from_secs(1));
    }
}

/// All that a guest sees of time and chance: bytes and a number of each source, the seed, and
/// both clocks.
type Seen = (Vec<u8>, Vec<u8>, u64, (u64, u64), u64, u64, u32);

fn seen(call: &mut CallState) -> Seen {
    use random::insecure::Host as _;
    use random::insecure_seed::Host as _;
    use random::random::Host as _;
    use wasmtime_wasi::p2::bindings::clocks::wall_clock::Host as _;
    let random = randomness(call);
    let bytes = random.get_random_bytes(9).unwrap();
    let insecure = random.get_insecure_random_bytes(9).unwrap();
    let number = random.get_random_u64().unwrap();
    let seed = random.insecure_seed().unwrap();
    let mut clock = clock(call);
    let now = monotonic_clock::Host::now(&mut clock).unwrap();
    let time = clock.clocks.now().unwrap();
    let nanos = time.nanoseconds;
    (bytes, insecure, number, seed, now, time.seconds, nanos)
}

#[test]
fn a_seed_makes_all_that_a_guest_sees_of_time_and_chance() {
    let with = |seed| seen(&mut tried(Arc::new(Trial::new(seed))));
    assert_eq!(with(1), with(1));
    let (one, other) = (with(1), with(2));
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2 && one.3 != other.3);
    assert!(one.4 != other.4 && one.5 != other.5 && one.6 != other.6);
    // The calls of one trial go on where the one before ended.
    let trial = Arc::new(Trial::new(1));
    let (first, next) = (seen(&mut tried(trial.clone())), seen(&mut tried(trial)));
    assert!(first.0 != next.0 && first.4 < next.4);
    // Without a trial, chance and time are the machine's.
    let own = || seen(&mut asking(|_| ()));
    assert_ne!(own().0, own().0);
}

#[test]
fn waiting_in_a_trial_takes_no_time_and_moves_the_clocks_on() {
    const MINUTE: u64 = 60_000_000_000;
    let mut call = tried(Arc::new(Trial::new(1)));
    let mut clock = clock(&mut call);
    *clock.left = Duration::from_secs(120);
    let began = std::time::Instant::now();
    let before = monotonic_clock::Host::now(&mut clock).unwrap();
    monotonic_clock::Host::subscribe_duration(&mut clock, MINUTE).unwrap();
    let after = monotonic_clock::Host::now(&mut clock).unwrap();
    assert!((MINUTE..MINUTE + 10_000_000).contains(&(after - before)));
    monotonic_clock::Host::subscribe_instant(&mut clock, after + MINUTE / 2).unwrap();
    assert!(began.elapsed() < Duration::from_secs(30));
    // It counts as waiting all the same.
    let refused = monotonic_clock::Host::subscribe_duration(&mut clock, MINUTE);
    assert!(refused.is_err_and(|error| error.is::<SleepsTooLong>()));
}

#[test]
fn a_guest_sees_nothing_of_the_environment_of_the_host() {
    use cli::environment::Host;
    let mut call = asking(|_| ());
    let mut environment: WasiCliCtxView<'_> = call.cli();
    assert!(std::env::vars().count() > 0);
    assert_eq!(environment.get_environment().unwrap(), []);
    assert_eq!(environment.get_arguments().unwrap(), [""; 0]);
    assert_eq!(environment.initial_cwd().unwrap(), None);
}

/// The number of lines that a stream adds to the log of a call.
fn lines(writes: &[&str], ends: bool) -> u32 {
    let call = asking(|_| ());
    let (before, _) = call.log.left();
    let mut stream = Output::new(&call.log, tracing::Level::INFO, "stdout");
    for write in writes {
        stream
            .write(Bytes::copy_from_slice(write.as_bytes()))
            .unwrap();
    }
    if ends {
        drop(stream);
    }
    before - call.log.left().0
}

#[test]
fn a_line_is_logged_once_it_is_whole_or_the_call_ends() {
    for (writes, ends, logged) in [
        (&["a"][..], false, 0),
        (&["a"], true, 1),
        (&["a", "b", "\n"], false, 1),
        (&["a\nb"], false, 1),
        (&["a\nb"], true, 2),
        (&["a\n", "b\n", "c\n"], true, 3),
    ] {
        assert_eq!(lines(writes, ends), logged, "{writes:?} {ends}");
    }
}

#[test]
fn a_write_has_a_size_that_the_guest_is_told() {
    let call = asking(|_| ());
    let mut stream = Output::new(&call.log, tracing::Level::INFO, "stdout");
    let permitted = stream.check_write().unwrap();
    assert!(stream.write(Bytes::from(vec![b'a'; permitted])).is_ok());
    let refused = stream.write(Bytes::from(vec![b'a'; permitted + 1]));
    let Err(StreamError::Trap(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.to_string(), "it writes more at once than it may");
}

#[test]
fn only_standard_error_is_kept_as_trouble() {
    for (level, name, kept) in [
        (tracing::Level::INFO, "stdout", &[][..]),
        (tracing::Level::WARN, "stderr", &["it panics"]),
    ] {
        let call = asking(|limits| limits.capabilities.logging.lines_max = 0);
        let mut stream = Output::new(&call.log, level, name);
        stream.write(Bytes::from_static(b"it pan")).unwrap();
        stream.write(Bytes::from_static(b"ics\n")).unwrap();
        assert_eq!(call.troubles().1, kept, "{name}");
    }
}
