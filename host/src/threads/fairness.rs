//! Fairness between modules. A long call continues in the background: the kernel runs its
//! thread in the time that others leave, and keeps it from some processors. So do all calls
//! of a module that takes much more of the processors than another called module, however
//! short each of them is. One thread watches all modules; it sleeps while no call runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::processors::{self, Isolation};

/// How long a call runs in the foreground. Almost all end long before.
const FOREGROUND_TIME: Duration = Duration::from_millis(20);
/// How often running calls are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);
/// The time in which the weight of past use falls to a third.
const DECAY_TIME: Duration = Duration::from_millis(100);
/// How long after its last call a module counts as called.
const CALLED_WITHIN: Duration = Duration::from_secs(1);
/// A module with more than this share of all processors, and twice that of another called
/// module, runs in the background.
const SHARE: f64 = 0.25;
/// It returns to the foreground after it has taken less than half of that for this long.
const PROBATION: Duration = Duration::from_secs(1);
/// It returns at once if a foreground module takes this multiple of its share: a module that
/// was busy when the other one began was not the greedy one.
const OUTDONE_FACTOR: f64 = 1.5;

/// The threads of one module, as the watch sees them.
pub(super) trait Watched: Send + Sync {
    /// Returns the processor time of jobs since the last call.
    fn used(&self) -> Duration;
    /// Whether a job runs or waits.
    fn is_busy(&self) -> bool;
    /// Sets whether all threads run in the background.
    fn set_background(&self, background: bool);
    /// Deprioritises threads that are to run in the background, or whose job takes longer than
    /// `long`, and isolates them from the others if `isolated`.
    fn check(self: Arc<Self>, long: Duration, isolated: bool);
}

/// Watches the threads of all modules.
pub struct Fairness {
    watched: Mutex<Vec<Module>>,
    /// When background calls last had to be isolated from others.
    isolated: Mutex<Option<Instant>>,
    asleep: AtomicBool,
    stop: AtomicBool,
    watch: Mutex<Option<JoinHandle<()>>>,
}

struct Module {
    threads: Weak<dyn Watched>,
    called: Instant,
    load: Load,
}

/// A module's use of all processors, 1.0 being all of them.
#[derive(Default)]
struct Load {
    share: f64,
    greedy: bool,
    /// How long its share has been small.
    modest: Duration,
}

impl Fairness {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start() -> std::io::Result<Arc<Self>> {
        let fairness = Arc::new(Self {
            watched: Mutex::default(),
            isolated: Mutex::default(),
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

    pub(super) fn watch_over(&self, threads: &Arc<dyn Watched>) {
        lock(&self.watched).push(Module {
            threads: Arc::downgrade(threads),
            called: Instant::now(),
            load: Load::default(),
        });
    }

    /// Stops watching these threads before it returns.
    pub(super) fn forget(&self, threads: &Arc<dyn Watched>) {
        let threads = Arc::downgrade(threads);
        lock(&self.watched).retain(|watched| !watched.threads.ptr_eq(&threads));
    }

    /// Wakes the watch, since a call runs.
    pub(super) fn wake(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.hurry();
        }
    }

    /// Makes the watch check now.
    pub(super) fn hurry(&self) {
        if let Some(watch) = &*lock(&self.watch) {
            watch.thread().unpark();
        }
    }

    /// Checks all modules, and returns the time until the next check.
    fn check(&self, since: Duration, processors: f64) -> Option<Duration> {
        let now = Instant::now();
        let mut watched = lock(&self.watched);
        for one in &mut *watched {
            let Some(threads) = one.threads.upgrade() else {
                continue;
            };
            if threads.is_busy() {
                one.called = now;
            }
            one.load
                .add(threads.used().as_secs_f64() / processors, since);
        }
        let is_called = |one: &Module| now - one.called < CALLED_WITHIN;
        let mut shares: Vec<f64> = watched
            .iter()
            .filter(|one| is_called(one))
            .map(|one| one.load.share)
            .collect();
        shares.sort_by(f64::total_cmp);
        // If only one module is called, no other needs the processors.
        let least = (shares.len() > 1).then(|| shares[0]);
        let foreground = watched
            .iter()
            .filter(|one| is_called(one) && !one.load.greedy)
            .map(|one| one.load.share);
        let most = foreground.fold(0.0, f64::max);
        let isolated = self.isolate(least.is_some() && processors::is_background_busy(), now);
        for one in &mut *watched {
            if let Some(threads) = one.threads.upgrade() {
                one.load.judge(least, most, since);
                threads.set_background(one.load.greedy);
                threads.check(FOREGROUND_TIME, isolated);
            }
        }
        (isolated || !shares.is_empty()).then_some(CHECK_INTERVAL)
    }

    /// Isolates background from foreground calls while that is due, and a little longer, since
    /// it is often due again; returns whether it does.
    fn isolate(&self, due: bool, now: Instant) -> bool {
        let mut last = lock(&self.isolated);
        if due {
            *last = Some(now);
        }
        let isolated = last.is_some_and(|last| now - last < DECAY_TIME);
        processors::isolate_host(if isolated {
            Isolation::Foreground
        } else {
            Isolation::None
        });
        isolated
    }
}

impl Load {
    /// Adds the use since the last check.
    fn add(&mut self, used: f64, since: Duration) {
        let since = since.as_secs_f64().max(1e-6);
        let kept = (-since / DECAY_TIME.as_secs_f64()).exp();
        self.share = self.share * kept + used / since * (1.0 - kept);
    }

