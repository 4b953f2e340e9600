//! The clock of a connection ends a statement that runs for too long. SQLite reads it every
//! few dozen operations, the functions of the host read it within one, and a separate thread
//! interrupts operations of SQLite that read no clock, such as counting a large table. It
//! also bounds the words of full-text search in one operation.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::InterruptHandle;

use super::disk::{self, Disk};

/// How often the thread checks.
const LOOK: Duration = Duration::from_millis(50);

/// How often the temporary files of a migration are measured, in milliseconds.
const MEASURE_MS: u64 = 50;

/// Words of texts that full-text search reads between two reads of the clock. With
/// the bounds on a query below it bounds how long one row can be matched: nothing
/// can interrupt that.
pub(in crate::storage) const WORDS_MAX: u32 = 1024 * 1024;
/// Phrases of full-text queries between two reads. `NEAR` takes as long as their
/// square times the words of a row.
pub(in crate::storage) const PHRASES_MAX: u32 = 32;
/// Words of these phrases. A phrase takes as long as the product of its words and
/// those of a row.
pub(in crate::storage) const PHRASE_WORDS_MAX: u32 = 512;

/// Ends statements that run for too long.
pub(in crate::storage) struct Clock {
    base: Instant,
    /// Nanoseconds after `base`; `u64::MAX` without a deadline.
    deadline: AtomicU64,
    /// Interrupts SQLite on the connection.
    interrupt: OnceLock<InterruptHandle>,
    /// Whether the thread of clocks found the time to be up.
    is_over: Arc<AtomicBool>,
    /// Held while an interruption is decided, and while a deadline is removed.
    gate: Mutex<()>,
    words: AtomicU32,
    phrases: AtomicU32,
    phrase_words: AtomicU32,
    /// Whether there were too many of any of them since a deadline was set.
    too_much: AtomicBool,
    /// The number of phrases of all queries.
    phrases_ever: AtomicU64,
    /// The disk that is written to, and whether it became full since a deadline was set.
    disk: OnceLock<Disk>,
    is_disk_full: AtomicBool,
    /// The bound on temporary files, when they were last measured, in milliseconds after
    /// `base`, and whether they exceeded it.
    spilled_bytes_max: AtomicU64,
    measured_ms: AtomicU64,
    spilled_too_much: AtomicBool,
}

impl Clock {
    pub(in crate::storage) fn new() -> Arc<Self> {
        Arc::new(Self {
            base: Instant::now(),
            deadline: AtomicU64::new(u64::MAX),
            interrupt: OnceLock::new(),
            is_over: Arc::default(),
            gate: Mutex::new(()),
            words: AtomicU32::new(0),
            phrases: AtomicU32::new(0),
            phrase_words: AtomicU32::new(0),
            too_much: AtomicBool::new(false),
            phrases_ever: AtomicU64::new(0),
            disk: OnceLock::new(),
            is_disk_full: AtomicBool::new(false),
            spilled_bytes_max: AtomicU64::new(u64::MAX),
            measured_ms: AtomicU64::new(0),
            spilled_too_much: AtomicBool::new(false),
        })
    }

    /// Lets the thread of clocks interrupt the connection when its time is up.
    pub(in crate::storage) fn watch(self: &Arc<Self>, interrupt: InterruptHandle) {
        if self.interrupt.set(interrupt).is_ok() {
            watched().push(Arc::downgrade(self));
            start_watching();
        }
    }

    pub(in crate::storage) fn expired(&self) -> bool {
        self.base.elapsed().as_nanos() as u64 > self.deadline.load(Ordering::Relaxed)
    }

    /// Called by SQLite between two operations; returns whether to end.
    pub(in crate::storage) fn look(&self) -> bool {
        if self.words.load(Ordering::Relaxed) | self.phrases.load(Ordering::Relaxed) != 0 {
            self.forget_words();
        }
        self.expired() || self.ends_for_disk()
    }

    /// Ends writes to this disk when it is full.
    pub(in crate::storage) fn watch_disk(&self, disk: Disk) {
        let _ = self.disk.set(disk);
    }

    /// Whether the disk has room for modules.
    pub(in crate::storage) fn has_room(&self) -> bool {
        self.disk.get().is_none_or(|disk| !disk.is_full())
    }

    /// Whether a statement was ended because the disk is full.
    pub(in crate::storage) fn was_disk_full(&self) -> bool {
        self.is_disk_full.load(Ordering::Relaxed)
    }

    /// Ends a statement once its temporary files have this many bytes; `u64::MAX` for no
    /// bound.
    pub(in crate::storage) fn set_spilled_bytes_max(&self, bytes: u64) {
        self.spilled_bytes_max.store(bytes, Ordering::Relaxed);
        self.spilled_too_much.store(false, Ordering::Relaxed);
    }

