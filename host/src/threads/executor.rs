//! The threads that one module's calls run on: a fixed number, with bounded queues
//! before them, one for calls that read and one for those that may write. A guest that
//! blocks or spins holds one of these threads, and nothing of another module or of the
//! host. What takes more than its share steps back; see [`super::fairness`].
//!
//! A call runs in one of a number of places. One that waits for the database's writer
//! gives its place back meanwhile, and there are as many threads more as calls may do
//! so: whatever waits for the writer, calls that read find all places that they would
//! have without it. A call that has waited takes a place again at once, so that nobody
//! waits for a place with the writer in hand; for that moment more run than have places.

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

/// How an executor is set up.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorOptions {
    /// Jobs at the same time, without those that wait for the database's writer.
    pub threads: usize,
    /// Jobs that may write at the same time, with those that wait for the database's writer.
    pub writing_max: usize,
    /// Jobs of each lane that may wait for one of these to end.
    pub waiting_max: usize,
    /// The most stack that a guest takes, in bytes.
    pub stack_bytes_max: usize,
}

/// What a job is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// It reads.
    Reading,
    /// It may write.
    Writing,
}

/// The queue is full: the caller should come back later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

/// Of an executor's name in those of its threads, in bytes. Linux shows 15 of a thread's
/// name, and the number is among them.
const NAME_BYTES_MAX: usize = 11;

type Job = Box<dyn FnOnce() + Send>;

/// What an executor's threads share.
pub(super) struct Queue {
    name: String,
    state: Mutex<State>,
    options: ExecutorOptions,
    workers: Mutex<Vec<Worker>>,
    fairness: Arc<Fairness>,
    /// Time of processors that jobs have taken, in nanoseconds, since it was last asked for.
    used_ns: Arc<AtomicU64>,
    /// All threads are to step back, and to stay back.
    back: AtomicBool,
}

struct State {
    reading: VecDeque<Queued>,
    writing: VecDeque<Queued>,
    /// The next job's place in the order of all.
    number: u64,
    /// Jobs that run, without those that wait.
    running: usize,
    /// Jobs that may write and have begun, with those that wait.
    writers: usize,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: what it needs is still in its processor's caches.
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

    /// A thread to be woken, if there is something for it to do.
    fn wakes(&mut self, options: &ExecutorOptions) -> Option<Thread> {
        self.ready(options).and_then(|_| self.idle.pop())
    }
}

/// What a thread does next.
enum Next {
    Job(Job, Lane),
    /// It has stepped back, and the queue's threads are to stand in front: another
    /// takes its place.
    Misplaced,
    /// There will be no more.
    Nothing,
}

/// A thread, and what it does now.
struct Worker {
    number: usize,
    handle: JoinHandle<()>,
    task: Arc<Task>,
}

#[derive(Default)]
struct Task {
    running: Mutex<Running>,
    /// It has stepped back. A thread may not step forward again, so another
    /// takes its place.
    back: Arc<AtomicBool>,
    /// It has ended for that reason.
    gone: AtomicBool,
}

