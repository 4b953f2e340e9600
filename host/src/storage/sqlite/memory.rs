//! The memory of SQLite. SQLite does not bound the memory of a running statement (rows that
//! it sorts or deduplicates, values, a wide row), so every allocation is counted for its
//! thread, and one beyond the statement's budget is refused: only that statement ends.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rusqlite::ffi;

use crate::threads::processors;

thread_local! {
    /// The allocations of this thread less what it has freed, in bytes. Negative if it freed
    /// allocations of another one.
    static USED: Cell<i64> = const { Cell::new(0) };
    /// Its bound.
    static USED_MAX: Cell<i64> = const { Cell::new(i64::MAX) };
    /// Whether an allocation was refused under the present budget.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
    /// Whether the time of what this thread runs is up: nothing is allocated then. SQLite
    /// looks at no clock in an expression, however long it is.
    static IS_OVER: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// The bytes of the calling thread's allocations that SQLite holds.
pub(in crate::storage) fn used() -> i64 {
    USED.get()
}

/// SQLite's own allocator, which does the work.
static BENEATH: OnceLock<Allocator> = OnceLock::new();

#[derive(Clone, Copy)]
struct Allocator {
    malloc: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    realloc: unsafe extern "C" fn(*mut c_void, c_int) -> *mut c_void,
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

/// A budget of memory for SQLite on the calling thread, until dropped.
pub(in crate::storage) struct Budget(());

impl Budget {
    /// A budget of this many bytes, and none once `is_over` returns true.
    pub(in crate::storage) fn of(bytes: usize, is_over: Arc<AtomicBool>) -> Self {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        USED_MAX.set(USED.get().saturating_add(bytes));
        REFUSED.set(false);
        IS_OVER.set(Some(is_over));
        Self(())
    }

    /// Whether an allocation was refused.
    pub(in crate::storage) fn was_exceeded(&self) -> bool {
        REFUSED.get()
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        USED_MAX.set(i64::MAX);
        IS_OVER.set(None);
    }
}

/// Memory that a function takes beside SQLite's, counted as if it were SQLite's until
/// this is dropped.
pub(in crate::storage) struct Charge(usize);

/// Counts this many bytes more. `None` if they exceed the budget.
pub(in crate::storage) fn charge(bytes: usize) -> Option<Charge> {
    let counted = i64::try_from(bytes).ok()?;
    affords(counted).then(|| {
        add(counted);
        Charge(bytes)
    })
}

impl Charge {
    pub(in crate::storage) fn bytes(&self) -> usize {
        self.0
    }

    /// Makes one of two.
    pub(in crate::storage) fn take(&mut self, mut other: Self) {
        self.0 += std::mem::take(&mut other.0);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        add(-i64::try_from(self.0).unwrap_or(i64::MAX));
    }
}

/// Makes SQLite count its allocations. Has to precede every use of SQLite; later calls do
/// nothing.
///
/// # Errors
/// When SQLite has been used before, so that nothing would be bounded.
pub(in crate::storage) fn count() -> rusqlite::Result<()> {
    static DONE: OnceLock<c_int> = OnceLock::new();
    if cfg!(wares_unlimited) {
        return Ok(());
    }
    match *DONE.get_or_init(install) {
        ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(code),
            Some("the memory of SQLite cannot be bounded".to_owned()),
        )),
    }
}

fn install() -> c_int {
    let mut methods = ffi::sqlite3_mem_methods {
        xMalloc: None,
        xFree: None,
        xRealloc: None,
        xSize: None,
        xRoundup: None,
        xInit: None,
        xShutdown: None,
        pAppData: std::ptr::null_mut(),
    };
    // SAFETY: SQLite fills the table that it is given, and keeps no pointer to it.
    let got = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, &raw mut methods) };
    let (Some(malloc), Some(free), Some(realloc), Some(size)) = (
        methods.xMalloc,
        methods.xFree,
        methods.xRealloc,
        methods.xSize,
    ) else {
        return if got == ffi::SQLITE_OK {
            ffi::SQLITE_ERROR
        } else {
            got
        };
    };
    BENEATH.get_or_init(|| Allocator {
        malloc,
        free,
        realloc,
        size,
    });
    methods.xMalloc = Some(counted_malloc);
    methods.xFree = Some(counted_free);
    methods.xRealloc = Some(counted_realloc);
    // SAFETY: SQLite copies the table. Its functions do what the ones that were in
    // it do, or return no memory, which an allocator may at any time. SQLite refuses
    // both settings once it is in use, so no allocation is freed by the other kind.
    unsafe {
        // The total of all threads, which has no reader, would cost every allocation a lock.
        let quiet = ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0);
        match ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw mut methods) {
            ffi::SQLITE_OK => quiet,
            refused => refused,
        }
    }
}

/// The size from which filling an allocation takes a while.
const MUCH: i64 = 64 * 1024;

/// Whether this many bytes more fit into the budget.
fn affords(bytes: i64) -> bool {
    if bytes >= MUCH {
        processors::yield_if_background();
    }
    if is_over() {
        return false;
    }
    let affords = USED.get().saturating_add(bytes) <= USED_MAX.get();
    if !affords {
        REFUSED.set(true);
    }
    affords
}

fn is_over() -> bool {
    let look = |is_over: &RefCell<Option<Arc<AtomicBool>>>| {
        let is_over = is_over.try_borrow().ok();
        is_over.is_some_and(|flag| {
            flag.as_ref()
                .is_some_and(|flag| flag.load(Ordering::Relaxed))
        })
    };
    // A thread that ends has nothing to be ended.
    IS_OVER.try_with(look).unwrap_or(false)
}

fn add(bytes: i64) {
    USED.set(USED.get().saturating_add(bytes));
}

// SAFETY, of all three: SQLite calls them as it would call what stands beneath, with
// sizes that are not negative and pointers that came from here, and so from beneath.

unsafe extern "C" fn counted_malloc(bytes: c_int) -> *mut c_void {
    let Some(beneath) = BENEATH.get().filter(|_| affords(bytes.into())) else {
        return std::ptr::null_mut();
    };
    // SAFETY: see above.
    unsafe {
        let memory = (beneath.malloc)(bytes);
        if !memory.is_null() {
            add((beneath.size)(memory).into());
        }
        memory
    }
}

unsafe extern "C" fn counted_free(memory: *mut c_void) {
    if let Some(beneath) = BENEATH.get() {
        // SAFETY: see above.
        unsafe {
            add(-i64::from((beneath.size)(memory)));
            (beneath.free)(memory);
        }
    }
}

unsafe extern "C" fn counted_realloc(memory: *mut c_void, bytes: c_int) -> *mut c_void {
    let Some(beneath) = BENEATH.get() else {
        return std::ptr::null_mut();
    };
    // SAFETY: see above. What is not given leaves the old memory as it was.
    unsafe {
        let before = i64::from((beneath.size)(memory));
        if !affords(i64::from(bytes) - before) {
            return std::ptr::null_mut();
        }
        let memory = (beneath.realloc)(memory, bytes);
        if !memory.is_null() {
            add(i64::from((beneath.size)(memory)) - before);
        }
        memory
    }
}
