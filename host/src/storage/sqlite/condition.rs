//! Trouble with a database: logged once, counted, and shown by `/health` until it ends. A
//! thread checks the files of all served databases, so that a removed or replaced one is
//! noticed without a write, and trouble ends without a request. Knows nothing of statements.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::error::words;
use super::probe::{self, Probed};
use super::{Ailing, Befallen, DataFolder, Fault, SqlError, StorageError, Trouble};

/// How often the files are checked.
const LOOK: Duration = Duration::from_millis(500);
/// A database and the files beside it that belong to it.
const FILES: [&str; 3] = ["", "-wal", "-shm"];
/// How many of these hold what is committed.
const CONTENT_FILES: usize = 2;

/// The identity of a file in its file system.
type Identity = (u64, u64);

/// The state of one database.
pub(in crate::storage) struct Condition {
    /// For people: the database of the module notes.
    title: String,
    /// For metrics: its path in the data folder.
    label: String,
    file: PathBuf,
    paths: [Option<CString>; FILES.len()],
    /// The identities when it was opened; nothing is compared before that.
    identities: OnceLock<[Option<Identity>; FILES.len()]>,
    /// Its largest size, in bytes; 0 for no limit.
    bytes_max: u64,
    /// Whether it must leave the host's reserve of the disk.
    leaves_reserve: bool,
    /// The trouble that it is in; 0 for none.
    present: AtomicU8,
    /// Whether it cannot even be read.
    is_down: AtomicBool,
    /// Whether it was written since the last check.
    works: AtomicBool,
    counts: [AtomicU64; Trouble::ALL.len()],
}

static WATCHED: Mutex<Vec<Weak<Condition>>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<Weak<Condition>>> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn all() -> Vec<Arc<Condition>> {
    let mut watched = watched();
    watched.retain(|one| one.strong_count() > 0);
    watched.iter().filter_map(Weak::upgrade).collect()
}

/// The databases that are in trouble at this moment.
pub fn ailing() -> Vec<Ailing> {
    let is_ailing = |condition: Arc<Condition>| {
        // Trouble that is visible without the database is checked now.
        let _ = condition.check();
        Some(Ailing {
            title: condition.title.clone(),
            trouble: condition.trouble()?,
            is_down: condition.is_down.load(Ordering::Relaxed),
        })
    };
    all().into_iter().filter_map(is_ailing).collect()
}

/// The troubles of the served databases.
pub fn befallen() -> Vec<Befallen> {
    let of = |condition: Arc<Condition>| Befallen {
        database: condition.label.clone(),
        is_ailing: condition.trouble().is_some(),
        counts: Trouble::ALL
            .into_iter()
            .zip(
                condition
                    .counts
                    .iter()
                    .map(|count| count.load(Ordering::Relaxed)),
            )
            .collect(),
    };
    all().into_iter().map(of).collect()
}

impl Condition {
    /// Of a database that is not watched.
    pub(in crate::storage) fn new(file: &Path, bytes_max: u64, leaves_reserve: bool) -> Arc<Self> {
        let (title, label) = DataFolder::describe(file);
        Arc::new(Self {
            title,
            label,
            file: file.to_owned(),
            paths: FILES.map(|end| CString::new(beside(file, end).as_os_str().as_bytes()).ok()),
            identities: OnceLock::new(),
            bytes_max,
            leaves_reserve,
            present: AtomicU8::new(0),
            is_down: AtomicBool::new(false),
            works: AtomicBool::new(false),
            counts: Default::default(),
        })
    }

    /// The one of the host's own database, which several parts of the host open.
    pub(in crate::storage) fn of_host(file: &Path) -> Arc<Self> {
        let known = all().into_iter().find(|condition| condition.file == file);
        known.unwrap_or_else(|| Self::new(file, 0, false))
    }

    /// Records the identities of the files, which are open from here on.
    pub(in crate::storage) fn remember(&self) {
        let identities = || std::array::from_fn(|index| self.identity(index));
        self.identities.get_or_init(identities);
    }

    /// Starts to check, count and show its trouble.
    pub(in crate::storage) fn watch(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        let mut watched = watched();
        if !watched.iter().any(|one| one.ptr_eq(&weak)) {
            watched.push(weak);
        }
        drop(watched);
        static WATCH: OnceLock<()> = OnceLock::new();
        WATCH.get_or_init(|| {
            let watch = || loop {
                thread::sleep(LOOK);
                for condition in all() {
                    condition.look();
                }
            };
            if let Err(error) = thread::Builder::new()
                .name("databases".to_owned())
                .spawn(watch)
            {
                tracing::error!(%error, "the files of the databases are not watched");
            }
        });
    }

    /// Which it is, for people.
    #[cfg(test)]
    pub(in crate::storage) fn title(&self) -> &str {
        &self.title
    }

    /// The trouble that it is in.
    pub(in crate::storage) fn trouble(&self) -> Option<Trouble> {
        Trouble::from_number(self.present.load(Ordering::Relaxed))
    }

    /// Whether its file is known to be moved.
    pub(in crate::storage) fn is_moved(&self) -> bool {
        self.present.load(Ordering::Relaxed) == Trouble::Moved as u8
    }

    /// Fails if its files are known to be moved.
    pub(in crate::storage) fn require_unmoved(&self) -> Result<(), Trouble> {
        if self.is_moved() {
            // It may be back.
            self.check()
        } else {
            Ok(())
        }
    }

    /// Checks that the files at their paths are those that were opened.
    pub(in crate::storage) fn check(&self) -> Result<(), Trouble> {
        self.check_first(FILES.len())?;
        if self.is_moved() {
            self.ends();
        }
        Ok(())
    }

