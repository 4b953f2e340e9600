//! The clock, the environment and the standard streams, without a guest.

use wasmtime_wasi::cli::WasiCliCtxView;

use super::super::fixture::asking;
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
