//! What is wrong with a database: said once in the log, counted, and shown by `/health`
//! until it is over. A thread looks at the files of all databases that are served, so
//! that one that was removed or replaced is noticed where nobody writes, and so that
//! trouble ends where nobody asks. Knows nothing of what statements do.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use super::disk::Disk;
use super::{SqlError, StorageError};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Pages that a database has to have free before it counts as one with room again.
const PAGES_FREE_MIN: u64 = 16;
/// A database and the files beside it that belong to it.
const FILES: [&str; 3] = ["", "-wal", "-shm"];
/// How many of these hold what is committed.
const CONTENT_FILES: usize = 2;

/// What can be wrong with a database that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trouble {
    /// Another process holds it for writing.
    Locked = 1,
    /// There is no room on the disk, or in the database.
    Full,
    /// Its file was removed, renamed or replaced.
    Moved,
    /// This process may only read it.
    ReadOnly,
    /// The disk does not read or write it.
    Unreadable,
    /// Its content is none that SQLite knows.
    Damaged,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Locked,
        Self::Full,
        Self::Moved,
        Self::ReadOnly,
        Self::Unreadable,
        Self::Damaged,
    ];

    /// What an error of SQLite says of its database; `None` where it speaks of the statement.
    pub(super) fn of(error: &rusqlite::Error) -> Option<Self> {
        Self::of_code(code_of(error)?)
    }

    pub(super) fn of_code(code: i32) -> Option<Self> {
        match code {
            // The file that processes share cannot grow.
            ffi::SQLITE_IOERR_SHMSIZE => return Some(Self::Full),
            ffi::SQLITE_READONLY_DBMOVED => return Some(Self::Moved),
            // A limit of the statement's.
            ffi::SQLITE_IOERR_NOMEM => return None,
            _ => {}
        }
        Some(match code & 0xff {
            ffi::SQLITE_BUSY | ffi::SQLITE_PROTOCOL => Self::Locked,
            ffi::SQLITE_FULL => Self::Full,
            ffi::SQLITE_READONLY => Self::ReadOnly,
            ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => Self::Unreadable,
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Self::Damaged,
            _ => return None,
        })
    }

    /// Its name in metrics and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Full => "full",
            Self::Moved => "moved",
            Self::ReadOnly => "read_only",
            Self::Unreadable => "io",
            Self::Damaged => "damaged",
        }
    }

    /// What callers are told, who can do nothing about it. No path of the host is in it.
    pub fn for_callers(self) -> &'static str {
        match self {
            Self::Locked => "another process holds the database for writing",
            Self::Full => "the disk or the database is full",
            Self::Moved => "the file of the database was removed or replaced",
            Self::ReadOnly => "the database can only be read now",
            Self::Unreadable => "the database cannot be read or written now",
            Self::Damaged => "the database is damaged",
        }
    }

    /// What operators are told of a file, and what they can do.
    pub(super) fn for_operators(self) -> &'static str {
        match self {
            Self::Locked => {
                "another process holds it for writing: end that process or its transaction"
            }
            Self::Full => "there is no room for it: make room on the disk that it lies on",
            Self::Moved => {
                "it was removed, renamed or replaced: put the same file back, or stop the host and \
                 start it again with the files as they are to be"
            }
            Self::ReadOnly => {
                "it can only be read: let the user of the host write it, its folder and the disk"
            }
            Self::Unreadable => {
                "it cannot be opened, read or written: look at its disk, its folder, their permissions, \
                 and how many files this process may open"
            }
            Self::Damaged => "it is damaged: stop the host, and put a backup in its place",
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trouble| *trouble as u8 == number)
    }
}

/// The extended code of an error of SQLite.
fn code_of(error: &rusqlite::Error) -> Option<i32> {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.extended_code),
        rusqlite::Error::SqlInputError { error, .. } => Some(error.extended_code),
        _ => None,
    }
}

/// An error of SQLite in words: what is wrong, and what an operator can do.
pub(super) fn words(error: &rusqlite::Error) -> String {
    match (Trouble::of(error), code_of(error)) {
        (Some(trouble @ (Trouble::Unreadable | Trouble::ReadOnly)), Some(code)) => {
            format!("{} (SQLite's code {code})", trouble.for_operators())
        }
        (Some(Trouble::Damaged), Some(ffi::SQLITE_NOTADB)) => {
            "it is no database: stop the host, and put a backup in its place".to_owned()
        }
        (Some(trouble), _) => trouble.for_operators().to_owned(),
        (None, _) => error.to_string(),
    }
}

/// A file, as its file system tells it from all others.
type Identity = (u64, u64);

