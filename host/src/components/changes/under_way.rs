//! Changes of a module that are under way. Verification and activation do not wait for each
//! other: a version whose verification is stuck does not block a rollback.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::storage::now;

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The action: `install`, `activate` and so on, as in the audit.
    pub act: String,
    /// The version's digest, or the text given as one; `None` without one.
    pub digest: Option<String>,
    /// The actor.
    pub actor: String,
    /// RFC 3339 in UTC.
    pub since: String,
}

/// The changes under way of one module.
#[derive(Default)]
pub(super) struct Changes {
    /// A version is verified, which changes nothing that is served.
    verifying: Mutex<Option<Change>>,
    /// The served version changes.
    switching: Mutex<Option<Change>>,
}

/// Marks a change as under way, until dropped.
pub(super) struct UnderWay<'a>(&'a Mutex<Option<Change>>);

impl Change {
    pub(super) fn new(act: &str, digest: Option<&str>, actor: &str) -> Self {
        Self {
            act: act.to_owned(),
            digest: digest.map(str::to_owned),
            actor: actor.to_owned(),
            since: now(),
        }
    }
}

impl Changes {
    /// Begins to verify a version; `None` while another one is verified.
    pub(super) fn verify(&self, change: Change) -> Option<UnderWay<'_>> {
        UnderWay::begin(&self.verifying, change)
    }

    /// Begins to change the served version; `None` while another change does.
    pub(super) fn switch(&self, change: Change) -> Option<UnderWay<'_>> {
        UnderWay::begin(&self.switching, change)
    }

    /// Whether the served version is being changed.
    pub(super) fn are_switching(&self) -> bool {
        lock(&self.switching).is_some()
    }

    /// All changes under way.
    pub(super) fn under_way(&self) -> Vec<Change> {
        [&self.verifying, &self.switching]
            .into_iter()
            .filter_map(|change| lock(change).clone())
            .collect()
    }
}

impl<'a> UnderWay<'a> {
    fn begin(slot: &'a Mutex<Option<Change>>, change: Change) -> Option<Self> {
        let mut present = lock(slot);
        if present.is_some() {
            return None;
        }
        *present = Some(change);
        Some(Self(slot))
    }
}

impl Drop for UnderWay<'_> {
    /// Also if a change panics.
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}

fn lock(change: &Mutex<Option<Change>>) -> MutexGuard<'_, Option<Change>> {
    change.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_of_a_kind_at_a_time_and_none_after_a_panic() {
        let changes = Changes::default();
        let change = |act: &str| Change::new(act, Some("abc"), "user_1");
        let acts = || {
            let under_way = changes.under_way();
            under_way.into_iter().map(|change| change.act).collect()
        };
        let installs = changes.verify(change("install")).unwrap();
        assert!(changes.verify(change("reload")).is_none());
        let activates = changes.switch(change("activate")).unwrap();
        assert!(changes.switch(change("rollback")).is_none());
        let both: Vec<String> = acts();
        assert_eq!(both, ["install", "activate"]);
        drop(installs);
        assert!(changes.are_switching());
        drop(activates);
        std::thread::scope(|scope| {
            let panicked = scope.spawn(|| {
                let _under_way = changes.switch(change("activate"));
                panic!("as a test does");
            });
            assert!(panicked.join().is_err());
        });
        let none: Vec<String> = acts();
        assert_eq!(none, [""; 0]);
        assert!(changes.switch(change("rollback")).is_some());
    }
}
