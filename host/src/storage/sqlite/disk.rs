//! The disk of the data. The host keeps a reserve on it, which it releases when the disk is
//! full, so that users can sign in and free space. Writes of modules end before that. Temporary files lie here as well, and are bounded.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::fs::OFlags;

use super::{DataFolder, StorageError, memory};

/// The host's reserve, in bytes, on a disk that is not small.
const RESERVE_BYTES: u64 = 32 * 1024 * 1024;
/// The host's share of a small disk.
const RESERVE_PART: u64 = 16;
/// How often the free space is read: by the host, and while modules write, in milliseconds.
const ASK: Duration = Duration::from_millis(100);
const ASK_WRITING_MS: u64 = 10;

/// How Linux names a temporary file of SQLite's: it never had a name, or had one of these.
#[cfg(target_os = "linux")]
const TEMPORARY_NAMES: [&str; 2] = ["/#", "/etilqs_"];

/// The reserve of the data folder that this process serves.
static RESERVE: OnceLock<Reserve> = OnceLock::new();

/// The size of a disk and its free space, in bytes.
#[derive(Clone, Copy)]
struct Room {
    all: u64,
    free: u64,
}

impl Room {
    fn of(path: &Path) -> Option<Self> {
        let disk = rustix::fs::statvfs(path).ok()?;
        Some(Self {
            all: disk.f_blocks.saturating_mul(disk.f_frsize),
            free: disk.f_bavail.saturating_mul(disk.f_frsize),
        })
    }

    /// The host's reserve on it.
    fn reserve(self) -> u64 {
        RESERVE_BYTES.min(self.all / RESERVE_PART)
    }
}

/// A file that holds space, to be released.
struct Reserve {
    data: DataFolder,
    /// Its size; 0 when released.
    held: AtomicU64,
    asked: Mutex<Option<Instant>>,
    /// Whether the full disk was logged.
    said: AtomicBool,
}

/// Makes a data folder ready: its folder for temporary files, and the reserve.
///
/// # Errors
/// When the folder for temporary files cannot be made, or SQLite does not take it.
pub fn prepare(data: &DataFolder) -> Result<(), StorageError> {
    if RESERVE.get().is_some() {
        return Ok(());
    }
    let reserve = RESERVE.get_or_init(|| Reserve {
        data: data.clone(),
        held: AtomicU64::new(fs::metadata(data.reserve()).map_or(0, |file| file.len())),
        asked: Mutex::new(None),
        said: AtomicBool::new(false),
    });
    // Before anything is written.
    reserve.look();
    keep_temporary_files_in(&data.temporary())
}

/// Keeps room for the host's own writes.
pub fn make_room() {
    if let Some(reserve) = RESERVE.get() {
        let mut asked = reserve.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|asked| asked.elapsed() >= ASK) {
            *asked = Some(Instant::now());
            reserve.look();
        }
    }
}

/// How large a module's database may become by the size of its disk, in bytes: half of
/// it, without the host's reserve. `Disk` checks the free space. `None` if the size is
/// unknown, which some file systems report as 0.
pub(in crate::storage) fn share(database: &Path) -> Option<u64> {
    let room = Room::of(database).filter(|room| room.all > 0)?;
    Some((room.all.saturating_sub(room.reserve()) / 2).max(1))
}

fn held() -> u64 {
    RESERVE
        .get()
        .map_or(0, |reserve| reserve.held.load(Ordering::Relaxed))
}

impl Reserve {
    fn file(&self) -> PathBuf {
        self.data.reserve()
    }

    /// Releases the reserve when the disk is full, and takes it again when it is not.
    fn look(&self) {
        let Some(room) = Room::of(self.data.path()) else {
            return;
        };
        let held = self.held.load(Ordering::Relaxed);
        let is_short = room.free < room.reserve() / 4;
        if is_short && held > 0 {
            let released = fs::remove_file(self.file());
            if released.is_ok() {
                self.held.store(0, Ordering::Relaxed);
            }
            self.say(room);
        } else if is_short && !self.said.load(Ordering::Relaxed) {
            self.say(room);
        } else if held == 0 && room.free > room.reserve() * 3 {
            match self.hold(room.reserve()) {
                Ok(()) => {
                    self.held.store(room.reserve(), Ordering::Relaxed);
                    if self.said.swap(false, Ordering::Relaxed) {
                        tracing::info!(free = room.free, "the disk has room again");
                    }
                }
                Err(error) => {
                    let file = self.file();
                    tracing::warn!(file = %file.display(), %error, "the host keeps no room on the disk for itself");
                    let _ = fs::remove_file(file);
                }
            }
        }
    }

