//! Hashes passwords on at most two threads with a short queue before them, so that a flood
//! of sign-ins takes neither all memory nor all processors. Each
//! thread keeps the memory that it hashes in.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::passwords::Hasher;

/// Hashes at the same time.
const THREADS_MAX: usize = 2;
/// Hashes that wait for one of those to end. Further ones would wait longer than users
/// accept.
pub(super) const WAITING_MAX: usize = 16;

type Job = Box<dyn FnOnce(&mut Hasher) + Send>;

#[derive(Debug)]
pub(super) struct Full;

/// The threads, which start when they are first needed.
#[derive(Default)]
pub(super) struct Pool {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` at the end.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn run(&self) {
        let mut hasher = Hasher::default();
        while let Some(job) = self.next() {
            // A panic has been reported by then, and costs no caller a thread.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut hasher)));
        }
    }
}

impl Pool {
    /// Runs this on a thread, unless the caller has gone by then.
    ///
    /// # Errors
    /// When the queue is full, or the system has no thread left.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Hasher) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Full> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |hasher: &mut Hasher| {
            if !sender.is_closed() {
                // The caller may have gone.
                let _ = sender.send(work(hasher));
            }
        });
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.queue.lock();
        if state.jobs.len() >= WAITING_MAX + state.idle {
            return Err(Full);
        }
        if state.idle <= state.jobs.len() && threads.len() < THREADS_MAX {
            let queue = self.queue.clone();
            let started = std::thread::Builder::new()
                .name("password".to_owned())
                .spawn(move || queue.run());
            match started {
                Ok(thread) => threads.push(thread),
                Err(_) if threads.is_empty() => return Err(Full),
                Err(error) => tracing::warn!(%error, "passwords are hashed on one thread alone"),
            }
        }
        state.jobs.push_back(job);
        self.queue.changed.notify_one();
        Ok(receiver)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.queue.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        drop(waiting);
        self.queue.changed.notify_all();
        let threads = self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // It ends without a panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn work_is_done_and_a_panic_costs_no_thread() {
        let pool = Pool::default();
        for number in 0..8 {
            let panicked = pool.submit(|_| panic!("in a hash")).unwrap();
            assert!(panicked.blocking_recv().is_err());
            let done = pool.submit(move |_| number).unwrap();
            assert_eq!(done.blocking_recv(), Ok(number));
        }
        assert!(pool.threads.lock().unwrap().len() <= THREADS_MAX);
    }

    #[test]
    fn one_hash_after_the_other_takes_one_thread() {
        let pool = Pool::default();
        for _ in 0..8 {
            pool.submit(|_| ()).unwrap().blocking_recv().unwrap();
            // Until it waits again.
            while pool.queue.lock().idle == 0 {
                std::thread::yield_now();
            }
        }
        assert_eq!(pool.threads.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_full_queue_refuses_and_skips_callers_that_have_gone() {
        let pool = Pool::default();
        let (go, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let (begun, begins) = mpsc::channel();
        let running: Vec<_> = (0..THREADS_MAX)
            .map(|_| {
                let (wait, begun) = (wait.clone(), begun.clone());
                pool.submit(move |_| {
                    begun.send(()).unwrap();
                    wait.lock().unwrap().recv().unwrap();
                })
                .unwrap()
            })
            .collect();
        for _ in 0..THREADS_MAX {
            begins.recv().unwrap();
        }
        let hashed = Arc::new(Mutex::new(0));
        let mut waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| {
                let hashed = hashed.clone();
                pool.submit(move |_| *hashed.lock().unwrap() += 1).unwrap()
            })
            .collect();
        assert!(pool.submit(|_| ()).is_err());
        // Half of them hang up.
        waiting.truncate(WAITING_MAX / 2);
        for _ in 0..THREADS_MAX {
            go.send(()).unwrap();
        }
        for one in running.into_iter().chain(waiting) {
            one.blocking_recv().unwrap();
        }
        pool.submit(|_| ()).unwrap().blocking_recv().unwrap();
        assert_eq!(*hashed.lock().unwrap(), WAITING_MAX / 2);
    }
}
