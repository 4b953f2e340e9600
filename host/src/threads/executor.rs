//! The threads that one module's calls run on: a fixed number, with bounded queues
//! before them, one for calls that read and one for those that may write. A guest that
//! blocks or spins holds one of these threads, and nothing of another module or of the
//! host. Calls beyond their share run in the background; see [`super::fairness`].
//!
//! A call runs with one of a number of permits. One that waits for the database's writer
//! releases its permit meanwhile, and there is one more thread for each such call: calls that
//! read have all permits, however many wait for the writer. A call that has waited takes a
//! permit again at once, so that no call waits for a permit while it holds the writer; for
//! that moment more calls run than there are permits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::STACK_BYTES_OF_HOST;
use super::fairness::Fairness;
use crate::threads::permits::{self, Permits};
use crate::threads::processors::{self, AtWork, Place, ThreadNumber};

/// Runs jobs on threads of its own.
pub struct Executor {
    queue: Arc<Queue>,
}

/// The options of an executor.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorOptions {
    /// Jobs at the same time, without those that wait for the database's writer.
    pub threads: usize,
    /// Jobs that may write at the same time, with those that wait for the database's writer.
    pub writing_max: usize,
    /// Jobs of each lane that may wait for one of these to end.
    pub waiting_max: usize,
    /// The largest stack of a guest, in bytes.
    pub stack_bytes_max: usize,
}

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// It reads.
    Reading,
    /// It may write.
    Writing,
}

/// The queue is full: the caller should retry later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

/// The part of an executor's name in those of its threads, in bytes. Linux shows 15 bytes of
/// a thread's name, its number included.
const NAME_BYTES_MAX: usize = 11;

type Job = Box<dyn FnOnce() + Send>;

/// The state that an executor's threads share.
pub(super) struct Queue {
    name: String,
    state: Mutex<State>,
    options: ExecutorOptions,
    workers: Mutex<Vec<Worker>>,
    fairness: Arc<Fairness>,
    /// Processor time of jobs, in nanoseconds, since it was last read.
    used_ns: Arc<AtomicU64>,
    /// Whether all threads are to run in the background.
    background: AtomicBool,
}

struct State {
    reading: VecDeque<Queued>,
    writing: VecDeque<Queued>,
    /// The next job's number in the order of all.
    number: u64,
    /// Jobs that run, without those that wait.
    running: usize,
    /// Jobs that may write and have begun, with those that wait.
    writers: usize,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: its data is still in its processor's caches.
    idle: Vec<Thread>,
    closed: bool,
}

/// A job that has not begun.
struct Queued {
    number: u64,
    job: Job,
}

