//! One thread of an executor: its job, its priority, and the processors that it may use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::processors::{BackgroundWork, Isolation, ThreadNumber};

#[derive(Default)]
pub(super) struct Task {
    running: Mutex<Running>,
    /// Whether it runs in the background. Without privilege a thread cannot return to the
    /// foreground, so it is replaced.
    pub(super) background: Arc<AtomicBool>,
    /// Whether it has ended to be replaced.
    pub(super) ended: AtomicBool,
}

#[derive(Default)]
struct Running {
    /// The kernel's id of the thread, once it runs.
    thread: Option<ThreadNumber>,
    /// When its present job began, and the number of that.
    since: Option<Instant>,
    job: u64,
    /// Counts it among background work while it runs in the background.
    background_work: Option<BackgroundWork>,
    isolation: Isolation,
}

impl Task {
    /// Records that the calling thread is the one of this task.
    pub(super) fn start(&self) {
        self.lock().thread = Some(ThreadNumber::own());
    }

    #[cfg(test)]
    pub(super) fn has_started(&self) -> bool {
        self.lock().thread.is_some()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.lock().since.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its job with this number begins.
    pub(super) fn begin(&self, job: u64) {
        let mut running = self.lock();
        running.job = job;
        running.since = Some(Instant::now());
        running.background_work = self
            .background
            .load(Ordering::Relaxed)
            .then(BackgroundWork::begin);
    }

    pub(super) fn end(&self) {
        let mut running = self.lock();
        running.since = None;
        running.background_work = None;
    }

    /// The number of its present job.
    pub(super) fn job(&self) -> u64 {
        self.lock().job
    }

    /// The number of its present job if that takes long.
    pub(super) fn long_job(&self, long: Duration) -> Option<u64> {
        let running = self.lock();
        let takes_long = running.since.is_some_and(|began| began.elapsed() > long);
        takes_long.then_some(running.job)
    }

    /// Deprioritises it if its job takes long, or all are in the background, and sets its
    /// processors.
    pub(super) fn check(&self, all: bool, long: Duration, isolated: bool) {
        // Hold the lock: otherwise the job may end and the next one be deprioritised.
        let mut running = self.lock();
        let takes_long = running.since.is_some_and(|began| began.elapsed() > long);
        if let (Some(thread), true) = (running.thread, all || takes_long)
            && !self.background.load(Ordering::Relaxed)
            && thread.deprioritise()
        {
            self.background.store(true, Ordering::Relaxed);
            running.background_work = running.since.map(|_| BackgroundWork::begin());
        }
        let isolation = match (isolated, self.background.load(Ordering::Relaxed)) {
            (false, _) => Isolation::None,
            (true, false) => Isolation::Foreground,
            (true, true) => Isolation::Background,
        };
        if let Some(thread) = running.thread
            && running.isolation != isolation
        {
            thread.isolate(isolation);
            running.isolation = isolation;
        }
    }
}
