//! The queues of an executor: which job begins next, and which thread is woken for it. Knows
//! no priorities.

use std::collections::VecDeque;
use std::thread::Thread;

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// It reads.
    Reading,
    /// It may write.
    Writing,
}

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The bounds of an executor's jobs.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Jobs that run, without those that wait.
    pub running_max: usize,
    /// Jobs that may write and have begun.
    pub writing_max: usize,
}

/// Jobs that wait and run, by lane.
#[derive(Default)]
pub(super) struct Queues {
    reading: VecDeque<Queued>,
    pub(super) writing: VecDeque<Queued>,
    /// The next job's number in the order of all.
    number: u64,
    /// Jobs that run, without those that wait.
    pub(super) running: usize,
    /// Jobs that may write and have begun, with those that wait.
    pub(super) writers: usize,
    /// Threads without work, the one that ended its last job most recently at
    /// the end. It is woken first: its data is still in its processor's caches.
    pub(super) idle: Vec<Thread>,
    pub(super) closed: bool,
}

/// A job that has not begun.
pub(super) struct Queued {
    number: u64,
    job: Job,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_empty() && self.writing.is_empty()
    }

    /// Queues a job, unless as many of its lane wait as may.
    pub(super) fn push(&mut self, lane: Lane, waiting_max: usize, job: Job) -> bool {
        if self.queue(lane).len() >= waiting_max {
            return false;
        }
        let number = self.number;
        self.number += 1;
        self.queue(lane).push_back(Queued { number, job });
        true
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Queued> {
        match lane {
            Lane::Reading => &mut self.reading,
            Lane::Writing => &mut self.writing,
        }
    }

    /// The lane of the oldest job that may begin now.
    fn ready(&self, bounds: Bounds) -> Option<Lane> {
        if self.running >= bounds.running_max {
            return None;
        }
        let number = |queue: &VecDeque<Queued>| queue.front().map(|queued| queued.number);
        let may_write = self.writers < bounds.writing_max;
        match (number(&self.reading), number(&self.writing)) {
            (Some(read), Some(write)) if may_write && write < read => Some(Lane::Writing),
            (Some(_), _) => Some(Lane::Reading),
            (None, Some(_)) if may_write => Some(Lane::Writing),
            (None, _) => None,
        }
    }

    /// Begins the oldest job that may begin now.
    pub(super) fn begin(&mut self, bounds: Bounds) -> Option<(Job, Lane)> {
        let lane = self.ready(bounds)?;
        let queued = self.queue(lane).pop_front()?;
        self.running += 1;
        self.writers += usize::from(lane == Lane::Writing);
        Some((queued.job, lane))
    }

    /// A job of this lane has ended.
    pub(super) fn end(&mut self, lane: Lane) {
        self.running -= 1;
        self.writers -= usize::from(lane == Lane::Writing);
    }

    /// A thread to be woken, if a job may begin.
    pub(super) fn wakes(&mut self, bounds: Bounds) -> Option<Thread> {
        self.ready(bounds).and_then(|_| self.idle.pop())
    }
}
