//! The caller of a request, and the credential that proves it.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person who signed in.
    User,
    ApiKey,
    /// A command of `wares`, run by a user of the system who can write the data folder.
    Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub kind: ActorKind,
    /// Of the user or of the key.
    pub id: String,
    /// Of the user, when what proves it was issued; 0 for all others.
    pub generation: i64,
}

/// The credential of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Header,
    /// The session cookie, which a browser sends for every page.
    Cookie,
}
