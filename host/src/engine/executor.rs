//! The threads that one module's calls run on: a fixed number, with one bounded
//! queue before them. A guest that blocks or spins holds one of these threads,
//! and nothing of another module or of the host. What takes more than its share
//! steps back; see [`super::pace`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::STACK_BYTES_OF_HOST;
use super::pace::Pace;
use crate::giving_way::{self, AtWork, Place, ThreadNumber};

/// Runs jobs on threads of its own.
pub struct Executor {
    queue: Arc<Queue>,
}

/// How an executor is set up.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorOptions {
    /// Jobs at the same time.
    pub threads: usize,
    /// Jobs that may wait for one of these to end.
    pub waiting_max: usize,
    /// The most stack that a guest takes, in bytes.
    pub stack_bytes_max: usize,
}

/// The queue is full: the caller should come back later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

type Job = Box<dyn FnOnce() + Send>;

/// What an executor's threads share.
pub(super) struct Queue {
    state: Mutex<State>,
    options: ExecutorOptions,
    workers: Mutex<Vec<Worker>>,
    pace: Arc<Pace>,
    /// Time of processors that jobs have taken, in nanoseconds, since it was last asked for.
    used_ns: Arc<AtomicU64>,
    /// All threads are to step back, and to stay back.
    back: AtomicBool,
}

struct State {
    jobs: VecDeque<Job>,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: what it needs is still in its processor's caches.
    idle: Vec<Thread>,
    closed: bool,
}

/// What a thread does next.
enum Next {
    Job(Job),
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
    /// Starts the threads.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(pace: &Arc<Pace>, options: ExecutorOptions) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                idle: Vec::new(),
                closed: false,
            }),
            options,
            workers: Mutex::default(),
            pace: pace.clone(),
            used_ns: Arc::default(),
            back: AtomicBool::new(false),
        });
        for number in 0..options.threads.max(1) {
            queue.hire(number)?;
        }
        pace.watch_over(&queue);
        Ok(Self { queue })
    }

    /// Queues a job, whose result comes through the receiver. A job that
    /// panics closes the receiver without one.
    ///
    /// # Errors
    /// When the queue is full.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Rejected> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.queue.state);
        if state.jobs.len() >= self.queue.options.waiting_max {
            return Err(Rejected);
        }
        state.jobs.push_back(Box::new(move || {
            // Whoever asked is gone: do not begin what nobody waits for.
            if !sender.is_closed() {
                let _ = sender.send(job());
            }
        }));
        let idle = state.idle.pop();
        drop(state);
        if let Some(idle) = idle {
            idle.unpark();
        }
        self.queue.pace.wake();
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
            .name(format!("guest-{number}"))
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

    /// The next job, once there is one.
    fn next(&self, task: &Task) -> Next {
        let own: ThreadId = thread::current().id();
        loop {
            let mut state = lock(&self.state);
            // Waking up without having been woken leaves the thread in the list.
            state.idle.retain(|idle| idle.id() != own);
            if self.is_misplaced(task) {
                // It may have been woken for a job that another has to do then.
                if let Some(idle) = (!state.jobs.is_empty()).then(|| state.idle.pop()).flatten() {
                    idle.unpark();
                }
                return Next::Misplaced;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Next::Job(job);
            }
            if state.closed {
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

    fn run(&self, task: &Task) {
        giving_way::follow(task.back.clone(), self.used_ns.clone());
        lock(&task.running).thread = Some(ThreadNumber::own());
        loop {
            let job = match self.next(task) {
                Next::Job(job) => job,
                Next::Nothing => return,
                Next::Misplaced => break,
            };
            task.begin();
            // A panic is a fault of the host's. It must not take the thread along.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
            task.end();
            giving_way::count();
        }
        task.gone.store(true, Ordering::Release);
        self.pace.hurry();
    }

    /// Time of processors that jobs have taken since this was last called.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.swap(0, Ordering::Relaxed))
    }

    /// Whether a job runs or waits.
    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.state).jobs.is_empty()
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
        self.queue.pace.forget(&self.queue);
        let workers = std::mem::take(&mut *lock(&self.queue.workers));
        for worker in &workers {
            worker.handle.thread().unpark();
        }
        for worker in workers {
            // Panics of these threads were reported when they happened.
            let _ = worker.handle.join();
        }
        // Where all threads have stepped back and gone, what still waits is done here.
        while let Next::Job(job) = self.queue.next(&Task::default()) {
            job();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::giving_way::NICE;

    #[cfg(target_os = "linux")]
    fn nice() -> i32 {
        rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
    }

    fn executor(threads: usize, waiting_max: usize) -> Executor {
        let options = ExecutorOptions {
            threads,
            waiting_max,
            stack_bytes_max: 64 * 1024,
        };
        Executor::new(&Pace::start().unwrap(), options).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_call_that_takes_long_steps_back_and_the_next_does_not() {
        let executor = executor(1, 10);
        let before = executor.submit(nice).unwrap().blocking_recv().unwrap();
        let long = executor.submit(|| {
            let began = Instant::now();
            // Until it is noticed; no longer than a test may take.
            while nice() < NICE && began.elapsed() < Duration::from_secs(30) {
                thread::yield_now();
            }
            nice()
        });
        assert_eq!(long.unwrap().blocking_recv().unwrap(), NICE);
        let after = executor.submit(nice).unwrap().blocking_recv().unwrap();
        assert_eq!(after, before);
        let workers = lock(&executor.queue.workers).len();
        assert_eq!(workers, 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_queue_that_steps_back_stays_there_until_it_may_come_forward() {
        let executor = executor(2, 10);
        // The test does itself what the watch would do.
        executor.queue.pace.forget(&executor.queue);
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
        let nice = || executor.submit(nice).unwrap().blocking_recv().unwrap();
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
        executor.queue.pace.forget(&executor.queue);
        let processors = || {
            let count = || rustix::thread::sched_getaffinity(None).unwrap().count();
            executor.submit(count).unwrap().blocking_recv().unwrap()
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

    #[test]
    fn what_is_queued_is_done_before_the_end() {
        let executor = executor(2, 10);
        let results: Vec<_> = (0..10)
            .map(|number| executor.submit(move || number).unwrap())
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
        let running = executor.submit(move || {
            begun.send(()).unwrap();
            wait.recv().unwrap();
        });
        begins.recv().unwrap();
        let waiting = executor.submit(|| ());
        assert!(executor.submit(|| ()).is_err());
        go.send(()).unwrap();
        running.unwrap().blocking_recv().unwrap();
        waiting.unwrap().blocking_recv().unwrap();
    }

    #[test]
    fn a_panic_costs_nobody_a_thread() {
        let executor = executor(1, 10);
        let panicked = executor.submit(|| panic!("in the host")).unwrap();
        assert!(panicked.blocking_recv().is_err());
        assert_eq!(executor.submit(|| 1).unwrap().blocking_recv(), Ok(1));
    }
}