/// How one database is.
pub(super) struct Condition {
    /// For people: the database of the module notes.
    title: String,
    /// For metrics: its path in the data folder.
    label: String,
    file: PathBuf,
    paths: [Option<CString>; FILES.len()],
    /// As they were when it was opened; nothing is compared before that.
    identities: OnceLock<[Option<Identity>; FILES.len()]>,
    /// The largest that it may become, in bytes; 0 for no limit.
    bytes_max: u64,
    /// Whether it ends before the disk does.
    leaves_reserve: bool,
    /// The trouble that it is in; 0 for none.
    present: AtomicU8,
    /// Whether it cannot even be read.
    is_down: AtomicBool,
    /// Whether something was written since it was last looked at.
    works: AtomicBool,
    counts: [AtomicU64; Trouble::ALL.len()],
}

/// A database that is in trouble, for `/health`.
#[derive(Clone, Debug)]
pub struct Ailing {
    /// Which: the database of the module notes.
    pub title: String,
    /// What is wrong.
    pub trouble: Trouble,
    /// Whether it cannot even be read.
    pub is_down: bool,
}

/// What befell a database since the start, for `/metrics`.
#[derive(Clone, Debug)]
pub struct Befallen {
    /// Its path in the data folder.
    pub database: String,
    /// Whether it is in trouble.
    pub is_ailing: bool,
    /// How often each kind of trouble refused something.
    pub counts: Vec<(Trouble, u64)>,
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
        // What can be seen without the database is looked at now.
        let _ = condition.check();
        Some(Ailing {
            title: condition.title.clone(),
            trouble: condition.trouble()?,
            is_down: condition.is_down.load(Ordering::Relaxed),
        })
    };
    all().into_iter().filter_map(is_ailing).collect()
}