    /// Whether a statement was ended because its files became too large.
    pub(in crate::storage) fn spilled_too_much(&self) -> bool {
        self.spilled_too_much.load(Ordering::Relaxed)
    }

    fn ends_for_disk(&self) -> bool {
        // The host's own work has no deadline.
        if self.deadline.load(Ordering::Relaxed) == u64::MAX {
            return false;
        }
        if !self.has_room() {
            self.is_disk_full.store(true, Ordering::Relaxed);
            return true;
        }
        let bytes_max = self.spilled_bytes_max.load(Ordering::Relaxed);
        bytes_max != u64::MAX && self.spills_more_than(bytes_max)
    }

    fn spills_more_than(&self, bytes_max: u64) -> bool {
        let now_ms = self.base.elapsed().as_millis() as u64;
        if now_ms.saturating_sub(self.measured_ms.load(Ordering::Relaxed)) >= MEASURE_MS {
            self.measured_ms.store(now_ms, Ordering::Relaxed);
            if disk::temporary_bytes() > bytes_max {
                self.spilled_too_much.store(true, Ordering::Relaxed);
            }
        }
        self.spilled_too_much()
    }

    /// Ends statements after this many milliseconds.
    pub(in crate::storage) fn set(&self, deadline_ms: u64) {
        let deadline = self.base.elapsed() + Duration::from_millis(deadline_ms);
        let deadline = deadline.as_nanos().try_into().unwrap_or(u64::MAX);
        self.forget_words();
        self.too_much.store(false, Ordering::Relaxed);
        self.is_disk_full.store(false, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Removes the deadline.
    pub(in crate::storage) fn clear(&self) {
        // An interruption under way hits its own statement, not the next one on the
        // connection.
        let _gate = self.gate();
        self.deadline.store(u64::MAX, Ordering::Relaxed);
        self.is_over.store(false, Ordering::Relaxed);
    }

    /// Whether the thread of clocks found the time to be up, for code that reads no clock.
    pub(in crate::storage) fn is_over(&self) -> Arc<AtomicBool> {
        self.is_over.clone()
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interrupt_if_expired(&self) {
        let _gate = self.gate();
        if self.expired()
            && let Some(interrupt) = self.interrupt.get()
        {
            self.is_over.store(true, Ordering::Relaxed);
            interrupt.interrupt();
        }
    }

    fn forget_words(&self) {
        for counter in [&self.words, &self.phrases, &self.phrase_words] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Counts one more; returns whether it is one too many.
    fn counts(&self, counter: &AtomicU32, max: u32) -> bool {
        let too_much = counter.fetch_add(1, Ordering::Relaxed) >= max;
        if too_much {
            self.too_much.store(true, Ordering::Relaxed);
        }
        !too_much
    }

    /// Counts a word of a text; returns whether full-text search may continue.
    pub(in crate::storage) fn takes_word(&self) -> bool {
        self.counts(&self.words, WORDS_MAX)
    }

    /// Counts a phrase of a query; returns whether full-text search may continue.
    pub(in crate::storage) fn takes_phrase(&self) -> bool {
        self.phrases_ever.fetch_add(1, Ordering::Relaxed);
        self.counts(&self.phrases, PHRASES_MAX)
    }

    /// Counts a word of a phrase; returns whether full-text search may continue.
    pub(in crate::storage) fn takes_phrase_word(&self) -> bool {
        self.counts(&self.phrase_words, PHRASE_WORDS_MAX)
    }

    /// The number of counted phrases.
    pub(in crate::storage) fn phrases_ever(&self) -> u64 {
        self.phrases_ever.load(Ordering::Relaxed)
    }

    /// The exceeded bound of full-text search, if any.
    pub(in crate::storage) fn too_many_words(&self) -> Option<String> {
        self.too_much.load(Ordering::Relaxed).then(|| {
            format!(
                "more than {WORDS_MAX} words of full-text search in one row, or more than \
                 {PHRASES_MAX} phrases or {PHRASE_WORDS_MAX} words in one of its queries"
            )
        })
    }
}

static WATCHED: Mutex<Vec<Weak<Clock>>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<Weak<Clock>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the thread that checks all clocks, if it does not run yet.
fn start_watching() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let started = std::thread::Builder::new()
            .name("sql-clock".to_owned())
            .spawn(|| {
                loop {
                    std::thread::sleep(LOOK);
                    interrupt_expired();
                }
            });
        if let Err(error) = started {
            tracing::warn!(%error, "no thread ends single operations of SQLite that take long");
        }
    });
}

fn interrupt_expired() {
    let mut expired = Vec::new();
    watched().retain(|clock| {
        let clock = clock.upgrade();
        expired.extend(clock.clone().filter(|clock| clock.expired()));
        clock.is_some()
    });
    for clock in expired {
        clock.interrupt_if_expired();
    }
}
