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
//!
//! A long call goes on without its permit too, as far as there are threads: others that are
//! short do not wait for it. A caller with long calls leaves the last permit to others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use tokio::sync::oneshot;

use super::STACK_BYTES_OF_HOST;
use super::fairness::{Fairness, Watched};
use super::permits::{self, Permits};
use super::processors;
use super::queue::{Bounds, Job, Lane, Queues};
use super::task::Task;

/// Runs jobs on threads of its own.
pub struct Executor {
    pool: Arc<Pool>,
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

/// The queue is full: the caller should retry later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

/// The part of an executor's name in those of its threads, in bytes. Linux shows 15 bytes of
/// a thread's name, its number included.
const NAME_BYTES_MAX: usize = 11;

/// The state that an executor's threads share.
struct Pool {
    name: String,
    queues: Mutex<Queues>,
    options: ExecutorOptions,
    workers: Mutex<Vec<Worker>>,
    fairness: Arc<Fairness>,
    /// Processor time of jobs, in nanoseconds, since it was last read.
    used_ns: Arc<AtomicU64>,
    /// Whether all threads are to run in the background.
    background: AtomicBool,
}

/// The next action of a thread.
enum Next {
    Job(Job, u64),
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
        let pool = Arc::new(Pool {
            name: name[..name.floor_char_boundary(NAME_BYTES_MAX)].to_owned(),
            queues: Mutex::default(),
            options,
            workers: Mutex::default(),
            fairness: fairness.clone(),
            used_ns: Arc::default(),
            background: AtomicBool::new(false),
        });
        for number in 0..options.threads.max(1) + options.writing_max {
            pool.spawn_worker(number)?;
        }
        let watched: Arc<dyn Watched> = pool.clone();
        fairness.watch_over(&watched);
        Ok(Self { pool })
    }

    /// Queues a job of this caller, whose result comes through the receiver. A job that
    /// panics closes the receiver without one.
    ///
    /// # Errors
    /// When the queue of its lane is full.
    pub fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        caller: Arc<str>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Rejected> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            // Do not begin a job whose caller has gone.
            if !sender.is_closed() {
                let _ = sender.send(job());
            }
        });
        let options = &self.pool.options;
        let mut queues = lock(&self.pool.queues);
        if !queues.push((lane, caller), options.waiting_max, job) {
            return Err(Rejected);
        }
        let idle = queues.wakes(options.bounds());
        drop(queues);
        if let Some(idle) = idle {
            idle.unpark();
        }
        self.pool.fairness.wake();
        Ok(receiver)
    }
}

impl Executor {
    /// Queues a job of this caller that bounds its own number, and whose result nobody waits
    /// for.
    pub fn start(&self, lane: Lane, caller: Arc<str>, job: impl FnOnce() + Send + 'static) {
        let mut queues = lock(&self.pool.queues);
        queues.push((lane, caller), usize::MAX, Box::new(job));
        let idle = queues.wakes(self.pool.options.bounds());
        drop(queues);
        if let Some(idle) = idle {
            idle.unpark();
        }
        self.pool.fairness.wake();
    }
}