    /// Checks those that hold commits: called before and after each commit, at a microsecond
    /// a file.
    pub(in crate::storage) fn check_content(&self) -> Result<(), Trouble> {
        self.check_first(CONTENT_FILES)
    }

    fn check_first(&self, files: usize) -> Result<(), Trouble> {
        let Some(known) = self.identities.get() else {
            return Ok(());
        };
        let is_missing =
            |index: &usize| known[*index].is_some() && self.identity(*index) != known[*index];
        match (0..files).find(is_missing) {
            Some(index) => {
                self.note_moved(index);
                Err(Trouble::Moved)
            }
            None => Ok(()),
        }
    }

    /// Whether the log beside it is another one than the opened one.
    pub(in crate::storage) fn has_foreign_log(&self) -> bool {
        let known = self.identities.get().and_then(|known| known[1]);
        let present = self.identity(1);
        known.is_some() && present.is_some() && present != known
    }

    fn identity(&self, index: usize) -> Option<Identity> {
        let stat = rustix::fs::stat(self.paths[index].as_deref()?).ok()?;
        // Their types differ between systems.
        Some((stat.st_dev as u64, stat.st_ino as u64))
    }

    /// This trouble as an error of the host's own database.
    pub(in crate::storage) fn error(&self, trouble: Trouble) -> StorageError {
        StorageError::Trouble {
            path: self.file.clone(),
            trouble,
        }
    }

    /// Records a write.
    pub(in crate::storage) fn has_written(&self) {
        if self.present.load(Ordering::Relaxed) != 0 {
            self.works.store(true, Ordering::Relaxed);
        }
    }

    /// Counts an error of SQLite, if it is about the database.
    pub(in crate::storage) fn noted(&self, error: rusqlite::Error) -> rusqlite::Error {
        if let Some(trouble) = Trouble::of(&error) {
            self.note(trouble, &words(&error));
        }
        error
    }

    /// Counts an error of the host's own statements, if it is about the database.
    pub(in crate::storage) fn note_fault(&self, fault: &Fault) {
        if let Some(trouble) = fault.trouble {
            self.note(trouble, &fault.words);
        }
    }

    /// Counts the error of a statement.
    pub(in crate::storage) fn note_error(&self, error: &SqlError) {
        if let SqlError::Trouble(trouble) = error {
            self.note(*trouble, trouble.for_operators());
        }
    }

    /// Counts the error of the host's own work, which waited for no writer of this process.
    pub(in crate::storage) fn note_host_error(&self, error: &SqlError) {
        match error {
            SqlError::Busy => self.note_error(&Trouble::Locked.into()),
            other => self.note_error(other),
        }
    }

    /// Counts a refusal for this reason.
    pub(in crate::storage) fn note(&self, trouble: Trouble, why: &str) {
        if let Some(index) = Trouble::ALL.iter().position(|one| *one == trouble) {
            self.counts[index].fetch_add(1, Ordering::Relaxed);
        }
        let is_new = self
            .present
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |present| {
                // All other trouble follows from that, or is lesser.
                let lasting = [trouble, Trouble::Moved, Trouble::Damaged];
                let lasts = lasting.iter().any(|one| present == *one as u8);
                (!lasts).then_some(trouble as u8)
            });
        if is_new.is_err() {
            return;
        }
        self.works.store(false, Ordering::Relaxed);
        self.is_down
            .store(trouble == Trouble::Moved, Ordering::Relaxed);
        let (title, file) = (&self.title, self.file.display());
        let kind = trouble.name();
        let more = match trouble {
            Trouble::Full if self.bytes_max > 0 => {
                ", or raise limits.database_bytes_max where it is as large as that"
            }
            _ => "",
        };
        if trouble == Trouble::Locked {
            tracing::warn!(%file, kind, "{title} is in trouble: {why}{more}");
        } else {
            tracing::error!(%file, kind, "{title} is in trouble: {why}{more}");
        }
    }

    fn note_moved(&self, index: usize) {
        if index == 0 {
            return self.note(Trouble::Moved, Trouble::Moved.for_operators());
        }
        let file = beside(&self.file, FILES[index]);
        let name = file.file_name().unwrap_or_default().display();
        let why = format!(
            "{name} beside it was removed or replaced: put the same file back, or stop the host, which \
             brings what was kept into the database, and start it again"
        );
        self.note(Trouble::Moved, &why);
    }

    fn ends(&self) {
        if self.present.swap(0, Ordering::Relaxed) != 0 {
            self.is_down.store(false, Ordering::Relaxed);
            let file = self.file.display();
            tracing::info!(%file, "{} works again", self.title);
        }
    }

    /// Checks whether trouble has begun or ended.
    pub(in crate::storage) fn look(&self) {
        if self.check().is_err() {
            return;
        }
        // A readable page does not prove that the damage is repaired.
        let Some(trouble) = self.trouble().filter(|one| *one != Trouble::Damaged) else {
            return;
        };
        // A small write proves no room for large ones.
        if self.works.swap(false, Ordering::Relaxed) && trouble != Trouble::Full {
            return self.ends();
        }
        let probed = probe::run(&self.file, self.bytes_max, self.leaves_reserve);
        // The probed file may have been another one.
        if self.check().is_err() {
            return;
        }
        match probed {
            Probed::Works => self.ends(),
            Probed::ReadsOnly => self.is_down.store(false, Ordering::Relaxed),
            Probed::Down => self.is_down.store(true, Ordering::Relaxed),
        }
    }
}

/// Returns the path of a file beside another one, with this suffix.
pub(in crate::storage) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(OsStr::new(end));
    path.into()
}

impl From<Trouble> for SqlError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}
