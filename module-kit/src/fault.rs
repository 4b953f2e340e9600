//! Why an operation of a module was not carried out.

/// Why an operation was not carried out. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No such thing, or it is deleted.
    #[error("{0}")]
    NotFound(String),
    /// The input breaks a rule; the text names the field.
    #[error("{0}")]
    Invalid(String),
    /// It asks for more than one call may read or answer; the text says which bound
    /// it meets.
    #[error("That asks for too much at once: {0}")]
    TooMuch(String),
    /// It would be a second one where there may be one.
    #[error("{0}")]
    Duplicate(String),
    /// An extension refused it.
    #[error("{}", .0.message)]
    Rejected(Rejection),
    /// The storage cannot serve now. Worth trying again.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the module's own; the text is for the log.
    #[error("{0}")]
    Internal(String),
}

/// Why an extension refuses what was about to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// One sentence for the person who asked for it.
    pub message: String,
    /// The field of the request's body that it is about.
    pub field: Option<String>,
    /// A name of the reason for programs.
    pub code: Option<String>,
}