impl State {
    fn is_empty(&self) -> bool {
        self.reading.is_empty() && self.writing.is_empty()
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Queued> {
        match lane {
            Lane::Reading => &mut self.reading,
            Lane::Writing => &mut self.writing,
        }
    }

    /// The lane of the oldest job that may begin now.
    fn ready(&self, options: &ExecutorOptions) -> Option<Lane> {
        if self.running >= options.threads.max(1) {
            return None;
        }
        let number = |queue: &VecDeque<Queued>| queue.front().map(|queued| queued.number);
        let may_write = self.writers < options.writing_max.max(1);
        match (number(&self.reading), number(&self.writing)) {
            (Some(read), Some(write)) if may_write && write < read => Some(Lane::Writing),
            (Some(_), _) => Some(Lane::Reading),
            (None, Some(_)) if may_write => Some(Lane::Writing),
            (None, _) => None,
        }
    }

    /// Begins the oldest job that may begin now.
    fn begin(&mut self, options: &ExecutorOptions) -> Option<(Job, Lane)> {
        let lane = self.ready(options)?;
        let queued = self.queue(lane).pop_front()?;
        self.running += 1;
        self.writers += usize::from(lane == Lane::Writing);
        Some((queued.job, lane))
    }

    /// A job of this lane has ended.
    fn end(&mut self, lane: Lane) {
        self.running -= 1;
        self.writers -= usize::from(lane == Lane::Writing);
    }

    /// A thread to be woken, if a job may begin.
    fn wakes(&mut self, options: &ExecutorOptions) -> Option<Thread> {
        self.ready(options).and_then(|_| self.idle.pop())
    }
}

/// The next action of a thread.
enum Next {
    Job(Job, Lane),
    /// It runs in the background while the queue's threads are to run in the foreground: it is
    /// replaced.
    Replaced,
    /// The executor has ended.
    Nothing,
}

/// A thread and its task.
struct Worker {
    number: usize,
    handle: JoinHandle<()>,
    task: Arc<Task>,
}

#[derive(Default)]
struct Task {
    running: Mutex<Running>,
    /// Whether it runs in the background. Without privilege a thread cannot return to the
    /// foreground, so it is replaced.
    background: Arc<AtomicBool>,
    /// Whether it has ended to be replaced.
    ended: AtomicBool,
}

#[derive(Default)]
struct Running {
    /// The kernel's id of the thread, once it runs.
    thread: Option<ThreadNumber>,
    /// When its present job began.
    since: Option<Instant>,
    /// Counts it among background work while it runs in the background.
    background_work: Option<AtWork>,
    place: Place,
}

impl Executor {
    /// Starts the threads, which are named after `name` and numbered.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(
        name: &str,
        fairness: &Arc<Fairness>,
        options: ExecutorOptions,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            name: name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned(),
            state: Mutex::new(State {
                reading: VecDeque::new(),
                writing: VecDeque::new(),
                number: 0,
                running: 0,
                writers: 0,
                idle: Vec::new(),
                closed: false,
            }),
            options,
            workers: Mutex::default(),
            fairness: fairness.clone(),
            used_ns: Arc::default(),
            background: AtomicBool::new(false),
        });
        for number in 0..options.threads.max(1) + options.writing_max {
            queue.spawn_worker(number)?;
        }
        fairness.watch_over(&queue);
        Ok(Self { queue })
    }

    /// Queues a job, whose result comes through the receiver. A job that
    /// panics closes the receiver without one.
    ///
    /// # Errors
    /// When the queue of its lane is full.
    pub fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Rejected> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.queue.state);
        if state.queue(lane).len() >= self.queue.options.waiting_max {
            return Err(Rejected);
        }
        let job = Box::new(move || {
            // Do not begin a job whose caller has gone.
            if !sender.is_closed() {
                let _ = sender.send(job());
            }
        });
        let number = state.number;
        state.number += 1;
        state.queue(lane).push_back(Queued { number, job });
        let idle = state.wakes(&self.queue.options);
        drop(state);
        if let Some(idle) = idle {
            idle.unpark();
        }
        self.queue.fairness.wake();
        Ok(receiver)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Starts a thread, which replaces an earlier one with this number.
    fn spawn_worker(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
        let task = Arc::new(Task::default());
        let handle = thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .stack_size(self.options.stack_bytes_max + STACK_BYTES_OF_HOST)
            .spawn({
                let (queue, task) = (self.clone(), task.clone());
                move || queue.run(&task)
            })?;
        let mut workers = lock(&self.workers);
        workers.retain(|worker| worker.number != number);
        workers.push(Worker {
            number,
            handle,
            task,
        });
        Ok(())
    }

    /// Waits for the next job, for a thread that has done one of lane `done`.
    fn next(&self, task: &Task, mut done: Option<Lane>) -> Next {
        let own: ThreadId = thread::current().id();
        loop {
            let mut state = lock(&self.state);
            if let Some(lane) = done.take() {
                state.end(lane);
            }
            // A spurious wake-up leaves the thread in the list.
            state.idle.retain(|idle| idle.id() != own);
            if self.must_be_replaced(task) {
                // It may have been woken for a job, which another thread has to do then.
                if let Some(idle) = state.wakes(&self.options) {
                    idle.unpark();
                }
                return Next::Replaced;
            }
            if let Some((job, lane)) = state.begin(&self.options) {
                return Next::Job(job, lane);
            }
            if state.closed && state.is_empty() {
                // Threads that found jobs which could not begin yet.
                for idle in state.idle.drain(..) {
                    idle.unpark();
                }
                return Next::Nothing;
            }
            state.idle.push(thread::current());
            drop(state);
            thread::park();
        }
    }

    /// Whether a thread runs in the background while the queue's threads are to run in the
    /// foreground.
    fn must_be_replaced(&self, task: &Task) -> bool {
        task.background.load(Ordering::Relaxed) && !self.background.load(Ordering::Relaxed)
    }

    fn run(self: &Arc<Self>, task: &Task) {
        processors::follow(task.background.clone(), self.used_ns.clone());
        permits::share(self.clone());
        lock(&task.running).thread = Some(ThreadNumber::own());
        let mut done = None;
        loop {
            let (job, lane) = match self.next(task, done.take()) {
                Next::Job(job, lane) => (job, lane),
                Next::Nothing => return,
                Next::Replaced => break,
            };
            task.begin();
            // A panic is a fault of the host, and must not end the thread.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
            task.end();
            done = Some(lane);
            processors::count();
        }
        task.ended.store(true, Ordering::Release);
        self.fairness.hurry();
    }

    /// Returns the processor time of jobs since the last call.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.swap(0, Ordering::Relaxed))
    }

    /// Whether a job runs or waits.
    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.state).is_empty()
            || lock(&self.workers)
                .iter()
                .any(|worker| lock(&worker.task.running).since.is_some())
    }

    /// Sets whether all threads run in the background.
    pub(super) fn set_background(&self, background: bool) {
        if self.background.swap(background, Ordering::Relaxed) && !background {
            for idle in &lock(&self.state).idle {
                idle.unpark();
            }
        }
    }

    /// Deprioritises threads that are to run in the background, isolates them from the others if
    /// `isolated`, and replaces those that must return to the foreground. A new thread inherits
    /// the priority of the one that starts it, so no background thread starts one.
    pub(super) fn check(self: &Arc<Self>, long: Duration, isolated: bool) {
        let all = self.background.load(Ordering::Relaxed);
        let mut ended = Vec::new();
        for worker in lock(&self.workers).iter() {
            if worker.task.ended.load(Ordering::Acquire) {
                ended.push(worker.number);
            } else {
                worker.task.check(all, long, isolated);
            }
        }
        for number in ended {
            if let Err(error) = self.spawn_worker(number) {
                // The next check tries again.
                tracing::error!(%error, "a thread cannot be started");
            }
        }
    }
}

