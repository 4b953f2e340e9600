//! The threads that one module's calls run on: a fixed number, with one bounded
//! queue before them. A guest that blocks or spins holds one of these threads,
//! and nothing of another module or of the host. A call that takes long steps
//! back: the kernel gives its thread what short ones leave over.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread, ThreadId};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// How long a call runs before it steps back. Almost all end long before.
const LONG: Duration = Duration::from_millis(20);
/// How often running calls are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How far a call steps back: the least that a thread can be given.
#[cfg(target_os = "linux")]
const NICE: i32 = 19;

/// Runs jobs on threads of its own.
pub struct Executor {
    queue: Arc<Queue>,
    watch: Option<JoinHandle<()>>,
}

/// The queue is full: the caller should come back later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    state: Mutex<State>,
    waiting_max: usize,
    workers: Mutex<Vec<Worker>>,
    watch: Mutex<Option<Thread>>,
}

struct State {
    jobs: VecDeque<Job>,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: what it needs is still in its processor's caches.
    idle: Vec<Thread>,
    closed: bool,
}

/// A thread, and what it does now.
struct Worker {
    number: usize,
    handle: JoinHandle<()>,
    task: Arc<Task>,
}

#[derive(Default)]
struct Task {
    /// Since when it runs a job, while it does; and the thread, to the kernel.
    running: Mutex<Option<(Instant, ThreadNumber)>>,
    /// It has stepped back. A thread may not step forward again, so another
    /// takes its place when its job has ended.
    back: AtomicBool,
    /// It has ended for that reason.
    gone: AtomicBool,
}

impl Executor {
    /// Starts so many threads, with room for so many waiting jobs.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn new(threads: usize, waiting_max: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                idle: Vec::new(),
                closed: false,
            }),
            waiting_max,
            workers: Mutex::default(),
            watch: Mutex::default(),
        });
        for number in 0..threads.max(1) {
            queue.hire(number)?;
        }
        let watch = thread::Builder::new().name("pace".to_owned()).spawn({
            let queue = queue.clone();
            move || queue.watch()
        })?;
        *lock(&queue.watch) = Some(watch.thread().clone());
        Ok(Self {
            queue,
            watch: Some(watch),
        })
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
        if state.jobs.len() >= self.queue.waiting_max {
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

    /// The next job, once there is one; `None` when there will be no more.
    fn next(&self) -> Option<Job> {
        let own: ThreadId = thread::current().id();
        loop {
            let mut state = lock(&self.state);
            // Waking up without having been woken leaves the thread in the list.
            state.idle.retain(|idle| idle.id() != own);
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state.idle.push(thread::current());
            drop(state);
            thread::park();
        }
    }

    fn run(&self, task: &Task) {
        let thread = ThreadNumber::own();
        while let Some(job) = self.next() {
            *lock(&task.running) = Some((Instant::now(), thread));
            // A panic is a fault of the host's. It must not take the thread along.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
            *lock(&task.running) = None;
            if task.back.load(Ordering::Relaxed) {
                task.gone.store(true, Ordering::Release);
                if let Some(watch) = &*lock(&self.watch) {
                    watch.unpark();
                }
                return;
            }
        }
    }

    /// Has calls that take long step back, and replaces threads that did,
    /// until the queue is closed. A new thread stands where the one that starts
    /// it stands, so none that has stepped back can do that.
    fn watch(self: &Arc<Self>) {
        while !lock(&self.state).closed {
            thread::park_timeout(LOOK);
            let mut gone = Vec::new();
            for worker in lock(&self.workers).iter() {
                if worker.task.gone.load(Ordering::Acquire) {
                    gone.push(worker.number);
                } else {
                    worker.task.look();
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
}

impl Task {
    /// Has it step back if it takes long.
    fn look(&self) {
        // Under the lock, or the next call would be the one to pay.
        let running = lock(&self.running);
        if let Some((began, thread)) = *running
            && began.elapsed() > LONG
            && !self.back.load(Ordering::Relaxed)
        {
            self.back.store(thread.step_back(), Ordering::Relaxed);
        }
    }
}

impl Drop for Executor {
    /// Lets the queued jobs run to their end.
    fn drop(&mut self) {
        lock(&self.queue.state).closed = true;
        // Panics of these threads were reported when they happened.
        if let Some(watch) = self.watch.take() {
            watch.thread().unpark();
            let _ = watch.join();
        }
        let workers = std::mem::take(&mut *lock(&self.queue.workers));
        for worker in &workers {
            worker.handle.thread().unpark();
        }
        for worker in workers {
            let _ = worker.handle.join();
        }
        // Where all threads have stepped back and gone, what still waits is done here.
        while let Some(job) = self.queue.next() {
            job();
        }
    }
}

/// A thread, as the kernel knows it.
#[derive(Clone, Copy)]
struct ThreadNumber(#[cfg(target_os = "linux")] rustix::thread::Pid);

impl ThreadNumber {
    #[cfg(target_os = "linux")]
    fn own() -> Self {
        Self(rustix::thread::gettid())
    }

    /// Gives it what others leave over, and whether it could be.
    #[cfg(target_os = "linux")]
    fn step_back(self) -> bool {
        rustix::process::setpriority_process(Some(self.0), NICE).is_ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn own() -> Self {
        Self()
    }

    /// Only Linux knows priorities of single threads.
    #[cfg(not(target_os = "linux"))]
    fn step_back(self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    fn nice() -> i32 {
        rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_call_that_takes_long_steps_back_and_the_next_does_not() {
        let executor = Executor::new(1, 10).unwrap();
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
    fn what_is_queued_is_done_before_the_end() {
        let executor = Executor::new(2, 10).unwrap();
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
        let executor = Executor::new(1, 1).unwrap();
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
        let executor = Executor::new(1, 10).unwrap();
        let panicked = executor.submit(|| panic!("in the host")).unwrap();
        assert!(panicked.blocking_recv().is_err());
        assert_eq!(executor.submit(|| 1).unwrap().blocking_recv(), Ok(1));
    }
}
