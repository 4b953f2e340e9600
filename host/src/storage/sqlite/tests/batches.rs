//! Many writers, one connection, one sync for several commits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::*;
use crate::storage::sqlite::guarded::Guarded;

/// Enough that some wait while another commits.
const WRITERS: usize = 16;

/// Waits until so many sessions stand before the writer.
fn until_waiting(fixture: &Fixture, count: usize) {
    while fixture.database.writer().waiting() < count {
        thread::yield_now();
    }
}

#[test]
fn commits_that_wait_together_share_a_sync() {
    let fixture = fixture();
    let before = fixture.database.writer().syncs();
    let mut first = fixture.session();
    first.begin().unwrap();
    first.transaction_execute(INSERT, &[text("first")]).unwrap();
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let fixture = &fixture;
            scope.spawn(move || insert(&mut fixture.session(), &format!("n{number}")).unwrap());
        }
        until_waiting(&fixture, WRITERS);
        first.commit().unwrap();
    });
    let syncs = fixture.database.writer().syncs() - before;
    assert_eq!(fixture.things(), WRITERS as i64 + 1);
    assert!(
        (1..=WRITERS as u64).contains(&syncs),
        "{syncs} syncs for {} commits",
        WRITERS + 1
    );
}

#[test]
fn a_rollback_in_a_batch_affects_no_other_member() {
    let fixture = fixture();
    insert(&mut fixture.session(), "taken").unwrap();
    let mut first = fixture.session();
    first.begin().unwrap();
    first.transaction_execute(INSERT, &[text("first")]).unwrap();
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let fixture = &fixture;
            scope.spawn(move || {
                let mut session = fixture.session();
                session.begin().unwrap();
                session
                    .transaction_execute(INSERT, &[text(&format!("n{number}"))])
                    .unwrap();
                match number % 3 {
                    0 => session.commit().unwrap(),
                    1 => session.rollback(),
                    _ => {
                        assert!(
                            session
                                .transaction_execute(INSERT, &[text("taken")])
                                .is_err()
                        );
                        session.commit().unwrap();
                    }
                }
            });
        }
        until_waiting(&fixture, WRITERS);
        first.commit().unwrap();
    });
    let kept = (0..WRITERS).filter(|number| number % 3 != 1).count() as i64;
    assert_eq!(fixture.things(), kept + 2);
}

#[test]
fn the_first_of_a_batch_may_roll_back_while_others_wait() {
    let fixture = fixture();
    let mut first = fixture.session();
    first.begin().unwrap();
    first.transaction_execute(INSERT, &[text("gone")]).unwrap();
    thread::scope(|scope| {
        for number in 0..WRITERS {
            let fixture = &fixture;
            scope.spawn(move || insert(&mut fixture.session(), &format!("n{number}")).unwrap());
        }
        until_waiting(&fixture, WRITERS);
        first.rollback();
    });
    assert_eq!(fixture.things(), WRITERS as i64);
}

#[test]
fn a_session_that_stops_waiting_leaves_no_batch() {
    let fixture = fixture();
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let (fixture, barrier) = (&fixture, &barrier);
        let holder = scope.spawn(move || {
            let mut session = fixture.session();
            session.begin().unwrap();
            session
                .transaction_execute(INSERT, &[text("held")])
                .unwrap();
            barrier.wait();
            barrier.wait();
            session.commit().unwrap();
        });
        barrier.wait();
        let mut hasty = fixture.session_with(|limits| limits.writer_wait_ms = 1);
        assert_eq!(hasty.begin(), Err(SqlError::Busy));
        barrier.wait();
        holder.join().unwrap();
    });
    assert_eq!(fixture.things(), 1);
    insert(&mut fixture.session(), "next").unwrap();
}

#[test]
fn a_lone_writer_syncs_once_a_commit() {
    let fixture = fixture();
    let before = fixture.database.writer().syncs();
    for number in 0..5 {
        insert(&mut fixture.session(), &format!("n{number}")).unwrap();
    }
    assert_eq!(fixture.database.writer().syncs() - before, 5);
}

#[test]
fn work_of_the_host_that_panics_leaves_the_writer_to_others() {
    let fixture = fixture();
    insert(&mut fixture.session(), "before").unwrap();
    let writer = fixture.database.writer();
    let panics = |work: &dyn Fn(&Guarded)| {
        let work = || writer.alone(Duration::from_secs(1), work);
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
    };
    let delete = |connection: &Guarded| {
        let sql = "begin immediate; delete from thing";
        connection.host().execute_batch(sql).unwrap();
    };
    panics(&|connection| {
        delete(connection);
        panic!("meant");
    });
    panics(&|connection| {
        let _ = connection.migrating(|| {
            delete(connection);
            panic!("meant");
        });
    });
    assert_eq!(fixture.things(), 1);
    insert(&mut fixture.session(), "after").unwrap();
    assert_eq!(fixture.things(), 2);
    let in_memory = writer.alone(Duration::from_secs(1), |connection| {
        let host = connection.host();
        host.pragma_query_value(None, "temp_store", |row| row.get::<_, i64>(0))
    });
    assert_eq!(in_memory.unwrap().unwrap(), 2);
}