/// What befell the databases that are served.
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
    /// Of a database that nobody watches.
    pub(super) fn new(file: &Path, bytes_max: u64, leaves_reserve: bool) -> Arc<Self> {
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let (own, folder) = (name(file), file.parent().map(name).unwrap_or_default());
        let is_module = folder == "modules";
        Arc::new(Self {
            title: match own.strip_suffix(".db") {
                Some(module) if is_module => format!("the database of the module {module}"),
                Some("host") => "the host's own database".to_owned(),
                _ => format!("the database {own}"),
            },
            label: if is_module {
                format!("{folder}/{own}")
            } else {
                own
            },
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
    pub(super) fn of_host(file: &Path) -> Arc<Self> {
        let known = all().into_iter().find(|condition| condition.file == file);
        known.unwrap_or_else(|| Self::new(file, 0, false))
    }

    /// Remembers which files these are. They are open from here on.
    pub(super) fn remember(&self) {
        let identities = || std::array::from_fn(|place| self.identity(place));
        self.identities.get_or_init(identities);
    }

    /// From here on it is looked at now and then, counted, and shown.
    pub(super) fn watch(self: &Arc<Self>) {
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
                tracing::error!(%error, "nobody watches over the files of the databases");
            }
        });
    }

    /// Which it is, for people.
    #[cfg(test)]
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// The trouble that it is in.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        Trouble::from_number(self.present.load(Ordering::Relaxed))
    }

    /// Whether its file is known not to be in its place.
    pub(super) fn is_moved(&self) -> bool {
        self.present.load(Ordering::Relaxed) == Trouble::Moved as u8
    }

    /// Fails where its files are known not to be in their place.
    pub(super) fn require_place(&self) -> Result<(), Trouble> {
        if self.is_moved() {
            // It may be back.
            self.check()
        } else {
            Ok(())
        }
    }

    /// Looks whether the files are in their place: those that were opened, and no others.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        self.check_first(FILES.len())?;
        if self.is_moved() {
            self.ends();
        }
        Ok(())
    }

    /// Looks whether those are that hold what is committed: it is asked before and after
    /// each commit, and each file costs a microsecond.
    pub(super) fn check_content(&self) -> Result<(), Trouble> {
        self.check_first(CONTENT_FILES)
    }

    fn check_first(&self, files: usize) -> Result<(), Trouble> {
        let Some(known) = self.identities.get() else {
            return Ok(());
        };
        let is_missing =
            |place: &usize| known[*place].is_some() && self.identity(*place) != known[*place];
        match (0..files).find(is_missing) {
            Some(place) => {
                self.note_moved(place);
                Err(Trouble::Moved)
            }
            None => Ok(()),
        }
    }

    /// Whether the log beside it is another one than that which was opened.
    pub(super) fn has_foreign_log(&self) -> bool {
        let known = self.identities.get().and_then(|known| known[1]);
        let present = self.identity(1);
        known.is_some() && present.is_some() && present != known
    }

    fn identity(&self, place: usize) -> Option<Identity> {
        let stat = rustix::fs::stat(self.paths[place].as_deref()?).ok()?;
        // Their types differ between systems.
        Some((stat.st_dev as u64, stat.st_ino as u64))
    }

    /// This trouble, for whoever asked the host's own database.
    pub(super) fn error(&self, trouble: Trouble) -> StorageError {
        StorageError::Trouble {
            path: self.file.clone(),
            trouble,
        }
    }

    /// Something was written.
    pub(super) fn has_written(&self) {
        if self.present.load(Ordering::Relaxed) != 0 {
            self.works.store(true, Ordering::Relaxed);
        }
    }

    /// Counts an error of SQLite's, where it speaks of the database.
    pub(super) fn noted(&self, error: rusqlite::Error) -> rusqlite::Error {
        if let Some(trouble) = Trouble::of(&error) {
            self.note(trouble, &words(&error));
        }
        error
    }

    /// Counts an error that a statement ended with.
    pub(super) fn note_error(&self, error: &SqlError) {
        if let SqlError::Trouble(trouble) = error {
            self.note(*trouble, trouble.for_operators());
        }
    }

    /// Counts an error that work of the host's own ended with, which waited for no writer
    /// of this process.
    pub(super) fn note_host_error(&self, error: &SqlError) {
        match error {
            SqlError::Busy => self.note_error(&Trouble::Locked.into()),
            other => self.note_error(other),
        }
    }

    /// Something was refused for this reason.
    pub(super) fn note(&self, trouble: Trouble, why: &str) {
        if let Some(place) = Trouble::ALL.iter().position(|one| *one == trouble) {
            self.counts[place].fetch_add(1, Ordering::Relaxed);
        }
        let is_new = self
            .present
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |present| {
                // Whatever else goes wrong comes of that, or is less than that.
                let lasting = [trouble, Trouble::Moved, Trouble::Damaged];
                let goes_on = lasting.iter().any(|one| present == *one as u8);
                (!goes_on).then_some(trouble as u8)
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

    fn note_moved(&self, place: usize) {
        if place == 0 {
            return self.note(Trouble::Moved, Trouble::Moved.for_operators());
        }
        let file = beside(&self.file, FILES[place]);
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

    /// Looks whether trouble has begun, or is over.
    pub(super) fn look(&self) {
        if self.check().is_err() {
            return;
        }
        // What is damaged is not whole again because a page of it can be read.
        let Some(trouble) = self.trouble().filter(|one| *one != Trouble::Damaged) else {
            return;
        };
        // A small write says nothing of the room for large ones.
        if self.works.swap(false, Ordering::Relaxed) && trouble != Trouble::Full {
            return self.ends();
        }
        let tried = self.try_out();
        // What was tried may have been another file.
        if self.check().is_err() {
            return;
        }
        match tried {
            Tried::Works => self.ends(),
            Tried::ReadsOnly => self.is_down.store(false, Ordering::Relaxed),
            Tried::Down => self.is_down.store(true, Ordering::Relaxed),
        }
    }

    /// Reads and writes, on a connection of its own and without waiting.
    fn try_out(&self) -> Tried {
        let Ok(connection) = self.connect() else {
            return Tried::Down;
        };
        match (self.has_room(&connection), write_nothing(&connection)) {
            (true, Ok(())) => Tried::Works,
            _ => Tried::ReadsOnly,
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    }

    /// Whether neither the disk nor the size that it may have is used up.
    fn has_room(&self, connection: &Connection) -> bool {
        if self.leaves_reserve && Disk::of(&self.file).is_full() {
            return false;
        }
        let number = |pragma| {
            let number = connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
            number.ok().and_then(|number| u64::try_from(number).ok())
        };
        let sizes = (
            number("page_count"),
            number("freelist_count"),
            number("page_size"),
        );
        let (Some(pages), Some(free), Some(page_bytes)) = sizes else {
            return false;
        };
        let used = pages.saturating_sub(free).saturating_add(PAGES_FREE_MIN);
        self.bytes_max == 0 || used.saturating_mul(page_bytes) <= self.bytes_max
    }
}

/// What came of trying out a database.
enum Tried {
    Works,
    ReadsOnly,
    Down,
}

/// Writes what is there already.
fn write_nothing(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("begin immediate")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)?;
    connection.execute_batch("commit")
}

/// A file beside another one, whose name goes on like this.
pub(super) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(OsStr::new(end));
    path.into()
}

impl From<Trouble> for SqlError {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}
