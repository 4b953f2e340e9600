//! The audit: each change of a module that was made or refused is one line of the log
//! and one row of the host's own database. So is what extensions begin to reject.

use std::fmt;

use serde::Serialize;

use super::candidates::REASON_BYTES_MAX;
use super::changes::UnderWay;
use crate::printable::cut;
use crate::storage::{AuditEntry, HostDatabase, Outcome};

/// An action on a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A version is verified and kept.
    Install,
    /// A version is put in service.
    Activate,
    /// The version that was active before is put in service.
    Rollback,
    /// The activation of a version is ended.
    Deactivate,
    /// A version answers a share of the requests.
    Canary,
    /// The canary is put in service.
    Promote,
    /// The canary is ended.
    Withdraw,
    /// A version is deleted.
    Remove,
    /// A module gets no requests.
    Disable,
    /// A disabled module gets requests again.
    Enable,
    /// The order of extensions at a point is set.
    Order,
    /// A file that was changed is served.
    Reload,
    /// Another component serves than the one that failed at the start.
    Fallback,
    /// An extension rejects what a request is about to write.
    Reject,
    /// Events that were not handled are handled again.
    Retry,
    /// Events that were not handled are given up.
    Discard,
    /// Events are handled once more.
    Replay,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Activate => "activate",
            Self::Rollback => "rollback",
            Self::Deactivate => "deactivate",
            Self::Canary => "canary",
            Self::Promote => "promote",
            Self::Withdraw => "withdraw",
            Self::Remove => "remove",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Order => "order",
            Self::Reload => "reload",
            Self::Fallback => "fallback",
            Self::Reject => "reject",
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Replay => "replay",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Writes the entry of a change. `module` is empty if it is not known. The detail is cut: a
/// component chooses the length of what it says in it.
pub fn write(
    host_database: &HostDatabase,
    change: &UnderWay,
    module: &str,
    outcome: Outcome,
    detail: &str,
) {
    let (action, actor) = (change.action.name(), &*change.actor);
    let digest = change.digest.as_deref().unwrap_or_default();
    let shown = &*cut(detail, REASON_BYTES_MAX);
    let said = outcome.name();
    tracing::info!(target: "audit", action, module, digest, actor, outcome = said, detail = shown);
    keep(host_database, change, module, outcome, detail);
}

/// Writes the entry alone, of what the log has in a line of its own.
pub(super) fn keep(
    host_database: &HostDatabase,
    change: &UnderWay,
    module: &str,
    outcome: Outcome,
    detail: &str,
) {
    let (action, actor) = (change.action.name(), &*change.actor);
    let detail = &*cut(detail, REASON_BYTES_MAX);
    let module = (!module.is_empty()).then(|| module.to_owned());
    let entry = AuditEntry {
        digest: change.digest.clone(),
        detail: detail.to_owned(),
        ..AuditEntry::new(action, actor, module, outcome)
    };
    if let Err(error) = host_database.record(&entry) {
        tracing::error!(%error, "the audit entry cannot be written");
    }
}