    /// `least` is the smallest share of a called module; `None` if no other is called. `most` is
    /// the largest share of a foreground module.
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
        if self.modest > PROBATION || most > OUTDONE_FACTOR * self.share {
            self.greedy = false;
        }
    }
}

fn watch(fairness: &Weak<Fairness>) {
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut last = Instant::now();
    loop {
        let pause = {
            let Some(fairness) = fairness.upgrade() else {
                return;
            };
            if fairness.stop.load(Ordering::Relaxed) {
                return;
            }
            let now = Instant::now();
            #[expect(clippy::cast_precision_loss, reason = "a handful of processors")]
            let pause = fairness.check(now - last, processors as f64);
            last = now;
            fairness.asleep.store(pause.is_none(), Ordering::Relaxed);
            pause
        };
        match pause {
            Some(pause) => thread::park_timeout(pause),
            // Not forever: a job queued at this very moment does not wake the watch.
            None => thread::park_timeout(CALLED_WITHIN),
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
            // The watch itself may hold the last reference.
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
        let mut after = |share: f64, least: Option<f64>, checks: u32| {
            for _ in 0..checks {
                load.add(share * CHECK_INTERVAL.as_secs_f64(), CHECK_INTERVAL);
                load.judge(least, 0.0, CHECK_INTERVAL);
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
        assert!(!after(0.9, None, 1), "no other module is called");
    }

    #[test]
    fn a_module_that_was_busy_before_a_greedy_one_returns_to_the_foreground() {
        let mut loads = [Load::default(), Load::default()];
        let mut after = |used: [f64; 2], checks: u32| {
            for _ in 0..checks {
                for (load, used) in loads.iter_mut().zip(used) {
                    load.add(used * CHECK_INTERVAL.as_secs_f64(), CHECK_INTERVAL);
                }
                let shares = loads.each_ref().map(|load| load.share);
                let foreground = loads.iter().filter(|load| !load.greedy);
                let most = foreground.map(|load| load.share).fold(0.0, f64::max);
                for load in &mut loads {
                    load.judge(Some(shares[0].min(shares[1])), most, CHECK_INTERVAL);
                }
            }
            loads.each_ref().map(|load| load.greedy)
        };
        assert_eq!(after([0.4, 0.0], 100), [true, false]);
        assert_eq!(after([0.3, 0.7], 100), [false, true]);
        // In the background it gets less, and stays there.
        assert_eq!(after([0.4, 0.5], 400), [false, true]);
    }
}
