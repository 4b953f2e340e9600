//! Background threads. A thread in the background has the lowest priority, but Linux runs
//! another thread in its isolation only where it reschedules: at the next tick, up to 10 ms
//! later, whatever the priorities. So such a thread yields its processor itself, wherever it
//! calls here: between instructions of a guest, within statements of SQL and where these take
//! much memory.

use std::cell::{Cell, RefCell};
#[cfg(target_os = "linux")]
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// How often a background thread yields its processor.
pub(crate) const YIELD_INTERVAL: Duration = Duration::from_micros(250);

/// Background threads of all modules that run a job.
static BUSY: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MEMBER: RefCell<Option<Member>> = const { RefCell::new(None) };
    static YIELDED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The state of a thread that may run in the background.
struct Member {
    background: Arc<AtomicBool>,
    /// Counts its processor time, in nanoseconds.
    used_ns: Arc<AtomicU64>,
    counted: Duration,
}

/// Marks that a background thread runs a job, until dropped.
pub(crate) struct BackgroundWork(());

impl BackgroundWork {
    pub(crate) fn begin() -> Self {
        BUSY.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for BackgroundWork {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether any background thread runs a job.
pub(crate) fn is_background_busy() -> bool {
    BUSY.load(Ordering::Relaxed) > 0
}

/// Lets `background` say whether the calling thread runs in the background. Its processor
/// time from here on is added to `used_ns`, in nanoseconds.
pub(crate) fn follow(background: Arc<AtomicBool>, used_ns: Arc<AtomicU64>) {
    MEMBER.set(Some(Member {
        background,
        used_ns,
        counted: ThreadNumber::processor_time(),
    }));
}

/// Counts the processor time of the calling thread.
pub(crate) fn count() {
    // A thread that ends has no state.
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

/// Whether the calling thread runs in the background.
pub(crate) fn is_background() -> bool {
    MEMBER
        .try_with(|member| {
            let member = member.borrow();
            member
                .as_ref()
                .is_some_and(|member| member.background.load(Ordering::Relaxed))
        })
        .unwrap_or(false)
}

/// Yields the processor, if the calling thread runs in the background.
pub(crate) fn yield_if_background() {
    if is_background() {
        let now = Instant::now();
        if YIELDED
            .get()
            .is_none_or(|yielded| now - yielded >= YIELD_INTERVAL)
        {
            // A long call is counted before it ends.
            count();
            rustix::thread::sched_yield();
            YIELDED.set(Some(now));
        }
    }
}

/// The processors that a thread may use. Linux may leave a thread waiting behind a background
/// thread while another processor is idle. So while a background thread runs a job and another
/// module is called, the two kinds use different processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All of them: threads begin so.
    #[default]
    None,
    /// Those without background threads.
    Foreground,
    /// Those of the background threads: one in four, and one at least.
    Background,
}

/// The host's own threads that answer requests, and their isolation.
static HOST: Mutex<(Isolation, Vec<ThreadNumber>)> = Mutex::new((Isolation::None, Vec::new()));

fn host() -> MutexGuard<'static, (Isolation, Vec<ThreadNumber>)> {
    HOST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the calling thread to the host's own that answer requests.
pub(crate) fn enlist() {
    let own = ThreadNumber::own();
    let mut host = host();
    own.isolate(host.0);
    host.1.push(own);
}

/// Removes the calling thread, which ends.
pub(crate) fn retire() {
    let own = ThreadNumber::own();
    host().1.retain(|thread| *thread != own);
}

/// Isolates the host's own threads.
pub(crate) fn isolate_host(isolation: Isolation) {
    let mut host = host();
    if host.0 != isolation {
        host.0 = isolation;
        for thread in &host.1 {
            thread.isolate(isolation);
        }
    }
}

/// A thread, as the kernel knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadNumber(#[cfg(target_os = "linux")] Pid);

/// The priority of the host's own background work: it may take long, but has to end, also on
/// a busy machine.
#[cfg(target_os = "linux")]
const NICE_OF_HOST: i32 = 10;

/// Deprioritises the calling thread, and those that it starts.
pub(crate) fn enter_background() {
    #[cfg(target_os = "linux")]
    {
        let own = Some(rustix::thread::gettid());
        if let Err(error) = rustix::process::setpriority_process(own, NICE_OF_HOST) {
            tracing::debug!(%error, "background work has the priority of all else");
        }
    }
}

/// Runs work on a deprioritised thread of its own, and waits for it.
///
/// # Errors
/// When the machine has no thread left.
pub(crate) fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("background".to_owned())
            .spawn_scoped(scope, || {
                enter_background();
                work()
            })?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// The lowest priority.
#[cfg(target_os = "linux")]
pub(crate) const NICE: i32 = 19;

/// All processors of the process, those of the foreground and those of the background. `None`
/// if there is only one.
#[cfg(target_os = "linux")]
static PROCESSORS: LazyLock<Option<[CpuSet; 3]>> = LazyLock::new(|| {
    let all = sched_getaffinity(None).ok()?;
    let (mut foreground, mut background) = (all, CpuSet::new());
    if all.count() < 2 {
        return None;
    }
    let count = (all.count() / 4).max(1);
    for processor in (0..CpuSet::MAX_CPU).rev() {
        if background.count() < count && all.is_set(processor) {
            foreground.unset(processor);
            background.set(processor);
        }
    }
    Some([all, foreground, background])
});

#[cfg(target_os = "linux")]
impl ThreadNumber {
    pub(crate) fn own() -> Self {
        Self(rustix::thread::gettid())
    }

    /// Sets the lowest priority, and returns whether it could.
    pub(crate) fn deprioritise(self) -> bool {
        rustix::process::setpriority_process(Some(self.0), NICE).is_ok()
    }

    pub(crate) fn isolate(self, isolation: Isolation) {
        if let Some([all, foreground, background]) = &*PROCESSORS {
            // Without permission it uses all processors.
            let _ = sched_setaffinity(
                Some(self.0),
                match isolation {
                    Isolation::None => all,
                    Isolation::Foreground => foreground,
                    Isolation::Background => background,
                },
            );
        }
    }

    /// The processor time of the calling thread.
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

    pub(crate) fn deprioritise(self) -> bool {
        false
    }

    pub(crate) fn isolate(self, _: Isolation) {}

    /// No thread is deprioritised by it.
    pub(crate) fn processor_time() -> Duration {
        Duration::ZERO
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn background_work_is_deprioritised_and_its_caller_is_not() {
        let nice = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = nice();
        assert_eq!(in_background(nice).unwrap(), NICE_OF_HOST.max(before));
        assert_eq!(nice(), before);
    }
}