    /// Takes the room.
    fn hold(&self, bytes: u64) -> io::Result<()> {
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            // Neither a FIFO nor what lies elsewhere.
            .custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed())
            .open(self.file())?;
        #[cfg(target_os = "linux")]
        if rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes).is_ok() {
            return Ok(());
        }
        // Written, since a file system may have no blocks for an empty file of that size.
        let block = vec![0x5a; 1024 * 1024];
        let mut left = bytes;
        while left > 0 {
            let part = left.min(block.len() as u64);
            #[expect(clippy::cast_possible_truncation, reason = "a block at the most")]
            file.write_all(&block[..part as usize])?;
            left -= part;
        }
        Ok(())
    }

    fn say(&self, room: Room) {
        self.said.store(true, Ordering::Relaxed);
        let databases = databases(&self.data.databases());
        tracing::warn!(
            data = %self.data.path().display(),
            free = room.free,
            databases,
            "the disk is full: modules cannot write; make room on it, by removing versions of \
             modules for example (wares module remove), or what else lies on it"
        );
    }
}

/// The databases of modules with their sizes in bytes, the largest first.
fn databases(folder: &Path) -> String {
    let Ok(entries) = fs::read_dir(folder) else {
        return String::new();
    };
    let mut files: Vec<(u64, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let is_of_database = DataFolder::is_of_database(&entry.path());
            let name = entry.file_name().into_string().ok()?;
            is_of_database.then_some((entry.metadata().ok()?.len(), name))
        })
        .collect();
    files.sort_unstable_by(|one, other| other.cmp(one));
    files.truncate(10);
    let files: Vec<String> = files
        .iter()
        .map(|(bytes, name)| format!("{name} {bytes}"))
        .collect();
    files.join(", ")
}

/// Whether modules may still write to the disk of one database.
pub(in crate::storage) struct Disk {
    folder: PathBuf,
    base: Instant,
    /// When it is asked again, in milliseconds after `base`.
    ask_ms: AtomicU64,
    is_full: AtomicBool,
}

impl Disk {
    /// The one that a database lies on.
    pub(in crate::storage) fn of(database: &Path) -> Self {
        Self {
            folder: database.parent().unwrap_or(database).to_owned(),
            base: Instant::now(),
            ask_ms: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    /// Whether only the host's reserve is left of it.
    pub(in crate::storage) fn is_full(&self) -> bool {
        let now_ms = self.base.elapsed().as_millis() as u64;
        if now_ms >= self.ask_ms.load(Ordering::Relaxed) {
            self.ask_ms
                .store(now_ms + ASK_WRITING_MS, Ordering::Relaxed);
            // If it is unknown, writing will tell.
            let is_full = Room::of(&self.folder)
                .is_some_and(|room| room.free + held() < room.reserve() + room.reserve() / 2);
            self.is_full.store(is_full, Ordering::Relaxed);
        }
        self.is_full.load(Ordering::Relaxed)
    }
}

/// Makes SQLite use a folder for temporary files, and empties it.
fn keep_temporary_files_in(folder: &Path) -> Result<(), StorageError> {
    let file = |source| StorageError::File {
        path: folder.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(file)?;
    // The host does not remove files elsewhere.
    if fs::symlink_metadata(folder).map_err(file)?.is_symlink() {
        return Err(file(io::Error::other("it is a link, not a folder")));
    }
    for entry in fs::read_dir(folder).map_err(file)?.flatten() {
        let _ = fs::remove_file(entry.path());
    }
    let sqlite = |error: rusqlite::Error| StorageError::Database {
        path: folder.to_owned(),
        fault: error.into(),
    };
    memory::count().map_err(sqlite)?;
    // It holds for the process, and for as long as that.
    let connection = Connection::open_in_memory().map_err(sqlite)?;
    let folder = folder.display().to_string();
    connection
        .pragma_update(None, "temp_store_directory", folder)
        .map_err(sqlite)
}

/// The temporary files of this process, in bytes. No other process sees them: they have
/// no names from the moment on that they are made.
#[cfg(target_os = "linux")]
pub(in crate::storage) fn temporary_bytes() -> u64 {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return 0;
    };
    let is_temporary = |path: &Path| {
        fs::read_link(path).is_ok_and(|target| {
            let target = target.to_string_lossy();
            target.ends_with(" (deleted)")
                && TEMPORARY_NAMES.iter().any(|name| target.contains(name))
        })
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_temporary(path))
        .filter_map(|path| fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}

/// Only Linux tells; elsewhere, what is free of the disk bounds them.
#[cfg(not(target_os = "linux"))]
pub(in crate::storage) fn temporary_bytes() -> u64 {
    0
}