impl Permits for Queue {
    fn release(&self) {
        let mut state = lock(&self.state);
        state.running -= 1;
        let idle = state.wakes(&self.options);
        drop(state);
        if let Some(idle) = idle {
            idle.unpark();
        }
    }

    fn reacquire(&self) {
        lock(&self.state).running += 1;
    }
}

impl Task {
    fn begin(&self) {
        let mut running = lock(&self.running);
        running.since = Some(Instant::now());
        running.background_work = self.background.load(Ordering::Relaxed).then(AtWork::begin);
    }

    fn end(&self) {
        let mut running = lock(&self.running);
        running.since = None;
        running.background_work = None;
    }

    /// Deprioritises it if its job takes long, or all are in the background, and sets its
    /// processors.
    fn check(&self, all: bool, long: Duration, isolated: bool) {
        // Hold the lock: otherwise the job may end and the next one be deprioritised.
        let mut running = lock(&self.running);
        let takes_long = running.since.is_some_and(|began| began.elapsed() > long);
        if let (Some(thread), true) = (running.thread, all || takes_long)
            && !self.background.load(Ordering::Relaxed)
            && thread.step_back()
        {
            self.background.store(true, Ordering::Relaxed);
            running.background_work = running.since.map(|_| AtWork::begin());
        }
        let place = match (isolated, self.background.load(Ordering::Relaxed)) {
            (false, _) => Place::Anywhere,
            (true, false) => Place::InFront,
            (true, true) => Place::Behind,
        };
        if let Some(thread) = running.thread
            && running.place != place
        {
            thread.keep_to(place);
            running.place = place;
        }
    }
}