#[derive(Default)]
struct Running {
    /// The thread, to the kernel, once it runs.
    thread: Option<ThreadNumber>,
    /// Since when it runs a job, while it does.
    since: Option<Instant>,
    /// It does so where it gives way.
    behind: Option<AtWork>,
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
            back: AtomicBool::new(false),
        });
        for number in 0..options.threads.max(1) + options.writing_max {
            queue.hire(number)?;
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
            // Whoever asked is gone: do not begin what nobody waits for.
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
    /// Starts a thread; in the place of an earlier one with this number, if there was one.
    fn hire(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
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

    /// The next job, once there is one, for a thread that has done one of lane `done`.
    fn next(&self, task: &Task, mut done: Option<Lane>) -> Next {
        let own: ThreadId = thread::current().id();
        loop {
            let mut state = lock(&self.state);
            if let Some(lane) = done.take() {
                state.end(lane);
            }
            // Waking up without having been woken leaves the thread in the list.
            state.idle.retain(|idle| idle.id() != own);
            if self.is_misplaced(task) {
                // It may have been woken for a job that another has to do then.
                if let Some(idle) = state.wakes(&self.options) {
                    idle.unpark();
                }
                return Next::Misplaced;
            }
            if let Some((job, lane)) = state.begin(&self.options) {
                return Next::Job(job, lane);
            }
            if state.closed && state.is_empty() {
                // Those that found jobs that could not begin yet.
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

    /// Whether a thread has stepped back, and the queue's threads are to stand in front.
    fn is_misplaced(&self, task: &Task) -> bool {
        task.back.load(Ordering::Relaxed) && !self.back.load(Ordering::Relaxed)
    }

    fn run(self: &Arc<Self>, task: &Task) {
        processors::follow(task.back.clone(), self.used_ns.clone());
        permits::share(self.clone());
        lock(&task.running).thread = Some(ThreadNumber::own());
        let mut done = None;
        loop {
            let (job, lane) = match self.next(task, done.take()) {
                Next::Job(job, lane) => (job, lane),
                Next::Nothing => return,
                Next::Misplaced => break,
            };
            task.begin();
            // A panic is a fault of the host's. It must not take the thread along.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
            task.end();
            done = Some(lane);
            processors::count();
        }
        task.gone.store(true, Ordering::Release);
        self.fairness.hurry();
    }

    /// Time of processors that jobs have taken since this was last called.
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

    /// From now on all threads step back, or none does.
    pub(super) fn set_back(&self, back: bool) {
        if self.back.swap(back, Ordering::Relaxed) && !back {
            for idle in &lock(&self.state).idle {
                idle.unpark();
            }
        }
    }

    /// Has those step back that are to, keeps them and the others apart if
    /// `parted`, and replaces those that have and are not.
    /// A new thread stands where the one that starts it stands, so none that has
    /// stepped back can do that.
    pub(super) fn look(self: &Arc<Self>, long: Duration, parted: bool) {
        let all = self.back.load(Ordering::Relaxed);
        let mut gone = Vec::new();
        for worker in lock(&self.workers).iter() {
            if worker.task.gone.load(Ordering::Acquire) {
                gone.push(worker.number);
            } else {
                worker.task.look(all, long, parted);
            }
        }
        for number in gone {
            if let Err(error) = self.hire(number) {
                // It is tried again at the next look.
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
        running.behind = self.back.load(Ordering::Relaxed).then(AtWork::begin);
    }

    fn end(&self) {
        let mut running = lock(&self.running);
        running.since = None;
        running.behind = None;
    }

    /// Has it step back if it takes long, or all are to, and keep to its processors.
    fn look(&self, all: bool, long: Duration, parted: bool) {
        // Under the lock, or the next call would be the one to pay.
        let mut running = lock(&self.running);
        let takes_long = running.since.is_some_and(|began| began.elapsed() > long);
        if let (Some(thread), true) = (running.thread, all || takes_long)
            && !self.back.load(Ordering::Relaxed)
            && thread.step_back()
        {
            self.back.store(true, Ordering::Relaxed);
            running.behind = running.since.map(|_| AtWork::begin());
        }
        let place = match (parted, self.back.load(Ordering::Relaxed)) {
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
        // Whoever watched replaces no thread from here on.
        self.queue.fairness.forget(&self.queue);
        let workers = std::mem::take(&mut *lock(&self.queue.workers));
        for worker in &workers {
            worker.handle.thread().unpark();
        }
        for worker in workers {
            // Panics of these threads were reported when they happened.
            let _ = worker.handle.join();
        }
        // Where all threads have stepped back and gone, what still waits is done here.
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
    fn threads_are_named_after_their_module_within_what_the_system_shows() {
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
    fn a_call_that_takes_long_steps_back_and_the_next_does_not() {
        let executor = executor(1, 10);
        let before = executor
            .submit(Lane::Reading, nice)
            .unwrap()
            .blocking_recv()
            .unwrap();
        let long = executor.submit(Lane::Reading, || {
            let began = Instant::now();
            // Until it is noticed; no longer than a test may take.
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
    fn a_queue_that_steps_back_stays_there_until_it_may_come_forward() {
        let executor = executor(2, 10);
        // The test does itself what the watch would do.
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
        executor.queue.set_back(true);
        executor.queue.look(hour, false);
        assert_eq!([nice(), nice(), nice()], [NICE; 3]);
        executor.queue.set_back(false);
        until(|task| task.gone.load(Ordering::Acquire));
        executor.queue.look(hour, false);
        assert_eq!([nice(), nice()], [before; 2]);
        assert_eq!(lock(&executor.queue.workers).len(), 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn those_in_front_and_those_behind_are_kept_apart_where_that_is_wanted() {
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
        let behind = if all < 2 { all } else { (all / 4).max(1) };
        let front = if all < 2 { all } else { all - behind };
        let hour = Duration::from_secs(3_600);
        executor.queue.look(hour, true);
        assert_eq!(processors(), front);
        executor.queue.set_back(true);
        executor.queue.look(hour, true);
        assert_eq!(processors(), behind);
        executor.queue.look(hour, false);
        assert_eq!(processors(), all);
    }

    /// An executor with one place, beside which two may wait for a writer.
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
    fn who_waits_for_a_writer_holds_no_place_of_those_who_read() {
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
        // Two more wait before the threads, and there is no room for a third.
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
    fn what_waits_for_a_writer_at_the_end_is_done_as_well() {
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
    fn what_is_queued_is_done_before_the_end() {
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
    fn a_full_queue_turns_away() {
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
    fn a_panic_costs_nobody_a_thread() {
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
