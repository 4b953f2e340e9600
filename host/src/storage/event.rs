//! Events of components.

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Ascending in the order of the commits.
    pub id: i64,
    /// Dotted and lower-case.
    pub name: String,
    /// One JSON value.
    pub data: String,
    /// RFC 3339 in UTC.
    pub created_at: String,
    /// Who made it, as JSON: the actor, and the components that made it on the actor's behalf.
    /// `None` where no request did.
    pub cause: Option<String>,
}
