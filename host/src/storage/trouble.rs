//! Trouble with a database, which a statement is not the cause of.

/// Trouble of a database that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trouble {
    /// Another process holds it for writing.
    Locked = 1,
    /// The disk or the database is full.
    Full,
    /// Its file was removed, renamed or replaced.
    Moved,
    /// This process may only read it.
    ReadOnly,
    /// It cannot be read or written.
    Unreadable,
    /// Its content is damaged.
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

    /// The text for callers, without a path of the host.
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

    /// The text about a file for operators, with the remedy.
    pub(super) fn for_operators(self) -> &'static str {
        match self {
            Self::Locked => {
                "another process holds it for writing: end that process or its transaction"
            }
            Self::Full => "the disk is full: free space on its disk",
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
            Self::Damaged => "it is damaged: stop the host, and replace it by a backup",
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|trouble| *trouble as u8 == number)
    }
}

/// A database that is in trouble, for `/health`.
#[derive(Clone, Debug)]
pub struct Ailing {
    /// Which: the database of the module notes.
    pub title: String,
    /// The trouble.
    pub trouble: Trouble,
    /// Whether it cannot even be read.
    pub is_down: bool,
}

/// The troubles of a database since the start, for `/metrics`.
#[derive(Clone, Debug)]
pub struct Befallen {
    /// Its path in the data folder.
    pub database: String,
    /// Whether it is in trouble.
    pub is_ailing: bool,
    /// How often each kind of trouble refused a read or write.
    pub counts: Vec<(Trouble, u64)>,
}
