//! Changes of a module that are under way. Verification and activation do not wait for each
//! other: a version whose verification is stuck does not block a rollback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;

use super::lock;
use crate::components::audit::Action;
use crate::storage::now;

/// A change that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnderWay {
    /// The action.
    pub action: Action,
    /// The version's digest, or the text that was sent as one; `None` if none was.
    pub digest: Option<String>,
    /// The actor.
    pub actor: String,
    /// RFC 3339 in UTC.
    pub since: String,
}

/// The changes of one module that are under way.
#[derive(Default)]
pub(super) struct Changes {
    /// A version is verified. Nothing that is served changes by it.
    verifying: Mutex<Option<UnderWay>>,
    /// The served version changes.
    switching: Mutex<Option<UnderWay>>,
}

/// The changes of all modules, by name. A module of which no change is under way has none.
#[derive(Default)]
pub(super) struct AllChanges(Mutex<BTreeMap<String, Arc<Changes>>>);

/// A change is under way as long as this lives.
pub(super) struct Held {
    changes: Arc<Changes>,
    kind: fn(&Changes) -> &Mutex<Option<UnderWay>>,
}

impl UnderWay {
    /// A change that begins now.
    pub fn new(action: Action, digest: Option<String>, actor: &str) -> Self {
        Self {
            action,
            digest: digest.filter(|digest| !digest.is_empty()),
            actor: actor.to_owned(),
            since: now(),
        }
    }
}

impl AllChanges {
    /// Those of one module, whether or not it is served.
    pub(super) fn of(&self, module: &str) -> Arc<Changes> {
        let mut all = lock(&self.0);
        // Nothing is under way where no other call has them.
        all.retain(|_, changes| Arc::strong_count(changes) > 1);
        all.entry(module.to_owned()).or_default().clone()
    }

    /// All that is under way, by module.
    pub(super) fn under_way(&self) -> Vec<(String, Vec<UnderWay>)> {
        let all = lock(&self.0);
        all.iter()
            .map(|(module, changes)| (module.clone(), changes.under_way()))
            .collect()
    }
}

impl Changes {
    /// Begins to verify a version; `None` while another one is verified.
    pub(super) fn verify(self: &Arc<Self>, change: UnderWay) -> Option<Held> {
        Held::begin(self, |changes| &changes.verifying, change)
    }

    /// Begins to change what is served; `None` while that changes.
    pub(super) fn switch(self: &Arc<Self>, change: UnderWay) -> Option<Held> {
        Held::begin(self, |changes| &changes.switching, change)
    }

    /// All that is under way.
    pub(super) fn under_way(&self) -> Vec<UnderWay> {
        [&self.verifying, &self.switching]
            .into_iter()
            .filter_map(|change| lock(change).clone())
            .collect()
    }
}

impl Held {
    fn begin(
        changes: &Arc<Changes>,
        kind: fn(&Changes) -> &Mutex<Option<UnderWay>>,
        change: UnderWay,
    ) -> Option<Self> {
        let mut present = lock(kind(changes));
        if present.is_some() {
            return None;
        }
        *present = Some(change);
        Some(Self {
            changes: changes.clone(),
            kind,
        })
    }
}

impl Drop for Held {
    /// Also where a change panics.
    fn drop(&mut self) {
        *lock((self.kind)(&self.changes)) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_of_a_kind_at_a_time_and_none_after_a_panic() {
        let all = AllChanges::default();
        let changes = all.of("notes");
        let change = |action| UnderWay::new(action, Some("abc".to_owned()), "user_1");
        let actions = || -> Vec<Action> {
            let under_way = changes.under_way();
            under_way.into_iter().map(|change| change.action).collect()
        };
        let installs = changes.verify(change(Action::Install)).unwrap();
        assert!(changes.verify(change(Action::Reload)).is_none());
        let activates = changes.switch(change(Action::Activate)).unwrap();
        assert!(changes.switch(change(Action::Rollback)).is_none());
        assert_eq!(actions(), [Action::Install, Action::Activate]);
        assert_eq!(all.of("notes").under_way(), changes.under_way());
        assert_eq!(all.of("other").under_way(), []);
        drop(installs);
        assert_eq!(actions(), [Action::Activate]);
        drop(activates);
        std::thread::scope(|scope| {
            let panicked = scope.spawn(|| {
                let _under_way = changes.switch(change(Action::Activate));
                panic!("as a test does");
            });
            assert!(panicked.join().is_err());
        });
        assert_eq!(actions(), []);
        assert!(changes.switch(change(Action::Rollback)).is_some());
    }
}
