//! The queues of an executor: which job begins next, and which thread is woken for it. Knows
//! no priorities.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
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
    /// Jobs with a permit.
    pub running_max: usize,
    /// Jobs that may write and have begun.
    pub writing_max: usize,
    /// Long jobs, which run without a permit.
    pub long_max: usize,
}

/// Jobs that wait and run, by lane.
#[derive(Default)]
pub(super) struct Queues {
    reading: VecDeque<Queued>,
    pub(super) writing: VecDeque<Queued>,
    /// The next job's number in the order of all.
    number: u64,
    /// The jobs that have begun and not ended, by their numbers.
    begun: BTreeMap<u64, Begun>,
    /// Jobs with a permit.
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
    caller: Arc<str>,
    job: Job,
}

/// A job that has begun.
struct Begun {
    lane: Lane,
    caller: Arc<str>,
    state: State,
}

/// The state of a job that has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has a permit.
    Running,
    /// It waits for the writer, without a permit.
    Waiting,
    /// It takes long, and runs without a permit.
    Long,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_empty() && self.writing.is_empty()
    }

    /// Queues a job, unless as many of its lane wait as may.
    pub(super) fn push(
        &mut self,
        (lane, caller): (Lane, Arc<str>),
        waiting_max: usize,
        job: Job,
    ) -> bool {
        if self.queue(lane).len() >= waiting_max {
            return false;
        }
        let number = self.number;
        self.number += 1;
        let queued = Queued {
            number,
            caller,
            job,
        };
        self.queue(lane).push_back(queued);
        true
    }

    fn queue(&mut self, lane: Lane) -> &mut VecDeque<Queued> {
        match lane {
            Lane::Reading => &mut self.reading,
            Lane::Writing => &mut self.writing,
        }
    }

    /// The lane and the index of the oldest job that may begin now. The last permit is not for
    /// a caller whose jobs take long: others are to find one.
    fn ready(&self, bounds: Bounds) -> Option<(Lane, usize)> {
        if self.running >= bounds.running_max {
            return None;
        }
        let is_last = self.running + 1 >= bounds.running_max;
        let takes_long = |caller: &Arc<str>| {
            let mut begun = self.begun.values();
            begun.any(|job| job.state == State::Long && job.caller == *caller)
        };
        let oldest = |queue: &VecDeque<Queued>| {
            let mut queue = queue.iter().enumerate();
            queue
                .find(|(_, queued)| !(is_last && takes_long(&queued.caller)))
                .map(|(index, queued)| (queued.number, index))
        };
        let may_write = self.writers < bounds.writing_max;
        let write = may_write.then(|| oldest(&self.writing)).flatten();
        match (oldest(&self.reading), write) {
            (Some((read, _)), Some((write, index))) if write < read => Some((Lane::Writing, index)),
            (Some((_, index)), _) => Some((Lane::Reading, index)),
            (None, Some((_, index))) => Some((Lane::Writing, index)),
            (None, None) => None,
        }
    }

    /// Begins the oldest job that may begin now. Returns it with its number.
    pub(super) fn begin(&mut self, bounds: Bounds) -> Option<(Job, u64)> {
        let (lane, index) = self.ready(bounds)?;
        let Queued {
            number,
            caller,
            job,
        } = self.queue(lane).remove(index)?;
        self.running += 1;
        self.writers += usize::from(lane == Lane::Writing);
        let state = State::Running;
        self.begun.insert(
            number,
            Begun {
                lane,
                caller,
                state,
            },
        );
        Some((job, number))
    }

    /// The job with this number has ended. Returns whether several others may begin by that:
    /// it was a long one, whose caller had to leave a permit to others.
    pub(super) fn end(&mut self, number: u64) -> bool {
        let Some(job) = self.begun.remove(&number) else {
            return false;
        };
        self.running -= usize::from(job.state == State::Running);
        self.writers -= usize::from(job.lane == Lane::Writing);
        job.state == State::Long
    }

    /// The job with this number waits for the writer.
    pub(super) fn wait(&mut self, number: u64) {
        self.leave(number, State::Waiting);
    }

    /// The job with this number has waited for the writer, and takes a permit again.
    pub(super) fn resume(&mut self, number: u64) {
        if let Some(job) = self.begun.get_mut(&number)
            && job.state == State::Waiting
        {
            job.state = State::Running;
            self.running += 1;
        }
    }

    /// The job with this number takes long: it goes on without a permit, unless as many long
    /// ones do as may.
    pub(super) fn lengthen(&mut self, number: u64, bounds: Bounds) {
        let long = self.begun.values().filter(|job| job.state == State::Long);
        if long.count() < bounds.long_max {
            self.leave(number, State::Long);
        }
    }

    /// A job that has a permit goes on without it.
    fn leave(&mut self, number: u64, state: State) {
        if let Some(job) = self.begun.get_mut(&number)
            && job.state == State::Running
        {
            job.state = state;
            self.running -= 1;
        }
    }

    /// A thread to be woken, if a job may begin.
    pub(super) fn wakes(&mut self, bounds: Bounds) -> Option<Thread> {
        self.ready(bounds).and_then(|_| self.idle.pop())
    }
}