impl ExecutorOptions {
    fn bounds(&self) -> Bounds {
        Bounds {
            running_max: self.threads.max(1),
            writing_max: self.writing_max.max(1),
            // The others of these threads are for jobs that wait for the writer.
            long_max: self.writing_max / 2,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    /// Starts a thread, which replaces an earlier one with this number.
    fn spawn_worker(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
        let task = Arc::new(Task::default());
        let handle = thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .stack_size(self.options.stack_bytes_max + STACK_BYTES_OF_HOST)
            .spawn({
                let (pool, task) = (self.clone(), task.clone());
                move || pool.run(&task)
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

    /// Waits for the next job, for a thread that has done the one with the number `done`.
    fn next(&self, task: &Task, mut done: Option<u64>) -> Next {
        let own: ThreadId = thread::current().id();
        loop {
            let mut queues = lock(&self.queues);
            let several = done.take().is_some_and(|number| queues.end(number));
            // A spurious wake-up leaves the thread in the list.
            queues.idle.retain(|idle| idle.id() != own);
            if self.must_be_replaced(task) {
                // It may have been woken for a job, which another thread has to do then.
                if let Some(idle) = queues.wakes(self.options.bounds()) {
                    idle.unpark();
                }
                return Next::Replaced;
            }
            if let Some((job, number)) = queues.begin(self.options.bounds()) {
                if several && let Some(idle) = queues.wakes(self.options.bounds()) {
                    idle.unpark();
                }
                return Next::Job(job, number);
            }
            if queues.closed && queues.is_empty() {
                // Threads that found jobs which could not begin yet.
                for idle in queues.idle.drain(..) {
                    idle.unpark();
                }
                return Next::Nothing;
            }
            queues.idle.push(thread::current());
            drop(queues);
            thread::park();
        }
    }

    /// Lets the job with this number go on without its permit.
    fn lengthen(&self, number: u64) {
        let bounds = self.options.bounds();
        self.change(|queues| queues.lengthen(number, bounds));
    }

    /// Changes the state of a job, and wakes a thread if another one may begin then.
    fn change(&self, change: impl FnOnce(&mut Queues)) {
        let mut queues = lock(&self.queues);
        change(&mut queues);
        let idle = queues.wakes(self.options.bounds());
        drop(queues);
        if let Some(idle) = idle {
            idle.unpark();
        }
    }

    /// Whether a thread runs in the background while the queue's threads are to run in the
    /// foreground.
    fn must_be_replaced(&self, task: &Task) -> bool {
        task.background.load(Ordering::Relaxed) && !self.background.load(Ordering::Relaxed)
    }

    fn run(self: &Arc<Self>, task: &Arc<Task>) {
        processors::follow(task.background.clone(), self.used_ns.clone());
        permits::share(Arc::new(Permit {
            pool: self.clone(),
            task: task.clone(),
        }));
        task.start();
        let mut done = None;
        loop {
            let (job, number) = match self.next(task, done.take()) {
                Next::Job(job, number) => (job, number),
                Next::Nothing => return,
                Next::Replaced => break,
            };
            task.begin(number);
            // A panic is a fault of the host, and must not end the thread.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
            task.end();
            done = Some(number);
            processors::count();
        }
        task.ended.store(true, Ordering::Release);
        self.fairness.hurry();
    }
}

impl Watched for Pool {
    fn used(&self) -> Duration {
        Duration::from_nanos(self.used_ns.swap(0, Ordering::Relaxed))
    }

    fn is_busy(&self) -> bool {
        !lock(&self.queues).is_empty()
            || lock(&self.workers)
                .iter()
                .any(|worker| worker.task.is_busy())
    }

    fn set_background(&self, background: bool) {
        if self.background.swap(background, Ordering::Relaxed) && !background {
            for idle in &lock(&self.queues).idle {
                idle.unpark();
            }
        }
    }

    /// Also replaces the threads that must return to the foreground. A new thread inherits the
    /// priority of the one that starts it, so no background thread starts one.
    fn check(self: Arc<Self>, long: Duration, isolated: bool) {
        let all = self.background.load(Ordering::Relaxed);
        let mut ended = Vec::new();
        for worker in lock(&self.workers).iter() {
            if worker.task.ended.load(Ordering::Acquire) {
                ended.push(worker.number);
            } else {
                worker.task.check(all, long, isolated);
                if let Some(number) = worker.task.long_job(long) {
                    self.lengthen(number);
                }
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

/// The permit of one of the threads.
struct Permit {
    pool: Arc<Pool>,
    task: Arc<Task>,
}

impl Permits for Permit {
    fn release(&self) {
        let number = self.task.job();
        self.pool.change(|queues| queues.wait(number));
    }

    fn reacquire(&self) {
        lock(&self.pool.queues).resume(self.task.job());
    }
}

impl Drop for Executor {
    /// Lets the queued jobs run to their end.
    fn drop(&mut self) {
        lock(&self.pool.queues).closed = true;
        // From here on no thread is replaced.
        let watched: Arc<dyn Watched> = self.pool.clone();
        self.pool.fairness.forget(&watched);
        let workers = std::mem::take(&mut *lock(&self.pool.workers));
        for worker in &workers {
            worker.handle.thread().unpark();
        }
        let own = std::thread::current().id();
        for worker in workers {
            // The last one to let go of it may be a call of its own, which ends by itself.
            if worker.handle.thread().id() == own {
                continue;
            }
            // Panics of these threads were reported when they happened.
            let _ = worker.handle.join();
        }
        // If all threads have ended to be replaced, the waiting jobs run here.
        let mut done = None;
        while let Next::Job(job, number) = self.pool.next(&Task::default(), done.take()) {
            job();
            done = Some(number);
        }
    }
}

#[cfg(test)]
mod tests;
