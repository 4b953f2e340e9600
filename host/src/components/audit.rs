//! The audit: each change of a module that was made or refused is one line of the log
//! and one row of the host's own database, whoever found it out.

use super::candidates::REASON_BYTES_MAX;
use crate::printable::cut;
use crate::storage::{Act, Registry};

/// A change of a module, made or refused.
pub struct AuditEntry<'a> {
    /// `install`, `activate` and so on.
    pub act: &'a str,
    /// Who.
    pub actor: &'a str,
    /// The module; empty where it is not known which.
    pub module: &'a str,
    /// The version's digest, or what was said to be one.
    pub digest: Option<&'a str>,
    /// `done`, `refused`, or `failed` for a fault of the host.
    pub outcome: &'static str,
    /// Why it was refused, or what else there is to say.
    pub detail: &'a str,
}

impl AuditEntry<'_> {
    /// Keeps it. The detail is cut: what a component says in it is as long as it likes.
    pub fn keep(&self, registry: &Registry) {
        let Self {
            act,
            actor,
            module,
            outcome,
            ..
        } = *self;
        let digest = self.digest.unwrap_or_default();
        let detail = &*cut(self.detail, REASON_BYTES_MAX);
        tracing::info!(target: "audit", act, module, digest, actor, outcome, detail);
        let recorded = registry.record(&Act {
            number: 0,
            at: String::new(),
            actor: actor.to_owned(),
            act: act.to_owned(),
            module: module.to_owned(),
            digest: self.digest.map(str::to_owned),
            outcome: outcome.to_owned(),
            detail: detail.to_owned(),
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "what was done with a module cannot be kept");
        }
    }
}
