//! Who runs first. A call that takes long steps back: the kernel gives its thread
//! what others leave over, and keeps it from some processors. So do all calls of a
//! module that takes much more of the processors than another one that is asked as
//! well, however short each of them is. One thread watches over all modules; it
//! sleeps while nothing runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::executor::Queue;
use crate::threads::processors::{self, Place};

/// How long a call runs before it steps back. Almost all end long before.
const LONG: Duration = Duration::from_millis(20);
/// How often running calls are looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How far back what was used counts: by then to a third.
const MEMORY: Duration = Duration::from_millis(100);
/// How long after its last call a module counts as one that is asked.
const ASKED: Duration = Duration::from_secs(1);
/// A module that takes more than this share of all processors, and twice what
/// another takes that is asked as well, steps back.
const SHARE: f64 = 0.25;
/// It stands in front again after it has taken less than half of that for so long.
const PROBATION: Duration = Duration::from_secs(1);
/// It does so at once where one in front takes so many times what it takes: who was
/// busy when the other one began was not the greedy one.
const OUTDONE: f64 = 1.5;

/// Watches over the threads of all modules.
pub struct Fairness {
    watched: Mutex<Vec<Watched>>,
    /// When something was last behind that somebody else was to be kept from.
    parted: Mutex<Option<Instant>>,
    asleep: AtomicBool,
    stop: AtomicBool,
    watch: Mutex<Option<JoinHandle<()>>>,
}

struct Watched {
    queue: Weak<Queue>,
    asked: Instant,
    load: Load,
}

/// What a module takes of all processors, 1.0 being all of them.
#[derive(Default)]
struct Load {
    share: f64,
    greedy: bool,
    /// How long it has taken little.
    modest: Duration,
}

impl Fairness {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the machine has no thread left.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let fairness = Arc::new(Self {
            watched: Mutex::default(),
            parted: Mutex::default(),
            asleep: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            watch: Mutex::default(),
        });
        let watch = thread::Builder::new().name("fairness".to_owned()).spawn({
            let fairness = Arc::downgrade(&fairness);
            move || watch(&fairness)
        })?;
        *lock(&fairness.watch) = Some(watch);
        Ok(fairness)
    }

    pub(super) fn watch_over(&self, queue: &Arc<Queue>) {
        lock(&self.watched).push(Watched {
            queue: Arc::downgrade(queue),
            asked: Instant::now(),
            load: Load::default(),
        });
    }

    /// When this returns, the queue is no longer looked at.
    pub(super) fn forget(&self, queue: &Arc<Queue>) {
        let queue = Arc::downgrade(queue);
        lock(&self.watched).retain(|watched| !watched.queue.ptr_eq(&queue));
    }

    /// Something runs: it is time to watch.
    pub(super) fn wake(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.hurry();
        }
    }

    /// There is something to be done now.
    pub(super) fn hurry(&self) {
        if let Some(watch) = &*lock(&self.watch) {
            watch.thread().unpark();
        }
    }

    /// Looks at all modules, and says for how long that is enough.
    fn look(&self, since: Duration, processors: f64) -> Option<Duration> {
        let now = Instant::now();
        let mut watched = lock(&self.watched);
        for one in &mut *watched {
            let Some(queue) = one.queue.upgrade() else {
                continue;
            };
            if queue.is_busy() {
                one.asked = now;
            }
            one.load.add(queue.used().as_secs_f64() / processors, since);
        }
        let is_asked = |one: &Watched| now - one.asked < ASKED;
        let mut shares: Vec<f64> = watched
            .iter()
            .filter(|one| is_asked(one))
            .map(|one| one.load.share)
            .collect();
        shares.sort_by(f64::total_cmp);
        // Where only one is asked, there is nobody to give way to.
        let least = (shares.len() > 1).then(|| shares[0]);
        let in_front = watched
            .iter()
            .filter(|one| is_asked(one) && !one.load.greedy)
            .map(|one| one.load.share);
        let most = in_front.fold(0.0, f64::max);
        let parted = self.part(least.is_some() && processors::is_due(), now);
        for one in &mut *watched {
            if let Some(queue) = one.queue.upgrade() {
                one.load.judge(least, most, since);
                queue.set_back(one.load.greedy);
                queue.look(LONG, parted);
            }
        }
        (parted || !shares.is_empty()).then_some(LOOK)
    }

    /// Whether those in front and those behind are kept apart: while it is due, and
    /// a little longer, since it is often due again.
    fn part(&self, due: bool, now: Instant) -> bool {
        let mut last = lock(&self.parted);
        if due {
            *last = Some(now);
        }
        let parted = last.is_some_and(|last| now - last < MEMORY);
        processors::keep_host_to(if parted {
            Place::InFront
        } else {
            Place::Anywhere
        });
        parted
    }
}

