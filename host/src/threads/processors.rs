//! Giving way. A thread that has stepped back runs on what others leave over, but
//! Linux notices that others want to run only where something is rescheduled: at
//! the next tick, up to 10 ms later, whatever the priorities. So such a thread
//! offers its processor itself, wherever it passes by here: between instructions
//! of a guest, within statements of SQL and where these take much memory.

use std::cell::{Cell, RefCell};
#[cfg(target_os = "linux")]
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// How often a thread that has stepped back offers its processor.
pub(crate) const OFTEN: Duration = Duration::from_micros(250);

/// Threads that have stepped back and are at work, of all modules.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MEMBER: RefCell<Option<Member>> = const { RefCell::new(None) };
    static OFFERED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// What a thread that may step back has of this.
struct Member {
    back: Arc<AtomicBool>,
    /// Where the time of processors is counted that it takes, in nanoseconds.
    used_ns: Arc<AtomicU64>,
    counted: Duration,
}

/// A thread that has stepped back is at work as long as this lives.
pub(crate) struct AtWork(());

impl AtWork {
    pub(crate) fn begin() -> Self {
        AT_WORK.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether any thread is to give way at present.
pub(crate) fn is_due() -> bool {
    AT_WORK.load(Ordering::Relaxed) > 0
}

/// The calling thread has stepped back whenever `back` says so. The time of
/// processors that it takes from here on is added to `used_ns`, in nanoseconds.
pub(crate) fn follow(back: Arc<AtomicBool>, used_ns: Arc<AtomicU64>) {
    MEMBER.set(Some(Member {
        back,
        used_ns,
        counted: ThreadNumber::processor_time(),
    }));
}

/// Counts what the calling thread has taken of processors.
pub(crate) fn count() {
    // A thread that ends has nothing left to count.
    let _ = MEMBER.try_with(|member| {
        if let Some(member) = &mut *member.borrow_mut() {
            let now = ThreadNumber::processor_time();
            let used = now.saturating_sub(member.counted).as_nanos();
            member.counted = now;
            member
                .used_ns
                .fetch_add(used.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    });
}

/// Whether the calling thread has stepped back.
pub(crate) fn is_back() -> bool {
    MEMBER
        .try_with(|member| {
            let member = member.borrow();
            member
                .as_ref()
                .is_some_and(|member| member.back.load(Ordering::Relaxed))
        })
        .unwrap_or(false)
}

/// Lets others run, if the calling thread has stepped back.
pub(crate) fn give_way() {
    if is_back() {
        let now = Instant::now();
        if OFFERED.get().is_none_or(|offered| now - offered >= OFTEN) {
            // Not only when the call ends: until then it would seem to take nothing.
            count();
            rustix::thread::sched_yield();
            OFFERED.set(Some(now));
        }
    }
}

/// Which processors a thread keeps to. Even where another one is idle, Linux may
/// leave a thread waiting behind one that has stepped back. So while any of those
/// is at work and somebody else is asked, the two kinds are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// To none: this is how threads begin.
    #[default]
    Anywhere,
    /// To those without threads that have stepped back.
    InFront,
    /// To those of the threads that have: one in four, and one at least.
    Behind,
}

/// The host's own threads that answer requests, and where they are now.
static HOST: Mutex<(Place, Vec<ThreadNumber>)> = Mutex::new((Place::Anywhere, Vec::new()));

fn host() -> MutexGuard<'static, (Place, Vec<ThreadNumber>)> {
    HOST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread is one of the host's own that answer requests.
pub(crate) fn enlist() {
    let own = ThreadNumber::own();
    let mut host = host();
    own.keep_to(host.0);
    host.1.push(own);
}

/// The calling thread ends.
pub(crate) fn retire() {
    let own = ThreadNumber::own();
    host().1.retain(|thread| *thread != own);
}

/// Has the host's own threads keep to these processors.
pub(crate) fn keep_host_to(place: Place) {
    let mut host = host();
    if host.0 != place {
        host.0 = place;
        for thread in &host.1 {
            thread.keep_to(place);
        }
    }
}

/// A thread, as the kernel knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadNumber(#[cfg(target_os = "linux")] Pid);

/// How far work aside stands back: it may take its time, but not for ever, also
/// where everybody else is busy.
#[cfg(target_os = "linux")]
const NICE_ASIDE: i32 = 10;

/// Has the calling thread, and what it starts, give way to what is served.
pub(crate) fn stand_aside() {
    #[cfg(target_os = "linux")]
    {
        let own = Some(rustix::thread::gettid());
        if let Err(error) = rustix::process::setpriority_process(own, NICE_ASIDE) {
            tracing::debug!(%error, "work aside stands where all else stands");
        }
    }
}

/// Does work on a thread of its own that gives way to what is served, and waits for it.
///
/// # Errors
/// When the machine has no thread left.
pub(crate) fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("aside".to_owned())
            .spawn_scoped(scope, || {
                stand_aside();
                work()
            })?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// How far one steps back: the least that a thread can be given.
#[cfg(target_os = "linux")]
pub(crate) const NICE: i32 = 19;

/// All processors of the process, those in front and those behind. `None` where
/// there is but one.
#[cfg(target_os = "linux")]
static PROCESSORS: LazyLock<Option<[CpuSet; 3]>> = LazyLock::new(|| {
    let all = sched_getaffinity(None).ok()?;
    let (mut front, mut behind) = (all, CpuSet::new());
    if all.count() < 2 {
        return None;
    }
    let count = (all.count() / 4).max(1);
    for processor in (0..CpuSet::MAX_CPU).rev() {
        if behind.count() < count && all.is_set(processor) {
            front.unset(processor);
            behind.set(processor);
        }
    }
    Some([all, front, behind])
});

#[cfg(target_os = "linux")]
impl ThreadNumber {
    pub(crate) fn own() -> Self {
        Self(rustix::thread::gettid())
    }

    /// Gives it what others leave over, and says whether it could be.
    pub(crate) fn step_back(self) -> bool {
        rustix::process::setpriority_process(Some(self.0), NICE).is_ok()
    }

    pub(crate) fn keep_to(self, place: Place) {
        if let Some([all, front, behind]) = &*PROCESSORS {
            // Where it may not be, it goes on anywhere.
            let _ = sched_setaffinity(
                Some(self.0),
                match place {
                    Place::Anywhere => all,
                    Place::InFront => front,
                    Place::Behind => behind,
                },
            );
        }
    }

    /// The time of processors that the calling thread has had.
    pub(crate) fn processor_time() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(
            time.tv_sec.try_into().unwrap_or_default(),
            time.tv_nsec.try_into().unwrap_or_default(),
        )
    }
}

/// Only Linux knows priorities and processors of single threads.
#[cfg(not(target_os = "linux"))]
impl ThreadNumber {
    pub(crate) fn own() -> Self {
        Self()
    }

    pub(crate) fn step_back(self) -> bool {
        false
    }

    pub(crate) fn keep_to(self, _: Place) {}

    /// Nothing steps back by it.
    pub(crate) fn processor_time() -> Duration {
        Duration::ZERO
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_aside_gives_way_and_who_waits_for_it_does_not() {
        let nice = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = nice();
        assert_eq!(aside(nice).unwrap(), NICE_ASIDE.max(before));
        assert_eq!(nice(), before);
    }
}