impl Drop for Executor {
    /// Lets the queued jobs run to their end.
    fn drop(&mut self) {
        lock(&self.queue.state).closed = true;
        // From here on no thread is replaced.
        self.queue.fairness.forget(&self.queue);
        let workers = std::mem::take(&mut *lock(&self.queue.workers));
        for worker in &workers {
            worker.handle.thread().unpark();
        }
        for worker in workers {
            // Panics of these threads were reported when they happened.
            let _ = worker.handle.join();
        }
        // If all threads have ended to be replaced, the waiting jobs run here.
        let mut done = None;
        while let Next::Job(job, lane) = self.queue.next(&Task::default(), done.take()) {
            job();
            done = Some(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::threads::processors::NICE;

    #[cfg(target_os = "linux")]
    fn nice() -> i32 {
        rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
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
            let named = executor.submit(Lane::Reading, name).unwrap();
            assert_eq!(named.blocking_recv().unwrap().as_deref(), Some(thread_name));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_long_call_is_deprioritised_and_the_next_is_not() {
        let executor = executor(1, 10);
        let before = executor
            .submit(Lane::Reading, nice)
            .unwrap()
            .blocking_recv()
            .unwrap();
        let long = executor.submit(Lane::Reading, || {
            let began = Instant::now();
            // Until it is noticed, within the time of a test.
            while nice() < NICE && began.elapsed() < Duration::from_secs(30) {
                thread::yield_now();
            }
            nice()
        });
        assert_eq!(long.unwrap().blocking_recv().unwrap(), NICE);
        let after = executor
            .submit(Lane::Reading, nice)
            .unwrap()
            .blocking_recv()
            .unwrap();
        assert_eq!(after, before);
        let workers = lock(&executor.queue.workers).len();
        assert_eq!(workers, 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_queue_in_the_background_stays_there_until_it_may_return() {
        let executor = executor(2, 10);
        // The test itself does the work of the watch.
        executor.queue.fairness.forget(&executor.queue);
        let until = |all: fn(&Task) -> bool| {
            let deadline = Instant::now() + Duration::from_secs(30);
            let met = || {
                lock(&executor.queue.workers)
                    .iter()
                    .all(|worker| all(&worker.task))
            };
            while !met() && Instant::now() < deadline {
                thread::yield_now();
            }
        };
        until(|task| lock(&task.running).thread.is_some());
        let nice = || {
            executor
                .submit(Lane::Reading, nice)
                .unwrap()
                .blocking_recv()
                .unwrap()
        };
        let before = nice();
        let hour = Duration::from_secs(3_600);
        executor.queue.set_background(true);
        executor.queue.check(hour, false);
        assert_eq!([nice(), nice(), nice()], [NICE; 3]);
        executor.queue.set_background(false);
        until(|task| task.ended.load(Ordering::Acquire));
        executor.queue.check(hour, false);
        assert_eq!([nice(), nice()], [before; 2]);
        assert_eq!(lock(&executor.queue.workers).len(), 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn foreground_and_background_are_isolated_on_demand() {
        let executor = executor(1, 10);
        executor.queue.fairness.forget(&executor.queue);
        let processors = || {
            let count = || rustix::thread::sched_getaffinity(None).unwrap().count();
            executor
                .submit(Lane::Reading, count)
                .unwrap()
                .blocking_recv()
                .unwrap()
        };
        let all = processors();
        let background = if all < 2 { all } else { (all / 4).max(1) };
        let foreground = if all < 2 { all } else { all - background };
        let hour = Duration::from_secs(3_600);
        executor.queue.check(hour, true);
        assert_eq!(processors(), foreground);
        executor.queue.set_background(true);
        executor.queue.check(hour, true);
        assert_eq!(processors(), background);
        executor.queue.check(hour, false);
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
            executor.submit(Lane::Writing, move || {
                let waiting = permits::Waiting::begin();
                drop(gate.read());
                drop(waiting);
                number
            })
        };
        let begun = || lock(&executor.queue.state).writing.is_empty();
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
            let read = executor.submit(Lane::Reading, move || number).unwrap();
            assert_eq!(read.blocking_recv(), Ok(number));
        }
        drop(held);
        let written = writes
            .into_iter()
            .map(|write| write.blocking_recv().unwrap());
        assert_eq!(written.collect::<Vec<_>>(), [0, 1, 2, 3]);
        // An answer is there a moment before its thread has ended the job.
        let at_work = || {
            let state = lock(&executor.queue.state);
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
        let first = executor.submit(Lane::Reading, move || wait.recv().unwrap());
        let order = Arc::new(Mutex::new(Vec::new()));
        let jobs: Vec<_> = [Lane::Writing, Lane::Reading, Lane::Writing, Lane::Reading]
            .into_iter()
            .enumerate()
            .map(|(number, lane)| {
                let order = order.clone();
                let job = move || lock(&order).push(number);
                executor.submit(lane, job).unwrap()
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
                executor.submit(Lane::Writing, job).unwrap()
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
            .map(|number| executor.submit(Lane::Reading, move || number).unwrap())
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
        let running = executor.submit(Lane::Reading, move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        });
        begins.recv().unwrap();
        let waiting = executor.submit(Lane::Reading, || ());
        assert!(executor.submit(Lane::Reading, || ()).is_err());
        go.send(()).unwrap();
        running.unwrap().blocking_recv().unwrap();
        waiting.unwrap().blocking_recv().unwrap();
    }

    #[test]
    fn a_panic_costs_no_thread() {
        let executor = executor(1, 10);
        let panicked = executor
            .submit(Lane::Reading, || panic!("in the host"))
            .unwrap();
        assert!(panicked.blocking_recv().is_err());
        assert_eq!(
            executor
                .submit(Lane::Reading, || 1)
                .unwrap()
                .blocking_recv(),
            Ok(1)
        );
    }
}
