//! The threads that guests run on: a fixed number, with one bounded queue
//! before them. A guest that blocks or spins holds one of these threads and
//! nothing else of the host.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, Thread, ThreadId};

use tokio::sync::oneshot;

/// Runs jobs on threads of its own.
pub struct Executor {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// The queue is full: the caller should come back later.
#[derive(Debug, thiserror::Error)]
#[error("too many requests are waiting")]
pub struct Rejected;

type Job = Box<dyn FnOnce() + Send>;

struct Queue {
    state: Mutex<State>,
    waiting_max: usize,
}

struct State {
    jobs: VecDeque<Job>,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: what it needs is still in its processor's caches.
    idle: Vec<Thread>,
    closed: bool,
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
        });
        let threads = (0..threads.max(1))
            .map(|number| {
                let queue = queue.clone();
                thread::Builder::new()
                    .name(format!("guest-{number}"))
                    .spawn(move || queue.run())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { queue, threads })
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
        let mut state = self.queue.lock();
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

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job, once there is one; `None` when there will be no more.
    fn next(&self) -> Option<Job> {
        let own: ThreadId = thread::current().id();
        loop {
            let mut state = self.lock();
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

    fn run(&self) {
        while let Some(job) = self.next() {
            // A panic is a fault of the host's. It must not take the thread along.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                tracing::error!("a call panicked inside the host");
            }
        }
    }
}

impl Drop for Executor {
    /// Lets the queued jobs run to their end.
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        for thread in &self.threads {
            thread.thread().unpark();
        }
        for thread in self.threads.drain(..) {
            // Its panics are caught above.
            let _ = thread.join();
        }
    }
}