impl Load {
    /// Counts what was used in the last while.
    fn add(&mut self, used: f64, since: Duration) {
        let since = since.as_secs_f64().max(1e-6);
        let kept = (-since / MEMORY.as_secs_f64()).exp();
        self.share = self.share * kept + used / since * (1.0 - kept);
    }

    /// `least` is what that module takes that takes least of those that are asked;
    /// `None` where no other is. `most` is what that one takes that takes most of
    /// those in front.
    fn judge(&mut self, least: Option<f64>, most: f64, since: Duration) {
        let Some(least) = least else {
            self.greedy = false;
            return;
        };
        if self.share > SHARE && self.share > 2.0 * least {
            self.greedy = true;
        }
        self.modest = if self.share < SHARE / 2.0 {
            self.modest + since
        } else {
            Duration::ZERO
        };
        if self.modest > PROBATION || most > OUTDONE * self.share {
            self.greedy = false;
        }
    }
}

fn watch(fairness: &Weak<Fairness>) {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut last = Instant::now();
    loop {
        let rest = {
            let Some(fairness) = fairness.upgrade() else {
                return;
            };
            if fairness.stop.load(Ordering::Relaxed) {
                return;
            }
            let now = Instant::now();
            #[expect(clippy::cast_precision_loss, reason = "a handful of processors")]
            let rest = fairness.look(now - last, processors as f64);
            last = now;
            fairness.asleep.store(rest.is_none(), Ordering::Relaxed);
            rest
        };
        match rest {
            Some(rest) => thread::park_timeout(rest),
            // Not for ever: what was queued in this very moment wakes nobody.
            None => thread::park_timeout(ASKED),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Fairness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(watch) = lock(&self.watch).take() {
            watch.thread().unpark();
            // The watch itself may be the last to let go.
            if watch.thread().id() != thread::current().id() {
                let _ = watch.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_takes_much_is_greedy_until_it_has_taken_little_for_a_while() {
        let mut load = Load::default();
        let mut after = |share: f64, least: Option<f64>, looks: u32| {
            for _ in 0..looks {
                load.add(share * LOOK.as_secs_f64(), LOOK);
                load.judge(least, 0.0, LOOK);
            }
            load.greedy
        };
        assert!(!after(0.2, Some(0.0), 200));
        assert!(!after(0.9, Some(0.5), 200), "all take as much");
        assert!(!after(0.0, Some(0.0), 400));
        assert!(!after(0.9, Some(0.1), 2));
        assert!(after(0.9, Some(0.1), 40));
        assert!(after(0.2, Some(0.2), 400));
        assert!(after(0.0, Some(0.0), 100));
        assert!(!after(0.0, Some(0.0), 200));
        assert!(after(0.9, Some(0.1), 40));
        assert!(!after(0.9, None, 1), "nobody else is asked");
    }

    #[test]
    fn who_was_busy_before_a_greedy_one_began_stands_in_front_of_it() {
        let mut loads = [Load::default(), Load::default()];
        let mut after = |used: [f64; 2], looks: u32| {
            for _ in 0..looks {
                for (load, used) in loads.iter_mut().zip(used) {
                    load.add(used * LOOK.as_secs_f64(), LOOK);
                }
                let shares = loads.each_ref().map(|load| load.share);
                let in_front = loads.iter().filter(|load| !load.greedy);
                let most = in_front.map(|load| load.share).fold(0.0, f64::max);
                for load in &mut loads {
                    load.judge(Some(shares[0].min(shares[1])), most, LOOK);
                }
            }
            loads.each_ref().map(|load| load.greedy)
        };
        assert_eq!(after([0.4, 0.0], 100), [true, false]);
        assert_eq!(after([0.3, 0.7], 100), [false, true]);
        // Where it stands it gets less, and stays there.
        assert_eq!(after([0.4, 0.5], 400), [false, true]);
    }
}
