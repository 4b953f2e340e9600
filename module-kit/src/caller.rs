//! Who calls a module, and how: what its hooks are told of a request.

/// The caller of one call. That of a call that is no request is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who makes the request.
    pub actor: Option<Actor>,
    /// As it stands in the log.
    pub request_id: String,
    /// The request's `accept-language`.
    pub locale: Option<String>,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user` or `api-key`.
    pub kind: String,
    /// The id of the user, or of the key.
    pub id: String,
}
