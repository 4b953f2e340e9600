//! Tests of the executor: lanes, permits, priorities, and its end.

use super::*;
#[cfg(target_os = "linux")]
use crate::threads::processors::NICE;
use std::time::Instant;

#[cfg(target_os = "linux")]
fn nice() -> i32 {
    rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
}

/// The caller of every job whose test is not about callers.
fn caller() -> Arc<str> {
    "caller".into()
}

fn executor(threads: usize, waiting_max: usize) -> Executor {
    named("test", threads, waiting_max)
}

fn named(name: &str, threads: usize, waiting_max: usize) -> Executor {
    let options = ExecutorOptions {
        threads,
        writing_max: 0,
        waiting_max,
        stack_bytes_max: 64 * 1024,
    };
    Executor::new(name, &Fairness::start().unwrap(), options).unwrap()
}

#[test]
fn threads_are_named_after_their_module_within_the_bytes_that_linux_shows() {
    for (module, thread_name) in [
        ("notes", "notes-0"),
        ("a-long-name-of-a-module", "a-long-name-0"),
    ] {
        let executor = named(module, 1, 1);
        let name = || thread::current().name().map(str::to_owned);
        let named = executor.submit(Lane::Reading, caller(), name).unwrap();
        assert_eq!(named.blocking_recv().unwrap().as_deref(), Some(thread_name));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_long_call_is_deprioritised_and_the_next_is_not() {
    let executor = executor(1, 10);
    let before = executor
        .submit(Lane::Reading, caller(), nice)
        .unwrap()
        .blocking_recv()
        .unwrap();
    let long = executor.submit(Lane::Reading, caller(), || {
        let began = Instant::now();
        // Until it is noticed, within the time of a test.
        while nice() < NICE && began.elapsed() < Duration::from_secs(30) {
            thread::yield_now();
        }
        nice()
    });
    assert_eq!(long.unwrap().blocking_recv().unwrap(), NICE);
    let after = executor
        .submit(Lane::Reading, caller(), nice)
        .unwrap()
        .blocking_recv()
        .unwrap();
    assert_eq!(after, before);
    let workers = lock(&executor.pool.workers).len();
    assert_eq!(workers, 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_queue_in_the_background_stays_there_until_it_may_return() {
    let executor = executor(2, 10);
    // The test itself does the work of the watch.
    let watched: Arc<dyn Watched> = executor.pool.clone();
    executor.pool.fairness.forget(&watched);
    let until = |all: fn(&Task) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(30);
        let met = || {
            lock(&executor.pool.workers)
                .iter()
                .all(|worker| all(&worker.task))
        };
        while !met() && Instant::now() < deadline {
            thread::yield_now();
        }
    };
    until(Task::has_started);
    let nice = || {
        executor
            .submit(Lane::Reading, caller(), nice)
            .unwrap()
            .blocking_recv()
            .unwrap()
    };
    let before = nice();
    let hour = Duration::from_secs(3_600);
    executor.pool.set_background(true);
    executor.pool.clone().check(hour, false);
    assert_eq!([nice(), nice(), nice()], [NICE; 3]);
    executor.pool.set_background(false);
    until(|task| task.ended.load(Ordering::Acquire));
    executor.pool.clone().check(hour, false);
    assert_eq!([nice(), nice()], [before; 2]);
    assert_eq!(lock(&executor.pool.workers).len(), 2);
}

#[test]
#[cfg(target_os = "linux")]
fn foreground_and_background_are_isolated_on_demand() {
    let executor = executor(1, 10);
    let watched: Arc<dyn Watched> = executor.pool.clone();
    executor.pool.fairness.forget(&watched);
    let processors = || {
        let count = || rustix::thread::sched_getaffinity(None).unwrap().count();
        executor
            .submit(Lane::Reading, caller(), count)
            .unwrap()
            .blocking_recv()
            .unwrap()
    };
    let all = processors();
    let background = if all < 2 { all } else { (all / 4).max(1) };
    let foreground = if all < 2 { all } else { all - background };
    let hour = Duration::from_secs(3_600);
    executor.pool.clone().check(hour, true);
    assert_eq!(processors(), foreground);
    executor.pool.set_background(true);
    executor.pool.clone().check(hour, true);
    assert_eq!(processors(), background);
    executor.pool.clone().check(hour, false);
    assert_eq!(processors(), all);
}

/// An executor with one permit, beside which two jobs may wait for a writer.
fn lanes(waiting_max: usize) -> Executor {
    let options = ExecutorOptions {
        threads: 1,
        writing_max: 2,
        waiting_max,
        stack_bytes_max: 64 * 1024,
    };
    Executor::new("test", &Fairness::start().unwrap(), options).unwrap()
}

#[test]
fn a_job_that_waits_for_a_writer_holds_no_permit_of_reading_ones() {
    let executor = lanes(2);
    let gate = Arc::new(std::sync::RwLock::new(()));
    let held = gate.write().unwrap();
    let write = |number: usize| {
        let gate = gate.clone();
        executor.submit(Lane::Writing, caller(), move || {
            let waiting = permits::Waiting::begin();
            drop(gate.read());
            drop(waiting);
            number
        })
    };
    let begun = || lock(&executor.pool.queues).writing.is_empty();
    let mut writes = Vec::new();
    for number in 0..2 {
        writes.push(write(number).unwrap());
        while !begun() {
            thread::yield_now();
        }
    }
    // Two more wait in the queue, which is full then.
    writes.extend([write(2).unwrap(), write(3).unwrap()]);
    assert!(write(4).is_err());
    for number in 0..10 {
        let read = executor
            .submit(Lane::Reading, caller(), move || number)
            .unwrap();
        assert_eq!(read.blocking_recv(), Ok(number));
    }
    drop(held);
    let written = writes
        .into_iter()
        .map(|write| write.blocking_recv().unwrap());
    assert_eq!(written.collect::<Vec<_>>(), [0, 1, 2, 3]);
    // An answer is there a moment before its thread has ended the job.
    let at_work = || {
        let state = lock(&executor.pool.queues);
        (state.running, state.writers)
    };
    while at_work() != (0, 0) {
        thread::yield_now();
    }
}

#[test]
fn long_jobs_keep_no_short_ones_waiting_and_their_caller_leaves_the_last_permit() {
    let options = ExecutorOptions {
        threads: 2,
        writing_max: 4,
        waiting_max: 10,
        stack_bytes_max: 64 * 1024,
    };
    let executor = Executor::new("test", &Fairness::start().unwrap(), options).unwrap();
    // The test itself does the work of the watch.
    let watched: Arc<dyn Watched> = executor.pool.clone();
    executor.pool.fairness.forget(&watched);
    let gate = Arc::new(std::sync::RwLock::new(()));
    let held = gate.write().unwrap();
    let begun = Arc::new(AtomicU64::new(0));
    let slow = |number: u64| {
        let (gate, begun) = (gate.clone(), begun.clone());
        let job = move || {
            begun.fetch_add(1, Ordering::Relaxed);
            drop(gate.read());
            number
        };
        let job = executor.submit(Lane::Reading, "slow".into(), job);
        job.unwrap()
    };
    let quick = || {
        let job = executor.submit(Lane::Reading, "quick".into(), || ());
        job.unwrap().blocking_recv().unwrap();
    };
    let mut jobs = Vec::new();
    // Two take long, and a third one is long as well: it keeps one of the two permits.
    for number in 0..3 {
        jobs.push(slow(number));
        while begun.load(Ordering::Relaxed) <= number {
            thread::yield_now();
        }
        executor.pool.clone().check(Duration::ZERO, false);
    }
    // The last permit is not for their caller, and for all others.
    for number in 3..6 {
        jobs.push(slow(number));
        quick();
    }
    // An answer is there a moment before its thread has ended the job.
    while lock(&executor.pool.queues).running != 1 {
        thread::yield_now();
    }
    assert_eq!(begun.load(Ordering::Relaxed), 3);
    drop(held);
    for (number, job) in (0..).zip(jobs) {
        assert_eq!(job.blocking_recv(), Ok(number));
    }
    let at_work = || {
        let state = lock(&executor.pool.queues);
        (state.running, state.writers)
    };
    while at_work() != (0, 0) {
        thread::yield_now();
    }
}

#[test]
fn jobs_begin_in_their_order_whatever_they_do() {
    let executor = lanes(10);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let first = executor.submit(Lane::Reading, caller(), move || wait.recv().unwrap());
    let order = Arc::new(Mutex::new(Vec::new()));
    let jobs: Vec<_> = [Lane::Writing, Lane::Reading, Lane::Writing, Lane::Reading]
        .into_iter()
        .enumerate()
        .map(|(number, lane)| {
            let order = order.clone();
            let job = move || lock(&order).push(number);
            executor.submit(lane, caller(), job).unwrap()
        })
        .collect();
    go.send(()).unwrap();
    first.unwrap().blocking_recv().unwrap();
    for job in jobs {
        job.blocking_recv().unwrap();
    }
    assert_eq!(*lock(&order), [0, 1, 2, 3]);
}

#[test]
fn jobs_that_wait_for_a_writer_at_the_end_are_done() {
    let executor = lanes(10);
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap();
    let results: Vec<_> = (0..6)
        .map(|number| {
            let gate = gate.clone();
            let job = move || {
                let _waiting = permits::Waiting::begin();
                drop(lock(&gate));
                number
            };
            executor.submit(Lane::Writing, caller(), job).unwrap()
        })
        .collect();
    let ends = thread::spawn(move || drop(executor));
    drop(held);
    ends.join().unwrap();
    let results = results.into_iter().map(|one| one.blocking_recv().unwrap());
    assert_eq!(results.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn queued_jobs_are_done_before_the_end() {
    let executor = executor(2, 10);
    let results: Vec<_> = (0..10)
        .map(|number| {
            executor
                .submit(Lane::Reading, caller(), move || number)
                .unwrap()
        })
        .collect();
    drop(executor);
    let results: Vec<i32> = results
        .into_iter()
        .map(|result| result.blocking_recv().unwrap())
        .collect();
    assert_eq!(results, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_full_queue_refuses() {
    let executor = executor(1, 1);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = std::sync::mpsc::channel::<()>();
    let running = executor.submit(Lane::Reading, caller(), move || {
        begun.send(()).unwrap();
        wait.recv().unwrap();
    });
    begins.recv().unwrap();
    let waiting = executor.submit(Lane::Reading, caller(), || ());
    assert!(executor.submit(Lane::Reading, caller(), || ()).is_err());
    go.send(()).unwrap();
    running.unwrap().blocking_recv().unwrap();
    waiting.unwrap().blocking_recv().unwrap();
}

#[test]
fn a_panic_costs_no_thread() {
    let executor = executor(1, 10);
    let panicked = executor
        .submit(Lane::Reading, caller(), || panic!("in the host"))
        .unwrap();
    assert!(panicked.blocking_recv().is_err());
    assert_eq!(
        executor
            .submit(Lane::Reading, caller(), || 1)
            .unwrap()
            .blocking_recv(),
        Ok(1)
    );
}
